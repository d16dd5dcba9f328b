package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"hotline/appliance/place"
	"hotline/appliance/store"
)

// Report is what a restored box has and what it lacks.
type Report struct {
	Box       string    `json:"box"`
	Program   string    `json:"program"`
	Until     time.Time `json:"until"` // everything up to here is there
	LastEvent uint64    `json:"last_event"`
	Records   int       `json:"records"`
	Archives  int       `json:"archives"` // that were laid one over the other
	Refused   []string  `json:"refused,omitempty"`
	Sounds    int       `json:"sounds"`
	Missing   []string  `json:"missing,omitempty"` // sound that the records name and the backup has not
	Known     time.Time `json:"known"`             // the newest backup at the place: of erasures after it nothing is known there

	At    time.Time         `json:"at"`              // when it was restored
	Why   string            `json:"why,omitempty"`   // when the box did it by itself
	Aside string            `json:"aside,omitempty"` // where the damaged file is
	Files map[string][]byte `json:"-"`               // others than those of the data folder
}

// ErrNothing says that a place has no backup that can be used.
var ErrNothing = errors.New("there is no backup that can be used")

// Restore makes a data folder, which must not exist or be empty, of the newest
// good backup below from: a folder of a box, or one that has such folders. Each
// archive is opened with one of the keys; with before, none that is newer is
// used.
func Restore(ctx context.Context, from, to string, before time.Time, with ...age.Identity) (Report, error) {
	dir, err := boxFolder(from)
	if err != nil {
		return Report{}, err
	}
	shelf, err := place.Folder(dir)
	if err != nil {
		return Report{}, fmt.Errorf("opening the backup: %w", err)
	}
	defer shelf.Close()
	if entries, err := os.ReadDir(to); err == nil && len(entries) > 0 {
		return Report{}, fmt.Errorf("the folder %s is not empty: choose another one, so that nothing is overwritten", to)
	}
	r, err := restore(ctx, shelf, to, before, true, with...)
	if err != nil {
		return r, err
	}
	r.laterErasures(shelf, to, folderKey(to), with...)
	return r, nil
}

// laterErasures puts what the place knows of erasures beside restored records,
// to be repeated there.
func (r *Report) laterErasures(shelf place.Shelf, data string, key []byte, with ...age.Identity) {
	list, err := erasedAt(shelf, with...)
	if err == nil {
		var set settings
		if set, err = readSettings(data, key); err == nil {
			err = addErased(data, set, list.Entries)
		}
	}
	if err != nil {
		r.Refused = append(r.Refused, fmt.Sprintf("the list of erasures since: %v", err))
	}
}

// boxFolder finds the backup of a box on a disk.
func boxFolder(from string) (string, error) {
	entries, err := os.ReadDir(from)
	if err != nil {
		return "", fmt.Errorf("reading the backup: %w", err)
	}
	var boxes []string
	for _, e := range entries {
		if _, _, ours := parseName(e.Name()); ours {
			return from, nil
		}
		if e.IsDir() && strings.HasPrefix(e.Name(), boxPrefix) {
			boxes = append(boxes, filepath.Join(from, e.Name()))
		}
	}
	switch len(boxes) {
	case 0:
		return "", fmt.Errorf("%w in %s: give the folder that was chosen for backups, or the one named %s… in it", ErrNothing, from, boxPrefix)
	case 1:
		return boxes[0], nil
	}
	return "", fmt.Errorf("there are backups of %d hotlines in %s: name one of %s", len(boxes), from, strings.Join(boxes, ", "))
}

// restore tries the newest whole archive first and lays its changes over it. An
// older one is tried when it is torn.
func restore(ctx context.Context, shelf place.Shelf, to string, before time.Time, sound bool, with ...age.Identity) (Report, error) {
	items, err := shelf.List(".")
	if err != nil {
		return Report{}, fmt.Errorf("reading the backup: %w", err)
	}
	var wholes []string
	have := map[string]bool{}
	for _, it := range items {
		if whole, number, ours := parseName(it.Name); ours {
			have[it.Name] = true
			if number == 0 {
				wholes = append(wholes, whole)
			}
		}
	}
	slices.Sort(wholes)
	slices.Reverse(wholes)
	var r Report
	var refused []string
	var tried error
	known := newestAt(items)
	for _, whole := range wholes {
		if at, err := time.Parse(stamp, whole); err == nil && !before.IsZero() && at.After(before) {
			continue
		}
		if r, err = restoreChain(ctx, shelf, whole, have, to, before, sound, with...); err == nil {
			break
		}
		if ctx.Err() != nil {
			return Report{}, context.Cause(ctx)
		}
		refused = append(refused, fmt.Sprintf("%s: %v", archiveName(whole, 0), err))
		tried = errors.Join(tried, err)
		if errors.Is(err, errTarget) {
			return Report{}, err
		}
	}
	if r.Archives == 0 {
		if errors.Is(tried, ErrKey) {
			return Report{}, ErrKey
		}
		return Report{}, errors.Join(ErrNothing, tried)
	}
	r.Refused, r.At, r.Known = append(refused, r.Refused...), time.Now().UTC(), known
	if r.Until.After(r.Known) {
		r.Known = r.Until
	}
	if !sound {
		return r, nil
	}
	return r, r.sounds(ctx, shelf, to)
}

// newestAt is when the newest whole backup of a place was made.
func newestAt(items []place.Item) (at time.Time) {
	for _, it := range items {
		if whole, _, ours := parseName(it.Name); ours {
			if when, err := time.Parse(stamp, whole); err == nil && when.After(at) {
				at = when
			}
		}
	}
	return at
}

// errTarget is a fault of the folder that is restored to, not of the backup.
var errTarget = errors.New("the folder that is restored to cannot be written")

// restoreChain lays a whole archive and what followed it into a folder. With
// box it becomes a box of its own, with the key in its folder; the records of
// one that is there do without: its key may be kept elsewhere, and is not
// written for a moment either.
func restoreChain(ctx context.Context, shelf place.Shelf, whole string, have map[string]bool, to string, before time.Time, box bool, with ...age.Identity) (r Report, err error) {
	b, err := store.NewBuilder(to)
	if err != nil {
		return r, errors.Join(errTarget, err)
	}
	built := false
	defer func() {
		if !built {
			err = errors.Join(err, b.Abort())
		}
	}()
	var files map[string][]byte
	var digest string
	for n := 0; n == 0 || have[archiveName(whole, n)]; n++ {
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		name := archiveName(whole, n)
		// Whether an archive is good is known at its end, and what it holds must
		// not lie over the others before: so changes are read twice.
		m, sum, err := lay(shelf, name, func(m manifest) error {
			switch {
			case m.Whole != whole || m.Number != n || m.Previous != digest:
				return fmt.Errorf("%w: it does not follow the one before", ErrTorn)
			case n > 0 && !before.IsZero() && m.At.After(before):
				return errLater
			}
			return nil
		}, keyOf(files), n > 0, b, with...)
		if err != nil && n == 0 {
			return r, err
		}
		if errors.Is(err, errLater) {
			break
		}
		if err != nil {
			r.Refused = append(r.Refused, fmt.Sprintf("%s: %v", name, err))
			break // and nothing that follows a gap
		}
		if n == 0 {
			files = m.Files
			r.Box, r.Program = m.Box, m.Program
		}
		digest, r.Until, r.LastEvent = sum, m.At, m.LastEvent
		r.Archives++
	}
	key := keyOf(files)
	if !box {
		delete(files, keyFile())
	}
	if err := writeFiles(to, files); err != nil {
		return r, errors.Join(errTarget, err)
	}
	r.Files = files
	built = true
	if err := b.Finish(); err != nil {
		return r, errors.Join(errTarget, err)
	}
	s, err := store.OpenWith(to, key, slog.New(slog.DiscardHandler))
	if err == nil {
		r.Records, err = s.Records()
		err = errors.Join(err, s.Verify(), s.Close())
	}
	if err != nil {
		return r, errors.Join(fmt.Errorf("what was restored does not open: %w", err), os.Remove(store.FilePath(to)))
	}
	return r, nil
}

// errLater is an archive of after the time that was asked for.
var errLater = errors.New("later than asked for")

func keyOf(files map[string][]byte) []byte { return files[keyFile()] }

// keyFile is the name of the box key among the files of a manifest.
func keyFile() string { return dataPrefix + filepath.Base(store.KeyPath("")) }

// lay reads an archive into a store that is being built. With prove it is read
// to its end first.
func lay(shelf place.Shelf, name string, check func(manifest) error, key []byte, prove bool, b *store.Builder, with ...age.Identity) (m manifest, digest string, err error) {
	read := func(dump func(io.Reader) error) error {
		f, err := shelf.Open(name)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrTorn, err)
		}
		defer f.Close()
		a, err := openArchive(f, with...)
		if err != nil {
			return err
		}
		m = a.manifest
		if err := check(m); err != nil {
			return err
		}
		if err := dump(a.dump); errors.Is(err, store.ErrDamaged) {
			return fmt.Errorf("%w: %w", ErrTorn, err)
		} else if err != nil {
			return err
		}
		digest, err = a.digest()
		return err
	}
	if prove {
		if err := read(func(r io.Reader) error { _, err := store.CheckDump(r, key); return err }); err != nil {
			return m, "", err
		}
	}
	err = read(b.Add)
	return m, digest, err
}

// writeFiles puts the small files of the data folder in their places.
func writeFiles(to string, files map[string][]byte) error {
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer root.Close()
	for name, text := range files {
		rel, ours := strings.CutPrefix(name, dataPrefix)
		if !ours {
			continue
		}
		if dir := path.Dir(rel); dir != "." {
			if err := root.MkdirAll(dir, 0o700); err != nil {
				return err
			}
		}
		f, err := root.OpenFile(rel, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		_, err = f.Write(text)
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// sounds copies the sound that the restored records name.
func (r *Report) sounds(ctx context.Context, shelf place.Shelf, to string) error {
	s, err := store.Open(to, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer s.Close()
	ids, err := s.BlobIDs()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err := copySound(shelf, id, to)
		if err == nil {
			err = s.CopySealed(io.Discard, id)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, store.ErrDamaged):
			r.Missing = append(r.Missing, id)
		case err != nil:
			return fmt.Errorf("restoring sound: %w", err)
		default:
			r.Sounds++
		}
	}
	return nil
}

func copySound(shelf place.Shelf, id, to string) error {
	in, err := shelf.Open(path.Join(soundFolder, id+soundSuffix))
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(store.BlobPath(to, id), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
