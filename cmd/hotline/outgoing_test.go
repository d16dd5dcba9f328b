package main

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/config"
	"hotline/appliance/trunk/phone"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/triage/supervise"
)

// outside is a telephone network in which +1202555019x numbers are people who
// speak a tone, +12025550180 is busy and the rest does not exist.
func outside(t *testing.T, hz float64) (*phone.Station, <-chan *phone.Call) {
	t.Helper()
	answered := make(chan *phone.Call, 4)
	s, err := phone.Listen(context.Background(), netip.MustParseAddr("127.0.0.1"), phone.Config{}, func(_ context.Context, r *phone.Request) {
		user := r.Recipient.User
		var err error
		switch {
		case r.Method != "INVITE":
			err = r.Reply(nil, 200, false)
		case strings.HasPrefix(user, "+1202555019"):
			if err = r.Reply(nil, 180, false); err != nil {
				break
			}
			var c *phone.Call
			if c, err = r.Answer(); err == nil {
				c.SayLoop(audio.Tone(hz, time.Second, -12))
				answered <- c
			}
		case user == "+12025550180":
			err = r.Reply(nil, 486, false)
		default:
			err = r.Reply(nil, 404, false)
		}
		if err != nil {
			t.Errorf("the telephone network: %v", err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, answered
}

func (b *box) complaint(w *worker) desk.Complaint {
	b.t.Helper()
	select {
	case c := <-w.seat.Complaints():
		return c
	case <-time.After(patience):
		b.t.Fatal("the page is not told what went wrong")
		return desk.Complaint{}
	}
}

func TestCallingOut(t *testing.T) {
	t.Parallel()
	net, answered := outside(t, cHz)
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.Lines = []config.Line{{Name: "gateway", Servers: []string{net.Addr().String()}}}
		c.SIP.Outgoing.Prefixes = []string{"+1202555"}
	})
	amal := b.seated("Amal", aHz, false)
	rosa := b.seatedAs("Rosa", sHz, true, "supervisor")
	rosa.do(desk.Command{Type: "ready"})

	// Nobody without the role, nothing outside the list.
	amal.do(desk.Command{Type: "call.out", Number: "+1 202 555 0193", Queue: "help"})
	if c := b.complaint(amal); !strings.Contains(c.Text, "not allowed") {
		t.Errorf("a volunteer who calls out is told %q", c.Text)
	}
	rosa.do(desk.Command{Type: "call.out", Number: "+44 20 7946 0018", Queue: "help"})
	if c := b.complaint(rosa); !strings.Contains(c.Text, "not allowed") {
		t.Errorf("calling a country that is not on the list is answered with %q", c.Text)
	}
	rosa.is(triage.Ready)
	rosa.do(desk.Command{Type: "call.out", Number: "+1 202 555 0180", Queue: "help"})
	if c := b.complaint(rosa); !strings.Contains(c.Text, "busy") {
		t.Errorf("a busy number is told as %q", c.Text)
	}
	rosa.is(triage.Ready)

	rosa.do(desk.Command{Type: "call.out", Number: "+1 202 555 0191", Queue: "help"})
	person := <-answered
	b.hears("Rosa", rosa.sound, allHz, cHz)
	b.hears("the person called", callerEar{person}, allHz, sHz)
	contact := rosa.seat.Snapshot().Call.Contact
	rosa.do(desk.Command{Type: "end"})
	b.ended(person)
	rosa.is(triage.WrapUp)
	rosa.do(desk.Command{Type: "wrap", Contact: contact, Disposition: "info_given"})
	row := only(t, b.exportUntil("contacts", "disposition", "info_given"), "caller_number", "+12025550191")
	if row["direction"] != "out" || row["outcome"] != "answered" || row["agent"] != "Rosa" {
		t.Errorf("the call is recorded as %v", row)
	}
	only(t, b.export("contacts"), "caller_number", "+12025550180")

	// Called again from the list of own calls, without typing the number.
	if err := amal.seat.Do(t.Context(), desk.Command{Type: "call.again", Contact: contact}); err == nil || !strings.Contains(err.Error(), "not among your own calls") {
		t.Errorf("calling again whom somebody else has called: %v", err)
	}
	rosa.do(desk.Command{Type: "call.again", Contact: contact})
	person = <-answered
	b.hears("the person called again", callerEar{person}, allHz, sHz)
	rosa.do(desk.Command{Type: "end"})
	b.ended(person)
}

func TestACallerIsGivenToSomebodyOutside(t *testing.T) {
	t.Parallel()
	net, answered := outside(t, bHz)
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.Lines = []config.Line{{Name: "gateway", Servers: []string{net.Addr().String()}}}
		c.SIP.Outgoing.Prefixes = []string{"+1202555"}
	})
	rosa := b.seatedAs("Rosa", sHz, true, "supervisor")
	rosa.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561131", cHz)
	rosa.answer()
	b.hears("Rosa", rosa.sound, allHz, cHz)
	rosa.do(desk.Command{Type: "consult", To: desk.Target{Kind: "number", ID: "+12025550192"}})
	person := <-answered
	b.hears("Rosa, asking outside,", rosa.sound, allHz, bHz)
	b.hears("the caller, on music,", callerEar{caller}, allHz)
	rosa.do(desk.Command{Type: "consult.transfer"})
	rosa.is(triage.WrapUp)
	b.hears("the caller, with the person outside,", callerEar{caller}, allHz, bHz)
	b.hears("the person outside, with the caller,", callerEar{person}, allHz, cHz)
	person.Hangup()
	b.ended(caller)
	oneStream(t, caller)
}

func TestACallerIsSentToANumberAtOnce(t *testing.T) {
	t.Parallel()
	net, answered := outside(t, bHz)
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.Lines = []config.Line{{Name: "gateway", Servers: []string{net.Addr().String()}}}
		c.SIP.Outgoing.Prefixes = []string{"+1202555"}
	})
	rosa := b.seatedAs("Rosa", sHz, true, "supervisor")
	rosa.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561132", cHz)
	rosa.answer()
	rosa.do(desk.Command{Type: "transfer", To: desk.Target{Kind: "number", ID: "+12025550180"}})
	b.hears("the caller, back from a busy number,", callerEar{caller}, allHz, sHz)
	rosa.do(desk.Command{Type: "transfer", To: desk.Target{Kind: "number", ID: "+12025550194"}})
	person := <-answered
	rosa.is(triage.WrapUp)
	b.hears("the caller, with the person outside,", callerEar{caller}, allHz, bHz)
	b.hears("the person outside, with the caller,", callerEar{person}, allHz, cHz)
	caller.Hangup()
	b.ended(person)
}

// Whoever is called from a queue is shown the number of that queue.
func TestACallOutShowsTheNumberOfItsQueue(t *testing.T) {
	t.Parallel()
	net, answered := outside(t, cHz)
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.Lines = []config.Line{{Name: "gateway", Servers: []string{net.Addr().String()}, From: "+12025550100",
			QueueFrom: map[string]string{"volunteers": "+12025550101"}}}
		c.SIP.Outgoing.Prefixes = []string{"+1202555"}
	})
	rosa := b.seatedAs("Rosa", sHz, true, "supervisor")
	for i, of := range []struct{ queue, shown string }{{"volunteers", "+12025550101"}, {"help", "+12025550100"}} {
		rosa.do(desk.Command{Type: "ready"})
		rosa.do(desk.Command{Type: "call.out", Number: "+1 202 555 0197", Queue: of.queue})
		person := <-answered
		invites, err := net.Await(t.Context(), "INVITE", i+1)
		if err != nil {
			t.Fatal(err)
		}
		if got := invites[i].From().Address.User; got != of.shown {
			t.Errorf("a call from %s shows %s, want %s", of.queue, got, of.shown)
		}
		b.hears("the person called", callerEar{person}, allHz, sHz) // who may hang up from now on (RFC 3261 §15)
		person.Hangup()
		s := rosa.is(triage.WrapUp)
		rosa.do(desk.Command{Type: "wrap", Contact: s.Call.Contact, Disposition: "info_given"})
	}
}

// A line that a rehearsal found dead still answers when it is asked whether it is
// there, and takes calls that lead nowhere: it counts as up, and stands first. Who
// is rung about it is rung by the other one all the same. Which lines those are,
// triage/supervise tests.
func TestARedLineDoesNotRingThoseItIsToldTo(t *testing.T) {
	t.Parallel()
	red, byRed := outside(t, aHz)
	good, byGood := outside(t, bHz)
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.Lines = []config.Line{{Name: "red", Servers: []string{red.Addr().String()}}, {Name: "good", Servers: []string{good.Addr().String()}}}
		c.SIP.Outgoing.Prefixes = []string{"+1202555"}
	})
	b.until("both lines are up", func() bool {
		up := 0
		for _, l := range b.h.trunk.Lines() {
			if l.Checked && l.Up {
				up++
			}
		}
		return up == 2
	})
	ring := func(avoid ...string) (by string) {
		t.Helper()
		over := make(chan error, 1)
		go func() {
			_, err := b.h.ringer()(t.Context(), supervise.Ringing{To: "+12025550195", Role: "supervisor", Flow: supervise.FlowRed, Language: "en", RingFor: 20 * time.Second,
				Attributes: map[string]string{"red.found": "try_line"}, Avoid: avoid})
			over <- err
		}()
		var who *phone.Call
		select {
		case who = <-byRed:
			by = "red"
		case who = <-byGood:
			by = "good"
		case <-time.After(60 * time.Second):
			t.Fatal("nobody is rung")
		}
		who.Hangup()
		if err := <-over; err != nil {
			t.Logf("the call has ended: %v", err)
		}
		return by
	}
	if by := ring(); by != "red" {
		t.Fatalf("with nothing to avoid the first line is not the one that rings, but %s: this test shows nothing", by)
	}
	if by := ring("red"); by != "good" {
		t.Errorf("who is told that a line is red is rung by the line %s", by)
	}
	if by := ring("red", "good"); by != "red" {
		t.Errorf("with every line red, the line %s rings, and not the first", by)
	}
}
