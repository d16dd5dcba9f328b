package page

import (
	"strconv"

	"hotline/appliance/place"
)

// PlaceForm is what was typed about a place beside the box.
type PlaceForm struct {
	Kind, Folder, Server, User, There string
	HostKey, Fingerprint              string // of a server that is new
}

// diskKind is how a form says that a disk was chosen.
func diskKind(kind string, d place.Disk) string { return kind + ":" + d.Path }

// writable reports that something can be kept on a disk.
func writable(d place.Disk) bool { return d.Path != "" && d.Trouble == "" && !d.ReadOnly }

// whyNot is the text that says why nothing can be kept on a disk, "" where it can.
func whyNot(d place.Disk) string {
	switch {
	case d.Trouble != "":
		return "disk.trouble." + d.Trouble
	case d.ReadOnly:
		return "disk.trouble.fixed"
	}
	return ""
}

// roomOn is how large a disk is and how much of it is free, as it stands on disks.
func (f Frame) roomOn(d place.Disk) string {
	return f.F("disk.room", "size", bytesIn(d.Size), "free", bytesIn(d.Free))
}

// bytesIn counts bytes in thousands, as those who sell disks do.
func bytesIn(n uint64) string {
	if n < 1e9 {
		return strconv.FormatUint(n/1e6, 10) + " MB"
	}
	return strconv.FormatUint(n/1e9, 10) + " GB"
}
