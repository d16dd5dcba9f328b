package foreign

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"

	"golang.org/x/sys/unix"
)

// What a child may use. Its address space is counted from what the program
// itself takes at its start.
const (
	moreMemory = 256 << 20
	mostHeap   = 128 << 20
	cpuSeconds = 12
)

// confine takes away what decoding does not need: memory, time, files.
func confine() error {
	debug.SetMemoryLimit(mostHeap)
	runtime.GOMAXPROCS(1)
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return fmt.Errorf("reading the size of the process: %w", err)
	}
	pages, err := strconv.ParseUint(string(bytes.Fields(statm)[0]), 10, 64)
	if err != nil {
		return fmt.Errorf("reading the size of the process: %w", err)
	}
	for _, l := range []struct {
		what int
		most uint64
	}{
		{unix.RLIMIT_AS, pages*uint64(os.Getpagesize()) + moreMemory},
		{unix.RLIMIT_CPU, cpuSeconds},
		{unix.RLIMIT_FSIZE, 0}, // it writes to pipes and nothing else
		{unix.RLIMIT_CORE, 0},  // a crash leaves no copy of the memory
	} {
		if err := unix.Setrlimit(l.what, &unix.Rlimit{Cur: l.most, Max: l.most}); err != nil {
			return fmt.Errorf("limiting the process: %w", err)
		}
	}
	// Files that are open stay open; new ones are not to be had.
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("limiting the process: %w", err)
	}
	return nil
}
