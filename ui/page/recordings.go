package page

import (
	"fmt"
	"strings"
	"time"

	"hotline/triage"
)

// RecordingsPage lists the newest recordings, or those of one contact.
type RecordingsPage struct {
	Frame
	List     []triage.Recording
	Contact  string // only of this one
	Scope    triage.Scope
	Keep     bool // this person may download and delete
	KeepDays int
	More     bool
	Trouble  string
	Done     string
}

// until is when a recording is deleted by itself.
func (p RecordingsPage) until(rec triage.Recording) string { return keptUntil(rec, p.KeepDays) }

func keptUntil(rec triage.Recording, days int) string {
	return rec.Begun.AddDate(0, 0, days).Local().Format(time.DateOnly)
}

// RecordingPage is one recording, drawn.
type RecordingPage struct {
	Frame
	Rec           triage.Recording
	Caller, Agent []byte // how loud, piece by piece
	Keep          bool   // this person may look at the call
	KeepDays      int
}

// WavePieces is how many pieces a recording is drawn with.
const WavePieces = 360

const (
	waveWidth = 2  // of a piece, in units of the drawing
	waveTall  = 60 // of one side
)

// wave is the outline of one side: the caller above the middle, those who work
// here below it.
func wave(peaks []byte, down bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M0 %d", waveTall)
	for i, peak := range peaks {
		y := int(peak) * (waveTall - 2) / 255
		if !down {
			y = -y
		}
		fmt.Fprintf(&b, "L%d %dH%d", i*waveWidth, waveTall+y, (i+1)*waveWidth)
	}
	fmt.Fprintf(&b, "V%dZ", waveTall)
	return b.String()
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
