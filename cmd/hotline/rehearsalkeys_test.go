package main

import (
	"slices"
	"strings"
	"testing"

	"hotline/appliance/health"
	"hotline/appliance/rehearsal"
	"hotline/ivr/flow"
	"hotline/ivr/trial"
)

const muteKey = `
start: ask
fallback: {queue: help, priority: 5, treatment: wait}
steps:
  ask: {menu: {"1": help, "2": mute, "3": again}, say: queue.connecting, default: help}
  mute: {menu: {"1": help}, timeout: 60s, default: help}
  again: {menu: {"1": help, "2": help}, say: queue.connecting, default: help}
  help: {queue: help, priority: 5, treatment: wait, say: queue.connecting}
`

// A key after which callers hear nothing is found by the call that presses it,
// and so is one that is not taken, and a call that is not answered.
func TestKeysThatLeadIntoSilenceAreFound(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	w := &walkthrough{rehearsals: b.h.rehearse, report: rehearsal.Report{Full: true}}
	ctx := t.Context()
	b.mirrored(w, ofKeys, func() {
		set, err := flow.ParseSet(map[string]string{w.m.entries[0].flow: muteKey,
			"wait": "start: a\nfallback: {queue: help, treatment: wait}\nsteps:\n  a: {music: music.hold, next: b}\n  b: {wait: 30s, next: b}\n"})
		if err == nil {
			err = w.m.engine.Publish(set)
		}
		if err != nil {
			t.Fatal(err)
		}
		e := w.m.entries[0]
		w.keys(ctx)
		var told []string
		for _, c := range w.report.Lines {
			told = append(told, strings.Join(append([]string{c.State.String(), c.Words}, c.Values...), " "))
		}
		if !slices.Equal(told, []string{"bad try.keys.silent language es keys 2 1 mode normal"}) {
			t.Errorf("the rehearsal says %q", told)
		}
		if words, err := w.keyed(ctx, keyCall{e: e, way: trial.Press{Answers: []string{"3", "1"}, Taken: "31"}}, false); err != nil {
			t.Errorf("a way without a fault: %s %v", words, err)
		}
		if words, err := w.keyed(ctx, keyCall{e: e, way: trial.Press{Answers: []string{"3", "1"}, Taken: "32"}}, true); words != "keys.elsewhere" || err == nil || !strings.Contains(err.Error(), `"31"`) {
			t.Errorf("a key that was not taken: %s %v", words, err)
		}
		if words, err := w.keyed(ctx, keyCall{e: mirrorEntry{number: rehearsalPrefix + "gone", flow: e.flow}, way: trial.Press{Answers: []string{"1"}}}, false); words != "keys.refused" || err == nil {
			t.Errorf("a call that is not answered: %s %v", words, err)
		}
	})
	frames := framesOf(t)
	for _, words := range []string{"keys.silent", "keys.elsewhere", "keys.refused"} {
		checkWords(t, frames, words, "", health.Check{State: health.Bad, Words: rehearsal.Tried + words, Values: []string{"language", "es", "keys", "1 2", "mode", "emergency"}})
	}
}
