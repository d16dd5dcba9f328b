package triage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// QueueLife is the queue for danger now. It is never closed: such a call is
// never put off.
const QueueLife = "life"

// Event kinds of queues that are closed to new callers.
const (
	EventQueueClosed   = "queue.closed"
	EventQueueOpened   = "queue.opened"
	EventQueueReverted = "queue.change_undone"
)

// ErrNoClosureToUndo means that no queue was opened or closed of late.
var ErrNoClosureToUndo = errors.New("there is nothing to undo: no queue was opened or closed within the last five minutes")

// undoClosureWithin is how long the last change of a queue can be taken back.
const undoClosureWithin = 5 * time.Minute

// Closure is a queue that takes no new callers. Those who wait in it are served.
type Closure struct {
	Queue string    `json:"queue"`
	Since time.Time `json:"since"`
	By    string    `json:"by"`
	Name  string    `json:"name,omitempty"`
}

// closureChange is the last change, for Undo.
type closureChange struct {
	At     time.Time `json:"at"`
	Queue  string    `json:"queue"`
	Closed bool      `json:"closed"` // what it was changed to
	Was    Closure   `json:"was"`    // of a queue that was opened
}

var (
	closures       = store.NewTable[Closure]("queue_closures")
	closureChanges = store.NewTable[closureChange]("queue_closure_last")
)

const lastClosure = "last"

// Closures are the queues that are closed to new callers.
type Closures struct {
	store   *store.Store
	queues  func() []string
	mu      sync.Mutex // one change at a time
	closed  atomic.Pointer[map[string]Closure]
	changed atomic.Pointer[closureChange] // the last one that can be undone
}

// OpenClosures reads which of the queues are closed.
func OpenClosures(s *store.Store, queues func() []string) (*Closures, error) {
	c := &Closures{store: s, queues: queues}
	closed := map[string]Closure{}
	err := s.View(func(tx *store.Tx) error {
		for queue, one := range closures.All(tx) {
			closed[queue] = one
		}
		last, err := closureChanges.Get(tx, lastClosure)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		c.changed.Store(&last)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading which queues are closed: %w", err)
	}
	c.closed.Store(&closed)
	return c, nil
}

// Closed reports whether a queue takes no new callers; asked by every call, from
// memory.
func (c *Closures) Closed(queue string) bool {
	if c == nil || queue == QueueLife {
		return false
	}
	_, closed := (*c.closed.Load())[queue]
	return closed
}

// List is what is closed, by queue.
func (c *Closures) List() []Closure {
	var list []Closure
	closed := *c.closed.Load()
	for _, queue := range c.queues() {
		if one, is := closed[queue]; is {
			list = append(list, one)
		}
	}
	return list
}

// Queues are all queues that can be closed.
func (c *Closures) Queues() []string {
	return slices.DeleteFunc(slices.Clone(c.queues()), func(q string) bool { return q == QueueLife })
}

// Set closes a queue to new callers or opens it again. When it returns nil it
// is stored and counts. Setting what is so already changes nothing.
func (c *Closures) Set(ctx context.Context, queue string, closed bool, by, name, via string) error {
	switch {
	case queue == QueueLife:
		return errors.New("the queue for people in danger cannot be closed")
	case !slices.Contains(c.queues(), queue):
		return fmt.Errorf("there is no queue %q", queue)
	case by == "" || via == "":
		return errors.New("closing a queue needs to say who does it and how")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Closed(queue) == closed {
		return nil
	}
	kind := EventQueueOpened
	if closed {
		kind = EventQueueClosed
	}
	was := (*c.closed.Load())[queue]
	return c.write(ctx, kind, queue, by, name, via, func(tx *store.Tx, next map[string]Closure) (*closureChange, error) {
		if closed {
			next[queue] = Closure{Queue: queue, Since: tx.Now(), By: by, Name: name}
		} else {
			delete(next, queue)
		}
		change := &closureChange{At: tx.Now(), Queue: queue, Closed: closed, Was: was}
		return change, closureChanges.Put(tx, lastClosure, *change)
	})
}

// Changed says when the last change was made that Undo would take back, and of
// which queue.
func (c *Closures) Changed(now time.Time) (at time.Time, queue string, ok bool) {
	last := c.changed.Load()
	if last == nil || now.Sub(last.At) > undoClosureWithin {
		return time.Time{}, "", false
	}
	return last.At, last.Queue, true
}

// Undo takes the last change back, once, within five minutes.
func (c *Closures) Undo(ctx context.Context, by, name, via string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.changed.Load()
	if _, _, ok := c.Changed(time.Now()); !ok {
		return ErrNoClosureToUndo
	}
	return c.write(ctx, EventQueueReverted, last.Queue, by, name, via, func(tx *store.Tx, next map[string]Closure) (*closureChange, error) {
		if last.Closed {
			delete(next, last.Queue)
		} else {
			next[last.Queue] = last.Was
		}
		return nil, closureChanges.Delete(tx, lastClosure)
	})
}

// write stores what fn makes of the closures. fn may run twice.
func (c *Closures) write(ctx context.Context, kind, queue, by, name, via string, fn func(*store.Tx, map[string]Closure) (*closureChange, error)) error {
	var next map[string]Closure
	var change *closureChange
	err := c.store.Update(ctx, func(tx *store.Tx) (err error) {
		next = map[string]Closure{}
		for queue, one := range *c.closed.Load() {
			next[queue] = one
		}
		if change, err = fn(tx, next); err != nil {
			return err
		}
		tx.Emit(events.Event{Kind: kind, Queue: queue, By: by, Via: via, Data: map[string]string{"name": name}})
		if one, closed := next[queue]; closed {
			return closures.Put(tx, queue, one)
		}
		return closures.Delete(tx, queue)
	})
	if err != nil {
		return fmt.Errorf("the queue was not changed; please try again: %w", err)
	}
	c.closed.Store(&next)
	c.changed.Store(change)
	return nil
}
