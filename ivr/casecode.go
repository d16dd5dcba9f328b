package ivr

import (
	"context"

	"hotline/appliance/luhn"
)

// ActionCaseOpen is the action of the dialogue for callers who have the code of
// their case.
const ActionCaseOpen = "case.open"

// AttributeCase says that the call is about a case whose code was keyed: nothing
// is owed to a caller who has heard how it stands and hangs up.
const AttributeCase = "case.known"

// CodeAnswer is what a keyed code led to.
type CodeAnswer string

// The answers.
const (
	CodeOpened CodeAnswer = "ok"
	CodeWrong  CodeAnswer = "denied" // no case, a protected one, one that is gone: no difference may be heard
	CodeClosed CodeAnswer = "closed" // too many wrong codes: a person opens the case
)

// CaseStanding is what whoever holds the code of a case may hear of it: how it
// stands, and never whose it is or what is needed.
type CaseStanding struct {
	Status   string // open, in_progress, referred, closed
	CallBack bool   // somebody was promised one and waits for it
}

// CaseBook opens cases by their codes, and bounds how often one may be wrong.
type CaseBook struct {
	Open func(ctx context.Context, contact, code, caller string) (CaseStanding, CodeAnswer, error)
}

// codeTries is how many codes a call may try, whatever its flow allows.
const codeTries = 3

type codeKey struct{}

// CaseActions are the actions of the dialogue for callers with a code.
//
// case.open reads the code. Results: "ok"; "typing", when the check digit says
// that a digit is wrong; "denied", when there is no case that this code opens;
// and "closed", when this call, this number or all callers together have keyed
// too many. Sets case.status (open, in_progress, referred, closed),
// case.callback (yes or no) and case.known.
func CaseActions(book CaseBook) map[string]Action {
	return map[string]Action{
		ActionCaseOpen: func(ctx context.Context, s *Session) (string, error) {
			code := s.Get("code")
			if !luhn.Valid(code) {
				return "typing", nil
			}
			tried, _ := s.Held(codeKey{}).(int)
			if tried >= codeTries {
				return string(CodeClosed), nil
			}
			s.Hold(codeKey{}, tried+1)
			ctx, cancel := outlive(ctx)
			defer cancel()
			standing, answer, err := book.Open(ctx, s.Get(AttributeContactID), code, s.Get(AttributeCaller))
			if err != nil || answer != CodeOpened {
				return string(answer), err
			}
			s.Set("case.status", standing.Status)
			s.Set("case.callback", yes(standing.CallBack))
			s.Set(AttributeCase, "yes")
			return string(CodeOpened), nil
		},
	}
}
