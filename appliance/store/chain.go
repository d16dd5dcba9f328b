package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hotline/appliance/events"
)

// The event log is a chain: every entry carries a digest of itself and of the
// entry before it, and the file knows the last one. Whoever changes, removes or
// reorders an entry, with the key of the box in hand, must change all that come
// after it, and then the last digest is another one than the one that was
// written down elsewhere: exports carry it away.

// bucketChain holds the one chain of the file.
var (
	bucketChain = []byte(tablePrefix + "log_chain")
	chainKey    = []byte("log")
)

// chain is where the log begins and ends.
type chain struct {
	Base    uint64 `json:"base"` // last entry that is not in the chain: it was removed by age, or is older than the chain
	BaseSum []byte `json:"base_sum,omitempty"`
	Last    uint64 `json:"last"`
	Sum     []byte `json:"sum,omitempty"`
}

// logged is an entry as it is stored. The event is kept as it was written, so
// that its digest stays right when a later program knows more fields.
type logged struct {
	Event json.RawMessage `json:"event"`
	Sum   []byte          `json:"sum"`
}

func link(before []byte, seq uint64, event []byte) []byte {
	h := sha256.New()
	h.Write(before)
	h.Write(binary.BigEndian.AppendUint64(nil, seq))
	h.Write(event)
	return h.Sum(nil)
}

// ErrLogChanged says that the event log is not what was written.
var ErrLogChanged = errors.New("the log is not what was written")

func (tx *Tx) chain() (chain, error) {
	var c chain
	var sealed []byte
	if b := tx.tx.Bucket(bucketChain); b != nil {
		sealed = b.Get(chainKey)
	}
	if sealed == nil {
		// A log from before the chain: it begins with what comes next.
		c.Base = tx.tx.Bucket(bucketEvents).Sequence()
		c.Last = c.Base
		return c, nil
	}
	return c, tx.get(bucketChain, chainKey, sealed, &c)
}

func (tx *Tx) putChain(c chain) error {
	b, err := tx.bucket(bucketChain)
	if err != nil {
		return err
	}
	return tx.put(b, bucketChain, chainKey, c)
}

func (tx *Tx) writeEvents() error {
	if len(tx.emitted) == 0 {
		return nil
	}
	b := tx.tx.Bucket(bucketEvents)
	c, err := tx.chain()
	if err != nil {
		return err
	}
	for i := range tx.emitted {
		seq, err := tx.number(b, bucketEvents)
		if err != nil {
			return err
		}
		tx.emitted[i].Seq = seq
		text, err := json.Marshal(tx.emitted[i])
		if err != nil {
			return fmt.Errorf("encoding an event: %w", err)
		}
		c.Sum = link(c.Sum, seq, text)
		c.Last = seq
		if err := tx.put(b, bucketEvents, entryKey(seq), logged{text, c.Sum}); err != nil {
			return fmt.Errorf("writing the event log: %w", err)
		}
	}
	return tx.putChain(c)
}

func entryKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// readEntry opens an entry of the log.
func (tx *Tx) readEntry(k, sealed []byte) (ev events.Event, entry logged, err error) {
	plain, err := tx.keys.open(bucketEvents, k, sealed)
	if err != nil {
		return ev, entry, err
	}
	if err = json.Unmarshal(plain, &entry); err == nil && entry.Event != nil {
		plain = entry.Event
	}
	if err == nil {
		err = json.Unmarshal(plain, &ev)
	}
	if err != nil {
		return ev, entry, fmt.Errorf("decoding an entry of the log: %w", err)
	}
	return ev, entry, nil
}

// Mark is a place in the log and the digest of everything up to it: what is
// written down elsewhere to prove later that nothing was changed.
type Mark struct {
	Seq uint64
	Sum []byte
}

// String is the mark as people keep it.
func (m Mark) String() string { return fmt.Sprintf("%d:%s", m.Seq, hex.EncodeToString(m.Sum)) }

// ParseMark reads what String wrote.
func ParseMark(text string) (Mark, error) {
	number, digest, _ := strings.Cut(strings.TrimSpace(text), ":")
	seq, err := strconv.ParseUint(number, 10, 64)
	sum, err2 := hex.DecodeString(digest)
	if err != nil || err2 != nil || len(sum) != sha256.Size {
		return Mark{}, fmt.Errorf("%q is no mark of a log: it is a number, a colon and 64 letters and digits", text)
	}
	return Mark{seq, sum}, nil
}

// LogMark is the mark of the log as it stands.
func (tx *Tx) LogMark() (Mark, error) {
	c, err := tx.chain()
	return Mark{c.Last, c.Sum}, err
}

// VerifyLog reads the whole log and reports the first entry that was changed,
// removed, added or moved, as ErrLogChanged. With marks from elsewhere it also
// finds a log that was written anew as a whole, or put back from an older copy.
func (s *Store) VerifyLog(marks ...Mark) (end Mark, entries int, err error) {
	err = s.View(func(tx *Tx) error {
		c, err := tx.chain()
		if err != nil {
			return fmt.Errorf("%w: where it ends cannot be read: %w", ErrLogChanged, err)
		}
		before, next := c.BaseSum, c.Base+1
		for _, m := range marks { // of the end of the log from which this one goes on
			if m.Seq == c.Base && c.BaseSum != nil && !bytes.Equal(m.Sum, c.BaseSum) {
				return fmt.Errorf("%w: it goes on from another log than the one whose mark you have", ErrLogChanged)
			}
		}
		cursor := tx.tx.Bucket(bucketEvents).Cursor()
		for k, sealed := cursor.First(); k != nil && bytes.Compare(k, entryKey(next)) < 0; k, sealed = cursor.Next() {
			if _, entry, err := tx.readEntry(k, sealed); err != nil || entry.Sum != nil {
				return fmt.Errorf("%w: it begins with entry %d, and there are entries before it", ErrLogChanged, next)
			}
		}
		for k, sealed := cursor.Seek(entryKey(next)); k != nil; k, sealed = cursor.Next() {
			if !bytes.Equal(k, entryKey(next)) {
				return fmt.Errorf("%w: entry %d is missing", ErrLogChanged, next)
			}
			ev, entry, err := tx.readEntry(k, sealed)
			if err != nil {
				return fmt.Errorf("%w: entry %d cannot be read: %w", ErrLogChanged, next, err)
			}
			sum := link(before, next, entry.Event)
			if ev.Seq != next || !bytes.Equal(sum, entry.Sum) {
				return fmt.Errorf("%w: entry %d, or the one before it, is another one", ErrLogChanged, next)
			}
			for _, m := range marks {
				if m.Seq == next && !bytes.Equal(m.Sum, sum) {
					return fmt.Errorf("%w: up to entry %d it is another log than the one whose mark you have", ErrLogChanged, next)
				}
			}
			before = sum
			next++
			entries++
		}
		if next-1 != c.Last || !bytes.Equal(before, c.Sum) {
			return fmt.Errorf("%w: it ends with entry %d instead of %d", ErrLogChanged, next-1, c.Last)
		}
		for _, m := range marks {
			if m.Seq > c.Last {
				return fmt.Errorf("%w: it ends with entry %d, and your mark is of entry %d: newer entries were removed, or an older copy was put back", ErrLogChanged, c.Last, m.Seq)
			}
		}
		end = Mark{c.Last, c.Sum}
		return nil
	})
	return end, entries, err
}

// TrimLog removes the entries that are older than before, a number at most, and
// reports how many they were. The chain goes on from there.
func (tx *Tx) TrimLog(before time.Time, most int) (int, error) {
	c, err := tx.chain()
	if err != nil {
		return 0, err
	}
	b, n := tx.tx.Bucket(bucketEvents), 0
	for n < most {
		k, sealed := b.Cursor().First()
		if k == nil {
			break
		}
		ev, entry, err := tx.readEntry(k, sealed)
		if err != nil {
			return n, err
		}
		if !ev.At.Before(before) {
			break
		}
		if err := tx.remove(b, bucketEvents, bytes.Clone(k)); err != nil {
			return n, err
		}
		if ev.Seq > c.Base {
			c.Base, c.BaseSum = ev.Seq, entry.Sum
		}
		n++
	}
	if n == 0 {
		return 0, nil
	}
	return n, tx.putChain(c)
}

// LogAfter reads up to most entries of the log behind the entry seq. Begins is
// the first entry that is still there: those before it were removed by age.
func (s *Store) LogAfter(seq uint64, most int) (list []events.Event, begins uint64, err error) {
	err = s.View(func(tx *Tx) error {
		c := tx.tx.Bucket(bucketEvents).Cursor()
		k, _ := c.First()
		if k == nil {
			begins = tx.tx.Bucket(bucketEvents).Sequence() + 1
			return nil
		}
		begins = binary.BigEndian.Uint64(k)
		for k, v := c.Seek(entryKey(seq + 1)); k != nil && len(list) < most; k, v = c.Next() {
			ev, _, err := tx.readEntry(k, v)
			if err != nil {
				return err
			}
			list = append(list, ev)
		}
		return nil
	})
	return list, begins, err
}

// Digest is Tx.Digest for somebody who reads and writes nothing.
func (s *Store) Digest(text string) string { return (&Tx{keys: s.keys}).Digest(text) }
