package volunteers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/volunteers/roster"
)

// PINs makes and compares hashes of PINs; roster.Accounts does.
type PINs interface {
	HashPIN(ctx context.Context, pin string) (string, error)
	FitsPIN(ctx context.Context, hash, pin string) (bool, error)
}

// Events of PINs.
const (
	EventPINSet    = "registrant.pin_set"
	EventPINLocked = "registrant.pin_locked"
	EventPINReset  = "registrant.pin_reset"
)

const (
	pinLeast = 4
	pinMost  = 8
	pinTries = 3 // wrong PINs for one person before the PIN is locked
	pinLock  = 15 * time.Minute
)

// Refusals of a chosen PIN.
var (
	ErrWeakPIN = fmt.Errorf("a PIN has %d to %d digits, is no row such as 1234 or 7777, and is no part of the telephone number", pinLeast, pinMost)
	ErrHasPIN  = errors.New("this person has a PIN already")
)

// pinRecord proves by telephone who a registrant is. It is kept apart from the
// Registrant, which many may see.
type pinRecord struct {
	PIN    string    `json:"pin,omitempty"`
	Chosen string    `json:"chosen,omitempty"` // keyed once, and not yet a second time
	Set    time.Time `json:"set,omitzero"`
	Failed int       `json:"failed,omitempty"` // of late
	Last   time.Time `json:"last,omitzero"`
	Locked time.Time `json:"locked,omitzero"` // until
}

var registrantPINs = store.NewTable[pinRecord]("registrant_pins") // by registrant

func pinOf(tx *store.Tx, registrant string) (pinRecord, error) {
	p, err := registrantPINs.Get(tx, registrant)
	if errors.Is(err, store.ErrNotFound) {
		return pinRecord{}, nil
	}
	return p, err
}

// Who finds the registrant with a code; id is "" when there is none. Proven
// says that nothing more is needed: no PIN is set yet, and the call comes from
// the number that was registered.
func (b *Shifts) Who(_ context.Context, code, caller string) (id string, proven bool, err error) {
	if !ValidCode(code) {
		return "", false, nil
	}
	err = b.store.View(func(tx *store.Tx) error {
		found := first(byCode.IDs(tx, code))
		if found == "" {
			return nil
		}
		r, err := registrants.Get(tx, found)
		if err != nil || !r.Consent.Given && !r.tookBack() { // a code that was never read out
			return err
		}
		p, err := pinOf(tx, found)
		if err != nil {
			return err
		}
		from, registered := call.ParseNumber(caller, b.region), call.ParseNumber(string(r.Phone), b.region)
		id, proven = found, p.PIN == "" && !from.Withheld() && from == registered
		return nil
	})
	return id, proven, err
}

// Prove reports whether a PIN is that of a registrant. No registrant, no PIN, a
// wrong and a locked one are one answer in one time; the event log knows more.
//
// Three wrong ones lock a person's PIN for 15 minutes. There is no lock for all:
// at the beginning of a shift many call at once and mistype, and what a guess
// could win is hours of work on paper.
func (b *Shifts) Prove(ctx context.Context, registrant, pin string) (ok bool, err error) {
	var p pinRecord
	if err := b.store.View(func(tx *store.Tx) error {
		if registrant != "" {
			p, err = pinOf(tx, registrant)
		}
		return err
	}); err != nil {
		return false, fmt.Errorf("looking up a PIN: %w", err)
	}
	fits, err := b.hasher.FitsPIN(ctx, p.PIN, pin)
	if err != nil {
		return false, err
	}
	hash := p.PIN
	err = b.store.Update(ctx, func(tx *store.Tx) error { // waits for the disk whatever the answer is
		ok = false
		if registrant == "" {
			return nil
		}
		p, err := pinOf(tx, registrant)
		if err != nil || p.PIN == "" {
			return err
		}
		now := tx.Now()
		switch {
		case now.Before(p.Locked): // does not count, or the lock would never end
			return nil
		case fits && p.PIN == hash:
			ok = true
			p.Failed = 0
			return registrantPINs.Put(tx, registrant, p)
		case now.Sub(p.Last) > pinLock:
			p.Failed = 0
		}
		p.Failed, p.Last = p.Failed+1, now
		if p.Failed >= pinTries {
			p.Failed, p.Locked = 0, now.Add(pinLock)
			tx.Emit(events.Event{Kind: EventPINLocked, Via: "phone", Data: map[string]string{"registrant": registrant, "until": p.Locked.Format(time.RFC3339)}})
		}
		return registrantPINs.Put(tx, registrant, p)
	})
	return ok && err == nil, err
}

// ChoosePIN notes a PIN that a proven registrant without one has keyed. It
// counts when ConfirmPIN has heard it a second time.
func (b *Shifts) ChoosePIN(ctx context.Context, registrant, pin string) error {
	r, err := (&Registry{store: b.store}).Get(registrant)
	if err != nil {
		return err
	}
	if len(pin) < pinLeast || len(pin) > pinMost || strings.Trim(pin, "0123456789") != "" || roster.WeakPIN(pin, r.Phone) || pin == r.Code {
		return ErrWeakPIN
	}
	hash, err := b.hasher.HashPIN(ctx, pin)
	if err != nil {
		return err
	}
	return b.store.Update(ctx, func(tx *store.Tx) error {
		p, err := pinOf(tx, registrant)
		if err != nil {
			return err
		}
		if p.PIN != "" {
			return ErrHasPIN
		}
		p.Chosen = hash
		return registrantPINs.Put(tx, registrant, p)
	})
}

// ConfirmPIN makes the chosen PIN count if it is the same.
func (b *Shifts) ConfirmPIN(ctx context.Context, registrant, pin string) (ok bool, err error) {
	var p pinRecord
	if err := b.store.View(func(tx *store.Tx) error {
		p, err = pinOf(tx, registrant)
		return err
	}); err != nil {
		return false, err
	}
	fits, err := b.hasher.FitsPIN(ctx, p.Chosen, pin)
	if err != nil || !fits || p.PIN != "" {
		return false, err
	}
	hash := p.Chosen
	err = b.store.Update(ctx, func(tx *store.Tx) error {
		ok = false
		p, err := pinOf(tx, registrant)
		if err != nil || p.PIN != "" || p.Chosen != hash {
			return err
		}
		ok = true
		p.PIN, p.Chosen, p.Set = p.Chosen, "", tx.Now()
		tx.Emit(events.Event{Kind: EventPINSet, Via: "phone", Data: map[string]string{"registrant": registrant}})
		return registrantPINs.Put(tx, registrant, p)
	})
	return ok && err == nil, err
}

// ResetPIN takes away the PIN of somebody who has forgotten it, and a lock.
// From then on the number that was registered proves who calls, as before the
// first PIN, and a new one can be chosen: by must have made sure who asks.
func (b *Shifts) ResetPIN(ctx context.Context, registrant, by string) error {
	err := b.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := registrants.Get(tx, registrant); err != nil {
			return err
		}
		tx.Emit(events.Event{Kind: EventPINReset, By: by, Via: "web", Data: map[string]string{"registrant": registrant}})
		return registrantPINs.Put(tx, registrant, pinRecord{})
	})
	if err != nil {
		return fmt.Errorf("the PIN was not reset: %w", err)
	}
	return nil
}
