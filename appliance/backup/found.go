package backup

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"hotline/appliance/place"
)

// Found is the backup of a hotline on a disk.
type Found struct {
	Path string
	At   time.Time // of the newest whole one
}

// mostFound is how many are looked for on one disk.
const mostFound = 20

// On lists the backups in a folder, without opening them: that takes the recovery
// key.
func On(disk string) (list []Found) {
	if disk == "" {
		return nil
	}
	root, err := os.OpenRoot(disk)
	if err != nil {
		return nil
	}
	defer root.Close()
	top, err := root.Open(".")
	if err != nil {
		return nil
	}
	defer top.Close()
	entries, _ := top.ReadDir(-1) // what can be read
	for _, e := range entries {
		if len(list) == mostFound || !e.IsDir() || !strings.HasPrefix(e.Name(), boxPrefix) {
			continue
		}
		dir := filepath.Join(disk, e.Name())
		shelf, err := place.Folder(dir)
		if err != nil {
			continue
		}
		items, _ := shelf.List(".")
		if at := newestAt(items); !at.IsZero() {
			list = append(list, Found{dir, at})
		}
		_ = shelf.Close() // nothing was written
	}
	return list
}
