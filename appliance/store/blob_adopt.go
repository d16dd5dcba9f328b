package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Sound goes from one data folder to another on the same box without being
// read: its key is in its record, so the file stays as it is.

// LinkBlobs puts the files of all finished blobs of another store into this one.
// They count when AdoptBlob has taken their records; until then they are noise.
func (s *Store) LinkBlobs(from *Store) error {
	ids, err := from.BlobIDs()
	if err != nil || len(ids) == 0 {
		return err
	}
	for _, id := range ids {
		if err := placeFile(from.blobPath(id), s.blobPath(id)); err != nil {
			return fmt.Errorf("taking over a sound file: %w", err)
		}
	}
	return syncDir(filepath.Join(s.dir, blobFolder))
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

// AdoptBlob takes the record of a finished blob of another store, whose file
// LinkBlobs has brought.
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
