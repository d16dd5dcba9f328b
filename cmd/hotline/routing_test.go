package main

import (
	"strings"
	"testing"
	"time"

	"hotline/appliance/config"
	"hotline/triage"
	"hotline/triage/desk"
)

// TestTheRoutingIsChangedWhileCallsRun is a day in one house: a team outside
// takes what it can, calls come by themselves, who says not now costs the caller
// nothing, who helped before is asked first, a line that keeps people too long
// sends them on, and none of the changes disturbs a call that runs.
func TestTheRoutingIsChangedWhileCallsRun(t *testing.T) {
	t.Parallel()
	net, answered := outside(t, bHz)
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.Lines = []config.Line{{Name: "gateway", Servers: []string{net.Addr().String()}}}
		c.SIP.Outgoing.Prefixes = []string{"+1202555"}
	})
	route := func(fn func(*triage.Routing)) {
		t.Helper()
		err := b.h.routes.Change(t.Context(), "queue", "id", "Rosa", "web", func(r *triage.Routing) error { fn(r); return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	help := func(r *triage.Routing) *triage.Queue {
		for i := range r.Queues {
			if r.Queues[i].ID == triage.QueueHelp {
				return &r.Queues[i]
			}
		}
		return nil
	}

	// A team outside with room for one call: the second caller waits until the
	// first is over.
	route(func(r *triage.Routing) {
		r.Teams = []triage.Team{{ID: "partner", Name: "Partner", Number: "+12025550195", Calls: 1}}
		help(r).Widen = []triage.Step{{Team: "partner", After: time.Second, Priority: 1}}
	})
	first := b.helpCall("+12024561151", cHz)
	person := <-answered
	b.hears("the caller, with the team outside,", callerEar{first}, allHz, bHz)
	b.hears("the team outside", callerEar{person}, allHz, cHz)
	second := b.helpCall("+12024561152", aHz)
	b.untilWaiting(1)
	view, err := b.h.desk.FloorView(time.Now())
	if err != nil || view.Waiting[0].Why.Reason != triage.WhyBusy {
		t.Errorf("the second caller waits as %+v (%v), want because the team is busy", view.Waiting, err)
	}

	// The team is taken away; its call goes on.
	route(func(r *triage.Routing) { help(r).Widen, r.Teams = nil, nil })
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	amal.answer() // the second caller
	b.hears("the first caller, still with the team,", callerEar{first}, allHz, bHz)
	person.Hangup()
	b.ended(first)
	row := only(t, b.exportUntil("contacts", "outcome", "answered"), "caller_number", "+12024561151")
	if row["agent"] != "Partner" || row["open_item"] != "" {
		t.Errorf("the call that the team took is recorded as %v", row)
	}
	finish := func(w *worker) {
		t.Helper()
		s := w.is(triage.WrapUp)
		w.do(desk.Command{Type: "wrap", Contact: s.Call.Contact, Disposition: "info_given"})
		w.is(triage.Ready)
	}
	second.Hangup()
	finish(amal)

	// Calls come by themselves, and to who helped before although somebody else is
	// free longer.
	ben := b.seated("Ben", sHz, false)
	ben.do(desk.Command{Type: "ready"})
	amal.do(desk.Command{Type: "break", Reason: "short"})
	amal.do(desk.Command{Type: "ready"})
	route(func(r *triage.Routing) {
		for i := range r.Profiles {
			r.Profiles[i].Auto = r.Profiles[i].ID == "all"
		}
	})
	second = b.dial("+12024561152", "100")
	b.toHelp(second)
	amal.is(triage.OnCall)
	b.hears("the caller who calls again", callerEar{second}, allHz, aHz)
	ben.is(triage.Ready)
	second.Hangup()
	finish(amal)

	// Not now: the caller goes to the other one and keeps the place.
	route(func(r *triage.Routing) {
		for i := range r.Profiles {
			r.Profiles[i].Auto = false
		}
	})
	third := b.helpCall("+12024561153", cHz)
	offer := ben.is(triage.Offered)
	ben.do(desk.Command{Type: "decline", Contact: offer.Call.Contact})
	if again := amal.is(triage.Offered); again.Call.Contact != offer.Call.Contact {
		t.Errorf("after Not now %s rings, want %s", again.Call.Contact, offer.Call.Contact)
	}
	amal.answer()
	third.Hangup()
	finish(amal)

	// Nobody takes the line any more: after a while its callers go on to another.
	route(func(r *triage.Routing) {
		for i := range r.Profiles {
			if r.Profiles[i].ID == "all" {
				r.Profiles[i].Lines = []triage.Line{{Queue: triage.QueueLife, Priority: 1}, {Queue: triage.QueueVolunteers, Priority: 2}}
			}
		}
		help(r).Over = triage.Overflow{After: 10 * time.Second, To: triage.QueueVolunteers}
	})
	fourth := b.helpCall("+12024561154", cHz)
	amal.answer()
	if line := amal.is(triage.OnCall).Call.Queue; line != triage.QueueVolunteers {
		t.Errorf("the caller came by the line %q, want the one it was sent on to", line)
	}
	fourth.Hangup()
	amal.is(triage.WrapUp)
}

// TestDangerIsGivenOverToTheEmergencyService: the volunteer stays with the
// caller while one service after another is rung, the floor is alarmed, and who
// answers hears the volunteer first and then gets the caller. A volunteer may
// not call anybody else.
func TestDangerIsGivenOverToTheEmergencyService(t *testing.T) {
	t.Parallel()
	net, answered := outside(t, bHz)
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.Lines = []config.Line{{Name: "gateway", Servers: []string{net.Addr().String()}}}
		c.SIP.Outgoing.Prefixes = []string{"+1202555"}
	})
	services := func(list ...triage.Service) {
		t.Helper()
		err := b.h.routes.Change(t.Context(), "emergency", "id", "Rosa", "web", func(r *triage.Routing) error { r.Emergency = list; return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	busy, room := triage.Service{Name: "Busy room", Number: "+12025550180"}, triage.Service{Name: "Control room", Number: "+12025550191"}
	services(busy)
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561171", cHz)
	amal.answer()
	b.hears("the caller", callerEar{caller}, allHz, aHz)

	amal.do(desk.Command{Type: "rescue"})
	b.until("nobody has answered", func() bool {
		k := amal.seat.Snapshot().Call
		return k.Consult != nil && strings.Contains(k.Consult.Failed, "called again at") && k.Rescue
	})
	view, err := b.h.desk.FloorView(time.Now())
	if err != nil || len(view.Alarms) != 1 || view.Alarms[0].Kind != "danger" {
		t.Errorf("the floor is told %+v (%v)", view.Alarms, err)
	}
	b.hears("the caller, whom nobody leaves,", callerEar{caller}, allHz, aHz)

	services(busy, room)
	amal.do(desk.Command{Type: "rescue"})
	person := <-answered
	b.hears("the volunteer, who speaks first,", amal.sound, allHz, bHz)
	if k := amal.seat.Snapshot().Call; k.Consult == nil || k.Consult.Name != "Control room" || k.Rescue {
		t.Errorf("the page shows %+v", k)
	}
	amal.do(desk.Command{Type: "consult.transfer"})
	b.hears("the caller, given over,", callerEar{caller}, allHz, bHz)
	b.hears("the control room", callerEar{person}, allHz, cHz)
	amal.is(triage.WrapUp)
	person.Hangup()
	b.ended(caller)
}
