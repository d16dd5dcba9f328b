package backup

import (
	"os"

	"golang.org/x/sys/unix"
)

// forgetCache lets the next read come from the disk: a backup that was only
// seen in memory has not been proved.
func forgetCache(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) }

// sameDisk reports whether two folders are lost together.
func sameDisk(a, b string) bool {
	var x, y unix.Stat_t
	return unix.Stat(a, &x) == nil && unix.Stat(b, &y) == nil && x.Dev == y.Dev
}

// room is how many bytes may be written to a folder.
func room(dir string) uint64 {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0
	}
	return s.Bavail * uint64(s.Bsize)
}
