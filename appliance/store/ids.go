package store

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// ids makes the ids of one box: ULIDs, unique across boxes, each greater than
// every one before it. Lists are read and exports go on behind an id, so this
// has to hold although many are made within a millisecond, and although the
// clock is set back, by a person, by NTP, or by an empty battery at the start.
// The time that is inside an id is therefore not one to show.
type ids struct {
	mu     sync.Mutex
	last   uint64 // milliseconds
	random *ulid.MonotonicEntropy
}

func newIDs() *ids { return &ids{random: ulid.Monotonic(rand.Reader, 0)} }

func (i *ids) next(now time.Time) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last = max(i.last, ulid.Timestamp(now))
	id, err := ulid.New(i.last, i.random)
	if err != nil { // more than 2^32 within this millisecond
		i.last++
		id = ulid.MustNew(i.last, i.random)
	}
	return id.String()
}

// goOn continues behind the newest entry of the log: what a transaction writes
// has its ids from the time of its events.
func (s *Store) goOn() {
	err := s.View(func(tx *Tx) error {
		k, sealed := tx.tx.Bucket(bucketEvents).Cursor().Last()
		if k == nil {
			return nil
		}
		newest, _, err := tx.readEntry(k, sealed)
		if err != nil {
			return err
		}
		id, err := ulid.ParseStrict(newest.ID)
		if err == nil {
			s.ids.last = id.Time() + 1
		}
		return err
	})
	if err != nil {
		s.log.Error("new records may stand before old ones in lists: the newest entry of the log cannot be read", "error", err)
	}
}
