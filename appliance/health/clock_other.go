//go:build !linux

package health

func synchronised() (synced, known bool) { return false, false }

// DiskRoom is how much room there is on the disk of a folder; 0 and 0: it
// cannot be told on this system.
func DiskRoom(string) (free, size uint64) { return 0, 0 }
