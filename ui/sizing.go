package ui

import (
	"errors"
	"math"
	"net/http"
	"time"

	"hotline/triage/erlang"
	"hotline/triage/reports"
	"hotline/ui/page"
)

// What a call takes (domain: sizing): the network in each direction, in G.711.
const kiloBitsACall = 80

// sizing fills in the calculator: with what is asked, else with the hotline's own
// figures, else with examples. A figure that cannot be had costs only itself.
func (s *Server) sizing(p *page.SystemPage, r *http.Request) {
	now := time.Now()
	const exampleCalls, exampleTalk = 100, 10
	own, err := s.cfg.Reports.Busiest(r.Context(), now)
	if err != nil && !errors.Is(err, reports.ErrCounting) {
		s.cfg.Log.Error("the busiest hour cannot be counted", "error", err)
	}
	calls, talk, people := min(own.Calls, 5000), min(int(math.Ceil(own.Handle.Minutes())), 60), 0
	if view, err := s.cfg.Desk.FloorView(now); err != nil {
		s.cfg.Log.Error("who is at work cannot be counted", "error", err)
	} else {
		for _, group := range speakers(view) {
			people += group.Agents
		}
		people = min(people, 1000)
	}
	usual := func(own, example int) int {
		if own > 0 {
			return own
		}
		return example
	}
	a := page.Demand{PerHour: whole(r, "calls", usual(calls, exampleCalls), 1, 5000), Talk: whole(r, "talk", usual(talk, exampleTalk), 1, 60), People: whole(r, "people", people, 0, 1000)}
	asked := r.URL.Query()
	from := func(name string, is, own int) string {
		switch {
		case own > 0 && is == own:
			return "system.need.own." + name
		case own == 0 && !asked.Has(name):
			return "system.need.example." + name
		default:
			return ""
		}
	}
	for _, key := range []string{from("calls", a.PerHour, calls), from("talk", a.Talk, talk), from("people", a.People, people)} {
		if key != "" && key != "system.need.example.people" { // what 0 means stands beside it
			a.From = append(a.From, key)
		}
	}
	d := erlang.ShippedDemand(float64(a.PerHour))
	d.Handle, d.Agents = time.Duration(a.Talk)*time.Minute, a.People
	got := d.Capacity()
	limit := p.Figures.Trunk.Limit
	p.Asked, p.Needs = a, page.Needs{People: got.Agents, Channels: got.Channels, Answered: int(math.Round(got.PerHour)), Abandoned: int(math.Round(100 * got.Abandoned)),
		Wait: got.Wait, KiloBits: got.Channels * kiloBitsACall, Fits: limit == 0 || got.Channels <= limit, Lines: s.channels()}
}

// channels is how many calls at a time the lines carry together; 0 where that is
// not known, for a line has no number of its own.
func (s *Server) channels() (n int) {
	if s.cfg.Telephone.States == nil {
		return 0
	}
	for _, l := range s.cfg.Telephone.States() {
		if l.Limit == 0 {
			return 0
		}
		n += l.Limit
	}
	return n
}
