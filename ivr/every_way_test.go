package ivr_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr"
	"hotline/ivr/flow"
)

// steered is a caller, and the hotline around the call: at the first step that
// asks either of them anything they answer as planned. From then on the caller
// is silent, and everything that is asked of the hotline fails.
type steered struct {
	plan    string // key, "silence", "speaks", "mute", "hangs up", or the answer of the hotline
	decided bool
	hangup  context.CancelFunc
}

// decide is the plan at the first question, and nothing later.
func (s *steered) decide() string {
	if s.decided {
		return ""
	}
	s.decided = true
	return s.plan
}

func (s *steered) Play(ctx context.Context, clip *audio.Clip, _ bool) (bool, error) {
	if s.plan == "hangs up" && !s.decided {
		s.decided = true
		s.hangup()
	}
	return false, s.rest(ctx, clip.Duration())
}

func (s *steered) rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *steered) Music(*audio.Clip) {}
func (s *steered) FlushKeys()        {}

func (s *steered) Key(ctx context.Context) (byte, error) {
	if key := s.decide(); len(key) == 1 {
		return key[0], nil
	} else if key == "hangs up" {
		s.hangup()
	}
	<-ctx.Done()
	return 0, context.Cause(ctx)
}

func (s *steered) Record(ctx context.Context, longest time.Duration, _ string) (*audio.Clip, byte, error) {
	switch s.decide() {
	case "speaks":
		return audio.Silence(min(longest, 20*time.Second)), '#', s.rest(ctx, 5*time.Second)
	case "hangs up":
		s.hangup()
	}
	return nil, 0, s.rest(ctx, 5*time.Second)
}

var errPlanned = errors.New("as planned")

// asked is what the hotline answers.
func (s *steered) asked() error {
	if s.decide() == "ok" {
		return nil
	}
	return errPlanned
}

func (s *steered) host() ivr.Host {
	return ivr.Host{
		Staffing: func(context.Context, string) (ivr.Staffing, error) {
			switch s.decide() {
			case "ok":
				return ivr.Staffing{SignedIn: 2, Available: 1, Busy: 1, WaitKnown: true}, nil
			case "busy":
				return ivr.Staffing{SignedIn: 2, Busy: 2, Waiting: 1, Wait: time.Minute, WaitKnown: true}, nil
			case "long":
				return ivr.Staffing{SignedIn: 2, Busy: 2, Waiting: 9, Wait: time.Hour, WaitKnown: true}, nil
			case "nobody":
				return ivr.Staffing{}, nil
			}
			return ivr.Staffing{}, errPlanned
		},
		Promise:   func(context.Context, *ivr.Session, ivr.Promise) error { return s.asked() },
		Voicemail: func(context.Context, *ivr.Session, ivr.Message) error { return s.asked() },
		Bulletins: func(context.Context, string, string, time.Time) ([]ivr.Bulletin, error) {
			return []ivr.Bulletin{{Sound: audio.Silence(time.Second)}}, s.asked()
		},
		Transfer: func(context.Context, *ivr.Session, string, time.Duration) error { return s.asked() },
		Fetch: func(context.Context, string, map[string]string) (json.RawMessage, error) {
			return json.RawMessage(`{}`), s.asked()
		},
	}
}

// plans are all that can happen at a step.
func plans(s *flow.Step, results map[string][]string) []string {
	all := []string{"silence", "hangs up"}
	switch {
	case s.Menu != nil:
		for key := range s.Menu.Keys {
			all = append(all, string(key))
		}
		for _, wrong := range "0123456789*#" {
			if _, known := s.Menu.Keys[byte(wrong)]; !known {
				return append(all, string(wrong))
			}
		}
	case s.Collect != nil, s.CallBack != nil:
		return append(all, "1", "#", "*")
	case s.Record != nil, s.Voicemail != nil:
		return append(all, "speaks", "ok")
	case s.Do != nil:
		return append(slices.Clone(results[s.Do.Action]), "fails", "hangs up")
	case s.Staffing != nil:
		return []string{"ok", "busy", "long", "nobody", "fails"}
	case s.Wait != nil:
		for key := range s.Wait.Keys {
			all = append(all, string(key))
		}
	case s.Transfer != nil, s.Bulletins != nil, s.HTTP != nil:
		return append(all, "ok", "fails")
	}
	return all
}

// TestEveryWayOutOfEveryShippedStep begins at every step of every shipped flow
// and goes every way that the caller or the hotline can choose there: each key,
// a wrong one, silence, a hang-up, each answer of an action and its failure.
// From there on the caller says nothing and everything fails. However it is,
// the call ends: with a person, a promise or a goodbye, in both languages, and
// nobody is led in circles.
func TestEveryWayOutOfEveryShippedStep(t *testing.T) {
	flows := shippedFlows(t)
	s := newScene(t, flows)
	known := results(s.actions())
	caller := &steered{}
	actions := map[string]ivr.Action{}
	for name := range known {
		actions[name] = func(context.Context, *ivr.Session) (string, error) {
			result := caller.decide()
			if result == "hangs up" {
				caller.hangup()
			}
			if !slices.Contains(known[name], result) {
				return "", errPlanned
			}
			return result, nil
		}
	}
	engine, err := ivr.New(ivr.Config{Flows: flows, Prompts: soundsOf(flows), Languages: []string{"es", "en"}, Log: slog.New(slog.DiscardHandler),
		HasQueue: func(string) bool { return true }, Actions: actions, Results: known, Host: caller.host()})
	if err != nil {
		t.Fatal(err)
	}
	walked, ends := 0, map[ivr.Exit]int{}
	for _, name := range flows.Names() {
		f := flows.Flow(name)
		if f == nil {
			continue
		}
		for _, step := range f.Order {
			from := beginningAt(t, flows, name, step)
			for _, plan := range plans(f.Steps[step], known) {
				for _, language := range []string{"es", "en"} {
					walked++
					synctest.Test(t, func(t *testing.T) {
						ctx, hangup := context.WithTimeout(t.Context(), 3*time.Hour) // of music, in a waiting treatment
						defer hangup()
						*caller = steered{plan: plan, hangup: hangup}
						out, err := engine.Run(ctx, caller, ivr.Start{Flow: name, Language: language, Flows: from})
						ends[out.Exit]++
						where := fmt.Sprintf("%s/%s, %s, in %s", name, step, plan, language)
						switch {
						case err != nil:
							t.Errorf("%s: %v", where, err)
						case out.Fallback:
							t.Errorf("%s: the caller is led in circles", where)
						case out.Exit == ivr.ExitLeft && ctx.Err() == nil, out.Exit == ivr.ExitQueue && out.Queue == "":
							t.Errorf("%s: it ends with %+v", where, out)
						case plan == "hangs up" && caller.decided && out.Exit != ivr.ExitLeft && ctx.Err() != nil:
							t.Errorf("%s: the caller is gone, and it ends with %s", where, out.Exit)
						case out.Exit == ivr.ExitLeft && plan != "hangs up" && f.Steps[step].Wait == nil && !waits(flows, name):
							t.Errorf("%s: the call does not end by itself", where)
						}
					})
				}
			}
		}
	}
	t.Logf("%d ways: %v", walked, ends)
	if walked < 1500 || ends[ivr.ExitLeft] < 500 || ends[ivr.ExitQueue] < 300 || ends[ivr.ExitHangup]+ends[ivr.ExitEnd] < 500 {
		t.Errorf("only %d ways were walked: %v", walked, ends)
	}
}

// waits reports that a flow is heard in a queue and goes on until somebody
// answers.
func waits(flows *flow.FlowSet, name string) bool {
	for _, f := range flows.Names() {
		if flows.Flow(f) == nil {
			continue
		}
		for _, s := range flows.Flow(f).Steps {
			if s.Queue != nil && s.Queue.Treatment == name {
				return true
			}
		}
	}
	return false
}

// beginningAt is the set with one flow that begins somewhere else.
func beginningAt(t *testing.T, flows *flow.FlowSet, name, step string) *flow.FlowSet {
	t.Helper()
	var all []*flow.Flow
	for _, one := range slices.Sorted(maps.Keys(ivr.ShippedTexts())) {
		f := flows.Flow(one)
		if f == nil {
			continue
		}
		if one == name {
			moved := *f
			moved.Start = step
			f = &moved
		}
		all = append(all, f)
	}
	set, err := flow.NewSet(all...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}
