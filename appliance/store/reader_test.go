package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

// Somebody reads all records slowly (a download over a bad line) while calls
// come in: what is written meanwhile must not wait for the reader, for callers
// wait for the writing.
func TestASlowReaderDoesNotHoldUpWriters(t *testing.T) {
	s := storetest.Open(t)
	things := store.NewTable[string]("things")
	put := func(key string) error {
		return s.Update(context.Background(), func(tx *store.Tx) error { return things.Put(tx, key, strings.Repeat("x", 64<<10)) })
	}
	if err := put("first"); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	err := s.View(func(tx *store.Tx) error {
		for range things.All(tx) {
			go func() {
				for i := range 40 {
					if err := put(string(rune('a' + i))); err != nil {
						written <- err
						return
					}
				}
				written <- nil
			}()
			select {
			case err := <-written:
				return err
			case <-time.After(2 * time.Minute):
				t.Error("writing waits until the reader is done")
			}
			break
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
