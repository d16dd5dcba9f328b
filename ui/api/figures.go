package api

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"time"

	"hotline/triage/reports"
	"hotline/volunteers/roster"
)

// The figures.

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
	f.Stays = nil // of somebody: for this person, and for who leads them
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

func (a *API) reports(w http.ResponseWriter, r *http.Request, _ roster.Token) {
	now := time.Now()
	from, to, ok := Days(r.URL.Query(), now)
	if !ok {
		problem(w, http.StatusUnprocessableEntity, "from and until are days like 2026-11-26, until not before from, and at most a year")
		return
	}
	report, err := a.cfg.Reports.Report(r.Context(), from, to, now)
	if err != nil {
		a.broken(w, "counting the figures", err)
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
	reply(w, http.StatusOK, map[string]any{"from": report.From, "to": report.To, "now": report.Now, "answer_within_s": int(terms.Within.Seconds()), "short_abandon_s": int(terms.Short.Seconds()),
		"total": figuresOf(report.Total), "queues": rows(report.Queues), "languages": rows(report.Languages), "agents": rows(report.Agents),
		"days": periods(report.Days), "hours": periods(report.Hours)})
}

// longestReport is how many days a report may be about.
const longestReport = 366

// Days are the days that were asked for, today when none were; not ok when they
// cannot be. The end is outside.
func Days(q url.Values, now time.Time) (from, to time.Time, ok bool) {
	today := now.Local().Format(time.DateOnly)
	first, errFirst := time.ParseInLocation(time.DateOnly, cmp.Or(q.Get("from"), today), time.Local)
	last, errLast := time.ParseInLocation(time.DateOnly, cmp.Or(q.Get("until"), today), time.Local)
	if errFirst != nil || errLast != nil || last.Before(first) || last.After(first.AddDate(0, 0, longestReport)) {
		return time.Time{}, time.Time{}, false
	}
	return first, last.AddDate(0, 0, 1), true
}

func (a *API) staffing(w http.ResponseWriter, r *http.Request, _ roster.Token) {
	g, err := a.cfg.Gauge(r.Context(), time.Now())
	if errors.Is(err, reports.ErrCounting) {
		w.Header().Set("Retry-After", "10")
		problem(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	if err != nil {
		a.broken(w, "computing who is missing", err)
		return
	}
	more := map[string]int{}
	for language, n := range g.More {
		more[language] = n
	}
	reply(w, http.StatusOK, map[string]any{"wait_within_s": int(g.Target.Within.Seconds()), "share": g.Target.Share, "calls_per_hour": g.PerHour,
		"handle_s": g.Handle.Seconds(), "agents": g.Agents, "more": more})
}
