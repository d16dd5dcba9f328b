package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotline/appliance/config"
	"hotline/appliance/proof"
	"hotline/appliance/trunk/phone"
)

// The hotline is asked to end while somebody waits: that caller goes on hearing
// music until they hang up themselves, the next one is asked to ring elsewhere
// or again, and then the hotline ends.
func TestAPlannedEndCutsNobodyOff(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Data, cfg.Operation = t.TempDir(), "Flood"
	cfg.SIP.Listen, cfg.Web.Listen, cfg.Web.Sound = "127.0.0.1:0", "127.0.0.1:0", "0"
	h, err := assemble(cfg, manner{drain: drainFor}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	defer stop()
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	caller, err := phone.Dial(t.Context(), phone.Config{From: "+12024561117", To: "100", Server: h.trunk.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Hangup()
	b := &box{t: t, h: h}
	b.toHelp(caller)
	b.untilWaiting(1)
	stop()
	var refused *phone.RefusedError
	for limit := time.Now().Add(20 * time.Second); ; pause(t.Context(), caller, 100*time.Millisecond) {
		next, err := phone.Dial(t.Context(), phone.Config{From: "+12024561118", To: "100", Server: h.trunk.Addr()})
		if errors.As(err, &refused) {
			break
		}
		if err == nil {
			next.Hangup()
		}
		if time.Now().After(limit) {
			t.Fatalf("new calls are taken after the end was asked for (%v)", err)
		}
	}
	if refused.Status != 503 || refused.RetryAfter == 0 {
		t.Errorf("the next caller gets %d, and when to try again: %v", refused.Status, refused.RetryAfter)
	}
	heard := len(caller.HeardPackets())
	for limit := time.Now().Add(30 * time.Second); len(caller.HeardPackets())-heard < 100; pause(t.Context(), caller, 100*time.Millisecond) {
		if caller.FarHungUp() || time.Now().After(limit) {
			t.Fatalf("the caller who waits is cut off after %d packets", len(caller.HeardPackets())-heard)
		}
	}
	more := len(caller.HeardPackets()) - heard
	caller.Hangup()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(60 * time.Second):
		t.Fatal("the hotline does not end when the last caller has gone")
	}
	proof.Note(t, proof.Result{Promise: "restart", Figure: fmt.Sprintf("who waits when the end is asked for goes on hearing music (%d packets until they hung up), the next one gets %d, and the program ends when the last one has gone", more, refused.Status),
		Control: "a second signal cuts the same caller off, and that is seen (TestASecondSignalCuts)"})
}

// TestASecondSignalCuts asks the real command to end, twice: the first time it
// says what happens now and the caller stays, the second time it ends at once.
// The caller who was cut off is on record.
func TestASecondSignalCuts(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	file := filepath.Join(data, "hotline.yaml")
	if err := os.WriteFile(file, []byte("data: records\noperation: Flood\nsip: {listen: \"127.0.0.1:0\"}\nweb: {listen: \"127.0.0.1:0\", sound: \"0\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute) // ends it, and with it the wait for what it says
	defer stop()
	cmd := exec.CommandContext(ctx, os.Args[0], "serve", "--config", file)
	cmd.Env = append(os.Environ(), programCommand+"=1")
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	warned, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	server, err := netip.ParseAddrPort(strings.Fields(after(t, said, "sip at "))[0])
	if err != nil {
		t.Fatal(err)
	}
	caller, err := phone.Dial(t.Context(), phone.Config{From: "+12024561119", To: "100", Server: server})
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Hangup()
	after(t, warned, "call answered")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if rest := after(t, warned, "No new calls are taken. "); !strings.HasPrefix(rest, "1 are running") {
		t.Errorf("it says %q", rest)
	}
	if caller.FarHungUp() || cmd.ProcessState != nil {
		t.Error("the caller is cut off at once")
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || ctx.Err() != nil {
		t.Error("the hotline ended as if the caller had gone by themselves")
	}
	cfg := config.Default()
	cfg.Data, cfg.Operation = filepath.Join(data, "records"), "Flood"
	cfg.SIP.Listen, cfg.Web.Listen, cfg.Web.Sound = "127.0.0.1:0", "127.0.0.1:0", "0"
	h, err := assemble(cfg, manner{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	kept, _, err := h.contacts.After("", 10)
	if err != nil || len(kept) != 1 || kept[0].Caller != "+12024561119" {
		t.Errorf("the next start finds %v (%v), want the caller who was cut off", kept, err)
	}
}

// after is what follows a text on its line.
func after(t *testing.T, r io.Reader, text string) string {
	t.Helper()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if _, rest, found := strings.Cut(lines.Text(), text); found {
			return rest
		}
	}
	t.Fatalf("the program does not say %q (%v)", text, lines.Err())
	return ""
}
