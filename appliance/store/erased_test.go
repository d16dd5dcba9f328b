package store_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"

	"hotline/appliance/store"
)

// lootedFrom is what somebody reads who has the file and the key of the box: not
// what the file says it holds, but every page that looks like one with records,
// reachable or not, as bbolt lays it out (page head of 16 bytes: number, kind 2,
// count, further pages; then 16 bytes for each pair: flags, place, two lengths).
func lootedFrom(t *testing.T, s *store.Store, path string) (texts []string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	order := binary.NativeEndian
	page := os.Getpagesize()
	for at := 0; at+page <= len(raw); at += page {
		whole := raw[at:min(len(raw), at+page*(1+int(order.Uint32(raw[at+12:]))%(1<<16)))]
		if order.Uint16(whole[8:]) != 2 {
			continue
		}
		for n := range int(order.Uint16(whole[10:])) {
			head := 16 + 16*n
			if head+16 > page {
				break
			}
			pos, keyLen, valueLen := int(order.Uint32(whole[head+4:])), int(order.Uint32(whole[head+8:])), int(order.Uint32(whole[head+12:]))
			from := head + pos
			if pos < 0 || from+keyLen+valueLen > len(whole) || valueLen == 0 {
				continue
			}
			if text, err := s.Reveal("table:notes", whole[from:from+keyLen], whole[from+keyLen:from+keyLen+valueLen]); err == nil {
				texts = append(texts, string(text))
			}
		}
	}
	return texts
}

// A thief has the disk of the box and its key. Before the scrub the pages that
// wait for a new use give away what was deleted; so does a copy that a rescue
// left. Afterwards there is nothing of it, and everything else is there.
func TestAThiefWithTheBoxKeyFindsNothingOfWhatWasErased(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	if err := s.Update(context.Background(), func(tx *store.Tx) error {
		for i := range 300 {
			if err := notes.Put(tx, fmt.Sprintf("person%03d", i), note{fmt.Sprintf("Maria %03d lives behind the church", i)}); err != nil {
				return err
			}
		}
		return notes.Put(tx, "long", note{strings.Repeat("Maria long lives behind the church ", 500)})
	}); err != nil {
		t.Fatal(err)
	}
	aside := store.FilePath(dir) + ".damaged.20261126T040000Z"
	raw, err := os.ReadFile(store.FilePath(dir))
	if err == nil {
		err = os.WriteFile(aside, raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(context.Background(), func(tx *store.Tx) error {
		for i := range 300 {
			if i%3 != 0 {
				if err := notes.Delete(tx, fmt.Sprintf("person%03d", i)); err != nil {
					return err
				}
			}
		}
		return notes.Delete(tx, "long")
	}); err != nil {
		t.Fatal(err)
	}
	erased := func(path string) (gone, kept int) {
		found := map[string]bool{}
		for _, text := range lootedFrom(t, s, path) {
			found[text] = true
		}
		for text := range found {
			var n int
			_, said, _ := strings.Cut(text, "Maria ")
			if _, err := fmt.Sscanf(said, "%03d", &n); err == nil && n%3 == 0 {
				kept++
			} else {
				gone++
			}
		}
		return gone, kept
	}
	if gone, kept := erased(store.FilePath(dir)); gone < 100 || kept != 100 {
		t.Fatalf("the control: the thief finds %d erased texts before the scrub, and %d others", gone, kept)
	}
	if gone, _ := erased(aside); gone < 100 {
		t.Fatalf("the control: the thief finds %d erased texts in the copy", gone)
	}
	if err := s.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	if gone, kept := erased(store.FilePath(dir)); gone != 0 || kept != 100 {
		t.Errorf("after the scrub the thief finds %d erased texts; %d of 100 others are there", gone, kept)
	}
	if _, err := os.Stat(aside); !os.IsNotExist(err) {
		t.Errorf("the older copy is still there: %v", err)
	}
}
