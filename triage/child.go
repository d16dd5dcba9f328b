package triage

import (
	"context"
	"errors"
	"slices"

	"hotline/appliance/events"
	"hotline/appliance/lists"
	"hotline/appliance/store"
)

// A child that is alone (domain 2.2, 2.6): nobody writes down its name, what it
// has told or anything else of it, nothing of the call is recorded, the case
// leaves the box with everything or not at all, and it is for people who were
// trained to protect children, until one of them has closed it. Where it is and
// how it can be rung stays: unlike somebody who asks for protection, a child has
// to be found.

// hidesChild reports a question whose answer is not kept of a child.
func hidesChild(q lists.Question) bool {
	return q.Name == "name" || q.Name == "notes" || q.Personal || q.Added && q.Kind == lists.Line
}

// FindsChild reports a question whose answer leads to a child: it is kept, and shown
// to nobody who does not ask for it.
func FindsChild(question string) bool {
	return slices.Contains([]string{"callback_number", "place", "landmark", "later_directions", "later_position", "later_access", "later_place_type", "later_site_name"}, question)
}

// childShown says in the log that somebody sees how a child can be rung, to do so.
func childShown(i Item, by, name string) events.Event {
	return events.Event{Kind: "child.shown", Operation: i.Operation, Contact: i.Contact, By: by, Via: "web",
		Data: map[string]string{"name": name, "kind": "items", "id": i.ID, "reason": "call"}}
}

// ShowNumber gives the number of a child that is alone to the one who has taken
// its item and is about to ring it, and writes that down first.
func (c *Contacts) ShowNumber(ctx context.Context, id, by, name string) error {
	return c.store.Update(ctx, func(tx *store.Tx) error {
		i, err := openItem(tx, id)
		switch {
		case err != nil:
			return err
		case i.Lock.By != by || !i.Lock.Until.After(tx.Now()):
			return ErrNotTaken
		case i.NoCall:
			return ErrNoCall
		case !i.Child || i.Number.Withheld():
			return ErrNoNumber
		}
		tx.Emit(childShown(i, by, name))
		return nil
	})
}

// ofChild reports whether an open contact of an item is about a child that is
// alone. k is not stored yet.
func ofChild(tx *store.Tx, item string, k *Contact) (bool, error) {
	for id := range itemContacts.IDs(tx, item) {
		if id == k.ID {
			continue
		}
		if other, err := contacts.Get(tx, id); err != nil || other.ChildAlone {
			return err == nil, err
		}
	}
	return k.ChildAlone, nil
}

// guardChild drops what is not kept of a child that is alone.
func (f *CaseFields) guardChild(set *lists.Set) {
	f.Name, f.Notes = "", ""
	own := map[string]any{}
	for name, answer := range f.Own {
		if q, known := set.Question(name); known && !hidesChild(q) {
			own[name] = answer
		}
	}
	if f.Own = own; len(own) == 0 {
		f.Own = nil
	}
}

// guardCalls keeps the calls of such a case from being recorded and from those
// who were not trained for it; alone is false when it turned out that no child
// is. What was recorded is destroyed, and what the history and the mergings of
// the case remember.
func (cs *Case) guardCalls(tx *store.Tx, k *Contact, was *Case, alone bool) error {
	guard := func(k *Contact) error {
		if k.ChildAlone == alone {
			return nil
		}
		if k.ChildAlone = alone; !alone {
			return nil
		}
		return destroyRecordings(tx, k)
	}
	for _, id := range cs.Contacts {
		if k != nil && id == k.ID {
			continue
		}
		other, err := contacts.Get(tx, id)
		if err != nil {
			return err
		}
		if other.ChildAlone != alone {
			if err := errors.Join(guard(&other), putContact(tx, &other)); err != nil {
				return err
			}
		}
	}
	if k != nil {
		if err := guard(k); err != nil {
			return err
		}
	}
	if !alone || was.Fields.ChildAlone {
		return nil
	}
	was.Fields.Name, was.Fields.Notes, was.Fields.Own = "", "", nil
	errs := []error{caseHistory.Forget(tx, cs.ID)}
	for _, id := range cs.Merged {
		gone, err := cases.Get(tx, id)
		if err != nil {
			return err
		}
		gone.Fields.Name, gone.Fields.Notes, gone.Fields.Own = "", "", nil
		errs = append(errs, caseMergings.Delete(tx, id), caseHistory.Forget(tx, id), cases.Put(tx, id, gone))
	}
	return errors.Join(errs...)
}
