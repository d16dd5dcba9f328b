package backup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hotline/appliance/place"
	"hotline/appliance/store"
)

// Removed is what became of the backups at one place.
type Removed struct {
	Place string `json:"place"`
	Files int    `json:"files"`         // that were removed
	Why   string `json:"why,omitempty"` // some may be there yet; "" = none is
}

// removeFor limits how long one place may take.
const removeFor = 2 * time.Minute

// ErrNotThere says that a place with backups is not to be reached.
var ErrNotThere = errors.New("it is not connected to this machine")

// Remove overwrites and removes all backups of the box of a data folder at the
// places where it can reach them: the one that was chosen, the one beside the
// records, and folders of this machine that were chosen before. It needs no key.
// Folders stay, empty: a disk that is not there looks otherwise. What a server
// does with what it was told to remove, its owner knows.
func Remove(ctx context.Context, data string, before ...string) ([]Removed, error) {
	set, err := readSettings(data, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // there were never any
	}
	if err != nil {
		return nil, err
	}
	var list []Removed
	done := map[string]bool{}
	for _, p := range append([]place.Place{set.Place, {Folder: filepath.Join(data, "backups")}}, folders(before)...) {
		if p == (place.Place{}) || done[p.String()] {
			continue
		}
		done[p.String()] = true
		limited, cancel := context.WithTimeout(ctx, removeFor)
		one := Removed{Place: p.String()}
		own := p == place.Place{Folder: filepath.Join(data, "backups")}
		var err error
		if one.Files, err = removeAt(limited, p, boxPrefix+set.Box); err != nil && !(own && errors.Is(err, ErrNotThere)) {
			one.Why = err.Error()
		}
		cancel()
		if ctx.Err() != nil {
			return list, context.Cause(ctx)
		}
		if !own || one.Files > 0 || one.Why != "" {
			list = append(list, one)
		}
	}
	return list, nil
}

// folders are those of the places that were chosen before which are folders.
func folders(before []string) (list []place.Place) {
	for _, p := range before {
		if filepath.IsAbs(p) {
			list = append(list, place.Place{Folder: p})
		}
	}
	return list
}

func removeAt(ctx context.Context, p place.Place, name string) (n int, err error) {
	if p.Server == "" {
		dir := filepath.Join(p.Folder, name)
		if _, err := os.Stat(dir); err != nil {
			return 0, ErrNotThere
		}
		err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return errors.Join(err, ctx.Err())
			}
			n++
			return store.Overwrite(ctx, path)
		})
		return n, err
	}
	shelf, err := place.Reach(ctx, p, name, false, soundFolder)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, shelf.Close()) }()
	for _, folder := range []string{".", soundFolder} {
		items, err := shelf.List(folder)
		if err != nil {
			return n, err
		}
		for _, it := range items {
			if err := errors.Join(ctx.Err(), shelf.Remove(strings.TrimPrefix(folder+"/"+it.Name, "./"))); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// PlacesBefore are the places that were chosen at some time, as the log tells.
func PlacesBefore(tx *store.Tx) (list []string) {
	for ev := range tx.EventLog(1) {
		if p := ev.Data["place"]; ev.Kind == EventPlace && p != "" && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}
