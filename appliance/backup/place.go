package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// item is one file at a place.
type item struct {
	name string
	size int64
}

// file is one that is being written.
type file interface {
	io.WriteCloser
	Sync() error
}

// shelf is an open place: the folder of one box there. Names have at most one
// folder in them.
type shelf interface {
	list(folder string) ([]item, error)
	create(name string) (file, error)
	open(name string) (io.ReadCloser, error)
	rename(from, to string) error // over what is there; on disk when it returns
	remove(name string) error
	Close() error
}

// Names at a place.
const (
	boxPrefix   = "hotline-" // and the name of the box
	soundFolder = "sound"
	suffix      = ".hotline"
	unfinished  = ".unfinished"
)

// errGone is a disk that was taken out.
var errGone = errors.New("the folder of this hotline is not there: put the USB disk back, or choose another place")

// reach opens a place. Only when it was chosen just now is the folder made: an
// empty mount point is not the USB disk that was here yesterday.
func reach(ctx context.Context, p Place, box string, fresh bool) (shelf, error) {
	if p.Server != "" {
		return reachServer(ctx, p, box, fresh)
	}
	dir := filepath.Join(p.Folder, boxPrefix+box)
	if fresh {
		if err := os.MkdirAll(filepath.Join(dir, soundFolder), 0o700); err != nil {
			return nil, fmt.Errorf("making the folder for backups: %w", err)
		}
	}
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errGone
	}
	if err != nil {
		return nil, fmt.Errorf("opening the folder for backups: %w", err)
	}
	return folder{root}, nil
}

// folder is a place on this machine.
type folder struct{ root *os.Root }

func (f folder) list(in string) ([]item, error) {
	dir, err := f.root.Open(in)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var list []item
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			list = append(list, item{e.Name(), info.Size()})
		}
	}
	return list, nil
}

func (f folder) create(name string) (file, error) {
	return f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

// open reads what is on the disk and not what memory remembers of it.
func (f folder) open(name string) (io.ReadCloser, error) {
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	forgetCache(file)
	return file, nil
}

func (f folder) rename(from, to string) error {
	if err := f.root.Rename(from, to); err != nil {
		return err
	}
	dir, err := f.root.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (f folder) remove(name string) error { return f.root.Remove(name) }
func (f folder) Close() error             { return f.root.Close() }
