package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/big"

	"hotline/appliance/call"
	"hotline/appliance/config"
	"hotline/appliance/store"
	"hotline/ivr"
	"hotline/ivr/bulletins"
	"hotline/ivr/mode"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/triage/supervise"
	"hotline/volunteers/roster"
)

// ordered is where the orders of supervisors who were made up are carried out: a
// mode, bulletins, lines and accounts that nobody else knows, in records of their
// own under a key that is thrown away. Nobody can be rung from there.
type ordered struct {
	store     *store.Store
	mode      *mode.Switch
	board     *bulletins.Board
	closures  *triage.Closures
	accounts  *roster.Accounts
	languages []string
	pin       string
	actions   map[string]ivr.Action
}

func openOrdered(dir string, cfg config.Config, dispatch *triage.Dispatcher, log *slog.Logger) (_ *ordered, err error) {
	key := make([]byte, 32)
	rand.Read(key)
	o := &ordered{languages: cfg.Languages}
	if o.pin, err = madeUpPIN(); err != nil {
		return nil, err
	}
	if o.store, err = store.OpenWith(dir, key, log); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = o.store.Close() // what went wrong is said
		}
	}()
	if o.mode, err = mode.Open(o.store, log); err != nil {
		return nil, err
	}
	if o.board, err = bulletins.Open(bulletins.Config{Store: o.store, Operation: cfg.Operation, Languages: cfg.Languages, Log: log}); err != nil {
		return nil, err
	}
	if o.closures, err = triage.OpenClosures(o.store, dispatch.Queues); err != nil {
		return nil, err
	}
	if o.accounts, err = roster.Open(o.store, dir, log); err != nil {
		return nil, err
	}
	commands, err := supervise.New(supervise.Config{Store: o.store, Mode: o.mode, Board: o.board, Closures: o.closures, Dispatcher: dispatch, Accounts: o.accounts, Log: log})
	if err != nil {
		return nil, err
	}
	all := commands.Actions()
	o.actions = map[string]ivr.Action{desk.ActionAuthenticate: desk.Authenticate((&hotline{accounts: o.accounts}).checkPIN)}
	for _, name := range []string{supervise.ActionState, supervise.ActionModeApply, supervise.ActionModeClear, supervise.ActionBulletinDraft,
		supervise.ActionQueueSet, supervise.ActionUndoApply, supervise.ActionProofCode} {
		o.actions[name] = all[name]
	}
	return o, nil
}

// madeUpPIN is one that nobody can guess, and that is no row of digits.
func madeUpPIN() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", fmt.Errorf("making up a PIN: %w", err)
	}
	return fmt.Sprintf("27%06d", n), nil
}

// supervisor makes one up who rings from a number, and codes of theirs if they
// shall have some.
func (o *ordered) supervisor(ctx context.Context, from call.Number, withCodes bool) (codes []string, err error) {
	secret := make([]byte, 16)
	rand.Read(secret)
	a, err := o.accounts.Add(ctx, roster.Account{Login: "rehearsal" + string(from[1:]), Name: "Rehearsal", Role: roster.RoleSupervisor, Phone: from},
		hex.EncodeToString(secret), rehearsalProfile)
	if err != nil {
		return nil, err
	}
	if err := o.accounts.SetPIN(ctx, a.ID, o.pin, rehearsalProfile); err != nil || !withCodes {
		return nil, err
	}
	return o.accounts.MakeCodes(ctx, a.ID, rehearsalProfile)
}
