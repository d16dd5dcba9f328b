package health

import (
	"strconv"
	"time"
)

// Clock is how the clock of the box is.
type Clock struct {
	Jumped time.Duration // what it was set forward by since the start, or back
	Synced bool          // another clock keeps it right (NTP, GPS)
	Known  bool          // whether Synced could be read
	Leapt  int           // days by which the date moved on, and nobody has said yet that it is right

	// Of the clock that goes on without power, where this program looks after it.
	Off     time.Duration // how far it is from this one
	Forgets bool          // there is none
	Kept    bool          // it shows the same: then whoever moved this one meant it
}

// How far the two may be apart: no quartz loses an hour in a year, and an empty
// battery loses more.
const (
	offMost  = time.Hour
	keptMost = time.Minute
)

// Check judges the clock: call-backs, shifts and certificates depend on it.
func (c Clock) Check() Check {
	seconds := strconv.Itoa(int(c.Jumped.Abs().Round(time.Second) / time.Second))
	switch {
	case c.Leapt > 0:
		return Check{State: Bad, Words: "clock.leap", Values: []string{"days", strconv.Itoa(c.Leapt)}}
	case c.Jumped.Abs() > 2*time.Minute && !c.Kept:
		return Check{State: Bad, Words: "clock.jumped", Values: []string{"seconds", seconds}}
	case c.Jumped.Abs() > 2*time.Second:
		return Check{State: Watch, Words: "clock.set", Values: []string{"seconds", seconds}}
	case !c.Known:
		return Check{State: Good, Words: "clock.unknown"}
	case !c.Synced && c.Off.Abs() > offMost:
		return Check{State: Bad, Words: "clock.lost"}
	case !c.Synced && c.Forgets:
		return Check{State: Watch, Words: "clock.forgets"}
	case !c.Synced:
		return Check{State: Watch, Words: "clock.alone"}
	}
	return Check{State: Good, Words: "clock.good"}
}

// Timekeeper notices when the clock of the box is set while the hotline runs.
// A clock that is kept right is moved by less than this notices.
type Timekeeper struct {
	start time.Time // with the reading of a clock that never jumps

	steady func(time.Time) time.Duration // what has passed by that clock
}

// NewTimekeeper begins to watch.
func NewTimekeeper(now time.Time) *Timekeeper {
	return &Timekeeper{start: now, steady: func(t time.Time) time.Duration { return t.Sub(now) }}
}

// Clock is how it is now.
func (k *Timekeeper) Clock(now time.Time) Clock {
	shown := now.Round(0).Sub(k.start.Round(0)) // by the clock on the wall
	c := Clock{Jumped: shown - k.steady(now)}
	c.Synced, c.Known = synchronised()
	if MaySetClock() {
		if at, err := hardwareTime(); err != nil {
			c.Forgets = true
		} else {
			c.Off = at.Sub(now.Round(0))
			c.Kept = c.Off.Abs() < keptMost
		}
	}
	return c
}
