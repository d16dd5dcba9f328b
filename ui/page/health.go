package page

import (
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

func (p HealthPage) words(c health.Check) string { return p.F("health."+c.Words, c.Values...) }

// next is what to do about it, empty for what is well.
func (p HealthPage) next(c health.Check) string {
	if c.State == health.Good {
		return ""
	}
	return p.F("health."+c.Words+".next", c.Values...)
}

// runbook is where the handbook says more about it.
func runbook(c health.Check) string { return "/handbook/health#" + handbook.Check(c.Words) }

// icon and class are for a glance; the word beside them says the same.
func (HealthPage) icon(s health.State) string {
	if s == health.Good {
		return "ok"
	}
	return "flag"
}

func (HealthPage) class(s health.State) string {
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
