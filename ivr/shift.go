package ivr

import (
	"context"
	"errors"
	"strconv"
	"time"
)

// Actions of the dialogue in which registered volunteers begin and end work.
const (
	ActionShiftWho     = "shift.who"
	ActionShiftProve   = "shift.prove"
	ActionShiftBegin   = "shift.begin"
	ActionShiftEnd     = "shift.end"
	ActionShiftChoose  = "shift.pin.choose"
	ActionShiftConfirm = "shift.pin.confirm"

	ActionRegistrantRead   = "registrant.read"
	ActionRegistrantReport = "registrant.report"
)

// AttributeShiftOf is the registrant for whom a shift was begun or ended in the
// call: nothing is owed to a caller who has it and hangs up.
const AttributeShiftOf = "shift.of"

// ShiftBook keeps the hours of registered volunteers. Its refusals are answers;
// an error is a fault.
type ShiftBook struct {
	// Who finds whom a code belongs to, "" when to nobody, and says whether
	// that is proven by the number that calls, because no PIN is set yet.
	Who func(ctx context.Context, code, caller string) (id string, proven bool, err error)
	// Prove compares a PIN; the id may be "".
	Prove func(ctx context.Context, id, pin string) (ok bool, err error)
	// Begin reports false when a shift runs already, End when none does. End
	// also tells how long the shift was, and all shifts together.
	Begin func(ctx context.Context, id, contact string, byPIN bool) (ok bool, err error)
	End   func(ctx context.Context, id, contact string, byPIN bool) (worked, total time.Duration, ok bool, err error)
	// Choose takes a PIN for the next time, or refuses it as too easy. It
	// counts when Confirm has heard it again.
	Choose  func(ctx context.Context, id, pin string) (ok bool, err error)
	Confirm func(ctx context.Context, id, pin string) (ok bool, err error)
	// Standing is where the registration stands: registered, listed, assigned,
	// paused, withdrawn, or person where that is for a person to say. Report does
	// what the registrant wishes (available, pause, withdraw, return), or refuses
	// it; script names the wording that somebody who returns has agreed to.
	Standing func(ctx context.Context, id string) (string, error)
	Report   func(ctx context.Context, id, wish, script string) (ok bool, err error)
}

// shiftCaller is who calls, held for the call where no flow can change it.
type shiftCaller struct {
	id     string
	proven bool
	byPIN  bool
}

type shiftKey struct{}

var errNotProven = errors.New("nobody has proved who calls")

// ShiftActions are the actions of the shift dialogue.
//
//   - shift.who reads the code. Results: "first" (proven by the number that
//     calls; no PIN is set) and "pin", also where nobody has the code.
//   - shift.prove reads the PIN. Results: "ok" and "denied", with which unknown
//     codes and locked PINs answer too. Both set shift.proof: number or pin.
//   - shift.begin: "ok" and "already".
//   - shift.end: "ok" and "none". Sets shift.hours and shift.minutes, none where
//     they are 0, total.hours the same way, total.any (yes where there are whole
//     hours) and shift.short (yes where there is not even a minute).
//   - shift.pin.choose: "ok" and "weak"; shift.pin.confirm: "ok" and "differs".
//   - registrant.read: "ok". Sets registrant.standing.
//   - registrant.report does what stands under with: wish (available, pause,
//     withdraw, return): "ok", and "refused", when a person must do that.
func ShiftActions(book ShiftBook) map[string]Action {
	who := func(s *Session) (*shiftCaller, error) {
		c, ok := s.Held(shiftKey{}).(*shiftCaller)
		if !ok || !c.proven {
			return nil, errNotProven
		}
		return c, nil
	}
	// answer runs something that may be finished although the caller hangs up.
	answer := func(yes, no string, do func(context.Context, *Session, *shiftCaller) (bool, error)) Action {
		return func(ctx context.Context, s *Session) (string, error) {
			c, err := who(s)
			if err != nil {
				return "", err
			}
			ctx, cancel := outlive(ctx)
			defer cancel()
			ok, err := do(ctx, s, c)
			if err != nil || !ok {
				return no, err
			}
			return yes, nil
		}
	}
	return map[string]Action{
		ActionShiftWho: func(ctx context.Context, s *Session) (string, error) {
			s.Hold(shiftKey{}, nil)
			id, proven, err := book.Who(ctx, s.Get("code"), s.Get(AttributeCaller))
			if err != nil {
				return "", err
			}
			proven = proven && id != ""
			s.Hold(shiftKey{}, &shiftCaller{id: id, proven: proven})
			s.Set("shift.proof", "number")
			if proven {
				return "first", nil
			}
			return "pin", nil
		},
		ActionShiftProve: func(ctx context.Context, s *Session) (string, error) {
			c, ok := s.Held(shiftKey{}).(*shiftCaller)
			if !ok {
				return "", errors.New("no code was asked for before the PIN")
			}
			ok, err := book.Prove(ctx, c.id, s.Get("pin"))
			if err != nil {
				return "", err
			}
			if !ok {
				return "denied", nil
			}
			c.proven, c.byPIN = true, true
			s.Set("shift.proof", "pin")
			return "ok", nil
		},
		ActionShiftBegin: answer("ok", "already", func(ctx context.Context, s *Session, c *shiftCaller) (bool, error) {
			ok, err := book.Begin(ctx, c.id, s.Get(AttributeContactID), c.byPIN)
			if ok && err == nil {
				s.Set(AttributeShiftOf, c.id)
			}
			return ok, err
		}),
		ActionShiftEnd: answer("ok", "none", func(ctx context.Context, s *Session, c *shiftCaller) (bool, error) {
			worked, total, ok, err := book.End(ctx, c.id, s.Get(AttributeContactID), c.byPIN)
			if !ok || err != nil {
				return false, err
			}
			s.Set(AttributeShiftOf, c.id)
			minutes := int(worked.Round(time.Minute) / time.Minute)
			s.Set("shift.hours", spokenCount(minutes/60))
			s.Set("shift.minutes", spokenCount(minutes%60))
			s.Set("total.hours", spokenCount(int(total/time.Hour)))
			s.Set("total.any", yes(total >= time.Hour))
			s.Set("shift.short", yes(minutes == 0))
			return true, nil
		}),
		ActionRegistrantRead: answer("ok", "ok", func(ctx context.Context, s *Session, c *shiftCaller) (bool, error) {
			standing, err := book.Standing(ctx, c.id)
			s.Set("registrant.standing", standing)
			s.Set(AttributeShiftOf, c.id)
			return true, err
		}),
		ActionRegistrantReport: answer("ok", "refused", func(ctx context.Context, s *Session, c *shiftCaller) (bool, error) {
			return book.Report(ctx, c.id, s.Arg("wish"), s.Get("consent.script"))
		}),
		ActionShiftChoose: answer("ok", "weak", func(ctx context.Context, s *Session, c *shiftCaller) (bool, error) {
			return book.Choose(ctx, c.id, s.Get("pin"))
		}),
		ActionShiftConfirm: answer("ok", "differs", func(ctx context.Context, s *Session, c *shiftCaller) (bool, error) {
			return book.Confirm(ctx, c.id, s.Get("pin"))
		}),
	}
}

// spokenCount is a number to be spoken, nothing where there is nothing to say.
// Numbers are spoken up to 999.
func spokenCount(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(min(n, 999))
}
