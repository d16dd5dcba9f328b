//go:build unix

package wipe

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"hotline/appliance/store"
)

// lockFolder keeps a second program from wiping what the first has begun anew
// with. The system lets go of it when the program ends, however it ends.
func lockFolder(dir string) (io.Closer, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("the data folder %s is being wiped and %w", dir, store.ErrInUse), f.Close())
	}
	return f, nil
}
