package triage

import (
	"context"
	"errors"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/store"
)

// About is what the hotline knows of a telephone number itself. It is kept
// under a digest: the list of numbers that protected callers use must not be one.
type About struct {
	Shared    bool      `json:"shared,omitempty"`    // several people call from it: nothing folds, nothing is closed by rule
	Protected bool      `json:"protected,omitempty"` // a protected caller uses it: it is not called
	Safe      bool      `json:"safe,omitempty"`      // calling it is safe all the same, somebody says
	Why       string    `json:"why,omitempty"`       // they say so, in their words: here, because the log of events is for everybody
	Overlaps  int       `json:"overlaps,omitempty"`  // how often a call came while another one from it was running
	By        string    `json:"by,omitempty"`
	ChangedAt time.Time `json:"changed_at"`
}

// sharedAfter is how many overlapping calls show that a number is shared. One
// may be a person who was cut off and rings again before the network noticed.
const sharedAfter = 2

type aboutTable struct{ store.Table[About] }

var (
	numberNotes     = aboutTable{store.NewTable[About]("numbers")}
	contactsRunning = store.NewIndex("contacts_running")        // "running" → contact
	numbersRunning  = store.NewIndex("contacts_running_number") // digest of the caller → contact
)

func (t aboutTable) read(tx *store.Tx, digest string) (About, error) {
	about, err := t.Get(tx, digest)
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return about, err
}

func (t aboutTable) change(tx *store.Tx, digest, by string, fn func(*About)) (About, error) {
	about, err := t.read(tx, digest)
	if err != nil {
		return about, err
	}
	fn(&about)
	about.ChangedAt, about.By = tx.Now(), by
	return about, t.Put(tx, digest, about)
}

// noteRunning enters a caller's number among those on the line, and notices
// when one number is on the line several times.
func noteRunning(tx *store.Tx, k Contact) error {
	if k.Caller.Withheld() || k.ours() {
		return nil
	}
	digest := tx.Digest(string(k.Caller))
	overlaps := false
	for id := range numbersRunning.IDs(tx, digest) {
		if id == k.ID { // written a second time
			return nil
		}
		overlaps = true
	}
	if err := numbersRunning.Add(tx, digest, k.ID); err != nil || !overlaps {
		return err
	}
	became := false
	about, err := numberNotes.change(tx, digest, "", func(a *About) {
		a.Overlaps++
		became = a.Overlaps == sharedAfter && !a.Shared
	})
	if err != nil || !became {
		return err
	}
	about.Shared = true
	return share(tx, digest, true, "", "rule")
}

func forgetRunning(tx *store.Tx, k Contact) error {
	if k.Caller.Withheld() {
		return nil
	}
	return numbersRunning.Remove(tx, tx.Digest(string(k.Caller)), k.ID)
}

// share sets whether several people call from a number. Items that had folded
// come apart again: each attempt may be another person.
func share(tx *store.Tx, digest string, shared bool, by, via string) error {
	if _, err := numberNotes.change(tx, digest, by, func(a *About) {
		a.Shared = shared
		if !shared {
			a.Overlaps = 0
		}
	}); err != nil {
		return err
	}
	tx.Emit(events.Event{Kind: "number.shared", By: by, Via: via, Data: map[string]string{"shared": yesNo(shared)}})
	if !shared {
		return nil
	}
	var folded []string
	for id := range itemsByNumber.IDs(tx, digest) {
		folded = append(folded, id)
	}
	for _, id := range folded {
		if err := comeApart(tx, id); err != nil {
			return err
		}
	}
	return nil
}

func comeApart(tx *store.Tx, item string) error {
	i, err := items.Get(tx, item)
	if err != nil {
		return err
	}
	was := i
	i.Shared = true
	if err := putItem(tx, was, i, closing{}); err != nil {
		return err
	}
	var ids []string
	for id := range itemContacts.IDs(tx, item) {
		ids = append(ids, id)
	}
	for _, id := range ids[min(1, len(ids)):] {
		k, err := contacts.Get(tx, id)
		if err != nil {
			return err
		}
		if err := leave(tx, k, closing{via: "rule", why: "moved"}); err != nil {
			return err
		}
		k.Item = ""
		if err := putContact(tx, &k); err != nil {
			return err
		}
	}
	// What is left in it is one attempt.
	if i, err = items.Get(tx, item); err != nil || len(ids) == 0 {
		return err
	}
	k, err := contacts.Get(tx, ids[0])
	if err != nil {
		return err
	}
	was = i
	i.Attempts, i.FirstAt, i.LastAt, i.Longest, i.Level, i.Case, i.Keyed, i.Number, i.Back = k.attempts(), time.Time{}, time.Time{}, 0, "", "", false, "", CallBack{}
	i.Private, i.Complaint, i.Child = false, false, false
	i.note(k)
	if k.asked() {
		i.queueFor(k)
	}
	return putItem(tx, was, i, closing{})
}

// protectNumber keeps a number that a protected caller uses from being called,
// and closes what was open: the person is talking with somebody.
func protectNumber(tx *store.Tx, k Contact) error {
	digest := tx.Digest(string(k.Caller))
	about, err := numberNotes.change(tx, digest, "", func(a *About) { a.Protected = true })
	if err != nil {
		return err
	}
	if !k.ConnectedAt.IsZero() {
		if err := closeOlder(tx, k); err != nil {
			return err
		}
	}
	if about.Safe {
		return nil
	}
	return eachItemOf(tx, digest, func(i *Item) { i.NoCall = true })
}

func eachItemOf(tx *store.Tx, digest string, fn func(*Item)) error {
	var ids []string
	for id := range itemsByNumber.IDs(tx, digest) {
		ids = append(ids, id)
	}
	for _, id := range ids {
		i, err := items.Get(tx, id)
		if err != nil {
			return err
		}
		was := i
		fn(&i)
		if err := putItem(tx, was, i, closing{}); err != nil {
			return err
		}
	}
	return nil
}

// MayCall reports whether a number may be dialled: not one that a protected
// caller uses, unless somebody says that it is safe.
func (c *Contacts) MayCall(number call.Number) (may bool, err error) {
	err = c.store.View(func(tx *store.Tx) error {
		about, err := numberNotes.read(tx, tx.Digest(string(number)))
		may = !about.Protected || about.Safe
		return err
	})
	return may, err
}

// SetShared says of the number of an item whether several people use it.
func (c *Contacts) SetShared(ctx context.Context, item string, shared bool, by string) error {
	return c.aboutItem(ctx, item, func(tx *store.Tx, i Item) error { return share(tx, i.Fold, shared, by, "web") })
}

// SetSafe says that the number of an item may be called although a protected
// caller uses it, or that it may not, and why.
func (c *Contacts) SetSafe(ctx context.Context, item string, safe bool, by, why string) error {
	return c.aboutItem(ctx, item, func(tx *store.Tx, i Item) error {
		about, err := numberNotes.change(tx, i.Fold, by, func(a *About) { a.Safe, a.Why = safe, why })
		if err != nil {
			return err
		}
		tx.Emit(events.Event{Kind: "number.safe", Operation: i.Operation, Contact: i.Contact, By: by, Via: "web",
			Data: map[string]string{"safe": yesNo(safe), "item": i.ID}})
		return eachItemOf(tx, i.Fold, func(i *Item) { i.NoCall = about.Protected && !safe })
	})
}

func (c *Contacts) aboutItem(ctx context.Context, item string, fn func(*store.Tx, Item) error) error {
	return c.store.Update(ctx, func(tx *store.Tx) error {
		i, err := openItem(tx, item)
		if err != nil {
			return err
		}
		if i.Fold == "" {
			return ErrNoNumber
		}
		return fn(tx, i)
	})
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
