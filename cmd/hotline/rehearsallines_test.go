package main

import (
	"context"
	"net/netip"
	"slices"
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
	s, err := phone.Listen(context.Background(), netip.MustParseAddr("127.0.0.1"), phone.Config{Mute: of == nothing}, func(ctx context.Context, r *phone.Request) {
		if r.Method != "INVITE" {
			_ = r.Reply(nil, 200, false)
			return
		}
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
func (b *box) mirrored(w *walkthrough, do func()) {
	b.t.Helper()
	m, err := b.h.newMirror(b.t.Context(), w.cfg)
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

// rehearsesLightly makes the form of every hour, which needs a quiet moment.
func (b *box) rehearsesLightly(strain func(bool)) {
	b.t.Helper()
	kept := func() []rehearsal.Report {
		list, err := b.h.rehearse.List()
		if err != nil {
			b.t.Fatal(err)
		}
		return list
	}
	before := len(kept())
	if again := b.h.rehearse.light(b.t.Context()); again != rehearseEvery {
		b.t.Errorf("the next one comes in %v", again)
	}
	list := kept()
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
	if !r.Passed() || r.Full || r.By != "" || count["try.greeting.heard"] != 1 || count["try.queue.reached"] != 1 || count["try.line.good"] != 1 || count["try.transfer.good"] != 0 {
		b.t.Errorf("the light form found %v: %+v", count, r)
	}
	if line := of(health.Checks(b.h.measure()), "rehearsal.passed"); line == nil || line.Values[3] != r.At.Add(r.Took).Local().Format("2006-01-02 15:04") {
		b.t.Errorf("the health page tells of the last rehearsal %v", line)
	}
	b.leftNothing()

	strain(true)
	b.until("the machine is strained", b.h.strained)
	if again := b.h.rehearse.light(b.t.Context()); again != rehearseAgain || len(kept()) != len(list) {
		b.t.Errorf("on a strained machine %d reports are written, and it is due in %v", len(kept())-len(list), again)
	}
	strain(false)
	b.until("the machine is well again", func() bool { return !b.h.strained() })
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
