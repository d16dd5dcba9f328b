package triage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// lockFor is how long an item stays with the person who took it: longer than a
// call, shorter than anybody waits for somebody who went home.
const lockFor = 15 * time.Minute

// What a person at the worklist can be told.
var (
	ErrItemGone  = errors.New("this item is closed already")
	ErrNotTaken  = errors.New("take the item first, so that nobody else works on it")
	ErrNoNumber  = errors.New("nothing is known of the number of this item")
	ErrCloseText = errors.New("say in a few words why this is done")
)

// TakenError says who has an item.
type TakenError struct{ Name string }

func (e TakenError) Error() string { return e.Name + " is working on this item" }

// Pick chooses what a worklist shows. Zero is everything.
type Pick struct {
	Kind, Language string
	Limit          int
}

// looked bounds how many items one look at the list reads to find those that
// fit.
const looked = 5000

// Page is a look at the worklist.
type Page struct {
	Items []Item
	Open  int            // all open items
	Kinds map[string]int // open items per reason
	More  bool           // there are others that fit
}

// Worklist returns the open items, most urgent first and then oldest first.
func (c *Contacts) Worklist(p Pick) (page Page, err error) {
	page.Kinds = map[string]int{}
	err = c.store.View(func(tx *store.Tx) error {
		key := allOpen
		if p.Kind != "" {
			key = p.Kind
		}
		read := 0
		for place := range itemsOpen.IDs(tx, key) {
			if len(page.Items) == p.Limit || read == looked {
				page.More = true
				break
			}
			read++
			i, err := items.Get(tx, idIn(place))
			if err != nil {
				return err
			}
			if p.Language == "" || i.Language == p.Language {
				page.Items = append(page.Items, i)
			}
		}
		for _, kind := range Kinds() {
			for range itemsOpen.IDs(tx, kind) {
				page.Kinds[kind]++
				page.Open++
			}
		}
		return nil
	})
	return page, err
}

func idIn(place string) string {
	_, id, _ := strings.Cut(place, " ")
	return id
}

// CountOpen is the number of open items.
func (c *Contacts) CountOpen() (n int, err error) {
	err = c.store.View(func(tx *store.Tx) error {
		for range itemsOpen.IDs(tx, allOpen) {
			n++
		}
		return nil
	})
	return n, err
}

// attemptsShown bounds the attempts that the page of one item lists.
const attemptsShown = 50

// Item returns an item and its open attempts, oldest first.
func (c *Contacts) Item(id string) (i Item, attempts []Contact, err error) {
	err = c.store.View(func(tx *store.Tx) error {
		i, err = items.Get(tx, id)
		if err != nil {
			return err
		}
		for contact := range itemContacts.IDs(tx, id) {
			k, err := contacts.Get(tx, contact)
			if err != nil {
				return err
			}
			if attempts = append(attempts, k); len(attempts) == attemptsShown {
				break
			}
		}
		return nil
	})
	return i, attempts, err
}

func openItem(tx *store.Tx, id string) (Item, error) {
	i, err := items.Get(tx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && !i.ClosedAt.IsZero() {
		return i, ErrItemGone
	}
	return i, err
}

// work changes an item that by has taken, or may take now, and notes it.
func (c *Contacts) work(ctx context.Context, id, by, what string, data map[string]string, fn func(tx *store.Tx, i *Item) error) (Item, error) {
	var out Item
	err := c.store.Update(ctx, func(tx *store.Tx) error {
		i, err := openItem(tx, id)
		if err != nil {
			return err
		}
		if i.Lock.Held(tx.Now(), by) {
			return TakenError{i.Lock.Name}
		}
		was := i
		if err := fn(tx, &i); err != nil {
			return err
		}
		note := map[string]string{"item": i.ID, "kind": i.Kind}
		for key, value := range data {
			note[key] = value
		}
		tx.Emit(events.Event{Kind: what, Operation: i.Operation, Contact: i.Contact, Queue: i.Queue, By: by, Via: "web", Data: note})
		out = i
		return putItem(tx, was, i, closing{by: by, via: "web"})
	})
	return out, err
}

// TakeItem gives the item to one person until it is released, done, or
// forgotten for a while: no two people call the same caller.
func (c *Contacts) TakeItem(ctx context.Context, id, by, name string) (Item, error) {
	return c.work(ctx, id, by, "item.taken", nil, func(tx *store.Tx, i *Item) error {
		i.Lock = Lock{By: by, Name: name, Until: tx.Now().Add(lockFor)}
		return nil
	})
}

// ReleaseItem gives it back.
func (c *Contacts) ReleaseItem(ctx context.Context, id, by string) error {
	_, err := c.work(ctx, id, by, "item.released", nil, func(_ *store.Tx, i *Item) error {
		i.Lock = Lock{}
		return nil
	})
	return err
}

// NotReached counts a try by hand that reached nobody and gives the item back.
func (c *Contacts) NotReached(ctx context.Context, id, by string) error {
	_, err := c.work(ctx, id, by, "item.not_reached", nil, func(tx *store.Tx, i *Item) error {
		if i.Lock.By != by {
			return ErrNotTaken
		}
		i.Tries++
		i.TriedAt, i.Lock = tx.Now(), Lock{}
		return nil
	})
	return err
}

// CloseItem closes an item and everything in it by hand, with a reason that
// stays with the item.
func (c *Contacts) CloseItem(ctx context.Context, id, by, why string) error {
	if strings.TrimSpace(why) == "" {
		return ErrCloseText
	}
	return c.store.Update(ctx, func(tx *store.Tx) error {
		i, err := openItem(tx, id)
		if err != nil {
			return err
		}
		if i.Lock.Held(tx.Now(), by) {
			return TakenError{i.Lock.Name}
		}
		return closeAll(tx, i.ID, "", nil, closing{by: by, via: "web", why: why})
	})
}

// closeAll closes every attempt in an item but one and those that are kept; the
// last one closes it.
func closeAll(tx *store.Tx, item, but string, kept func(Contact) bool, by closing) error {
	var ids []string
	for id := range itemContacts.IDs(tx, item) {
		if id != but {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		k, err := contacts.Get(tx, id)
		if err != nil {
			return fmt.Errorf("contact %s of item %s: %w", id, item, err)
		}
		if kept != nil && kept(k) {
			continue
		}
		k.Open = ""
		if err := putContactBy(tx, &k, by); err != nil {
			return err
		}
	}
	return nil
}
