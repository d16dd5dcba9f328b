package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"testing"
	"time"

	"hotline/appliance/config"
	"hotline/appliance/proof"
	"hotline/appliance/trunk/phone"
	"hotline/triage"
)

// TestTheClockIsSetDuringCalls: somebody sets the clock of the machine forward and
// back while one caller waits and others ring. Nobody is cut off, each hears sound
// all the time, whoever rings is answered, and how long they waited and spoke is
// on record as it was.
func TestTheClockIsSetDuringCalls(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	var clock *wallClock
	var input io.Closer
	p := startProgramBy(t, func(cmd *exec.Cmd) (err error) {
		if input, err = cmd.StdinPipe(); err == nil {
			clock = startWithClock(t, cmd)
		}
		return err
	}, data, "HOTLINE_TEST_ENDS=yes")
	began := time.Now()
	ring := func(from string) *phone.Call {
		t.Helper()
		c, err := phone.Dial(t.Context(), phone.Config{From: from, To: "100", Server: p.addr})
		if err != nil {
			t.Fatalf("with the clock %v ahead nobody gets through: %v", time.Duration(clock.ahead.Load()), err)
		}
		t.Cleanup(c.Hangup)
		return c
	}
	waits := ring("+12024561141")
	(&box{t: t}).toHelp(waits)
	up := []*phone.Call{waits}
	steps := []time.Duration{time.Hour, -time.Hour, 26 * time.Hour, -9 * 24 * time.Hour, 0}
	moved := 1 // calls at whose end the clock stood otherwise than at their beginning or in between: the first one
	for n, ahead := range steps {
		if ahead != steps[len(steps)-1] {
			moved++
		}
		asked := clock.asked.Load()
		clock.set(ahead)
		up = append(up, ring(fmt.Sprintf("+1202456115%d", n)))
		before := make([]int, len(up))
		for i, c := range up {
			before[i] = len(c.HeardPackets())
		}
		for i, c := range up {
			limit := time.Now().Add(20 * time.Second) // for a second of sound: the machine may be busy
			for len(c.HeardPackets()) < before[i]+50 && time.Now().Before(limit) && pause(t.Context(), c, 50*time.Millisecond) {
			}
			select {
			case <-c.Done():
				t.Errorf("with the clock %v ahead caller %d is cut off", ahead, i)
			default:
			}
			if heard := len(c.HeardPackets()) - before[i]; heard < 50 {
				t.Errorf("with the clock %v ahead caller %d hears %d packets in twenty seconds", ahead, i, heard)
			}
		}
		if clock.asked.Load() == asked {
			t.Fatal("the program does not look at this clock")
		}
	}
	for _, c := range up {
		c.Hangup()
	}
	cfg := config.Default()
	cfg.Data, cfg.SIP.Listen, cfg.Web.Listen, cfg.Web.Sound = data, "127.0.0.1:0", "127.0.0.1:0", "0"
	if err := errors.Join(input.Close(), p.cmd.Wait()); err != nil {
		t.Fatalf("the program ends with %v", err)
	}
	most := time.Since(began) // what the program has noticed late is over by now
	h, err := assemble(cfg, manner{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := h.contacts.Each(func(k triage.Contact) bool {
		n++
		if waited := k.EndedAt.Sub(k.QueuedAt); !k.QueuedAt.IsZero() && (waited < 0 || waited > most) {
			t.Errorf("a wait of %v at most is on record with %v", most, waited)
		}
		if long := k.EndedAt.Sub(k.AnsweredAt); long < 0 || long > most {
			t.Errorf("a call of %v at most is on record with %v", most, long)
		}
		return true
	}); err != nil || n != len(up) {
		t.Errorf("%d calls are on record, %d were made, %v", n, len(up), err)
	}
	balance(t, h)
	proof.Note(t, proof.Result{Promise: "clock",
		Figure:  fmt.Sprintf("the clock set to %v of the right one while %d callers were on the line: nobody was cut off or heard nothing, each new caller was answered, every duration on record is right", steps, len(up)),
		Control: fmt.Sprintf("the program must have asked this clock after each step; for %d of the calls it moved between beginning and end, so that times of the machine alone would have given another length", moved)})
}
