package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/config"
	"hotline/appliance/lines"
	"hotline/appliance/trunk/phone"
	"hotline/ivr/versions"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/triage/reach"
	"hotline/triage/reports"
)

// TestNumbersLeadWhereTheyShould: a number of its own language; one that hands
// callers to agents at once with what a menu elsewhere found out; a forwarded
// call that the number dialled first leads; and a number that is not ours.
func TestNumbersLeadWhereTheyShould(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.Trusted, c.SIP.Forwarded = true, true
		c.SIP.Entries = []config.Entry{
			{Numbers: []string{"+12024561402"}, Language: "en"},
			{Numbers: []string{"301", "2024561403"}, Queue: triage.QueueHelp, Language: "en"},
		}
	})
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	call := func(from, to string, headers ...string) *phone.Call {
		t.Helper()
		c, err := phone.Dial(t.Context(), phone.Config{From: from, To: to, Server: b.h.trunk.Addr(), Headers: headers})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Hangup)
		c.SayLoop(audio.Tone(cHz, time.Second, -12))
		return c
	}
	finish := func(c *phone.Call) {
		t.Helper()
		amal.answer()
		c.Hangup()
		amal.is(triage.WrapUp)
		amal.do(desk.Command{Type: "wrap", Contact: amal.seat.Snapshot().Call.Contact, Disposition: "info_given"})
		amal.do(desk.Command{Type: "ready"})
		amal.is(triage.Ready)
	}

	long := strings.Repeat("x", 400)
	c := call("+12024561151", "301", "X-Hotline-Language: es", "X-Hotline-Priority: 2", "X-Hotline-Context: <b>Bag of insulin</b> is empty",
		"X-Hotline-Context: "+long, "X-Other: no")
	amal.is(triage.Offered)
	view := amal.seat.Snapshot().Call
	if view.Language != "es" || view.Queue != triage.QueueHelp {
		t.Errorf("the call is offered in %q for %q", view.Language, view.Queue)
	}
	if len(view.Context) != 2 || view.Context[0] != "<b>Bag of insulin</b> is empty" || len([]rune(view.Context[1])) != 120 {
		t.Errorf("what the menu elsewhere said arrives as %q", view.Context)
	}
	b.hears("the caller, waiting,", callerEar{c}, allHz) // no menu in the way
	finish(c)

	// Forwarded from the number of that entry, in the way of the trunk, to the
	// number that everything goes to.
	c = call("+12024561152", "100", "Diversion: <sip:2024561403@carrier.example>;reason=unconditional")
	amal.is(triage.Offered)
	finish(c)

	c = call("+12024561153", "+12024561402")
	b.press(c, 3*time.Second, "1") // the menu of help and volunteers, in its own language
	b.press(c, 2*time.Second, "1")
	amal.is(triage.Offered)
	finish(c)

	if _, err := phone.Dial(t.Context(), phone.Config{From: "+12024561154", To: "302", Server: b.h.trunk.Addr()}); err == nil {
		t.Error("a number that is not ours was answered")
	}
	rows := b.exportUntil("contacts", "caller_number", "+12024561153")
	if row := only(t, rows, "caller_number", "+12024561152"); row["redirected_from"] != "+12024561403" || row["number_dialled"] != "100" {
		t.Errorf("the forwarded call is recorded as %v", row)
	}
	if row := only(t, rows, "caller_number", "+12024561151"); row["language"] != "es" || row["number_dialled"] != "301" {
		t.Errorf("the call from the menu elsewhere is recorded as %v", row)
	}
}

// Where the trunk is not trusted nothing in headers counts.
func TestAnUntrustedTrunkChoosesNothing(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.Entries = []config.Entry{{Numbers: []string{"301"}, Queue: triage.QueueHelp}}
	})
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	c, err := phone.Dial(t.Context(), phone.Config{From: "+12024561155", To: "301", Server: b.h.trunk.Addr(),
		Headers: []string{"X-Hotline-Language: en", "X-Hotline-Context: believe me"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Hangup)
	amal.is(triage.Offered)
	if view := amal.seat.Snapshot().Call; view.Language != "es" || view.Context != nil {
		t.Errorf("a stranger chose %q and said %q", view.Language, view.Context)
	}
	amal.answer()
	c.Hangup()
	amal.is(triage.WrapUp)
}

// TestCallersReachALineOfOnesOwn: a number names a line that is not there yet,
// and its callers are helped all the same; then the line is added while calls
// run, and callers come to it by the number and by a dialogue, are answered by
// the people of a profile that has it, and are counted and exported under it.
func TestCallersReachALineOfOnesOwn(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.Entries = []config.Entry{{Numbers: []string{"302"}, Queue: "medical"}}
	})
	b.wanted = []string{"a contact was sent to a line that there is not"}
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	talk := func(from, to, queue string) {
		t.Helper()
		c, err := phone.Dial(t.Context(), phone.Config{From: from, To: to, Server: b.h.trunk.Addr()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Hangup)
		c.SayLoop(audio.Tone(cHz, time.Second, -12))
		amal.answer()
		if got := amal.is(triage.OnCall).Call.Queue; got != queue {
			t.Errorf("who rings %s is answered in the line %q, want %q", to, got, queue)
		}
		b.hears("who rings "+to, callerEar{c}, allHz, aHz)
		c.Hangup()
		s := amal.is(triage.WrapUp)
		amal.do(desk.Command{Type: "wrap", Contact: s.Call.Contact, Disposition: "info_given"})
		amal.is(triage.Ready)
	}

	talk("+12024561201", "302", triage.QueueHelp)
	if lost := b.h.lostLines(); len(lost.From) != 1 || lost.From[0].Line != "medical" || lost.From[0].Name != "302" || lost.Contacts != 1 {
		t.Errorf("health tells of %+v", lost)
	}

	err := b.h.routes.Change(t.Context(), "line.add", "id", "Rosa", "web", func(r *triage.Routing) error {
		r.Answer(r.AddQueue("Medical"), "all")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if lost := b.h.lostLines(); len(lost.From) != 0 {
		t.Errorf("with the line there, health tells of %+v", lost)
	}
	talk("+12024561202", "302", "medical")

	by := versions.Actor{ID: "id", Name: "Rosa", Via: "web"}
	flow := "about: Callers who want the doctor\nstart: a\nfallback: {queue: help}\nsteps:\n  a: {queue: medical, treatment: waiting}\n"
	if err := b.h.flows.SaveDraft(t.Context(), "doctor", flow, "", by); err != nil {
		t.Fatal(err)
	}
	if _, err := b.h.flows.Publish(t.Context(), "to the doctor", by); err != nil {
		t.Fatal(err)
	}
	if err := b.h.lines.SetNumber(t.Context(), lines.Number{Number: "303", Leads: lines.Flow, Name: "doctor"}, "id"); err != nil {
		t.Fatal(err)
	}
	talk("+12024561203", "303", "medical")
	var used reach.InUseError
	if err := b.h.reach.SwitchOff(t.Context(), "medical", "id", "Rosa", "web"); !errors.As(err, &used) || len(reach.Ways(used.Uses)) != 2 {
		t.Errorf("switched off while a number and a dialogue lead there: %v", err)
	}

	// While somebody waits it stays, whatever leads there.
	amal.do(desk.Command{Type: "break", Reason: "short"})
	waits := b.dial("+12024561204", "302")
	b.untilWaiting(1)
	err = b.h.routes.Change(t.Context(), "line.off", "id", "Rosa", "web", func(r *triage.Routing) error {
		for i := range r.Queues {
			r.Queues[i].Off = r.Queues[i].ID == "medical"
		}
		for i := range r.Profiles {
			r.Profiles[i].Lines = slices.DeleteFunc(r.Profiles[i].Lines, func(l triage.Line) bool { return l.Queue == "medical" })
		}
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "1 people wait in this line") {
		t.Errorf("switched off while somebody waits: %v", err)
	}
	waits.Hangup()
	b.untilWaiting(0)

	row := only(t, b.exportUntil("contacts", "outcome", "abandoned_queue"), "caller_number", "+12024561204")
	if row["queue"] != "medical" || row["queue_name"] != "Medical" {
		t.Errorf("who waited in the line is exported as %v", row)
	}
	b.until("the figures count the line", func() bool {
		report, err := b.h.reports.Report(t.Context(), time.Now().Add(-24*time.Hour), time.Now().Add(24*time.Hour), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(report.Queues, func(r reports.Row) bool { return r.ID == "medical" && r.Handled == 2 && r.Abandoned == 1 })
	})
}
