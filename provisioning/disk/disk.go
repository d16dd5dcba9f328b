// Package disk lets the hotline use a disk that somebody plugs into the
// appliance: it is looked at, mended after it was pulled out, and mounted so that
// the hotline alone can write to it and nothing on it can be run. It is what the
// units of the image run as root; it believes nothing that stands on a disk.
//
// What it found stands in a note beside (place.Notes), for the pages. Nobody asks
// it for a disk: being plugged in is enough. It is asked to let go of one (Door).
package disk

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"hotline/appliance/place"
)

// Device is what the machine knows of a disk, or of a part of one.
type Device struct {
	Kernel string // its name for the kernel: sdb1
	Disk   string // of the whole: sdb
	Part   int    // 0: the whole itself
	Parts  int    // that the whole has
	USB    bool   // it hangs on a USB port

	Usage, Type, UUID, Label string // of what is on it, as udev has found it
	PartType                 string // what its table of partitions says that it is for
	Maker                    string
	Size                     uint64
	Fixed                    bool // nothing can be written to it: a switch on a card
}

// Plan is what is to be done with a device. Where neither Mount nor Trouble is
// set, it is none of our business.
type Plan struct {
	Mount   bool
	Trouble string // why it cannot be used (place.Broken …)
	Folder  string // name below Media
	Name    string // what people call it
}

const (
	// Media is where disks appear.
	Media = "/media"
	// most is how many disks are used at once: a disk can say that it has hundreds
	// of parts.
	most = 8
	// lastPart is the last part of a disk that is looked at.
	lastPart = 9
)

// What can be written to, and how it is mounted beside what always holds. On FAT
// and exFAT nobody owns anything: all of it is the hotline's. What belongs to
// somebody else on ext4 is handed over (handOver).
var options = map[string]string{
	"vfat":  "uid=%d,gid=%d,fmask=0177,dmask=0077,flush,utf8,errors=remount-ro",
	"exfat": "uid=%d,gid=%d,fmask=0177,dmask=0077,iocharset=utf8,errors=remount-ro",
	"ext4":  "errors=remount-ro",
	"ext3":  "errors=remount-ro",
	"ext2":  "errors=remount-ro",
}

// Partitions that hold no files of people: what starts a machine, in both tables.
var forMachines = []string{"c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "0xef", "21686148-6449-6e6f-744e-656564454649"}

// systems are of another appliance's disk: nobody keeps anything there.
const (
	systems   = "squashfs"
	itsRecord = "4b1d2f0a-6f0e-5d53-9b55-7e8f5d1c0a05" // every image's (images/build)
)

// Judge says what is to be done with a device. own are the disks of the system
// itself, taken the folders below Media that are in use.
func Judge(d Device, own, taken []string) Plan {
	if !d.USB || slices.Contains(own, d.Disk) || d.Part > lastPart || d.Part == 0 && d.Parts > 0 || slices.Contains(forMachines, strings.ToLower(d.PartType)) {
		return Plan{}
	}
	p := Plan{Name: nameOf(d)}
	switch _, known := options[d.Type]; {
	case d.Usage == "crypto":
		p.Trouble = place.Sealed
	case d.Usage != "filesystem" || d.Type == systems || d.UUID == itsRecord:
		return Plan{}
	case d.Type == "ntfs":
		p.Trouble = place.NTFS
	case !known:
		p.Trouble = place.Foreign
	case len(taken) >= most:
		p.Trouble = place.TooMany
	default:
		p.Mount, p.Folder = true, folderOf(p.Name, d.UUID, taken)
	}
	return p
}

// longest is how many letters of a name are used.
const longest = 32

// nameOf is what a disk is called by its owner, or who made it: in letters that
// are safe to show.
func nameOf(d Device) string {
	for _, text := range []string{d.Label, d.Maker, "USB"} {
		name := strings.Map(func(r rune) rune {
			if r == unicode.ReplacementChar || !unicode.IsPrint(r) || unicode.Is(unicode.Bidi_Control, r) {
				return -1
			}
			return r
		}, text)
		if runes := []rune(name); len(runes) > longest {
			name = string(runes[:longest])
		}
		if name = strings.TrimSpace(name); name != "" {
			return name
		}
	}
	return ""
}

// folderOf is the same for a disk whenever it is plugged in, and another one for
// another disk of that name. Only letters that nothing minds, and no dot in front.
func folderOf(name, uuid string, taken []string) string {
	plain := func(text string) string {
		return strings.Trim(strings.Map(func(r rune) rune {
			if r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
				return r
			}
			return '-'
		}, text), "-")
	}
	folder := plain(name)
	if folder == "" {
		folder = "USB"
	}
	if id := strings.ReplaceAll(plain(uuid), "-", ""); id != "" {
		folder += "-" + id[:min(len(id), 8)]
	}
	free := folder
	for n := 2; slices.Contains(taken, free); n++ { // copies of one disk
		free = fmt.Sprintf("%s-%d", folder, n)
	}
	return free
}

// where is the folder of a plan.
func (p Plan) where() string { return filepath.Join(Media, p.Folder) }
