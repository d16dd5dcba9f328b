package ivr_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hotline/appliance/history"
	"hotline/appliance/lists/liststest"
	"hotline/ivr"
	"hotline/volunteers"
)

// registered makes somebody who has registered to help from a number.
func (s *scene) registered(number string) {
	s.t.Helper()
	s.people()
	s.hours = volunteers.NewShifts(s.records, s.room.accounts, "US")
	registry := volunteers.NewRegistry(s.records, liststest.Open(s.t, s.records))
	code, err := registry.SaveAnswers(s.t.Context(), map[string]string{"contact.id": "contact-0", "caller.number": number, "age": "adult", "consent": "yes"}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := registry.ByCode(code)
	if err != nil {
		s.t.Fatal(err)
	}
	s.helperID, s.helperCode = r.ID, code
}

func (s *scene) hasPIN(pin string) {
	s.t.Helper()
	if err := s.hours.ChoosePIN(s.t.Context(), s.helperID, pin); err != nil {
		s.t.Fatal(err)
	}
	if ok, err := s.hours.ConfirmPIN(s.t.Context(), s.helperID, pin); !ok || err != nil {
		s.t.Fatal(ok, err)
	}
}

func (s *scene) checkIn() {
	s.t.Helper()
	if _, err := s.hours.CheckIn(s.t.Context(), s.helperID, "contact-0", volunteers.MethodPIN); err != nil {
		s.t.Fatal(err)
	}
}

// shiftWords says what the book of hours has of the volunteer.
func (s *scene) shiftWords() string {
	s.t.Helper()
	list, err := s.hours.Of(s.helperID)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(list) == 0 {
		return "0"
	}
	last := list[len(list)-1]
	length := "running"
	if !last.CheckOut.IsZero() {
		length = fmt.Sprint(int(last.Worked() / time.Minute))
	}
	return fmt.Sprint(len(list), " ", length, " ", last.Method)
}

// stands moves the volunteer along the way until there.
func (s *scene) stands(status string) {
	s.t.Helper()
	steps := map[string][]string{"on_hold": {"hold"}, "suspended": {"suspend"}, "withdrawn": {"withdraw"}, "briefed": {"contacted", "approve", "brief"}}
	for _, step := range steps[status] {
		if _, err := volunteers.NewRegistry(s.records, liststest.Open(s.t, s.records)).Move(s.t.Context(), s.helperID, step, history.Edit{By: "acc-1", Why: "as asked"}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// registrationWords says where the volunteer stands, and since when they can
// come.
func (s *scene) registrationWords() string {
	s.t.Helper()
	r, err := volunteers.NewRegistry(s.records, liststest.Open(s.t, s.records)).Get(s.helperID)
	if err != nil {
		s.t.Fatal(err)
	}
	words := strings.TrimSpace(string(r.Status) + " " + string(r.Availability))
	if !r.Consent.Given {
		words += " without consent"
	}
	return words
}

// shiftBook is the real book of hours, unless the script broke it.
func (s *scene) shiftBook() ivr.ShiftBook {
	method := map[bool]string{true: volunteers.MethodPIN, false: volunteers.MethodNumber}
	return ivr.ShiftBook{
		Who: func(ctx context.Context, code, caller string) (string, bool, error) {
			return s.hours.Who(ctx, code, caller)
		},
		Prove: func(ctx context.Context, id, pin string) (bool, error) {
			return s.hours.Prove(ctx, id, pin)
		},
		Begin: func(ctx context.Context, id, contact string, byPIN bool) (bool, error) {
			if s.hoursBroken != nil {
				return false, s.hoursBroken
			}
			_, err := s.hours.CheckIn(ctx, id, contact, method[byPIN])
			if errors.Is(err, volunteers.ErrCheckedIn) {
				return false, nil
			}
			return err == nil, err
		},
		End: func(ctx context.Context, id, contact string, byPIN bool) (time.Duration, time.Duration, bool, error) {
			if s.hoursBroken != nil {
				return 0, 0, false, s.hoursBroken
			}
			shift, total, err := s.hours.CheckOut(ctx, id, contact, method[byPIN])
			if errors.Is(err, volunteers.ErrNotCheckedIn) {
				return 0, 0, false, nil
			}
			return shift.Worked(), total, err == nil, err
		},
		Choose: func(ctx context.Context, id, pin string) (bool, error) {
			err := s.hours.ChoosePIN(ctx, id, pin)
			if errors.Is(err, volunteers.ErrWeakPIN) {
				return false, nil
			}
			return err == nil, err
		},
		Confirm: func(ctx context.Context, id, pin string) (bool, error) { return s.hours.ConfirmPIN(ctx, id, pin) },
		Standing: func(_ context.Context, id string) (string, error) {
			r, err := volunteers.NewRegistry(s.records, liststest.Open(s.t, s.records)).Get(id)
			return string(r.Standing()), err
		},
		Report: func(ctx context.Context, id, wish, script string) (bool, error) {
			if s.hoursBroken != nil {
				return false, s.hoursBroken
			}
			_, err := volunteers.NewRegistry(s.records, liststest.Open(s.t, s.records)).AsWished(ctx, id, volunteers.Wish(wish), script)
			if errors.Is(err, volunteers.ErrStep) {
				return false, nil
			}
			return err == nil, err
		},
	}
}
