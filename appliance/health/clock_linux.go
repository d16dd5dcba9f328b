package health

import (
	"errors"
	"os"
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

// MoveClock sets the clock of the running machine alone.
func MoveClock(at time.Time) error {
	now := unix.NsecToTimespec(at.UnixNano())
	return unix.ClockSettime(unix.CLOCK_REALTIME, &now)
}

// SetClock sets the clock of the machine, and the one of its hardware, from which
// it has the time after it was without power. kept: that one was there and took it.
func SetClock(at time.Time) (kept bool, err error) {
	if err := MoveClock(at); err != nil {
		return false, err
	}
	at = at.UTC()
	err = hardwareClock(func(fd int) error {
		return unix.IoctlSetRTCTime(fd, &unix.RTCTime{Sec: int32(at.Second()), Min: int32(at.Minute()), Hour: int32(at.Hour()),
			Mday: int32(at.Day()), Mon: int32(at.Month()) - 1, Year: int32(at.Year()) - 1900})
	})
	return err == nil, nil
}

// hardwareClock opens the clock that goes on without power. The kernel takes it to
// be in UTC (rtc(4)).
func hardwareClock(use func(fd int) error) error {
	f, err := os.Open("/dev/rtc0")
	if err != nil {
		return err
	}
	return errors.Join(use(int(f.Fd())), f.Close())
}

// hardwareTime is what it shows.
func hardwareTime() (at time.Time, err error) {
	err = hardwareClock(func(fd int) error {
		t, err := unix.IoctlGetRTCTime(fd)
		if err == nil {
			at = time.Date(int(t.Year)+1900, time.Month(t.Mon)+1, int(t.Mday), int(t.Hour), int(t.Min), int(t.Sec), 0, time.UTC)
		}
		return err
	})
	return at, err
}

// MaySetClock reports whether this program may (CAP_SYS_TIME).
func MaySetClock() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	return unix.Capget(&header, &sets[0]) == nil && sets[0].Effective&(1<<unix.CAP_SYS_TIME) != 0
}
