package main

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/health"
	"hotline/appliance/lines"
	"hotline/appliance/media"
	"hotline/appliance/rehearsal"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
)

// carries is what a telephone network lets through in one direction.
type carries int

const (
	nothing carries = iota // not a packet: a router, a firewall, an address that leads nowhere
	silence                // packets of it: a gateway that is mute
	allOfIt
)

// carrier is a telephone network that brings calls back: to the hotline, and of
// the hotline. Its address is that of a line.
func (b *box) carrier(name string, to, of carries) {
	b.t.Helper()
	b.farEnd(name, phone.Config{Mute: of == nothing}, func(ctx context.Context, r *phone.Request) {
		far, err := phone.Dial(ctx, phone.Config{From: r.From().Address.User, To: r.Recipient.User, Server: b.h.trunk.Addr(), Mute: to == nothing})
		if err != nil {
			b.t.Errorf("the telephone network cannot bring the call back: %v", err)
			_ = r.Reply(nil, 503, false)
			return
		}
		defer far.Hangup()
		near, err := r.Answer()
		if err != nil {
			b.t.Error(err)
			return
		}
		var relays sync.WaitGroup
		defer relays.Wait()
		if to == allOfIt {
			relays.Go(func() { relay(ctx, near, far) })
		}
		if of == allOfIt {
			relays.Go(func() { relay(ctx, far, near) })
		}
		select {
		case <-near.Done():
		case <-ctx.Done():
		}
		far.Hangup()
	})
}

// farEnd is a telephone network with a line to it.
func (b *box) farEnd(name string, sound phone.Config, invited phone.Script) {
	b.t.Helper()
	s, err := phone.Listen(context.Background(), netip.MustParseAddr("127.0.0.1"), sound, func(ctx context.Context, r *phone.Request) {
		if r.Method != "INVITE" {
			_ = r.Reply(nil, 200, false)
			return
		}
		invited(ctx, r)
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(s.Close)
	if err := b.h.lines.Add(b.t.Context(), lines.Line{Name: name, Kind: lines.GSM, Servers: []string{s.Addr().String()}, From: "+12025550100"}, "", "test"); err != nil {
		b.t.Fatal(err)
	}
	b.until("the line "+name+" is up", func() bool {
		return slices.ContainsFunc(b.h.trunk.Lines(), func(l trunk.LineState) bool { return l.Name == name && l.Checked && l.Up })
	})
}

// relay says on one call what is heard on another, until one of them ends.
func relay(ctx context.Context, from, to *phone.Call) {
	tick := time.NewTicker(audio.FrameDuration)
	defer tick.Stop()
	at := 0
	for {
		select {
		case <-tick.C:
		case <-from.Done():
			return
		case <-to.Done():
			return
		case <-ctx.Done():
			return
		}
		if heard := from.Heard(); len(heard) >= at+audio.SampleRate/10 {
			_ = to.Say(ctx, audio.FromPCM(heard[at:])) // which ends with the call
			at = len(heard)
		}
	}
}

// mirrored lets part of a rehearsal be made as within a whole one.
func (b *box) mirrored(w *walkthrough, of mirrorOf, do func()) {
	b.t.Helper()
	m, err := b.h.newMirror(b.t.Context(), w.cfg, of)
	if err != nil {
		b.t.Fatal(err)
	}
	use := func(m *mirror) {
		w.mu.Lock()
		w.rehearsals.mirror = m
		w.mu.Unlock()
	}
	w.m = m
	use(m)
	do()
	use(nil)
	if err := m.stop(); err != nil {
		b.t.Error(err)
	}
}

// failsOver lets the line fail that calls out begin with: in a box that has one
// more, whose far end takes no call, and then another one that does. It gives what
// is told of the first.
func (b *box) failsOver(w *walkthrough) (none []health.Check) {
	b.t.Helper()
	ctx, own := b.t.Context(), w.ownNumber()
	fails := func() []health.Check {
		b.until("the lines are free", func() bool {
			return !slices.ContainsFunc(b.h.trunk.Lines(), func(l trunk.LineState) bool { return l.Calls > 0 })
		})
		w.report.Lines = nil
		w.failOver(ctx, own)
		return w.report.Lines
	}
	b.farEnd("refusing", phone.Config{}, func(_ context.Context, r *phone.Request) { _ = r.Reply(nil, 503, false) })
	none = fails()
	b.carrier("second", allOfIt, allOfIt)
	if found := fails(); len(found) != 1 || found[0].State != health.Good || found[0].Words != "try.failover.good" || !slices.Equal(found[0].Values, []string{"line", "gateway", "other", "second"}) {
		b.t.Errorf("a line that is taken over by another one: %+v", found)
	}
	if w.says("gateway") != "line.up" {
		b.t.Errorf("after it has failed on purpose the line is %s", w.says("gateway"))
	}
	return none
}

// rehearsals are the reports that are kept.
func (b *box) rehearsals() []rehearsal.Report {
	b.t.Helper()
	list, err := b.h.rehearse.List()
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

// rehearsesLightly makes the form of every hour.
func (b *box) rehearsesLightly() {
	b.t.Helper()
	before := len(b.rehearsals())
	if again := b.h.rehearse.light(b.t.Context()); again != rehearseEvery {
		b.t.Errorf("the next one comes in %v", again)
	}
	list := b.rehearsals()
	if len(list) != before+1 {
		b.t.Fatalf("there are %d reports after %d", len(list), before)
	}
	r := list[0]
	count := map[string]int{}
	for _, c := range r.Lines {
		if c.State == health.Good {
			count[c.Words]++
		}
	}
	if !r.Passed() || r.Full || r.By != "" || count["try.greeting.heard"] != 1 || count["try.queue.reached"] != 1 || count["try.line.good"] != 1 || count["try.transfer.good"] != 0 || of(r.Lines, "try.failover.only") != nil {
		b.t.Errorf("the light form found %v: %+v", count, r)
	}
	if line := of(health.Checks(b.h.measure()), "rehearsal.passed"); line == nil || line.Values[3] != r.At.Add(r.Took).Local().Format("2006-01-02 15:04") {
		b.t.Errorf("the health page tells of the last rehearsal %v", line)
	}
	b.leftNothing()
}

// rehearsesNothing looks at the form of every hour on a machine that has no
// strength to spare.
func (b *box) rehearsesNothing() {
	b.t.Helper()
	b.until("the machine is strained", b.h.strained)
	before := len(b.rehearsals())
	if again := b.h.rehearse.light(b.t.Context()); again != rehearseAgain || len(b.rehearsals()) != before {
		b.t.Errorf("on a strained machine %d reports are written, and it is due in %v", len(b.rehearsals())-before, again)
	}
}

// The light form leaves a channel to whoever rings meanwhile.
func TestTheLightFormTakesNoLastChannel(t *testing.T) {
	states := map[string]trunk.LineState{"down": {}, "one": {Up: true, Limit: 1}, "two": {Up: true, Limit: 2}, "three": {Up: true, Limit: 3}, "busy": {Up: true, Limit: 4, Calls: 2}, "any": {Up: true}}
	var all []way
	for _, name := range []string{"down", "one", "two", "three", "busy", "any", "unknown"} {
		all = append(all, way{name: name})
	}
	if got := spare(all, states); !slices.Equal(got, []way{{name: "three"}, {name: "any"}}) {
		t.Errorf("it would ring by %v", got)
	}
}

// What two ends of a call hear of each other says what is wrong.
func TestWhatALineIsToldToDo(t *testing.T) {
	sound := new(media.Endpoint)
	heard := hearing{sound: sound, heard: true, stats: media.Stats{PacketsIn: 100}}
	quiet := hearing{sound: sound, stats: media.Stats{PacketsIn: 100}}
	deaf := hearing{sound: sound}
	for words, tc := range map[string]struct {
		arrived     bool
		said, there hearing
		state       health.State
	}{
		"line.good":          {true, heard, heard, health.Good},
		"line.stranger":      {false, heard, hearing{}, health.Watch},
		"line.silent":        {true, deaf, deaf, health.Bad},
		"line.still":         {true, quiet, quiet, health.Bad},
		"line.still.callers": {true, quiet, heard, health.Bad},
		"line.still.hotline": {true, heard, quiet, health.Bad},
		"line.deaf.callers":  {true, deaf, heard, health.Bad},
		"line.deaf.hotline":  {true, heard, deaf, health.Bad},
		"broken":             {true, heard, hearing{}, health.Bad},
	} {
		if state, got := judgeLine(tc.arrived, tc.said, tc.there); got != words || state != tc.state {
			t.Errorf("%s is told as %s (%v)", words, got, state)
		}
	}
}

// Which line is made to fail, and what is told of a failure.
func TestWhatALineThatFailsIsToldToDo(t *testing.T) {
	up := func(name string, calls, limit int) trunk.LineState {
		return trunk.LineState{Name: name, Up: true, Calls: calls, Limit: limit}
	}
	for _, tc := range []struct {
		lines       []trunk.LineState
		name, words string
	}{
		{nil, "", ""},
		{[]trunk.LineState{{Name: "down"}}, "", ""},
		{[]trunk.LineState{{Name: "down"}, up("a", 0, 0)}, "a", "failover.only"},
		{[]trunk.LineState{up("a", 0, 1), up("b", 0, 2)}, "a", ""},
		{[]trunk.LineState{{Name: "down"}, up("a", 0, 1), up("b", 0, 1), up("c", 0, 0)}, "a", ""},
		{[]trunk.LineState{up("a", 1, 9), up("b", 0, 9)}, "a", "failover.untried"},
		{[]trunk.LineState{up("a", 0, 9), up("b", 0, 1)}, "a", "failover.untried"},
		{[]trunk.LineState{up("a", 0, 9), up("b", 8, 9)}, "a", "failover.untried"},
	} {
		if name, words := toFail(tc.lines); name != tc.name || words != tc.words {
			t.Errorf("of %+v %q is made to fail, %q", tc.lines, name, words)
		}
	}

	sound := new(media.Endpoint)
	heard, deaf := hearing{sound: sound, heard: true}, hearing{sound: sound}
	well := looped{line: "b", arrived: true, said: heard, there: heard}
	for want, tc := range map[string]struct {
		call       looped
		err        error
		seen, back bool
	}{
		"good failover.good":                     {well, nil, true, true},
		"bad failover.none":                      {looped{}, errors.New("refused"), true, true},
		"bad failover.unheard":                   {looped{arrived: true, said: heard, there: deaf}, nil, true, true},
		"watch failover.stranger":                {looped{said: heard}, nil, true, true},
		"bad failover.unseen":                    {well, nil, false, true},
		"bad failover.stays":                     {well, nil, true, false},
		"bad failover.none, bad failover.unseen": {looped{}, errors.New("refused"), false, true},
		"bad failover.unheard, bad failover.unseen, bad failover.stays": {looped{}, nil, false, false},
	} {
		var got []string
		for _, f := range judgeFailOver(tc.call, tc.err, tc.seen, tc.back) {
			got = append(got, f.State.String()+" "+f.Words)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%q is told, not %q", got, want)
		}
	}
}
