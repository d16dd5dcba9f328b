package page

import "hotline/appliance/backup"

// BackupsPage is where the second copy of everything goes.
type BackupsPage struct {
	Frame
	State   backup.State
	Disks   []string // that are plugged in
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
