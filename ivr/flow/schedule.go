package flow

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a box may come without the time zones of the world
)

// Schedule says when something is open. Without week hours it is always open.
type Schedule struct {
	Name  string
	Zone  *time.Location // nil: that of the box
	Week  [7][]Hours     // by time.Weekday
	Dates []Day          // the first that fits counts, before the week
	week  bool           // week hours were given
	pos   Pos
}

// Hours is a stretch of one day, in minutes from midnight; To may be 24*60.
type Hours struct{ From, To int }

// Day is a date, or several in a row, with hours of its own.
type Day struct {
	From, To string // 2026-12-25, or 12-25 of every year
	Hours    []Hours
	Say      []Part // heard when closed on that day
	pos      Pos
}

// ScheduleState is what a schedule says about a moment.
type ScheduleState string

// The states of a schedule.
const (
	Open    ScheduleState = "open"
	Closed  ScheduleState = "closed"
	Holiday ScheduleState = "holiday" // closed because of a date
)

// At says whether it is open at now. Of a holiday it also returns the day.
func (s *Schedule) At(now time.Time) (ScheduleState, *Day) {
	now = s.local(now)
	minute := now.Hour()*60 + now.Minute()
	if d := s.day(now); d != nil {
		if within(d.Hours, minute) {
			return Open, nil
		}
		return Holiday, d
	}
	if !s.week || within(s.Week[now.Weekday()], minute) {
		return Open, nil
	}
	return Closed, nil
}

// Opens is when it next opens after now, within two weeks; zero when it is
// not known.
func (s *Schedule) Opens(now time.Time) time.Time {
	local := s.local(now)
	for ahead := range 15 {
		day := time.Date(local.Year(), local.Month(), local.Day()+ahead, 0, 0, 0, 0, local.Location())
		hours := s.Week[day.Weekday()]
		if !s.week {
			hours = []Hours{{0, 24 * 60}}
		}
		if d := s.day(day); d != nil {
			hours = d.Hours
		}
		hours = slices.Clone(hours)
		slices.SortFunc(hours, func(a, b Hours) int { return a.From - b.From })
		for _, h := range hours {
			at := time.Date(day.Year(), day.Month(), day.Day(), h.From/60, h.From%60, 0, 0, local.Location())
			if at.After(local) {
				return at
			}
		}
	}
	return time.Time{}
}

func (s *Schedule) local(now time.Time) time.Time {
	if s.Zone == nil {
		return now.Local()
	}
	return now.In(s.Zone)
}

func (s *Schedule) day(now time.Time) *Day {
	date := now.Format(time.DateOnly)
	for i := range s.Dates {
		d := &s.Dates[i]
		at := date
		if len(d.From) == len("12-25") {
			at = date[len("2026-"):]
		}
		// Every year: from December into January the end comes first.
		inside := d.From <= at && at <= d.To
		if d.From > d.To {
			inside = at >= d.From || at <= d.To
		}
		if inside {
			return d
		}
	}
	return nil
}

func within(hours []Hours, minute int) bool {
	return slices.ContainsFunc(hours, func(h Hours) bool { return h.From <= minute && minute < h.To })
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// parseWeekdays reads mon, mon-fri or sat,sun.
func parseWeekdays(text string) ([]time.Weekday, error) {
	var days []time.Weekday
	for _, part := range strings.Split(text, ",") {
		first, last, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			last = first
		}
		a, b := slices.Index(weekdays, first), slices.Index(weekdays, last)
		if a < 0 || b < 0 {
			return nil, fmt.Errorf("%q are no days: write mon, tue, wed, thu, fri, sat or sun, mon-fri or sat,sun", text)
		}
		for d := a; ; d = (d + 1) % 7 {
			days = append(days, time.Weekday(d))
			if d == b {
				break
			}
		}
	}
	return days, nil
}

// parseHours reads 08:00-22:00 or closed.
func parseHours(text string) (Hours, error) {
	from, to, ok := strings.Cut(text, "-")
	a, errA := minuteOf(from)
	b, errB := minuteOf(to)
	if !ok || errA != nil || errB != nil || a >= b {
		return Hours{}, fmt.Errorf("%q are no hours: write them as 08:00-22:00; what goes past midnight is two stretches, to 24:00 and from 00:00 of the next day", text)
	}
	return Hours{a, b}, nil
}

func minuteOf(text string) (int, error) {
	text = strings.TrimSpace(text)
	if text == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", text)
	return t.Hour()*60 + t.Minute(), err
}

// parseDate accepts 2026-12-25 and 12-25.
func parseDate(text string) error {
	_, err := time.Parse(time.DateOnly, text)
	if err != nil {
		_, err = time.Parse(time.DateOnly, "2028-"+text) // a leap year
	}
	if err != nil {
		return fmt.Errorf("%q is no date: write 2026-12-25, or 12-25 for every year", text)
	}
	return nil
}
