package disk

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"hotline/appliance/place"
	"hotline/provisioning/door/doortest"
)

// What is done with a device, by what the machine knows of it.
func TestWhatIsDoneWithADisk(t *testing.T) {
	own := []string{"sda", "vda"}
	stick := Device{Kernel: "sdb1", Disk: "sdb", Part: 1, Parts: 0, USB: true, Usage: "filesystem", Type: "vfat", UUID: "3F2A-11BC", Label: "COPIES", Maker: "Maker"}
	with := func(change func(*Device)) Device { d := stick; change(&d); return d }
	full := strings.Split("a b c d e f g h", " ")
	for name, one := range map[string]struct {
		d     Device
		taken []string
		want  Plan
	}{
		"a stick":                   {stick, nil, Plan{Mount: true, Folder: "COPIES-3F2A11BC", Name: "COPIES"}},
		"a copy of one that is in":  {stick, []string{"COPIES-3F2A11BC"}, Plan{Mount: true, Folder: "COPIES-3F2A11BC-2", Name: "COPIES"}},
		"another of the same name":  {with(func(d *Device) { d.UUID = "77AA-0001" }), []string{"COPIES-3F2A11BC"}, Plan{Mount: true, Folder: "COPIES-77AA0001", Name: "COPIES"}},
		"without partitions":        {with(func(d *Device) { d.Kernel, d.Part = "sdb", 0 }), nil, Plan{Mount: true, Folder: "COPIES-3F2A11BC", Name: "COPIES"}},
		"the whole of one that has": {with(func(d *Device) { d.Kernel, d.Part, d.Parts = "sdb", 0, 2 }), nil, Plan{}},
		"exFAT":                     {with(func(d *Device) { d.Type = "exfat" }), nil, Plan{Mount: true, Folder: "COPIES-3F2A11BC", Name: "COPIES"}},
		"ext4":                      {with(func(d *Device) { d.Type = "ext4" }), nil, Plan{Mount: true, Folder: "COPIES-3F2A11BC", Name: "COPIES"}},
		"without a name":            {with(func(d *Device) { d.Label = "" }), nil, Plan{Mount: true, Folder: "Maker-3F2A11BC", Name: "Maker"}},
		"nothing to call it by":     {with(func(d *Device) { d.Label, d.Maker, d.UUID = "", "", "" }), nil, Plan{Mount: true, Folder: "USB", Name: "USB"}},
		"a name that leads out":     {with(func(d *Device) { d.Label, d.UUID = "../../data", "../x" }), nil, Plan{Mount: true, Folder: "data-x", Name: "../../data"}},
		"a name of another writing": {with(func(d *Device) { d.Label = "نسخ\u202e\n" }), nil, Plan{Mount: true, Folder: "USB-3F2A11BC", Name: "نسخ"}},
		"a long name":               {with(func(d *Device) { d.Label = strings.Repeat("x", 4000) }), nil, Plan{Mount: true, Folder: strings.Repeat("x", 32) + "-3F2A11BC", Name: strings.Repeat("x", 32)}},

		"the system's own disk, on USB": {with(func(d *Device) { d.Kernel, d.Disk = "sda5", "sda" }), nil, Plan{}},
		"a disk inside the machine":     {with(func(d *Device) { d.USB = false }), nil, Plan{}},
		"what starts a machine":         {with(func(d *Device) { d.PartType = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B" }), nil, Plan{}},
		"part of something larger":      {with(func(d *Device) { d.Usage, d.Type = "raid", "LVM2_member" }), nil, Plan{}},
		"another appliance's system":    {with(func(d *Device) { d.Type = "squashfs" }), nil, Plan{}},
		"another appliance's records":   {with(func(d *Device) { d.Type, d.UUID = "ext4", "4b1d2f0a-6f0e-5d53-9b55-7e8f5d1c0a05" }), nil, Plan{}},
		"one of hundreds of parts":      {with(func(d *Device) { d.Kernel, d.Part = "sdb10", 10 }), nil, Plan{}},

		"of Windows":         {with(func(d *Device) { d.Type = "ntfs" }), nil, Plan{Name: "COPIES", Trouble: place.NTFS}},
		"of something else":  {with(func(d *Device) { d.Type = "btrfs" }), nil, Plan{Name: "COPIES", Trouble: place.Foreign}},
		"encrypted":          {with(func(d *Device) { d.Usage, d.Type = "crypto", "crypto_LUKS" }), nil, Plan{Name: "COPIES", Trouble: place.Sealed}},
		"more than are used": {stick, full, Plan{Name: "COPIES", Trouble: place.TooMany}},
	} {
		if got := Judge(one.d, own, one.taken); got != one.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// The pages ask for a disk over the door, and are told in a sentence why it stays.
func TestAskingForADisk(t *testing.T) {
	door := At(filepath.Join(t.TempDir(), "door"))
	if door.There() {
		t.Error("a door that nobody made is there")
	}
	if err := door.Remove(t.Context(), "/media/A"); err == nil {
		t.Error("nobody answers, and the disk is gone")
	}
	doortest.Answer(t, door.Path, func(ctx context.Context, in io.Reader, out io.Writer) error {
		return Answer(ctx, in, out, func(_ context.Context, folder string) error {
			if folder != "/media/A one" {
				return fmt.Errorf("%w", ErrBusy)
			}
			return nil
		})
	})
	if err := door.Remove(t.Context(), "/media/A one"); err != nil {
		t.Errorf("a disk that nothing uses: %v", err)
	}
	if err := door.Remove(t.Context(), "/media/B"); err == nil || err.Error() != ErrBusy.Error() {
		t.Errorf("a disk that is written to: %v", err)
	}
}
