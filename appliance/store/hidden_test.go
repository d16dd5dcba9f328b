package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"

	"hotline/appliance/store"
)

var (
	people       = store.NewTable[string]("people")
	peopleByTown = store.NewIndex("people_by_town")
)

// Records that are hidden are in no list, behind no key and in no index, before
// all of them are shown at once, or for ever.
func TestHiddenRecordsAreSeenAllAtOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	feed := s.Follow("people")
	defer feed.Close()
	var ids []string
	write := func(set string, n int) {
		t.Helper()
		err := s.Update(t.Context(), func(tx *store.Tx) error {
			ids = ids[:0]
			for i := range n {
				id := tx.NewID()
				ids = append(ids, id)
				if err := errors.Join(people.Put(tx, id, fmt.Sprint("person ", i)), people.Put(tx, id+"/note", "a note"), peopleByTown.Add(tx, "Tabara", id)); err != nil {
					return err
				}
			}
			if set == "" {
				return nil
			}
			return tx.Hide(set, "people", ids)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	seen := func(tx *store.Tx) (n int) {
		t.Helper()
		there := func(id string) bool { _, err := people.Get(tx, id); return err == nil }
		listed, ahead, back := 0, 0, 0
		for range people.All(tx) {
			listed++
		}
		for range people.Backward(tx) {
			back++
		}
		for next := ""; ; {
			list, more, err := people.After(tx, next, 2)
			if err != nil {
				t.Fatal(err)
			}
			if ahead += len(list); more == "" {
				break
			}
			next = more
		}
		for id := range peopleByTown.IDs(tx, "Tabara") {
			if n++; !there(id) || !there(id+"/note") {
				t.Errorf("%s is in the index and cannot be read", id)
			}
		}
		if listed != 2*n || ahead != 2*n || back != 2*n {
			t.Errorf("%d in the index, %d forwards, %d by parts, %d backwards", n, listed, ahead, back)
		}
		return n
	}
	look := func(s *store.Store) (n int) {
		t.Helper()
		if err := s.View(func(tx *store.Tx) error { n = seen(tx); return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}

	write("", 2)
	write("import:1", 3)
	write("import:1", 3)
	hidden := slices.Clone(ids)
	if n := look(s); n != 2 {
		t.Errorf("%d people are seen, 2 are not hidden", n)
	}
	if err := s.View(func(tx *store.Tx) error {
		tx.See("import:1")
		if n := seen(tx); n != 8 {
			t.Errorf("whoever hides them sees %d of 8 people", n)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.View(func(tx *store.Tx) error {
		if !peopleByTown.Taken(tx, "Tabara") || peopleByTown.Taken(tx, "Tab") {
			t.Error("what is taken is said wrong")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}

	// They stay hidden over a stop.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if n := look(s); n != 2 {
		t.Errorf("after a stop %d people are seen", n)
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}

	// A picture from before they were shown has none of them, to its end.
	feed = s.Follow("people")
	defer feed.Close()
	if err := s.View(func(before *store.Tx) error {
		if err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.Show("import:1") }); err != nil {
			return err
		}
		if n := seen(before); n != 2 {
			t.Errorf("an older picture has %d people", n)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n := look(s); n != 8 {
		t.Errorf("%d of 8 people are seen after they were shown", n)
	}
	changes, lost, err := feed.Next(t.Context())
	if err != nil || lost || len(changes) != 6 || !slices.Contains(changes, store.Change{Table: "people", Key: hidden[0]}) {
		t.Errorf("a reader learns of %v (%v, %v)", changes, lost, err)
	}

	// What is there can disappear at once, too, and be taken off the list in parts.
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.Hide("import:1", "people", hidden) }); err != nil {
		t.Fatal(err)
	}
	if n := look(s); n != 5 {
		t.Errorf("%d of 5 people are seen after 3 were hidden", n)
	}
	if err := s.Update(t.Context(), func(tx *store.Tx) error {
		entries := tx.Hidden("import:1")
		if len(entries) != 1 || !slices.Equal(entries[0].IDs, hidden) {
			t.Errorf("the list says %v", entries)
		}
		return tx.Unhide(entries[0])
	}); err != nil {
		t.Fatal(err)
	}
	if n := look(s); n != 8 {
		t.Errorf("%d of 8 people are seen again", n)
	}

	// A damaged list hides nothing, and stops nobody from reading.
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.Hide("import:2", "people", hidden) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	change(t, dir, func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("table:hidden"))
		k, v := b.Cursor().First()
		spoiled := slices.Clone(v)
		spoiled[len(spoiled)-1] ^= 1
		return b.Put(slices.Clone(k), spoiled)
	})
	s = open(t, dir)
	if n := look(s); n != 8 {
		t.Errorf("%d of 8 people are seen beside a damaged list", n)
	}
	if err := s.Verify(); err == nil {
		t.Error("nobody notices that the list is damaged")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
