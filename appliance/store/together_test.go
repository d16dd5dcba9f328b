package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

func TestWhatIsDoneTogetherIsKeptOrNot(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	notes := store.NewTable[string]("notes")
	heard := s.Events().Subscribe(8)
	defer heard.Close()
	put := func(in *store.Store, key, value string) error {
		return in.Update(t.Context(), func(tx *store.Tx) error {
			tx.Emit(events.Event{Kind: "note." + key})
			return notes.Put(tx, key, value)
		})
	}
	get := func(in *store.Store, key string) (value string) {
		if err := in.View(func(tx *store.Tx) (err error) {
			value, err = notes.Get(tx, key)
			if errors.Is(err, store.ErrNotFound) {
				err = nil
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return value
	}
	logged := func() (kinds []string) {
		if err := s.View(func(tx *store.Tx) error {
			for ev := range tx.EventLog(1) {
				kinds = append(kinds, ev.Kind)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return kinds
	}

	late := errors.New("the last part does not fit")
	err := s.Together(t.Context(), func(in *store.Store) error {
		if err := errors.Join(put(in, "one", "first"), put(in, "two", "second")); err != nil {
			return err
		}
		if got := get(in, "one"); got != "first" {
			t.Errorf("what was written is read as %q by what comes after it", got)
		}
		return late
	})
	if !errors.Is(err, late) || get(s, "one") != "" || len(logged()) != 0 {
		t.Errorf("after an error: %v, note %q, events %v", err, get(s, "one"), logged())
	}

	// A part that was refused ends all, even where nobody looked at its error.
	err = s.Together(t.Context(), func(in *store.Store) error {
		_ = put(in, "one", "first")
		_ = in.Update(t.Context(), func(tx *store.Tx) error { return errors.Join(notes.Put(tx, "two", "half"), late) })
		return nil
	})
	if !errors.Is(err, late) || get(s, "one") != "" || get(s, "two") != "" {
		t.Errorf("after a part that was refused: %v, notes %q and %q", err, get(s, "one"), get(s, "two"))
	}

	err = s.Together(t.Context(), func(in *store.Store) error {
		return errors.Join(put(in, "one", "first"), in.Together(t.Context(), func(in *store.Store) error { return put(in, "two", "second") }), in.Close())
	})
	if err != nil || get(s, "one") != "first" || get(s, "two") != "second" {
		t.Fatalf("done together: %v, notes %q and %q", err, get(s, "one"), get(s, "two"))
	}
	if want := []string{"note.one", "note.two"}; !slices.Equal(logged(), want) {
		t.Errorf("the log has %v", logged())
	}
	for _, want := range []string{"note.one", "note.two"} {
		select {
		case ev := <-heard.C:
			if ev.Kind != want {
				t.Errorf("published %s, not %s", ev.Kind, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s was not published", want)
		}
	}

	over, stop := context.WithCancel(t.Context())
	stop()
	if err := s.Together(over, func(*store.Store) error { t.Error("it runs although its time is over"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is over: %v", err)
	}
}
