package ui

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/triage"
	"hotline/ui/page"
)

// The page on which is decided when each line is open (C13): a week as a table,
// dates with hours of their own, and what holds for now. It is a part of the
// routing, so every version is kept and can be brought back there.

// closedPrompt is what callers hear outside the hours.
const closedPrompt = "hours.closed"

func (s *Server) hours(w http.ResponseWriter, r *http.Request, v visit) {
	s.showHours(w, r, v, http.StatusOK, r.URL.Query().Get("line"), nil, "")
}

// showHours shows the hours of a line: those in force, or what was typed and
// refused.
func (s *Server) showHours(w http.ResponseWriter, r *http.Request, v visit, status int, line string, typed *triage.Timetable, trouble string) {
	lines := slices.DeleteFunc(s.queues(), func(q string) bool { return q == triage.QueueLife })
	if !slices.Contains(lines, line) {
		line = lines[0]
	}
	p := page.HoursPage{Frame: s.frame(r, v, "hours.title"), Lines: lines, Line: line, Zone: zoneWords(time.Now()), Trouble: trouble,
		Done: known(r.URL.Query().Get("done"), page.HoursDone())}
	p.Now = p.Now.Local()
	p.Stands = s.cfg.Routing.Routing().Queue(line).Timetable()
	p.Table = p.Stands
	if typed != nil {
		p.Table = *typed
	}
	if trouble != "" {
		p.Title = p.T("problem.title") + ": " + p.Title
	}
	for _, language := range s.cfg.Offered {
		if prompt, err := s.cfg.Prompts.Get(language, closedPrompt); err == nil {
			p.Heard = append(p.Heard, page.ClosedWords{Language: language, Text: prompt.Text, Path: promptPath(language, closedPrompt)})
		}
	}
	s.show(w, r, status, page.Hours(p))
}

// zoneWords name the time zone of the hotline: "America/Mexico_City, UTC-06:00".
func zoneWords(now time.Time) string {
	offset := now.Local().Format("UTC-07:00")
	if name := time.Local.String(); name != "Local" {
		return name + ", " + offset
	}
	return offset
}

func (s *Server) hoursChange(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	line, what := r.PostForm.Get("line"), known(r.PostForm.Get("do"), page.HoursDone())
	var typed *triage.Timetable
	err := s.cfg.Routing.Change(r.Context(), "hours", v.account.ID, v.account.Name, "web", func(next *triage.Routing) error {
		i := slices.IndexFunc(next.Queues, func(q triage.Queue) bool { return q.ID == line })
		if i < 0 || line == triage.QueueLife {
			return errTyped("routing.wrong.line")
		}
		q := &next.Queues[i]
		table := q.Timetable()
		table.Dates = slices.Clone(table.Dates)
		err := readHours(r.PostForm, what, &table)
		if what != "date" { // a date that is refused does not stand among those that hold
			typed = &table
		}
		if err != nil {
			return err
		}
		q.From, q.Until, q.Hours = 0, 0, &table
		return nil
	})
	f := s.frame(r, v, "hours.title")
	var wrong errTyped
	var field triage.FieldError
	switch {
	case err == nil:
		http.Redirect(w, r, "/admin/hours?"+url.Values{"line": {line}, "done": {what}}.Encode(), http.StatusSeeOther)
	case errors.As(err, &wrong):
		s.showHours(w, r, v, http.StatusUnprocessableEntity, line, typed, f.T(string(wrong)))
	case errors.As(err, &field):
		s.showHours(w, r, v, http.StatusUnprocessableEntity, line, typed, f.Said(err.Error()))
	default:
		s.broken(w, r, v, "changing the hours of a line", err)
	}
}

// readHours puts what a form says into a timetable.
func readHours(form url.Values, what string, table *triage.Timetable) error {
	switch what {
	case "open":
		table.Held = triage.HeldOpen
	case "closed":
		table.Held = triage.HeldClosed
	case "table":
		table.Held = ""
	case "always":
		always := triage.Queue{}.Timetable()
		table.Week, table.Held = always.Week, ""
	case "week", "same":
		return readWeek(form, what == "same", table)
	case "date":
		return readException(form, table)
	case "undate":
		at, err := strconv.Atoi(form.Get("at"))
		if err != nil || at < 0 || at >= len(table.Dates) || table.Dates[at].From != form.Get("from") {
			return errTyped("hours.wrong.gone") // somebody else was faster
		}
		table.Dates = slices.Delete(table.Dates, at, at+1)
	default:
		return errTyped("hours.wrong.gone")
	}
	return nil
}

// readWeek reads the table of the week; same gives the hours of Monday to all
// days.
func readWeek(form url.Values, same bool, table *triage.Timetable) error {
	var week, next [7][]triage.Stretch
	for day := range 7 {
		from := day
		if same {
			from = int(time.Monday)
		}
		for n := range page.HoursStretches {
			at := strconv.Itoa(from) + "." + strconv.Itoa(n)
			stretch, beyond, given, err := readStretch(form.Get("from."+at), form.Get("until."+at))
			if err != nil {
				return err
			}
			if given {
				week[day] = append(week[day], stretch)
			}
			if beyond.Until > 0 {
				next[(day+1)%7] = append(next[(day+1)%7], beyond)
			}
		}
	}
	for day := range week {
		table.Week[day] = joined(append(next[day], week[day]...))
	}
	return nil
}

// readStretch reads hours. What closes before it opens goes on after midnight;
// midnight as the end is the end of the day.
func readStretch(from, until string) (stretch, beyond triage.Stretch, given bool, err error) {
	from, until = strings.TrimSpace(from), strings.TrimSpace(until)
	if from == "" && until == "" {
		return stretch, beyond, false, nil
	}
	if from == "" || until == "" {
		return stretch, beyond, false, errTyped("hours.wrong.half")
	}
	if stretch.From, err = minuteOf(from); err != nil {
		return stretch, beyond, false, err
	}
	if stretch.Until, err = minuteOf(until); err != nil {
		return stretch, beyond, false, err
	}
	if stretch.Until <= stretch.From {
		beyond.Until, stretch.Until = stretch.Until, triage.Midnight
		if beyond.Until == stretch.From && stretch.From > 0 { // from 8 to 8 is nothing that anybody can mean
			return stretch, beyond, false, errTyped("hours.wrong.half")
		}
	}
	return stretch, beyond, true, nil
}

// joined puts stretches in order, and those that touch into one.
func joined(all []triage.Stretch) []triage.Stretch {
	slices.SortFunc(all, func(a, b triage.Stretch) int { return a.From - b.From })
	var out []triage.Stretch
	for _, s := range all {
		if n := len(out); n > 0 && out[n-1].Until == s.From {
			out[n-1].Until = s.Until
			continue
		}
		out = append(out, s)
	}
	return out
}

func readException(form url.Values, table *triage.Timetable) error {
	d := triage.Exception{From: strings.TrimSpace(form.Get("first")), To: strings.TrimSpace(form.Get("last")), Name: clean(form.Get("name"), 60)}
	if d.To == "" {
		d.To = d.From
	}
	stretch, beyond, given, err := readStretch(form.Get("from"), form.Get("until"))
	switch {
	case err != nil:
		return err
	case beyond.Until > 0:
		return errTyped("hours.wrong.night")
	case given:
		d.Hours = []triage.Stretch{stretch}
	}
	// The one that was said last holds: it stands first.
	table.Dates = slices.Insert(table.Dates, 0, d)
	return nil
}
