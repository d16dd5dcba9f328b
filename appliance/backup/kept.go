package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"hotline/appliance/place"
)

func archiveName(whole string, number int) string {
	if number == 0 {
		return whole + suffix
	}
	return fmt.Sprintf("%s+%04d%s", whole, number, suffix)
}

// tidy removes what newer backups have replaced, and sound that was deleted
// here: it is deleted there, too.
func (k *Keeper) tidy(shelf place.Shelf, whole bool, began settings) error {
	if !whole {
		return nil
	}
	items, err := shelf.List(".")
	if err != nil {
		return err
	}
	old := outdated(items, k.chain.whole)
	if began.Forget {
		old = slices.DeleteFunc(names(items), func(name string) bool { whole, _, ours := parseName(name); return !ours || whole >= k.chain.whole })
	}
	for _, name := range old {
		if err := shelf.Remove(name); err != nil {
			return fmt.Errorf("removing an old backup: %w", err)
		}
	}
	if began.Forget {
		if err := k.forgotten(began); err != nil {
			return err
		}
	}
	for id := range k.chain.sounds {
		if k.cfg.Store.HasBlob(id) {
			continue
		}
		if err := shelf.Remove(path.Join(soundFolder, id+soundSuffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing deleted sound from the backup: %w", err)
		}
		delete(k.chain.sounds, id)
	}
	return nil
}

func names(items []place.Item) (all []string) {
	for _, it := range items {
		all = append(all, it.Name)
	}
	return all
}

// outdated names the archives that are not kept: kept are the newest whole one
// and the one before with their changes, and the first of each day for a week.
func outdated(items []place.Item, newest string) []string {
	var wholes []string
	for _, it := range items {
		if whole, number, ours := parseName(it.Name); ours && number == 0 && whole <= newest {
			wholes = append(wholes, whole)
		}
	}
	slices.Sort(wholes)
	recent := wholes[max(0, len(wholes)-2):]
	daily := map[string]bool{}
	days := map[string]bool{}
	at, err := time.Parse(stamp, newest)
	if err != nil {
		return nil
	}
	for _, w := range wholes {
		when, err := time.Parse(stamp, w)
		if day := w[:8]; err == nil && !days[day] && at.Sub(when) < dailyFor*24*time.Hour {
			days[day], daily[w] = true, true
		}
	}
	var old []string
	for _, it := range items {
		whole, number, ours := parseName(it.Name)
		if ours && whole <= newest && !slices.Contains(recent, whole) && !(number == 0 && daily[whole]) {
			old = append(old, it.Name)
		}
	}
	return old
}

// parseName reads what archiveName wrote.
func parseName(name string) (whole string, number int, ours bool) {
	base, ours := strings.CutSuffix(name, suffix)
	if !ours {
		return "", 0, false
	}
	whole, rest, changes := strings.Cut(base, "+")
	if _, err := time.Parse(stamp, whole); err != nil {
		return "", 0, false
	}
	if changes {
		if _, err := fmt.Sscanf(rest, "%d", &number); err != nil || number < 1 {
			return "", 0, false
		}
	}
	return whole, number, true
}
