package page

import (
	"fmt"
	"time"

	"hotline/triage"
)

// HoursPage is when a line is open.
type HoursPage struct {
	Frame
	Lines   []string
	Line    string
	Zone    string
	Stands  triage.Timetable // in force
	Table   triage.Timetable // shown: in force, or what was typed and refused
	Heard   []ClosedWords
	Trouble string
	Done    string
}

// ClosedWords is what callers hear outside the hours.
type ClosedWords struct{ Language, Text, Path string }

// HoursStretches is how often a line can open on one day, on the page.
const HoursStretches = 2

// HoursDone are the changes of the page, and the words that say they were made.
func HoursDone() []string {
	return []string{"week", "same", "date", "undate", "open", "closed", "table", "always"}
}

// weekOrder begins with Monday.
func weekOrder() []time.Weekday {
	return []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday, time.Sunday}
}

// DayName is the name of a day of the week.
func (f Frame) DayName(day time.Weekday) string { return f.T("day." + itoa(int(day))) }

// state says in words whether the line is open, and what comes next.
func (p HoursPage) state() string {
	t, now := p.Stands, p.Now
	open := t.Open(now)
	if t.Held != "" {
		return p.T("hours.held." + t.Held)
	}
	next := t.Next(now)
	switch {
	case next.IsZero() && open:
		return p.T("hours.stays.open")
	case next.IsZero():
		return p.T("hours.stays.closed")
	case open:
		return p.F("hours.closes", "when", p.dayAndClock(next))
	}
	return p.F("hours.opens", "when", p.dayAndClock(next))
}

func (p HoursPage) dayAndClock(at time.Time) string {
	return p.F("hours.when", "day", p.DayName(at.Weekday()), "date", at.Format(time.DateOnly), "clock", at.Format("15:04"))
}

// from and until are the n-th hours of a day, as a field of time shows them.
func (p HoursPage) from(day time.Weekday, n int) string {
	if hours := p.Table.Week[day]; n < len(hours) {
		return minuteClock(hours[n].From)
	}
	return ""
}

func (p HoursPage) until(day time.Weekday, n int) string {
	if hours := p.Table.Week[day]; n < len(hours) {
		return minuteClock(hours[n].Until)
	}
	return ""
}

// minuteClock writes a minute of the day; the end of the day is 00:00.
func minuteClock(minute int) string {
	return fmt.Sprintf("%02d:%02d", minute/60%24, minute%60)
}

// dates are the days of an exception.
func dates(d triage.Exception) string {
	if d.From == d.To {
		return d.From
	}
	return d.From + " – " + d.To
}

// hours are those of an exception, in words.
func (p HoursPage) exception(d triage.Exception) string {
	if len(d.Hours) == 0 {
		return p.T("hours.closed.all")
	}
	return minuteClock(d.Hours[0].From) + " – " + minuteClock(d.Hours[0].Until)
}
