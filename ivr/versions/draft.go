package versions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/ivr/flow"
)

// This file is the drafts: changed flows that are not published.

// Draft is a changed file that is not published. An empty Text takes the file
// away, or back to the one that ships.
type Draft struct {
	Flow string    `json:"flow"`
	Text string    `json:"text"`
	By   string    `json:"by"`
	Name string    `json:"name,omitempty"`
	At   time.Time `json:"at"`

	Earlier []string `json:"earlier,omitempty"` // what it said before each change, the last one at the end
}

// Drafts are the changed files that are not published, by name.
func (s *Shelf) Drafts() (all map[string]Draft, err error) {
	all = map[string]Draft{}
	err = s.cfg.Store.View(func(tx *store.Tx) error {
		for name, d := range drafts.All(tx) {
			all[name] = d
		}
		return nil
	})
	return all, err
}

// Drafted are all files as they would be published now.
func (s *Shelf) Drafted() (map[string]string, error) {
	var texts map[string]string
	err := s.cfg.Store.View(func(tx *store.Tx) error {
		files, _ := s.next(tx)
		texts = s.over(files)
		return nil
	})
	return texts, err
}

// next is what a publication would keep, and which files it changes.
func (s *Shelf) next(tx *store.Tx) (files map[string]string, changed []string) {
	files = map[string]string{}
	for _, v := range versions.Backward(tx) {
		maps.Copy(files, v.Files)
		break
	}
	before := s.over(files)
	for name, d := range drafts.All(tx) {
		if before[name] != d.Text && (d.Text != "" || before[name] != s.cfg.Shipped[name]) {
			changed = append(changed, name)
		}
		if d.Text == "" || d.Text == s.cfg.Shipped[name] {
			delete(files, name)
			continue
		}
		files[name] = d.Text
	}
	return files, changed
}

// Print names a text, so that a change by somebody else is noticed.
func Print(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// SaveDraft keeps a changed file. Seen is the Print of the text that was
// changed; "" does not ask.
func (s *Shelf) SaveDraft(ctx context.Context, name, text, seen string, by Actor) error {
	if err := fits(name, text); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		files, _ := s.next(tx)
		before := s.over(files)[name]
		if seen != "" && Print(before) != seen {
			return ErrChanged
		}
		tx.Emit(events.Event{Kind: EventDraft, By: by.ID, Via: by.Via, Data: map[string]string{"name": by.Name, "flow": name}})
		return putDraft(tx, name, text, before, by)
	})
}

// Undo takes the last change of a draft back, and then the one before it. When
// there is nothing left to undo there is no draft any more. Seen is the Print of
// the text that was looked at.
func (s *Shelf) Undo(ctx context.Context, name, seen string, by Actor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		files, _ := s.next(tx)
		if Print(s.over(files)[name]) != seen {
			return ErrChanged
		}
		d, err := drafts.Get(tx, name)
		if errors.Is(err, store.ErrNotFound) || err == nil && len(d.Earlier) == 0 {
			return ErrNoUndo
		}
		if err != nil {
			return err
		}
		inUse := map[string]string{}
		for _, v := range versions.Backward(tx) {
			inUse = v.Files
			break
		}
		last := len(d.Earlier) - 1
		d.Text, d.Earlier = d.Earlier[last], d.Earlier[:last]
		if d.Text == s.over(inUse)[name] {
			tx.Emit(events.Event{Kind: EventDiscarded, By: by.ID, Via: by.Via, Data: map[string]string{"name": by.Name, "flow": name}})
			return drafts.Delete(tx, name)
		}
		d.By, d.Name, d.At = by.ID, by.Name, tx.Now()
		tx.Emit(events.Event{Kind: EventDraft, By: by.ID, Via: by.Via, Data: map[string]string{"name": by.Name, "flow": name}})
		return drafts.Put(tx, name, d)
	})
}

// putDraft keeps a text, and before it what it was before.
func putDraft(tx *store.Tx, name, text, before string, by Actor) error {
	n := 0
	for other := range drafts.All(tx) {
		if other != name {
			n++
		}
	}
	if n >= maxSet {
		return fmt.Errorf("a hotline has at most %d flows", maxSet)
	}
	old, err := drafts.Get(tx, name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	earlier := old.Earlier
	if before != text {
		earlier = append(slices.Clone(earlier), before)
	}
	size := 0
	for i := len(earlier) - 1; i >= 0; i-- {
		if size += len(earlier[i]); len(earlier)-i > maxEarlier || size > maxEarlierSize {
			earlier = earlier[i+1:]
			break
		}
	}
	return drafts.Put(tx, name, Draft{Flow: name, Text: text, By: by.ID, Name: by.Name, At: tx.Now(), Earlier: earlier})
}

func fits(name, text string) error {
	if !flow.ValidName(name) {
		return fmt.Errorf("a flow cannot be named %q: use 1 to 64 letters, digits, dots, dashes or underscores", name)
	}
	if len(text) > maxText {
		return fmt.Errorf("the flow %s is larger than %d kB", name, maxText>>10)
	}
	return nil
}

// Discard drops a draft, or all of them when name is "".
func (s *Shelf) Discard(ctx context.Context, name string, by Actor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		var gone []string
		for one := range drafts.All(tx) {
			if name == "" || one == name {
				gone = append(gone, one)
			}
		}
		for _, one := range gone {
			if err := drafts.Delete(tx, one); err != nil {
				return err
			}
			tx.Emit(events.Event{Kind: EventDiscarded, By: by.ID, Via: by.Via, Data: map[string]string{"name": by.Name, "flow": one}})
		}
		return nil
	})
}
