package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// The reserve is a file of zeros beside the records that takes up room until
// the disk is full. Then it is removed: calls go on being written down in its
// place, while recordings, uploads and exports have stopped long before (they
// leave more room, see CreateBlob). When there is room again, it is laid again.
//
// A contact takes some 5 kB with all its events; 256 MB are a day of 2,000
// calls an hour.
const (
	reserveName = "reserve"
	reserveSize = 256 << 20
	reserveStep = 1 << 20
	// A reserve is laid only where at least as much stays free besides: small
	// disks are left alone.
	reserveLeave = 2 * reserveSize
	reserveLook  = 5 * time.Second
	// reserveLow is when it is given up although nothing has failed yet.
	reserveLow = 16 << 20
)

// reserve is guarded by its lock; laid is whether the file is there.
type reserve struct {
	mu   sync.Mutex
	dir  string
	size int64
	free func() (uint64, error)

	laid bool
	used bool // it was given up, and no new one is there yet
}

func newReserve(dir string) *reserve {
	return &reserve{dir: dir, size: reserveSize, free: func() (uint64, error) { return freeSpace(dir) }}
}

// Full reports that the disk is full: what is written now takes the reserve.
func (s *Store) Full() bool {
	s.reserve.mu.Lock()
	defer s.reserve.mu.Unlock()
	return s.reserve.used
}

// KeepReserve looks after the reserve until ctx ends.
func (s *Store) KeepReserve(ctx context.Context) error {
	ticker := time.NewTicker(reserveLook)
	defer ticker.Stop()
	for {
		if was := s.Full(); s.reserve.look(ctx) != nil || s.Full() != was {
			s.log.Warn("the room on the disk of the records has changed", "full", s.Full())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// look lays the reserve where there is room and gives it up where there is none.
func (r *reserve) look(ctx context.Context) error {
	free, err := r.free()
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	path := filepath.Join(r.dir, reserveName)
	if info, err := os.Stat(path); err == nil && info.Size() == r.size {
		r.laid = true
	}
	switch {
	case r.laid && free < reserveLow:
		return r.giveUp()
	case !r.laid && free >= uint64(r.size)+uint64(r.size)*(reserveLeave/reserveSize):
		return r.lay(ctx, path)
	}
	return nil
}

// giveUp makes room at once. The lock is held.
func (r *reserve) giveUp() error {
	r.laid, r.used = false, true
	err := os.Remove(filepath.Join(r.dir, reserveName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// lay writes the file for real: a hole in it would be no room. The lock is held.
func (r *reserve) lay(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	done, err := allocate(f, r.size)
	step := make([]byte, reserveStep)
	for at := int64(0); at < r.size && !done && err == nil && ctx.Err() == nil; at += reserveStep {
		_, err = f.Write(step[:min(reserveStep, r.size-at)])
	}
	if err = errors.Join(err, f.Sync(), f.Close(), ctx.Err()); err != nil {
		return errors.Join(fmt.Errorf("laying the reserve on the disk: %w", err), os.Remove(path))
	}
	r.laid, r.used = true, false
	return nil
}

// relieve is called when something could not be written; it reports whether it
// is worth trying again.
func (r *reserve) relieve(err error) bool {
	if !errors.Is(err, syscall.ENOSPC) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	had := r.laid
	if err := r.giveUp(); err != nil {
		return false
	}
	return had
}
