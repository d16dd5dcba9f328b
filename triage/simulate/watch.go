package simulate

import (
	"math"
	"slices"
	"time"

	"hotline/triage"
)

// This file is what is seen of a day while it is played, and what is told to
// callers against what came.

// estimated compares what a caller was told with how long it took until an
// agent was free, also for those who did not wait for it.
func (d *day) estimated(c *caller) {
	if !c.told {
		return
	}
	d.watch.told = append(d.watch.told, told{c.outlook, d.now.Sub(c.waiting.Since)})
}

type told struct {
	said   triage.Outlook
	waited time.Duration
}

// covers reports whether the wait was in the range that was spoken.
func (t told) covers() bool {
	from, to := t.said.Minutes()
	if from == 1 { // "one minute" is said of less, too
		from = 0
	}
	return t.waited >= time.Duration(from)*time.Minute && t.waited <= time.Duration(to)*time.Minute
}

// watch is what a day adds up.
type watch struct {
	waits         []time.Duration
	soon          int
	gaveUp        time.Duration
	handled       time.Duration
	busy, free    time.Duration
	told          []told
	waiting, used []int
}

// sampled is how far apart looks at the lengths of queues are.
const sampled = 20 * time.Second

func (d *day) sample() {
	n := 0
	for _, queue := range d.rows {
		for _, c := range queue {
			if !c.waiting.Away {
				n++
			}
		}
	}
	d.watch.waiting = append(d.watch.waiting, n)
	d.watch.used = append(d.watch.used, d.in+n+d.talking)
	d.after(sampled, d.sample)
}

// judge sums up how good the estimates were.
func judge(all []told) Estimator {
	e := Estimator{Told: len(all)}
	if len(all) == 0 {
		return e
	}
	var sum, width float64
	errs := make([]time.Duration, 0, len(all))
	in := 0
	for _, t := range all {
		off := t.said.Mean - t.waited
		sum += float64(off)
		errs = append(errs, time.Duration(math.Abs(float64(off))))
		from, to := t.said.Minutes()
		width += float64(to - from)
		if t.covers() {
			in++
		}
	}
	slices.Sort(errs)
	e.Bias = time.Duration(sum / float64(len(all)))
	e.P50, e.P90 = at(errs, 0.5), at(errs, 0.9)
	e.Covered = share(in, len(all))
	e.Width = time.Duration(width / float64(len(all)) * float64(time.Minute))
	return e
}
