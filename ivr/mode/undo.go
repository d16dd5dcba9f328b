package mode

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// ErrNothingToUndo means that there was no change within the last five minutes.
var ErrNothingToUndo = errors.New("there is nothing to undo: no change was made within the last five minutes")

// Undo brings back what was before the last change, with the end it had. It
// can be done once, within UndoWithin, by anybody who may change the mode.
func (m *Switch) Undo(ctx context.Context, by, name, via string) (State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var next State
	err := m.store.Update(ctx, func(tx *store.Tx) error {
		was := m.Current(tx.Now())
		r, err := states.Get(tx, beforeKey)
		if errors.Is(err, store.ErrNotFound) || err == nil && was.Undoes == "" {
			return ErrNothingToUndo
		}
		if err != nil {
			return err
		}
		slots := soundsIn(tx, announcementsBefore)
		if r.Mode != Normal && !tx.Now().Before(r.Expires) {
			r, slots = record{Mode: Normal, Since: tx.Now()}, nil // it would have ended meanwhile
		}
		r.By, r.Name, r.Via = by, name, via
		if err := errors.Join(dropBefore(tx), write(tx, &r, slots)); err != nil {
			return err
		}
		next = r.state(slots, "")
		tx.Emit(events.Event{Kind: EventUndone, By: by, Via: via, Data: map[string]string{
			"from": was.Mode, "to": r.Mode, "name": name, "set_by": was.By,
		}})
		return nil
	})
	if errors.Is(err, ErrNothingToUndo) {
		return State{}, ErrNothingToUndo
	}
	if err != nil {
		return State{}, fmt.Errorf("the change was not taken back; please try again: %w", err)
	}
	m.publish(next)
	m.log.Info("mode change undone", "mode", next.Mode, "by", by, "via", via)
	return m.Current(time.Now()), nil
}

func keepBefore(tx *store.Tx, was State) error {
	r := record{Mode: was.Mode, Since: was.Since, Expires: was.Expires, By: was.By, Name: was.Name, Via: was.Via,
		Changed: was.Changed, Partner: string(was.Partner)}
	return errors.Join(writeSounds(tx, announcementsBefore, was.slots), states.Put(tx, beforeKey, r))
}

func dropBefore(tx *store.Tx) error {
	return errors.Join(writeSounds(tx, announcementsBefore, nil), states.Delete(tx, beforeKey))
}
