package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/health"
	"hotline/appliance/rehearsal"
	"hotline/appliance/trunk/phone"
	"hotline/ivr/flow"
	"hotline/ivr/prompts"
	"hotline/ivr/trial"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/volunteers/roster"
)

// walkthrough is one rehearsal, step by step. What it finds are lines of its
// report; a step that could not be made says so and does not stop the others.
type walkthrough struct {
	*rehearsals
	report  rehearsal.Report
	samples []rehearsal.Sample

	tried map[string]*keysTried // by language

	m             *mirror
	first, second *standIn

	fiction atomic.Int64 // how many numbers that belong to nobody were shown
}

const (
	rehearsalCaller = "+12025550123" // a number that belongs to nobody
	answerLimit     = 20 * time.Second
	greetingLimit   = 12 * time.Second // callers hear something by then
	toneLimit       = 15 * time.Second
	greetingHeard   = 1200 * time.Millisecond // of sound that is loud enough
	nextHeard       = 700 * time.Millisecond  // after each key
	nextLimit       = 6 * time.Second
)

// found writes a line. text key: health.try.<words>.
func (w *walkthrough) found(state health.State, words, detail string, values ...string) {
	w.h.log.Debug("a rehearsal has found something", "what", words, "state", state.String())
	w.report.Lines = append(w.report.Lines, health.Check{State: state, Words: rehearsal.Tried + words, Detail: detail, Values: values})
}

// result is found for a step that ended with err. What was cut short says
// nothing.
func (w *walkthrough) result(ctx context.Context, err error, good, bad string, values ...string) bool {
	switch {
	case err == nil:
		w.found(health.Good, good, "", values...)
	case ctx.Err() == nil:
		w.found(health.Bad, bad, err.Error(), values...)
	}
	return err == nil
}

func (w *walkthrough) run(ctx context.Context) {
	w.box()
	if w.report.Full {
		w.flows(ctx)
	}
	w.behind(ctx, ofCallers, func() { w.callers(ctx) })
	if w.report.Full && ctx.Err() == nil {
		// Last, because it takes longest, and behind a mirror in which nobody has
		// ever signed in and nothing is on record.
		w.behind(ctx, ofKeys, func() { w.keys(ctx) })
		w.behind(ctx, ofInner, func() { w.innerKeys(ctx) })
		w.toldKeys(ctx)
	}
}

// behind does something while rehearsal calls come to a mirror of its own.
func (w *walkthrough) behind(ctx context.Context, of mirrorOf, do func()) {
	m, err := w.h.newMirror(ctx, w.cfg, of)
	if err != nil {
		w.result(ctx, err, "", "broken")
		return
	}
	w.m = m
	w.mu.Lock()
	w.rehearsals.mirror = m
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.rehearsals.mirror = nil
		w.mu.Unlock()
		if err := m.stop(); err != nil {
			w.h.log.Error("a rehearsal left something behind; it is cleared away by the next one", "error", err)
		}
	}()
	do()
}

// callers rings as callers do, and is answered by a stand-in.
func (w *walkthrough) callers(ctx context.Context) {
	var err error
	if w.first, err = w.m.sits(ctx, "first", rehearsalFirstHz); err != nil {
		if ctx.Err() == nil {
			w.found(health.Bad, "seat", err.Error())
		}
	} else {
		defer w.first.leaves()
	}
	asked := map[string]bool{} // lines to which a menu leads
	for i, entry := range w.m.entries {
		if !w.report.Full && i > 0 {
			break
		}
		w.entry(ctx, entry, asked)
	}
	w.staff(asked)
	if !w.report.Full {
		w.hours++
	}
	if w.report.Full || w.hours%rehearseLines == 1 {
		w.lines(ctx)
	}
}

// box takes over what the health page says already, as far as it is not good:
// the report is one page with everything on it.
func (w *walkthrough) box() {
	for _, c := range health.Checks(w.h.measure()) {
		if c.State != health.Good && !strings.HasPrefix(c.Words, "rehearsal.") {
			w.report.Lines = append(w.report.Lines, c)
		}
	}
}

// flows goes every way of every dialogue that is in use, without a call.
func (w *walkthrough) flows(ctx context.Context) {
	set, with := w.h.engine.Flows(), w.h.engine.Surroundings()
	if trouble := w.h.flows.Trouble(); trouble != "" {
		w.found(health.Bad, "flows.old", trouble)
	}
	w.judgeFlows(ctx, set, with)
}

// mostTrouble is told of flows: who repairs that rehearses again.
const mostTrouble = 20

func (w *walkthrough) judgeFlows(ctx context.Context, set *flow.FlowSet, with flow.Surroundings) {
	walked, err := trial.Walk(ctx, set, with, prompts.Internal)
	if err != nil {
		if ctx.Err() == nil {
			w.found(health.Bad, "flows.unfit", err.Error())
		}
		return
	}
	told := map[string]bool{} // a place that is wrong is wrong in every language
	for _, t := range walked.Trouble {
		words, values := "flows.lost", []string{"flow", t.Flow, "step", t.Step}
		if t.Kind == trial.Wordless {
			words, values = "flows.silent", []string{"language", t.Language, "sentence", t.Detail, "flow", t.Flow}
		}
		if key := words + strings.Join(values, "|"); !told[key] && len(told) < mostTrouble {
			told[key] = true
			w.found(health.Bad, words, t.String(), values...)
		}
	}
	if len(walked.Trouble) == 0 {
		w.found(health.Good, "flows.good", "", "flows", strconv.Itoa(walked.Flows), "ways", strconv.Itoa(walked.Ways), "languages", strconv.Itoa(len(with.Languages)))
	}
}

// entry calls one of the numbers that callers dial, in every language, and goes
// to every line that its menus lead to.
func (w *walkthrough) entry(ctx context.Context, e mirrorEntry, asked map[string]bool) {
	with := w.h.engine.Surroundings()
	ways, err := trial.FindWays(ctx, w.h.engine.Flows(), with, e.flow)
	if err != nil {
		if ctx.Err() == nil {
			w.found(health.Bad, "flows.unfit", err.Error())
		}
		return
	}
	if w.report.Full {
		for i, language := range with.Languages {
			w.language(ctx, e, language, ways.Languages[language], i == 0)
		}
	} else {
		language := with.Languages[w.next%len(with.Languages)]
		w.next++
		w.language(ctx, e, language, ways.Languages[language], language == with.Languages[0])
	}
	if w.closed() {
		return
	}
	w.reaches(ctx, e, ways.Queues, asked)
}

// reaches goes to every line to which keys lead.
func (w *walkthrough) reaches(ctx context.Context, e mirrorEntry, ways map[string]string, asked map[string]bool) {
	queues := slices.Sorted(maps.Keys(ways))
	for _, queue := range queues {
		asked[queue] = true
	}
	if len(queues) == 0 && ctx.Err() == nil {
		w.found(health.Bad, "queue.none", "", "flow", e.flow)
	}
	if i := slices.Index(queues, triage.QueueHelp); i > 0 { // first what matters most
		queues[0], queues[i] = queues[i], queues[0]
	}
	for i, queue := range queues {
		if w.first == nil || !w.report.Full && i > 0 {
			break
		}
		w.queue(ctx, e, queue, ways[queue], w.report.Full && i == 0)
	}
}

// closed reports that a mode keeps callers from the lines.
func (w *walkthrough) closed() bool {
	state := w.h.mode.Current(time.Now())
	if state.Active {
		w.found(health.Watch, "closed", "", "mode", state.Mode)
	}
	return state.Active
}

var errUnanswered = errors.New("nothing answered in time")

// rings makes one call by the door that every call comes in by. It ends with
// ctx, or by what is returned beside it.
func (w *walkthrough) rings(ctx context.Context, e mirrorEntry) (c *phone.Call, hangup func(), err error) {
	return w.ringsFrom(ctx, e, rehearsalCaller)
}

func (w *walkthrough) ringsFrom(ctx context.Context, e mirrorEntry, from string) (c *phone.Call, hangup func(), err error) {
	at := w.h.sipAt
	ctx, end := context.WithCancelCause(ctx)
	late := time.AfterFunc(answerLimit, func() { end(errUnanswered) })
	c, err = phone.Dial(ctx, phone.Config{From: from, Display: "Rehearsal", To: e.number, Server: at, Local: at.Addr(), Near: true})
	late.Stop()
	if err != nil {
		end(nil)
		return nil, nil, err
	}
	return c, func() { c.Hangup(); end(nil) }, nil
}

// language hears the greeting, chooses the language and hears what follows.
func (w *walkthrough) language(ctx context.Context, e mirrorEntry, language, keys string, first bool) {
	if ctx.Err() != nil {
		return
	}
	if keys == "" && !first {
		w.found(health.Watch, "language.keyless", "", "language", language, "flow", e.flow)
		return
	}
	c, hangup, err := w.rings(ctx, e)
	if err != nil {
		w.result(ctx, err, "", "greeting.refused", "language", language)
		return
	}
	defer hangup()
	begin, err := listen(ctx, c, 0, greetingHeard, greetingLimit)
	if err == nil && keys != "" {
		err = press(ctx, c, keys)
	}
	defer func() {
		w.samples = append(w.samples, rehearsal.Sample{Language: language, MuLaw: audio.FromPCM(c.Heard()).MuLaw()})
	}()
	if !w.result(ctx, err, "greeting.heard", "greeting.silent", "language", language, "seconds", fmt.Sprintf("%.1f", begin.Seconds()), "limit", strconv.Itoa(int(greetingLimit.Seconds()))) {
		return
	}
	if _, err := listen(ctx, c, len(c.Heard()), 3*time.Second, 8*time.Second); err != nil && ctx.Err() == nil {
		w.found(health.Bad, "language.silent", err.Error(), "language", language, "keys", keys)
		return
	}
	hangup()
	k, err := w.ended(ctx, "")
	if err == nil && k.Language != language {
		err = fmt.Errorf("the call went on in %q", k.Language)
	}
	if err != nil && ctx.Err() == nil {
		w.found(health.Bad, "language.wrong", err.Error(), "language", language, "keys", keys)
	}
}

// queue calls, presses the keys, is answered by the stand-in, and looks whether
// both hear each other.
func (w *walkthrough) queue(ctx context.Context, e mirrorEntry, queue, keys string, whole bool) {
	if ctx.Err() != nil {
		return
	}
	values := []string{"choice", queue, "keys", strings.Join(strings.Split(keys, ""), " ")}
	c, hangup, err := w.rings(ctx, e)
	if err != nil {
		w.result(ctx, err, "", "queue.missed", values...)
		return
	}
	defer hangup()
	c.SayLoop(audio.Tone(rehearsalCallerHz, time.Second, -12))
	if _, err = listen(ctx, c, 0, nextHeard, greetingLimit); err == nil {
		err = press(ctx, c, keys)
	}
	contact := ""
	if err == nil {
		contact, err = w.first.answers(ctx)
	}
	if err != nil {
		w.result(ctx, err, "", "queue.missed", values...)
		return
	}
	both := w.hear(ctx, c, w.first, queue)
	if both {
		w.found(health.Good, "queue.reached", "", values...)
	}
	recorded := w.h.tapes.Policy(queue)
	if whole && both {
		recorded = w.records(ctx, queue, recorded)
		w.transfers(ctx, c)
	} else if err := w.first.do(ctx, desk.Command{Type: "end"}); err != nil {
		w.result(ctx, err, "", "broken")
	}
	hangup()
	if err := w.first.finishes(ctx, contact); err != nil {
		w.result(ctx, err, "", "broken")
	}
	if !whole || !both {
		return
	}
	k, err := w.ended(ctx, contact)
	if err == nil {
		err = w.exported(k, queue)
	}
	w.result(ctx, err, "record.good", "record.bad")
	w.recording(ctx, contact, queue, recorded)
}

// hear looks whether two who talk hear each other.
func (w *walkthrough) hear(ctx context.Context, c *phone.Call, s *standIn, queue string) bool {
	limited, over := context.WithTimeout(ctx, toneLimit)
	defer over()
	there := c.WaitTone(limited, s.hz)
	back := s.sound.WaitTone(limited, rehearsalCallerHz)
	if there != nil && ctx.Err() == nil {
		w.found(health.Bad, "sound.caller", there.Error(), "choice", queue)
	}
	if back != nil && ctx.Err() == nil {
		w.found(health.Bad, "sound.agent", back.Error(), "choice", queue)
	}
	return there == nil && back == nil
}

// records switches recording on where the phone volunteer would have to, and
// says whether there will be a recording.
func (w *walkthrough) records(ctx context.Context, queue string, policy triage.RecordingPolicy) triage.RecordingPolicy {
	if policy != triage.RecordByAgent {
		return policy
	}
	if err := w.first.do(ctx, desk.Command{Type: "record", On: true}); err != nil {
		w.result(ctx, err, "", "recording.bad", "choice", queue)
		return triage.RecordNever
	}
	return policy
}

// recordedFor is how long a recording is made before the call goes on.
const recordedFor = 1500 * time.Millisecond

// transfers sends the caller on to a second stand-in.
func (w *walkthrough) transfers(ctx context.Context, c *phone.Call) {
	err := func() (err error) {
		if w.second, err = w.m.sits(ctx, "second", rehearsalSecondHz); err != nil {
			return err
		}
		defer func() {
			w.second.leaves()
			w.second = nil
		}()
		if !pause(ctx, c, recordedFor) {
			return errors.New("the call ended before it could be transferred")
		}
		if err := w.first.do(ctx, desk.Command{Type: "transfer", To: desk.Target{Kind: "agent", ID: w.second.id}}); err != nil {
			return err
		}
		if _, err := w.second.answers(ctx); err != nil {
			return err
		}
		limited, over := context.WithTimeout(ctx, toneLimit)
		defer over()
		if err := c.WaitTone(limited, rehearsalSecondHz); err != nil {
			return err
		}
		if err := w.second.sound.WaitTone(limited, rehearsalCallerHz); err != nil {
			return err
		}
		return w.second.do(ctx, desk.Command{Type: "end"})
	}()
	w.result(ctx, err, "transfer.good", "transfer.bad")
}

// staff looks whether somebody could answer in every line that menus lead to.
func (w *walkthrough) staff(queues map[string]bool) {
	list, err := w.h.accounts.List()
	if err != nil {
		w.found(health.Bad, "broken", err.Error())
		return
	}
	served, people := map[string]bool{}, 0
	routing := w.h.dispatch.Routing()
	for _, a := range list {
		if a.Disabled || !a.Role.May(roster.Desk) {
			continue
		}
		people++
		for _, line := range routing.Profile(a.Profile).Lines {
			served[line.Queue] = true
		}
	}
	for _, t := range routing.Teams {
		people += t.Calls
		for _, q := range routing.Queues {
			served[q.ID] = served[q.ID] || slices.ContainsFunc(q.Widen, func(s triage.Step) bool { return s.Team == t.ID })
		}
	}
	if people == 0 {
		w.found(health.Bad, "staff.none", "")
		return
	}
	for _, queue := range slices.Sorted(maps.Keys(queues)) {
		if served[queue] {
			continue
		}
		state := health.Watch // dialogues lead on from the others
		if queue == triage.QueueHelp || queue == triage.QueueLife {
			state = health.Bad
		}
		w.found(state, "staff.unserved", "", "choice", queue)
	}
	if w.h.dispatch.SignedIn() == 0 {
		w.found(health.Watch, "staff.away", "", "people", strconv.Itoa(people))
	}
}
