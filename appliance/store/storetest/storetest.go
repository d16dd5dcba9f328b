// Package storetest opens real stores for tests and checks every value of
// them when the test ends.
package storetest

import (
	"log/slog"
	"testing"

	"hotline/appliance/store"
)

// Open returns a store in a folder of the test's own.
func Open(tb testing.TB) *store.Store {
	tb.Helper()
	return OpenAt(tb, tb.TempDir())
}

// OpenAt returns the store in a folder that is there already.
func OpenAt(tb testing.TB, dir string) *store.Store {
	tb.Helper()
	s, err := store.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Verify(); err != nil {
			tb.Errorf("the store is damaged at the end of the test: %v", err)
		}
		if err := s.Close(); err != nil {
			tb.Errorf("closing the store: %v", err)
		}
	})
	return s
}
