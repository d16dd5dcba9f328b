package place

import (
	"cmp"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Disk is a USB disk or the like that is plugged in at this moment.
type Disk struct {
	Path       string `json:"path,omitempty"` // folder under which its files are; "" = it cannot be used
	Name       string `json:"name"`           // as its owner called it
	Size, Free uint64 `json:",omitempty"`     // bytes
	ReadOnly   bool   `json:"read_only,omitempty"`
	Trouble    string `json:"trouble,omitempty"` // why it cannot be used: one of the words below
	Held       bool   `json:"-"`                 // it is asked back before it is pulled out (provisioning/disk)
}

// Why a disk cannot be used.
const (
	Checking = "checking" // it is being looked at
	Broken   = "broken"   // its file system is damaged
	NTFS     = "ntfs"     // of Windows
	Sealed   = "sealed"   // encrypted
	Foreign  = "foreign"  // a file system that nothing here reads
	TooMany  = "many"     // more than are needed are plugged in
)

// Notes is where the part of the image that looks after disks says what it found,
// a file for each.
const Notes = "/run/hotline-disks"

// Machine is where a machine tells of its disks.
type Machine struct {
	Mounts string // as /proc/mounts
	Notes  string // folder; need not be there
}

// Disks are the disks that this machine shows at this moment.
func Disks() []Disk { return Machine{Mounts: "/proc/mounts", Notes: Notes}.Disks() }

// Disks lists them by where they are, then those that cannot be used.
func (m Machine) Disks() []Disk {
	text, err := os.ReadFile(m.Mounts)
	if err != nil {
		return nil
	}
	disks := removable(string(text))
	files, _ := filepath.Glob(filepath.Join(m.Notes, "*.json"))
	for _, file := range files {
		var d Disk
		raw, err := os.ReadFile(file)
		if err != nil || json.Unmarshal(raw, &d) != nil {
			continue // it is being pulled out
		}
		at := slices.IndexFunc(disks, func(one Disk) bool { return one.Path == d.Path })
		switch {
		case at >= 0:
			disks[at].Name, disks[at].Held = cmp.Or(d.Name, disks[at].Name), true
		case d.Trouble != "":
			d.Path = ""
			disks = append(disks, d)
		}
	}
	for i, d := range disks {
		if d.Path != "" {
			disks[i].Size, disks[i].Free = roomOf(d.Path)
		}
	}
	return disks
}

// removableAt reports whether a path is where disks appear that are not part of
// this machine.
func removableAt(path string) bool {
	for _, place := range []string{"/media/", "/run/media/", "/mnt/"} {
		if strings.HasPrefix(path, place) {
			return true
		}
	}
	return false
}

func removable(mounts string) []Disk {
	var disks []Disk
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\134`, `\`)
	for line := range strings.Lines(mounts) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "/dev/") {
			continue
		}
		at := unescape.Replace(fields[1])
		if removableAt(at) {
			disks = append(disks, Disk{Path: at, Name: path.Base(at), ReadOnly: slices.Contains(strings.Split(fields[3], ","), "ro")})
		}
	}
	slices.SortFunc(disks, func(a, b Disk) int { return strings.Compare(a.Path, b.Path) })
	return slices.CompactFunc(disks, func(a, b Disk) bool { return a.Path == b.Path })
}
