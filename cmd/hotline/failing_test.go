package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"hotline/appliance/config"
	"hotline/appliance/trunk/phone"
	"hotline/triage"
)

// The pages fail while a caller waits: the caller hears music until the calls
// are ended in order, and is an open item.
func TestAPartThatFailsLeavesNobodyInSilence(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Data, cfg.Operation = t.TempDir(), "Flood"
	cfg.SIP.Listen, cfg.Web.Listen, cfg.Web.Sound = "127.0.0.1:0", "127.0.0.1:0", "0"
	h, err := assemble(cfg, manner{drain: 20 * time.Second}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- h.Run(context.WithoutCancel(t.Context())) }()
	caller, err := phone.Dial(t.Context(), phone.Config{From: "+12024561117", To: "100", Server: h.trunk.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Hangup()
	b := &box{t: t, h: h}
	b.toHelp(caller)
	b.untilWaiting(1)
	waiting, err := h.desk.FloorView(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pause(t.Context(), caller, 500*time.Millisecond)
	if err := h.web.Close(); err != nil {
		t.Fatal(err)
	}
	packets := len(caller.HeardPackets())
	for len(caller.HeardPackets())-packets < 100 {
		if !pause(t.Context(), caller, 20*time.Millisecond) {
			t.Errorf("the caller got %d packets of sound after the pages failed", len(caller.HeardPackets())-packets)
			break
		}
	}
	k, err := h.contacts.Get(waiting.Waiting[0].Contact)
	if err != nil {
		t.Fatal(err)
	}
	b.ended(caller)
	select {
	case err := <-done:
		if err == nil {
			t.Error("the hotline ends without saying why")
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the hotline does not end")
	}
	if !k.EndedAt.IsZero() {
		t.Errorf("the call ended at once: %s, %s", k.Outcome, k.EndReason)
	}
	reopened, err := assemble(cfg, manner{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer reopened.Close()
	if k, err = reopened.contacts.Get(k.ID); err != nil || k.Open != triage.OpenInterrupted {
		t.Errorf("the caller is recorded as %s, open %q (%v)", k.Outcome, k.Open, err)
	}
}
