package roster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// EventProofWrong says that somebody who is signed in was asked for the present
// password or PIN and gave a wrong one.
const EventProofWrong = "account.proof_wrong"

// What people change about their own account asks for the present password: an
// open laptop is not enough. Where a PIN is at stake that is enough, too. Wrong
// ones are ErrRefused, and slowed down with a TooSoon as at the sign-in.

// OwnPassword is SetPassword by the owner. The session of the token kept, in
// which it was changed, goes on, with the call that its page may be on; all
// others end.
func (a *Accounts) OwnPassword(ctx context.Context, id, present, password, kept string) error {
	account, err := a.Get(id)
	if err != nil {
		return err
	}
	if err := a.proveOwner(ctx, account, present, false); err != nil {
		return err
	}
	return a.setPassword(ctx, account, password, id, kept)
}

// OwnPIN is SetPIN by the owner. Where the PIN also signs in at the pages, the
// other sessions end as after OwnPassword, and no telephone is needed.
func (a *Accounts) OwnPIN(ctx context.Context, id, present, pin, kept string) error {
	account, err := a.Get(id)
	if err != nil {
		return err
	}
	if err := a.proveOwner(ctx, account, present, true); err != nil {
		return err
	}
	signsIn, err := a.PINSignsIn(account)
	if err != nil {
		return err
	}
	if !signsIn {
		if pin == "" {
			return checkPIN(pin, account)
		}
		return a.SetPIN(ctx, id, pin, id)
	}
	if err := checkPIN(pin, account); err != nil {
		return err
	}
	hash, err := a.hasher.hash(ctx, a.hasher.pinBytes(pin))
	if err != nil {
		return err
	}
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		account, err := get(tx, id)
		if err != nil {
			return err
		}
		s, err := secrets.Get(tx, id)
		if err != nil {
			return err
		}
		s.PIN, s.PINSet = hash, tx.Now()
		account.HasPIN, account.Changed = account.Phone != "" || account.Extension != "", tx.Now()
		tx.Emit(events.Event{Kind: EventPINSet, Agent: id, By: id, Via: "web"})
		return errors.Join(indexPhone(tx, account), accounts.Put(tx, id, account), secrets.Put(tx, id, s), clearPINFailures(tx, id),
			endSessions(tx, id, exceptFor(kept), id, "the PIN was changed"))
	})
	if err == nil {
		a.forgetSessions(id, exceptFor(kept))
	}
	return err
}

// OwnDeskPhone is NewDeskPhone by the owner, who has a desk phone already.
func (a *Accounts) OwnDeskPhone(ctx context.Context, id, present string) (extension, password string, err error) {
	account, err := a.Get(id)
	if err != nil {
		return "", "", err
	}
	if account.Extension == "" {
		return "", "", Mistake("you have no desk phone: an administrator gives you one")
	}
	if err := a.proveOwner(ctx, account, present, true); err != nil {
		return "", "", err
	}
	return a.NewDeskPhone(ctx, id, id)
}

// PINSignsIn reports that the account has no password: its PIN signs in at the
// pages.
func (a *Accounts) PINSignsIn(account Account) (is bool, err error) {
	if !account.byPIN() {
		return false, nil
	}
	err = a.store.View(func(tx *store.Tx) error {
		s, err := secrets.Get(tx, account.ID)
		is = s.Password == ""
		return err
	})
	return is, err
}

// proveOwner asks somebody who is signed in for the password again, or where
// that is enough for the PIN, and slows down guessing.
func (a *Accounts) proveOwner(ctx context.Context, account Account, present string, pin bool) error {
	door := "prove\x00" + account.ID
	if account.byPIN() { // six digits: guesses here and at the sign-in count together
		door = "\x00" + account.Login
	}
	if wait := a.doors.wait(door, time.Now()); wait > 0 {
		return TooSoon(wait)
	}
	found, fits, err := a.authenticate(ctx, account.Login, present)
	if err != nil {
		return err
	}
	fits = fits && found.ID == account.ID
	if !fits && pin && account.HasPIN {
		if fits, err = a.fitsOwnPIN(ctx, account.ID, present); err != nil {
			return err
		}
	}
	if fits {
		a.doors.passed(door)
		return nil
	}
	a.doors.failed(door, time.Now())
	a.log.Warn("the present password or PIN of somebody who is signed in was wrong", "account", account.ID)
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: EventProofWrong, Agent: account.ID, By: account.ID, Via: "web"})
		return nil
	})
	if err != nil {
		return fmt.Errorf("noting a wrong password: %w", err)
	}
	return ErrRefused
}

func (a *Accounts) fitsOwnPIN(ctx context.Context, id, pin string) (bool, error) {
	var s secret
	err := a.store.View(func(tx *store.Tx) (err error) {
		s, err = secrets.Get(tx, id)
		return err
	})
	if err != nil {
		return false, err
	}
	if len(pin) > 4*passwordMost {
		pin = ""
	}
	return a.hasher.fits(ctx, s.PIN, a.hasher.pinBytes(strings.TrimSpace(pin)))
}
