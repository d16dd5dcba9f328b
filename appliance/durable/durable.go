// Package durable writes small files so that a power cut leaves them whole or as
// they were.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Unfinished is what the name of a file ends in until it is whole. A power cut
// may leave one.
const Unfinished = ".new"

// WriteFile is os.WriteFile for what must last: when it returns without error
// the new contents are on disk, also after a power cut; at any moment before, the
// file is there whole or as it was.
func WriteFile(path string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path+Unfinished, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+Unfinished, path); err != nil {
		return err
	}
	return Renamed(path)
}

// Renamed puts a file on disk that was given its name just now. On FAT the new
// name has neither length nor contents until the file itself is synced again,
// whatever was synced before: a USB stick that was pulled out had an empty file.
func Renamed(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir puts on disk which files a folder has: without it a new name or a
// removal may be gone after a power cut (fsync(2)).
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
