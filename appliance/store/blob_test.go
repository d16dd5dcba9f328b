package store_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

// noise is content that repeats nowhere and is the same every time.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
}

// begin starts a blob that the note "clip" names.
func begin(t *testing.T, s *store.Store) *store.BlobWriter {
	t.Helper()
	w, err := s.CreateBlob(context.Background(), 0, func(tx *store.Tx, id string) error { return notes.Put(tx, "clip", note{id}) })
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func finish(t *testing.T, w *store.BlobWriter, size int) {
	t.Helper()
	if err := w.Commit(context.Background(), func(_ *store.Tx, n int64) error {
		if n != int64(size) {
			t.Errorf("the blob counts with %d bytes, want %d", n, size)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, s *store.Store, content []byte) string {
	t.Helper()
	w := begin(t, s)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	finish(t, w, len(content))
	return w.ID()
}

func read(t *testing.T, s *store.Store, id string) []byte {
	t.Helper()
	r, err := s.OpenBlob(id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func blobFile(dir, id string) string { return filepath.Join(dir, "blobs", id+".sealed") }

func TestABlobIsReadAsItWasWritten(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, size := range []int{0, 1, 32<<10 - 1, 32 << 10, 32<<10 + 1, 300_001} {
		content := noise(size)
		w := begin(t, s)
		for at := 0; at < size; at += 7_001 { // across the borders of chunks
			if _, err := w.Write(content[at:min(size, at+7_001)]); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.OpenBlob(w.ID()); !errors.Is(err, store.ErrUnfinished) {
			t.Errorf("opening a blob that is being written: %v", err)
		}
		finish(t, w, size)
		if got := read(t, s, w.ID()); !bytes.Equal(got, content) {
			t.Errorf("a blob of %d bytes came back with %d, not the same", size, len(got))
		}
		if size > 100_000 {
			onDisk, err := os.ReadFile(blobFile(dir, w.ID()))
			if err != nil || bytes.Contains(onDisk, content[1000:1016]) {
				t.Errorf("the file shows what it holds (%v)", err)
			}
			r, err := s.OpenBlob(w.ID())
			if err != nil {
				t.Fatal(err)
			}
			part := make([]byte, 50_000)
			for _, from := range []int64{250_000, 3, 65_536} {
				if _, err := r.Seek(from, io.SeekStart); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(r, part); err != nil || !bytes.Equal(part, content[from:from+50_000]) {
					t.Errorf("reading from %d: wrong bytes (%v)", from, err)
				}
			}
			if end, err := r.Seek(0, io.SeekEnd); err != nil || end != r.Size() || end != int64(size) {
				t.Errorf("the end is at %d of %d (%v)", end, r.Size(), err)
			}
			r.Close()
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestADeletedBlobIsNoiseEvenIfItsFileSurvives(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	content := noise(100_000)
	kept, gone := write(t, s, content), write(t, s, content)
	thief, err := os.ReadFile(blobFile(dir, gone))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(context.Background(), func(tx *store.Tx) error { return tx.DeleteBlob(gone) }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(blobFile(dir, gone)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
	if _, err := s.OpenBlob(gone); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("opening a deleted blob: %v", err)
	}
	// Put back, even under the key of another one, it opens nothing.
	other, err := os.ReadFile(blobFile(dir, kept))
	if err != nil {
		t.Fatal(err)
	}
	for id, file := range map[string][]byte{gone: thief, kept: thief} {
		if err := os.WriteFile(blobFile(dir, id), file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := s.OpenBlob(kept); err == nil {
		if _, err := io.ReadAll(r); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("a file of another key was read: %v", err)
		}
		r.Close()
	}
	if err := os.WriteFile(blobFile(dir, kept), other, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	defer s.Close()
	if _, err := os.Stat(blobFile(dir, gone)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file without a record survives a start: %v", err)
	}
	if !bytes.Equal(read(t, s, kept), content) {
		t.Error("the other blob suffered")
	}
}

// A file of sound without a record is removed at the start, except where it is
// the record that is lost: a backup has it.
func TestSoundOutlivesTheLossOfItsRecord(t *testing.T) {
	for name, loss := range map[string]func(*bolt.Tx, string) error{
		"one record": func(tx *bolt.Tx, id string) error { return tx.Bucket([]byte("table:blobs")).Delete([]byte(id)) },
		"the table":  func(tx *bolt.Tx, _ string) error { return tx.DeleteBucket([]byte("table:blobs")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			id := write(t, s, noise(1000))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			file, err := os.ReadFile(blobFile(dir, id))
			if err != nil {
				t.Fatal(err)
			}
			change(t, dir, func(tx *bolt.Tx) error { return loss(tx, id) })
			if s, err := store.Open(dir, slog.New(slog.DiscardHandler)); !errors.Is(err, store.ErrDamaged) {
				t.Errorf("the loss is not said: %v", err)
				if err == nil {
					_ = s.Close()
				}
			}
			if now, err := os.ReadFile(blobFile(dir, id)); err != nil || !bytes.Equal(now, file) {
				t.Errorf("the sound is gone with its record: %v", err)
			}
		})
	}
}

// A transaction that deletes and then fails has deleted nothing.
func TestABlobOutlivesADeletionThatFailed(t *testing.T) {
	s := storetest.Open(t)
	content := noise(1000)
	id := write(t, s, content)
	broken := errors.New("broken")
	if err := s.Update(context.Background(), func(tx *store.Tx) error { return errors.Join(tx.DeleteBlob(id), broken) }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, s, id), content) {
		t.Error("the blob is not what it was")
	}
}

func TestEveryFlippedBitOfABlobIsNoticed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	content := noise(70_000)
	id := write(t, s, content)
	whole, err := os.ReadFile(blobFile(dir, id))
	if err != nil {
		t.Fatal(err)
	}
	broken := func(name string, file []byte) {
		if err := os.WriteFile(blobFile(dir, id), file, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := s.OpenBlob(id)
		if err == nil {
			_, err = io.ReadAll(r)
			r.Close()
		}
		if !errors.Is(err, store.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 100 {
		at := rand.IntN(len(whole))
		file := bytes.Clone(whole)
		file[at] ^= 1 << rand.IntN(8)
		broken(fmt.Sprintf("a bit of byte %d flipped", at), file)
	}
	chunk := 32<<10 + 16
	swapped := bytes.Clone(whole)
	copy(swapped[40:], whole[40+chunk:40+2*chunk])
	copy(swapped[40+chunk:], whole[40:40+chunk])
	broken("two chunks exchanged", swapped)
	broken("cut at a chunk", whole[:40+chunk])
	broken("cut", whole[:len(whole)-1])
	broken("longer", append(bytes.Clone(whole), 0))
	if err := os.Remove(blobFile(dir, id)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenBlob(id); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("the file is gone: %v", err)
	}
}

func TestAnAbortedBlobLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	w := begin(t, s)
	if _, err := w.Write(noise(100_000)); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(context.Background(), func(tx *store.Tx) error { return notes.Delete(tx, "clip") }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenBlob(w.ID()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("opening it: %v", err)
	}
	empty(t, dir)
	// Deleted by somebody else while it was written: it must not come back.
	w = begin(t, s)
	if err := s.Update(context.Background(), func(tx *store.Tx) error { return tx.DeleteBlob(w.ID()) }); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(noise(100_000)); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(context.Background(), func(*store.Tx, int64) error { return nil }); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("finishing a deleted blob: %v", err)
	}
	empty(t, dir)
}

func empty(t *testing.T, dir string) {
	t.Helper()
	if files, err := os.ReadDir(filepath.Join(dir, "blobs")); err != nil || len(files) != 0 {
		t.Errorf("%d files are left (%v)", len(files), err)
	}
}

func TestAFullDiskEndsABlobAndNothingElse(t *testing.T) {
	s := storetest.Open(t)
	if _, err := s.CreateBlob(context.Background(), 1<<62, func(*store.Tx, string) error { return nil }); !errors.Is(err, store.ErrNoRoom) {
		t.Errorf("beginning without room: %v", err)
	}
	w := begin(t, s)
	limitFiles(t, 4<<20)
	content := noise(5 << 20)
	if _, err := w.Write(content); err == nil {
		t.Fatal("the disk was full and nobody noticed")
	}
	if _, err := w.Write(content); err == nil {
		t.Error("writing went on after the failure")
	}
	put(t, s, "record", "written beside a sound file that no longer grows")
	var size int64
	if err := w.Commit(context.Background(), func(_ *store.Tx, n int64) error { size = n; return nil }); err != nil {
		t.Fatal(err)
	}
	if size < 3<<20 || !bytes.Equal(read(t, s, w.ID()), content[:size]) {
		t.Errorf("of the 4 MB before the failure %d bytes are kept", size)
	}
}

// What a killed process has written in whole chunks can be kept; the note that
// names it is there in any case, because it came with the key.
func TestABlobThatAKillCutShort(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestHelperWritesABlobForEver$")
	child.Env = append(os.Environ(), "BLOB_FOLDER="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	id = strings.TrimSpace(id)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // "killed"

	s := open(t, dir)
	defer s.Close()
	ids, err := s.UnfinishedBlobs()
	if err != nil || len(ids) != 1 || ids[0] != id {
		t.Fatalf("unfinished: %q, %v; want %q", ids, err, id)
	}
	if err := s.View(func(tx *store.Tx) error {
		n, err := notes.Get(tx, "clip")
		if n.Text != id {
			t.Errorf("the note names %q", n.Text)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	var size int64
	if err := s.RecoverBlob(context.Background(), id, func(_ *store.Tx, n int64) error { size = n; return nil }); err != nil {
		t.Fatal(err)
	}
	if size < 100<<10 || !bytes.Equal(read(t, s, id), noise(200_000)[:size]) {
		t.Errorf("%d bytes were kept, or wrong ones", size)
	}
	if ids, err := s.UnfinishedBlobs(); err != nil || len(ids) != 0 {
		t.Errorf("still unfinished: %q, %v", ids, err)
	}
}

// TestHelperWritesABlobForEver is the process that TestABlobThatAKillCutShort
// kills.
func TestHelperWritesABlobForEver(t *testing.T) {
	dir := os.Getenv("BLOB_FOLDER")
	if dir == "" {
		return
	}
	w := begin(t, open(t, dir))
	if _, err := w.Write(noise(200_000)); err != nil {
		t.Fatal(err)
	}
	fmt.Println(w.ID())
	select {}
}

// A power cut leaves whatever it likes at the end of a file, or no file.
func TestRecoveringWhatAPowerCutLeft(t *testing.T) {
	for name, damage := range map[string]struct {
		do   func(path string) error
		left int64
	}{
		"zeros in the second chunk": {func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt(make([]byte, 4096), 40<<10)
			return errors.Join(err, f.Close())
		}, 32 << 10},
		"half a chunk":  {func(path string) error { return os.Truncate(path, 50<<10) }, 32 << 10},
		"half a header": {func(path string) error { return os.Truncate(path, 20) }, 0},
		"nothing":       {os.Remove, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			w := begin(t, s)
			if _, err := w.Write(noise(200_000)); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := damage.do(blobFile(dir, w.ID())); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir)
			defer s.Close()
			var size int64
			if err := s.RecoverBlob(context.Background(), w.ID(), func(_ *store.Tx, n int64) error { size = n; return nil }); err != nil {
				t.Fatal(err)
			}
			if size != damage.left {
				t.Fatalf("%d bytes are left, want %d", size, damage.left)
			}
			if size > 0 && !bytes.Equal(read(t, s, w.ID()), noise(200_000)[:size]) {
				t.Error("what is left is not what was written")
			}
			if err := s.Update(context.Background(), func(tx *store.Tx) error { return tx.DeleteBlob(w.ID()) }); err != nil {
				t.Fatal(err)
			}
			empty(t, dir)
		})
	}
}

// The key must not lie in the bbolt file for everybody to read.
func TestTheKeyOfABlobIsSealed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	id := write(t, s, noise(10))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(dir, "hotline.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.View(func(tx *bolt.Tx) error {
		value := tx.Bucket([]byte("table:blobs")).Get([]byte(id))
		if len(value) == 0 || bytes.Contains(value, []byte(`"key"`)) {
			t.Errorf("the record of a blob is %q", value)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
