package health

import (
	"strconv"
	"time"
)

// Got is a certificate that is got from an authority and renewed by itself.
type Got struct {
	Names   string    // that it is for; none: none is wanted
	Begins  time.Time // of its life; zero: there is none yet
	Ends    time.Time
	Failing time.Time // since when it could not be got or renewed; zero: it could
	Why     string    // code of the reason
}

// Checks judges it. A hotline may be without internet for weeks, and its
// certificate is renewed long before it ends: that it could not be is worth a
// look, and a fault only when a tenth of its life is left.
func (g Got) Checks(now time.Time) []Check {
	days := int(g.Ends.Sub(now) / (24 * time.Hour))
	c := Check{State: Watch, Values: []string{"names", g.Names, "days", strconv.Itoa(max(0, days)), "since", g.Failing.Local().Format(time.DateOnly)}, Detail: g.Why}
	switch {
	case g.Names == "" || g.Begins.IsZero() && g.Failing.IsZero():
		return nil
	case g.Begins.IsZero():
		c.Words = "got.none"
	case !now.Before(g.Ends):
		c.State, c.Words = Bad, "got.over"
	case g.Failing.IsZero():
		c.State, c.Words = Good, "got.good"
	case g.Ends.Sub(now) < g.Ends.Sub(g.Begins)/10:
		c.State, c.Words = Bad, "got.ending"
	default:
		c.Words = "got.failing"
	}
	return []Check{c}
}
