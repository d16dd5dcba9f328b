// Package liststest opens the lists of a store for tests.
package liststest

import (
	"testing"

	"hotline/appliance/lists"
	"hotline/appliance/store"
)

// Open reads the lists that s keeps: those that ship, in a new store.
func Open(tb testing.TB, s *store.Store) *lists.Keeper {
	tb.Helper()
	k, err := lists.Open(s)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}
