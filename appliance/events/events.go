// Package events carries what has happened, in the past tense and in order,
// from the store to whoever watches. It does not know what the kinds mean:
// every kind belongs to the package that emits it.
package events

import (
	"sync"
	"time"
)

// Event is one fact. Events are self-contained and their IDs globally unique,
// so that a log can leave the box and be merged with another one.
type Event struct {
	Seq       uint64            `json:"seq"` // place in this box's log, from 1
	ID        string            `json:"id"`  // ULID
	At        time.Time         `json:"at"`
	Kind      string            `json:"kind"` // "queue.entered": features.md §4.6
	Operation string            `json:"operation,omitempty"`
	Contact   string            `json:"contact,omitempty"`
	Agent     string            `json:"agent,omitempty"`
	Queue     string            `json:"queue,omitempty"`
	By        string            `json:"by,omitempty"`  // account that acted
	Via       string            `json:"via,omitempty"` // "phone", "web", "rule"
	Data      map[string]string `json:"data,omitempty"`
}

// Bus hands every event to every subscriber in log order. Publishing never
// waits: a subscriber that falls behind by its whole buffer is cut off, its
// channel is closed, and it must load the current state again.
type Bus struct {
	mu   sync.Mutex
	subs map[*Subscription]struct{}
}

// NewBus returns an empty bus.
func NewBus() *Bus { return &Bus{subs: map[*Subscription]struct{}{}} }

// Subscription is one listener. C is closed by Close, or by the bus when the
// listener was too slow.
type Subscription struct {
	C   <-chan Event
	c   chan Event
	bus *Bus
}

// Subscribe starts listening with room for buffer undelivered events.
func (b *Bus) Subscribe(buffer int) *Subscription {
	c := make(chan Event, max(buffer, 1))
	s := &Subscription{C: c, c: c, bus: b}
	b.mu.Lock()
	b.subs[s] = struct{}{}
	b.mu.Unlock()
	return s
}

// Close ends the subscription. It may be called more than once.
func (s *Subscription) Close() {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	s.bus.drop(s)
}

func (b *Bus) drop(s *Subscription) {
	if _, on := b.subs[s]; on {
		delete(b.subs, s)
		close(s.c)
	}
}

// Publish delivers evs to all subscribers without waiting.
func (b *Bus) Publish(evs ...Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.subs {
		for _, ev := range evs {
			select {
			case s.c <- ev:
				continue
			default:
				b.drop(s)
			}
			break
		}
	}
}
