package slot

import (
	"os"

	"golang.org/x/sys/unix"
)

// forget lets the kernel drop what it remembers of the file, so that reading it
// again asks the disk.
func forget(f *os.File) {
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) // only advice
}
