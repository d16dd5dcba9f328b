package desk

import (
	"context"
	"slices"
	"time"

	"hotline/appliance/call"
)

// obeyTelephones does in a talk what people do at their telephones instead of
// at a page: hanging up ends their part, hold is hold, and a lead whose
// telephone was lost is rung again. It reports that the call is over.
func (t *talk) obeyTelephones() bool {
	for _, p := range slices.Concat(t.others, t.watchers) {
		if p.seat != nil && p.seat.hungUp() {
			t.remove(p.seat)
			t.touchAll()
		}
	}
	if t.consult != nil && t.consult.seat != nil && t.consult.seat.hungUp() {
		t.endConsult()
		t.touchAll()
	}
	if t.seat == nil {
		return false
	}
	if t.seat.hungUp() {
		t.ending = ending{by: call.ByAgent, reason: "the agent hung up"}
		return true
	}
	if held := t.seat.holds(); held != t.phoneHeld {
		t.phoneHeld = held
		if held {
			t.hold()
		} else {
			t.resume()
		}
		t.touchAll()
	}
	t.ringAgain()
	return false
}

// ringAgain rings the telephone of a lead who was lost, until the caller goes
// to somebody else.
func (t *talk) ringAgain() {
	seat := t.seat
	if t.lostSince.IsZero() || t.ringing || time.Since(t.rungAt) < againEvery || !seat.rings(time.Now()) {
		return
	}
	t.ringing, t.rungAt = true, time.Now()
	t.helpers.Go(func() {
		ctx, stop := context.WithTimeout(t.all, time.Duration(t.d.patience.Load()))
		defer stop()
		err := seat.fetch(ctx, 0)
		if err != nil && ctx.Err() == nil {
			t.d.cfg.Log.Info("an agent who was lost does not answer the telephone", "agent", seat.id(), "contact", t.conv.id, "error", err)
		}
		select {
		case t.rung <- seat:
		case <-t.all.Done():
			if err == nil { // nobody talks any more
				seat.hangUp()
			}
		}
	})
}
