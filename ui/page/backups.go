package page

import (
	"slices"

	"hotline/appliance/backup"
	"hotline/appliance/place"
)

// BackupsPage is where the second copy of everything goes.
type BackupsPage struct {
	Frame
	State   backup.State
	Disks   []place.Disk // that are plugged in
	Removes bool         // they can be let go here
	Form    PlaceForm
	Trouble string
	Done    string
}

// kind is what the form shows as chosen.
func (p BackupsPage) kind() string {
	switch {
	case p.Form.Kind != "":
		return p.Form.Kind
	case p.State.Server != "":
		return "server"
	case slices.ContainsFunc(p.Disks, func(d place.Disk) bool { return d.Path == p.State.Place && d.Path != "" }):
		return "disk:" + p.State.Place
	case p.State.Place != "":
		return "folder"
	}
	return "here"
}

// RecoveryKeyPage is a recovery key, shown once.
type RecoveryKeyPage struct {
	Frame
	Key   string
	State backup.State
}

// grouped breaks a key into groups that can be typed from paper.
func grouped(key string) []string {
	var groups []string
	for len(key) > 0 {
		n := min(len(key), 6)
		groups, key = append(groups, key[:n]), key[n:]
	}
	return groups
}
