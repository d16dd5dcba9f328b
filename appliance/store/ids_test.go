package store_test

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// The clock is set back, here by 26 years, as a box with an empty battery does
// it: what is new stands behind what is old all the same.
func TestNewRecordsStandBehindOldOnesWhateverTheClockSays(t *testing.T) {
	dir := t.TempDir()
	var made []string
	write := func() {
		t.Helper()
		s, err := store.Open(dir, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		for range 100 { // many within a millisecond
			err := s.Update(t.Context(), func(tx *store.Tx) error {
				made = append(made, tx.NewID())
				tx.Emit(events.Event{Kind: "test"})
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write()
	synctest.Test(t, func(t *testing.T) {
		if now := time.Now(); now.Year() != 2000 {
			t.Fatalf("the clock says %v", now)
		}
		write()
	})
	write()
	for i := range made[1:] {
		if made[i+1] <= made[i] {
			t.Fatalf("id %d, %s, stands before the one before it, %s", i+1, made[i+1], made[i])
		}
	}
}
