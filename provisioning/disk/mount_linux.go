package disk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hotline/appliance/durable"
	"hotline/appliance/place"
)

// Keeper mounts disks for one user of this machine, and lets go of them.
type Keeper struct {
	User, Group int
	Stick       string // where the stick of the first start is mounted: it is let go first
}

const (
	// mended is how long a look at a file system may take.
	mended = 10 * time.Minute
	// leaving is how long one that is written to is waited for.
	leaving = 20 * time.Second
	again   = 200 * time.Millisecond
)

// Plug does what is to be done with a device that is there, and says it in a
// sentence; "" where it is none of our business.
func (k Keeper) Plug(ctx context.Context, kernel string) (string, error) {
	d, err := look(ctx, kernel)
	if err != nil {
		return "", err
	}
	own, err := ownDisks()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(place.Notes, 0o755); err != nil {
		return "", err
	}
	p := Judge(d, own, nil)
	if p == (Plan{}) {
		return "", nil
	}
	note := place.Disk{Name: p.Name, Size: d.Size, Trouble: p.Trouble}
	if p.Mount {
		if err := k.letGoOfStick(d); err != nil {
			return "", err
		}
		note.Trouble = place.Checking
		if err := write(kernel, note); err != nil {
			return "", err
		}
		if !d.Fixed { // what is only read is proved in reading it
			err = mend(ctx, d.Type, "/dev/"+kernel)
		}
		if err != nil {
			note.Trouble = place.Broken
			return "", errors.Join(err, write(kernel, note))
		}
		if note, err = k.mount(d, own); err != nil {
			return "", errors.Join(err, write(kernel, note))
		}
	}
	if err := write(kernel, note); err != nil {
		return "", err
	}
	if note.Trouble != "" {
		return fmt.Sprintf("The disk %q (%s) cannot be used: %s.", note.Name, kernel, note.Trouble), nil
	}
	return fmt.Sprintf("The disk %q (%s) is at %s.", note.Name, kernel, note.Path), nil
}

// mend looks at a file system, and puts right what pulling a disk out leaves. An
// error: more is wrong.
func mend(ctx context.Context, kind, at string) error {
	ctx, cancel := context.WithTimeout(ctx, mended)
	defer cancel()
	said := func(name string, args ...string) (int, error) {
		out, err := exec.CommandContext(ctx, name, append(args, at)...).CombinedOutput()
		var ended *exec.ExitError
		if errors.As(err, &ended) && ended.Exited() {
			return ended.ExitCode(), fmt.Errorf("the file system of %s is damaged: %s", at, strings.TrimSpace(string(out)))
		}
		return 0, err
	}
	switch kind {
	case "vfat":
		// Its number says that something was wrong, not whether it still is
		// (fsck.fat(8)): so it is asked once more.
		if code, err := said("fsck.vfat", "-n"); code == 0 {
			return err
		}
		if code, err := said("fsck.vfat", "-a"); code > 1 {
			return err
		}
		_, err := said("fsck.vfat", "-n")
		return err
	case "exfat":
		if code, err := said("fsck.exfat", "-p"); code > 1 { // 1: mended
			return err
		}
		_, err := said("fsck.exfat", "-n")
		return err
	}
	code, err := said("e2fsck", "-p")
	if code == 1 { // mended (e2fsck(8))
		return nil
	}
	return err
}

// mount gives a device its folder. Several are plugged in at once at a start: one
// after the other.
func (k Keeper) mount(d Device, own []string) (place.Disk, error) {
	one, err := os.OpenFile(filepath.Join(place.Notes, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return place.Disk{Name: d.Label, Trouble: place.Broken}, err
	}
	defer one.Close()
	for unix.Flock(int(one.Fd()), unix.LOCK_EX) == unix.EINTR {
	}
	var taken []string
	folders, err := os.ReadDir(Media)
	for _, e := range folders {
		taken = append(taken, e.Name())
	}
	p := Judge(d, own, taken)
	note := place.Disk{Name: p.Name, Size: d.Size, Trouble: p.Trouble}
	if err != nil || !p.Mount {
		return note, err
	}
	if err := os.Mkdir(p.where(), 0o755); err != nil {
		note.Trouble = place.Broken
		return note, err
	}
	what := options[d.Type]
	if strings.Contains(what, "%d") {
		what = fmt.Sprintf(what, k.User, k.Group)
	}
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME)
	if d.Fixed {
		flags |= unix.MS_RDONLY
	}
	err = unix.Mount("/dev/"+d.Kernel, p.where(), d.Type, flags, what)
	if errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES) {
		d.Fixed = true
		err = unix.Mount("/dev/"+d.Kernel, p.where(), d.Type, flags|unix.MS_RDONLY, what)
	}
	if err != nil {
		note.Trouble = place.Broken
		return note, errors.Join(fmt.Errorf("using the disk %s: %w", d.Kernel, err), os.Remove(p.where()))
	}
	if strings.HasPrefix(d.Type, "ext") && !d.Fixed {
		if err := handOver(p.where(), k.User, k.Group); err != nil {
			note.Trouble = place.Broken
			return note, errors.Join(fmt.Errorf("making the disk %s the hotline's: %w", d.Kernel, err), unix.Unmount(p.where(), unix.MNT_DETACH), os.Remove(p.where()))
		}
	}
	note.Path, note.ReadOnly = p.where(), d.Fixed
	return note, nil
}

// handOver makes the hotline the owner of the top of a disk that knows owners, and
// of the backups there: another machine's hotline has another number. Links are
// not followed.
func handOver(at string, user, group int) error {
	disk, err := os.OpenRoot(at)
	if err != nil {
		return err
	}
	defer disk.Close()
	if err := os.Chown(at, user, group); err != nil {
		return err
	}
	return fs.WalkDir(disk.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		top, _, _ := strings.Cut(name, "/")
		switch {
		case name == ".":
			return err
		case !strings.HasPrefix(top, backupFolders):
			if e != nil && e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case err != nil:
			return err
		}
		return disk.Lchown(name, user, group)
	})
}

// backupFolders is how the folders of backups and the key of a box begin.
const backupFolders = "hotline-"

// letGoOfStick takes the stick of the first start out of the place where it was
// read: only one place can have it for writing.
func (k Keeper) letGoOfStick(d Device) error {
	var at, device unix.Stat_t
	if k.Stick == "" || unix.Stat(k.Stick, &at) != nil || unix.Stat("/dev/"+d.Kernel, &device) != nil || at.Dev != device.Rdev {
		return nil
	}
	return unix.Unmount(k.Stick, 0)
}

func noteOf(kernel string) string { return filepath.Join(place.Notes, kernel+".json") }

func write(kernel string, note place.Disk) error {
	raw, err := json.Marshal(note)
	if err != nil {
		return err
	}
	return durable.WriteFile(noteOf(kernel), raw, 0o644)
}

// Unplugged tidies up after a device that is gone, whatever still uses it.
func (k Keeper) Unplugged(kernel string) error {
	raw, err := os.ReadFile(noteOf(kernel))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var note place.Disk
	if err != nil || json.Unmarshal(raw, &note) != nil {
		return errors.Join(err, os.Remove(noteOf(kernel)))
	}
	if note.Path != "" {
		if err = unix.Unmount(note.Path, unix.MNT_DETACH); errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			err = nil // it was let go before
		}
		if gone := os.Remove(note.Path); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return errors.Join(err, os.Remove(noteOf(kernel)))
}

// ErrBusy is a disk to which something is being written.
var ErrBusy = errors.New("something is being written to the disk just now: try again in a minute")

// LetGo takes the disk of a folder out of use, everything on it, so that it can be
// pulled out.
func (k Keeper) LetGo(ctx context.Context, folder string) error {
	files, err := filepath.Glob(filepath.Join(place.Notes, "*.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		var note place.Disk
		raw, err := os.ReadFile(file)
		if err != nil || json.Unmarshal(raw, &note) != nil || note.Path == "" || note.Path != folder {
			continue
		}
		for until := time.Now().Add(leaving); ; {
			err = unix.Unmount(note.Path, 0)
			if !errors.Is(err, unix.EBUSY) {
				break
			}
			if time.Now().After(until) {
				return ErrBusy
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(again):
			}
		}
		if err != nil {
			return fmt.Errorf("the disk could not be let go: %w", err)
		}
		return errors.Join(os.Remove(note.Path), os.Remove(file))
	}
	return errors.New("this disk is not plugged in any more")
}
