package triage

import (
	"slices"
	"time"
)

// Timetable says when a line takes new callers: hours for every day of the week,
// other ones for single dates, and over both what somebody has decided for now
// (C13). It is replaced, and never changed.
type Timetable struct {
	Week  [7][]Stretch `json:"week"` // by time.Weekday; a day without hours is closed
	Dates []Exception  `json:"dates,omitempty"`
	Held  string       `json:"held,omitempty"` // HeldOpen, HeldClosed; "" goes by week and dates
}

// What somebody can decide for as long as nobody decides otherwise.
const (
	HeldOpen   = "open"
	HeldClosed = "closed"
)

// Stretch is hours of one day, in minutes from midnight; Until may be the
// midnight after it.
type Stretch struct {
	From  int `json:"from"`
	Until int `json:"until"`
}

// Midnight ends a day.
const Midnight = 24 * 60

// Exception is a date, or several in a row, with hours of its own; without any
// the line is closed then.
type Exception struct {
	From  string    `json:"from"` // 2026-12-25
	To    string    `json:"to"`
	Hours []Stretch `json:"hours,omitempty"`
	Name  string    `json:"name,omitempty"`
}

// Open reports whether the line takes new callers at a moment, in the time zone
// of that.
func (t Timetable) Open(now time.Time) bool {
	switch t.Held {
	case HeldOpen:
		return true
	case HeldClosed:
		return false
	}
	minute := now.Hour()*60 + now.Minute()
	return slices.ContainsFunc(t.day(now), func(s Stretch) bool { return s.From <= minute && minute < s.Until })
}

// Day is the exception of a date, nil where the week holds.
func (t Timetable) Day(now time.Time) *Exception {
	date := now.Format(time.DateOnly)
	for i := range t.Dates {
		if d := &t.Dates[i]; d.From <= date && date <= d.To {
			return d
		}
	}
	return nil
}

func (t Timetable) day(now time.Time) []Stretch {
	if d := t.Day(now); d != nil {
		return d.Hours
	}
	return t.Week[now.Weekday()]
}

// lookAhead is how far Next looks: over a holiday of some weeks.
const lookAhead = 60

// Next is when the line opens or closes next; the zero time when it stays as it
// is for as far as anybody looks.
func (t Timetable) Next(now time.Time) time.Time {
	if t.Held != "" {
		return time.Time{}
	}
	open := t.Open(now)
	for ahead := range lookAhead {
		day := time.Date(now.Year(), now.Month(), now.Day()+ahead, 0, 0, 0, 0, now.Location())
		minutes := []int{0}
		for _, s := range t.day(day) {
			minutes = append(minutes, s.From, s.Until)
		}
		slices.Sort(minutes)
		for _, minute := range minutes {
			at := time.Date(day.Year(), day.Month(), day.Day(), minute/60, minute%60, 0, 0, day.Location())
			if at.After(now) && t.Open(at) != open {
				return at
			}
		}
	}
	return time.Time{}
}

// Timetable is when the queue takes new callers: its own, or the daily hours of
// a queue that has none.
func (q Queue) Timetable() Timetable {
	if q.Hours != nil {
		return *q.Hours
	}
	daily := []Stretch{{0, Midnight}}
	switch {
	case q.From < q.Until:
		daily = []Stretch{{q.From, q.Until}}
	case q.From > q.Until:
		daily = []Stretch{{0, q.Until}, {q.From, Midnight}}
	}
	var t Timetable
	for i := range t.Week {
		t.Week[i] = daily
	}
	return t
}

// Open reports whether the queue takes new callers at this time.
func (q Queue) Open(now time.Time) bool { return q.Timetable().Open(now) }

// Bounds of a timetable.
const (
	mostStretches  = 4 // a day
	mostExceptions = 100
)

// check refuses what nobody can have meant.
func (t Timetable) check(refuse func(string, ...any) error) error {
	stretches := func(all []Stretch) error {
		if len(all) > mostStretches {
			return refuse("A line opens %d times a day at most.", mostStretches)
		}
		for i, s := range all {
			if s.From < 0 || s.Until > Midnight || s.From >= s.Until {
				return refuse("Every time of opening needs a later time of closing on the same day.")
			}
			if i > 0 && s.From < all[i-1].Until {
				return refuse("The line opens again before it has closed: look at the hours of that day.")
			}
		}
		return nil
	}
	for _, day := range t.Week {
		if err := stretches(day); err != nil {
			return err
		}
	}
	if len(t.Dates) > mostExceptions {
		return refuse("There can be %d dates with hours of their own at most.", mostExceptions)
	}
	for _, d := range t.Dates {
		_, errFrom := time.Parse(time.DateOnly, d.From)
		_, errTo := time.Parse(time.DateOnly, d.To)
		if errFrom != nil || errTo != nil || d.To < d.From {
			return refuse("Give the date, and a last day that is not before it.")
		}
		if err := stretches(d.Hours); err != nil {
			return err
		}
	}
	if t.Held != "" && t.Held != HeldOpen && t.Held != HeldClosed {
		return refuse("There is no such line.")
	}
	return nil
}
