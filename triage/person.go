package triage

import (
	"errors"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/store"
)

// How many people called, and how many of them were reached, can only be counted
// if the log says which attempts were one person's. It must not say whose. So
// each number gets a name made of nothing, which holds as long as the number
// calls at least once in personKept and is forgotten then; the name in the log
// leads nowhere any more. That of a protected caller is forgotten at once.

type someone struct {
	ID  string `json:"id"`
	Day string `json:"day"` // last used
}

var (
	persons      = store.NewTable[someone]("persons")     // by digest of the number
	personsByDay = store.NewIndex("persons_by_last_call") // of the last use → digest
)

const (
	personKept = 7 * 24 * time.Hour
	// forgetAtOnce is how many are forgotten with each call, so that no call
	// waits for many.
	forgetAtOnce = 8
	// allDays is where the days are listed.
	allDays = "day"
)

// personOf is the name of whoever has this number, for the log. A withheld
// number is a person of its own: its contact.
func personOf(tx *store.Tx, number call.Number, contact string) (string, error) {
	if number.Withheld() {
		return contact, nil
	}
	digest, today := tx.Digest("person "+string(number)), tx.Now().Format(time.DateOnly)
	one, err := persons.Get(tx, digest)
	switch {
	case errors.Is(err, store.ErrNotFound):
		one.ID = tx.NewID()
	case err != nil:
		return "", err
	case one.Day == today:
		return one.ID, nil
	case one.Day < tx.Now().Add(-personKept).Format(time.DateOnly): // not swept away yet
		one.ID = tx.NewID()
	}
	if one.Day != "" {
		if err := personsByDay.Remove(tx, allDays, one.Day+" "+digest); err != nil {
			return "", err
		}
	}
	one.Day = today
	return one.ID, errors.Join(persons.Put(tx, digest, one), personsByDay.Add(tx, allDays, today+" "+digest), sweepPersons(tx))
}

// sweepPersons forgets some of those who have not called for long.
func sweepPersons(tx *store.Tx) error {
	old := tx.Now().Add(-personKept).Format(time.DateOnly)
	var gone []string
	for place := range personsByDay.IDs(tx, allDays) {
		if place >= old || len(gone) == forgetAtOnce {
			break
		}
		gone = append(gone, place)
	}
	for _, place := range gone {
		if err := errors.Join(personsByDay.Remove(tx, allDays, place), persons.Delete(tx, place[len(time.DateOnly)+1:])); err != nil {
			return err
		}
	}
	return nil
}

// forgetPerson lets nobody tell from the log that this number has called.
func forgetPerson(tx *store.Tx, number call.Number) error {
	digest := tx.Digest("person " + string(number))
	one, err := persons.Get(tx, digest)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(persons.Delete(tx, digest), personsByDay.Remove(tx, allDays, one.Day+" "+digest))
}
