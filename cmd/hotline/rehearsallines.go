package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/health"
	"hotline/appliance/media"
	"hotline/appliance/trunk"
	"hotline/triage"
)

// This file is how the box rings itself over the telephone network: out by a
// line, and back in by one of its own numbers. Both ends are ours, so it knows of
// each direction whether sound goes through.

// channelsTried is how many channels of a line such a call takes, there and back.
const channelsTried = 2

// lines lets the box call itself by every line to the telephone network. The
// light form leaves a channel to whoever rings meanwhile, and rings by one line
// only, one after another: such calls may cost money.
func (w *walkthrough) lines(ctx context.Context) {
	ways := w.h.ways(w.cfg)
	own := w.ownNumber()
	channels := map[string]trunk.LineState{}
	for _, l := range w.h.trunk.Lines() {
		channels[l.Name] = l
	}
	if !w.report.Full {
		ways = spare(ways, channels)
		if len(ways) == 0 || own == "" || len(w.m.entries) == 0 {
			return
		}
		ways = ways[w.lineNext%len(ways):][:1]
		w.lineNext++
	}
	if len(ways) == 0 {
		w.found(health.Watch, "lines.none", "")
		return
	}
	for _, l := range ways {
		switch s := channels[l.name]; {
		case ctx.Err() != nil:
			return
		case own == "" || len(w.m.entries) == 0:
			w.found(health.Watch, "line.alone", "", "line", l.name)
		case s.Limit > 0 && s.Limit < channelsTried:
			w.found(health.Watch, "line.single", "", "line", l.name)
		default:
			w.line(ctx, l.name, call.ParseNumber(l.from, w.cfg.Region), own)
		}
	}
	if w.report.Full && own != "" && len(w.m.entries) > 0 {
		w.failOver(ctx, own)
	}
}

// spare are the lines that work and have a channel left while such a call is on.
func spare(ways []way, channels map[string]trunk.LineState) []way {
	return slices.DeleteFunc(ways, func(l way) bool {
		s := channels[l.name]
		return !s.Up || s.Limit > 0 && s.Limit-s.Calls <= channelsTried
	})
}

// ownNumber is one that callers dial from anywhere; "" where none is configured
// in full.
func (w *walkthrough) ownNumber() call.Number {
	for _, number := range w.h.helpNumbers(w.cfg) {
		if n := call.ParseNumber(number, w.cfg.Region); n.E164() {
			return n
		}
	}
	return ""
}

const (
	loopHeard = 2500 * time.Millisecond
	loopSpoke = 1500 * time.Millisecond // the tone by which the other direction is known
	loopFound = 5 * time.Second         // for the end that came back

	mostlyTone = 0.4 // of what is heard; an echo of the greeting is far below
)

// line rings one of the hotline's own numbers by a line, and listens at both ends.
func (w *walkthrough) line(ctx context.Context, name string, from, own call.Number) {
	c, err := w.loop(ctx, own, []call.Number{from}, name)
	if err != nil {
		w.result(ctx, err, "", "line.dead", "line", name)
		return
	}
	if ctx.Err() != nil {
		return
	}
	state, words := judgeLine(c.arrived, c.said, c.there)
	detail := ""
	if state != health.Good {
		detail = c.String()
	}
	w.found(state, words, detail, "line", name)
}

// looped is what came of a call of the box to itself.
type looped struct {
	line        string // by which it went out
	arrived     bool
	said, there hearing
}

func (c looped) String() string { return fmt.Sprintf("greeting: %s; tone: %s", c.said, c.there) }

// loop rings one of the hotline's own numbers, by the lines named or as any other
// call out, and listens at both ends. from are the caller IDs that it may show.
func (w *walkthrough) loop(ctx context.Context, own call.Number, from []call.Number, lines ...string) (c looped, err error) {
	for _, n := range from {
		if n.E164() {
			w.m.loops.Store(n, true)
			defer w.m.loops.Delete(n)
		}
	}
	w.m.forgetLooped()
	before := w.counted()
	leg, err := w.h.trunk.Dial(ctx, trunk.Outgoing{To: own, Role: roleRehearsal, Lines: lines, RingFor: answerLimit,
		Headers: []string{headerRehearsal + ": " + w.m.entries[0].number}})
	if err != nil {
		var dial *trunk.DialError
		if errors.As(err, &dial) {
			err = errors.New(dial.Reason)
		}
		return c, err
	}
	over := call.Cause{By: call.BySystem, Reason: "the rehearsal is over"}
	defer leg.Hangup(over)
	defer context.AfterFunc(ctx, func() { leg.Hangup(over) })()
	c.line = leg.Line()
	here := leg.Audio()
	defer here.Attend()()
	c.said.sound = here
	c.said.took(ctx, loopHeard, func(pcm []int16) bool { long, _ := loudness(pcm); return long >= greetingHeard/2 })
	if c.there.sound = w.m.lastLooped(ctx); c.there.sound != nil {
		speaking, hush := context.WithCancel(ctx)
		spoken := make(chan struct{})
		go func() {
			defer close(spoken)
			_, _ = here.Play(speaking, audio.Tone(rehearsalFirstHz, loopSpoke+time.Second, -12), false) // the other end is asked whether it came
		}()
		c.there.took(ctx, loopSpoke, func(pcm []int16) bool {
			long, _ := loudness(pcm)
			return long >= loopSpoke/4 && audio.ToneLevel(pcm, rehearsalFirstHz) > mostlyTone
		})
		hush()
		<-spoken
	}
	c.arrived = w.counted() > before
	return c, nil
}

// judgeLine says what two ends heard of each other: said is the greeting, where
// the hotline rang from, there the tone, where it was rung. arrived: it was.
func judgeLine(arrived bool, said, there hearing) (health.State, string) {
	switch {
	case !arrived && said.heard: // by somebody else
		return health.Watch, "line.stranger"
	case !arrived:
		return health.Bad, "line.silent"
	case there.sound == nil: // it ended before it could be asked
		return health.Bad, "broken"
	case said.heard && there.heard:
		return health.Good, "line.good"
	case said.heard && there.packets() > 0:
		return health.Bad, "line.still.hotline"
	case said.heard:
		return health.Bad, "line.deaf.hotline"
	case there.heard && said.packets() > 0:
		return health.Bad, "line.still.callers"
	case there.heard:
		return health.Bad, "line.deaf.callers"
	case said.packets() > 0 || there.packets() > 0:
		return health.Bad, "line.still"
	}
	return health.Bad, "line.silent"
}

// hearing is what one end of such a call has heard of the other.
type hearing struct {
	sound *media.Endpoint
	heard bool
	stats media.Stats
}

func (h *hearing) took(ctx context.Context, long time.Duration, is func(pcm []int16) bool) {
	clip, _, _ := h.sound.Record(ctx, long, "") // what came before an error counts
	h.heard = clip != nil && is(clip.PCM())
	h.stats = h.sound.Stats()
}

func (h hearing) packets() uint64 { return h.stats.PacketsIn }

func (h hearing) String() string {
	switch {
	case h.sound == nil:
		return "not looked for"
	case h.heard:
		return "heard"
	}
	return fmt.Sprintf("not heard, %d packets came", h.stats.PacketsIn)
}

// counted is how many calls of the rehearsal have arrived.
func (w *walkthrough) counted() (n int) {
	_ = w.m.contacts.Each(func(triage.Contact) bool { n++; return true }) // what cannot be read has not arrived
	return n
}
