package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/appliance/trunk/trunktest"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/volunteers/roster"
)

// baresip is the SIP phone of that name (Debian package baresip) at the desks'
// address, steered over its control socket.
type baresip struct {
	t       *testing.T
	control net.Conn
	log     string
}

func (b *box) baresip(extension, password string, hz float64) *baresip {
	b.t.Helper()
	dir := b.t.TempDir()
	modules, err := filepath.Glob("/usr/lib/*/baresip/modules")
	if more, _ := filepath.Glob("/usr/lib*/baresip/modules"); err == nil {
		modules = append(modules, more...)
	}
	if len(modules) == 0 {
		b.t.Fatal("the phone baresip is missing: run make test, which installs it")
	}
	control := trunktest.FourPorts(b.t)
	files := map[string]string{
		"config": fmt.Sprintf(`sip_listen %[1]s:0
audio_player aufile,%[2]s
audio_source aufile,%[3]s
audio_alert aufile,%[4]s
module_path %[5]s
module g711.so
module aufile.so
module_tmp account.so
module_app menu.so
module ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:%[6]d
net_interface %[1]s
rtp_ports 10000-10900
`, desksAt, filepath.Join(dir, "heard.wav"), filepath.Join(dir, "tone.wav"), filepath.Join(dir, "alert.wav"), modules[0], control),
		"accounts": fmt.Sprintf("<sip:%s@%s>;auth_pass=%s;regint=60;audio_codecs=PCMU/8000/1,PCMA/8000/1\n", extension, b.h.trunk.Addr(), password),
		"contacts": "",
		"tone.wav": string(sineWAV(hz, 8000, 60)),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	out, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	program := exec.CommandContext(ctx, "baresip", "-4", "-f", dir)
	program.Stdout, program.Stderr, program.Dir = out, out, dir
	if err := program.Start(); err != nil {
		b.t.Fatal(err)
	}
	p := &baresip{t: b.t, log: out.Name()}
	read := make(chan struct{})
	close(read)
	b.t.Cleanup(func() {
		if p.control != nil {
			p.control.Close()
		}
		stop()
		_ = program.Wait()
		<-read
		out.Close()
	})
	for limit := time.Now().Add(patience); p.control == nil; {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", control))
		if err == nil {
			p.control = conn
			break
		}
		if time.Now().After(limit) {
			b.t.Fatalf("baresip does not start: %v\n%s", err, p.said())
		}
		time.Sleep(50 * time.Millisecond)
	}
	done := make(chan struct{})
	read = done
	go func() { // what it reports
		defer close(done)
		buf := make([]byte, 4096)
		for {
			if _, err := p.control.Read(buf); err != nil {
				return
			}
		}
	}()
	return p
}

func (p *baresip) said() string {
	text, _ := os.ReadFile(p.log)
	return string(text)
}

// do gives a command, as netstring and JSON.
func (p *baresip) do(command, params string) {
	p.t.Helper()
	text, err := json.Marshal(map[string]string{"command": command, "params": params})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(p.control, "%d:%s,", len(text), text); err != nil {
		p.t.Fatalf("%s: %v\n%s", command, err, p.said())
	}
}

// rings waits until the telephone has rung n times.
func (p *baresip) rings(n int) {
	p.t.Helper()
	for limit := time.Now().Add(patience); strings.Count(p.said(), "ncoming call") < n; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(limit) {
			p.t.Fatalf("baresip does not ring\n%s", p.said())
		}
	}
}

// press presses keys of the telephone.
func (p *baresip) press(keys string) {
	for _, key := range keys {
		p.do("sndcode", string(key))
		time.Sleep(150 * time.Millisecond) // as long as a finger stays on it
		p.do("sndcode", "")
		time.Sleep(100 * time.Millisecond)
	}
}

// A desk phone that is not ours: it registers with the password of its account,
// rings the agents' number, gives the PIN, is rung for a caller, holds, is
// transferred from, and hangs up.
func TestBaresipIsAnAgentsPhone(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, withDesks)
	stand := b.telephone(bHz) // only to make the account
	amina := b.hired("amina", "Amina", roster.RoleAgent, stand)
	const pin = "482916"
	extension, password, err := b.h.accounts.NewDeskPhone(t.Context(), amina.id, "") // cuts the stand-in off
	if err != nil {
		t.Fatal(err)
	}
	if err := b.h.accounts.SetPIN(t.Context(), amina.id, pin, ""); err != nil {
		t.Fatal(err)
	}
	if b.h.trunk.Registered(extension) {
		t.Error("a phone with the old password can still be rung")
	}
	set := b.baresip(extension, password, aHz)
	for limit := time.Now().Add(patience); !b.h.trunk.Registered(extension); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("baresip does not register\n%s", set.said())
		}
	}
	set.do("uafind", fmt.Sprintf("sip:%s@%s", extension, b.h.trunk.Addr()))
	set.do("dial", fmt.Sprintf("sip:198@%s", b.h.trunk.Addr()))
	time.Sleep(1500 * time.Millisecond) // listens, as people do
	set.press(pin + "#")
	time.Sleep(4 * time.Second)
	set.press("2")
	b.agentState("Amina", triage.Ready)

	caller := b.helpCall("+12024561181", cHz)
	amina.is(triage.Offered)
	set.rings(1)
	set.do("accept", "")
	amina.is(triage.OnCall)
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	set.do("hold", "")
	b.hears("the caller, on hold,", callerEar{caller}, allHz)
	set.do("resume", "")
	b.hears("the caller, back,", callerEar{caller}, allHz, aHz)

	ben := b.seated("Ben", bHz, false)
	ben.do(desk.Command{Type: "ready"})
	amina.do(desk.Command{Type: "transfer", To: desk.Target{Kind: "agent", ID: ben.id}})
	ben.answer()
	b.hears("the caller, with Ben,", callerEar{caller}, allHz, bHz)
	amina.is(triage.WrapUp)

	// The next caller, whom the telephone refuses.
	contact := amina.seat.Snapshot().Call.Contact
	amina.do(desk.Command{Type: "wrap", Contact: contact, Disposition: "info_given"})
	second := b.helpCall("+12024561182", sHz)
	amina.is(triage.Offered)
	set.rings(2)
	set.do("hangup", "")
	amina.is(triage.OnBreak)
	second.Hangup()
	caller.Hangup()
	ben.is(triage.WrapUp)
	set.do("quit", "")
}
