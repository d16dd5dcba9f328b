package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
)

// bbolt keeps what was deleted, sealed but readable with the key of the box, in
// pages that wait for a new use. Scrub writes zeros over them.

const (
	// scrubAtOnce is how many pages are looked at while writers wait: a few
	// milliseconds.
	scrubAtOnce = 512
	scrubPause  = 2 * time.Millisecond
	// scrubTries is how often a part is tried again because others are at work,
	// each time after a slightly longer pause: ten seconds in all.
	scrubTries = 100
)

// ErrReading says that somebody reads the records for so long that what was
// deleted cannot be scrubbed yet.
var ErrReading = errors.New("somebody is reading the records, perhaps for an export")

// Scrub overwrites every page of the file that holds nothing any more, and the
// copies of the whole file that a rescue or a change of schema left beside it.
// What was deleted before it was called is gone from the folder when it returns
// nil. It works in small parts; calls go on between them.
func (s *Store) Scrub(ctx context.Context) error {
	file, err := os.OpenFile(s.db.Path(), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("scrubbing the record file: %w", err)
	}
	err = s.scrub(ctx, file)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("scrubbing the record file: %w", err)
	}
	return s.dropCopies(ctx)
}

// dropCopies overwrites and removes older copies of the file.
func (s *Store) dropCopies(ctx context.Context) error {
	copies, err := filepath.Glob(s.db.Path() + ".*")
	if err != nil {
		return err
	}
	for _, path := range copies {
		if strings.Contains(filepath.Base(path), ".schema") || strings.Contains(filepath.Base(path), ".damaged.") {
			s.log.Warn("an older copy of the record file is removed: it holds what was deleted", "file", path)
			if err := Overwrite(ctx, path); err != nil {
				return fmt.Errorf("removing an older copy of the record file: %w", err)
			}
		}
	}
	return nil
}

// Overwrite writes zeros over a file and removes it.
func Overwrite(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	zeros := make([]byte, 1<<20)
	for at := int64(0); err == nil && at < info.Size(); at += int64(len(zeros)) {
		if err = context.Cause(ctx); err == nil {
			_, err = f.WriteAt(zeros[:min(int64(len(zeros)), info.Size()-at)], at)
		}
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Remove(path)
}

func (s *Store) scrub(ctx context.Context, file *os.File) error {
	for from, tries := 2, 0; ; { // pages 0 and 1 are the heads of the file
		next, end, err := s.scrubPart(file, from)
		switch {
		case errors.Is(err, ErrReading) && tries < scrubTries:
			tries++
		case err != nil || end:
			return err
		default:
			from, tries = next, 0
		}
		pause := time.NewTimer(scrubPause * time.Duration(tries+1))
		select {
		case <-ctx.Done():
			pause.Stop()
			return context.Cause(ctx)
		case <-pause.C:
		}
	}
}

// scrubPart takes the writer's place, so that nobody uses a free page
// meanwhile. Only when no reader is left from before the last commit is a free
// page in no picture that anybody sees; readers that begin now see the last one.
func (s *Store) scrubPart(file *os.File, from int) (next int, end bool, err error) {
	// Beginning to write frees the pages that only past readers saw, and ending
	// says how many are left.
	first, err := s.db.Begin(true)
	if err != nil {
		return from, false, closedError(err)
	}
	if err := first.Rollback(); err != nil {
		return from, false, err
	}
	tx, err := s.db.Begin(true)
	if err != nil {
		return from, false, closedError(err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	if stats := s.db.Stats(); stats.OpenTxN > 0 || stats.PendingPageN > 0 {
		return from, false, ErrReading
	}
	size := s.db.Info().PageSize
	zeros := make([]byte, size)
	for id := from; id < from+scrubAtOnce; id++ {
		page, err := tx.Page(id)
		switch {
		case err != nil:
			return id, false, err
		case page == nil:
			return id, true, nil // behind the last page that was ever used
		case page.Type != "free":
		default:
			if _, err := file.WriteAt(zeros, int64(id)*int64(size)); err != nil {
				return id, false, err
			}
		}
	}
	return from + scrubAtOnce, false, nil
}

// Mentions looks through every value of the file for any of the texts, and
// returns where one stands, as "table/key": the proof that nothing of a person
// is left, whoever may have kept something.
func (s *Store) Mentions(ctx context.Context, texts ...string) (places []string, err error) {
	err = s.View(func(tx *Tx) error {
		return tx.tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			if !sealed(name) {
				return nil
			}
			return b.ForEach(func(k, v []byte) error {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				plain, err := tx.keys.open(name, k, v)
				if err != nil {
					return err
				}
				for _, text := range texts {
					if text != "" && bytes.Contains(plain, []byte(text)) {
						places = append(places, strings.TrimPrefix(string(name), tablePrefix)+"/"+strings.ToValidUTF8(string(k), "?"))
						return nil
					}
				}
				return nil
			})
		})
	})
	return places, err
}
