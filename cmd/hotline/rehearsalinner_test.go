package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/health"
	"hotline/appliance/rehearsal"
	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/ivr/mode"
	"hotline/triage"
)

// innerFlows are dialogues with one fault in each group.
var innerFlows = map[string]string{
	"waiting": `
start: music
fallback: {queue: help, priority: 5, treatment: waiting}
steps:
  music: {music: music.hold, next: said}
  said: {say: waiting.intro, next: keys}
  keys: {wait: 5s, keys: {"1": good, "2": silent, "3": mute}, next: said}
  good: {hangup: callback, say: callback.promised}
  silent: {menu: {"1": good}, timeout: 60s, default: good}
  mute: {menu: {"1": good}, say: entry.short, timeout: 60s, default: good}
`,
	"supervisor": `
start: pin
fallback: {queue: help, priority: 5, treatment: waiting}
steps:
  pin: {collect: pin, sensitive: true, say: supervisor.pin, min: 6, max: 20, terminator: "#", next: check}
  check: {do: authenticate, takes: 1500ms, on: {ok: order, denied: bye}, error: bye}
  order: {menu: {"1": emergency, "2": close, "3": record, "4": silent, "9": bye}, say: supervisor.menu, default: bye}
  emergency: {set: {mode.wanted: emergency, command: mode}, next: apply}
  apply: {do: mode.apply, on: {ok: applied, proof: code}, error: failed}
  applied: {hangup: done, say: supervisor.applied}
  failed: {say: supervisor.failed, next: order}
  close: {set: {queue.wanted: help, queue.to: closed, command: queue}, next: shut}
  shut: {do: queue.set, on: {ok: applied, proof: code}, error: failed}
  code: {collect: code, sensitive: true, say: supervisor.code, min: 8, max: 8, terminator: "#", next: proves, silence: bye}
  proves: {do: proof.code, on: {ok: shut, denied: bye}, error: failed}
  record: {set: {bulletin.language: es}, next: speak}
  speak: {record: bulletin, say: supervisor.bulletin.record, min: 1s, next: hang, silence: bye}
  hang: {do: bulletin.publish, on: {ok: applied, full: applied, not_offered: failed}, error: failed}
  silent: {menu: {"1": bye}, timeout: 60s, default: bye}
  bye: {hangup: done, say: goodbye}
`,
	"red": `
start: pin
fallback: {queue: help, priority: 5, treatment: waiting}
steps:
  pin: {collect: pin, sensitive: true, say: supervisor.pin, min: 6, max: 20, terminator: "#", next: check}
  check: {do: authenticate, takes: 1500ms, on: {ok: order, denied: bye}, error: bye}
  order: {menu: {"1": nonsense}, say: supervisor.menu, default: bye}
  nonsense: {set: {mode.wanted: nonsense}, next: apply}
  apply: {do: mode.apply, on: {ok: bye, proof: bye}, error: bye}
  bye: {hangup: done, say: goodbye}
`,
	"agent": `
start: order
fallback: {queue: help, priority: 5, treatment: waiting}
steps:
  order: {menu: {"1": stay, "2": mute}, say: agent.menu, default: bye}
  mute: {menu: {"1": stay}, say: entry.short, timeout: 60s, default: bye}
  stay: {end: on_line, say: agent.on_line}
  bye: {hangup: done, say: goodbye}
`,
}

// Keys of callers who wait, of supervisors and of those who work by telephone are
// pressed as well: what leads into silence is found, and so is a sentence that is
// silent, and an order that cannot be carried out. The orders that can be are
// carried out in the mirror, and nothing of the hotline itself is changed by them:
// not its mode, lines, bulletins and accounts, no record, and no line of its log.
func TestKeysToWhichNoNumberLeadsAreTried(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	b.wanted = append(b.wanted, `there is no mode \"nonsense\"`) // an order of this test
	w := &walkthrough{rehearsals: b.h.rehearse, report: rehearsal.Report{Full: true}}
	b.untilStarted()
	before := b.standing()
	b.mirrored(w, ofInner, func() {
		texts := maps.Clone(innerFlows)
		texts[ivr.FlowMain] = "start: help\nfallback: {queue: help, priority: 5, treatment: waiting}\nsteps:\n  help: {queue: help, priority: 5, treatment: waiting}\n"
		set, err := flow.ParseSet(texts)
		if err == nil {
			err = w.m.engine.Publish(set)
		}
		if err != nil {
			t.Fatal(err)
		}
		w.m.inner.hush["entry.short"] = true
		w.innerKeys(t.Context())
		b.innerTold(w)
		b.innerCarriedOut(w.m.inner.ordered)
	})
	if after := b.standing(); after != before {
		t.Errorf("the hotline itself was\n%s, and is\n%s", before, after)
	}
	frames := framesOf(t)
	for _, words := range slices.Sorted(maps.Values(innerWords)) {
		checkWords(t, frames, words, "", health.Check{State: health.Bad, Words: rehearsal.Tried + words, Values: []string{"language", "es", "keys", "PIN# 1", "flow", "supervisor"}})
	}
}

// untilStarted waits until the log says that the hotline has started.
func (b *box) untilStarted() {
	b.t.Helper()
	b.until("the log says that the hotline has started", func() bool {
		log, _, err := b.h.records.LogAfter(0, 100)
		if err != nil {
			b.t.Fatal(err)
		}
		return slices.ContainsFunc(log, func(e events.Event) bool { return e.Kind == "hotline.started" })
	})
}

// onlyRehearsed looks whether rehearsals have left nothing in the log of the
// hotline but that they were made, and changed nothing by which it works.
func (b *box) onlyRehearsed(works string, since uint64) {
	b.t.Helper()
	log, _, err := b.h.records.LogAfter(since, 100)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range log {
		if e.Kind != rehearsal.Event {
			b.t.Errorf("the rehearsal has left in the log: %+v", e)
		}
	}
	if now := b.works(); now != works {
		b.t.Errorf("before a rehearsal the hotline was\n%s, and after it\n%s", works, now)
	}
}

// innerTold looks at what is told of the faults, in both languages.
func (b *box) innerTold(w *walkthrough) {
	b.t.Helper()
	told := map[string]int{}
	for _, c := range w.report.Lines {
		told[fmt.Sprintf("%s %s %s", strings.TrimPrefix(c.Words, rehearsal.Tried), c.Values[1], c.Values[len(c.Values)-1])]++
		if strings.Contains(strings.Join(c.Values, " "), w.m.inner.ordered.pin) {
			b.t.Errorf("the PIN is told: %v", c.Values)
		}
	}
	want := map[string]int{}
	for _, language := range []string{"es", "en"} {
		want["inner.silent "+language+" waiting"] = 2
		want["inner.silent "+language+" agent"] = 1
		want["inner.silent "+language+" supervisor"] = 1
		want["inner.elsewhere "+language+" red"] = 1
	}
	if !maps.Equal(told, want) {
		b.t.Errorf("told is %v, want %v: %+v", told, want, w.report.Lines)
	}
}

// innerCarriedOut proves that what was ordered was done, where nobody is.
func (b *box) innerCarriedOut(o *ordered) {
	b.t.Helper()
	people, err := o.accounts.List()
	if err != nil || len(people) == 0 {
		b.t.Errorf("nobody was made up: %v", err)
	}
	if now := o.mode.Current(time.Now()); now.Mode != mode.Emergency || !o.closures.Closed(triage.QueueHelp) || len(o.board.List()) == 0 {
		b.t.Errorf("in the mirror the mode is %s, help is closed: %v, and there are %d bulletins", now.Mode, o.closures.Closed(triage.QueueHelp), len(o.board.List()))
	}
}

// standing is all that a rehearsal must not change of the hotline itself: how it
// works, and how many records and lines of the log there are.
func (b *box) standing() string {
	b.t.Helper()
	records, err := b.h.records.Records()
	if err != nil {
		b.t.Fatal(err)
	}
	last, err := b.h.records.LastEvent()
	if err != nil {
		b.t.Fatal(err)
	}
	return fmt.Sprintf("%s; %d records; the log ends with %d", b.works(), records, last)
}

// works is how the hotline works now, and who works there.
func (b *box) works() string {
	b.t.Helper()
	people, err := b.h.accounts.List()
	if err != nil {
		b.t.Fatal(err)
	}
	now := b.h.mode.Current(time.Now())
	return fmt.Sprintf("mode %s since %v by %q until %v; announcements in %v; closed %+v; bulletins %+v; accounts %+v",
		now.Mode, now.Since, now.By, now.Expires, now.Languages(), b.h.closures.List(), b.h.board.List(), people)
}
