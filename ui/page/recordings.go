package page

import (
	"time"

	"hotline/triage"
)

// RecordingsPage lists the newest recordings, or those of one contact.
type RecordingsPage struct {
	Frame
	List     []triage.Recording
	Contact  string // only of this one
	Keep     bool   // this person may download and delete
	KeepDays int
	More     bool
	Trouble  string
	Done     string
}

// until is when a recording is deleted by itself.
func (p RecordingsPage) until(rec triage.Recording) string {
	return rec.Begun.AddDate(0, 0, p.KeepDays).Local().Format(time.DateOnly)
}

// length of a recording, in words.
func (f Frame) length(seconds int) string { return f.Long(time.Duration(seconds) * time.Second) }

// RecordingRulesPage is where an administrator says what is recorded.
type RecordingRulesPage struct {
	Frame
	Off     bool
	Queues  []string
	Form    RecordingForm
	Trouble string
	Done    string
}

// RecordingForm is what was typed.
type RecordingForm struct {
	Purpose, KeepDays string
	Queues            map[string]triage.RecordingPolicy
}

// policy of a line, as the form shows it.
func (form RecordingForm) policy(queue string) triage.RecordingPolicy {
	if p := form.Queues[queue]; p != "" {
		return p
	}
	return triage.RecordNever
}
