package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"hotline/appliance/durable"
	"hotline/appliance/place"
	"hotline/appliance/store"
)

// proveFor is how long callers wait for the proof of the records at a start.
// What takes longer goes on while calls are taken.
const proveFor = 5 * time.Second

// rescueFor limits how long a box waits for a backup far away.
const rescueFor = 20 * time.Minute

const (
	damagedName  = "damaged"       // a mark: prove everything before the next call
	restoredName = "restored.json" // what the last rescue did
)

// OpenRecords opens the records of a data folder and proves them: many while
// calls are taken, and then damage is marked for the next start. When they are
// damaged, it starts from the newest good backup, keeps the damaged file aside
// and says what is missing (LastRescue). Key is that of the box, nil for the one
// in the folder.
func OpenRecords(ctx context.Context, data string, key []byte, log *slog.Logger) (*store.Store, error) {
	marked := Marked(data)
	s, err := openThere(data, key, log)
	if err == nil {
		proved := make(chan error, 1)
		go func() {
			err := s.Verify()
			if errors.Is(err, store.ErrClosed) {
				err = nil
			}
			if err != nil {
				markDamaged(data, log)
			}
			proved <- err
		}()
		limit := time.NewTimer(proveFor)
		defer limit.Stop()
		if marked {
			limit.Stop()
		}
		select {
		case err = <-proved:
			if err == nil {
				err = newerBackup(ctx, s, data, log)
			}
			if err == nil {
				return s, unmark(data)
			}
		case <-limit.C:
			log.Info("the records are proved while calls are taken")
			return s, nil
		}
		err = errors.Join(err, s.Close())
	}
	if !errors.Is(err, store.ErrDamaged) {
		return nil, err
	}
	log.Error("the records are damaged; the hotline starts from its newest good backup", "error", err)
	report, rescueErr := rescue(ctx, data, key, err)
	if rescueErr != nil {
		return nil, fmt.Errorf("%w, and there is no way back by itself: %w. Restore a backup with hotline restore", err, rescueErr)
	}
	log.Error("the hotline has started from a backup", "until", report.Until, "records", report.Records, "damaged_file", report.Aside)
	if s, err = store.OpenWith(data, key, log); err != nil {
		return nil, err
	}
	return s, unmark(data)
}

// openThere opens the records, and makes new ones only in a new folder: where
// there are keys and backups, a record file was there.
func openThere(data string, key []byte, log *slog.Logger) (*store.Store, error) {
	_, noFile := os.Stat(store.FilePath(data))
	_, noKey := os.Stat(store.KeyPath(data))
	if errors.Is(noFile, fs.ErrNotExist) && (key != nil || noKey == nil) {
		if _, err := readSettings(data, nil); err == nil {
			return nil, fmt.Errorf("%w: the record file %s is gone", store.ErrDamaged, store.FilePath(data))
		}
	}
	return store.OpenWith(data, key, log)
}

// Marked reports that records were found to be damaged while calls were taken.
func Marked(data string) bool {
	_, err := os.Stat(filepath.Join(data, damagedName))
	return err == nil
}

func unmark(data string) error {
	err := os.Remove(filepath.Join(data, damagedName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func markDamaged(data string, log *slog.Logger) {
	log.Error("records on the disk are damaged: the next start begins with the newest good backup")
	if err := os.WriteFile(filepath.Join(data, damagedName), nil, 0o600); err != nil {
		log.Error("that the records are damaged cannot be noted", "error", err)
	}
}

// newerBackup asks, when a head of the file was lost, whether the backup knows
// more than the file.
func newerBackup(ctx context.Context, s *store.Store, data string, log *slog.Logger) error {
	if !s.LostHead() {
		return nil
	}
	log.Warn("one of the two heads of the record file was damaged, by a power cut or by the disk")
	have, err := s.LastEvent()
	if err != nil {
		return err
	}
	newest, err := newestEvent(ctx, data, s.Key())
	if err != nil {
		log.Warn("there is no backup to compare with", "error", err)
		return nil
	}
	if newest > have {
		return fmt.Errorf("%w: the record file has lost its last changes (up to %d; the backup knows %d)", store.ErrDamaged, have, newest)
	}
	return nil
}

// eachPlace tries the place that was chosen, then the folder beside the records.
func eachPlace(ctx context.Context, data string, key []byte, do func(place.Shelf, settings) error) error {
	if key == nil {
		key, _ = os.ReadFile(store.KeyPath(data)) // what is wrong with it is said by whoever opens
	}
	set, err := readSettings(data, key)
	if err != nil {
		return err
	}
	places := []place.Place{{Folder: filepath.Join(data, "backups")}}
	if set.Place != (place.Place{}) {
		places = slices.Insert(places, 0, set.Place)
	}
	var errs []error
	for _, p := range places {
		shelf, err := place.Reach(ctx, p, boxPrefix+set.Box, false, soundFolder)
		if err == nil {
			err = do(shelf, set)
			err = errors.Join(err, shelf.Close())
		}
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", p, err))
	}
	return errors.Join(errs...)
}

// newestFor is how long a place may take to tell of its newest backup.
const newestFor = 20 * time.Second

// newestEvent is the last event in the newest archive.
func newestEvent(ctx context.Context, data string, key []byte) (seq uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, newestFor)
	defer cancel()
	err = eachPlace(ctx, data, key, func(shelf place.Shelf, set settings) error {
		own, err := set.identity()
		if err != nil {
			return err
		}
		items, err := shelf.List(".")
		if err != nil {
			return err
		}
		var names []string
		for _, it := range items {
			if whole, number, ours := parseName(it.Name); ours {
				names = append(names, fmt.Sprintf("%s %09d %s", whole, number, it.Name))
			}
		}
		if len(names) == 0 {
			return ErrNothing
		}
		var whole, number, name string
		if _, err := fmt.Sscan(slices.Max(names), &whole, &number, &name); err != nil {
			return err
		}
		f, err := shelf.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		a, err := openArchive(io.Reader(f), own)
		if err == nil {
			seq = a.LastEvent
		}
		return err
	})
	return seq, err
}

// rescue puts the newest good backup in the place of a damaged record file.
func rescue(ctx context.Context, data string, key []byte, why error) (r Report, err error) {
	ctx, cancel := context.WithTimeout(ctx, rescueFor)
	defer cancel()
	to := filepath.Join(data, "rescue")
	if err := os.RemoveAll(to); err != nil {
		return r, err
	}
	err = eachPlace(ctx, data, key, func(shelf place.Shelf, set settings) error {
		own, err := set.identity()
		if err != nil {
			return err
		}
		if r, err = restore(ctx, shelf, to, time.Time{}, false, own); err != nil {
			return err
		}
		// Usually the list beside the records knows more; but it may be what is
		// damaged.
		r.laterErasures(shelf, data, set.key, own)
		return nil
	})
	if err != nil {
		return r, err
	}
	r.Why = why.Error()
	r.Aside = store.FilePath(data) + ".damaged." + r.At.Format(stamp)
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return r, err
	}
	// At no moment is there no record file: a start would make an empty one.
	if err := os.Link(store.FilePath(data), r.Aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	return r, errors.Join(os.Rename(store.FilePath(to), store.FilePath(data)), durable.SyncDir(data), os.RemoveAll(to),
		durable.WriteFile(filepath.Join(data, restoredName), text, 0o600))
}

// LastRescue is what the last rescue did; nil when there was none.
func LastRescue(data string) *Report {
	text, err := os.ReadFile(filepath.Join(data, restoredName))
	if err != nil {
		return nil
	}
	var r Report
	if json.Unmarshal(text, &r) != nil {
		return nil
	}
	return &r
}
