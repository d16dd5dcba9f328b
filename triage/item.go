package triage

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Item is one line of the worklist: somebody still has to care for the people
// or the person behind it. The contacts in it are attempts of one number, or a
// single contact where a number says nothing about who calls.
//
// Items keep themselves: whoever sets or clears Contact.Open changes the item in
// the same transaction (keepItem), so that no path of a call can forget it.
type Item struct {
	ID        string      `json:"id"`
	Operation string      `json:"operation,omitempty"`
	Kind      string      `json:"kind"`                // the most pressing reason of its contacts
	Fold      string      `json:"fold,omitempty"`      // digest of the number by which attempts fold
	Also      string      `json:"also,omitempty"`      // digest of a number that was keyed
	Number    call.Number `json:"number,omitempty"`    // to be called; "" when nobody can be
	Keyed     bool        `json:"keyed,omitempty"`     // the caller gave the number, it is not the one seen
	NoCall    bool        `json:"no_call,omitempty"`   // a protected caller uses this number
	Shared    bool        `json:"shared,omitempty"`    // several people call from this number
	Private   bool        `json:"private,omitempty"`   // something in it is for trained people alone
	Child     bool        `json:"child,omitempty"`     // about one that is alone: the number is shown to who calls it, at that moment
	Complaint bool        `json:"complaint,omitempty"` // there is one about the help itself
	Attempts  int         `json:"attempts"`            // ever folded into it
	FirstAt   time.Time   `json:"first_at"`
	LastAt    time.Time   `json:"last_at"`
	Longest   int         `json:"longest_wait_s,omitempty"`
	Language  string      `json:"language,omitempty"`
	Queue     string      `json:"queue,omitempty"`
	Level     Level       `json:"level,omitempty"`
	Case      string      `json:"case,omitempty"`
	Contact   string      `json:"contact"` // the newest
	Tries     int         `json:"tries,omitempty"`
	TriedAt   time.Time   `json:"tried_at,omitzero"`
	Said      string      `json:"said,omitempty"` // when a round has called: AnswerSafe …
	SaidAt    time.Time   `json:"said_at,omitzero"`
	Lock      Lock        `json:"lock,omitzero"`
	Back      CallBack    `json:"back,omitzero"` // what the hotline does about it by itself
	ClosedAt  time.Time   `json:"closed_at,omitzero"`
	ClosedBy  string      `json:"closed_by,omitempty"`
	ClosedFor string      `json:"closed_for,omitempty"`
}

// Lock says who works on an item, so that no two people do.
type Lock struct {
	By    string    `json:"by,omitempty"`
	Name  string    `json:"name,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// Held reports whether somebody else than who has the item now.
func (l Lock) Held(now time.Time, who string) bool {
	return l.By != "" && l.By != who && l.Until.After(now)
}

var (
	items         = store.NewTable[Item]("items")
	itemsOpen     = store.NewIndex("items_open")      // "open" and each kind → rank and id: most urgent first, then oldest
	itemsByNumber = store.NewIndex("items_by_number") // open ones
	itemContacts  = store.NewIndex("item_contacts")   // the open contacts of an item
)

const allOpen = "open"

// Kinds are the reasons for which an item can be open, most urgent first.
func Kinds() []string {
	return []string{OpenDanger, OpenChild, OpenDropped, OpenInterrupted, OpenTransfer, OpenCallBack, OpenAbandoned, OpenVoicemail,
		OpenFlash, OpenTurnedAway, OpenAnnounced, OpenLeftInIVR, OpenRegistrant, OpenWrapUp}
}

// rank orders the worklist: the urgency of the case where it is known, then the
// reason. One letter, so that the index sorts by it.
func (i Item) rank() string {
	rank := 'z'
	for n, kind := range Kinds() {
		if kind == i.Kind {
			rank = rune('d' + n)
			break
		}
	}
	switch {
	case i.Level == Red:
		rank = min(rank, 'a')
	case i.Level == Orange:
		rank = min(rank, 'b')
	}
	if i.Kind == OpenDanger || i.Kind == OpenChild {
		rank = 'a'
	}
	return string(rank)
}

func (i Item) place() string { return i.rank() + " " + i.ID }

// keepItem makes the worklist say what the contact says. was is the contact as
// stored before; k gets the item that it belongs to.
func keepItem(tx *store.Tx, was Contact, k *Contact, by closing) error {
	var err error
	switch {
	case k.Open != "":
		err = attach(tx, was, k)
	case was.Open != "":
		err = leave(tx, *k, by)
	}
	if err != nil || !k.Protected {
		return err
	}
	// What was open before somebody said that the caller needs protection.
	return errors.Join(eraseItem(tx, was.Item), eraseItem(tx, k.Item))
}

// byHand is what events say instead of the reason that a person wrote: there is
// no free text in the log.
const byHand = "by hand"

// closing says who closes an item and why.
type closing struct{ by, via, why string }

// attach adds an open contact to the item of its number, or makes one.
func attach(tx *store.Tx, was Contact, k *Contact) error {
	old, i, err := itemFor(tx, *k)
	if err != nil {
		return err
	}
	fresh := k.Item != i.ID
	if fresh {
		if err := leave(tx, *k, closing{via: "rule", why: "moved"}); err != nil {
			return err
		}
		i.Attempts += k.attempts()
		k.Item = i.ID
	} else {
		i.Attempts += k.attempts() - was.attempts() // a counter that went on
	}
	i.note(*k)
	if was.ChildAlone && !k.ChildAlone { // it was a mistake
		if i.Child, err = ofChild(tx, i.ID, k); err != nil {
			return err
		}
	}
	if i.Keyed {
		i.Also = tx.Digest(string(i.Number))
	}
	if k.asked() && (fresh || !was.asked()) {
		i.queueFor(*k)
	}
	if err := itemContacts.Add(tx, i.ID, k.ID); err != nil {
		return err
	}
	switch {
	case kindRank(k.Open) < kindRank(i.Kind):
		i.Kind = k.Open
	case was.Open == i.Kind && k.Open != i.Kind: // it may have been the only one of that kind
		if i.Kind, err = mostPressing(tx, i.ID, k); err != nil {
			return err
		}
	}
	return putItem(tx, old, i, closing{})
}

// note takes over what a contact knows.
func (i *Item) note(k Contact) {
	if k.ReceivedAt.Before(i.FirstAt) || i.FirstAt.IsZero() {
		i.FirstAt = k.ReceivedAt
	}
	if at := k.lastAt(); !at.Before(i.LastAt) {
		i.LastAt, i.Contact = at, k.ID
	}
	i.Longest = max(i.Longest, k.waited())
	if k.Language != "" {
		i.Language = k.Language
	}
	if k.Queue != "" {
		i.Queue = k.Queue
	}
	if k.Level.Worse(i.Level) {
		i.Level = k.Level
	}
	if k.Case != "" {
		i.Case = k.Case
	}
	i.Private, i.Complaint, i.Child = i.Private || k.private(), i.Complaint || k.left(BoxComplaint), i.Child || k.ChildAlone
	switch {
	case k.Protected:
		i.Number, i.Keyed, i.NoCall = "", false, true
	case k.CallBack.E164():
		i.Number, i.Keyed = k.CallBack, k.CallBack != k.Caller
	case i.Number.Withheld(): // what was keyed in a strange form is better than nothing
		i.Number = cmp.Or(k.Caller, k.CallBack)
	}
}

// itemFor finds the item that an open contact belongs to, as stored and to be
// changed. Attempts fold by number; a withheld, protected or shared number says
// nothing about who calls.
func itemFor(tx *store.Tx, k Contact) (was, i Item, err error) {
	if k.Item != "" {
		i, err = items.Get(tx, k.Item)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return i, i, err
		}
		if err == nil && i.ClosedAt.IsZero() && (!k.Protected || i.Number.Withheld()) {
			return i, i, nil
		}
	}
	if k.CallBackOf != "" && !k.Protected {
		i, err = items.Get(tx, k.CallBackOf)
		if err != nil && !errors.Is(err, store.ErrNotFound) || err == nil && i.ClosedAt.IsZero() {
			return i, i, err
		}
	}
	fresh := Item{ID: tx.NewID(), Operation: k.Operation}
	number := k.Caller
	if number.Withheld() && k.CallBack.E164() { // who withholds the number may give one
		number = k.CallBack
	}
	if number.Withheld() || k.Protected {
		return Item{}, fresh, nil
	}
	fresh.Fold = tx.Digest(string(number))
	about, err := numberNotes.read(tx, fresh.Fold)
	if err != nil {
		return i, i, err
	}
	fresh.NoCall, fresh.Shared = about.Protected && !about.Safe, about.Shared
	if !about.Shared {
		for id := range itemsByNumber.IDs(tx, fresh.Fold) {
			i, err := items.Get(tx, id)
			if err != nil || !i.Shared {
				return i, i, err
			}
		}
	}
	return Item{}, fresh, nil
}

// mostPressing is the reason by which an item is sorted, "" when none of its
// contacts is open. k, if any, is not stored yet.
func mostPressing(tx *store.Tx, item string, k *Contact) (string, error) {
	best := ""
	for id := range itemContacts.IDs(tx, item) {
		open := ""
		if k != nil && id == k.ID {
			open = k.Open
		} else {
			other, err := contacts.Get(tx, id)
			if err != nil {
				return "", err
			}
			open = other.Open
		}
		if open != "" && (best == "" || kindRank(open) < kindRank(best)) {
			best = open
		}
	}
	return best, nil
}

// kindRank is the place of a reason among Kinds; one that is not known and none
// come last.
func kindRank(kind string) int {
	if n := slices.Index(Kinds(), kind); n >= 0 {
		return n
	}
	return len(Kinds())
}

// leave takes a contact out of its item; the last one closes it.
func leave(tx *store.Tx, k Contact, by closing) error {
	if k.Item == "" {
		return nil
	}
	i, err := items.Get(tx, k.Item)
	if err != nil || !i.ClosedAt.IsZero() {
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return err
	}
	if err := itemContacts.Remove(tx, i.ID, k.ID); err != nil {
		return err
	}
	was := i
	if i.Kind, err = mostPressing(tx, i.ID, nil); err != nil {
		return err
	}
	if i.Kind == "" {
		i.Kind = was.Kind
		i.ClosedAt, i.ClosedBy, i.ClosedFor, i.Lock, i.Back = tx.Now(), by.by, by.why, Lock{}, CallBack{}
	}
	return putItem(tx, was, i, by)
}

// putItem stores an item and keeps its indexes true. was is the item as stored
// before, zero for a new one.
func putItem(tx *store.Tx, was, i Item, by closing) error {
	var errs []error
	if was.ID != "" && was.ClosedAt.IsZero() {
		errs = append(errs, itemsOpen.Remove(tx, allOpen, was.place()), itemsOpen.Remove(tx, was.Kind, was.place()))
	}
	what := "item.changed"
	switch {
	case !i.ClosedAt.IsZero():
		what = "item.closed"
		errs = append(errs, itemsByNumber.Remove(tx, i.Fold, i.ID), itemsByNumber.Remove(tx, was.Also, i.ID))
	case was.ID == "":
		what = "item.opened"
	}
	if i.ClosedAt.IsZero() {
		errs = append(errs, itemsOpen.Add(tx, allOpen, i.place()), itemsOpen.Add(tx, i.Kind, i.place()))
		for _, digest := range []string{i.Fold, i.Also} {
			if digest != "" {
				errs = append(errs, itemsByNumber.Add(tx, digest, i.ID))
			}
		}
	}
	switch {
	case i.Queued():
		errs = append(errs, itemsQueued.Add(tx, queued, i.ID))
	case was.Queued():
		errs = append(errs, itemsQueued.Remove(tx, queued, i.ID))
	}
	why := by.why
	if by.via == "web" { // in somebody's own words: those stay with the item
		why = byHand
	}
	tx.Emit(events.Event{Kind: what, Operation: i.Operation, Contact: i.Contact, Queue: i.Queue, By: by.by, Via: cmp.Or(by.via, "rule"),
		Data: map[string]string{"item": i.ID, "kind": i.Kind, "why": why}})
	return errors.Join(append(errs, items.Put(tx, i.ID, i))...)
}
