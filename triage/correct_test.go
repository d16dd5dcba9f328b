package triage

import (
	"errors"
	"testing"
	"time"

	"hotline/appliance/lists/liststest"
	"hotline/appliance/store/storetest"
)

func TestHowACallEndedIsCorrectedByWhoHadIt(t *testing.T) {
	s := storetest.Open(t)
	calls, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	ended := func(number, disposition string, change func(*Contact)) Contact {
		k := opened(t, calls, number)
		k, err := calls.End(t.Context(), k.ID, func(k *Contact, now time.Time) {
			k.Outcome, k.Agent, k.Disposition, k.EndedAt = OutcomeAnswered, "ana", disposition, now
			k.Open = OpenAfter(disposition, Case{}, false)
			if change != nil {
				change(k)
			}
		})
		must(t, err)
		return k
	}
	correct := func(k Contact, agent, to string, want error) Contact {
		t.Helper()
		k, err := calls.Correct(t.Context(), k.ID, agent, to)
		if !errors.Is(err, want) {
			t.Errorf("%s to %q: %v, want %v", agent, to, err, want)
		}
		return k
	}
	first := ended("+12024561111", "callback_set", nil)
	correct(first, "bea", "info_given", ErrCorrectLate)
	correct(first, "ana", "", ErrCorrectEnding)
	correct(first, "ana", "case_opened", ErrNotAssessed)
	if k := correct(first, "ana", "info_given", nil); k.Disposition != "info_given" || k.Open != "" {
		t.Errorf("no promise any more, but open: %q", k.Open)
	}
	savedCase(t, cases, first.ID, map[string]any{"danger_now": "yes"})
	if k := correct(first, "ana", "case_opened", nil); k.Open != OpenDanger {
		t.Errorf("danger that nobody took over is open as %q", k.Open)
	}

	// Danger that is written down after the ending is open without a new one.
	late := ended("+12024565555", "info_given", nil)
	savedCase(t, cases, late.ID, map[string]any{"danger_now": "yes"})
	if k := correct(late, "ana", "info_given", nil); k.Open != OpenDanger {
		t.Errorf("danger that shows only now is open as %q", k.Open)
	}

	// What was closed by hand stays closed until something new is said.
	second := ended("+12024562222", "callback_set", nil)
	if _, err := calls.TakeItem(t.Context(), second.Item, "boss", "Boss"); err != nil {
		t.Fatal(err)
	}
	must(t, calls.CloseItem(t.Context(), second.Item, "boss", "reached by radio"))
	if k := correct(second, "ana", "callback_set", nil); k.Open != "" {
		t.Errorf("what was closed by hand is open again: %q", k.Open)
	}
	if k := correct(second, "ana", "dropped_call", nil); k.Open != OpenDropped {
		t.Errorf("a call that broke off is open as %q", k.Open)
	}
	third := ended("+12024563333", "info_given", func(k *Contact) { k.EndedAt = time.Now().Add(-CorrectWithin) })
	correct(third, "ana", "callback_set", ErrCorrectLate)
	fourth := ended("+12024564444", "info_given", func(k *Contact) { k.CallBackOf = second.Item })
	correct(fourth, "ana", "callback_set", ErrCorrectSettled)
}
