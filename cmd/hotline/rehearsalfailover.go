package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/health"
	"hotline/appliance/trunk"
)

// This file is what becomes of calls out when a line fails. The first line that
// works is made to fail, because every call out begins with it: what the others
// do is heard by them alone, and by each in lines.

const (
	lineLeft = 2 * time.Second  // for the calls of the rehearsal itself to be off a line
	lineSeen = 10 * time.Second // for the checks of a line to notice; each server is given four seconds
	lineBack = 20 * time.Second // and to notice that it works again, which may take a registration
)

// failOver makes a line fail, rings as a call back is placed (by no line that is
// named), and looks whether another one carries the call, the hotline has noticed,
// and the line works afterwards.
func (w *walkthrough) failOver(ctx context.Context, own call.Number) {
	name, words := "", ""
	until(ctx, lineLeft, func() bool {
		name, words = toFail(w.h.trunk.Lines())
		return words != "failover.untried"
	})
	if name == "" || ctx.Err() != nil { // that no line works is said by the checks, and of each line
		return
	}
	if words != "" {
		w.found(health.Watch, words, "", "line", name)
		return
	}
	mend, err := w.h.trunk.FailLine(ctx, name, roleRehearsal)
	if errors.Is(err, trunk.ErrLineCarries) {
		w.found(health.Watch, "failover.untried", "", "line", name)
		return
	}
	if err != nil {
		w.result(ctx, err, "", "broken")
		return
	}
	defer mend()
	var from []call.Number
	for _, l := range w.h.ways(w.cfg) {
		from = append(from, call.ParseNumber(l.from, w.cfg.Region))
	}
	c, err := w.loop(ctx, own, from)
	seen := until(ctx, lineSeen, func() bool { return w.says(name) == "line.down" })
	mend()
	back := until(ctx, lineBack, func() bool { return w.says(name) != "line.down" })
	if ctx.Err() != nil {
		return
	}
	if err == nil && c.line == name {
		w.found(health.Bad, "broken", "the call went out by the line that was made to fail")
		return
	}
	for _, f := range judgeFailOver(c, err, seen, back) {
		detail := ""
		switch {
		case err != nil:
			detail = err.Error()
		case f.State != health.Good:
			detail = c.String()
		}
		w.found(f.State, f.Words, detail, "line", name, "other", c.line)
	}
}

// toFail is the line that calls out begin with; words say why it is not made to
// fail, "" if nothing speaks against it.
func toFail(lines []trunk.LineState) (name, words string) {
	up := slices.DeleteFunc(slices.Clone(lines), func(l trunk.LineState) bool { return !l.Up })
	switch {
	case len(up) == 0:
		return "", ""
	case len(up) == 1:
		return up[0].Name, "failover.only"
	case up[0].Calls > 0, !slices.ContainsFunc(up[1:], func(l trunk.LineState) bool { return l.Limit == 0 || l.Limit-l.Calls >= channelsTried }):
		return up[0].Name, "failover.untried"
	}
	return up[0].Name, ""
}

// says is what the page Health says of a line.
func (w *walkthrough) says(name string) string {
	lines := w.h.trunk.Lines()
	i := slices.IndexFunc(lines, func(l trunk.LineState) bool { return l.Name == name })
	if i < 0 {
		return ""
	}
	return health.Lines(lines[i:i+1], time.Now())[0].Words
}

// judgeFailOver says what a failure came to: the call that was made meanwhile, err
// if no line took it; whether the failure was seen, and the line is back.
func judgeFailOver(c looped, err error, seen, back bool) (found []health.Check) {
	add := func(state health.State, words string) {
		found = append(found, health.Check{State: state, Words: words})
	}
	state := health.Bad
	if err == nil {
		state, _ = judgeLine(c.arrived, c.said, c.there)
	}
	switch {
	case err != nil:
		add(health.Bad, "failover.none")
	case state == health.Bad:
		add(health.Bad, "failover.unheard")
	case state == health.Watch:
		add(health.Watch, "failover.stranger")
	}
	if !seen {
		add(health.Bad, "failover.unseen")
	}
	if !back {
		add(health.Bad, "failover.stays")
	}
	if len(found) == 0 {
		add(health.Good, "failover.good")
	}
	return found
}

// until waits until something is so, for a limit.
func until(ctx context.Context, limit time.Duration, is func() bool) bool {
	ctx, over := context.WithTimeout(ctx, limit)
	defer over()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return is()
		}
	}
	return true
}
