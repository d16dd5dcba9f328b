package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// A seal proves a value that is there. That one is missing, that an older one
// came back, or that an index leads elsewhere, it does not notice: bbolt has no
// checksums over its pages. So every bucket has a tally, written in the
// transaction that changes the bucket: how many pairs it holds, the sum of
// their digests, and its sequence. Verify counts again.

// bucketTally holds the tallies by bucket name.
var bucketTally = []byte("tally")

type tally struct {
	pairs    uint64
	sum      [16]byte // exclusive or of the digests of all pairs
	sequence uint64
}

const tallySize = 8 + 16 + 8

func (t *tally) add(name, key, value []byte)  { t.pairs++; t.mix(name, key, value) }
func (t *tally) take(name, key, value []byte) { t.pairs--; t.mix(name, key, value) }

func (t *tally) mix(name, key, value []byte) {
	h := sha256.New()
	var length [8]byte
	binary.BigEndian.PutUint32(length[:4], uint32(len(name)))
	binary.BigEndian.PutUint32(length[4:], uint32(len(key)))
	h.Write(length[:])
	h.Write(name)
	h.Write(key)
	h.Write(value)
	var digest [sha256.Size]byte
	for i, b := range h.Sum(digest[:0])[:len(t.sum)] {
		t.sum[i] ^= b
	}
}

func (t tally) bytes() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, tallySize), t.pairs)
	return binary.BigEndian.AppendUint64(append(b, t.sum[:]...), t.sequence)
}

func (k keys) tallyOf(btx *bolt.Tx, name []byte) (t tally, err error) {
	b := btx.Bucket(bucketTally)
	if b == nil {
		return t, fmt.Errorf("%w: the counts of the records are missing", ErrDamaged)
	}
	sealed := b.Get(name)
	if sealed == nil {
		return t, nil
	}
	plain, err := k.open(bucketTally, name, sealed)
	if err == nil && len(plain) != tallySize {
		err = fmt.Errorf("%w: %s/%q", ErrDamaged, bucketTally, name)
	}
	if err != nil {
		return t, err
	}
	t.pairs, t.sequence = binary.BigEndian.Uint64(plain), binary.BigEndian.Uint64(plain[24:])
	copy(t.sum[:], plain[8:])
	return t, nil
}

// change is what one transaction has done to one bucket so far.
type change struct {
	tally tally
	keys  []string // that were written or deleted
}

// changing returns the account of a bucket that is about to change.
func (tx *Tx) changing(name []byte) (*change, error) {
	if c := tx.changes[string(name)]; c != nil {
		return c, nil
	}
	t, err := tx.keys.tallyOf(tx.tx, name)
	if err != nil {
		return nil, err
	}
	if tx.changes == nil {
		tx.changes = map[string]*change{}
	}
	c := &change{tally: t}
	tx.changes[string(name)] = c
	return c, nil
}

// write puts a pair into a bucket. Nothing is written or deleted past write and
// remove, or the tallies would be wrong and backups incomplete.
func (tx *Tx) write(b *bolt.Bucket, name, key, value []byte) error {
	c, err := tx.changing(name)
	if err != nil {
		return err
	}
	if old := b.Get(key); old != nil {
		c.tally.take(name, key, old)
	}
	c.tally.add(name, key, value)
	c.keys = append(c.keys, string(key))
	return b.Put(key, value)
}

// remove deletes a pair, if there is one.
func (tx *Tx) remove(b *bolt.Bucket, name, key []byte) error {
	old := b.Get(key)
	if old == nil {
		return nil
	}
	c, err := tx.changing(name)
	if err != nil {
		return err
	}
	c.tally.take(name, key, old)
	c.keys = append(c.keys, string(key))
	return b.Delete(key)
}

// number takes the next number of a bucket.
func (tx *Tx) number(b *bolt.Bucket, name []byte) (uint64, error) {
	if _, err := tx.changing(name); err != nil {
		return 0, err
	}
	return b.NextSequence()
}

// writeTallies ends a transaction.
func (tx *Tx) writeTallies() error {
	b := tx.tx.Bucket(bucketTally)
	for name, c := range tx.changes {
		c.tally.sequence = tx.tx.Bucket([]byte(name)).Sequence()
		if err := b.Put([]byte(name), tx.seal(bucketTally, []byte(name), c.tally.bytes())); err != nil {
			return err
		}
	}
	return nil
}

// sealed reports whether the values of a bucket are.
func sealed(name []byte) bool {
	return bytes.Equal(name, bucketEvents) || bytes.Equal(name, bucketTally) || bytes.HasPrefix(name, []byte(tablePrefix))
}

// beginTallies counts the buckets of a file that has no tallies yet.
func (s *Store) beginTallies() error {
	return s.db.Update(func(btx *bolt.Tx) error {
		return errors.Join(s.keys.putHead(btx.Bucket(bucketMeta), schemaNow), s.countAnew(btx))
	})
}

func (s *Store) countAnew(btx *bolt.Tx) error {
	b, err := btx.CreateBucketIfNotExists(bucketTally)
	if err != nil {
		return err
	}
	found, err := s.count(btx)
	if err != nil {
		return err
	}
	tx := &Tx{tx: btx, keys: s.keys}
	for name, t := range found {
		if err := b.Put([]byte(name), tx.seal(bucketTally, []byte(name), t.bytes())); err != nil {
			return err
		}
	}
	return nil
}

// count walks through everything, opens every seal and adds up what is there.
func (s *Store) count(btx *bolt.Tx) (map[string]tally, error) {
	found := map[string]tally{}
	err := btx.ForEach(func(name []byte, b *bolt.Bucket) (err error) {
		if bytes.Equal(name, bucketMeta) || bytes.Equal(name, bucketTally) {
			return nil
		}
		found[string(name)], err = s.countBucket(name, b)
		return err
	})
	return found, err
}

func (s *Store) countBucket(name []byte, b *bolt.Bucket) (tally, error) {
	t := tally{sequence: b.Sequence()}
	err := b.ForEach(func(k, v []byte) error {
		if sealed(name) {
			if _, err := s.keys.open(name, k, v); err != nil {
				return err
			}
		}
		t.add(name, k, v)
		return nil
	})
	return t, err
}

// proveTable is Verify of one table: before something is removed because the
// table does not have it.
func (s *Store) proveTable(btx *bolt.Tx, name []byte) error {
	want, err := s.keys.tallyOf(btx, name)
	if err != nil {
		return err
	}
	var found tally
	if b := btx.Bucket(name); b != nil {
		if found, err = s.countBucket(name, b); err != nil {
			return err
		}
	}
	return miscounted(name, found, want)
}

func miscounted(name []byte, found, want tally) error {
	if found == want {
		return nil
	}
	return fmt.Errorf("%w: %s holds %d pairs instead of %d, or not the ones that were written", ErrDamaged, name, found.pairs, want.pairs)
}

// Verify reads everything in the file and reports the first thing that is
// damaged: a value, one that is missing or an old one, or the order of the file
// itself.
func (s *Store) Verify() (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer recoverDamage(&err)
	return s.View(func(tx *Tx) error {
		found, err := s.count(tx.tx)
		if err != nil {
			return err
		}
		known := tx.tx.Bucket(bucketTally)
		if known == nil || tx.tx.Bucket(bucketMeta).Stats().KeyN != 2 {
			return fmt.Errorf("%w: the head of the record file, or the counts of the records", ErrDamaged)
		}
		err = known.ForEach(func(name, _ []byte) error {
			want, err := s.keys.tallyOf(tx.tx, name)
			if err == nil {
				err = miscounted(name, found[string(name)], want)
			}
			delete(found, string(name))
			return err
		})
		if err != nil {
			return err
		}
		for name, t := range found {
			if t != (tally{}) { // an empty bucket may be made before anything is counted in it
				return fmt.Errorf("%w: nobody knows of what is in %s", ErrDamaged, name)
			}
		}
		return structure(tx.tx)
	})
}

// structure looks for pages of the file that are used twice or not at all:
// writing would destroy what is on them.
func structure(btx *bolt.Tx) error {
	if err := lengths(btx); err != nil {
		return err
	}
	var wrong []string
	for err := range btx.Check() {
		if len(wrong) < 3 && !strings.Contains(err.Error(), "unreachable unfreed") { // that is lost room, and nothing else
			wrong = append(wrong, err.Error())
		}
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return fmt.Errorf("%w: the order of the record file: %s", ErrDamaged, strings.Join(wrong, "; "))
	}
	return nil
}

// recoverDamage makes an error of what bbolt does when it meets a page that
// cannot be: it panics, or reads behind the end of the file.
func recoverDamage(err *error) {
	if r := recover(); r != nil {
		*err = errors.Join(*err, fmt.Errorf("%w: the record file cannot be read: %v", ErrDamaged, r))
	}
}

// Records is how many records there are, in all tables.
func (s *Store) Records() (int, error) {
	n := uint64(0)
	err := s.View(func(tx *Tx) error {
		return tx.tx.Bucket(bucketTally).ForEach(func(name, _ []byte) error {
			if !bytes.HasPrefix(name, []byte(tablePrefix)) {
				return nil
			}
			t, err := s.keys.tallyOf(tx.tx, name)
			n += t.pairs
			return err
		})
	})
	return int(n), err
}
