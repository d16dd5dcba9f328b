package page

import (
	"slices"
	"strings"

	"hotline/triage"
	"hotline/triage/desk"
)

// NoticesPage is where short messages are written for everybody at work.
type NoticesPage struct {
	Frame
	List     []triage.Notice
	Profiles []triage.Profile
	AtWork   []desk.FloorAgent
	Scope    triage.Scope // to whom this person gives notices
	Teams    []triage.Team
	Me       string

	// What was typed, shown again when something was wrong.
	Text, Profile, Minutes string
	Urgent                 bool
	Trouble, Done          string
}

// NoticesDone are the words that say what was done.
func NoticesDone() []string { return []string{"given", "down"} }

// NoticeMinutes are how long a notice can stay.
func NoticeMinutes() []string { return []string{"15", "60", "240", "720"} }

// seen says how many of those at work have read it.
func (p NoticesPage) seen(one triage.Notice) string {
	n := 0
	for _, a := range p.AtWork {
		if _, has := one.Seen[a.ID]; has {
			n++
		}
	}
	return p.F("notices.seen", "n", itoa(n), "all", itoa(len(p.AtWork)))
}

// MayTakeDown reports whether a supervisor may take a notice down: one of teams
// those that the own teams alone read, and what the person has given.
func MayTakeDown(one triage.Notice, scope triage.Scope, me string) bool {
	return !scope.Limited() || one.By == me || len(one.Teams) > 0 && !slices.ContainsFunc(one.Teams, func(id string) bool { return !slices.Contains(scope.Teams(), id) })
}

func (p NoticesPage) forWhom(one triage.Notice) string {
	if len(one.Teams) > 0 {
		var names []string
		for _, team := range p.Teams {
			if slices.Contains(one.Teams, team.ID) {
				names = append(names, team.Name)
			}
		}
		return p.F("notices.teams", "teams", strings.Join(names, ", "))
	}
	for _, profile := range p.Profiles {
		if profile.ID == one.Profile {
			return p.profile(profile)
		}
	}
	return p.T("notices.everybody")
}
