package page

import (
	"hotline/triage"
	"hotline/triage/desk"
)

// NoticesPage is where short messages are written for everybody at work.
type NoticesPage struct {
	Frame
	List     []triage.Notice
	Profiles []triage.Profile
	AtWork   []desk.FloorAgent

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

func (p NoticesPage) forWhom(one triage.Notice) string {
	for _, profile := range p.Profiles {
		if profile.ID == one.Profile {
			return p.profile(profile)
		}
	}
	return p.T("notices.everybody")
}
