package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"hotline/appliance/config"
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
	caller.Hangup()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(60 * time.Second):
		t.Fatal("the hotline does not end when the last caller has gone")
	}
}
