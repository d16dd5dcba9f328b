package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	bolt "go.etcd.io/bbolt"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

type note struct {
	Text string `json:"text"`
}

var (
	notes   = store.NewTable[note]("notes")
	byPlace = store.NewIndex("notes_by_place")
)

func open(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *store.Store, key, text string) {
	t.Helper()
	if err := s.Update(context.Background(), func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: "note.written", Data: map[string]string{"key": key}})
		return errors.Join(notes.Put(tx, key, note{text}), byPlace.Add(tx, tx.Digest("Santa Clara"), key))
	}); err != nil {
		t.Fatal(err)
	}
}

func TestWhatWasAcknowledgedIsThereAfterReopening(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "b", "second")
	put(t, s, "a", "first")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	defer s.Close()
	err := s.View(func(tx *store.Tx) error {
		var keys, back, log []string
		for k, n := range notes.All(tx) {
			keys = append(keys, k+"="+n.Text)
		}
		for k := range notes.Backward(tx) {
			back = append(back, k)
		}
		for ev := range tx.EventLog(1) {
			log = append(log, fmt.Sprint(ev.Seq, ev.Kind, ev.Data["key"]))
		}
		if want := []string{"a=first", "b=second"}; !slices.Equal(keys, want) {
			t.Errorf("records %q, want %q", keys, want)
		}
		if want := []string{"b", "a"}; !slices.Equal(back, want) {
			t.Errorf("backward %q, want %q", back, want)
		}
		if want := []string{"1note.writtenb", "2note.writtena"}; !slices.Equal(log, want) {
			t.Errorf("event log %q, want %q", log, want)
		}
		if ids := slices.Collect(byPlace.IDs(tx, tx.Digest("Santa Clara"))); !slices.Equal(ids, []string{"a", "b"}) {
			t.Errorf("index gave %q", ids)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "c", "third")
}

func TestAFailedUpdateLeavesNothing(t *testing.T) {
	s := storetest.Open(t)
	sub := s.Events().Subscribe(4)
	defer sub.Close()
	broken := errors.New("broken")
	err := s.Update(context.Background(), func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: "note.written"})
		return errors.Join(notes.Put(tx, "x", note{"half"}), broken)
	})
	if !errors.Is(err, broken) {
		t.Fatalf("error %v", err)
	}
	_ = s.View(func(tx *store.Tx) error {
		if _, err := notes.Get(tx, "x"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("half a change was kept: %v", err)
		}
		return nil
	})
	put(t, s, "y", "whole")
	if ev := <-sub.C; ev.Seq != 1 || ev.Data["key"] != "y" {
		t.Errorf("event of the failed update came out: %+v", ev)
	}
}

func TestEventsComeInLogOrderFromManyWriters(t *testing.T) {
	s := storetest.Open(t)
	sub := s.Events().Subscribe(1000)
	defer sub.Close()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 25 {
				put(t, s, fmt.Sprintf("%d-%d", w, i), "text")
			}
		})
	}
	wg.Wait()
	for want := range uint64(200) {
		if ev := <-sub.C; ev.Seq != want+1 {
			t.Fatalf("event %d came where %d was due", ev.Seq, want+1)
		}
	}
}

func TestPersonalDataIsNotReadableInTheFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "k", "Maria lives behind the church")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "hotline.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"Maria", "church", "Santa Clara", "note.written"} {
		if bytes.Contains(raw, []byte(secret)) {
			t.Errorf("%q is readable in the file", secret)
		}
	}
	for _, name := range []string{"hotline.db", "box.key"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v; want 0600", name, info.Mode(), err)
		}
	}
}

// change edits the raw bbolt file behind the store's back.
func change(t *testing.T, dir string, fn func(*bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(filepath.Join(dir, "hotline.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(fn), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedOrMovedRecordIsReportedNeverReturned(t *testing.T) {
	for name, damage := range map[string]func(b *bolt.Bucket) error{
		"one flipped bit": func(b *bolt.Bucket) error {
			v := bytes.Clone(b.Get([]byte("k")))
			v[len(v)-3] ^= 4
			return b.Put([]byte("k"), v)
		},
		"cut short": func(b *bolt.Bucket) error { return b.Put([]byte("k"), nil) },
		"another record's value": func(b *bolt.Bucket) error {
			return b.Put([]byte("k"), bytes.Clone(b.Get([]byte("other"))))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			put(t, s, "k", "true")
			put(t, s, "other", "false")
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			change(t, dir, func(tx *bolt.Tx) error { return damage(tx.Bucket([]byte("table:notes"))) })
			s = open(t, dir)
			defer s.Close()
			err := s.View(func(tx *store.Tx) error { _, err := notes.Get(tx, "k"); return err })
			if !errors.Is(err, store.ErrDamaged) {
				t.Errorf("reading it gave %v", err)
			}
			err = s.View(func(tx *store.Tx) error {
				for range notes.All(tx) {
				}
				return nil
			})
			if !errors.Is(err, store.ErrDamaged) {
				t.Errorf("walking over it gave %v", err)
			}
			if err := s.Verify(); !errors.Is(err, store.ErrDamaged) {
				t.Errorf("Verify gave %v", err)
			}
		})
	}
}

func TestOpeningRefusesWithASentence(t *testing.T) {
	for _, tc := range []struct {
		name   string
		spoil  func(t *testing.T, dir string)
		expect string
	}{
		{"key missing", func(t *testing.T, dir string) { remove(t, dir, "box.key") }, "put it back from the backup"},
		{"key of another box", func(t *testing.T, dir string) {
			other := t.TempDir()
			open(t, other).Close()
			key, _ := os.ReadFile(filepath.Join(other, "box.key"))
			if err := os.WriteFile(filepath.Join(dir, "box.key"), key, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "does not belong"},
		{"newer program", func(t *testing.T, dir string) {
			key, _ := os.ReadFile(filepath.Join(dir, "box.key"))
			change(t, dir, func(tx *bolt.Tx) error {
				return errors.Join(tx.Bucket([]byte("meta")).Put([]byte("schema"), []byte{0, 0, 0, 0, 0, 0, 0, 99}),
					tx.Bucket([]byte("meta")).Put([]byte("seal"), store.HeadOf(key, 99)))
			})
		}, "newer hotline"},
		{"schema damaged", func(t *testing.T, dir string) {
			change(t, dir, func(tx *bolt.Tx) error {
				return tx.Bucket([]byte("meta")).Put([]byte("schema"), []byte{0, 0, 0, 0, 0, 0, 0, 99})
			})
		}, store.ErrDamaged.Error()},
		{"in use", func(t *testing.T, dir string) { s := open(t, dir); t.Cleanup(func() { s.Close() }) }, "in use by another"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			open(t, dir).Close()
			tc.spoil(t, dir)
			_, err := store.Open(dir, slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), tc.expect) {
				t.Errorf("error %v, want one that says %q", err, tc.expect)
			}
		})
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func TestAClosedStoreSaysSo(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(context.Background(), func(*store.Tx) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Update gave %v", err)
	}
	if err := s.View(func(*store.Tx) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("View gave %v", err)
	}
}

func BenchmarkUpdateWithFsync(b *testing.B) {
	for _, writers := range []int{1, 32} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := storetest.Open(b)
			b.SetParallelism(writers)
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if err := s.Update(context.Background(), func(tx *store.Tx) error {
						return notes.Put(tx, tx.NewID(), note{"text"})
					}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
