package ivr_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/luhn"
	"hotline/appliance/store"
	"hotline/ivr"
	"hotline/triage"
)

// opened makes a case of an earlier call: where it stands, locked, or with a
// call-back that is still owed. Its code is what the scripts key.
func (s *scene) opened(how string) {
	s.t.Helper()
	ctx := s.t.Context()
	contacts := triage.NewContacts(s.records)
	s.cases = triage.NewCases(s.records, liststest.Open(s.t, s.records))
	earlier, err := contacts.Open(ctx, triage.Contact{Caller: "+12025550188"})
	if err != nil {
		s.t.Fatal(err)
	}
	now, err := contacts.Open(ctx, triage.Contact{Caller: "+12025550123"})
	if err != nil {
		s.t.Fatal(err)
	}
	s.start.Attributes[ivr.AttributeContactID] = now.ID
	s.start.Attributes[ivr.AttributeCaller] = "+12025550123"
	fields := map[string]any{"name": "Ana", "top_need": "water"}
	if how == "protected" {
		fields = map[string]any{"talk_freely": "specialist"}
	}
	cs, err := s.cases.Save(ctx, earlier.ID, "acc-1", fields)
	if err != nil {
		s.t.Fatal(err)
	}
	switch how {
	case triage.CaseWorking, triage.CaseReferred:
		_, err = s.cases.Move(ctx, cs.ID, how, "", false, "acc-1", "")
	case triage.CaseClosed:
		_, err = s.cases.Move(ctx, cs.ID, how, "met", true, "acc-1", "")
	case "promised":
		_, err = contacts.End(ctx, earlier.ID, func(k *triage.Contact, now time.Time) {
			k.EndedAt, k.Outcome, k.Open = now, triage.OutcomeCallBack, triage.OpenCallBack
			k.Promise = &triage.Promise{Queue: "help", Priority: 5, Since: now, At: now}
		})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.helperCode = cs.Code
}

// mistyped is the code with one wrong digit, which the check digit tells.
func (s *scene) mistyped() string {
	wrong := []byte(s.helperCode)
	wrong[2] = '0' + (wrong[2]-'0'+1)%10
	return string(wrong)
}

// strange is a code that could be one and is nobody's.
func (s *scene) strange() string {
	body := []byte(s.helperCode[:len(s.helperCode)-1])
	for i := range body {
		body[i] = '0' + (body[i]-'0'+5)%10
	}
	return string(body) + string(luhn.Digit(string(body)))
}

// used keys so many wrong codes in other calls before this one.
func (s *scene) used(wrong int) {
	s.t.Helper()
	contacts := triage.NewContacts(s.records)
	for i := range wrong {
		number := call.Number(fmt.Sprintf("+120255501%02d", i))
		k, err := contacts.Open(s.t.Context(), triage.Contact{Caller: number})
		if err != nil {
			s.t.Fatal(err)
		}
		if _, err := s.cases.Unlock(s.t.Context(), k.ID, s.strange(), number); !errors.Is(err, triage.ErrCaseCode) {
			s.t.Fatalf("wrong code %d is answered with %v", i, err)
		}
	}
}

// caseBook is the real book of cases, unless the script broke it.
func (s *scene) caseBook() ivr.CaseBook {
	return ivr.CaseBook{Open: func(ctx context.Context, contact, code, caller string) (ivr.CaseStanding, ivr.CodeAnswer, error) {
		if s.broken != nil {
			return ivr.CaseStanding{}, "", s.broken
		}
		cs, err := s.cases.Unlock(ctx, contact, code, call.Number(caller))
		switch {
		case errors.Is(err, triage.ErrCaseCode):
			return ivr.CaseStanding{}, ivr.CodeWrong, nil
		case errors.Is(err, triage.ErrCodeGuesses):
			return ivr.CaseStanding{}, ivr.CodeClosed, nil
		case err != nil:
			return ivr.CaseStanding{}, "", err
		}
		promised, err := s.cases.CallBackPromised(cs)
		return ivr.CaseStanding{Status: cs.Status, CallBack: promised}, ivr.CodeOpened, err
	}}
}

// caseWords says what the call has to do with the case: opened by its code or
// not, how many calls the case has, and how many wrong codes the log knows.
func (s *scene) caseWords() string {
	s.t.Helper()
	k, err := triage.NewContacts(s.records).Get(s.start.Attributes[ivr.AttributeContactID])
	if err != nil {
		s.t.Fatal(err)
	}
	words := "shut"
	if k.ByCode && k.Case != "" {
		words = "open"
	}
	wrong := 0
	if err := s.records.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(1) {
			if ev.Kind == triage.EventCodeWrong {
				wrong++
			}
			noDigits(s, ev)
		}
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
	return words + " " + strconv.Itoa(wrong)
}

func noDigits(s *scene, ev events.Event) {
	for _, text := range ev.Data {
		if text == s.helperCode || text == s.strange() || text == s.mistyped() {
			s.t.Errorf("the event %s names a code", ev.Kind)
		}
	}
}
