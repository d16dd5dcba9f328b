package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hotline/appliance/durable"
)

// Sound goes from one data folder to another on the same box without being
// read: its key is in its record, so the file stays as it is.

// LinkBlobs gives this store the files of those blobs of another data folder
// whose records it has adopted. It comes after the transaction that adopts them:
// a file without a record is overwritten at the next start, and it would be the
// same file. It may be called again after a stop.
func (s *Store) LinkBlobs(from string) error {
	entries, err := os.ReadDir(filepath.Join(from, blobFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("taking over sound files: %w", err)
	}
	linked := false
	for _, entry := range entries {
		id, ours := strings.CutSuffix(entry.Name(), blobSuffix)
		if !ours || !s.HasBlob(id) {
			continue
		}
		if err := placeFile(BlobPath(from, id), s.blobPath(id)); err != nil {
			return fmt.Errorf("taking over a sound file: %w", err)
		}
		linked = true
	}
	if !linked {
		return nil
	}
	return durable.SyncDir(filepath.Join(s.dir, blobFolder))
}

// placeFile gives a file a second name, or copies it where the disk cannot.
func placeFile(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrNotExist) { // one that is gone is reported by whoever hears it
		return nil
	}
	if a, errA := os.Stat(from); errA == nil {
		if b, errB := os.Stat(to); errB == nil && os.SameFile(a, b) {
			return nil
		}
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// AdoptBlob takes the record of a finished blob of another store. LinkBlobs
// brings its file afterwards.
func (tx *Tx) AdoptBlob(from *Tx, id string) error {
	b, err := blobs.Get(from, id)
	if err != nil {
		return err
	}
	if b.Writing {
		return ErrUnfinished
	}
	return blobs.Put(tx, id, b)
}
