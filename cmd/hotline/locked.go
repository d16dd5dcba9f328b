package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"hotline/appliance/backup"
	"hotline/appliance/boxkey"
	"hotline/appliance/config"
	"hotline/appliance/store"
	"hotline/ivr/mode"
	"hotline/triage/inbox"
	"hotline/ui"
)

// A box that starts without its key takes calls all the same. It is the whole
// program on an empty store of its own, the inbox; what it writes there, nobody
// reads before the box is unlocked. Nobody can sign in, for the accounts are
// locked away, so nobody can be connected: callers are promised a call back or
// leave a message. When the key comes, the records are opened and proved while
// calls are still taken; then the running calls end, the program begins anew on
// the records, and the inbox comes into them before the next call.

// lockedBox is a box that writes into an inbox.
type lockedBox struct {
	cfg   config.Config
	why   *boxkey.Locked
	keys  *boxkey.Keeper
	inbox boxkey.Inbox
	key   []byte // of the inbox
	log   *slog.Logger

	h      *hotline
	pages  *ui.Locked
	one    sync.Mutex // unlocks at a time
	opened chan *store.Store
}

const (
	// quietFor is how long an unlocked box waits for a moment without a call, so
	// that nobody is asked to ring again.
	quietFor = 2 * time.Minute
	// lockedDrain is how long running calls may go on after that: a menu, a
	// message, a number. Who rings meanwhile is on the list of those to be called.
	lockedDrain = 5 * time.Minute
	quietLook   = 200 * time.Millisecond
	stickLook   = 2 * time.Second
)

// openHome opens the records, or the inbox of a box without its key.
func openHome(ctx context.Context, data string, m manner, log *slog.Logger) (*store.Store, *boxkey.Keeper, error) {
	if m.locked != nil {
		s, err := store.OpenWith(m.locked.inbox.Dir, m.locked.key, log)
		return s, nil, err
	}
	keys, err := boxkey.Open(data)
	if err != nil || m.records != nil {
		return m.records, keys, err
	}
	key, err := keys.AtHand()
	if err != nil {
		return nil, nil, err
	}
	s, err := backup.OpenRecords(ctx, data, key, log)
	return s, keys, err
}

// unlocked is what follows when the key is there: whatever was begun with it is
// ended, and what came without it is taken over.
func (h *hotline) unlocked(ctx context.Context) error {
	if h.keys == nil {
		return nil
	}
	if err := h.keys.Adopt(h.records.Key(), h.backups.Recovery()); err != nil {
		return fmt.Errorf("the key of the hotline cannot be kept: %w", err)
	}
	_ = inbox.MergeAll(ctx, h.records, h.keys, "", h.log) // it has said what is wrong, and callers must not wait for it
	return nil
}

// rewrap lets a new recovery key open the box.
func (h *hotline) rewrap(public string) error {
	if h.keys == nil {
		return nil
	}
	return h.keys.Recover(h.records.Key(), public)
}

// backUp makes backups, but not of an inbox: it is gone in a moment, and this
// box could not open them.
func (h *hotline) backUp(ctx context.Context) error {
	if h.keys == nil {
		<-ctx.Done()
		return nil
	}
	return h.backups.Run(ctx)
}

// runLocked takes calls without the key of the box until somebody brings it,
// and returns the records, proved; nil when the end was asked for.
func runLocked(ctx context.Context, cfg config.Config, why *boxkey.Locked, s streams, log *slog.Logger) (*store.Store, error) {
	keys, err := boxkey.Open(cfg.DataDir())
	if err != nil {
		return nil, err
	}
	box := &lockedBox{cfg: cfg, why: why, keys: keys, log: log, opened: make(chan *store.Store, 1)}
	if box.inbox, box.key, err = keys.NewInbox(time.Now()); err != nil {
		return nil, err
	}
	h, err := assemble(cfg, manner{drain: lockedDrain, locked: box}, log)
	if err != nil {
		return nil, err
	}
	log.Warn("the hotline has started without its key: it takes calls and writes them sealed, and nobody can sign in until somebody unlocks it", "why", why.Why)
	fmt.Fprintf(s.out, "%s is LOCKED, and takes calls: callers are promised a call back or leave a message.\n  %v\n  Unlock it:  %s\n  Calls:  sip at %s\n", cfg.Name, why, pageURL(h), h.trunk.Addr())
	run, stop := context.WithCancel(ctx)
	defer stop()
	var beside sync.WaitGroup
	beside.Go(func() { box.watch(run) })
	var records *store.Store
	beside.Go(func() {
		select {
		case <-run.Done():
		case records = <-box.opened:
			log.Info("the hotline is unlocked; the calls that run end before it begins anew")
			quiet(run, h)
			stop()
		}
	})
	err = h.Run(run)
	stop()
	beside.Wait()
	if records == nil {
		select {
		case records = <-box.opened: // in the last moment
		default:
		}
	}
	if records != nil && (err != nil || ctx.Err() != nil) {
		err = errors.Join(err, records.Close())
		records = nil
	}
	return records, err
}

// quiet waits for a moment without a call, but not for ever.
func quiet(ctx context.Context, h *hotline) {
	limit := time.NewTimer(quietFor)
	defer limit.Stop()
	look := time.NewTicker(quietLook)
	defer look.Stop()
	for h.trunk.Stats().Calls > 0 {
		select {
		case <-ctx.Done():
			return
		case <-limit.C:
			return
		case <-look.C:
		}
	}
}

// begin is called with the hotline that is to run on the inbox.
func (box *lockedBox) begin(h *hotline) (err error) {
	box.h = h
	if _, err = h.mode.Set(context.Background(), mode.Change{Mode: mode.CallBacks, For: mode.MaxFor, By: "locked", Via: "rule"}); err != nil {
		return err
	}
	offers := box.keys.State()
	box.pages, err = ui.NewLocked(ui.LockedConfig{
		Operation: box.cfg.Operation, Version: version(), Why: box.why.Why, Path: box.why.Path, Since: box.inbox.Since,
		Passphrase: offers.Kind == boxkey.Passphrase, Recovery: offers.Recovery,
		Calls:  func() (running, taken int) { s := h.trunk.Stats(); return s.Calls, int(s.Answered) },
		Unlock: box.unlock, Log: box.log,
	})
	if err == nil {
		h.front = box.pages.Run
	}
	return err
}

// unlock tries what somebody has brought.
func (box *lockedBox) unlock(ctx context.Context, how string, secret []byte) error {
	var key []byte
	var err error
	switch how {
	case ui.UnlockPassphrase:
		key, err = box.keys.ByPassphrase(string(secret))
	case ui.UnlockRecovery:
		id, parseErr := backup.ParseKey(string(secret))
		if parseErr != nil {
			return cmp.Or(parseErr, boxkey.ErrWrong)
		}
		key, err = box.keys.ByRecovery(id)
	default:
		key, err = box.keys.ByFile(secret)
	}
	if err != nil {
		return err
	}
	return box.open(ctx, key)
}

// open opens and proves the records with the key, and takes over older inboxes
// already, while calls go on into this one.
func (box *lockedBox) open(ctx context.Context, key []byte) error {
	box.one.Lock()
	defer box.one.Unlock()
	if box.pages.Opened() {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // half a rescue helps nobody
	records, err := backup.OpenRecords(ctx, box.cfg.DataDir(), key, box.log)
	if err != nil {
		return &ui.RecordsError{Err: err}
	}
	_ = inbox.MergeAll(ctx, records, box.keys, box.inbox.ID, box.log) // what is wrong it has said, and it is tried again
	box.pages.Open()
	box.opened <- records
	return nil
}

// watch looks for a key that is put where it belongs: a stick for instance.
func (box *lockedBox) watch(ctx context.Context) {
	look := time.NewTicker(stickLook)
	defer look.Stop()
	for failed := ""; !box.pages.Opened(); {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		key, err := box.keys.AtHand()
		if err != nil || key == nil {
			continue
		}
		if err := box.open(ctx, key); err != nil && err.Error() != failed {
			failed = err.Error()
			box.log.Error("the key is there, but the records cannot be opened; calls are taken", "error", err)
		}
	}
}
