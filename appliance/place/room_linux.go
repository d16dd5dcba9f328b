package place

import (
	"os"

	"golang.org/x/sys/unix"
)

// roomOf is how many bytes a disk has, and how many may be written to it.
func roomOf(path string) (size, free uint64) {
	var s unix.Statfs_t
	if unix.Statfs(path, &s) != nil {
		return 0, 0
	}
	return s.Blocks * uint64(s.Bsize), s.Bavail * uint64(s.Bsize)
}

// settle puts on the disk itself whatever was written to it, names of files and
// what was removed, too: it may be pulled out as soon as a page says done.
func settle(dir *os.File) error { return unix.Syncfs(int(dir.Fd())) }
