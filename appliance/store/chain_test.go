package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"hotline/appliance/events"
	"hotline/appliance/proof"
)

func logOf(t *testing.T, n int) *Store {
	t.Helper()
	s, err := Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	say(t, s, 1, n)
	return s
}

func say(t *testing.T, s *Store, from, to int) {
	t.Helper()
	for i := from; i <= to; i++ {
		if err := s.Update(context.Background(), func(tx *Tx) error {
			tx.Emit(events.Event{Kind: "note.written", By: "ana", Data: map[string]string{"n": fmt.Sprint(i), "text": "<&>"}})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// forge changes the log as somebody would who has the file and its key.
func forge(t *testing.T, s *Store, fn func(tx *Tx, b *bolt.Bucket) error) {
	t.Helper()
	if err := s.db.Update(func(btx *bolt.Tx) error {
		tx := &Tx{tx: btx, keys: s.keys, now: time.Now(), writable: true}
		return fn(tx, btx.Bucket(bucketEvents))
	}); err != nil {
		t.Fatal(err)
	}
}

func entryAt(tx *Tx, b *bolt.Bucket, seq uint64) (logged, error) {
	_, entry, err := tx.readEntry(entryKey(seq), b.Get(entryKey(seq)))
	return entry, err
}

func TestTheLogProvesItself(t *testing.T) {
	s := logOf(t, 10)
	end, n, err := s.VerifyLog()
	if err != nil || n != 10 || end.Seq != 10 {
		t.Fatalf("%v %d %v", end, n, err)
	}
	say(t, s, 11, 12)
	kept, err := ParseMark(end.String())
	if err != nil {
		t.Fatal(err)
	}
	if _, n, err := s.VerifyLog(kept); err != nil || n != 12 {
		t.Errorf("with a mark of yesterday: %d %v", n, err)
	}
	for _, text := range []string{"", "10", "10:zz", "x:" + end.String()[3:], end.String() + "00"} {
		if _, err := ParseMark(text); err == nil {
			t.Errorf("%q is taken for a mark", text)
		}
	}
}

// Everything that somebody could do to the log who has the file and its key.
func TestAChangedLogIsFound(t *testing.T) {
	reseal := func(tx *Tx, b *bolt.Bucket, seq uint64, change func(*events.Event)) error {
		entry, err := entryAt(tx, b, seq)
		if err != nil {
			return err
		}
		var ev events.Event
		if err := json.Unmarshal(entry.Event, &ev); err != nil {
			return err
		}
		change(&ev)
		if entry.Event, err = json.Marshal(ev); err != nil {
			return err
		}
		return tx.put(b, bucketEvents, entryKey(seq), entry)
	}
	// anew writes the chain anew from an entry on, as a whole.
	anew := func(tx *Tx, b *bolt.Bucket) error {
		c, err := tx.chain()
		if err != nil {
			return err
		}
		c.Sum = c.BaseSum
		for seq := c.Base + 1; ; seq++ {
			if b.Get(entryKey(seq)) == nil {
				break
			}
			entry, err := entryAt(tx, b, seq)
			if err != nil {
				return err
			}
			entry.Sum = link(c.Sum, seq, entry.Event)
			c.Sum, c.Last = entry.Sum, seq
			if err := tx.put(b, bucketEvents, entryKey(seq), entry); err != nil {
				return err
			}
		}
		return tx.putChain(c)
	}
	ways := map[string]func(tx *Tx, b *bolt.Bucket) error{
		"somebody else did it": func(tx *Tx, b *bolt.Bucket) error {
			return reseal(tx, b, 5, func(ev *events.Event) { ev.By = "ben" })
		},
		"at another time": func(tx *Tx, b *bolt.Bucket) error {
			return reseal(tx, b, 10, func(ev *events.Event) { ev.At = ev.At.Add(time.Hour) })
		},
		"an entry is gone":  func(_ *Tx, b *bolt.Bucket) error { return b.Delete(entryKey(5)) },
		"the first is gone": func(_ *Tx, b *bolt.Bucket) error { return b.Delete(entryKey(1)) },
		"the last is gone":  func(_ *Tx, b *bolt.Bucket) error { return b.Delete(entryKey(10)) },
		"two changed places": func(tx *Tx, b *bolt.Bucket) error {
			one, err := entryAt(tx, b, 4)
			two, err2 := entryAt(tx, b, 5)
			return errors.Join(err, err2, tx.put(b, bucketEvents, entryKey(5), one), tx.put(b, bucketEvents, entryKey(4), two))
		},
		"one more": func(tx *Tx, b *bolt.Bucket) error {
			entry, err := entryAt(tx, b, 10)
			return errors.Join(err, tx.put(b, bucketEvents, entryKey(11), entry))
		},
		"the end is forgotten": func(tx *Tx, _ *bolt.Bucket) error { return tx.tx.Bucket(bucketChain).Delete(chainKey) },
		"one flipped bit": func(_ *Tx, b *bolt.Bucket) error {
			v := bytes.Clone(b.Get(entryKey(5)))
			v[len(v)/2] ^= 1
			return b.Put(entryKey(5), v)
		},
		"all of it is written anew": func(tx *Tx, b *bolt.Bucket) error {
			return errors.Join(reseal(tx, b, 5, func(ev *events.Event) { ev.By = "ben" }), anew(tx, b))
		},
		"the end is cut off and closed again": func(tx *Tx, b *bolt.Bucket) error {
			return errors.Join(b.Delete(entryKey(9)), b.Delete(entryKey(10)), anew(tx, b))
		},
	}
	found := 0
	for name, change := range ways {
		t.Run(name, func(t *testing.T) {
			s := logOf(t, 10)
			mark, _, err := s.VerifyLog()
			if err != nil {
				t.Fatal(err)
			}
			forge(t, s, change)
			if _, _, err := s.VerifyLog(mark); errors.Is(err, ErrLogChanged) {
				found++
			} else {
				t.Errorf("not found: %v", err)
			}
		})
	}
	proof.Note(t, proof.Result{Promise: "log", Figure: fmt.Sprintf("%d of %d ways to change a log are found out, also by somebody who has the file and its key", found, len(ways)),
		Control: "the same log proves itself before each change"})
}

// Old entries go by age; what stays still proves itself, and the program that
// forgets where the log ended does not begin a new one unseen.
func TestOldEntriesGoAndTheChainHolds(t *testing.T) {
	s := logOf(t, 10)
	trim := func(most int) (n int) {
		t.Helper()
		if err := s.Update(context.Background(), func(tx *Tx) (err error) {
			n, err = tx.TrimLog(tx.Now().Add(time.Minute), most)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := trim(4); n != 4 {
		t.Fatalf("%d entries went", n)
	}
	if end, n, err := s.VerifyLog(); err != nil || n != 6 || end.Seq != 10 {
		t.Errorf("%v %d %v", end, n, err)
	}
	trim(100)
	say(t, s, 11, 11)
	if end, n, err := s.VerifyLog(); err != nil || n != 1 || end.Seq != 11 {
		t.Errorf("%v %d %v", end, n, err)
	}
	forge(t, s, func(tx *Tx, _ *bolt.Bucket) error { return tx.tx.Bucket(bucketChain).Delete(chainKey) })
	say(t, s, 12, 12)
	if _, _, err := s.VerifyLog(); !errors.Is(err, ErrLogChanged) {
		t.Errorf("a second beginning is not found: %v", err)
	}
}

// A log that an older program began, without a chain, is read on.
func TestALogFromBeforeTheChain(t *testing.T) {
	s := logOf(t, 0)
	forge(t, s, func(tx *Tx, b *bolt.Bucket) error {
		for range 3 {
			seq, err := b.NextSequence()
			if err != nil {
				return err
			}
			if err := tx.put(b, bucketEvents, entryKey(seq), events.Event{Seq: seq, Kind: "old"}); err != nil {
				return err
			}
		}
		return nil
	})
	say(t, s, 4, 5)
	if end, n, err := s.VerifyLog(); err != nil || n != 2 || end.Seq != 5 {
		t.Errorf("%v %d %v", end, n, err)
	}
	kinds := ""
	if err := s.View(func(tx *Tx) error {
		for ev := range tx.EventLog(1) {
			kinds += ev.Kind + " "
		}
		return nil
	}); err != nil || kinds != "old old old note.written note.written " {
		t.Errorf("read %q %v", kinds, err)
	}
}

func TestTheLogIsReadFromAPlace(t *testing.T) {
	if list, begins, err := logOf(t, 0).LogAfter(0, 10); err != nil || len(list) != 0 || begins != 1 {
		t.Fatalf("an empty log: %v, %d, %v", list, begins, err)
	}
	s := logOf(t, 5)
	if list, begins, err := s.LogAfter(2, 2); err != nil || len(list) != 2 || list[0].Seq != 3 || list[1].Seq != 4 || begins != 1 {
		t.Fatalf("behind the second entry: %v, %d, %v", list, begins, err)
	}
	if err := s.Update(t.Context(), func(tx *Tx) error {
		_, err := tx.TrimLog(time.Now().Add(time.Hour), 2)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if list, begins, err := s.LogAfter(0, 10); err != nil || len(list) != 3 || begins != 3 {
		t.Fatalf("after the oldest were removed: %v, %d, %v", list, begins, err)
	}
	if list, begins, err := s.LogAfter(99, 10); err != nil || len(list) != 0 || begins != 3 {
		t.Fatalf("behind its end: %v, %d, %v", list, begins, err)
	}
}
