package store_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

func TestAFeedNamesWhatChangedAndNothingElse(t *testing.T) {
	s := storetest.Open(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	put(t, s, "before", "nobody follows yet")
	feed := s.Follow("notes")
	defer feed.Close()
	put(t, s, "a", "one")
	put(t, s, "a", "two")
	if err := s.Update(ctx, func(tx *store.Tx) error {
		return errors.Join(notes.Delete(tx, "before"), store.NewTable[note]("others").Put(tx, "x", note{}))
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(ctx, func(tx *store.Tx) error {
		return errors.Join(notes.Put(tx, "kept back", note{}), errors.New("refused"))
	}); err == nil {
		t.Fatal("the change was not refused")
	}
	changes, lost, err := feed.Next(ctx)
	slices.SortFunc(changes, func(a, b store.Change) int { return strings.Compare(a.Key, b.Key) })
	if err != nil || lost || !slices.Equal(changes, []store.Change{{Table: "notes", Key: "a"}, {Table: "notes", Key: "before"}}) {
		t.Errorf("the feed says %v, %v, %v", changes, lost, err)
	}
	ended, end := context.WithCancel(ctx)
	end()
	if changes, _, err := feed.Next(ended); err == nil {
		t.Errorf("a second time the feed says %v", changes)
	}
}

func TestAWalkGoesOnBehindAKey(t *testing.T) {
	s := storetest.Open(t)
	for _, key := range []string{"a", "b", "c", "d"} {
		put(t, s, key, key)
	}
	for after, want := range map[string]string{"": "abc", "b": "cd", "bb": "cd", "d": ""} {
		got, next := "", ""
		if err := s.View(func(tx *store.Tx) error {
			list, at, err := notes.After(tx, after, 3)
			for _, n := range list {
				got += n.Text
			}
			next = at
			return err
		}); err != nil || got != want || (next == "c") != (after == "") {
			t.Errorf("behind %q come %q, not %q, and it goes on behind %q (%v)", after, got, want, next, err)
		}
	}
}
