package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	bolt "go.etcd.io/bbolt"

	"hotline/appliance/store"
)

// sealedOf is a record as it lies in the file.
func sealedOf(t *testing.T, dir, key string) []byte {
	t.Helper()
	var sealed []byte
	change(t, dir, func(tx *bolt.Tx) error {
		sealed = bytes.Clone(tx.Bucket([]byte("table:notes")).Get([]byte(key)))
		return nil
	})
	if len(sealed) == 0 {
		t.Fatalf("%s is not in the file", key)
	}
	return sealed
}

// What was deleted cannot be read any more, not even with the key of the box;
// everything else is there, and whoever writes and reads meanwhile notices
// nothing.
func TestScrubLeavesNothingOfWhatWasDeleted(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "gone", strings.Repeat("Maria lives behind the church. ", 1000)) // several pages
	put(t, s, "short", "Maria")
	for i := range 200 {
		put(t, s, fmt.Sprint("kept", i), fmt.Sprint("text ", i))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	long, short := sealedOf(t, dir, "gone"), sealedOf(t, dir, "short")
	s = open(t, dir)
	defer s.Close()
	dropNote(t, s, "gone")
	dropNote(t, s, "short")
	inFile := func(part []byte) bool {
		raw, err := os.ReadFile(store.FilePath(dir))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(raw, part)
	}
	if !inFile(long[5000:5100]) {
		t.Log("the file format had overwritten it already")
	}
	ctx, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	others.Go(func() {
		for n := 0; n < 50 && ctx.Err() == nil; n++ {
			put(t, s, fmt.Sprint("meanwhile", n%50), fmt.Sprint("text ", n))
			if err := s.View(func(tx *store.Tx) error {
				_, err := notes.Get(tx, fmt.Sprint("kept", n%200))
				return err
			}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	err := s.Scrub(t.Context())
	for errors.Is(err, store.ErrReading) { // a slow machine: the others leave no gap
		err = s.Scrub(t.Context())
	}
	stop()
	others.Wait()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(store.FilePath(dir))
	if err != nil {
		t.Fatal(err)
	}
	for place := 0; place+512 <= len(long); place += 512 {
		if bytes.Contains(raw, long[place:place+64]) {
			t.Fatalf("bytes %d and on of the deleted record are still in the file", place)
		}
	}
	if inFile(short[:32]) {
		t.Error("the short record is still in the file")
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
}

// Who reads for long keeps what they see.
func TestScrubWaitsForReaders(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	put(t, s, "gone", "Maria")
	for i := range 50 {
		put(t, s, fmt.Sprint("kept", i), fmt.Sprint("text ", i))
	}
	if err := s.View(func(tx *store.Tx) error {
		if err := s.Update(context.Background(), func(tx *store.Tx) error { return notes.Delete(tx, "gone") }); err != nil {
			return err
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := s.Scrub(ctx); err == nil {
			t.Error("it scrubbed what somebody reads")
		}
		_, err := notes.Get(tx, "gone")
		return err
	}); err != nil {
		t.Error(err)
	}
}
