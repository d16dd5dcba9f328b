package main

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"hotline/appliance/call"
	"hotline/appliance/health"
	"hotline/appliance/trunk/phone"
	"hotline/ivr"
	"hotline/ivr/mode"
	"hotline/ivr/trial"
)

// This file is how a rehearsal presses the keys to which no number of the hotline
// leads: those of callers who wait, and of people who work here. See
// mirrorinner.go for what is behind such calls.

const (
	innerAtOnce   = 30          // calls: some wait for a minute until they are asked, and hardly speak
	madeUpCode    = "99000000"  // stands in a way for a code that is made for each call
	madeUpPartner = "441632960" // with three more digits: a number that belongs to nobody
)

// innerWords are what is said of such calls, for what is said of others.
var innerWords = map[string]string{"keys.refused": "inner.refused", "keys.silent": "inner.silent", "keys.elsewhere": "inner.elsewhere"}

// innerKeys presses every key that nobody has pressed yet, once for each round of
// answers that actions give.
func (w *walkthrough) innerKeys(ctx context.Context) {
	for round := range innerRounds {
		w.m.inner.round.Store(int64(round))
		change := mode.Change{Mode: mode.Normal, By: rehearsalProfile, Via: "rule"}
		if round == 1 { // the crowd that is there then
			change.Mode = mode.Surge
		}
		if _, err := w.m.mode.Set(ctx, change); err != nil {
			w.result(ctx, err, "", "broken")
			return
		}
		var calls []keyCall
		for _, line := range w.m.inner.lines {
			if w.sum(line.language).pressed.Shut(w.m.engine.Flows(), line.flow) == 0 {
				continue
			}
			if !w.finds(ctx, &calls, w.within(line), keyCall{e: line.mirrorEntry, language: line.language, inner: true, waits: line.waits}, "") {
				return
			}
		}
		w.makes(ctx, calls, innerAtOnce, func(call keyCall, words string, err error) {
			values := []string{"language", call.language, "keys", strings.ReplaceAll(call.way.String(), w.m.inner.ordered.pin, "PIN"), "flow", call.e.flow}
			w.found(health.Bad, cmp.Or(innerWords[words], words), err.Error(), values...)
		})
	}
}

// within is the situation of a call to such a dialogue.
func (w *walkthrough) within(line innerLine) trial.Situation {
	s := w.situation()
	s.Language = line.language
	s.Attributes = maps.Clone(s.Attributes)
	if line.waits {
		s.Attributes[ivr.AttributeSince] = "2026-01-02T15:04:05Z"
	}
	s.Entries = map[string]string{"mode.partner_wanted": madeUpPartner + "000"}
	if w.proves(line.flow) {
		s.Entries["pin"], s.Entries["code"] = w.m.inner.ordered.pin, madeUpCode
	}
	return s
}

// proves reports that a dialogue asks a supervisor for a PIN.
func (w *walkthrough) proves(flow string) bool {
	for _, s := range w.m.engine.Flows().Flow(flow).Steps {
		if s.Do != nil && s.Do.Action == "authenticate" {
			return true
		}
	}
	return false
}

// prepares makes up who calls, and what they know.
func (w *walkthrough) prepares(ctx context.Context, one keyCall, from call.Number) (trial.Press, error) {
	way := one.way
	w.m.inner.calls.begins(string(from))
	if !w.proves(one.e.flow) {
		return way, nil
	}
	way.Answers = slices.Clone(way.Answers)
	asks := slices.ContainsFunc(way.Answers, func(answer string) bool { return strings.HasPrefix(answer, madeUpCode) })
	codes, err := w.m.inner.ordered.supervisor(ctx, from, asks)
	if err != nil {
		return way, err
	}
	for i, answer := range way.Answers {
		if rest, of := strings.CutPrefix(answer, madeUpCode); of && len(codes) > 0 {
			way.Answers[i], codes = codes[0]+rest, codes[1:]
		}
	}
	return way, nil
}

// asked waits until a call asks what is answered next, and says how many steps
// it has passed.
func (w *walkthrough) asked(ctx context.Context, c *phone.Call, one keyCall, i, passed int) (int, error) {
	if at := one.way.Asked[i]; i == 0 || at != one.way.Asked[i-1] || at != one.way.Leads[i-1] || !w.again(at) {
		if err := w.m.reaches(ctx, c, one.from, at, passed, true); err != nil {
			return passed, err
		}
	}
	return len(w.m.inner.calls.seen(one.from)), nil
}

// leads waits until a call has come to where an answer leads.
func (w *walkthrough) leads(ctx context.Context, c *phone.Call, one keyCall, i, passed int) error {
	if at := one.way.Leads[i]; at != one.way.Asked[i] || !w.again(at) {
		return w.m.reaches(ctx, c, one.from, at, passed, false)
	}
	return nil
}

// again reports that a step may ask more than once without being left.
func (w *walkthrough) again(at trial.Place) bool {
	s := w.m.step(at)
	return s.Collect != nil || s.CallBack != nil || s.Bulletins != nil
}
