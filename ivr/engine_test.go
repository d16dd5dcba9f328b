package ivr_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"hotline/appliance/audio"
	"hotline/appliance/media"
	"hotline/ivr"
	"hotline/ivr/flow"
)

// The line that callers have.
var _ ivr.Line = (*media.Endpoint)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestHangingUpAnywhereLosesNothing ends the registration script after every
// single line of it.
func TestHangingUpAnywhereLosesNothing(t *testing.T) {
	text, err := os.ReadFile("testdata/volunteer_spanish.txt")
	if err != nil {
		t.Fatal(err)
	}
	script, _, _ := strings.Cut(string(text), "expect ")
	lines := strings.Split(strings.TrimSpace(script), "\n")
	answered := map[string]string{ // once this is heard, that is known
		"hear volunteer.language.es":     "age",
		"hear volunteer.area.es":         "languages",
		"hear volunteer.willing.es":      "area",
		"hear volunteer.availability.es": "willing",
		"hear volunteer.skills.es":       "availability",
		"hear volunteer.another.es":      "skills",
		"hear volunteer.consent.es":      "transport",
		"hear volunteer.name.es":         "consent",
	}
	var known []string
	before := map[string]string{}
	for n, line := range lines {
		if attribute := answered[line]; attribute != "" {
			known = append(known, attribute)
		}
		if line == lines[len(lines)-1] {
			break // the last prompt ends the call by itself
		}
		t.Run(fmt.Sprintf("%02d %s", n+1, line), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, shippedFlows(t))
				s.play("volunteer_spanish", strings.Join(lines[:n+1], "\n"))
				if s.line == nil {
					s.ring()
				}
				synctest.Wait()
				s.hangup(errHungUp)
				<-s.over
				if s.err != nil || s.out.Exit != ivr.ExitLeft {
					t.Fatalf("the call ended with %q, %v", s.out.Exit, s.err)
				}
				for _, attribute := range known {
					if s.out.Attributes[attribute] == "" {
						t.Errorf("%q was answered and is lost", attribute)
					}
				}
				for attribute, value := range before {
					if !strings.HasPrefix(s.out.Attributes[attribute], value) && !strings.HasPrefix(attribute, "mode.") {
						t.Errorf("%q was %q one step earlier and is %q now", attribute, value, s.out.Attributes[attribute])
					}
				}
				before = s.out.Attributes
			})
		})
	}
}

func TestWhatWasSaidBeforeAHangUpIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, oneFlow(t, `
start: say_it
fallback: {queue: help}
steps:
  say_it:
    record: story
    say: volunteer.story
    max: 30s
    next: done
  done:
    end: ok
    say: goodbye
`))
		s.start.Flow = "test"
		s.play("script", "hear volunteer.story.es\nhear beep\nspeak 7s\nhangup\nexpect exit left\nexpect sound story 7s")
	})
}

// What a caller agrees to or not is told with the way it was said and the name of
// the wording; the wording of another language, or another recording, has another
// name.
func TestWhatACallerAgreesToIsTold(t *testing.T) {
	const text = `
start: ask
fallback: {queue: help}
steps:
  ask:
    menu: {"1": {next: bye, set: {consent: yes}}, "2": {next: bye, set: {consent: no}}}
    say: volunteer.consent
    timeout: 2s
    silent_retries: 0
    silence: {next: bye, set: {consent: no}}
    default: bye
  bye:
    end: ok
    say: goodbye
`
	scripts := map[string]string{}
	for _, tc := range []struct{ language, keys, answer, how string }{
		{"es", "press 1", "yes", "key"}, {"en", "press 2", "no", "key"}, {"es", "hear volunteer.consent.es", "no", "silence"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, oneFlow(t, text))
			s.start.Flow, s.start.Language = "test", tc.language
			s.play("answer "+tc.answer, tc.keys+"\nhear goodbye."+tc.language+"\nexpect exit end ok")
			if len(s.out.Consents) != 1 {
				t.Fatalf("%s: %+v", tc.language, s.out.Consents)
			}
			c := s.out.Consents[0]
			if c.About != "consent" || c.Answer != tc.answer || c.How != tc.how || c.Language != tc.language || c.At.IsZero() {
				t.Errorf("%s: %+v", tc.language, c)
			}
			if !strings.HasPrefix(c.Script, "volunteer.consent@") || scripts[tc.language] != "" && scripts[tc.language] != c.Script || s.out.Attributes["consent.script"] != c.Script {
				t.Errorf("%s: the wording is named %q, the attribute %q", tc.language, c.Script, s.out.Attributes["consent.script"])
			}
			scripts[tc.language] = c.Script
		})
	}
	if scripts["es"] == scripts["en"] {
		t.Error("two languages are one wording")
	}
}

// oneFlow is a set with one flow named test.
func oneFlow(t *testing.T, text string) *flow.FlowSet {
	t.Helper()
	f, err := flow.Parse("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	set, err := flow.NewSet(f)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestNothingThatGoesWrongEndsACall(t *testing.T) {
	const head = "start: a\nfallback: {queue: volunteers, priority: 3, treatment: test}\nsteps:\n"
	for name, tc := range map[string]struct{ flow, script string }{
		"a menu that is repeated for ever": {head + `
  a: {menu: {"0": a}, say: menu.invalid, default: b, timeout: 500ms}
  b: {queue: help}
`, "press " + strings.Repeat("0", 500) + "\nexpect exit queue volunteers\nexpect priority 3\nexpect treatment test"},
		"a flow that begins anew for ever": {head + `
  a: {menu: {"0": again}, say: menu.invalid, default: b, timeout: 500ms}
  again: {continue: test}
  b: {queue: help}
`, "press " + strings.Repeat("0", 500) + "\nexpect exit queue volunteers"},
		"an action that panics": {head + `
  a: {do: test.panic, on: {ok: good}, error: bad}
  good: {end: good, say: goodbye}
  bad: {queue: help}
`, "expect exit queue help"},
		"an action with an unknown result": {head + `
  a: {do: queue.info, on: {something: good}, error: bad}
  good: {end: good, say: goodbye}
  bad: {queue: help}
`, "expect exit queue help"},
		"a mode change without an account": {head + `
  a: {set: {mode.wanted: emergency}, next: b}
  b: {do: mode.apply, on: {ok: good}, error: c}
  c: {do: mode.clear, on: {ok: good}, error: bad}
  good: {end: good, say: goodbye}
  bad: {queue: help}
`, "expect exit queue help\nexpect mode normal"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, oneFlow(t, tc.flow))
				s.start.Flow = "test"
				s.ring()
				s.play(name, tc.script)
			})
		})
	}
}

func TestAFlowThatDoesNotExistLeadsToAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, shippedFlows(t))
		out, err := s.engine.Run(t.Context(), newFarEnd(), ivr.Start{Flow: "gone", Language: "xx"})
		if err == nil || out.Exit != ivr.ExitQueue || out.Queue != "help" || !out.Fallback || out.Language != "es" {
			t.Errorf("outcome %+v, error %v", out, err)
		}
	})
}

// deadLine is a line that broke: everything fails at once.
type deadLine struct{ *farEnd }

func (deadLine) Play(context.Context, *audio.Clip, bool) (bool, error) { panic("the line is broken") }

func TestABrokenLineIsNoBrokenEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, shippedFlows(t))
		out, err := s.engine.Run(t.Context(), deadLine{newFarEnd()}, s.start)
		if err == nil || out.Exit != ivr.ExitQueue || out.Queue != "help" || out.Attributes[ivr.AttributeContactID] != "contact-1" {
			t.Errorf("outcome %+v, error %v", out, err)
		}
	})
}

func TestARunningCallKeepsItsFlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, shippedFlows(t))
		s.play("before", "hear language.choose.es")
		if err := s.engine.Publish(oneFlow(t, "start: a\nfallback: {queue: help}\nsteps:\n  a: {end: new, say: goodbye}\n")); err != nil {
			t.Fatal(err)
		}
		s.play("after", "press 2\npress 1\nhear queue.connecting.es\nexpect exit queue help")

		s.start.Flow, s.line = "test", nil
		s.ring()
		s.play("next call", "hear goodbye.es\nexpect exit end new")
	})
}

func Test2b24UnfitFlowsAreNotPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, shippedFlows(t))
		err := s.engine.Publish(oneFlow(t, "start: a\nfallback: {queue: nowhere}\nsteps:\n  a: {end: new, say: goodbye}\n"))
		if err == nil || !strings.Contains(err.Error(), `test:2:11: there is no queue "nowhere"`) {
			t.Fatalf("error %v", err)
		}
		s.play("still the old ones", "hear language.choose.es\npress 2\npress 1\nhear queue.connecting.es\nexpect exit queue help")
	})
}

// TestThePINLineTellsNothing compares what a caller with a wrong PIN hears and
// how long it takes with what anybody else does.
func TestThePINLineTellsNothing(t *testing.T) {
	hear := func(slow time.Duration) (heard []byte, took time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, shippedFlows(t))
			actions := s.actions()
			actions["authenticate"] = func(context.Context, *ivr.Session) (string, error) {
				<-time.After(slow)
				if slow > 0 {
					return "locked", nil
				}
				return "denied", nil
			}
			engine, err := ivr.New(ivr.Config{Flows: shippedFlows(t), Prompts: s.library, Languages: []string{"es", "en"}, Log: discard(), Actions: actions})
			if err != nil {
				t.Fatal(err)
			}
			line := newFarEnd()
			line.press("111111#222222#333333#")
			began := time.Now()
			out, err := engine.Run(t.Context(), line, ivr.Start{Flow: ivr.FlowSupervisor})
			if err != nil || out.Exit != ivr.ExitHangup || out.Reason != "locked" {
				t.Fatalf("outcome %+v, error %v", out, err)
			}
			for name, value := range out.Attributes {
				if strings.Contains(value, "111111") || name == "pin" {
					t.Errorf("attribute %s tells the PIN", name)
				}
			}
			if out.Keys != "" || slices.ContainsFunc(out.Path, func(p string) bool { return strings.Contains(p, "111111") }) {
				t.Errorf("keys %q, path %q tell the PIN", out.Keys, out.Path)
			}
			heard, took = line.heard, time.Since(began)
		})
		return heard, took
	}
	unknown, fast := hear(0)
	known, slow := hear(400 * time.Millisecond)
	if string(unknown) != string(known) {
		t.Error("the words differ")
	}
	if fast != slow {
		t.Errorf("an unknown caller waits %s, a known one %s", fast, slow)
	}
}

func TestSecretsLastForOneAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, shippedFlows(t))
		var first, second string
		engine, err := ivr.New(ivr.Config{Prompts: s.library, Languages: []string{"es"}, Log: discard(),
			Actions: map[string]ivr.Action{
				"one": func(_ context.Context, c *ivr.Session) (string, error) { first = c.Get("code"); return "ok", nil },
				"two": func(_ context.Context, c *ivr.Session) (string, error) { second = c.Get("code"); return "ok", nil },
			},
			Flows: oneFlow(t, `
start: a
fallback: {queue: help}
steps:
  a: {collect: code, sensitive: true, min: 4, max: 4, next: b}
  b: {do: one, on: {ok: c}, error: c}
  c: {do: two, on: {ok: d}, error: d}
  d: {end: ok, say: goodbye}
`)})
		if err != nil {
			t.Fatal(err)
		}
		line := newFarEnd()
		line.press("4711")
		out, err := engine.Run(t.Context(), line, ivr.Start{Flow: "test"})
		if err != nil || first != "4711" || second != "" {
			t.Errorf("the first action got %q, the second %q (%v)", first, second, err)
		}
		if slices.Contains(slices.Collect(maps.Values(out.Attributes)), "4711") {
			t.Errorf("the outcome holds the secret: %v", out.Attributes)
		}
	})
}

func TestSensitiveMenusMaskTheirKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, oneFlow(t, `
start: a
fallback: {queue: help}
steps:
  a: {menu: {"5": b}, say: menu.silence, default: b, sensitive: true, path: danger}
  b: {end: ok, say: goodbye}
`))
		s.start.Flow = "test"
		s.play("script", "hear menu.silence.es\npress 5\nhear goodbye.es\nexpect exit end ok\nexpect keys x\nexpect path danger:x")
	})
}

// TestATerminatorTooMany presses # after an entry that was full already.
func TestATerminatorTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, oneFlow(t, `
start: a
fallback: {queue: help}
steps:
  a: {collect: number, min: 4, max: 4, terminator: "#", next: b}
  b: {menu: {"1": c}, default: d, retries: 0, path: b}
  c: {end: good, say: goodbye}
  d: {end: bad, say: goodbye}
`))
		s.start.Flow = "test"
		s.ring()
		s.play("script", "press 1234#1\nhear goodbye.es\nexpect exit end good\nexpect attribute number 1234")

		s.line = nil
		s.ring()
		s.play("no terminator", "press 12341\nhear goodbye.es\nexpect exit end good")
	})
}

func TestAttributesHaveLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, oneFlow(t, "start: a\nfallback: {queue: help}\nsteps:\n  a: {end: ok, say: goodbye}\n"))
		s.start.Flow = "test"
		s.start.Attributes["long"] = strings.Repeat("ñ", 5000)
		for i := range 1000 {
			s.start.Attributes[fmt.Sprint("many", i)] = "x"
		}
		s.ring()
		s.play("script", "hear goodbye.es\nexpect exit end ok")
		if n := len(s.out.Attributes["long"]); n > 1024 {
			t.Errorf("an attribute of %d bytes was kept", n)
		}
		if n := len(s.out.Attributes); n > 250 {
			t.Errorf("%d attributes were kept", n)
		}
		if s.out.Language != "es" {
			t.Errorf("the language was lost: %q", s.out.Language)
		}
	})
}
