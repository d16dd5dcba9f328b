package triage

import (
	"testing"
	"time"
)

// A week with a pause at noon and a night over midnight, Christmas, and the
// night in which the clocks change: open or not, and what comes next.
func TestATimetable(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	var table Timetable
	for day := time.Monday; day <= time.Friday; day++ {
		table.Week[day] = []Stretch{{8 * 60, 12 * 60}, {13 * 60, 18 * 60}}
	}
	table.Week[time.Friday] = append(table.Week[time.Friday], Stretch{22 * 60, Midnight})
	table.Week[time.Saturday] = []Stretch{{0, 6 * 60}}
	table.Dates = []Exception{{From: "2026-12-24", To: "2026-12-27", Name: "Christmas"}, {From: "2026-12-28", To: "2026-12-28", Hours: []Stretch{{10 * 60, 11 * 60}}}}
	if err := table.check(func(text string, _ ...any) error { return FieldError{Text: text} }); err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		when, err := time.ParseInLocation("2006-01-02 15:04", text, berlin)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, c := range []struct {
		now  string
		open bool
		next string
	}{
		{"2026-11-23 07:59", false, "2026-11-23 08:00"},
		{"2026-11-23 08:00", true, "2026-11-23 12:00"},
		{"2026-11-23 12:00", false, "2026-11-23 13:00"},
		{"2026-11-27 18:00", false, "2026-11-27 22:00"},
		{"2026-11-27 23:30", true, "2026-11-28 06:00"}, // midnight is no change
		{"2026-11-28 06:00", false, "2026-11-30 08:00"},
		{"2026-12-24 09:00", false, "2026-12-28 10:00"},
		{"2026-12-28 10:30", true, "2026-12-28 11:00"},
		{"2026-12-28 11:00", false, "2026-12-29 08:00"},
		{"2027-03-26 23:00", true, "2027-03-27 06:00"},
		{"2027-03-28 01:30", false, "2027-03-29 08:00"}, // an hour is missing
	} {
		now := at(c.now)
		if got := table.Open(now); got != c.open {
			t.Errorf("%s: open %v", c.now, got)
		}
		if got := table.Next(now); !got.Equal(at(c.next)) {
			t.Errorf("%s: next changes at %v, want %s", c.now, got, c.next)
		}
	}
	held := table
	if held.Held = HeldOpen; !held.Open(at("2026-12-25 03:00")) || !held.Next(at("2026-12-25 03:00")).IsZero() {
		t.Error("open until I close it is closed by the timetable")
	}
	if held.Held = HeldClosed; held.Open(at("2026-11-23 09:00")) {
		t.Error("closed until I open it is open by the timetable")
	}
	// Daily hours of an older version hold where there is no timetable.
	night := Queue{ID: QueueHelp, From: 20 * 60, Until: 6 * 60}
	for text, want := range map[string]bool{"2026-11-23 19:59": false, "2026-11-23 20:00": true, "2026-11-24 05:59": true, "2026-11-24 06:00": false} {
		if got := night.Open(at(text)); got != want {
			t.Errorf("daily hours at %s: open %v", text, got)
		}
	}
	if always := (Queue{ID: QueueHelp}); !always.Open(at("2026-12-25 03:00")) || !always.Timetable().Next(at("2026-12-25 03:00")).IsZero() {
		t.Error("a line without hours is not always open")
	}
}

// What nobody can have meant is refused in a sentence.
func TestWrongTimetables(t *testing.T) {
	refuse := func(text string, _ ...any) error { return FieldError{Text: text} }
	for name, wrong := range map[string]Timetable{
		"backwards":    {Week: [7][]Stretch{{{600, 540}}}},
		"overlapping":  {Week: [7][]Stretch{{{540, 720}, {700, 800}}}},
		"past the day": {Week: [7][]Stretch{{{540, Midnight + 1}}}},
		"no date":      {Dates: []Exception{{From: "2026-02-30", To: "2026-03-01"}}},
		"dates":        {Dates: []Exception{{From: "2026-03-02", To: "2026-03-01"}}},
		"held":         {Held: "ajar"},
	} {
		if wrong.check(refuse) == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
