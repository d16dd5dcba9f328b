package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"hotline/appliance/proof"
	"hotline/appliance/store"
)

// spoil changes a value of a closed store behind its back; nil removes it.
func spoil(t *testing.T, dir, bucket, key string, how func([]byte) []byte) {
	t.Helper()
	db, err := bolt.Open(store.FilePath(dir), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		v := b.Get([]byte(key))
		if v == nil {
			return fmt.Errorf("there is no %s/%q", bucket, key)
		}
		if v = how(bytes.Clone(v)); v == nil {
			return b.Delete([]byte(key))
		}
		return b.Put([]byte(key), v)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// What no seal can show is noticed by the counts: a record that is missing, an
// older one in its place, an index that leads elsewhere, a sequence set back.
func TestVerifyNoticesWhatNoSealShows(t *testing.T) {
	var older []byte
	for name, how := range map[string]func(t *testing.T, dir string){
		"nothing": func(*testing.T, string) {},
		"a missing record": func(t *testing.T, dir string) {
			spoil(t, dir, "table:notes", "b", func([]byte) []byte { return nil })
		},
		"an older record": func(t *testing.T, dir string) {
			spoil(t, dir, "table:notes", "a", func([]byte) []byte { return older })
		},
		"a missing event": func(t *testing.T, dir string) {
			spoil(t, dir, "events", "\x00\x00\x00\x00\x00\x00\x00\x02", func([]byte) []byte { return nil })
		},
		"a sequence set back": func(t *testing.T, dir string) {
			change(t, dir, func(tx *bolt.Tx) error { return tx.Bucket([]byte("events")).SetSequence(1) })
		},
		"an index entry that is gone": func(t *testing.T, dir string) {
			change(t, dir, func(tx *bolt.Tx) error {
				k, _ := tx.Bucket([]byte("index:notes_by_place")).Cursor().First()
				return tx.Bucket([]byte("index:notes_by_place")).Delete(k)
			})
		},
		"a whole table that is gone": func(t *testing.T, dir string) {
			change(t, dir, func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte("table:notes")) })
		},
		"a table that nobody wrote": func(t *testing.T, dir string) {
			change(t, dir, func(tx *bolt.Tx) error {
				b, err := tx.CreateBucket([]byte("index:other"))
				return errors.Join(err, b.Put([]byte("x"), nil))
			})
		},
	} {
		dir := t.TempDir()
		s := open(t, dir)
		put(t, s, "a", "first")
		put(t, s, "b", "second")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		change(t, dir, func(tx *bolt.Tx) error {
			older = bytes.Clone(tx.Bucket([]byte("table:notes")).Get([]byte("a")))
			return nil
		})
		s = open(t, dir)
		put(t, s, "a", "third")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		how(t, dir)
		s = open(t, dir)
		err := s.Verify()
		if noticed := errors.Is(err, store.ErrDamaged); noticed != (name != "nothing") || err != nil && !noticed {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A file of an earlier program, without counts, gets them once.
func TestAnOlderFileGetsItsCounts(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "a", "first")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(store.KeyPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	change(t, dir, func(tx *bolt.Tx) error {
		return errors.Join(tx.DeleteBucket([]byte("tally")), tx.Bucket([]byte("meta")).Put([]byte("seal"), store.OldHead(key)))
	})
	s = open(t, dir)
	put(t, s, "b", "second")
	if err := errors.Join(s.Verify(), s.Close()); err != nil {
		t.Error(err)
	}
	// Once it has them, their loss is damage.
	change(t, dir, func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte("tally")) })
	s = open(t, dir)
	defer s.Close()
	if err := s.Verify(); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("the counts are gone: %v", err)
	}
}

// TestBitFlipsNeverGiveAWrongRecord flips bits of a record file at random. The
// store opens and holds exactly what was written, or it says that it is damaged.
// How often the damage would have gone unseen by the file format alone is
// counted, too: it proves that the flips hit.
func TestBitFlipsNeverGiveAWrongRecord(t *testing.T) {
	n := proof.Rounds(40, 400)
	harmless, noticed, unseenByFormat := 0, 0, 0
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 60 {
		put(t, s, fmt.Sprintf("note%03d", i), fmt.Sprint("the bridge at kilometre ", i, " is closed"))
	}
	for i := range 20 {
		dropNote(t, s, fmt.Sprintf("note%03d", 3*i))
	}
	truth := dump(t, s, true, true)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var used int64 // what is behind it is room for later
	change(t, dir, func(tx *bolt.Tx) error { used = tx.Size(); return nil })
	file, err := os.ReadFile(store.FilePath(dir))
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(store.KeyPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	at := t.TempDir()
	for i := range n {
		d := filepath.Join(at, fmt.Sprint(i))
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
		bad := bytes.Clone(file)
		where := rng.IntN(int(used))
		bad[where] ^= 1 << rng.IntN(8)
		if err := errors.Join(os.WriteFile(store.FilePath(d), bad, 0o600), os.WriteFile(store.KeyPath(d), key, 0o600)); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(d, slog.New(slog.DiscardHandler))
		if err == nil {
			if err = s.Verify(); err == nil && s.LostHead() {
				err = fmt.Errorf("%w: a head", store.ErrDamaged)
			}
			if err == nil {
				if !bytes.Equal(dump(t, s, true, true), truth) {
					t.Errorf("bit %d of byte %d: the records are others, and nobody notices", i, where)
				}
				harmless++
			}
			_ = s.Close()
			if err != nil && formatIsContent(d) {
				unseenByFormat++
			}
		}
		if err != nil {
			noticed++
			if !errors.Is(err, store.ErrDamaged) {
				t.Errorf("byte %d: %v does not say that the file is damaged", where, err)
			}
		}
		if err := os.RemoveAll(d); err != nil {
			t.Fatal(err)
		}
	}
	if harmless == 0 || noticed == 0 || unseenByFormat == 0 {
		t.Errorf("of %d flips %d were harmless, %d noticed, %d of these unseen by the file format: that proves little", n, harmless, noticed, unseenByFormat)
	}
	proof.Note(t, proof.Result{Promise: "damage", Figure: fmt.Sprintf("%d bits flipped in the record file: %d noticed, %d without effect, 0 wrong records", n, noticed, harmless),
		Control: fmt.Sprintf("%d of those that were noticed are unseen by the file format alone", unseenByFormat)})
}

// TestDamagedPagesNeverGiveAWrongRecord spoils every page of a record file: what
// it says of itself, and its sectors, which a disk gives back as zeros, or with
// what belongs elsewhere. That ends no program and fills no memory, also where
// the page is read before anybody asks for a record.
func TestDamagedPagesNeverGiveAWrongRecord(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 200 {
		put(t, s, fmt.Sprintf("note%03d", i), fmt.Sprint("the bridge at kilometre ", i, " is closed"))
	}
	truth := dump(t, s, true, true)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var pages, branches []int
	change(t, dir, func(tx *bolt.Tx) error {
		for i := 2; ; i++ {
			p, err := tx.Page(i)
			if err != nil || p == nil {
				return err
			}
			switch p.Type {
			case "branch":
				branches = append(branches, i)
				fallthrough
			case "leaf":
				pages = append(pages, i)
			}
		}
	})
	file, err := os.ReadFile(store.FilePath(dir))
	if err != nil {
		t.Fatal(err)
	}
	size := os.Getpagesize()
	tried, noticed, unseenByFormat := 0, 0, 0
	try := func(what string, page int, spoil func(page []byte)) {
		bad := bytes.Clone(file)
		spoil(bad[page*size : (page+1)*size])
		if bytes.Equal(bad, file) {
			return
		}
		tried++
		if err := os.WriteFile(store.FilePath(dir), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(dir, slog.New(slog.DiscardHandler))
		opened := err == nil
		if opened {
			if err = s.Verify(); err == nil && !bytes.Equal(dump(t, s, true, true), truth) {
				t.Errorf("%s of page %d: the records are others, and nobody notices", what, page)
			}
			_ = s.Close()
		}
		if err == nil {
			return
		}
		noticed++
		if !errors.Is(err, store.ErrDamaged) {
			t.Errorf("%s of page %d: %v does not say that the file is damaged", what, page, err)
		}
		if opened && formatIsContent(dir) { // what is refused at once it may follow for ever
			unseenByFormat++
		}
	}
	const sector = 512
	step := proof.Rounds(9, 1)
	for i, page := range pages {
		if i%step != 0 && !slices.Contains(branches, page) {
			continue
		}
		for _, at := range []int{0, 6, 8, 9, 10, 11, 12, 15} { // number, kind, entries, length
			try(fmt.Sprint("byte ", at), page, func(p []byte) { p[at] ^= 1 << 4 })
		}
		for at := 0; at < size; at += sector {
			try(fmt.Sprintf("zeros at %d", at), page, func(p []byte) { clear(p[at : at+sector]) })
			other := pages[(i+1)%len(pages)] * size
			try(fmt.Sprintf("what belongs elsewhere at %d", at), page, func(p []byte) { copy(p[at:at+sector], file[other+at:]) })
		}
	}
	if len(branches) == 0 || noticed < tried/2 || unseenByFormat == 0 {
		t.Errorf("%d damaged pages, %d noticed, %d of them unseen by the file format, %d pages lead to others: that proves little", tried, noticed, unseenByFormat, len(branches))
	}
	proof.Note(t, proof.Result{Promise: "damage", Figure: fmt.Sprintf("%d times a page or sector of the record file spoiled: %d noticed, %d without effect, 0 wrong records", tried, noticed, tried-noticed),
		Control: fmt.Sprintf("%d of those that were noticed are unseen by the file format alone", unseenByFormat)})
}

// formatIsContent asks the file format alone whether everything can be read.
func formatIsContent(dir string) (content bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			content = false
		}
	}()
	db, err := bolt.Open(store.FilePath(dir), 0o600, &bolt.Options{Timeout: time.Second})
	if err != nil {
		return false
	}
	defer db.Close()
	return db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bolt.Bucket) error {
			return b.ForEach(func(_, _ []byte) error { return nil })
		})
	}) == nil
}
