package main

import (
	"slices"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/config"
	"hotline/appliance/trunk/phone"
	"hotline/triage"
	"hotline/triage/desk"
)

// Test2b05TheCallerOfALostAgentComesFirst: an agent's laptop dies in a call. The
// caller is told at once, hears music for the 45 seconds in which the agent may
// come back, and then is offered to the next agent before everybody else, also
// before somebody whose call is more urgent by its queue.
func Test2b05TheCallerOfALostAgentComesFirst(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.Trusted = true
		c.SIP.Entries = []config.Entry{{Numbers: []string{"301"}, Queue: triage.QueueHelp}}
	})
	amal := b.seated("Amal", aHz, false)
	beatriz := b.seated("Beatriz", bHz, false)
	amal.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561171", cHz)
	amal.answer()
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	contact := amal.seat.Snapshot().Call.Contact
	urgent, err := phone.Dial(t.Context(), phone.Config{From: "+12024561172", To: "301", Server: b.h.trunk.Addr(), Headers: []string{"X-Hotline-Priority: 1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(urgent.Hangup)

	died := time.Now()
	amal.sound.Close()
	b.hears("the caller, whose agent is lost,", callerEar{caller}, allHz)
	if took := time.Since(died); took > 10*time.Second {
		t.Errorf("the caller hears the lost agent's last words for %v", took)
	}
	if loud := b.loudest(caller, 10*time.Second); loud < 500 {
		t.Errorf("the caller whose agent is lost hears silence (%d)", loud)
	}
	waits := func() bool {
		v, err := b.h.desk.FloorView(time.Now())
		return err == nil && slices.ContainsFunc(v.Waiting, func(w desk.FloorWaiting) bool { return w.Contact == contact })
	}
	for ; !waits(); time.Sleep(200 * time.Millisecond) {
		if caller.FarHungUp() || time.Since(died) > 90*time.Second {
			t.Fatal("the caller does not come back to the queue")
		}
	}
	if took := time.Since(died); took < 44*time.Second {
		t.Errorf("the agent had only %v to come back", took)
	}
	beatriz.do(desk.Command{Type: "ready"})
	if got := beatriz.is(triage.Offered).Call.Contact; got != contact {
		t.Errorf("offered is %s, not the caller who had been answered", got)
	}
	beatriz.answer()
	b.hears("the caller, with the next agent,", callerEar{caller}, allHz, bHz)
	b.hears("Beatriz", beatriz.sound, allHz, cHz)
	oneStream(t, caller)
	caller.Hangup()
	beatriz.is(triage.WrapUp)
	row := only(t, b.exportUntil("contacts", "outcome", "answered"), "caller_number", "+12024561171")
	// On a machine that is too busy the caller's own sound may really have been bad.
	q := b.h.measure().Quality
	if row["agent_gone"] != "1" || row["sound_blame"] != triage.BlameAgent && q.Trunk.Bad == 0 {
		t.Errorf("how it sounded is recorded as %v", row)
	}
	if q.Agents.Bad != 1 || q.Trunk.Calls != 1 {
		t.Errorf("health knows of the sound %+v", q)
	}
}

// loudest is the largest sample that somebody hears within a time.
func (b *box) loudest(c *phone.Call, within time.Duration) int {
	loud := 0
	for until := time.Now().Add(within); time.Now().Before(until) && loud < 500; time.Sleep(100 * time.Millisecond) {
		heard := c.Heard()
		for _, s := range heard[max(0, len(heard)-audio.SampleRate/5):] {
			loud = max(loud, int(s), -int(s))
		}
	}
	return loud
}
