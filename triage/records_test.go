package triage

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

func opened(t *testing.T, c *Contacts, number string) Contact {
	t.Helper()
	k, err := c.Open(t.Context(), Contact{Operation: "flood", Channel: "phone", Direction: "in", Dialled: "100", Caller: call.Number(number)})
	must(t, err)
	return k
}

func end(t *testing.T, c *Contacts, id string, o Outcome, open string) {
	t.Helper()
	_, err := c.End(t.Context(), id, func(k *Contact, _ time.Time) { k.Outcome, k.Open = o, open })
	must(t, err)
}

func openItems(t *testing.T, c *Contacts) map[string]string {
	t.Helper()
	items, err := c.OpenItems()
	must(t, err)
	out := map[string]string{}
	for _, k := range items {
		out[k.ID] = k.Open
	}
	return out
}

func TestWhoLeftTheQueueStaysAnOpenItemUntilTheSameNumberGetsThrough(t *testing.T) {
	c := NewContacts(storetest.Open(t))
	lost := opened(t, c, "+12024561111")
	end(t, c, lost.ID, OutcomeAbandonedQueue, OpenAbandoned)
	other := opened(t, c, "+12024561112")
	end(t, c, other.ID, OutcomeAbandonedQueue, OpenAbandoned)
	again := opened(t, c, "+12024561111")
	if got := openItems(t, c); got[lost.ID] != OpenAbandoned || len(got) != 2 {
		t.Fatalf("open items %v, want both that left", got)
	}
	end(t, c, again.ID, OutcomeAnswered, "")
	if got := openItems(t, c); len(got) != 1 || got[other.ID] == "" {
		t.Errorf("open items %v, want only the other number's", got)
	}
	closeItemOf(t, c, other.ID)
	if n, err := c.CountOpen(); err != nil || n != 0 {
		t.Errorf("%d open items (%v) after closing the last one", n, err)
	}
	earlier, err := c.Earlier("+12024561111", again.ID, 5)
	if must(t, err); len(earlier) != 1 || earlier[0].ID != lost.ID {
		t.Errorf("earlier contacts %+v, want the one that was lost", earlier)
	}
}

func TestACallThatRanWhenTheBoxStoppedHeadsTheOpenItems(t *testing.T) {
	s := storetest.Open(t)
	c := NewContacts(s)
	cut := opened(t, c, "+12024561111")
	done := opened(t, c, "+12024561112")
	end(t, c, done.ID, OutcomeAnswered, "")
	c = NewContacts(s) // the next start
	n, err := c.Recover(t.Context())
	if must(t, err); n != 1 {
		t.Errorf("%d contacts recovered, want 1", n)
	}
	k, err := c.Get(cut.ID)
	if must(t, err); k.Outcome != OutcomeInterrupted || k.Open != OpenInterrupted || k.EndedAt.IsZero() {
		t.Errorf("the interrupted contact is %+v", k)
	}
	if n, err = c.Recover(t.Context()); err != nil || n != 0 {
		t.Errorf("a second recovery found %d (%v)", n, err)
	}
}

func TestTodayCountsEveryEndingOnce(t *testing.T) {
	c := NewContacts(storetest.Open(t))
	end(t, c, opened(t, c, "1").ID, OutcomeAnswered, "")
	for range 2 {
		day, err := c.Today(time.Now())
		if must(t, err); day.Answered != 1 || day.Abandoned != 0 {
			t.Errorf("today %+v, want one answered", day)
		}
	}
	end(t, c, opened(t, c, "2").ID, OutcomeAbandonedQueue, OpenAbandoned)
	end(t, c, opened(t, c, "3").ID, OutcomeAnswered, "")
	if day, err := c.Today(time.Now()); err != nil || day.Answered != 2 || day.Abandoned != 1 {
		t.Errorf("today %+v (%v), want two answered and one abandoned", day, err)
	}
}

func save(t *testing.T, c *Cases, contact string, fields map[string]any) Case {
	t.Helper()
	cs, err := c.Save(t.Context(), contact, "ana", fields)
	must(t, err)
	return cs
}

func TestACaseGrowsFieldByField(t *testing.T) {
	s := storetest.Open(t)
	contacts, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	k := opened(t, contacts, "+12024561111")
	first := save(t, cases, k.ID, map[string]any{"place": "Santa Clara\u202e school", "people_total": 4})
	second := save(t, cases, k.ID, map[string]any{"danger_now": "no", "urgent_need": "no", "safe_tonight": "no", "more_needs": []string{"water", "food"}})
	if first.ID != second.ID || first.Code != second.Code || len(first.Code) != 6 {
		t.Errorf("two saves made cases %s/%s and %s/%s", first.ID, first.Code, second.ID, second.Code)
	}
	if second.Fields.Place != "Santa Clara school" || second.Fields.People != 4 {
		t.Errorf("the first answers are gone or carry a text-direction trick: %+v", second.Fields)
	}
	if second.Level != Yellow {
		t.Errorf("level %q, want Y", second.Level)
	}
	raised := save(t, cases, k.ID, map[string]any{"danger_now": "unsure"})
	lowered := save(t, cases, k.ID, map[string]any{"danger_now": "no"})
	if raised.Level != Red || lowered.Level != Red {
		t.Errorf("levels %q then %q: an agent may raise, never lower", raised.Level, lowered.Level)
	}
	stored, err := contacts.Get(k.ID)
	if must(t, err); stored.Case != first.ID || stored.Level != Red {
		t.Errorf("the contact does not know its case: %+v", stored)
	}
}

func TestBadAnswersAreRefusedAndLoseNothing(t *testing.T) {
	s := storetest.Open(t)
	contacts, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	k := opened(t, contacts, "+12024561111")
	save(t, cases, k.ID, map[string]any{"place": "here"})
	for name, fields := range map[string]map[string]any{
		"not a number":   {"people_total": "many"},
		"unknown field":  {"religion": "x"},
		"unknown choice": {"danger_now": "perhaps"},
		"unknown need":   {"more_needs": []string{"gold"}},
		"endless text":   {"notes": strings.Repeat("a", maxText+1)},
		"negative":       {"children_u18": -1},
	} {
		_, err := cases.Save(t.Context(), k.ID, "ana", fields)
		var refused FieldError
		if !errors.As(err, &refused) || refused.Text == "" {
			t.Errorf("%s: error %v, want a sentence", name, err)
		}
	}
	stored, err := contacts.Get(k.ID)
	must(t, err)
	if cs, err := cases.Get(stored.Case); err != nil || cs.Fields.Place != "here" {
		t.Errorf("after refused answers the case is %+v, %v", cs.Fields, err)
	}
}

func TestTheSpecialistAnswerDropsWhatCouldExposeTheCaller(t *testing.T) {
	s := storetest.Open(t)
	contacts, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	k := opened(t, contacts, "+12024561111")
	save(t, cases, k.ID, map[string]any{"name": "Maria", "notes": "he", "place": "corner", "callback_number": "+12024561111", "danger_now": "no"})
	cs := save(t, cases, k.ID, map[string]any{"talk_freely": "specialist", "notes": "still typing"})
	if want := (CaseFields{DangerNow: "no", TalkFreely: "specialist", TopNeed: "protection"}); cs.Fields.Notes != "" || cs.Fields.Name != "" ||
		cs.Fields.Place != "" || cs.Fields.CallbackNumber != "" || cs.Fields.DangerNow != want.DangerNow || cs.Caller != "" || !cs.Protected {
		t.Errorf("a protected case holds %+v, caller %q", cs.Fields, string(cs.Caller))
	}
	cs = save(t, cases, k.ID, map[string]any{"talk_freely": "fine", "notes": "after a change of mind"})
	if cs.Fields.Notes != "" {
		t.Error("the lock was taken off by the page")
	}
	stored, err := contacts.Get(k.ID)
	if must(t, err); stored.Caller != "" || !stored.Protected {
		t.Errorf("the contact still holds the number: %+v", stored)
	}
	if earlier, err := contacts.Earlier("+12024561111", "", 5); err != nil || len(earlier) != 0 {
		t.Errorf("the protected contact is found by its number: %v, %v", earlier, err)
	}
	end(t, contacts, k.ID, OutcomeAnswered, "")
}

func TestAssess(t *testing.T) {
	for _, tc := range []struct {
		name  string
		f     CaseFields
		live  Level
		final Level
	}{
		{"nothing asked", CaseFields{}, "", Red},
		{"danger", CaseFields{DangerNow: "yes"}, Red, Red},
		{"unsure counts as danger", CaseFields{DangerNow: "unsure", UrgentNeed: "no", SafeTonight: "yes"}, Red, Red},
		{"only danger asked", CaseFields{DangerNow: "no"}, "", Orange},
		{"hurt or sick", CaseFields{DangerNow: "no", UrgentNeed: "yes"}, Orange, Orange},
		{"a child alone", CaseFields{DangerNow: "no", UrgentNeed: "no", ChildAlone: true, SafeTonight: "yes"}, Orange, Orange},
		{"tonight not asked", CaseFields{DangerNow: "no", UrgentNeed: "no"}, "", Yellow},
		{"tonight not asked, children", CaseFields{DangerNow: "no", UrgentNeed: "no", Children: 2}, "", Orange},
		{"no place tonight", CaseFields{DangerNow: "no", UrgentNeed: "no", SafeTonight: "no"}, Yellow, Yellow},
		{"no place tonight, old", CaseFields{DangerNow: "no", UrgentNeed: "no", SafeTonight: "no", Over60: true}, Orange, Orange},
		{"all fine", CaseFields{DangerNow: "no", UrgentNeed: "no", SafeTonight: "yes"}, Green, Green},
	} {
		if got := Assess(tc.f, false); got != tc.live {
			t.Errorf("%s: level %q during the call, want %q", tc.name, got, tc.live)
		}
		if got := Assess(tc.f, true); got != tc.final {
			t.Errorf("%s: level %q at the end, want %q", tc.name, got, tc.final)
		}
	}
}

func TestEveryStepIsInTheEventLog(t *testing.T) {
	s := storetest.Open(t)
	contacts, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	k := opened(t, contacts, "+12024561111")
	_, err := contacts.Change(t.Context(), k.ID, func(k *Contact, _ time.Time) []events.Event {
		return []events.Event{{Kind: "queue.entered", Queue: "help"}}
	})
	must(t, err)
	save(t, cases, k.ID, map[string]any{"danger_now": "yes"})
	end(t, contacts, k.ID, OutcomeAnswered, OpenWrapUp)
	var kinds []string
	must(t, s.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(1) {
			if ev.Contact != k.ID || ev.Operation != "flood" {
				t.Errorf("event %+v does not name its contact and operation", ev)
			}
			kinds = append(kinds, ev.Kind)
			for _, text := range ev.Data {
				if strings.Contains(text, "2024561111") {
					t.Errorf("the caller's number is in event %s", ev.Kind)
				}
			}
		}
		return nil
	}))
	if want := []string{"contact.started", "attempt.counted", "queue.entered", "case.opened", "case.red", "contact.ended", "item.opened", "attempt.counted"}; !slices.Equal(kinds, want) {
		t.Errorf("events %q, want %q", kinds, want)
	}
}
