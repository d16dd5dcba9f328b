package store

import (
	"errors"
	"log/slog"
	"testing"

	"hotline/appliance/events"
)

// A new file takes over what was chosen, under its own key, and its log proves
// how the old one ended.
func TestANewFileGoesOnFromAnOldOne(t *testing.T) {
	kept, gone := NewTable[string]("kept"), NewTable[string]("gone")
	log := slog.New(slog.DiscardHandler)
	open := func(dir string) *Store {
		t.Helper()
		s, err := Open(dir, log)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	update := func(s *Store, fn func(*Tx) error) {
		t.Helper()
		if err := s.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	old, dir := open(t.TempDir()), t.TempDir()
	defer old.Close()
	update(old, func(tx *Tx) error {
		tx.Emit(events.Event{Kind: "one"})
		tx.Emit(events.Event{Kind: "two"})
		return errors.Join(kept.Put(tx, "a", "flow"), kept.Put(tx, "b", "prompt"), gone.Put(tx, "a", "Amal"))
	})
	end, _, err := old.VerifyLog()
	if err != nil {
		t.Fatal(err)
	}
	fresh := open(dir)
	update(fresh, func(tx *Tx) error {
		return old.View(func(from *Tx) error { return errors.Join(tx.Carry(from, "kept", "never"), tx.ContinueLog(end)) })
	})
	if err := fresh.Close(); err != nil {
		t.Fatal(err)
	}
	fresh = open(dir)
	defer fresh.Close()
	told := fresh.Events().Subscribe(1)
	defer told.Close()
	update(fresh, func(tx *Tx) error { tx.Emit(events.Event{Kind: "three"}); return nil })
	if ev := <-told.C; ev.Seq != end.Seq+1 {
		t.Errorf("the first entry of the new log is number %d behind %d", ev.Seq, end.Seq)
	}
	if err := fresh.View(func(tx *Tx) error {
		flow, err := kept.Get(tx, "a")
		if n, countErr := tx.Count("kept"); n != 2 || flow != "flow" || err != nil || countErr != nil {
			t.Errorf("carried over: %d records, %q, %v", n, flow, errors.Join(err, countErr))
		}
		if n, err := tx.Count("gone"); n != 0 || err != nil {
			t.Errorf("%d records that were not to come: %v", n, err)
		}
		if tx.ContinueLog(end) == nil {
			t.Error("a log that has begun goes on from another one")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := fresh.Verify(); err != nil {
		t.Error(err)
	}
	if _, n, err := fresh.VerifyLog(); n != 1 || err != nil {
		t.Errorf("the new log: %d entries, %v", n, err)
	}
	// Whoever says that the old log ended otherwise finds another chain.
	other := end
	other.Sum = link(end.Sum, 9, []byte("{}"))
	if _, _, err := fresh.VerifyLog(end); err != nil {
		t.Errorf("with the mark of the old log: %v", err)
	}
	if _, _, err := fresh.VerifyLog(other); !errors.Is(err, ErrLogChanged) {
		t.Errorf("with the mark of another log: %v", err)
	}
	twin := open(t.TempDir())
	defer twin.Close()
	update(twin, func(tx *Tx) error { return tx.ContinueLog(other) })
	update(twin, func(tx *Tx) error { tx.Emit(events.Event{Kind: "three"}); return nil })
	mine, _, _ := fresh.VerifyLog()
	its, _, _ := twin.VerifyLog()
	if mine.Seq != its.Seq || mine.String() == its.String() {
		t.Errorf("two logs that go on from different ends have marks %s and %s", mine, its)
	}
}
