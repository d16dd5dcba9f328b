package main

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hotline/appliance/config"
	"hotline/appliance/lines"
	"hotline/appliance/store"
	"hotline/appliance/table"
	"hotline/appliance/trunk/phone"
	"hotline/triage"
	"hotline/triage/desk"
)

// roundsAllowed lets the hotline call the people of rounds outside.
func roundsAllowed(net *phone.Station) func(*config.Config) {
	return func(c *config.Config) {
		callingOut(net)(c)
		c.SIP.Outgoing.Rounds = 100
	}
}

// madeRound stores a round of the people in a sheet, which calls at any hour.
func madeRound(t *testing.T, contacts *triage.Contacts, r triage.Round, sheet string) triage.Round {
	t.Helper()
	read, err := table.ReadSheet([]byte(sheet))
	if err != nil {
		t.Fatal(err)
	}
	people, err := triage.ReadRoundList(read, "US", []string{"es", "en"})
	if err == nil {
		err = contacts.SetQuietHours(t.Context(), triage.Quiet{}, "rosa")
	}
	if err == nil {
		r.Name, r.Queue = "Welfare", triage.QueueHelp
		r, err = contacts.MakeRound(t.Context(), r, people, "US", "rosa", "Rosa")
	}
	if err == nil {
		err = contacts.SetRound(t.Context(), r.ID, triage.RoundRunning, "rosa")
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// becomes waits until somebody of a round is where wanted.
func (b *box) becomes(round, name, state string) (found triage.RoundPerson) {
	b.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		err := b.h.contacts.EachInRound(round, func(p triage.RoundPerson) bool {
			if p.Name == name {
				found = p
			}
			return true
		})
		if err != nil {
			b.t.Fatal(err)
		}
		if found.State == state {
			return found
		}
	}
	b.t.Fatalf("%s does not become %q: %+v", name, state, found)
	return found
}

// TestARoundAsksPeopleHowTheyAre calls the five people of a sheet: one is safe,
// one needs help and reaches a volunteer, one is busy, one cannot be reached, and
// one is on the stop list (O2, O3, O5).
func TestARoundAsksPeopleHowTheyAre(t *testing.T) {
	t.Parallel()
	net, answered := outside(t, cHz)
	b := startBoxWith(t, callingOut(net))
	if err := b.h.contacts.StopNumber(t.Context(), "+12025550193", "rosa", "Rosa"); err != nil {
		t.Fatal(err)
	}
	amal := b.seated("Amal", aHz, false)
	r := madeRound(t, b.h.contacts, triage.Round{Tries: 1}, "Name;Phone;Language\nAda;(202) 555-0191;en\nBruno;+1 202 555 0192;en\nCleo;2025550180;\nDara;2025550199999;\nEmil;202-555-0193;\n")
	amal.do(desk.Command{Type: "ready"})
	nobodyElse(t, answered) // rounds are not allowed
	if err := b.h.lines.SetOut(t.Context(), lines.CallsOut{PerHour: 60, Rounds: 100}, "ana"); err != nil {
		t.Fatal(err)
	}

	ada := <-answered
	b.press(ada, 4*time.Second, "1")
	b.ended(ada)
	if p := b.becomes(r.ID, "Ada", triage.PersonAnswered); p.Answer != triage.AnswerSafe {
		t.Errorf("who pressed 1 is %+v", p)
	}
	bruno := <-answered
	b.press(bruno, 4*time.Second, "2") // and nobody is in danger this minute
	offer := amal.is(triage.Offered)
	if !slices.Equal(offer.Call.Context, []string{"Welfare", "Bruno"}) || offer.Call.Number != "+12025550192" || offer.Call.Language != "en" {
		t.Errorf("the volunteer is shown %+v", offer.Call)
	}
	amal.do(desk.Command{Type: "accept", Contact: offer.Call.Contact})
	b.hears("Amal", amal.sound, allHz, cHz)
	b.hears("the person called", callerEar{bruno}, allHz, aHz)
	nobodyElse(t, answered)
	bruno.Hangup()
	amal.is(triage.WrapUp)
	if p := b.becomes(r.ID, "Bruno", triage.PersonAnswered); p.Answer != triage.AnswerHelp {
		t.Errorf("who pressed 2 is %+v", p)
	}
	amal.do(desk.Command{Type: "wrap", Contact: offer.Call.Contact, Disposition: "info_given"})
	for name, want := range map[string]string{"Cleo": triage.FailedBusy, "Dara": ""} {
		state := triage.PersonMissed
		if name == "Dara" {
			state = triage.PersonLeftOut // no number has so many digits
		}
		if p := b.becomes(r.ID, name, state); p.Failed != want {
			t.Errorf("%s is %+v", name, p)
		}
	}
	if p := b.becomes(r.ID, "Emil", triage.PersonLeftOut); p.Why != triage.LeftStopped {
		t.Errorf("who is on the stop list is %+v", p)
	}
	nobodyElse(t, answered)
	if now, _, err := b.h.contacts.Round(r.ID); err != nil || now.State != triage.RoundDone {
		t.Errorf("at its end the round is %+v (%v)", now, err)
	}
	called := only(t, b.exportUntil("contacts", "disposition", "info_given"), "caller_number", "+12025550192")
	if called["direction"] != "out" || called["outcome"] != "answered" || called["agent"] != "Amal" || called["round_answer"] != triage.AnswerHelp {
		t.Errorf("the call is recorded as %v", called)
	}
	b.untilNothingIsOpen()
	b.booksBalance()
}

// TestAVolunteerSeesThePersonOfARoundFirst: nothing is dialled before (O4).
func TestAVolunteerSeesThePersonOfARoundFirst(t *testing.T) {
	t.Parallel()
	net, answered := outside(t, cHz)
	b := startBoxWith(t, roundsAllowed(net))
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	r := madeRound(t, b.h.contacts, triage.Round{Preview: true, Tries: 1}, "name,phone\nAda,2025550191\nBruno,2025550192\n")
	offer := amal.is(triage.Offered)
	if offer.Call.CallBack != "round" || offer.Call.Number != "+12025550191" || !slices.Equal(offer.Call.Context, []string{"Welfare", "Ada"}) {
		t.Errorf("the volunteer is shown %+v", offer.Call)
	}
	nobodyElse(t, answered)
	amal.do(desk.Command{Type: "accept", Contact: offer.Call.Contact})
	ada := <-answered
	b.hears("Amal", amal.sound, allHz, cHz)
	amal.do(desk.Command{Type: "end"})
	b.ended(ada)
	amal.is(triage.WrapUp)
	amal.do(desk.Command{Type: "wrap", Contact: offer.Call.Contact, Disposition: "info_given"})
	if p := b.becomes(r.ID, "Ada", triage.PersonAnswered); p.Answer != triage.AnswerTalk {
		t.Errorf("who talked is %+v", p)
	}
	// A machine answers the next one.
	offer = amal.is(triage.Offered)
	amal.do(desk.Command{Type: "accept", Contact: offer.Call.Contact})
	bruno := <-answered
	amal.talks()
	b.hears("Amal", amal.sound, allHz, cHz)
	amal.do(desk.Command{Type: "unreached"})
	b.ended(bruno)
	if p := b.becomes(r.ID, "Bruno", triage.PersonMissed); p.Failed != triage.FailedMachine {
		t.Errorf("where a machine answered the person is %+v", p)
	}
	amal.is(triage.Ready)
	b.booksBalance()
}

// TestARoundSurvivesKill9 kills the hotline while two of four people are rung.
// After the restart these two wait their gap, the others are called, and nobody
// is rung twice.
func TestARoundSurvivesKill9(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	rung := map[string]int{}
	rings := make(chan string, 16)
	var second atomic.Bool
	net, err := phone.Listen(context.Background(), netip.MustParseAddr("127.0.0.1"), phone.Config{}, func(ctx context.Context, r *phone.Request) {
		if r.Method != "INVITE" {
			_ = r.Reply(nil, 200, false)
			return
		}
		mu.Lock()
		rung[r.Recipient.User]++
		mu.Unlock()
		rings <- r.Recipient.User
		if second.Load() {
			_ = r.Reply(nil, 486, false)
			return
		}
		_ = r.Reply(nil, 180, false)
		select { // rings on
		case <-ctx.Done():
		case <-r.Cancelled:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(net.Close)
	data := t.TempDir()
	s, err := store.Open(data, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r := madeRound(t, triage.NewContacts(s), triage.Round{Margin: 2, Tries: 3}, "phone\n2025550191\n2025550192\n2025550193\n2025550194\n")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	p := startProgram(t, data, "HOTLINE_TEST_LINE="+net.Addr().String())
	before := []string{<-rings, <-rings}
	p.kill()
	second.Store(true)

	b := startBoxWith(t, func(c *config.Config) { roundsAllowed(net)(c); c.Data = data })
	after := []string{<-rings, <-rings}
	for _, number := range before {
		if slices.Contains(after, number) {
			t.Errorf("%s was rung again after the restart", number)
		}
	}
	waits := 0
	for deadline := time.Now().Add(30 * time.Second); waits < 4 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		waits = 0
		err := b.h.contacts.EachInRound(r.ID, func(p triage.RoundPerson) bool {
			if p.State == triage.PersonWaits && p.Tries == 1 {
				waits++
				gap, why := 4*time.Minute, triage.FailedBusy
				if slices.Contains(before, string(p.Number)) {
					gap, why = 19*time.Minute, triage.FailedUnsure
				}
				if time.Until(p.NotBefore) < gap || p.Failed != why {
					t.Errorf("after the restart somebody is %+v", p)
				}
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if waits != 4 {
		t.Errorf("%d of four people are to be called again", waits)
	}
	mu.Lock()
	defer mu.Unlock()
	for number, times := range rung {
		if times != 1 {
			t.Errorf("%s was rung %d times", number, times)
		}
	}
	b.booksBalance()
}
