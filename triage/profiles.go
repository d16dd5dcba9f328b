package triage

import "time"

// Queues that ship with the hotline.
const (
	QueueHelp       = "help"       // people who need help
	QueueFamily     = "family"     // who look for somebody
	QueuePrivate    = "private"    // what is told to trained people alone
	QueueVolunteers = "volunteers" // people who want to help
)

// ShippedProfiles are the routing profiles that ship with the hotline. Danger
// comes first for everybody, then people who need help; those who serve the
// volunteers' line join in when a caller in need has waited long enough. The
// private line rings at those alone who were trained for it.
func ShippedProfiles() []Profile {
	life, help := Line{Queue: QueueLife, Priority: 1}, Line{Queue: QueueHelp, Priority: 2}
	family, volunteers := Line{Queue: QueueFamily, Priority: 3}, Line{Queue: QueueVolunteers, Priority: 4}
	later := func(l Line, delay time.Duration) Line { l.Delay = delay; return l }
	return []Profile{
		{ID: "all", Name: "All lines", Lines: []Line{life, help, family, volunteers}},
		{ID: "help", Name: "Help first", Lines: []Line{life, help, family, later(volunteers, 60*time.Second)}},
		{ID: "volunteers", Name: "Volunteers first", Lines: []Line{life, volunteers, later(help, 30*time.Second), later(family, 30*time.Second)}},
		// Nobody else can take private calls, so they come before help, however urgent.
		{ID: "private", Name: "Trained for private calls", Lines: []Line{life, {Queue: QueuePrivate, Priority: 2},
			{Queue: QueueHelp, Priority: 3, Delay: 30 * time.Second}, {Queue: QueueFamily, Priority: 4, Delay: 30 * time.Second}}},
	}
}
