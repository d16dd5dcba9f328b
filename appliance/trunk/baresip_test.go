package trunk_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/trunk"
)

// baresip is the SIP phone of that name (Debian package baresip), steered over
// its control socket.
type baresip struct {
	t       *testing.T
	control net.Conn
	out     *journal
}

func startBaresip(t *testing.T, transport string, server *tls.Config, account string) *baresip {
	t.Helper()
	dir := t.TempDir()
	control := freeStreamPort(t)
	tone, err := os.Create(filepath.Join(dir, "tone.wav"))
	if err != nil {
		t.Fatal(err)
	}
	writePCM(t, tone, audio.Tone(1000, 30*time.Second, -10).PCM())
	config := map[string]string{
		"config": fmt.Sprintf(`sip_listen 127.0.0.1:%d
sip_cafile %s
audio_player aufile,%s
audio_source aufile,%s
audio_alert aufile,%s
module_path %s
module g711.so
module aufile.so
module srtp.so
module_tmp account.so
module_app menu.so
module ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:%d
net_interface 127.0.0.1
rtp_ports 10000-10900
`, freePort(t), filepath.Join(dir, "ca.pem"), filepath.Join(dir, "heard.wav"), tone.Name(), filepath.Join(dir, "alert.wav"), baresipModules(t), control),
		"accounts": fmt.Sprintf("<sip:2024561111@127.0.0.1;transport=%s>;regint=0;audio_codecs=PCMU/8000/1,PCMA/8000/1%s\n", transport, account),
		"contacts": "",
		"ca.pem":   caOf(t, server),
	}
	for name, text := range config {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := &baresip{t: t, out: new(journal)}
	ctx, stop := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, "baresip", "-4", "-f", dir)
	command.Stdout, command.Stderr = b.out, b.out
	command.Dir = dir
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if b.control != nil {
			b.control.Close()
		}
		stop()
		_ = command.Wait()
	})
	for until := time.Now().Add(patience); ; {
		if b.control, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", control)); err == nil {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("baresip does not start: %v\n%s", err, b.out)
		}
		<-time.After(50 * time.Millisecond)
	}
	go func() { _, _ = io.Copy(io.Discard, b.control) }() // what it reports
	return b
}

// do gives a command, as netstring and JSON.
func (b *baresip) do(command, params string) {
	b.t.Helper()
	text, err := json.Marshal(map[string]string{"command": command, "params": params})
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(b.control, "%d:%s,", len(text), text); err != nil {
		b.t.Fatalf("%s: %v\n%s", command, err, b.out)
	}
}

func baresipModules(t *testing.T) string {
	found, _ := filepath.Glob("/usr/lib*/baresip/modules")
	more, _ := filepath.Glob("/usr/lib/*/baresip/modules")
	if found = append(found, more...); len(found) == 0 {
		t.Fatal("the modules of baresip are not where Debian puts them")
	}
	return found[0]
}

func freeStreamPort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// writePCM writes a 16-bit WAV, the one format that baresip plays at 8 kHz.
func writePCM(t *testing.T, file *os.File, pcm []int16) {
	t.Helper()
	size := 2 * len(pcm)
	w := bufio.NewWriter(file)
	u32 := func(n int) string { return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}) }
	_, _ = io.WriteString(w, "RIFF"+u32(36+size)+"WAVEfmt "+u32(16)+"\x01\x00\x01\x00"+u32(8000)+u32(16000)+"\x02\x00\x10\x00data"+u32(size))
	for _, sample := range pcm {
		_, _ = w.Write([]byte{byte(sample), byte(uint16(sample) >> 8)})
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

func caOf(t *testing.T, server *tls.Config) string {
	t.Helper()
	var out bytes.Buffer
	if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificates[0].Certificate[0]}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A phone that is not ours calls, is heard, presses keys, holds, resumes and
// hangs up: over UDP and TCP in the clear, and over TLS with SRTP.
func TestBaresip(t *testing.T) {
	server, _ := certificate(t)
	for _, tc := range []struct {
		name, transport, account string
		secure                   bool
	}{
		{"UDP", "udp", "", false},
		{"TCP", "tcp", "", false},
		{"TLS and SRTP", "tls", ";mediaenc=srtp-mand", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx := limit(t)
			handle, calls := handing()
			change, addrs := streaming(t, server)
			h := serve(t, "127.0.0.1", handle, change)
			addrs["udp"] = h.addr
			b := startBaresip(t, tc.transport, server, tc.account)
			fail := func(what string, err any) {
				t.Helper()
				t.Fatalf("%s: %v\n%s\n%s", what, err, b.out, h.log)
			}
			b.do("dial", fmt.Sprintf("sip:100@%s;transport=%s", addrs[tc.transport], tc.transport))
			var c *trunk.Call
			select {
			case c = <-calls:
			case <-ctx.Done():
				fail("the call", "does not come")
			}
			if c.Secure() != tc.secure {
				fail("encryption", c.Secure())
			}
			hears := func(when string) {
				t.Helper()
				heard, _, err := c.Audio().Record(ctx, time.Second, "")
				if err != nil || audio.ToneLevel(heard.PCM(), 1000) < 0.5 {
					fail(when+" the caller is not heard", err)
				}
			}
			hears("at first")
			for _, key := range "1*9#" {
				b.do("sndcode", string(key))
				if got, err := c.Audio().Key(ctx); err != nil || got != byte(key) {
					fail("key "+string(key), fmt.Sprintf("%q %v", got, err))
				}
				b.do("sndcode", "")
			}
			b.do("hold", "")
			if held := receive(t, "the hold", c.Holds()); !held {
				fail("hold", "not held")
			}
			b.do("resume", "")
			if held := receive(t, "the resume", c.Holds()); held {
				fail("resume", "still held")
			}
			hears("after the hold")
			b.do("hangup", "")
			select {
			case <-c.Context().Done():
			case <-ctx.Done():
				fail("the end", "does not come")
			}
			if cause := call.CauseOf(c.Context()); cause.By != call.ByCaller {
				fail("ended", cause)
			}
			// Packets may overtake the re-INVITE that changes their key.
			if s := c.Summary().Sound; s.SRTPErrors > 10 {
				t.Errorf("%d packets could not be decrypted", s.SRTPErrors)
			}
			if strings.Contains(h.log.String(), "inline:") {
				t.Error("a key is in the log")
			}
		})
	}
}
