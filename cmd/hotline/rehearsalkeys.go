package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/health"
	"hotline/appliance/switches"
	"hotline/appliance/trunk/phone"
	"hotline/ivr"
	"hotline/ivr/mode"
	"hotline/ivr/scenario"
	"hotline/ivr/trial"
	"hotline/triage"
)

// This file is how a rehearsal presses every key: which keys there are is found
// out by text, and each is pressed in a real call, in every language. Nobody is
// signed in behind these calls; the lines that keys lead to were tried before.
// To what callers cannot come by a number of the hotline see rehearsalinner.go.

const (
	keysAtOnce = 10 // calls
	keysShare  = 8  // at most one of so many channels
	calmFor    = 600 * time.Millisecond
	calmLimit  = 45 * time.Second       // for what is said to be over
	afterKey   = 400 * time.Millisecond // of sound
	afterLimit = 8 * time.Second
)

// fictions are numbers that belong to nobody (Ofcom keeps them free for drama):
// each call has its own, as each caller has.
const fictions, fictionsMost = "+441632960", 1000

// keys presses every key to which callers come, as the hotline works now and in
// every mode that supervisors can set.
func (w *walkthrough) keys(ctx context.Context) {
	for _, change := range w.modes() {
		if _, err := w.m.mode.Set(ctx, change); err != nil {
			w.result(ctx, err, "", "broken")
			return
		}
		w.keysIn(ctx, change.Mode)
	}
}

// toldKeys says how many keys were pressed.
func (w *walkthrough) toldKeys(ctx context.Context) {
	tried, languages := w.tried, w.h.engine.Surroundings().Languages
	for _, language := range languages {
		if sum := tried[language]; sum != nil && sum.troubles == 0 && sum.calls > 0 && ctx.Err() == nil {
			w.found(health.Good, "keys.good", "", "language", language, "keys", strconv.Itoa(sum.keys), "questions", strconv.Itoa(sum.menus), "calls", strconv.Itoa(sum.calls))
		}
	}
	first := tried[languages[0]]
	if first == nil || ctx.Err() != nil {
		return
	}
	if n := first.pressed.Shut(w.h.engine.Flows()); n > 0 {
		w.found(health.Good, "keys.shut", "", "questions", strconv.Itoa(n))
	}
	if n := first.pressed.Unheard(); n > 0 {
		w.found(health.Watch, "keys.unanswered", "", "questions", strconv.Itoa(n))
	}
}

// keysTried sums up one language.
type keysTried struct {
	pressed                      trial.Pressed
	keys, menus, calls, troubles int
}

// modes are how the hotline works now, and every other way in which it can be
// told to work. The announcement of now is heard in all that follow.
func (w *walkthrough) modes() []mode.Change {
	now := w.h.mode.Current(time.Now())
	changes := []mode.Change{{Mode: now.Mode, Announcement: now.Announcement, Announcements: map[string]*audio.Clip{}, Partner: now.Partner}}
	for _, language := range now.Languages() {
		changes[0].Announcements[language] = now.AnnouncementFor(language)
	}
	modes := mode.Modes()
	for _, other := range append(modes[1:], modes[0]) { // normal at last: it ends announcements
		if other != now.Mode {
			changes = append(changes, mode.Change{Mode: other, Partner: fictions + "000"})
		}
	}
	for i := range changes {
		changes[i].By, changes[i].Via = rehearsalProfile, "rule"
	}
	return changes
}

// keyCall is one call that presses keys.
type keyCall struct {
	e        mirrorEntry
	language string
	way      trial.Press
	inner    bool   // to a dialogue to which no number leads
	from     string // who calls
	waits    bool   // which is heard in a queue
}

// sum is that of a language.
func (w *walkthrough) sum(language string) *keysTried {
	if w.tried == nil {
		w.tried = map[string]*keysTried{}
	}
	if w.tried[language] == nil {
		w.tried[language] = &keysTried{pressed: trial.Pressed{}}
	}
	return w.tried[language]
}

// finds adds the calls by which a dialogue is gone through, from the keys on that
// choose its language. It reports that this could be found out.
func (w *walkthrough) finds(ctx context.Context, calls *[]keyCall, s trial.Situation, one keyCall, start string) bool {
	sum := w.sum(one.language)
	found, err := trial.FindPresses(ctx, s, one.e.flow, one.language, start, sum.pressed)
	if err != nil {
		if ctx.Err() == nil {
			w.found(health.Bad, "flows.unfit", err.Error())
		}
		return false
	}
	sum.keys, sum.menus, sum.calls = sum.keys+found.Keys, sum.menus+found.Menus, sum.calls+len(found.Ways)
	for _, one.way = range found.Ways {
		*calls = append(*calls, one)
	}
	return true
}

// keyCalls are the calls that press what nobody has pressed yet.
func (w *walkthrough) keyCalls(ctx context.Context) (calls []keyCall) {
	for _, e := range w.m.entries {
		ways, err := trial.FindWays(ctx, w.m.engine.Flows(), w.m.engine.Surroundings(), e.flow)
		if err != nil {
			return calls // entry says so
		}
		for i, language := range w.m.engine.Surroundings().Languages {
			start := ways.Languages[language]
			switch {
			case i == 0:
				start = "" // it is chosen by silence, and the keys of the others are pressed, too
			case start == "":
				continue // entry says so
			}
			if !w.finds(ctx, &calls, w.situation(), keyCall{e: e, language: language}, start) {
				return calls
			}
		}
	}
	return calls
}

// keysIn makes the calls of one mode.
func (w *walkthrough) keysIn(ctx context.Context, in string) {
	w.makes(ctx, w.keyCalls(ctx), keysAtOnce, func(call keyCall, words string, err error) {
		w.found(health.Bad, words, err.Error(), "language", call.language, "keys", call.way.String(), "mode", in)
	})
}

// makes makes calls, some at a time, and tells what is wrong with them, but not
// too often.
func (w *walkthrough) makes(ctx context.Context, list []keyCall, atOnce int, tell func(call keyCall, words string, err error)) {
	var calls errgroup.Group
	calls.SetLimit(max(1, min(atOnce, w.h.trunk.Stats().Limit/keysShare)))
	// The longest first: none is waited for at the end.
	slices.SortStableFunc(list, func(a, b keyCall) int { return cmp.Compare(len(b.way.Answers), len(a.way.Answers)) })
	var mu sync.Mutex // guards the sums, and the report
	for _, call := range list {
		calls.Go(func() error {
			words, err := w.keyed(ctx, call, false)
			if err != nil && ctx.Err() == nil { // some listen to the end first
				words, err = w.keyed(ctx, call, true)
			}
			if err == nil || ctx.Err() != nil {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			sum := w.sum(call.language)
			if sum.troubles++; sum.troubles <= mostTrouble {
				tell(call, words, err)
			}
			return nil
		})
	}
	_ = calls.Wait() // what went wrong is found
}

// situation is what the dialogues of a rehearsal meet while nobody is signed in.
func (w *walkthrough) situation() trial.Situation {
	host := w.m.host
	// There is no call whose promise could be stored.
	host.Promise = func(context.Context, *ivr.Session, ivr.Promise) error { return nil }
	host.Voicemail = func(context.Context, *ivr.Session, ivr.Message) error {
		if w.h.switches.Off(switches.Recording) {
			return errPartOff
		}
		return nil
	}
	host.Transfer = func(context.Context, *ivr.Session, string, time.Duration) error { return errRehearsal }
	return trial.Situation{Flows: w.m.engine.Flows(), With: w.m.engine.Surroundings(), Actions: w.m.actions, Host: host, Attributes: map[string]string{
		ivr.AttributeContactID: "rehearsal", ivr.AttributeCaller: rehearsalCaller, ivr.AttributeWithheld: "no", scenario.Attribute: w.h.disaster.Current().Attribute()}}
}

// keyed makes one call and answers its questions, at once or after they were
// said; what was heard and what the record says have to fit. The words are for
// what went wrong.
func (w *walkthrough) keyed(ctx context.Context, one keyCall, patiently bool) (words string, err error) {
	from := call.Number(fmt.Sprintf("%s%03d", fictions, (w.fiction.Add(1)-1)%fictionsMost))
	one.from = string(from)
	if one.inner {
		if one.way, err = w.prepares(ctx, one, from); err != nil {
			return "broken", err
		}
	}
	c, hangup, err := w.ringsFrom(ctx, one.e, string(from))
	if err != nil {
		return "keys.refused", err
	}
	defer hangup()
	if _, err := listen(ctx, c, 0, nextHeard, greetingLimit); err != nil {
		return "keys.silent", err
	}
	passed := 0 // steps
	for i, answer := range one.way.Answers {
		whole := patiently
		if one.inner {
			if passed, err = w.asked(ctx, c, one, i, passed); err != nil {
				return "keys.elsewhere", err
			}
			step := w.m.step(one.way.Asked[i])
			whole = patiently && step.Wait == nil || step.Menu != nil && !step.BargeIn
		}
		leads := func() error { return nil }
		if one.inner {
			leads = func() error { return w.leads(ctx, c, one, i, passed) }
		}
		if err := w.answer(ctx, c, answer, whole, leads); errors.Is(err, errElsewhere) {
			return "keys.elsewhere", err
		} else if err != nil && !(i == len(one.way.Answers)-1 && c.FarHungUp()) && !(one.inner && w.m.waits(string(from))) {
			return "keys.silent", err
		}
	}
	hangup()
	k, err := w.endedOf(ctx, func(k triage.Contact) bool { return k.Caller == from })
	if err == nil && k.Keys != one.way.Taken && !one.waits { // what is pressed in a queue is in no record
		err = fmt.Errorf("the call is on record with the keys %q, and not %q", k.Keys, one.way.Taken)
	}
	if err == nil {
		err = w.m.inner.calls.trouble(string(from))
	}
	return "keys.elsewhere", err
}

// answer answers one question, and hears that something is said where that leads.
func (w *walkthrough) answer(ctx context.Context, c *phone.Call, answer string, patiently bool, leads func() error) error {
	keys, speaks := strings.CutPrefix(answer, string(trial.Speak))
	if speaks || patiently {
		if err := calm(ctx, c); err != nil {
			return err
		}
	}
	if speaks {
		if err := c.Say(ctx, audio.Tone(rehearsalCallerHz, trial.SpeakFor, -12)); err != nil {
			return err
		}
	}
	before := len(c.Heard())
	if err := c.Press(ctx, keys); err != nil {
		return err
	}
	if err := leads(); err != nil {
		return err
	}
	_, err := listen(ctx, c, before, afterKey, afterLimit)
	return err
}

// calm waits until nothing is said any more.
func calm(ctx context.Context, c *phone.Call) error {
	over := time.NewTimer(calmLimit)
	defer over.Stop()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		heard := c.Heard()
		if n := int(calmFor.Seconds() * audio.SampleRate); len(heard) >= n {
			if loud, _ := loudness(heard[len(heard)-n:]); loud == 0 {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-over.C:
			return fmt.Errorf("somebody still speaks after %v", calmLimit)
		case <-c.Done():
			return errors.New("the call ended")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
