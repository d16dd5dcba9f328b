package place

import (
	"os"

	"golang.org/x/sys/unix"
)

// forgetCache lets the next read come from the disk: what was only seen in
// memory has not been proved.
func forgetCache(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) }
