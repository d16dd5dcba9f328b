package main

import (
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/config"
	"hotline/appliance/trunk/phone"
	"hotline/triage"
	"hotline/triage/desk"
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
