package health

import (
	"time"

	"golang.org/x/sys/unix"
)

// synchronised asks the kernel whether something keeps its clock right.
func synchronised() (synced, known bool) {
	state, err := unix.Adjtimex(new(unix.Timex))
	if err != nil {
		return false, false
	}
	return state != unix.TIME_ERROR, true
}

// DiskRoom is how much room there is on the disk of a folder, and how large it
// is; 0 and 0 when that cannot be told.
func DiskRoom(folder string) (free, size uint64) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil || s.Bsize <= 0 {
		return 0, 0
	}
	return uint64(s.Bavail) * uint64(s.Bsize), uint64(s.Blocks) * uint64(s.Bsize)
}

// SetClock sets the clock of the machine.
func SetClock(at time.Time) error {
	now := unix.NsecToTimespec(at.UnixNano())
	return unix.ClockSettime(unix.CLOCK_REALTIME, &now)
}

// MaySetClock reports whether this program may (CAP_SYS_TIME).
func MaySetClock() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	return unix.Capget(&header, &sets[0]) == nil && sets[0].Effective&(1<<unix.CAP_SYS_TIME) != 0
}
