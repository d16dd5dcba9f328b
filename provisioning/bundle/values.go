package bundle

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hotline/triage"
)

// Span is a time as people write it: 30s, 2m, 1h30m.
type Span time.Duration

// MarshalYAML writes it.
func (s Span) MarshalYAML() (any, error) { return s.String(), nil }

func (s Span) String() string {
	text := time.Duration(s).String()
	if cut, ok := strings.CutSuffix(text, "m0s"); ok {
		text = cut + "m"
	}
	if cut, ok := strings.CutSuffix(text, "h0m"); ok {
		text = cut + "h"
	}
	return text
}

// UnmarshalYAML reads it.
func (s *Span) UnmarshalYAML(read func(any) error) error {
	var text string
	if err := read(&text); err != nil {
		return err
	}
	d, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		return fmt.Errorf("%q is no time: write it like 30s, 2m or 1h30m", text)
	}
	*s = Span(d)
	return nil
}

// always is how a bundle writes that a line never closes.
const always = "always"

// Hours is when a line takes new callers: "always", the same hours every day
// ("08:00-20:00"), or a week with dates that are different.
type Hours struct {
	from, until int // every day, where table is nil; equal: always
	table       *triage.Timetable
}

type week struct {
	Monday    string `yaml:"monday"`
	Tuesday   string `yaml:"tuesday"`
	Wednesday string `yaml:"wednesday"`
	Thursday  string `yaml:"thursday"`
	Friday    string `yaml:"friday"`
	Saturday  string `yaml:"saturday"`
	Sunday    string `yaml:"sunday"`
	Dates     []date `yaml:"dates,omitempty"`
	Held      string `yaml:"held,omitempty"` // open or closed until somebody decides otherwise
}

type date struct {
	From  string `yaml:"from"`
	To    string `yaml:"to"`
	Hours string `yaml:"hours"`
	Name  string `yaml:"name,omitempty"`
}

// days are the days in the order of time.Weekday.
func (w *week) days() [7]*string {
	return [7]*string{&w.Sunday, &w.Monday, &w.Tuesday, &w.Wednesday, &w.Thursday, &w.Friday, &w.Saturday}
}

// MarshalYAML writes the shortest of the three forms.
func (h Hours) MarshalYAML() (any, error) {
	if h.table == nil {
		if h.from == h.until {
			return always, nil
		}
		return clock(h.from) + "-" + clock(h.until), nil
	}
	var w week
	for day, to := range w.days() {
		*to = spoken(h.table.Week[day])
	}
	for _, d := range h.table.Dates {
		w.Dates = append(w.Dates, date{d.From, d.To, spoken(d.Hours), d.Name})
	}
	w.Held = h.table.Held
	return w, nil
}

// UnmarshalYAML reads any of the three forms. A day that is not named is closed.
func (h *Hours) UnmarshalYAML(read func(any) error) error {
	var text string
	if err := read(&text); err == nil {
		if text == always {
			*h = Hours{}
			return nil
		}
		one, err := stretch(text)
		*h = Hours{from: one.From, until: one.Until % triage.Midnight}
		return err
	}
	var w week
	if err := read(&w); err != nil {
		return err
	}
	var t triage.Timetable
	var err, wrong error
	for day, said := range w.days() {
		t.Week[day], err = stretches(*said)
		wrong = errors.Join(wrong, err)
	}
	for _, d := range w.Dates {
		hours, err := stretches(d.Hours)
		wrong = errors.Join(wrong, err)
		to := d.To
		if to == "" {
			to = d.From
		}
		t.Dates = append(t.Dates, triage.Exception{From: d.From, To: to, Hours: hours, Name: d.Name})
	}
	t.Held = w.Held
	*h = Hours{table: &t}
	return wrong
}

const closed = "closed"

func spoken(all []triage.Stretch) string {
	var out []string
	for _, s := range all {
		out = append(out, clock(s.From)+"-"+clock(s.Until))
	}
	if len(out) == 0 {
		return closed
	}
	return strings.Join(out, ", ")
}

func clock(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }

func stretches(text string) (all []triage.Stretch, err error) {
	if text == closed || text == "" {
		return nil, nil
	}
	for one := range strings.SplitSeq(text, ",") {
		s, err := stretch(strings.TrimSpace(one))
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func stretch(text string) (s triage.Stretch, err error) {
	from, until, ok := strings.Cut(text, "-")
	if ok {
		s.From, ok = minute(from)
	}
	if ok {
		s.Until, ok = minute(until)
	}
	if !ok {
		return s, fmt.Errorf("%q are no hours: write them like 08:00-20:00, or closed", text)
	}
	return s, nil
}

// minute is a time of the day as its minute; 24:00 is the end of the day.
func minute(text string) (int, bool) {
	text = strings.TrimSpace(text)
	if text == "24:00" {
		return triage.Midnight, true
	}
	at, err := time.Parse("15:04", text)
	return at.Hour()*60 + at.Minute(), err == nil
}

func contains(list []string, name string) bool { return slices.Contains(list, name) }
