package ui

import (
	"slices"
	"sync"
	"time"

	"hotline/appliance/events"
)

// lately keeps the newest events of a kind for pages that look every few
// seconds: it reads the log once, and from then on what is new.
type lately struct {
	keep func(events.Event) bool
	most int

	mu   sync.Mutex
	seen time.Time
	list []events.Event // the newest first
}

// overlap is read again each time: what is stored in this moment has a time that
// is a little older.
const overlap = 10 * time.Second

func (l *lately) events(j Journal, now time.Time) ([]events.Event, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, err := []events.Event(nil), error(nil)
	if l.seen.IsZero() {
		found, err = j.Latest(l.most, l.keep)
	} else {
		found, err = j.Since(l.seen.Add(-overlap), l.keep)
	}
	if err != nil {
		return nil, err
	}
	for i := len(found) - 1; i >= 0; i-- {
		if !slices.ContainsFunc(l.list, func(ev events.Event) bool { return ev.ID == found[i].ID }) {
			l.list = slices.Insert(l.list, 0, found[i])
		}
	}
	l.list = l.list[:min(len(l.list), l.most)]
	l.seen = now
	return slices.Clone(l.list), nil
}
