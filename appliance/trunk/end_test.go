package trunk_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
)

// This file tests how all calls end when the hotline does: at once, in order, and
// when its socket fails.

func TestStopHangsUpOnAll(t *testing.T) {
	ctx := limit(t)
	h := serve(t, "127.0.0.1", answering)
	var phones []*phone.Call
	for range 5 {
		phones = append(phones, h.dial(ctx))
	}
	_ = h.stop()
	for _, p := range phones {
		receive(t, "the BYE", p.Done())
		if !p.FarHungUp() {
			t.Error("a caller was left hanging")
		}
	}
}

func TestDrain(t *testing.T) {
	ctx := limit(t)
	handle, calls := handing()
	h := serve(t, "127.0.0.1", handle, func(cfg *trunk.Config) { cfg.Drain = patience })
	running := h.dial(ctx)
	receive(t, "the call", calls)
	stopped := make(chan error, 1)
	go func() { stopped <- h.stop() }()
	for { // until the stop has begun
		_, err := phone.Dial(ctx, h.phone())
		var refused *phone.RefusedError
		if errors.As(err, &refused) && refused.Status == 503 {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-running.Done():
		t.Error("a running call was cut")
	default:
	}
	running.Hangup()
	receive(t, "the end of Run", stopped)
}

// Who is still there when the time is over hears the last words, and the music
// that plays meanwhile does not drown them.
func TestTheLastWordsAreHeard(t *testing.T) {
	ctx := limit(t)
	handle, calls := handing()
	h := serve(t, "127.0.0.1", handle, func(cfg *trunk.Config) { cfg.Drain = time.Millisecond })
	told, untold := h.dial(ctx), h.dial(ctx, func(cfg *phone.Config) { cfg.Display = "untold" })
	for range 2 {
		c := receive(t, "the call", calls)
		c.Audio().Music(audio.Tone(440, time.Second, -12))
		if c.FromDisplay() != "untold" {
			c.SetFarewell(audio.Tone(1500, time.Second, -12))
		}
	}
	heard := make(chan error, 1)
	go func() { heard <- told.WaitTone(ctx, 1500) }()
	if err := h.stop(); err != nil {
		t.Error(err)
	}
	if err := receive(t, "the last words", heard); err != nil {
		t.Errorf("the caller does not hear the last words: %v", err)
	}
	for _, p := range []*phone.Call{told, untold} {
		receive(t, "the BYE", p.Done())
	}
}

func TestFailingSocketIsReported(t *testing.T) {
	ctx := limit(t)
	var cfg *trunk.Config
	h := serve(t, "127.0.0.1", answering, func(c *trunk.Config) { cfg = c })
	h.dial(ctx)
	cfg.Conn.Close()
	if err := h.stop(); err == nil || !strings.Contains(err.Error(), "SIP socket failed") {
		t.Errorf("Run: %v", err)
	}
}
