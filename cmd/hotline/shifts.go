package main

import (
	"context"
	"errors"
	"time"

	"hotline/ivr"
	"hotline/volunteers"
)

// shiftBook lets the phone dialogue of shifts write into the book of hours.
func shiftBook(b *volunteers.Shifts, g *volunteers.Registry) ivr.ShiftBook {
	method := func(byPIN bool) string {
		if byPIN {
			return volunteers.MethodPIN
		}
		return volunteers.MethodNumber
	}
	// A refusal is an answer to the caller, not a fault.
	answer := func(err error, refusals ...error) (bool, error) {
		for _, refusal := range refusals {
			if errors.Is(err, refusal) {
				return false, nil
			}
		}
		return err == nil, err
	}
	return ivr.ShiftBook{
		Who:   b.Who,
		Prove: b.Prove,
		Begin: func(ctx context.Context, id, contact string, byPIN bool) (bool, error) {
			_, err := b.CheckIn(ctx, id, contact, method(byPIN))
			return answer(err, volunteers.ErrCheckedIn)
		},
		End: func(ctx context.Context, id, contact string, byPIN bool) (time.Duration, time.Duration, bool, error) {
			shift, total, err := b.CheckOut(ctx, id, contact, method(byPIN))
			ok, err := answer(err, volunteers.ErrNotCheckedIn)
			return shift.Worked(), total, ok, err
		},
		Choose: func(ctx context.Context, id, pin string) (bool, error) {
			return answer(b.ChoosePIN(ctx, id, pin), volunteers.ErrWeakPIN, volunteers.ErrHasPIN)
		},
		Confirm: b.ConfirmPIN,
		Standing: func(_ context.Context, id string) (string, error) {
			r, err := g.Get(id)
			return string(r.Standing()), err
		},
		Report: func(ctx context.Context, id, wish, script string) (bool, error) {
			_, err := g.AsWished(ctx, id, volunteers.Wish(wish), script)
			return answer(err, volunteers.ErrStep)
		},
	}
}
