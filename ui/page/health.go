package page

import (
	"strings"
	"time"

	"hotline/appliance/health"
	"hotline/triage/supervise"
	"hotline/ui/handbook"
)

// HealthPage is how the box is.
type HealthPage struct {
	Frame
	Figures health.Figures
	Checks  []health.Check
	Rung    supervise.RedRound // supervisors, about what is red
	Rings   bool               // they would be
	Seen    string             // who sees to it, "" where nobody does
	Support bool               // who looks at it may have the file for whoever helps
}

// rungWords is how the last round went.
func (p HealthPage) rungWords() string {
	r := p.Rung
	switch {
	case r.Calling:
		return p.F("health.rung.calling", "when", p.When(r.Began))
	case p.Seen != "":
		return p.F("health.rung.seen", "when", p.When(r.Began), "name", p.Seen)
	case len(r.People) == 0:
		return p.F("health.rung.nobody_there", "when", p.When(r.Began), "next", p.When(r.Next))
	}
	return p.F("health.rung.nobody", "when", p.When(r.Began), "next", p.When(r.Next))
}

// runbook is where the handbook says more about it.
func runbook(c health.Check) string {
	if strings.HasPrefix(c.Words, "try.") { // what a rehearsal finds says it all; the part about rehearsals says how to go on
		return "/handbook/health#" + handbook.Check("rehearsal.failed")
	}
	return "/handbook/health#" + handbook.Check(c.Words)
}

// checkIcon and checkClass are for a glance; the word beside them says the same.
func checkIcon(s health.State) string {
	if s == health.Good {
		return "ok"
	}
	return "flag"
}

func checkClass(s health.State) string {
	switch s {
	case health.Bad:
		return "stop"
	case health.Watch:
		return "warn"
	}
	return "go"
}

func (p HealthPage) since() string {
	return p.F("health.running", "version", p.Figures.Version, "hours", itoa(int(p.Figures.Now.Sub(p.Figures.Started)/time.Hour)))
}
