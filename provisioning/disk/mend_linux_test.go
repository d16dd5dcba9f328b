package disk

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What the kernel and udev tell of a device.
func TestReadingADevice(t *testing.T) {
	at := filepath.Join(t.TempDir(), "usb1", "block", "sdb", "sdb1")
	if err := os.MkdirAll(at, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"partition": "1\n", "size": "2048\n", "ro": "1\n"} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	told := "DEVNAME=/dev/sdb1\nID_FS_USAGE=filesystem\nID_FS_TYPE=vfat\nID_FS_UUID=3F2A-11BC\nID_FS_LABEL=A_one\nID_FS_LABEL_ENC=A\\x20one\\xff\\x0aID_FS_TYPE\nID_PART_ENTRY_TYPE=0xc\nID_MODEL=Ultra_Fit\n"
	want := Device{Kernel: "sdb1", Disk: "sdb", Part: 1, USB: true, Fixed: true, Usage: "filesystem", Type: "vfat", UUID: "3F2A-11BC", Label: "A one\nID_FS_TYPE", PartType: "0xc", Maker: "Ultra Fit", Size: 1 << 20}
	if got := read("sdb1", at, []byte(told)); got != want {
		t.Errorf("it is %+v", got)
	}
	if got := read("sdb", filepath.Dir(at), nil); got.Part != 0 || got.Parts != 1 || got.Disk != "sdb" {
		t.Errorf("the whole is %+v", got)
	}
	for _, odd := range []string{"", "../sdb", "a/b", "."} {
		if _, err := look(t.Context(), odd); err == nil {
			t.Errorf("%q is taken for a device", odd)
		}
	}
}

// A file system that is whole is used, one that was pulled out is mended, and one
// that cannot be is told of.
func TestMendingADisk(t *testing.T) {
	made := func(command string, args ...string) string {
		path := filepath.Join(t.TempDir(), "disk")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 16<<20); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(command, append(args, path)...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
		return path
	}
	wreck := func(path string, at int64, text string) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt([]byte(text), at); err != nil {
			t.Fatal(err)
		}
	}
	fat, exfat, ext := made("mkfs.vfat"), made("mkfs.exfat"), made("mke2fs", "-q", "-t", "ext4", "-b", "1024")
	for path, kind := range map[string]string{fat: "vfat", exfat: "exfat", ext: "ext4"} {
		if err := mend(t.Context(), kind, path); err != nil {
			t.Errorf("a new %s: %v", kind, err)
		}
	}
	wreck(fat, 0x25, "\x01") // as long as it is in use
	if err := mend(t.Context(), "vfat", fat); err != nil {
		t.Errorf("FAT that was pulled out: %v", err)
	}
	raw, err := os.ReadFile(fat)
	if err != nil || raw[0x25] != 0 {
		t.Errorf("it was not mended: %x (%v)", raw[0x25], err)
	}
	wreck(fat, 11, "\x07") // bytes of a sector
	wreck(exfat, 3, "nothing")
	wreck(ext, 2048, strings.Repeat("\xff", 1<<20))
	for path, kind := range map[string]string{fat: "vfat", exfat: "exfat", ext: "ext4"} {
		if err := mend(t.Context(), kind, path); err == nil || !strings.Contains(err.Error(), "is damaged") {
			t.Errorf("%s that nobody can read: %v", kind, err)
		}
	}
}
