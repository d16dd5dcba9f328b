package ui

import (
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"hotline/appliance/events"
	tables "hotline/appliance/table"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/triage/erlang"
	"hotline/triage/reports"
	"hotline/ui/page"
	"hotline/volunteers/roster"
)

// longestPage is the time that one page covers at most.
const longestPage = 366

// reportTime is the days that were asked for, today when none were. trouble is
// a text when they cannot be.
func reportTime(r *http.Request, now time.Time) (from, to time.Time, trouble string) {
	today := now.Local().Format(time.DateOnly)
	day := func(name string) (time.Time, bool) {
		text := r.URL.Query().Get(name)
		if text == "" {
			text = today
		}
		at, err := time.ParseInLocation(time.DateOnly, text, time.Local)
		return at, err == nil
	}
	from, okFrom := day("from")
	last, okLast := day("until")
	if !okFrom || !okLast || last.Before(from) || last.After(from.AddDate(0, 0, longestPage)) {
		from, _ = time.ParseInLocation(time.DateOnly, today, time.Local)
		return from, from.AddDate(0, 0, 1), "reports.wrong"
	}
	return from, last.AddDate(0, 0, 1), ""
}

func (s *Server) reports(w http.ResponseWriter, r *http.Request, v visit) {
	now := time.Now()
	from, to, trouble := reportTime(r, now)
	report, err := s.cfg.Reports.Report(r.Context(), from, to, now)
	if err != nil {
		s.broken(w, r, v, "counting the figures", err)
		return
	}
	f := s.frame(r, v, "reports.title")
	p := page.ReportsPage{Frame: f, Report: report, Terms: reports.Agreed(), Names: s.names(report),
		From: from.Format(time.DateOnly), Until: to.AddDate(0, 0, -1).Format(time.DateOnly)}
	status := http.StatusOK
	if trouble != "" {
		p.Trouble, status = f.T(trouble), http.StatusUnprocessableEntity
	}
	view, err := s.cfg.Desk.FloorView(now)
	if err != nil {
		s.broken(w, r, v, "looking at the floor", err)
		return
	}
	gauge, err := s.cfg.Reports.Gauge(r.Context(), now, speakers(view))
	switch {
	case err == nil:
		p.Gauge = &gauge
	case !errors.Is(err, reports.ErrCounting):
		s.broken(w, r, v, "computing who is missing", err)
		return
	}
	s.show(w, r, status, page.Reports(p))
}

// names of the agents in a report; somebody whose account is gone keeps the id.
func (s *Server) names(report reports.Report) map[string]string {
	out := map[string]string{}
	for _, row := range report.Agents {
		if account, err := s.cfg.Accounts.Get(row.ID); err == nil {
			out[row.ID] = account.Name
		}
	}
	return out
}

// speakers are those at work by what they speak.
func speakers(view desk.FloorView) []erlang.Speakers {
	groups := map[string]*erlang.Speakers{}
	var order []string
	for _, a := range view.Agents {
		switch a.State {
		case triage.Ready, triage.Offered, triage.OnCall, triage.WrapUp:
		default:
			continue
		}
		languages := slices.Sorted(slices.Values(a.Languages))
		if len(languages) == 0 {
			languages = []string{reports.AllLanguages}
		}
		key := strings.Join(languages, "+")
		if groups[key] == nil {
			groups[key] = &erlang.Speakers{Languages: languages}
			order = append(order, key)
		}
		groups[key].Agents++
	}
	slices.Sort(order)
	var out []erlang.Speakers
	for _, key := range order {
		out = append(out, *groups[key])
	}
	return out
}

// reportFile sends one table of a report. That it left the box is written down
// first.
func (s *Server) reportFile(w http.ResponseWriter, r *http.Request, v visit) {
	set, format, _ := strings.Cut(r.PathValue("table"), ".")
	if !slices.Contains(page.ReportSets(), set) || format != "xlsx" && format != "csv" {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	now := time.Now()
	from, to, trouble := reportTime(r, now)
	if trouble != "" {
		s.reports(w, r, v) // says it on the page
		return
	}
	report, err := s.cfg.Reports.Report(r.Context(), from, to, now)
	if err != nil {
		s.broken(w, r, v, "counting the figures", err)
		return
	}
	f := s.frame(r, v, "reports.title")
	name := map[string]func(string) string{"queues": f.Line, "languages": f.Spoken, "agents": func(id string) string { return s.names(report)[id] }}[set]
	content, _ := report.Table(set, reports.Agreed(), name)
	if err := s.cfg.Journal.Note(r.Context(), events.Event{Kind: "report.carried_away", Operation: s.cfg.Operation, By: v.account.ID, Via: "web",
		Data: map[string]string{"name": v.account.Name, "set": set, "format": format, "from": from.Format(time.DateOnly), "until": to.AddDate(0, 0, -1).Format(time.DateOnly)}}); err != nil {
		s.broken(w, r, v, "noting a download", err)
		return
	}
	kind, write := "text/csv; charset=utf-8", func() error { return tables.WriteCSV(w, content) }
	if format == "xlsx" {
		kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
		write = func() error { return tables.WriteXLSX(w, content, nil) }
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "report-" + set + "-" + from.Format(time.DateOnly) + "." + format}))
	if err := write(); err != nil {
		s.cfg.Log.Error("a report broke off; the file that was being downloaded is not complete", "set", set, "error", err)
		panic(http.ErrAbortHandler) // the browser must see that the file is broken
	}
}

// For programs.

type figuresJSON struct {
	reports.Figures
	ServiceLevel  *float64 `json:"service_level"`
	Abandonment   *float64 `json:"abandonment_rate"`
	ASA           *float64 `json:"asa_s"`
	AbandonTime   *float64 `json:"abandon_time_s"`
	AHT           *float64 `json:"aht_s"`
	Occupancy     *float64 `json:"occupancy"`
	Reach         *float64 `json:"reach_rate"`
	Containment   *float64 `json:"containment"`
	ShortAbandons int      `json:"short_abandons"`
}

func figuresOf(f reports.Figures) figuresJSON {
	rate := func(v float64, known bool) *float64 {
		if !known {
			return nil
		}
		return &v
	}
	span := func(d time.Duration, known bool) *float64 { return rate(d.Seconds(), known) }
	terms := reports.Agreed()
	return figuresJSON{Figures: f, ServiceLevel: rate(f.ServiceLevel(terms)), Abandonment: rate(f.Abandonment()), ASA: span(f.ASA()), AbandonTime: span(f.AbandonTime()),
		AHT: span(f.AHT()), Occupancy: rate(f.Occupancy()), Reach: rate(f.Reach()), Containment: rate(f.Containment()), ShortAbandons: f.ShortAbandons(terms)}
}

type rowJSON struct {
	ID string `json:"id"`
	figuresJSON
}

type periodJSON struct {
	Begin time.Time `json:"begin"`
	figuresJSON
}

func (s *Server) apiReports(w http.ResponseWriter, r *http.Request, _ roster.Token) {
	now := time.Now()
	from, to, trouble := reportTime(r, now)
	if trouble != "" {
		apiProblem(w, http.StatusUnprocessableEntity, "from and until are days like 2026-11-26, until not before from, and at most a year")
		return
	}
	report, err := s.cfg.Reports.Report(r.Context(), from, to, now)
	if err != nil {
		s.cfg.Log.Error("the figures could not be counted", "error", err)
		apiProblem(w, http.StatusInternalServerError, "the figures could not be counted; try again")
		return
	}
	rows := func(list []reports.Row) []rowJSON {
		out := []rowJSON{}
		for _, one := range list {
			out = append(out, rowJSON{one.ID, figuresOf(one.Figures)})
		}
		return out
	}
	periods := func(list []reports.Period) []periodJSON {
		out := []periodJSON{}
		for _, one := range list {
			out = append(out, periodJSON{one.Begin, figuresOf(one.Figures)})
		}
		return out
	}
	terms := reports.Agreed()
	apiAnswer(w, http.StatusOK, map[string]any{"from": report.From, "to": report.To, "now": report.Now, "answer_within_s": int(terms.Within.Seconds()), "short_abandon_s": int(terms.Short.Seconds()),
		"total": figuresOf(report.Total), "queues": rows(report.Queues), "languages": rows(report.Languages), "agents": rows(report.Agents),
		"days": periods(report.Days), "hours": periods(report.Hours)})
}

func (s *Server) apiStaffing(w http.ResponseWriter, r *http.Request, _ roster.Token) {
	now := time.Now()
	view, err := s.cfg.Desk.FloorView(now)
	var g reports.Gauge
	if err == nil {
		g, err = s.cfg.Reports.Gauge(r.Context(), now, speakers(view))
	}
	if errors.Is(err, reports.ErrCounting) {
		w.Header().Set("Retry-After", "10")
		apiProblem(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	if err != nil {
		s.cfg.Log.Error("who is missing could not be computed", "error", err)
		apiProblem(w, http.StatusInternalServerError, "who is missing could not be computed; try again")
		return
	}
	more := map[string]int{}
	for language, n := range g.More {
		more[language] = n
	}
	apiAnswer(w, http.StatusOK, map[string]any{"wait_within_s": int(g.Target.Within.Seconds()), "share": g.Target.Share, "calls_per_hour": g.PerHour,
		"handle_s": g.Handle.Seconds(), "agents": g.Agents, "more": more})
}
