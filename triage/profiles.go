package triage

import "time"

// Queues that ship with the hotline.
const (
	QueueHelp       = "help"
	QueueVolunteers = "volunteers"
)

// ShippedProfiles are the routing profiles that ship with the hotline. People
// who need help come first for everybody; those who serve the volunteers' line
// join in when a caller in need has waited long enough.
func ShippedProfiles() []Profile {
	return []Profile{
		{ID: "all", Name: "All lines", Lines: []Line{{Queue: QueueHelp, Priority: 1}, {Queue: QueueVolunteers, Priority: 2}}},
		{ID: "help", Name: "Help first", Lines: []Line{{Queue: QueueHelp, Priority: 1}, {Queue: QueueVolunteers, Priority: 2, Delay: 60 * time.Second}}},
		{ID: "volunteers", Name: "Volunteers first", Lines: []Line{{Queue: QueueVolunteers, Priority: 2}, {Queue: QueueHelp, Priority: 1, Delay: 30 * time.Second}}},
	}
}
