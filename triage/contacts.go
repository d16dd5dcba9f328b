package triage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/once"
	"hotline/appliance/store"
)

// This file is how records of contacts are kept: opened, changed, ended, found
// again after a stop, and read.

// Tables of which a feed of the store can tell what has changed.
const (
	TableContacts = "contacts"
	TableCases    = "cases"
)

var (
	contacts         = store.NewTable[Contact](TableContacts)
	contactsByCaller = store.NewIndex("contacts_by_caller")
	contactsOpen     = store.NewIndex("contacts_open")
)

const running = "running"

// Contacts keeps the contact records.
type Contacts struct {
	store *store.Store
	mu    sync.Mutex
	day   Day

	clocks callClocks
}

// Day counts what ended on one calendar day, in the box's time zone.
type Day struct {
	Date                string
	Answered, Abandoned int
	seen                map[string]bool // an ending may be read from disk and reported as well
}

func (d *Day) count(k Contact) {
	if k.EndedAt.Local().Format(time.DateOnly) != d.Date || d.seen[k.ID] {
		return
	}
	d.seen[k.ID] = true
	switch k.Outcome {
	case OutcomeAnswered:
		d.Answered++
	case OutcomeAbandonedQueue:
		d.Abandoned++
	}
}

// Today counts the contacts that ended on the day of now. The records are read
// once a day at most; after that every ending is counted as it is stored.
func (c *Contacts) Today(now time.Time) (Day, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	date := now.Local().Format(time.DateOnly)
	if c.day.Date == date {
		return c.day, nil
	}
	day := Day{Date: date, seen: map[string]bool{}}
	err := c.Each(func(k Contact) bool {
		day.count(k)
		// Nobody is on the phone for more than a day.
		return now.Sub(k.ReceivedAt) < 48*time.Hour
	})
	if err == nil {
		c.day = day
	}
	return day, err
}

// NewContacts keeps contacts in s.
func NewContacts(s *store.Store) *Contacts { return &Contacts{store: s} }

// Open records that somebody calls, before the call is answered: from here on
// the attempt cannot be lost. A contact that has an id already, because the
// first try failed, keeps it and the time of its arrival.
func (c *Contacts) Open(ctx context.Context, k Contact) (Contact, error) {
	var opened Contact
	err := c.store.Update(ctx, func(tx *store.Tx) error {
		opened = k
		return openContact(tx, &opened)
	})
	if err == nil {
		c.clocks.begin(opened.ID, opened.ReceivedAt)
	}
	return opened, err
}

func openContact(tx *store.Tx, k *Contact) error {
	if k.ID == "" {
		k.ID = tx.NewID()
	}
	if k.ReceivedAt.IsZero() {
		k.ReceivedAt = tx.Now()
	}
	k.Withheld = k.Caller.Withheld()
	data := map[string]string{"channel": k.Channel, "dialled": dialledWords(*k), "direction": k.Direction}
	if k.Supervisor {
		data["staff"] = "yes"
	} else {
		person, err := personOf(tx, k.Caller, k.ID)
		if err != nil {
			return err
		}
		data["person"] = person
	}
	tx.Emit(events.Event{Kind: "contact.started", Operation: k.Operation, Contact: k.ID, Data: data})
	return errors.Join(putContact(tx, k), contactsRunning.Add(tx, running, k.ID), noteRunning(tx, *k), indexCaller(tx, *k))
}

// dialledWords is the number of ours that was dialled. One that we dialled is
// somebody's own and does not belong in the log.
func dialledWords(k Contact) string {
	if k.Direction == "out" {
		return ""
	}
	return k.Dialled
}

func indexCaller(tx *store.Tx, k Contact) error {
	if k.Caller.Withheld() {
		return nil
	}
	return contactsByCaller.Add(tx, tx.Digest(string(k.Caller)), k.ID)
}

// putContact stores k and keeps the list of open items and the books true.
func putContact(tx *store.Tx, k *Contact) error { return putContactBy(tx, k, closing{via: "rule"}) }

// putContactBy is putContact for somebody who closes an open item.
func putContactBy(tx *store.Tx, k *Contact, by closing) error {
	k.UpdatedAt = tx.Now()
	was, err := contacts.Get(tx, k.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := keepItem(tx, was, k, by); err != nil {
		return err
	}
	if k.Protected && !was.Protected { // and what programs were answered about them
		if err := once.Erase(tx); err != nil {
			return err
		}
	}
	enterInBooks(tx, was, *k)
	list := contactsOpen.Remove
	if k.Open != "" {
		list = contactsOpen.Add
	}
	return errors.Join(contacts.Put(tx, k.ID, *k), list(tx, "open", k.ID))
}

// Change applies fn to the contact id and stores it together with the events
// that fn returns. It returns the contact as stored.
func (c *Contacts) Change(ctx context.Context, id string, fn func(k *Contact, now time.Time) []events.Event) (Contact, error) {
	var out Contact
	err := c.store.Update(ctx, func(tx *store.Tx) error {
		k, err := contacts.Get(tx, id)
		if err != nil {
			return fmt.Errorf("contact %s: %w", id, err)
		}
		was := k
		for _, ev := range fn(&k, c.clocks.at(id, tx.Now())) {
			ev.Contact, ev.Operation = id, k.Operation
			tx.Emit(ev)
		}
		if k.Protected {
			if err := forgetCaller(tx, &k); err != nil {
				return err
			}
		}
		by := closing{by: k.Agent, via: "rule"}
		if k.CallBackOf != "" && was.Disposition == "" && k.Disposition != "" {
			by.why = calledBack
			if err := settleNotes(tx, &k); err != nil {
				return err
			}
		}
		if k.Round != "" && was.Disposition == "" && k.Disposition != "" {
			by.why = calledBack
			if err := settleRoundNotes(tx, &k); err != nil {
				return err
			}
		}
		err = putContactBy(tx, &k, by)
		out = k
		return err
	})
	return out, err
}

// forgetCaller drops what a protected contact must not hold.
func forgetCaller(tx *store.Tx, k *Contact) error {
	k.Consents = nil
	k.CallBack, k.Registrant = "", "" // a registration has name and number
	if err := errors.Join(forgetMessages(tx, k), destroyRecordings(tx, k)); err != nil || k.Caller.Withheld() {
		return err
	}
	err := errors.Join(protectNumber(tx, *k), forgetPerson(tx, k.Caller), forgetRunning(tx, *k), contactsByCaller.Remove(tx, tx.Digest(string(k.Caller)), k.ID))
	if k.Direction == "out" { // the number that we dialled is the caller's
		err = errors.Join(err, numbersCalled.Remove(tx, tx.Digest(k.Dialled), cmp.Or(k.CallBackOf, k.Round)), forgetInRound(tx, *k))
		k.Dialled = ""
	}
	k.Caller = ""
	return err
}

// End is the last word of the call itself. The contact stays an open item when
// open says why. Reaching a person closes the older open items of the same
// number (the rule); wrap-up may still follow.
func (c *Contacts) End(ctx context.Context, id string, fn func(k *Contact, now time.Time)) (Contact, error) {
	var out Contact
	err := c.store.Update(ctx, func(tx *store.Tx) error {
		k, err := contacts.Get(tx, id)
		if err != nil {
			return fmt.Errorf("contact %s: %w", id, err)
		}
		k.EndedAt = c.clocks.at(id, tx.Now())
		fn(&k, k.EndedAt)
		if k.Open == OpenAbandoned && k.Queue == QueueLife {
			k.Open = OpenDanger // and nobody has asked them anything
		}
		if err := forgetRunning(tx, k); err != nil {
			return err
		}
		if k.Protected {
			if err := forgetCaller(tx, &k); err != nil {
				return err
			}
		}
		tx.Emit(events.Event{Kind: "contact.ended", Operation: k.Operation, Contact: id, Queue: k.Queue, Agent: k.Agent,
			Data: map[string]string{"outcome": string(k.Outcome), "by": string(k.EndedBy), "reason": k.EndReason,
				"language": k.Language, "wait_s": strconv.Itoa(k.waited()), "talk_s": strconv.Itoa(k.Talk)}})
		switch {
		case k.CallBackOf != "": // reached only when the agent says so: machines answer, too
			err = settleEnd(tx, k)
		case k.Round != "":
			k.Open = openInRound(k)
			err = settleRound(tx, k)
		case k.Outcome == OutcomeAnswered && !k.Caller.Withheld():
			err = closeOlder(tx, k)
		}
		if err != nil {
			return err
		}
		err = putContact(tx, &k)
		out = k
		return errors.Join(err, contactsRunning.Remove(tx, running, id))
	})
	if err == nil {
		c.clocks.end(id)
		c.mu.Lock()
		c.day.count(out)
		c.mu.Unlock()
	}
	return out, err
}

// closeOlder is the rule: whoever talks with somebody needs no call-back for
// the attempts before. A number that several people share proves nothing, and
// neither does a call that was on the line at the same time.
func closeOlder(tx *store.Tx, k Contact) error {
	digest := tx.Digest(string(k.Caller))
	if about, err := numberNotes.read(tx, digest); err != nil || about.Shared {
		return err
	}
	var older []string
	for item := range itemsByNumber.IDs(tx, digest) {
		for id := range itemContacts.IDs(tx, item) {
			older = append(older, id)
		}
	}
	for _, id := range older {
		old, err := contacts.Get(tx, id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err != nil || id == k.ID || !old.answeredBy(k.Queue) || old.EndedAt.IsZero() || old.EndedAt.After(k.ReceivedAt) {
			continue
		}
		old.Open = ""
		if err := putContactBy(tx, &old, closing{via: "rule", why: "reached"}); err != nil {
			return err
		}
	}
	return nil
}

// closedByRule reports whether it is enough for such an item that the caller
// talks with somebody.
func closedByRule(open string) bool {
	switch open {
	case "", OpenWrapUp, OpenRegistrant, OpenDanger, OpenChild, OpenVoicemail:
		return false
	}
	return true
}

// Recover marks what ran when the box stopped as interrupted open items. It
// returns how many there were, also when others could not be read: those are
// tried again at the next start. Call it once, before the first call.
func (c *Contacts) Recover(ctx context.Context) (int, error) {
	n := 0
	var unread []error
	cut := c.recoverMessages(ctx) // while it is known which calls ran
	err := c.store.Update(ctx, func(tx *store.Tx) error {
		n, unread = 0, nil
		tx.Emit(events.Event{Kind: EventStarted})
		var ids []string
		for id := range contactsRunning.IDs(tx, running) {
			ids = append(ids, id)
		}
		for _, id := range ids {
			k, err := contacts.Get(tx, id)
			if err != nil {
				unread = append(unread, err)
				continue
			}
			promised := k.Promise != nil && k.ConnectedAt.IsZero()
			k.EndedAt, k.Outcome, k.Open = tx.Now(), OutcomeInterrupted, OpenInterrupted
			switch {
			case k.Supervisor:
				k.Outcome, k.Open = OutcomeSupervisor, ""
			case promised: // and nothing has changed about that
				k.Outcome, k.Open = OutcomeCallBack, OpenCallBack
			case k.Direction == "out" && k.AnsweredAt.IsZero(): // it rang, perhaps
				k.Outcome, k.Open, k.Failure = OutcomeNotReached, "", FailedUnsure
			}
			k.EndedBy, k.EndReason = call.BySystem, "the hotline stopped during the call"
			tx.Emit(events.Event{Kind: "contact.ended", Operation: k.Operation, Contact: id, Queue: k.Queue,
				Data: map[string]string{"outcome": string(k.Outcome), "by": string(k.EndedBy), "reason": k.EndReason}})
			switch {
			case k.CallBackOf != "":
				err = settleEnd(tx, k)
			case k.Round != "":
				k.Open = openInRound(k)
				err = settleRound(tx, k)
			}
			if err != nil {
				return err
			}
			if err := errors.Join(putContact(tx, &k), contactsRunning.Remove(tx, running, id), forgetRunning(tx, k)); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, errors.Join(append(unread, cut, err, c.recoverRounds(ctx))...)
}

// Get returns one contact.
func (c *Contacts) Get(id string) (k Contact, err error) {
	err = c.store.View(func(tx *store.Tx) error {
		k, err = contacts.Get(tx, id)
		return err
	})
	return k, err
}

// Earlier returns up to limit ended contacts of the same caller, newest first,
// without id itself.
func (c *Contacts) Earlier(caller call.Number, id string, limit int) ([]Contact, error) {
	if caller.Withheld() {
		return nil, nil
	}
	var out []Contact
	err := c.store.View(func(tx *store.Tx) error {
		var ids []string
		for found := range contactsByCaller.IDs(tx, tx.Digest(string(caller))) {
			if found != id {
				ids = append(ids, found)
			}
		}
		for i := len(ids) - 1; i >= 0 && len(out) < limit; i-- {
			k, err := contacts.Get(tx, ids[i])
			if err != nil {
				return err
			}
			out = append(out, k)
		}
		return nil
	})
	return out, err
}

// Each calls fn for every contact, newest first, until it returns false.
func (c *Contacts) Each(fn func(Contact) bool) error {
	return c.store.View(func(tx *store.Tx) error {
		for _, k := range contacts.Backward(tx) {
			if !fn(k) {
				break
			}
		}
		return nil
	})
}

// After returns up to limit contacts behind the id after, oldest first, and the id
// behind which it goes on, "" at the end. Damaged records become the error; the
// others are there.
func (c *Contacts) After(after string, limit int) (list []Contact, next string, err error) {
	var damaged error
	err = c.store.View(func(tx *store.Tx) error {
		list, next, damaged = contacts.After(tx, after, limit)
		return nil
	})
	return list, next, errors.Join(err, damaged)
}

// OpenItems returns the contacts that somebody still has to care for, oldest
// first.
func (c *Contacts) OpenItems() ([]Contact, error) {
	var out []Contact
	err := c.store.View(func(tx *store.Tx) error {
		for id := range contactsOpen.IDs(tx, "open") {
			k, err := contacts.Get(tx, id)
			if err != nil {
				return err
			}
			out = append(out, k)
		}
		return nil
	})
	return out, err
}
