package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	bolt "go.etcd.io/bbolt"

	"hotline/appliance/events"
)

// Tx is one transaction. It is valid only inside the function it was given to,
// and only in that goroutine.
type Tx struct {
	tx       *bolt.Tx
	keys     keys
	ids      *ids
	now      time.Time
	writable bool
	emitted  []events.Event
	touched  []Change
	changes  map[string]*change // by bucket
	dropped  []string           // blobs whose files go after the commit
	veils    *veils             // remembered lists of what is hidden; nil: none are
	veil     *veil              // what this transaction does not see; nil before it has looked
	sees     []string           // sets that are not hidden from it
	err      error              // first error of an iterator, returned by View and Update
	refused  error              // of an update that is a part of this transaction: see Together
}

// Now is the one time stamp of everything written in this transaction (UTC).
func (tx *Tx) Now() time.Time { return tx.now }

// NewID returns a new globally unique id, greater than every one before it (a
// ULID).
func (tx *Tx) NewID() string { return tx.ids.next(tx.now) }

// Next returns the next number, from 1, of the named sequence.
func (tx *Tx) Next(name string) (uint64, error) {
	bucket := []byte("sequence:" + name)
	b, err := tx.bucket(bucket)
	if err != nil {
		return 0, err
	}
	return tx.number(b, bucket)
}

// Digest is a keyed digest of text (HMAC-SHA-256, 16 bytes as hex): an index
// key for personal data that tells a reader of the file nothing.
func (tx *Tx) Digest(text string) string {
	mac := hmac.New(sha256.New, tx.keys.digest)
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// Emit adds ev to the event log. Seq, ID and At are filled in here. It is
// published when the transaction is on disk.
func (tx *Tx) Emit(ev events.Event) {
	ev.ID, ev.At = tx.NewID(), tx.now
	tx.emitted = append(tx.emitted, ev)
}

// EventLog yields the stored events from sequence number from onwards.
func (tx *Tx) EventLog(from uint64) iter.Seq[events.Event] {
	return func(yield func(events.Event) bool) {
		c := tx.tx.Bucket(bucketEvents).Cursor()
		for k, v := c.Seek(entryKey(from)); k != nil; k, v = c.Next() {
			if !yieldEvent(tx, k, v, yield) {
				return
			}
		}
	}
}

// EventLogBackward yields the stored events, newest first.
func (tx *Tx) EventLogBackward() iter.Seq[events.Event] {
	return func(yield func(events.Event) bool) {
		c := tx.tx.Bucket(bucketEvents).Cursor()
		for k, v := c.Last(); k != nil; k, v = c.Prev() {
			if !yieldEvent(tx, k, v, yield) {
				return
			}
		}
	}
}

func yieldEvent(tx *Tx, k, v []byte, yield func(events.Event) bool) bool {
	ev, _, err := tx.readEntry(k, v)
	if err != nil {
		tx.fail(err)
		return false
	}
	return yield(ev)
}

func (tx *Tx) fail(err error) {
	if tx.err == nil {
		tx.err = err
	}
}

// bucket returns the named bucket, made on first use by a writer; nil without
// error for a reader of a bucket that does not exist yet.
func (tx *Tx) bucket(name []byte) (*bolt.Bucket, error) {
	if tx.writable {
		return tx.tx.CreateBucketIfNotExists(name)
	}
	return tx.tx.Bucket(name), nil
}

func (tx *Tx) put(b *bolt.Bucket, name, key []byte, v any) error {
	plain, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding a record of %s: %w", name, err)
	}
	return tx.write(b, name, key, tx.seal(name, key, plain))
}

func (tx *Tx) get(name, key, sealed []byte, v any) error {
	plain, err := tx.keys.open(name, key, sealed)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(plain, v); err != nil {
		return fmt.Errorf("decoding record %s/%q: %w", name, key, err)
	}
	return nil
}

// seal binds a value to its place: bbolt has no checksum over data, and a
// value that turns up under another key must not be believed either. The first
// byte is the version of the sealing, so that it can change one day.
const sealVersion = 1

func (tx *Tx) seal(name, key, plain []byte) []byte {
	return tx.keys.aead.Seal([]byte{sealVersion}, nil, plain, place(name, key))
}

func (k keys) open(name, key, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != sealVersion {
		return nil, fmt.Errorf("%w: %s/%q", ErrDamaged, name, key)
	}
	plain, err := k.aead.Open(nil, nil, sealed[1:], place(name, key))
	if err != nil {
		return nil, fmt.Errorf("%w: %s/%q", ErrDamaged, name, key)
	}
	return plain, nil
}

func place(name, key []byte) []byte {
	p := make([]byte, 0, len(name)+1+len(key))
	return append(append(append(p, name...), 0), key...)
}
