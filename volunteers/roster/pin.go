package roster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/store"
)

const (
	pinTries    = 3                // wrong PINs for one account before it is locked
	pinLock     = 15 * time.Minute // and for how long
	allFailures = 10               // wrong PINs for anybody within allWindow
	allWindow   = time.Hour
)

// pinFailures are the wrong PINs of late, kept over restarts.
type pinFailures struct {
	Count  int         `json:"count,omitempty"`
	Last   time.Time   `json:"last"`
	Locked time.Time   `json:"locked"`        // until
	All    []time.Time `json:"all,omitempty"` // of the record of all accounts
}

// Records of failures are kept by account id; these two are no ids.
const (
	everybody = "*"
	strangers = "?" // numbers that are nobody's
)

var failures = store.NewTable[pinFailures]("pin_failures")

func clearPINFailures(tx *store.Tx, id string) error { return failures.Delete(tx, id) }

// AuthenticatePhone returns the account that a telephone number selects and a
// PIN proves, or ErrPIN. Wrong, unknown, locked and disabled are one answer
// and take one time; the event log knows the difference.
//
// Three wrong PINs lock an account's PIN for 15 minutes. Ten within an hour,
// whichever accounts they were for, lock the PIN line for everybody until they
// are an hour old: a caller ID is free to forge, so a limit per caller is
// none. A number that selects no account cannot guess anything, and so cannot
// lock the line either. A lock keeps nobody out who keys a paper code in front
// of the PIN.
//
// The account must have the permission that the line is for.
func (a *Accounts) AuthenticatePhone(ctx context.Context, from call.Number, pin string, permission Permission) (Account, error) {
	account, s, err := a.withPIN(byPhone, string(from))
	if err != nil {
		return Account{}, fmt.Errorf("looking up whoever calls: %w", err)
	}
	return a.prove(ctx, account, s, from, pin, permission)
}

// AuthenticateExtension is AuthenticatePhone for a call from a desk phone that
// has proved whose it is. The PIN proves that its owner sits there.
func (a *Accounts) AuthenticateExtension(ctx context.Context, extension, pin string, permission Permission) (Account, error) {
	account, s, err := a.withPIN(byPlace, extension)
	if err != nil {
		return Account{}, fmt.Errorf("looking up whoever calls: %w", err)
	}
	return a.prove(ctx, account, s, "", pin, permission)
}

func (a *Accounts) prove(ctx context.Context, account Account, s secret, from call.Number, pin string, permission Permission) (Account, error) {
	code, pin := splitEntry(pin)
	fits, err := a.hasher.fits(ctx, s.PIN, a.hasher.pinBytes(pin))
	if err != nil {
		return Account{}, err
	}
	if code != "" {
		if err := a.proveWithCode(ctx, account, fits, code, permission); err != nil {
			a.log.Warn("the PIN line refused a paper code and PIN", "from", from, "account", account.ID)
			return Account{}, ErrPIN
		}
		return account, nil
	}
	// The answer is a transaction in every case, and waits for the disk.
	var reason string
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		reason, err = judge(tx, account, fits, permission)
		return err
	})
	if err != nil {
		return Account{}, fmt.Errorf("noting the use of the PIN line: %w", err)
	}
	if reason != "" {
		a.log.Warn("the PIN line refused a caller", "from", from, "account", account.ID, "reason", reason)
		return Account{}, ErrPIN
	}
	return account, nil
}

// withPIN finds the account with a PIN that a number or extension selects; the
// zero Account when there is none.
func (a *Accounts) withPIN(index store.Index, from string) (account Account, s secret, err error) {
	err = a.store.View(func(tx *store.Tx) error {
		if from == "" {
			return nil
		}
		for id := range index.IDs(tx, tx.Digest(from)) {
			found, err := accounts.Get(tx, id)
			if err != nil {
				return err
			}
			if found.HasPIN {
				account = found
				s, err = secrets.Get(tx, id)
				return err
			}
		}
		return nil
	})
	return account, s, err
}

// judge decides, keeps count and tells. The reason is empty when the caller is
// let in.
func judge(tx *store.Tx, account Account, fits bool, permission Permission) (reason string, err error) {
	id := account.ID
	if id == "" {
		id = strangers
	}
	own, err := failuresOf(tx, id)
	if err != nil {
		return "", err
	}
	all, err := failuresOf(tx, everybody)
	if err != nil {
		return "", err
	}
	now := tx.Now()
	for len(all.All) > 0 && now.Sub(all.All[0]) >= allWindow {
		all.All = all.All[1:]
	}
	switch {
	case now.Before(own.Locked):
		reason = "locked"
	case len(all.All) >= allFailures:
		reason = "line locked"
	case !fits && id == strangers:
		reason = "unknown number"
	case !fits:
		reason = "wrong PIN"
	case account.Disabled || !account.Role.May(permission):
		reason = "not allowed"
	default:
		tx.Emit(events.Event{Kind: EventUnlocked, Agent: id, By: id, Via: "phone"})
		return "", failures.Delete(tx, id)
	}
	if reason == "locked" || reason == "line locked" {
		// What is refused anyway does not count, or the lock would never end.
		return reason, failures.Put(tx, everybody, all)
	}
	if now.Sub(own.Last) > pinLock {
		own.Count = 0
	}
	own.Count++
	own.Last = now
	if id == strangers {
		return reason, errors.Join(failures.Put(tx, id, own), failures.Put(tx, everybody, all))
	}
	all.All = append(all.All, now)
	if own.Count >= pinTries {
		own.Count, own.Locked = 0, now.Add(pinLock)
		tx.Emit(events.Event{Kind: EventLocked, Agent: id, Via: "phone",
			Data: map[string]string{"why": "three wrong PINs", "until": own.Locked.Format(time.RFC3339)}})
	}
	if len(all.All) == allFailures {
		tx.Emit(events.Event{Kind: EventLocked, Via: "phone",
			Data: map[string]string{"why": "ten wrong PINs within an hour: the PIN line is locked for everybody", "until": all.All[0].Add(allWindow).Format(time.RFC3339)}})
	}
	return reason, errors.Join(failures.Put(tx, id, own), failures.Put(tx, everybody, all))
}

func failuresOf(tx *store.Tx, id string) (pinFailures, error) {
	f, err := failures.Get(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		return pinFailures{}, nil
	}
	return f, err
}
