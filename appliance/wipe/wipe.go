// Package wipe takes everything that an operation has left out of the data
// folder of a box, for good, and leaves a hotline that can begin anew. It does
// not know what records mean: its caller says what is carried over and what the
// certificate says of them.
//
// In the data folder, while it works:
//
//	closedown.next/    what the box begins anew with
//	closedown.json     that a wipe was begun, and how far it is
//
// and afterwards:
//
//	certificates/<id>.json    what was wiped, signed
//
// Contracts:
//
//  1. Until closedown.json is on disk nothing has happened. From then on there is
//     no way back, and no way to records that are half there: whoever starts the
//     box ends the wipe first (Finish), however often it is stopped.
//  2. What cannot be reached is said in the certificate. It never keeps the box
//     from going on.
//  3. The certificate says what was found afterwards, and never what was only
//     meant to be done.
package wipe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"hotline/appliance/backup"
	"hotline/appliance/boxkey"
	"hotline/appliance/durable"
	"hotline/appliance/events"
	"hotline/appliance/store"
)

const (
	markName  = "closedown.json"
	overName  = "closedown.over" // the mark, when it has served
	nextName  = "closedown.next"
	certsName = "certificates"
)

// EventWiped is the first entry of the new log.
const EventWiped = "closedown.wiped"

// phase is how far a wipe is. Each one can be done again.
type phase string

const (
	backups phase = "backups" // out of all places that can be reached
	key     phase = "key"     // whatever leads to it: from here on nobody reads the records
	records phase = "records" // every file of the box in the data folder
	fresh   phase = "fresh"   // what the box begins anew with is put in their place
	check   phase = "check"   // looks for what should be gone, and signs
	done    phase = "done"    // the certificate is there; the mark goes
)

func phases() []phase { return []phase{backups, key, records, fresh, check, done} }

// mark is that a wipe was begun.
type mark struct {
	Phase       phase       `json:"phase"`
	Before      []string    `json:"before,omitempty"` // places of backups that were chosen before
	Certificate Certificate `json:"certificate"`
	Needles     needles     `json:"needles"`
}

// Plan is what a wipe begins with.
type Plan struct {
	Certificate Certificate // as far as it is known before
	Texts       []string    // names and numbers from the records: none of them may be found afterwards
	Before      []string    // places of backups that were chosen before
	// Carry takes over what the hotline goes on with.
	Carry func(to, from *store.Tx) error
}

// Begun reports that a wipe of the data folder was begun and has not ended.
func Begun(data string) bool {
	_, err := os.Stat(filepath.Join(data, markName))
	return err == nil
}

// Begin prepares the wipe of a data folder whose records are open and used by
// nobody else, and begins it. When it has returned nil, Finish ends it.
func Begin(ctx context.Context, data string, old *store.Store, plan Plan) (err error) {
	next := filepath.Join(data, nextName)
	if err := os.RemoveAll(next); err != nil {
		return fmt.Errorf("preparing the wipe: %w", err)
	}
	end, _, err := old.VerifyLog()
	if err != nil {
		return err
	}
	plan.Certificate.LogMark = end.String()
	if plan.Certificate.Files, plan.Certificate.Bytes, err = measure(data); err != nil {
		return fmt.Errorf("preparing the wipe: %w", err)
	}
	fresh, err := store.Open(next, slog.New(slog.DiscardHandler))
	if err != nil {
		return fmt.Errorf("preparing the wipe: %w", err)
	}
	err = fresh.Update(ctx, func(tx *store.Tx) error {
		return old.View(func(from *store.Tx) error { return errors.Join(plan.Carry(tx, from), tx.ContinueLog(end)) })
	})
	// What stays here of those whom the records also know tells nothing.
	var texts []string
	if err == nil {
		texts, err = unlike(fresh, plan)
	}
	if err := errors.Join(err, fresh.Close(), durable.SyncDir(next), durable.SyncDir(data)); err != nil {
		return fmt.Errorf("preparing the wipe: %w", err)
	}
	m := mark{Phase: backups, Before: plan.Before, Certificate: plan.Certificate, Needles: newNeedles(texts)}
	m.Certificate.Check.Texts = len(texts)
	return m.save(data)
}

// unlike are the texts that do not stand in what stays: a phone volunteer may
// be called as a caller is.
func unlike(fresh *store.Store, plan Plan) (texts []string, err error) {
	said, err := json.Marshal(plan.Certificate)
	if err != nil {
		return nil, err
	}
	list := usable(plan.Texts)
	stays := newNeedles(list)
	found := stays.in(said)
	err = fresh.View(func(tx *store.Tx) error {
		return tx.EachValue(func(_, _ string, value []byte) { found = append(found, stays.in(value)...) })
	})
	for i, text := range list {
		if !slices.Contains(found, i) {
			texts = append(texts, text)
		}
	}
	return texts, err
}

// Config is what Finish needs.
type Config struct {
	Data string
	Sign func(text []byte) (signature, authority []byte, err error) // ECDSA of its SHA-256; the certificate of the signer, PEM
	Log  *slog.Logger

	step func(phase) error // tests stop it here
}

// Finish ends the wipe that was begun. ErrNotBegun: there is none.
func Finish(ctx context.Context, cfg Config) (Certificate, error) {
	if err := dropMark(cfg.Data); err != nil { // a stop left it
		return Certificate{}, err
	}
	m, err := readMark(cfg.Data)
	if err != nil {
		return Certificate{}, err
	}
	lock, err := lockFolder(cfg.Data)
	if err != nil {
		return Certificate{}, err
	}
	defer lock.Close()
	m.Certificate.Starts++
	if err := m.save(cfg.Data); err != nil {
		return m.Certificate, err
	}
	for _, at := range phases()[slices.Index(phases(), m.Phase):] {
		if err := ctx.Err(); err != nil {
			return m.Certificate, context.Cause(ctx)
		}
		m.Phase = at
		if err := m.save(cfg.Data); err != nil {
			return m.Certificate, err
		}
		if cfg.step != nil {
			if err := cfg.step(at); err != nil {
				return m.Certificate, err
			}
		}
		if err := m.do(ctx, cfg); err != nil {
			return m.Certificate, fmt.Errorf("the wipe of this hotline was begun and must be ended (%s): %w", at, err)
		}
	}
	return m.Certificate, nil
}

func (m *mark) do(ctx context.Context, cfg Config) error {
	switch m.Phase {
	case backups:
		return m.backups(ctx, cfg)
	case key:
		return m.key(cfg)
	case records:
		return wipeRecords(ctx, cfg)
	case fresh:
		return putFresh(cfg.Data)
	case check:
		return m.check(ctx, cfg)
	}
	// A mark that is half overwritten would say nothing, so it is none any more.
	over := filepath.Join(cfg.Data, overName)
	return errors.Join(os.Rename(filepath.Join(cfg.Data, markName), over), durable.SyncDir(cfg.Data), dropMark(cfg.Data))
}

// dropMark overwrites a mark that has served: it has digests of numbers.
func dropMark(data string) error {
	err := store.Overwrite(context.Background(), filepath.Join(data, overName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (m *mark) backups(ctx context.Context, cfg Config) error {
	removed, err := backup.Remove(ctx, cfg.Data, m.Before...)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil { // nobody knows where they are
		m.Certificate.Left = append(m.Certificate.Left, Left{What: LeftBackups, Why: err.Error()})
	}
	for _, one := range removed {
		if one.Why == "" {
			m.Certificate.Backups = append(m.Certificate.Backups, one)
			continue
		}
		m.Certificate.Left = append(m.Certificate.Left, Left{What: LeftBackups, Where: one.Place, Why: one.Why})
	}
	return nil
}

// key notes what is out of reach before nobody knows any more where it was.
func (m *mark) key(cfg Config) error {
	keys, err := boxkey.Open(cfg.Data)
	if err == nil {
		if st := keys.State(); st.Path != "" && !st.There && !slices.ContainsFunc(m.Certificate.Left, func(l Left) bool { return l.What == LeftKey }) {
			m.Certificate.Left = append(m.Certificate.Left, Left{What: LeftKey, Where: st.Path})
			if err := m.save(cfg.Data); err != nil {
				return err
			}
		}
	}
	return boxkey.Destroy(cfg.Data)
}

// ours are the files and folders of the data folder that hold what an operation
// leaves, by the patterns of their names.
func ours() []string {
	return []string{"hotline.db*", "box.*", "boxkey.*", "backup.json*", "erased.list*", "restored.json*", "damaged", "reserve", "blobs", "inbox", "backups", "rescue"}
}

// stays are those that do not: certificates of the pages, the key of the phone
// PINs, and what this package keeps.
func stays() []string {
	return []string{"tls", "pin.key", markName, markName + durable.Unfinished, overName, nextName, certsName}
}

// lying are the paths of those that are there.
func lying(data string) (paths []string, err error) {
	for _, pattern := range ours() {
		found, err := filepath.Glob(filepath.Join(data, pattern))
		if err != nil {
			return nil, err
		}
		paths = append(paths, found...)
	}
	return paths, nil
}

// measure counts the files that a wipe will overwrite.
func measure(data string) (files int, bytes int64, err error) {
	paths, err := lying(data)
	for _, path := range paths {
		err = errors.Join(err, filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			info, err := e.Info()
			if err == nil {
				files++
				bytes += info.Size()
			}
			return err
		}))
	}
	return files, bytes, err
}

func wipeRecords(ctx context.Context, cfg Config) error {
	paths, err := lying(cfg.Data)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := remove(ctx, path, cfg.Log); err != nil {
			return err
		}
	}
	return durable.SyncDir(cfg.Data)
}

// remove overwrites and removes a file, or all of a folder. What cannot be
// overwritten is removed all the same.
func remove(ctx context.Context, path string, log *slog.Logger) error {
	err := filepath.WalkDir(path, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || ctx.Err() != nil:
			return errors.Join(err, context.Cause(ctx))
		case e.Type().IsRegular() && e.Name() != "reserve": // which is empty room
			err := store.Overwrite(ctx, path)
			if err != nil && ctx.Err() == nil && !errors.Is(err, fs.ErrNotExist) {
				log.Error("a file cannot be overwritten; it is removed", "error", err)
			}
		}
		return context.Cause(ctx)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(path)
}

// putFresh puts what the box begins anew with into its place: the key first,
// for a record file without one is no hotline.
func putFresh(data string) error {
	next := filepath.Join(data, nextName)
	for _, name := range []string{filepath.Base(store.KeyPath("")), filepath.Base(store.FilePath(""))} {
		err := os.Rename(filepath.Join(next, name), filepath.Join(data, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := durable.SyncDir(data); err != nil {
			return err
		}
	}
	if _, err := os.Stat(store.FilePath(data)); err != nil {
		return fmt.Errorf("what the hotline was to begin anew with is gone: remove the file %s, and set the hotline up again: %w", filepath.Join(data, markName), err)
	}
	return errors.Join(os.RemoveAll(next), durable.SyncDir(data))
}

func (m *mark) check(ctx context.Context, cfg Config) error {
	s, err := store.Open(cfg.Data, cfg.Log)
	if err != nil {
		return err
	}
	c := &m.Certificate
	c.Ended = time.Now().UTC()
	texts := c.Check.Texts
	if c.Check, err = m.Needles.look(ctx, cfg.Data, s); err == nil {
		c.Check.Texts = texts
		err = s.Update(ctx, func(tx *store.Tx) error {
			if noted(tx, c.ID) {
				return nil
			}
			tx.Emit(events.Event{Kind: EventWiped, Operation: c.Operation, By: c.Asked.Account, Via: "rule",
				Data: map[string]string{"certificate": c.ID, "confirmed": c.Confirmed.Account, "log_mark": c.LogMark}})
			return nil
		})
	}
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	return c.keep(cfg)
}

// noted reports that the new log has the wipe already: a stop came between it
// and the certificate.
func noted(tx *store.Tx, id string) bool {
	for ev := range tx.EventLogBackward() {
		if ev.Kind == EventWiped && ev.Data["certificate"] == id {
			return true
		}
	}
	return false
}

// ErrNotBegun says that no wipe was begun.
var ErrNotBegun = errors.New("no wipe of this hotline was begun")

func readMark(data string) (m mark, err error) {
	path := filepath.Join(data, markName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, ErrNotBegun
	}
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err == nil && !slices.Contains(phases(), m.Phase) {
		err = errors.New("it says nothing that this program knows")
	}
	if err != nil {
		return m, fmt.Errorf("how far the wipe of this hotline is cannot be read from %s: %w", path, err)
	}
	return m, nil
}

func (m mark) save(data string) error {
	text, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(data, markName), text, 0o600); err != nil {
		return fmt.Errorf("noting how far the wipe is: %w", err)
	}
	return nil
}
