// Package backup keeps a second copy of everything the box knows in another
// place, and makes a box out of it again. It does not know what records mean.
//
// Every hour the whole is written, every minute what has changed since; sound
// is copied once, sealed as it is. Records and keys are encrypted to a recovery
// key that people keep on paper.
//
// Contracts:
//
//  1. A backup counts when it was read back from its place and every seal in it
//     opened. Until then it has another name.
//  2. What is damaged on this box does not get into a backup, and no older
//     backup is removed before a newer whole one counts.
//  3. Making a backup never holds up a call: it reads one picture of the store.
//
// At the place, in a folder hotline-<box>:
//
//	20261126T040000.000Z.hotline         everything
//	20261126T040000.000Z+0007.hotline    what has changed since +0006
//	sound/<id>.sealed                recordings and messages
package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"hotline/appliance/place"
	"hotline/appliance/store"
)

// Events of this package.
const (
	EventPlace       = "backup.place_changed"
	EventRecoveryKey = "backup.key_made"
)

const (
	everyChange = time.Minute
	everyWhole  = time.Hour
	// A whole backup that takes long is made less often: the box has calls to
	// carry.
	wholeShare = 20
	wholeAgain = 10 * time.Minute // after one that failed
	wholeLate  = 6 * time.Hour    // so long one waits for the machine
	longest    = 2 * time.Hour    // one round may take
	spare      = 1 << 30          // bytes that a backup on the box's own disk leaves free
	dailyFor   = 7                // days for which one whole backup of each day is kept
)

// Names at a place.
const (
	boxPrefix   = "hotline-" // and the name of the box
	soundFolder = "sound"
	suffix      = ".hotline"
)

// stamp names a whole backup by its time.
const stamp = "20060102T150405.000Z"

// ErrOwnDisk says that the disk of the records has no room for copies.
var ErrOwnDisk = errors.New("there is no room for backups beside the records: choose a USB disk or a server")

// Config is what a Keeper needs.
type Config struct {
	Store   *store.Store
	Data    string            // folder of the records and keys
	Files   map[string]string // further small files to carry: name in the backup, path
	Version string
	Erasing []string // events that say that something was erased for good
	// NewKey is told the public half of a new recovery key before it counts, so
	// that it opens the box itself as well; nil = it does not.
	NewKey func(public string) error
	// Strained says that the machine carries all the calls that it can: a whole
	// backup waits then, while what changes is copied as ever. nil: never.
	Strained func() bool
	Log      *slog.Logger
}

// State is how the backups are.
type State struct {
	Place    string    // "" = none was chosen, and they are on the box's own disk
	SameDisk bool      // lost together with the records
	Server   string    // fingerprint of the server, if there is one
	Last     time.Time // whatever was on disk here then is safe; zero = nothing is
	Whole    time.Time // the newest whole backup
	Records  int       // in it
	Took     time.Duration
	Sounds   int       // not copied yet
	Failed   string    // why the last try failed, "" = it did not
	Since    time.Time // of the failures
	Gone     bool      // it failed because the disk is not plugged in
	Key      time.Time // when the recovery key was made; zero = nobody has one
	Started  time.Time // since when there is somebody to make backups
}

// Keeper makes the backups of one box.
type Keeper struct {
	cfg     Config
	started time.Time

	round sync.Mutex // one at a time
	chain chain      // guarded by round

	mu       sync.Mutex
	settings settings
	state    State
	wake     chan struct{}

	lists sync.Mutex // one list of erasures is written at a time
}

// chain is the newest whole backup at the place and what followed it.
type chain struct {
	whole  string // "" = the next one must be whole
	number int
	digest string // of the last archive
	next   time.Time
	sounds map[string]int64 // that are at the place, by id
	behind bool             // not all sound is there
	erased int              // erasures in the list that is at the place
}

// Open reads where backups go.
func Open(cfg Config) (*Keeper, error) {
	s, err := loadSettings(cfg.Data, cfg.Store.Key())
	if err == nil {
		err = s.save(cfg.Data) // older files have the box's own key in clear
	}
	if err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{cfg: cfg, settings: s, started: time.Now(), wake: make(chan struct{}, 1)}
	// A stop between an erasure and its line on the list is made good.
	return k, k.NoteErasures()
}

// Run makes backups until ctx ends, and a last one of what changed then.
func (k *Keeper) Run(ctx context.Context) error {
	ticker := time.NewTicker(everyChange)
	defer ticker.Stop()
	var listening sync.WaitGroup
	defer listening.Wait()
	listening.Go(func() { k.listen(ctx) })
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			if k.State().Last.IsZero() {
				return nil // a whole one takes too long for somebody who waits for the end
			}
			k.try(last)
			return nil
		case <-ticker.C:
		case <-k.wake:
		}
		k.try(ctx)
	}
}

// listen notes erasures as they are made: a backup that is being written takes
// its time.
func (k *Keeper) listen(ctx context.Context) {
	told := k.cfg.Store.Events().Subscribe(256)
	defer func() { told.Close() }()
	for {
		select {
		case <-ctx.Done():
			return
		case ev, open := <-told.C:
			if !open { // it was too slow: what was missed may have been that
				told = k.cfg.Store.Events().Subscribe(256)
			}
			if open && !slices.Contains(k.cfg.Erasing, ev.Kind) || len(k.cfg.Erasing) == 0 {
				continue
			}
			k.Forget()
			if err := k.NoteErasures(); err != nil {
				k.cfg.Log.Error("the list of erasures beside the records cannot be written; it is tried again with the next one and at the next start", "error", err)
			}
		}
	}
}

func (k *Keeper) try(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	if err := k.Now(ctx); err != nil && ctx.Err() == nil {
		k.cfg.Log.Warn("a backup failed; it is tried again in a minute", "place", k.State().Place, "error", err)
	}
}

// Forget lets the next backup be a whole one, after which all older ones go:
// they hold what was erased here.
func (k *Keeper) Forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.settings.Forget = true
	k.settings.erasures++
	if err := k.settings.save(k.cfg.Data); err != nil {
		k.cfg.Log.Error("that older backups have to go cannot be noted; it is tried with the next backup", "error", err)
	}
}

// forgotten says that the backups from before a round are gone. What was erased
// while it ran is for the next one.
func (k *Keeper) forgotten(began settings) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.settings.erasures != began.erasures {
		return nil
	}
	k.settings.Forget = false
	return k.settings.save(k.cfg.Data)
}

// Recovery is the public half of the recovery key, "" when nobody has one.
func (k *Keeper) Recovery() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.settings.Recovery
}

// State is how the backups are.
func (k *Keeper) State() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.state
	s.Place, s.Key, s.Server, s.Started = k.settings.Place.String(), k.settings.Made, k.settings.Place.Fingerprint(), k.started
	s.SameDisk = k.settings.Place.Server == "" && (s.Place == "" || sameDisk(s.Place, k.cfg.Data))
	return s
}

// Now makes a backup: a whole one when it is time for one, or of what has
// changed.
func (k *Keeper) Now(ctx context.Context) (err error) {
	k.round.Lock()
	defer k.round.Unlock()
	defer func() { k.tell(err) }()
	k.mu.Lock()
	set := k.settings
	k.mu.Unlock()
	to, fresh := k.where(set)
	shelf, err := place.Reach(ctx, to, boxPrefix+set.Box, fresh, soundFolder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shelf.Close()) }()
	if err := k.recognise(shelf); err != nil {
		return err
	}
	if k.chain.whole == "" && fresh && room(to.Folder) < spare+k.size() {
		return ErrOwnDisk
	}
	return k.copyTo(ctx, shelf, set)
}

func (k *Keeper) copyTo(ctx context.Context, shelf place.Shelf, set settings) (err error) {
	whole := k.chain.whole == "" || set.Forget || k.due(time.Now())
	if whole {
		if err := k.prepare(shelf); err != nil {
			return err
		}
	}
	d, err := k.cfg.Store.BeginDump(whole)
	if errors.Is(err, store.ErrWhole) {
		whole = true
		d, err = k.cfg.Store.BeginDump(true)
	}
	if err != nil {
		return fmt.Errorf("reading the records for a backup: %w", err)
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	began := time.Now()
	// First the list: no backup at a place is newer than what is known there of
	// erasures.
	if err := k.carryErasures(shelf, set); err != nil {
		return err
	}
	if d.Changed() {
		if err := k.write(ctx, shelf, set, d, whole); err != nil {
			k.chain.next = began.Add(wholeAgain) // what changes is safe meanwhile
			return err
		}
		d.Kept()
	}
	if whole {
		took := time.Since(began)
		k.chain.next = began.Add(max(everyWhole, wholeShare*took))
		k.mu.Lock()
		k.state.Whole, k.state.Records, k.state.Took = d.At, d.Records, took
		k.mu.Unlock()
	}
	k.safe(d.At)
	var sounds []store.SealedBlob
	if d.Changed() || k.chain.behind {
		if sounds, err = d.SealedBlobs(); err != nil {
			return err
		}
	}
	if err := d.Close(); err != nil {
		return err
	}
	return errors.Join(k.carry(ctx, shelf, sounds), k.tidy(shelf, whole, set))
}

// due says that it is time for a whole backup.
func (k *Keeper) due(now time.Time) bool {
	if k.cfg.Strained != nil && k.cfg.Strained() {
		now = now.Add(-wholeLate)
	}
	return !now.Before(k.chain.next)
}

// where is the place that was chosen, or a folder beside the records: it helps
// when the file is damaged, though not when the disk is.
func (k *Keeper) where(set settings) (p place.Place, fresh bool) {
	if set.Place == (place.Place{}) {
		return place.Place{Folder: filepath.Join(k.cfg.Data, "backups")}, true
	}
	return set.Place, false
}

func (k *Keeper) size() uint64 {
	info, err := os.Stat(store.FilePath(k.cfg.Data))
	if err != nil {
		return 0
	}
	return uint64(info.Size())
}

func (k *Keeper) safe(at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state.Last = at
}

func (k *Keeper) tell(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err == nil:
		k.state.Failed, k.state.Since, k.state.Gone = "", time.Time{}, false
	default:
		if k.state.Failed == "" {
			k.state.Since = time.Now()
		}
		k.state.Failed, k.state.Gone = err.Error(), errors.Is(err, place.ErrGone)
	}
}
