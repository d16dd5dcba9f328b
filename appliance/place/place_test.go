//go:build linux

package place

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// The disks of a machine: what is mounted where disks appear, with the name that
// its owner gave it, and those that cannot be used, with the reason.
func TestDisksThatArePluggedIn(t *testing.T) {
	dir := t.TempDir()
	m := Machine{Mounts: filepath.Join(dir, "mounts"), Notes: filepath.Join(dir, "notes")}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(m.Notes, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := m.Disks(); got != nil {
		t.Errorf("a machine that tells nothing has %v", got)
	}
	write("mounts", `/dev/sda5 /data ext4 rw 0 0
tmpfs /media tmpfs rw 0 0
/dev/sdc1 /media/B-2222 vfat ro,nosuid 0 0
/dev/sdb1 /media/A\040one-1111 vfat rw,nosuid 0 0
/dev/sdb1 /media/A\040one-1111 vfat rw,nosuid 0 0
server:/x /mnt/net nfs rw 0 0
`)
	write("notes/sdb1.json", `{"path": "/media/A one-1111", "name": "A: one"}`)
	write("notes/sdd1.json", `{"name": "Windows", "Size": 64000000000, "trouble": "ntfs"}`)
	write("notes/sde1.json", `{"name": "let go", "path": "/media/gone"}`)
	write("notes/sdf1.json", `{"name": "half`)
	want := []Disk{{Path: "/media/A one-1111", Name: "A: one", Held: true}, {Path: "/media/B-2222", Name: "B-2222", ReadOnly: true},
		{Name: "Windows", Size: 64e9, Trouble: NTFS}}
	if got := m.Disks(); !reflect.DeepEqual(got, want) {
		t.Errorf("the machine has %+v", got)
	}
}

// A disk that somebody brings leads to nothing but itself, and cannot make the box
// wait without end.
func TestADiskLeadsNowhereElse(t *testing.T) {
	disk, records := t.TempDir(), t.TempDir()
	for name, to := range map[string]string{"hotline-out": records, "hotline-up": "../" + filepath.Base(records), "hotline-in": "inside"} {
		if err := os.Symlink(to, filepath.Join(disk, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(disk, "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	p := Place{Folder: disk}
	for _, name := range []string{"hotline-out", "hotline-up"} {
		for _, fresh := range []bool{false, true} {
			if _, err := Reach(t.Context(), p, name, fresh, "sound"); err == nil || errors.Is(err, ErrGone) {
				t.Errorf("%s, chosen just now: %v: %v", name, fresh, err)
			}
		}
		if err := Choose(t.Context(), p, name, "sound"); err == nil {
			t.Errorf("a folder that leads out of the disk is taken: %s", name)
		}
	}
	if left, err := os.ReadDir(records); err != nil || len(left) != 0 {
		t.Errorf("in the records is %v (%v)", left, err)
	}
	if _, err := Reach(t.Context(), p, "hotline-none", false); !errors.Is(err, ErrGone) {
		t.Errorf("another disk is %v", err)
	}
	if _, err := Reach(t.Context(), Place{Folder: filepath.Join(disk, "away")}, "hotline-x", false); !errors.Is(err, ErrGone) {
		t.Errorf("a disk that is not there is %v", err)
	}
	shelf, err := Reach(t.Context(), p, "hotline-box", true, "sound")
	if err != nil {
		t.Fatal(err)
	}
	defer shelf.Close()
	box := filepath.Join(disk, "hotline-box")
	if err := errors.Join(os.Symlink(filepath.Join(records, "new"), filepath.Join(box, "link")), syscall.Mkfifo(filepath.Join(box, "pipe"), 0o600), os.Symlink("/", filepath.Join(box, "sound", "root"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "pipe", "sound", "sound/root"} {
		_, create := shelf.Create(name)
		_, open := shelf.Open(name)
		for _, err := range []error{create, open} {
			if err == nil || !strings.Contains(fmt.Sprint(err), "is no file") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if err := Choose(t.Context(), p, "hotline-box", "sound"); err != nil {
		t.Errorf("what is beside them: %v", err)
	}
}
