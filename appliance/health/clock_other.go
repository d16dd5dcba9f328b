//go:build !linux

package health

import (
	"errors"
	"time"
)

func synchronised() (synced, known bool) { return false, false }

// DiskRoom is how much room there is on the disk of a folder; 0 and 0: it
// cannot be told on this system.
func DiskRoom(string) (free, size uint64) { return 0, 0 }

var errClock = errors.New("the clock cannot be set on this system")

// MoveClock is for Linux alone.
func MoveClock(time.Time) error { return errClock }

// SetClock is for Linux alone.
func SetClock(time.Time) (kept bool, err error) { return false, errClock }

func hardwareTime() (time.Time, error) { return time.Time{}, errClock }

// MaySetClock is never true here.
func MaySetClock() bool { return false }
