package disk

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

// look asks the kernel and udev about a device.
func look(ctx context.Context, kernel string) (Device, error) {
	if kernel == "" || strings.ContainsAny(kernel, "/.") {
		return Device{}, fmt.Errorf("%q is no name of a device", kernel)
	}
	at, err := filepath.EvalSymlinks(filepath.Join("/sys/class/block", kernel))
	if err != nil {
		return Device{}, err
	}
	told, err := exec.CommandContext(ctx, "udevadm", "info", "--query=property", "--name=/dev/"+kernel).Output()
	if err != nil {
		return Device{}, fmt.Errorf("asking what is on %s: %w", kernel, err)
	}
	return read(kernel, at, told), nil
}

// read makes a device of its folder in /sys and what udev has found.
func read(kernel, at string, told []byte) Device {
	d := Device{Kernel: kernel, Disk: kernel, USB: strings.Contains(at, "/usb"), Fixed: text(at, "ro") == "1"}
	d.Part, _ = strconv.Atoi(text(at, "partition")) // none: the whole
	if d.Part > 0 {
		d.Disk = filepath.Base(filepath.Dir(at))
	}
	parts, _ := filepath.Glob(filepath.Join(at, "*", "partition"))
	d.Parts = len(parts)
	sectors, _ := strconv.ParseUint(text(at, "size"), 10, 54)
	d.Size = sectors * 512 // whatever the disk's own sectors are
	lines := bufio.NewScanner(bytes.NewReader(told))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), "=")
		switch key {
		case "ID_FS_USAGE":
			d.Usage = value
		case "ID_FS_TYPE":
			d.Type = value
		case "ID_FS_UUID":
			d.UUID = value
		case "ID_FS_LABEL_ENC":
			d.Label = unescaped(value)
		case "ID_PART_ENTRY_TYPE":
			d.PartType = value
		case "ID_MODEL":
			d.Maker = strings.ReplaceAll(value, "_", " ")
		}
	}
	return d
}

func text(dir, name string) string {
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

// unescaped reads a name as udev writes it: what is unusual as \x20.
func unescaped(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if strings.HasPrefix(text[i:], `\x`) && i+4 <= len(text) {
			if c, err := strconv.ParseUint(text[i+2:i+4], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return strings.ToValidUTF8(b.String(), "")
}

// ownDisks are the disks on which the running system is: whatever is below its
// root and its data. None is an error: then nothing tells what must not be
// touched.
func ownDisks() ([]string, error) {
	var own []string
	for _, dir := range []string{"/", "/data"} {
		if name, found := below(dir); found { // or in memory
			own = append(own, name)
		}
	}
	if len(own) == 0 {
		return nil, errors.New("which disk is the system's own cannot be told: no other is used")
	}
	return own, nil
}

// below is the disk on which a folder is, as the kernel names it.
func below(dir string) (name string, found bool) {
	var s unix.Stat_t
	if unix.Stat(dir, &s) != nil {
		return "", false
	}
	at, err := filepath.EvalSymlinks(fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(s.Dev), unix.Minor(s.Dev)))
	if err != nil {
		return "", false
	}
	return diskOf(at), true
}

// diskOf is the disk of which a part is described below at.
func diskOf(at string) string {
	if text(at, "partition") != "" {
		at = filepath.Dir(at)
	}
	return filepath.Base(at)
}

// Own reports whether a partition is on the disk from which this system runs.
func Own(kernel string) (bool, error) {
	system, found := below("/")
	if !found {
		return false, errors.New("this system does not run from a disk")
	}
	at, err := filepath.EvalSymlinks(filepath.Join("/sys/class/block", filepath.Base(kernel)))
	if err != nil {
		return false, err
	}
	return diskOf(at) == system, nil
}

// NameOwn is Name of the disk from which this system runs.
func NameOwn(from uuid.UUID) (named bool, err error) {
	system, found := below("/")
	if !found {
		return false, errors.New("this system does not run from a disk")
	}
	disk, err := os.OpenFile(filepath.Join("/dev", system), os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	named, err = Name(disk, from)
	return named, errors.Join(err, disk.Close())
}
