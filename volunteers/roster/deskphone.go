package roster

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/trunk"
)

const (
	firstExtension  = 2001
	phoneSecretSize = 20 // letters and digits, 100 bits: a recorded registration cannot be guessed open
)

// NewDeskPhone gives an account the user name and password of a desk phone,
// or a new password for the one it has. The password is shown this once:
// nothing but what registering needs is kept. Phones with the old one are cut
// off.
func (a *Accounts) NewDeskPhone(ctx context.Context, id, by string) (extension, password string, err error) {
	password = strings.ToLower(rand.Text()[:phoneSecretSize])
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		account, err := get(tx, id)
		if err != nil {
			return err
		}
		if !account.Role.May(Desk) {
			return Mistake("only people who take calls get a desk phone: choose another role first")
		}
		if account.Extension == "" {
			n, err := tx.Next("extension")
			if err != nil {
				return err
			}
			account.Extension = strconv.FormatUint(firstExtension-1+n, 10)
		}
		s, err := secrets.Get(tx, id)
		if err != nil {
			return err
		}
		extension = account.Extension
		s.Phone, account.Changed = trunk.PhoneProof(extension, password), tx.Now()
		tx.Emit(events.Event{Kind: EventPhoneSet, Agent: id, By: by})
		return errors.Join(accounts.Put(tx, id, account), secrets.Put(tx, id, s), byPlace.Add(tx, tx.Digest(extension), id))
	})
	return extension, password, err
}

// DropDeskPhone takes the desk phone of an account away.
func (a *Accounts) DropDeskPhone(ctx context.Context, id, by string) error {
	return a.store.Update(ctx, func(tx *store.Tx) error {
		account, err := get(tx, id)
		if err != nil || account.Extension == "" {
			return err
		}
		s, err := secrets.Get(tx, id)
		if err != nil {
			return err
		}
		old := account.Extension
		s.Phone, account.Extension, account.Changed = "", "", tx.Now()
		tx.Emit(events.Event{Kind: EventPhoneSet, Agent: id, By: by, Data: map[string]string{"phone": "removed"}})
		return errors.Join(accounts.Put(tx, id, account), secrets.Put(tx, id, s), byPlace.Remove(tx, tx.Digest(old), id))
	})
}

// Proof implements trunk.Phones: desk phones register as the extension of an
// account that takes calls.
func (a *Accounts) Proof(extension string) (proof string, ok bool) {
	err := a.store.View(func(tx *store.Tx) error {
		for id := range byPlace.IDs(tx, tx.Digest(extension)) {
			account, err := accounts.Get(tx, id)
			if err != nil || account.Disabled || !account.Role.May(Desk) {
				return err
			}
			s, err := secrets.Get(tx, id)
			proof, ok = s.Phone, s.Phone != ""
			return err
		}
		return nil
	})
	if err != nil {
		a.log.Error("the password of a desk phone cannot be read; it cannot register", "error", err)
		return "", false
	}
	return proof, ok
}
