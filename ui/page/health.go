package page

import (
	"strings"
	"time"

	"hotline/appliance/health"
	"hotline/ui/handbook"
)

// HealthPage is how the box is.
type HealthPage struct {
	Frame
	Figures health.Figures
	Checks  []health.Check
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
