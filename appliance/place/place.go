// Package place is where files of the box go beside the box: a folder, a USB
// disk, or a server that takes files by SFTP. It writes, reads back and renames
// them; what they are is known to whoever writes them.
package place

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Place is a folder of this machine or of a server.
type Place struct {
	Folder string `json:"folder,omitempty"` // on this machine, a USB disk for instance
	Server string `json:"server,omitempty"` // host:port that takes files by SFTP; Folder is there then

	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	HostKey  string `json:"host_key,omitempty"` // of the server, as it was when the place was chosen
}

// String is how people call it. It has no password.
func (p Place) String() string {
	if p.Server != "" {
		return fmt.Sprintf("sftp://%s@%s/%s", p.User, p.Server, strings.TrimPrefix(p.Folder, "/"))
	}
	return p.Folder
}

// Item is one file at a place.
type Item struct {
	Name string
	Size int64
}

// File is one that is being written.
type File interface {
	io.WriteCloser
	Sync() error
}

// Shelf is an open place: one folder there. Names have at most one folder in
// them.
type Shelf interface {
	List(folder string) ([]Item, error)
	Create(name string) (File, error)
	Open(name string) (io.ReadCloser, error) // what is on the disk, not what memory remembers of it
	Rename(from, to string) error            // over what is there; on disk when it returns
	Remove(name string) error
	Close() error
}

// Unfinished ends the name of a file that does not count yet.
const Unfinished = ".unfinished"

// ErrGone is a disk that was taken out.
var ErrGone = errors.New("the folder of this hotline is not there: put the USB disk back, or choose another place")

// Reach opens the folder of that name at a place. Only when the place was chosen
// just now is it made, with the folders inside it: an empty mount point is not
// the USB disk that was here yesterday.
func Reach(ctx context.Context, p Place, name string, fresh bool, inside ...string) (Shelf, error) {
	if p.Server != "" {
		return reachServer(ctx, p, name, fresh, inside)
	}
	if fresh {
		if err := os.MkdirAll(p.Folder, 0o700); err != nil {
			return nil, fmt.Errorf("making the folder %s: %w", p.Folder, err)
		}
	}
	// What is on a disk that somebody brings must not lead out of it.
	disk, err := os.OpenRoot(p.Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("opening the folder %s: %w", p.Folder, err)
	}
	defer disk.Close()
	if fresh {
		for _, sub := range append([]string{""}, inside...) {
			if err := disk.MkdirAll(filepath.Join(name, sub), 0o700); err != nil {
				return nil, fmt.Errorf("making the folder %s: %w", filepath.Join(p.Folder, name), err)
			}
		}
	}
	root, err := disk.OpenRoot(name)
	return opened(root, err, filepath.Join(p.Folder, name))
}

// Folder opens a folder of this machine, whole.
func Folder(dir string) (Shelf, error) {
	root, err := os.OpenRoot(dir)
	return opened(root, err, dir)
}

// opened makes a shelf of an open folder, or says why there is none.
func opened(root *os.Root, err error, dir string) (Shelf, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("opening the folder %s: %w", dir, err)
	}
	return folder{root, removableAt(dir)}, nil
}

// folder is a place on this machine.
type folder struct {
	root   *os.Root
	leaves bool // it may be pulled out at any moment
}

func (f folder) List(in string) ([]Item, error) {
	dir, err := f.root.Open(in)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var list []Item
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			list = append(list, Item{e.Name(), info.Size()})
		}
	}
	return list, nil
}

func (f folder) Create(name string) (File, error) {
	if err := f.plain(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

// Open reads what is on the disk and not what memory remembers of it.
func (f folder) Open(name string) (io.ReadCloser, error) {
	if err := f.plain(name); err != nil {
		return nil, err
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	forgetCache(file)
	return file, nil
}

func (f folder) Rename(from, to string) error {
	if err := f.root.Rename(from, to); err != nil {
		return err
	}
	file, err := f.root.Open(to) // as durable.Renamed does, and for the same reason
	if err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	dir, err := f.root.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// plain refuses what is no file: a pipe on somebody's disk would be waited for
// without end, and a link leads to another file.
func (f folder) plain(name string) error {
	info, err := f.root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file: remove it, or choose another disk", filepath.Join(f.root.Name(), name))
	}
	return err
}

func (f folder) Remove(name string) error { return f.root.Remove(name) }

func (f folder) Close() error {
	if !f.leaves {
		return f.root.Close()
	}
	dir, err := f.root.Open(".")
	if err == nil {
		err = errors.Join(settle(dir), dir.Close())
	}
	return errors.Join(err, f.root.Close())
}
