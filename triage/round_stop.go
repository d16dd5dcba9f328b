package triage

import (
	"context"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/store"
)

// StopEntry is a number that no round dials. Whoever rings us is called back all
// the same: that is a call they ask for.
type StopEntry struct {
	ID     string      `json:"id"` // the digest of the number
	Number call.Number `json:"number"`
	By     string      `json:"by,omitempty"` // "" when the person has asked for it by key
	Name   string      `json:"name,omitempty"`
	At     time.Time   `json:"at"`
}

var roundStops = store.NewTable[StopEntry]("round_stops")

func stopNumber(tx *store.Tx, number call.Number, contact, by, via string) error {
	if number.Withheld() { // a protected person's is forgotten; it is not called in any case
		return nil
	}
	return putStop(tx, StopEntry{Number: number, By: by}, contact, via)
}

func putStop(tx *store.Tx, e StopEntry, contact, via string) error {
	e.ID, e.At = tx.Digest(string(e.Number)), tx.Now()
	tx.Emit(events.Event{Kind: "number.stopped", Contact: contact, By: e.By, Via: via})
	return roundStops.Put(tx, e.ID, e)
}

// StopNumber puts a number on the stop list.
func (c *Contacts) StopNumber(ctx context.Context, number call.Number, by, name string) error {
	if !number.E164() {
		return ErrNoDial
	}
	return c.store.Update(ctx, func(tx *store.Tx) error {
		return putStop(tx, StopEntry{Number: number, By: by, Name: name}, "", "web")
	})
}

// UnstopNumber takes one off it.
func (c *Contacts) UnstopNumber(ctx context.Context, id, by string) error {
	return c.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := roundStops.Get(tx, id); err != nil {
			return err
		}
		tx.Emit(events.Event{Kind: "number.unstopped", By: by, Via: "web"})
		return roundStops.Delete(tx, id)
	})
}

// StopList returns all numbers that no round dials.
func (c *Contacts) StopList() (all []StopEntry, err error) {
	err = c.store.View(func(tx *store.Tx) error {
		for _, e := range roundStops.All(tx) {
			all = append(all, e)
		}
		return nil
	})
	return all, err
}
