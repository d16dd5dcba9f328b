package main

import (
	"context"
	"errors"
	"fmt"
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
	"hotline/ivr/scenario"
	"hotline/ivr/trial"
	"hotline/triage"
)

// This file is how a rehearsal presses every key: which keys there are is found
// out by text, and each is pressed in a real call, in every language. Nobody is
// signed in behind these calls; the lines that keys lead to were tried before.

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

// keys presses every key to which callers come now.
func (w *walkthrough) keys(ctx context.Context) {
	for i, e := range w.m.entries {
		ways, err := trial.FindWays(ctx, w.m.engine.Flows(), w.m.engine.Surroundings(), e.flow)
		if err != nil {
			return // entry says so
		}
		for j, language := range w.m.engine.Surroundings().Languages {
			start := ways.Languages[language]
			switch {
			case j == 0:
				start = "" // it is chosen by silence, and the keys of the others are pressed, too
			case start == "":
				continue // entry says so
			}
			w.keysIn(ctx, e, language, start, i == 0 && j == 0)
		}
	}
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

// keysIn presses the keys of one language. first: it is said what no key leads to.
func (w *walkthrough) keysIn(ctx context.Context, e mirrorEntry, language, start string, first bool) {
	found, err := trial.FindPresses(ctx, w.situation(), e.flow, language, start)
	if err != nil || ctx.Err() != nil {
		if err != nil && ctx.Err() == nil {
			w.found(health.Bad, "flows.unfit", err.Error())
		}
		return
	}
	var calls errgroup.Group
	calls.SetLimit(max(1, min(keysAtOnce, w.h.trunk.Stats().Limit/keysShare)))
	var mu sync.Mutex // guards what follows
	troubles := 0
	for _, way := range found.Ways {
		calls.Go(func() error {
			words, err := w.keyed(ctx, e, way, false)
			if err != nil && ctx.Err() == nil { // some listen to the end first
				words, err = w.keyed(ctx, e, way, true)
			}
			if err == nil || ctx.Err() != nil {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			if troubles++; troubles <= mostTrouble {
				w.found(health.Bad, words, err.Error(), "language", language, "keys", way.String())
			}
			return nil
		})
	}
	_ = calls.Wait() // what went wrong is found
	if ctx.Err() != nil || len(found.Ways) == 0 {
		return
	}
	if troubles == 0 {
		w.found(health.Good, "keys.good", "", "language", language, "keys", strconv.Itoa(found.Keys), "questions", strconv.Itoa(found.Menus), "calls", strconv.Itoa(len(found.Ways)))
	}
	if first && found.Shut > 0 {
		w.found(health.Good, "keys.shut", "", "questions", strconv.Itoa(found.Shut))
	}
}

// keyed makes one call and answers its questions, at once or after they were
// said; what was heard and what the record says have to fit. The words are for
// what went wrong.
func (w *walkthrough) keyed(ctx context.Context, e mirrorEntry, way trial.Press, patiently bool) (words string, err error) {
	from := call.Number(fmt.Sprintf("%s%03d", fictions, (w.fiction.Add(1)-1)%fictionsMost))
	c, hangup, err := w.ringsFrom(ctx, e, string(from))
	if err != nil {
		return "keys.refused", err
	}
	defer hangup()
	if _, err := listen(ctx, c, 0, nextHeard, greetingLimit); err != nil {
		return "keys.silent", err
	}
	for i, answer := range way.Answers {
		if err := w.answer(ctx, c, answer, patiently); err != nil && !(i == len(way.Answers)-1 && c.FarHungUp()) {
			return "keys.silent", err
		}
	}
	hangup()
	k, err := w.endedOf(ctx, func(k triage.Contact) bool { return k.Caller == from })
	if err == nil && k.Keys != way.Taken {
		err = fmt.Errorf("the call is on record with the keys %q, and not %q", k.Keys, way.Taken)
	}
	return "keys.elsewhere", err
}

// answer answers one question, and hears that something is said then.
func (w *walkthrough) answer(ctx context.Context, c *phone.Call, answer string, patiently bool) error {
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
