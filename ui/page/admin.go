package page

import (
	"maps"
	"slices"
	"strings"

	"hotline/appliance/events"
	"hotline/triage"
	"hotline/volunteers/roster"
)

// AccountsPage lists who may sign in.
type AccountsPage struct {
	Frame
	Accounts []roster.Account
	Roles    []string
	Profiles []triage.Profile
	Teams    []triage.Team
	Form     AccountForm
	Trouble  string
	Done     string
}

// AccountForm is what was typed about an account.
type AccountForm struct {
	Login, Name, Role, Profile, Languages, Phone string
	Teams                                        []string // that a supervisor leads
	Reachable                                    bool     // may be called in when off shift
}

// AccountPage is one account.
type AccountPage struct {
	Frame
	Account  roster.Account
	Self     bool
	Roles    []string
	Profiles []triage.Profile
	Teams    []triage.Team
	Form     AccountForm
	Trouble  string
	Done     string

	TakesCalls    bool
	PhoneServer   string // where desk phones register; "" when they cannot
	PhonePassword string // of the desk phone; only right after it was made
}

// LogPage is the latest entries of the event log.
type LogPage struct {
	Frame
	Entries []Entry
	All     bool
	Proof   LogProof
}

// LogProof is what a look for changes in the log has found.
type LogProof struct {
	Done    bool
	Mistake bool   // the mark is none
	Mark    string // that was given
	Entries int
	End     string
	Wrong   string // what was changed; "" when nothing was
}

// Entry is one event and the name of the person behind it.
type Entry struct {
	events.Event
	Name string
}

// kind tells an event in words where the texts have them.
func (f Frame) kind(kind string) string { return f.Or("event."+kind, kind) }

// details are the event's own words, in a stable order.
func (e Entry) details() string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(e.Data)) {
		if value := e.Data[key]; value != "" && key != "name" {
			parts = append(parts, key+" "+value)
		}
	}
	if e.Queue != "" {
		parts = append(parts, e.Queue)
	}
	return strings.Join(parts, " · ")
}
