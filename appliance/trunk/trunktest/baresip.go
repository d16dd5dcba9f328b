// Package trunktest steers programs that are not ours against a trunk.
package trunktest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/appliance/audio"
)

const patience = 20 * time.Second

// Baresip is the SIP phone of that name (Debian package baresip), steered over
// its control socket.
type Baresip struct {
	t       testing.TB
	control net.Conn
	out     journal
}

// Config is what a Baresip begins with.
type Config struct {
	Transport string   // of its account: udp, tcp or tls
	CA        string   // certificates that it believes, as PEM
	Account   string   // parameters of its account, and lines with further ones
	Lines     []string // of its configuration, before ours: the first of a name counts
}

// StartBaresip starts one, which ends with the test.
func StartBaresip(t testing.TB, cfg Config) *Baresip {
	t.Helper()
	dir := t.TempDir()
	control := FourPorts(t)
	tone, err := os.Create(filepath.Join(dir, "tone.wav"))
	if err != nil {
		t.Fatal(err)
	}
	writePCM(t, tone, audio.Tone(1000, 30*time.Second, -10).PCM())
	config := map[string]string{
		"config": strings.Join(cfg.Lines, "\n") + "\n" + fmt.Sprintf(`sip_listen 127.0.0.1:%d
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
`, FourPorts(t), filepath.Join(dir, "ca.pem"), filepath.Join(dir, "heard.wav"), tone.Name(), filepath.Join(dir, "alert.wav"), baresipModules(t), control),
		"accounts": fmt.Sprintf("<sip:2024561111@127.0.0.1;transport=%s>;regint=0;audio_codecs=PCMU/8000/1,PCMA/8000/1%s\n", cfg.Transport, cfg.Account),
		"contacts": "",
		"ca.pem":   cfg.CA,
	}
	for name, text := range config {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := &Baresip{t: t}
	ctx, stop := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, "baresip", "-4", "-f", dir)
	command.Stdout, command.Stderr = &b.out, &b.out
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
			t.Fatalf("baresip does not start: %v\n%s", err, b.Log())
		}
		<-time.After(50 * time.Millisecond)
	}
	go func() { _, _ = io.Copy(io.Discard, b.control) }() // what it reports
	return b
}

// Do gives a command, as netstring and JSON.
func (b *Baresip) Do(command, params string) {
	b.t.Helper()
	text, err := json.Marshal(map[string]string{"command": command, "params": params})
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(b.control, "%d:%s,", len(text), text); err != nil {
		b.t.Fatalf("%s: %v\n%s", command, err, b.Log())
	}
}

func baresipModules(t testing.TB) string {
	found, _ := filepath.Glob("/usr/lib*/baresip/modules")
	more, _ := filepath.Glob("/usr/lib/*/baresip/modules")
	if found = append(found, more...); len(found) == 0 {
		t.Fatal("the modules of baresip are not where Debian puts them")
	}
	return found[0]
}

// writePCM writes a 16-bit WAV, the one format that baresip plays at 8 kHz.
func writePCM(t testing.TB, file *os.File, pcm []int16) {
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

// Log is what it said so far.
func (b *Baresip) Log() string { return b.out.String() }

// journal is a log that may be read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *journal) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *journal) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
