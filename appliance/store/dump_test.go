package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"hotline/appliance/store"
)

// dump writes a dump and, when it is to be kept, says so.
func dump(t *testing.T, s *store.Store, whole, keep bool) []byte {
	t.Helper()
	d, err := s.BeginDump(whole)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := d.Write(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if keep {
		d.Kept()
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// build makes a data folder of dumps and opens it with the key of another one.
func build(t *testing.T, from string, dumps ...[]byte) *store.Store {
	t.Helper()
	dir := t.TempDir()
	b, err := store.NewBuilder(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dumps {
		if err := b.Add(bytes.NewReader(d)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(store.KeyPath(from))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(store.KeyPath(dir), key, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	t.Cleanup(func() {
		if err := errors.Join(s.Verify(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func dropNote(t *testing.T, s *store.Store, key string) {
	t.Helper()
	if err := s.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Next("removals")
		return errors.Join(err, notes.Delete(tx, key), byPlace.Remove(tx, tx.Digest("Santa Clara"), key))
	}); err != nil {
		t.Fatal(err)
	}
}

// A whole dump and the dumps of changes that follow it make the same file, byte
// for byte: records, indexes, the log, sequences, and what was deleted stays
// deleted.
func TestDumpsMakeTheSameRecordsAgain(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	for i := range 50 {
		put(t, s, fmt.Sprint("old", i), strings.Repeat("water ", i))
	}
	if _, err := s.BeginDump(false); !errors.Is(err, store.ErrWhole) {
		t.Fatalf("changes since nothing: %v", err)
	}
	whole := dump(t, s, true, true)
	put(t, s, "old7", "changed")
	dropNote(t, s, "old8")
	put(t, s, "new", "first")
	_ = s.Update(t.Context(), func(tx *store.Tx) error { // of a failed transaction nothing is carried
		return errors.Join(notes.Put(tx, "never", note{"half"}), errors.New("no"))
	})
	lost := dump(t, s, false, false) // could not be written to its place
	put(t, s, "new", "second")
	first := dump(t, s, false, true)
	dropNote(t, s, "old9")
	put(t, s, "old8", "back")
	second := dump(t, s, false, true)

	if len(first) > len(whole)/2 || len(lost) > len(first) {
		t.Errorf("the dumps of changes have %d and %d bytes, the whole one %d", len(lost), len(first), len(whole))
	}
	restored := build(t, dir, whole, first, second)
	if want, got := dump(t, s, true, true), dump(t, restored, true, true); !bytes.Equal(want, got) {
		t.Errorf("the restored file holds something else (%d bytes instead of %d)", len(got), len(want))
	}
	older := build(t, dir, whole)
	if want, got := dump(t, s, true, true), dump(t, older, true, true); bytes.Equal(want, got) {
		t.Error("this test cannot tell files apart")
	}
	put(t, restored, "after", "the restored store goes on")
}

// Wherever a dump is cut, and whatever byte of a value is changed, it is refused.
func TestATornDumpIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	put(t, s, "a", "first")
	whole := dump(t, s, true, true)
	key, err := os.ReadFile(store.KeyPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := store.CheckDump(bytes.NewReader(whole), key); err != nil || n < 4 {
		t.Fatalf("the whole dump: %d pairs, %v", n, err)
	}
	for n := range whole {
		if _, err := store.CheckDump(bytes.NewReader(whole[:n]), key); !errors.Is(err, store.ErrDamaged) {
			t.Fatalf("cut after %d of %d bytes: %v", n, len(whole), err)
		}
	}
	if _, err := store.CheckDump(bytes.NewReader(whole), make([]byte, 32)); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("with another key: %v", err)
	}
}

// What is damaged in the file does not get into a dump.
func TestADamagedValueIsNotDumped(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "a", "first")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	spoil(t, dir, "table:notes", "a", func(v []byte) []byte { v[len(v)-1] ^= 1; return v })
	s = open(t, dir)
	defer s.Close()
	d, err := s.BeginDump(true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Write(context.Background(), new(bytes.Buffer)); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("a damaged record was dumped: %v", err)
	}
}
