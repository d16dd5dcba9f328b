package roster

import (
	"context"
	"errors"

	"hotline/appliance/store"
)

// Who may go on to work here when an operation is over.
const (
	KeepAll    = "all"    // everybody
	KeepLeads  = "leads"  // all but phone volunteers
	KeepAdmins = "admins" // those who keep the box running
)

// Keeps are the choices, in the order of forms.
func Keeps() []string { return []string{KeepLeads, KeepAdmins, KeepAll} }

func keeps(which string, account Account) bool {
	switch {
	case account.Disabled:
		return false
	case which == KeepAll:
		return true
	case which == KeepLeads:
		return account.Role.leads()
	}
	return account.Role.May(Admin)
}

// Carry takes accounts of another store over: what they need to sign in, and
// nothing that they did. Sessions, tokens, invitations and screens on walls end.
// A desk phone has to be given anew. It reports how many they are.
func Carry(tx, from *store.Tx, which string) (n int, err error) {
	for id, account := range accounts.All(from) {
		if !keeps(which, account) {
			continue
		}
		s, err := secrets.Get(from, id)
		if err != nil {
			return n, err
		}
		account.Extension, s.Phone = "", ""
		err = errors.Join(accounts.Put(tx, id, account), secrets.Put(tx, id, s), byLogin.Add(tx, tx.Digest(account.Login), id), indexPhone(tx, account),
			carryOne(tx, from, secondTable, id), carryOne(tx, from, sheets, id))
		if err != nil {
			return n, err
		}
		n++
	}
	rule, err := ruleTable.Get(from, ruleKey)
	if errors.Is(err, store.ErrNotFound) {
		return n, nil
	}
	return n, errors.Join(err, ruleTable.Put(tx, ruleKey, rule))
}

func carryOne[T any](tx, from *store.Tx, table store.Table[T], id string) error {
	one, err := table.Get(from, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return errors.Join(err, table.Put(tx, id, one))
}

// Prove asks somebody who is signed in for the password again, and for the
// second step where there is one: an open laptop is not enough. It answers with
// ErrRefused, ErrCode, or a TooSoon after several wrong ones.
func (a *Accounts) Prove(ctx context.Context, id, password, code string) error {
	account, err := a.Get(id)
	if err != nil {
		return err
	}
	if err := a.proveOwner(ctx, account, password, false); err != nil {
		return err
	}
	if account.Second {
		return a.proveSecond(ctx, id, code)
	}
	return nil
}

// Staying is how many accounts Carry would take over.
func Staying(tx *store.Tx, which string) (n int, err error) {
	for _, account := range accounts.All(tx) {
		if keeps(which, account) {
			n++
		}
	}
	return n, nil
}
