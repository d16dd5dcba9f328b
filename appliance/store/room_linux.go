package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// allocate takes up room for a file without writing it. False: this file
// system cannot.
func allocate(f *os.File, size int64) (bool, error) {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) {
		return false, nil
	}
	return err == nil, err
}
