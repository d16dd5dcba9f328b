package triage

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/luhn"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

func TestCaseCodesAreUniqueAndNoticeAWrongDigit(t *testing.T) {
	s := storetest.Open(t)
	seen, longest := map[string]bool{}, map[int]int{}
	must(t, s.Update(context.Background(), func(tx *store.Tx) error {
		clear(seen)
		clear(longest)
		for i := range 1000 {
			if i == 500 { // as after a long operation
				for range 10_000 {
					if _, err := tx.Next("case_code"); err != nil {
						return err
					}
				}
			}
			code, err := newCode(tx)
			if err != nil {
				return err
			}
			if last := len(code) - 1; seen[code] || luhn.Digit(code[:last]) != code[last] || code[0] == '0' {
				t.Errorf("code %s is used twice, begins with 0 or has a wrong check digit", code)
			}
			seen[code] = true
			longest[len(code)]++
			if err := casesByCode.Add(tx, code, tx.NewID()); err != nil {
				return err
			}
		}
		return nil
	}))
	// For each code that is somebody's at least a thousand are nobody's.
	if fmt.Sprint(longest) != "map[6:100 8:400 10:500]" {
		t.Errorf("codes by their length: %v", longest)
	}
	code := "12345" + string(luhn.Digit("12345"))
	for i := range 5 {
		wrong := []byte(code)
		wrong[i] = '0' + (wrong[i]-'0'+1)%10
		if luhn.Valid(string(wrong)) {
			t.Errorf("%s passes for %s", wrong, code)
		}
	}
}

// TestGuessingCodesFindsNothing: whoever keys codes that nobody has is refused
// after a few, whichever number the call comes from; the right code is then
// refused too, for an hour; and honest callers are only sent to a person.
func TestGuessingCodesFindsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Open(t)
		contacts, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
		cs := save(t, cases, opened(t, contacts, "+12024561111").ID, map[string]any{"name": "Ana"})
		locked := save(t, cases, opened(t, contacts, "+12024561112").ID, map[string]any{"talk_freely": "specialist"})
		strange := "12345" + string(luhn.Digit("12345"))
		if strange == cs.Code || strange == locked.Code {
			strange = "54321" + string(luhn.Digit("54321"))
		}
		try := func(code, number string) error {
			k := opened(t, contacts, number)
			got, err := cases.Unlock(t.Context(), k.ID, code, call.Number(number))
			if (err == nil) != (got.ID == cs.ID) || err != nil && got.ID != "" {
				t.Errorf("%v comes with the case %q", err, got.ID)
			}
			return err
		}
		wants := func(what string, got, want error) {
			t.Helper()
			if !errors.Is(got, want) || want == nil && got != nil {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		wants("the code of the case", try(cs.Code, "+12024561199"), nil)
		for i := range guessesByOne {
			code := strange
			if i%2 == 1 {
				code = locked.Code
			}
			wants("a wrong code", try(code, "+12024561113"), ErrCaseCode)
		}
		wants("the right code from a number that guessed", try(cs.Code, "+12024561113"), ErrCodeGuesses)
		wants("the right code from another number", try(cs.Code, "+12024561114"), nil)
		// A forged number for every guess.
		for i := range guessesPerHour - guessesByOne {
			time.Sleep(time.Minute)
			wants("a wrong code", try(strange, fmt.Sprintf("+120245620%02d", i)), ErrCaseCode)
		}
		wants("any code, all guesses used up", try(cs.Code, "+12024561114"), ErrCodeGuesses)
		wants("a withheld number", try(cs.Code, ""), ErrCodeGuesses)
		time.Sleep(46 * time.Minute) // since the first five an hour has passed
		wants("an hour later", try(cs.Code, "+12024561113"), nil)

		counted := map[string]int{}
		must(t, s.View(func(tx *store.Tx) error {
			for ev := range tx.EventLog(1) {
				counted[ev.Kind]++
				for name, value := range ev.Data {
					if value == strange || value == cs.Code || value == locked.Code {
						t.Errorf("%s of the event %s is a code", name, ev.Kind)
					}
				}
			}
			return nil
		}))
		if counted[EventCodeWrong] != guessesPerHour || counted[EventCodeOpened] != 3 || counted[EventCodeGuessed] != 1 {
			t.Errorf("the log has %v", counted)
		}
	})
}

// TestACodeMakesACallBeAboutTheCase: the call and the case name each other, a
// case in danger makes the call urgent, a closed one does not, and what is
// erased is found no more.
func TestACodeMakesACallBeAboutTheCase(t *testing.T) {
	s := storetest.Open(t)
	contacts, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	cs := save(t, cases, opened(t, contacts, "+12024561111").ID, map[string]any{"danger_now": "yes"})
	again := opened(t, contacts, "")
	got, err := cases.Unlock(t.Context(), again.ID, cs.Code, "")
	must(t, err)
	k, err := contacts.Get(again.ID)
	must(t, err)
	if !k.ByCode || k.Case != cs.ID || k.Level != Red || len(got.Contacts) != 2 || got.Contacts[1] != k.ID {
		t.Errorf("the call is %+v, the case has the calls %v", k, got.Contacts)
	}
	if promised, err := cases.CallBackPromised(got); promised || err != nil {
		t.Errorf("a call-back was promised to nobody (%v)", err)
	}
	end(t, contacts, again.ID, OutcomeCallBack, OpenCallBack)
	if promised, err := cases.CallBackPromised(got); !promised || err != nil {
		t.Errorf("the call-back that is owed is not there (%v)", err)
	}
	if history, err := cases.History(cs.ID); err != nil || len(history) != 2 || history[1].What != "continued" || history[1].Via != "phone" {
		t.Errorf("the history is %+v (%v)", history, err)
	}
	_, err = cases.Move(t.Context(), cs.ID, CaseClosed, "met", true, "acc-1", "")
	must(t, err)
	later := opened(t, contacts, "+12024561113")
	_, err = cases.Unlock(t.Context(), later.ID, cs.Code, "+12024561113")
	must(t, err)
	if k, err := contacts.Get(later.ID); err != nil || k.Level == Red || k.Case != cs.ID {
		t.Errorf("a closed case makes the call %+v (%v)", k, err)
	}
	must(t, s.Update(t.Context(), func(tx *store.Tx) error { return EraseCase(tx, cs.ID, "acc-1") }))
	last := opened(t, contacts, "+12024561114")
	if _, err := cases.Unlock(t.Context(), last.ID, cs.Code, "+12024561114"); !errors.Is(err, ErrCaseCode) {
		t.Errorf("an erased case is opened by its code: %v", err)
	}
}
