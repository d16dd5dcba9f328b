package store

import (
	"context"
	"sync"
)

// Change names a record that was written or deleted.
type Change struct{ Table, Key string }

// Feed collects which records of some tables have changed, for one reader who
// looks each of them up again: what is said is that a record is another one
// than before, not what it is. A reader that is slow loses nothing but the
// steps in between.
type Feed struct {
	store  *Store
	tables map[string]bool

	mu      sync.Mutex
	changed map[Change]struct{}
	lost    bool
	wake    chan struct{}

	noted, taken, done uint64        // how often something changed: in all, as far as handed out, and dealt with
	progress           chan struct{} // closed when done grows
}

// mostChanged bounds what a feed keeps for a reader who does not read.
const mostChanged = 100_000

// Follow begins a feed of changes to the named tables. Close it.
func (s *Store) Follow(tables ...string) *Feed {
	f := &Feed{store: s, tables: map[string]bool{}, changed: map[Change]struct{}{}, wake: make(chan struct{}, 1),
		progress: make(chan struct{})}
	for _, t := range tables {
		f.tables[tablePrefix+t] = true
	}
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	if s.feeds.all == nil {
		s.feeds.all = map[*Feed]struct{}{}
	}
	s.feeds.all[f] = struct{}{}
	return f
}

// Next waits for changes. Lost means that there were too many to remember:
// everything has to be read again. Who asks for the next has dealt with those
// before.
func (f *Feed) Next(ctx context.Context) (changes []Change, lost bool, err error) {
	f.mu.Lock()
	f.done = f.taken
	close(f.progress)
	f.progress = make(chan struct{})
	f.mu.Unlock()
	for {
		f.mu.Lock()
		lost, f.lost = f.lost, false
		f.taken = f.noted
		for c := range f.changed {
			changes = append(changes, c)
		}
		clear(f.changed)
		f.mu.Unlock()
		if lost || len(changes) > 0 {
			return changes, lost, nil
		}
		select {
		case <-ctx.Done():
			return nil, false, context.Cause(ctx)
		case <-f.wake:
		}
	}
}

// Settle waits until the reader has dealt with everything that was on disk when
// it was called.
func (f *Feed) Settle(ctx context.Context) error {
	f.mu.Lock()
	until := f.noted
	for f.done < until {
		progress := f.progress
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-progress:
		}
		f.mu.Lock()
	}
	f.mu.Unlock()
	return nil
}

// Close ends the feed.
func (f *Feed) Close() {
	f.store.feeds.mu.Lock()
	defer f.store.feeds.mu.Unlock()
	delete(f.store.feeds.all, f)
}

// feeds are told what a commit has changed.
type feeds struct {
	mu  sync.Mutex
	all map[*Feed]struct{}
}

func (fs *feeds) publish(touched []Change) {
	if len(touched) == 0 {
		return
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for f := range fs.all {
		f.note(touched)
	}
}

func (f *Feed) note(touched []Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range touched {
		if !f.tables[c.Table] {
			continue
		}
		c.Table = c.Table[len(tablePrefix):]
		if len(f.changed) >= mostChanged {
			f.lost = true
			clear(f.changed)
		}
		f.changed[c] = struct{}{}
		f.noted++
	}
	if len(f.changed) > 0 {
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}
