// Package calendar judges whether the date of the machine can be believed, for
// rules that delete by age. A clock that says 2087 because of an empty battery or
// a broken time server would have them take every record at once, and the backups
// after them. So the date may move on by a week while nobody looks: a box that is
// off for a weekend. When it has moved further, nothing goes by age until a person
// has said that it is right.
package calendar

import (
	"context"
	"errors"
	"strconv"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Events of the clock: a person has set it, or has said that the date is right.
const (
	EventSet       = "clock.changed"
	EventConfirmed = "clock.confirmed"
)

const (
	farthest  = 7 * 24 * time.Hour // that the date moves on by itself
	notedEach = 5 * time.Minute
)

// Leap is a date that moved too far. The zero Leap is none.
type Leap struct {
	From time.Time `json:"from,omitzero"` // what was believed last
	To   time.Time `json:"to,omitzero"`   // where the clock stood when it was noticed
}

// Days is how far it moved, in whole days.
func (l Leap) Days() int { return int(l.To.Sub(l.From) / (24 * time.Hour)) }

type state struct {
	Seen time.Time `json:"seen"` // the last date that was believed
	Leap Leap      `json:"leap,omitzero"`
}

var states = store.NewTable[state]("calendar")

const only = "date"

func read(tx *store.Tx) (state, error) {
	st, err := states.Get(tx, only)
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return st, err
}

// Believe reports whether rules that delete by age may go by now. Whoever has such
// rules asks each time, and some of them ask every few minutes: so a date that is
// right is known.
func Believe(ctx context.Context, s *store.Store, now time.Time) (bool, error) {
	now = now.Round(0) // by the clock on the wall
	var st state
	if err := s.View(func(tx *store.Tx) (err error) {
		st, err = read(tx)
		return err
	}); err != nil {
		return false, err
	}
	far := !st.Seen.IsZero() && now.Sub(st.Seen) > farthest
	if far == (st.Leap != Leap{}) && (far || now.Sub(st.Seen).Abs() < notedEach) {
		return !far, nil
	}
	err := s.Update(ctx, func(tx *store.Tx) error {
		st, err := read(tx)
		if err != nil {
			return err
		}
		if st.Leap = (Leap{}); !st.Seen.IsZero() && now.Sub(st.Seen) > farthest {
			st.Leap = Leap{From: st.Seen, To: now}
		} else {
			st.Seen = now // back, too: then what was believed before was wrong
		}
		far = st.Leap != Leap{}
		return states.Put(tx, only, st)
	})
	return !far && err == nil, err
}

// Unbelieved is the leap that nobody has judged yet; the zero Leap when there is
// none.
func Unbelieved(s *store.Store) (leap Leap, err error) {
	err = s.View(func(tx *store.Tx) error {
		st, err := read(tx)
		leap = st.Leap
		return err
	})
	return leap, err
}

// Set sets the clock of the machine, by a way that may, and writes down by how much.
// It makes no date believed that has leapt. kept: the machine still has the time
// after it was without power.
func Set(ctx context.Context, s *store.Store, way func(time.Time) (kept bool, err error), at time.Time, operation, by string) (kept bool, err error) {
	before := time.Now().Round(0)
	if kept, err = way(at); err != nil {
		return false, err
	}
	return kept, s.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: EventSet, Operation: operation, By: by, Via: "web", Data: map[string]string{"seconds": strconv.Itoa(int(at.Sub(before).Round(time.Second) / time.Second))}})
		return nil
	})
}

// Confirm says that the date is right, whatever it was before.
func Confirm(ctx context.Context, s *store.Store, now time.Time, operation, by string) error {
	return s.Update(ctx, func(tx *store.Tx) error {
		st, err := read(tx)
		if err != nil {
			return err
		}
		tx.Emit(events.Event{Kind: EventConfirmed, Operation: operation, By: by, Via: "web", Data: map[string]string{"before": st.Seen.UTC().Format(time.DateOnly), "date": now.UTC().Format(time.DateOnly)}})
		return states.Put(tx, only, state{Seen: now.Round(0)})
	})
}
