package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"hotline/appliance/config"
	"hotline/appliance/proof"
	"hotline/appliance/trunk/phone"
	"hotline/triage"
	"hotline/triage/desk"
)

// TestAFullHotline: whoever finds no room is told to try again, is on the list
// of those to call back, once, and the health page says that it is full.
func TestAFullHotline(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.MaxCalls, c.SIP.Peers, c.Web.Metrics = 1, []string{"127.0.0.1"}, "127.0.0.1:0"
	})
	first := b.dial("+12024561161", "100")
	slowest := time.Duration(0)
	for range 2 {
		var refused *phone.RefusedError
		began := time.Now()
		if _, err := phone.Dial(t.Context(), phone.Config{From: "+12024561162", To: "100", Server: b.h.trunk.Addr()}); !errors.As(err, &refused) || refused.Status != 503 {
			t.Fatalf("a second caller: %v", err)
		}
		slowest = max(slowest, time.Since(began))
	}
	row := only(t, b.exportUntil("contacts", "outcome", "rejected_full"), "caller_number", "+12024561162")
	if row["open_item"] != "turned_away" || row["answered_at"] != "" || row["number_dialled"] != "100" {
		t.Errorf("who was turned away is recorded as %v", row)
	}

	read := func(client *http.Client, url string) string {
		t.Helper()
		res, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %v", url, res.StatusCode, err)
		}
		return string(body)
	}
	page := read(b.web("supervisor"), b.base+"health?lang=en")
	for _, part := range []string{`data-check="calls.full" data-state="bad"`, `data-check="peer.heard" data-state="good"`, `data-check="records.saved"`, `data-check="certificate.good"`} {
		if !strings.Contains(page, part) {
			t.Errorf("the health page has no %s", part)
		}
	}
	plain := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	figures := read(plain, "http://"+b.h.watched.Addr().String()+"/metrics")
	for _, line := range []string{"hotline_calls 1", "hotline_calls_turned_away_total 2", "hotline_calls_answered_total 1"} {
		if !strings.Contains(figures, "\n"+line+"\n") {
			t.Errorf("the figures have no %q", line)
		}
	}
	first.Hangup()
	b.ended(first)
	proof.Note(t, proof.Result{Promise: "full", Figure: fmt.Sprintf("who rings a full hotline is told so at once (503, when to try again; %v at most here) and heads the list of people to call back", slowest.Round(100*time.Microsecond)),
		Control: "the caller who has the channel was answered, stayed on the line and is not on that list"})
}

// TestALineHasItsShare: callers of a queue that has its share of the channels
// are told so and are promised a call; the others are not concerned.
func TestALineHasItsShare(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.MaxCalls = 4 // a quarter is one
		c.SIP.Entries = []config.Entry{{Numbers: []string{"302"}, Queue: triage.QueueVolunteers}}
	})
	first := b.dial("+12024561165", "302")
	b.untilWaiting(1)
	second := b.dial("+12024561166", "302")
	if b.loudest(second, patience) < 500 {
		t.Error("who finds no channel hears nothing")
	}
	b.press(second, 500*time.Millisecond, "1") // to be called back
	b.ended(second)
	row := only(t, b.exportUntil("contacts", "open_item", "callback"), "caller_number", "+12024561166")
	if row["queue"] != triage.QueueVolunteers || row["outcome"] != "callback_request" {
		t.Errorf("who found no channel is recorded as %v", row)
	}
	b.helpCall("+12024561167", cHz)
	b.untilWaiting(2) // those who need help
	first.Hangup()
	b.untilWaiting(1)
	b.dial("+12024561168", "302") // who left has given the channel back
	b.untilWaiting(2)
}

// TestDangerIsHandedOverFromAFullHotline: with every usual channel taken, a
// caller in danger still reaches the partner outside, and only they do; the
// channel is free again for the next one afterwards.
func TestDangerIsHandedOverFromAFullHotline(t *testing.T) {
	t.Parallel()
	net, answered := outside(t, bHz)
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.MaxCalls = 10 // one is kept
		c.SIP.Lines = []config.Line{{Name: "gateway", Servers: []string{net.Addr().String()}}}
		c.SIP.Outgoing.Prefixes = []string{"+1202555"}
	})
	rosa := b.seatedAs("Rosa", sHz, true, "supervisor")
	rosa.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561171", cHz)
	rosa.answer()
	b.hears("Rosa", rosa.sound, allHz, cHz)
	contact := rosa.seat.Snapshot().Call.Contact
	ring := func() error {
		c, err := phone.Dial(t.Context(), phone.Config{From: "+12024561172", To: "100", Server: b.h.trunk.Addr()})
		if err == nil {
			t.Cleanup(c.Hangup)
		}
		return err
	}
	for range 8 {
		if err := ring(); err != nil {
			t.Fatal(err)
		}
	}
	var refused *phone.RefusedError
	if err := ring(); !errors.As(err, &refused) || refused.Status != 503 || refused.RetryAfter == 0 {
		t.Fatalf("the tenth caller: %v, want 503 and when to try again", err)
	}

	ask := func() { rosa.do(desk.Command{Type: "consult", To: desk.Target{Kind: "number", ID: "+12025550192"}}) }
	await := func(what string, happened func(desk.Snapshot) bool) {
		t.Helper()
		for limit := time.Now().Add(patience); !happened(rosa.seat.Snapshot()); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatalf("%s does not happen: %+v", what, rosa.seat.Snapshot().Call)
			}
		}
	}
	ask()
	await("the refusal of a usual hand-over", func(s desk.Snapshot) bool {
		return s.Call.Consult != nil && strings.Contains(s.Call.Consult.Failed, "as many calls as it can carry")
	})
	b.hears("the caller, with Rosa again,", callerEar{caller}, allHz, sHz)

	rosa.do(desk.Command{Type: "case.save", Contact: contact, Fields: map[string]any{"danger_now": "yes"}})
	await("the red mark", func(s desk.Snapshot) bool { return s.Case != nil && s.Case.Level == triage.Red })
	ask()
	var partner *phone.Call
	select {
	case partner = <-answered:
	case <-time.After(patience):
		t.Fatalf("the partner is not rung: %+v", rosa.seat.Snapshot().Call)
	}
	b.hears("Rosa, asking the partner,", rosa.sound, allHz, bHz)
	rosa.do(desk.Command{Type: "consult.transfer"})
	rosa.is(triage.WrapUp)
	b.hears("the caller, with the partner,", callerEar{caller}, allHz, bHz)
	b.hears("the partner, with the caller,", callerEar{partner}, allHz, cHz)
	if s := b.h.trunk.Stats(); s.Calls != 10 {
		t.Errorf("%d calls are up, want all 10", s.Calls)
	}
	if err := ring(); !errors.As(err, &refused) || refused.Status != 503 {
		t.Errorf("a caller while the last channel is taken: %v", err)
	}
	partner.Hangup()
	b.ended(caller)
	oneStream(t, caller)
}
