package page

import (
	"slices"

	"hotline/volunteers"
)

// ForSeveral is the same thing done for several registered volunteers: what was
// asked for, and what came of it.
type ForSeveral struct {
	Whom    []string // who is ticked
	All     bool     // all whom the filter finds
	Step    string
	Why     string
	Trouble string // why nothing was done
	Moved   int
	Left    []LeftAsIs
	Most    int  // people at once
	Calls   bool // a list to call them can be made
}

// LeftAsIs is somebody for whom it was not possible.
type LeftAsIs struct {
	Person volunteers.Registrant
	Why    string
}

func (s ForSeveral) ticked(id string) bool { return slices.Contains(s.Whom, id) }

// all reports that everybody whom the filter finds can be taken at once.
func (p RecordsPage) all() bool {
	return !p.Filter.Empty() && !p.Building && p.Count > 0 && p.Count <= p.Several.Most
}
