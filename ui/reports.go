package ui

import (
	"context"
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
	"hotline/ui/api"
	"hotline/ui/page"
)

// reportTime is the days that were asked for, today when none were. trouble is
// a text when they cannot be.
func reportTime(r *http.Request, now time.Time) (from, to time.Time, trouble string) {
	if from, to, ok := api.Days(r.URL.Query(), now); ok {
		return from, to, ""
	}
	from, to, _ = api.Days(nil, now)
	return from, to, "reports.wrong"
}

// gauge says who is missing at now.
func (s *Server) gauge(ctx context.Context, now time.Time) (reports.Gauge, error) {
	view, err := s.cfg.Desk.FloorView(now)
	if err != nil {
		return reports.Gauge{}, err
	}
	return s.cfg.Reports.Gauge(ctx, now, speakers(view))
}

func (s *Server) reports(w http.ResponseWriter, r *http.Request, v visit) {
	now := time.Now()
	from, to, trouble := reportTime(r, now)
	scope := s.scope(v)
	report, err := s.cfg.Reports.Report(r.Context(), from, to, now)
	if err != nil {
		s.broken(w, r, v, "counting the figures", err)
		return
	}
	report = report.For(scope)
	f := s.frame(r, v, "reports.title")
	p := page.ReportsPage{Scope: scope, Frame: f, Report: report, Terms: reports.Agreed(), Names: s.names(report),
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
	report = report.For(s.scope(v))
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
