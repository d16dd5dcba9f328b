package ivr_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr"
	"hotline/ivr/flow"
)

// robot is a caller who presses anything, or nothing at all. It remembers
// whether the last thing that happened was a statement, a promise or a person.
type robot struct {
	dice   *rand.Rand
	silent bool
	told   bool
}

// Sounds of these tests: the first byte says what was said.
const (
	question  = 'q'
	statement = 's'
	neither   = 'n'
)

func (r *robot) Play(ctx context.Context, clip *audio.Clip, _ bool) (bool, error) {
	for _, b := range clip.MuLaw() {
		switch b {
		case question:
			r.told = false
		case statement:
			r.told = true
		}
	}
	return false, ctx.Err()
}

func (r *robot) Music(*audio.Clip) {}
func (r *robot) FlushKeys()        {}

func (r *robot) Key(ctx context.Context) (byte, error) {
	if r.silent || r.dice.IntN(3) == 0 {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return "0123456789*#"[r.dice.IntN(12)], nil
}

func (r *robot) Record(_ context.Context, limit time.Duration, _ string) (*audio.Clip, byte, error) {
	if r.dice.IntN(2) == 0 {
		return nil, 0, nil
	}
	return audio.Silence(min(limit, 20*time.Second)), 0, nil
}

// sounds can say everything: a question where flows ask with it, a statement
// everywhere else.
type sounds map[string]bool // prompts that ask

func soundsOf(set *flow.FlowSet) sounds {
	asks := sounds{flow.Beep: true}
	for _, name := range set.Names() {
		for _, s := range set.Flow(name).Steps {
			var parts []flow.Part
			switch {
			case s.Menu != nil:
				parts = slices.Concat(s.Say, s.Menu.InvalidSay, s.Menu.SilenceSay)
			case s.Collect != nil:
				parts = slices.Concat(s.Say, s.Collect.InvalidSay, s.Collect.Confirm)
			case s.Record != nil, s.CallBack != nil, s.Voicemail != nil:
				parts = s.Say
			}
			for _, p := range parts {
				asks[p.Ref] = true
			}
		}
	}
	return asks
}

func (sounds) Has(_, id string) bool { return true }

func (asks sounds) Clip(_, id string) (*audio.Clip, error) {
	if asks[id] {
		return audio.NewClip([]byte{question}), nil
	}
	return audio.NewClip([]byte{statement}), nil
}

func (sounds) Number(string, int) (*audio.Clip, error)    { return audio.NewClip([]byte{neither}), nil }
func (sounds) Phone(string, string) (*audio.Clip, error)  { return audio.NewClip([]byte{neither}), nil }
func (sounds) Wait(string, int, int) (*audio.Clip, error) { return audio.NewClip([]byte{neither}), nil }
func (sounds) Hours(string, int) (*audio.Clip, error)     { return audio.NewClip([]byte{neither}), nil }
func (sounds) Time(string, time.Time) (*audio.Clip, error) {
	return audio.NewClip([]byte{neither}), nil
}
func (sounds) Date(string, time.Time) (*audio.Clip, error) {
	return audio.NewClip([]byte{neither}), nil
}
func (sounds) Digits(string, string) (*audio.Clip, error) {
	return audio.NewClip([]byte{neither}), nil
}

// moody is a host that answers by dice.
func (r *robot) moody() ivr.Host {
	fails := func() error {
		if r.dice.IntN(3) == 0 {
			return errors.New("by dice")
		}
		r.told = true
		return nil
	}
	return ivr.Host{
		Staffing: func(context.Context, string) (ivr.Staffing, error) {
			if r.dice.IntN(4) == 0 {
				return ivr.Staffing{}, errors.New("by dice")
			}
			return ivr.Staffing{SignedIn: r.dice.IntN(3), Available: r.dice.IntN(3), Waiting: r.dice.IntN(3),
				Wait: time.Duration(r.dice.IntN(20)) * time.Minute, WaitKnown: true}, nil
		},
		Promise:   func(context.Context, *ivr.Session, ivr.Promise) error { return fails() },
		Voicemail: func(context.Context, *ivr.Session, ivr.Message) error { return fails() },
		Bulletins: func(context.Context, string, string, time.Time) ([]ivr.Bulletin, error) {
			return []ivr.Bulletin{{Sound: audio.NewClip([]byte{statement})}}[:r.dice.IntN(2)], nil
		},
		Transfer: func(context.Context, *ivr.Session, string, time.Duration) error { return fails() },
		Fetch: func(context.Context, string, map[string]string) (json.RawMessage, error) {
			return json.RawMessage(`{"a":1}`), nil
		},
	}
}

// writer makes flows up.
type writer struct {
	*rand.Rand
	steps int
	flows int
}

func (w writer) to() string { return fmt.Sprintf("s%d", w.IntN(w.steps)) }

func (w writer) step(flows int) string {
	again := func(text string, args ...any) string { return fmt.Sprintf(text, args...) }
	switch w.IntN(30) {
	case 0, 1, 2:
		return again("{menu: {\"1\": %s, \"2\": %s}, say: question, retries: %d, default: %s}", w.to(), w.to(), w.IntN(2), w.to())
	case 3:
		return again("{collect: x%d, say: question, next: %s, silence: %s}", w.IntN(3), w.to(), w.to())
	case 4:
		return again("{record: r, say: question, max: 5s, next: %s, silence: %s}", w.to(), w.to())
	case 5, 6, 7:
		return again("{say: statement, next: %s}", w.to())
	case 8:
		return again("{set: {x%d: {plus: 1}}, next: %s}", w.IntN(3), w.to())
	case 9:
		return again("{if: {attribute: x%d, at_least: %d}, then: %s, else: %s}", w.IntN(3), w.IntN(5), w.to(), w.to())
	case 10:
		return again("{when: [{expr: 'number(\"x0\") > 2', next: %s}], else: %s}", w.to(), w.to())
	case 11:
		return again("{loop: %d, again: %s, done: %s}", 1+w.IntN(4), w.to(), w.to())
	case 12:
		return again("{split: s, ways: [{percent: 50, next: %s}, {percent: 50, next: %s}]}", w.to(), w.to())
	case 13:
		return again("{staffing: help, available: %s, busy: %s, nobody: %s, error: %s, long: %s, long_wait: 5m}", w.to(), w.to(), w.to(), w.to(), w.to())
	case 14:
		return again("{callback: help, say: question, confirm: question, next: %s, silence: %s, error: %s}", w.to(), w.to(), w.to())
	case 15:
		return again("{voicemail: help, say: question, next: %s, silence: %s, error: %s}", w.to(), w.to(), w.to())
	case 16:
		return again("{bulletins: all, next: %s, none: %s, error: %s}", w.to(), w.to(), w.to())
	case 17:
		return again("{transfer: \"+34900000000\", next: %s, failed: %s}", w.to(), w.to())
	case 18:
		return again("{do: dice, on: {a: %s, b: %s}, error: %s}", w.to(), w.to(), w.to())
	case 19:
		return again("{wait: 5s, next: %s}", w.to())
	case 20:
		return again("{flow: f%d, on: {a: %s}, next: %s}", w.IntN(flows), w.to(), w.to())
	case 21:
		return again("{continue: f%d}", w.IntN(flows))
	case 22:
		return again("{http: http://x.example.org/, take: {x1: a}, next: %s, error: %s}", w.to(), w.to())
	case 23:
		return "{end: a}"
	case 24:
		return "{end: b, say: statement}"
	case 25:
		return "{hangup: a}"
	case 26:
		return "{hangup: b, say: statement}"
	case 27:
		return again("{queue: help, treatment: f%d}", w.IntN(flows))
	}
	return "{queue: help}"
}

// flow writes one flow in which every step is reached.
func (w writer) flow() string {
	steps := map[string]string{}
	target := regexp.MustCompile(`\bs\d+\b`)
	open := []string{"s0"}
	var order []string
	for len(open) > 0 {
		name := open[0]
		open = open[1:]
		if steps[name] != "" {
			continue
		}
		order = append(order, name)
		steps[name] = w.step(w.flows)
		open = append(open, target.FindAllString(steps[name], -1)...)
	}
	var b strings.Builder
	b.WriteString("start: s0\nfallback: {queue: help}\nsteps:\n")
	for _, name := range order {
		fmt.Fprintf(&b, "  %s: %s\n", name, steps[name])
	}
	return b.String()
}

// TestAcceptedFlowsEndWell walks through thousands of made-up flows that the
// checker has accepted: with any keys, and with none. Each call ends with a
// person, a promise or a goodbye, and a caller who presses nothing is never
// led in circles.
func TestAcceptedFlowsEndWell(t *testing.T) {
	accepted, endings := 0, map[string]int{}
	for seed := range uint64(6000 / share) {
		dice := rand.New(rand.NewPCG(seed, 1))
		w := writer{dice, 2 + dice.IntN(7), 1 + dice.IntN(3)}
		texts := map[string]string{}
		for i := range w.flows {
			texts[fmt.Sprintf("f%d", i)] = w.flow()
		}
		set := parsed(t, texts)
		if set == nil {
			continue
		}
		if walk(t, set, texts, seed, endings) {
			accepted++
		}
	}
	t.Logf("%d flows accepted; endings %v", accepted, endings)
	if accepted < 500/share {
		t.Errorf("only %d flows were accepted: too few to say anything", accepted)
	}
	for _, want := range []string{"queue", "hangup", "end"} {
		if endings[want] < 100/share {
			t.Errorf("only %d calls ended with %s", endings[want], want)
		}
	}
}

// TestMutatedFlowsEndWell does the same with the flows that ship, in which a
// few ways lead somewhere else.
func TestMutatedFlowsEndWell(t *testing.T) {
	shipped := ivr.ShippedTexts()
	names := slices.Sorted(maps.Keys(shipped))
	word := regexp.MustCompile(`(next|default|silence|error|then|else|"[0-9*]"): ?([a-z_]+)\b`)
	accepted, endings := 0, map[string]int{}
	for seed := range uint64(150 / share) {
		dice := rand.New(rand.NewPCG(seed, 2))
		texts := maps.Clone(shipped)
		name := names[dice.IntN(len(names))]
		at := word.FindAllStringSubmatchIndex(texts[name], -1)
		for range 1 + dice.IntN(2) {
			to := word.FindAllStringSubmatch(texts[name], -1)
			m, with := at[dice.IntN(len(at))], to[dice.IntN(len(to))][2]
			if m[5] <= len(texts[name]) {
				texts[name] = texts[name][:m[4]] + with + texts[name][m[5]:]
				at = word.FindAllStringSubmatchIndex(texts[name], -1)
			}
		}
		set := parsed(t, texts)
		if set == nil {
			continue
		}
		if walk(t, set, texts, seed, endings) {
			accepted++
		}
	}
	t.Logf("%d flows accepted; endings %v", accepted, endings)
	if accepted < 20/share {
		t.Errorf("only %d flows were accepted: too few to say anything", accepted)
	}
}

func parsed(t *testing.T, texts map[string]string) *flow.FlowSet {
	t.Helper()
	var flows []*flow.Flow
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		f, err := flow.Parse(name, []byte(texts[name]))
		if err != nil {
			return nil // a mutation may make a way that cannot be written
		}
		flows = append(flows, f)
	}
	set, err := flow.NewSet(flows...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// walk leads robots through the flows with which calls begin. It reports
// whether the checker accepts them.
func walk(t *testing.T, set *flow.FlowSet, texts map[string]string, seed uint64, endings map[string]int) (accepted bool) {
	t.Helper()
	caller := &robot{}
	actions := map[string]ivr.Action{}
	for _, name := range set.Names() {
		for _, s := range set.Flow(name).Steps {
			if s.Do == nil {
				continue
			}
			actions[s.Do.Action] = func(_ context.Context, s *ivr.Session) (string, error) {
				ways := s.Ways()
				return append(ways, "unknown")[caller.dice.IntN(len(ways)+1)], nil
			}
		}
	}
	engine, err := ivr.New(ivr.Config{Flows: set, Prompts: soundsOf(set), Languages: []string{"es", "en"}, Log: slog.New(slog.DiscardHandler),
		HasQueue: func(string) bool { return true }, Actions: actions, Host: caller.moody()})
	if err != nil {
		return false
	}
	for _, root := range flow.Roots(set) {
		for n := range uint64(10) {
			synctest.Test(t, func(t *testing.T) {
				*caller = robot{dice: rand.New(rand.NewPCG(seed, 10+n)), silent: n%2 == 0}
				out, err := engine.Run(t.Context(), caller, ivr.Start{Flow: root})
				endings[string(out.Exit)]++
				good := out.Exit == ivr.ExitQueue && out.Queue != "" || caller.told && (out.Exit == ivr.ExitEnd || out.Exit == ivr.ExitHangup)
				if err != nil || !good || caller.silent && out.Fallback {
					t.Errorf("seed %d, walk %d from %s: exit %s %q, fallback %t, told %t, error %v\n%v", seed, n, root, out.Exit, out.Queue+out.Reason, out.Fallback, caller.told, err, texts)
				}
			})
			if t.Failed() {
				t.FailNow()
			}
		}
	}
	return true
}
