package main

import (
	"context"
	"errors"

	"hotline/appliance/call"
	"hotline/ivr"
	"hotline/triage"
)

// caseBook lets the phone dialogue open cases by the codes that callers key.
func caseBook(cases *triage.Cases) ivr.CaseBook {
	return ivr.CaseBook{Open: func(ctx context.Context, contact, code, caller string) (ivr.CaseStanding, ivr.CodeAnswer, error) {
		cs, err := cases.Unlock(ctx, contact, code, call.Number(caller))
		switch {
		case errors.Is(err, triage.ErrCaseCode):
			return ivr.CaseStanding{}, ivr.CodeWrong, nil
		case errors.Is(err, triage.ErrCodeGuesses):
			return ivr.CaseStanding{}, ivr.CodeClosed, nil
		case err != nil:
			return ivr.CaseStanding{}, "", err
		}
		promised, err := cases.CallBackPromised(cs)
		return ivr.CaseStanding{Status: cs.Status, CallBack: promised}, ivr.CodeOpened, err
	}}
}
