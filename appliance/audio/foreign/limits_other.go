//go:build !linux

package foreign

import "runtime/debug"

// confine does what it can where there are no limits for processes: the time
// limit of the parent and a small heap remain.
func confine() error {
	debug.SetMemoryLimit(128 << 20)
	return nil
}
