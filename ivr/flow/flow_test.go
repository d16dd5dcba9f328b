package flow_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/ivr/flow"
)

func surroundings() flow.Surroundings {
	return flow.Surroundings{
		Languages: []string{"es", "en"},
		HasPrompt: func(language, id string) bool { return id != "gone" && (id != "only.es" || language == "es") },
		Actions:   []string{"known"},
		HasQueue:  func(id string) bool { return id == "help" },
	}
}

func check(text string) error {
	f, err := flow.Parse("f", []byte(text))
	if err != nil {
		return err
	}
	set, err := flow.NewSet(f)
	if err != nil {
		return err
	}
	return flow.Check(set, surroundings())
}

const head = "start: a\nfallback: {queue: help}\nsteps:\n" // steps begin in line 4

func TestWhatCannotWorkIsRefusedWithItsPlace(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"no YAML":              {"start: [", "f:1:8: this is not valid YAML"},
		"a tab":                {"start: a\n\tfallback: b", "f:2:1: this is not valid YAML"},
		"nothing":              {"", "f:1:1: a flow file holds exactly one flow"},
		"two documents":        {"start: a\n---\nstart: b\n", "f:1:1: a flow file holds exactly one flow"},
		"a list":               {"- a\n", "f:1:1: a flow must be a mapping"},
		"no start":             {"fallback: {queue: help}\nsteps:\n  a: {end: x}\n", "the flow does not say with which step it starts"},
		"start nowhere":        {"start: b\nfallback: {queue: help}\nsteps:\n  b1: {end: x}\n", `f:1:8: the flow starts with step "b", which does not exist`},
		"no fallback":          {"start: a\nsteps:\n  a: {end: x}\n", "the flow has no fallback"},
		"unknown flow setting": {head + "  a: {end: x}\nsteps2: {}\n", `f:5:1: a flow has no setting "steps2"`},
		"the same step twice":  {head + "  a: {end: x}\n  a: {end: y}\n", "f:5:3: "},
		"unknown setting":      {head + "  a:\n    say: ok\n    nxt: a\n", `f:6:5: step "a" is a say and has no setting "nxt"`},
		"a setting of another": {head + "  a:\n    say: ok\n    next: a\n    terminator: \"#\"\n", `f:7:5: step "a" is a say and has no setting "terminator"`},
		"two kinds":            {head + "  a:\n    end: x\n    hangup: y\n", `f:6:5: step "a" is both end and hangup`},
		"no kind":              {head + "  a:\n    path: x\n", `f:4:3: step "a" does nothing`},
		"no next":              {head + "  a:\n    say: ok\n", `f:4:3: step "a" does not say what comes after it`},
		"next nowhere":         {head + "  a:\n    say: ok\n    next: b\n", `f:6:11: step "a" leads to "b", which does not exist`},
		"key nowhere":          {head + "  a:\n    menu:\n      \"1\": b\n    default: a\n", `f:6:12: step "a" leads to "b", which does not exist`},
		"no such key":          {head + "  a:\n    menu: {\"10\": a}\n    default: a\n", `f:5:12: "10" is not a telephone key`},
		"no silence path":      {head + "  a:\n    menu: {\"1\": a}\n    invalid: a\n", `f:4:3: menu "a" does not say what happens when the caller stays silent`},
		"no keys":              {head + "  a:\n    menu: {}\n    default: a\n", `f:4:3: menu "a" has no keys`},
		"unreachable":          {head + "  a: {end: x}\n  b: {end: y}\n", `f:5:3: no way leads to step "b"`},
		"prompt missing":       {head + "  a: {say: gone, next: b}\n  b: {end: x}\n", `f:4:12: prompt "gone" is missing in language "es"`},
		"prompt in one":        {head + "  a: {say: only.es, next: b}\n  b: {end: x}\n", `f:4:12: prompt "only.es" is missing in language "en"`},
		"prompt for a value":   {head + "  a: {say: [{pick: x, of: {y: gone}}], next: b}\n  b: {end: x}\n", `f:4:13: prompt "gone" is missing`},
		"correction missing":   {head + "  a: {menu: {\"1\": a}, default: a, invalid_say: gone}\n", `prompt "gone" is missing`},
		"music missing":        {head + "  a: {music: gone, next: b}\n  b: {end: x}\n", `f:4:3: prompt "gone" is missing`},
		"language not offered": {head + "  a: {say: [{prompt: ok, in: fr}], next: b}\n  b: {end: x}\n", `language "fr" is not offered`},
		"unknown action":       {head + "  a: {do: fly, on: {ok: b}, error: b}\n  b: {end: x}\n", `f:4:3: step "a" asks for "fly", which this hotline cannot do (it can: [known])`},
		"no error path":        {head + "  a: {do: known, on: {ok: b}}\n  b: {end: x}\n", `f:4:3: step "a" does not say what happens when known fails`},
		"error path nowhere":   {head + "  a: {do: known, on: {ok: b}, error: c}\n  b: {end: x}\n", `f:4:38: step "a" leads to "c", which does not exist`},
		"no result path":       {head + "  a: {do: known, error: b}\n  b: {end: x}\n", `f:4:3: step "a" does not say what comes after known`},
		"unknown queue":        {head + "  a: {queue: nobody}\n", `f:4:14: there is no queue "nobody"`},
		"unknown treatment":    {head + "  a: {queue: help, treatment: circus}\n", `f:4:31: callers waiting in "help" should hear flow "circus"`},
		"unknown flow":         {head + "  a: {flow: circus, next: b}\n  b: {end: x}\n", `f:4:13: step "a" runs flow "circus", which does not exist`},
		"half an if":           {head + "  a: {if: {attribute: x, is: y}, then: a}\n", `step "a" needs both then and else`},
		"an if about nothing":  {head + "  a: {if: {attribute: x}, then: a, else: a}\n", `step "a" does not say what it tests`},
		"unknown test":         {head + "  a: {if: {attribute: x, isnt: y}, then: a, else: a}\n", `f:4:26: if has no setting "isnt"`},
		"a secret spoken":      {head + "  a: {collect: pin, sensitive: true, next: b}\n  b: {say: [{digits: pin}], next: a}\n", `f:5:13: "pin" is sensitive`},
		"a secret tested":      {head + "  a: {collect: pin, sensitive: true, next: b}\n  b: {if: {attribute: pin, is: \"1\"}, then: a, else: a}\n", `f:5:3: "pin" is sensitive`},
		"a secret copied":      {head + "  a: {collect: pin, sensitive: true, next: b}\n  b: {set: {x: {from: pin}}, next: a}\n", `f:5:3: "pin" is sensitive`},
		"min over max":         {head + "  a: {collect: x, min: 9, max: 3, next: a}\n", `f:4:3: collect "a" wants at least 9 and at most 3 digits`},
		"a number for a time":  {head + "  a: {menu: {\"1\": a}, default: a, timeout: 6}\n", "f:4:44: timeout must be a time from 500ms to 2m0s"},
		"no time at all":       {head + "  a: {wait: 10ms, next: a}\n", "f:4:13: wait must be a time from 1s"},
		"a wide priority":      {head + "  a: {queue: help, priority: 0}\n", "f:4:30: priority must be a whole number from 1 to 99"},
		"a merge key":          {head + "  a:\n    <<: {say: x}\n    next: a\n", "merge keys"},
		"a part of two kinds":  {head + "  a: {say: [{digits: x, number: y}], next: a}\n", "one spoken part cannot be two things"},
		"pick without of":      {head + "  a: {say: [{pick: x}], next: a}\n", "pick and each need of"},
		"a wrong terminator":   {head + "  a: {collect: x, terminator: \"1\", next: a}\n", "terminator must be"},
	} {
		t.Run(name, func(t *testing.T) {
			err := check(tc.text)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error:\n%v\nwant: %s", err, tc.want)
			}
			var ps flow.Problems
			if !errors.As(err, &ps) {
				t.Fatalf("%T is no list of problems", err)
			}
			for _, p := range ps {
				if p.Pos.Line < 1 || p.Pos.Col < 1 || p.File != "f" {
					t.Errorf("problem without a place: %+v", p)
				}
			}
		})
	}
}

func TestAllProblemsAreTold(t *testing.T) {
	err := check(head + "  a: {say: gone, next: nowhere}\n  b: {queue: nobody}\n")
	for _, want := range []string{`"gone"`, `"nowhere"`, `no way leads to step "b"`, `"nobody"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the answer does not tell of %s:\n%v", want, err)
		}
	}
}

func TestWhatIsWrittenIsWhatRuns(t *testing.T) {
	f, err := flow.Parse("f", []byte(`
about: a test
start: ask
fallback: {queue: help, priority: 7, treatment: f}
steps:
  ask:
    menu:
      "1": {next: end, set: {answer: yes, seen: {plus: 2}, list: {add: x}, copy: {from: answer}, gone: {forget: true}}, as: first}
      "*": end
    say: [hello, {pause: 300ms}, {prompt: hello, in: es}]
    timeout: 4500ms
    retries: 3
    silent_retries: 1
    default: end
    path: asked
  end:
    hangup: done
`))
	if err != nil {
		t.Fatal(err)
	}
	ask := f.Steps["ask"]
	m := ask.Menu
	if f.About != "a test" || f.Fallback.Priority != 7 || ask.Path != "asked" || !ask.BargeIn ||
		m.Timeout != 4500*time.Millisecond || m.Retries != 3 || m.SilentRetries != 1 || m.Silence.Step != "end" || m.Invalid.Step != "end" {
		t.Errorf("flow %+v, menu %+v", f, m)
	}
	one := m.Keys['1']
	want := []flow.Assign{
		{Attribute: "answer", Value: "yes", How: flow.AssignValue}, {Attribute: "seen", Value: "2", How: flow.AssignPlus},
		{Attribute: "list", Value: "x", How: flow.AssignAdd}, {Attribute: "copy", Value: "answer", How: flow.AssignFrom},
		{Attribute: "gone", How: flow.AssignForget},
	}
	if one.Step != "end" || one.As != "first" || !slices.Equal(one.Set, want) {
		t.Errorf("key 1: %+v", one)
	}
	if len(ask.Say) != 3 || ask.Say[1].Pause != 300*time.Millisecond || ask.Say[2].In != "es" {
		t.Errorf("spoken: %+v", ask.Say)
	}
	if f.Steps["end"].Reason != "done" || !slices.Equal(f.Order, []string{"ask", "end"}) {
		t.Errorf("end: %+v, order %v", f.Steps["end"], f.Order)
	}
}

func TestConditions(t *testing.T) {
	three, yes, no := 3, true, false
	attributes := map[string]string{"n": "3", "word": "abc", "list": "a,b,c", "long": "99999999999"}
	for name, tc := range map[string]struct {
		c    flow.Condition
		want bool
	}{
		"is":               {flow.Condition{Attribute: "word", Is: []string{"x", "abc"}}, true},
		"is not":           {flow.Condition{Attribute: "word", Is: []string{"ab"}}, false},
		"at least":         {flow.Condition{Attribute: "n", AtLeast: &three}, true},
		"no number":        {flow.Condition{Attribute: "word", AtLeast: &three}, false},
		"nothing":          {flow.Condition{Attribute: "none", AtLeast: &three}, false},
		"absurd number":    {flow.Condition{Attribute: "long", AtLeast: &three}, false},
		"items":            {flow.Condition{Attribute: "list", Items: &three}, true},
		"too few items":    {flow.Condition{Attribute: "word", Items: &three}, false},
		"known":            {flow.Condition{Attribute: "n", Known: &yes}, true},
		"unknown":          {flow.Condition{Attribute: "none", Known: &no}, true},
		"known, but is it": {flow.Condition{Attribute: "none", Known: &yes}, false},
	} {
		if got := tc.c.Holds(func(name string) string { return attributes[name] }); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestTwoFlowsOfOneNameAreRefused(t *testing.T) {
	f, err := flow.Parse("f", []byte(head+"  a: {end: x}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := flow.NewSet(f, f); err == nil || !strings.Contains(err.Error(), `two flows named "f"`) {
		t.Errorf("error %v", err)
	}
}

// FuzzParse: whatever is in a file, reading it ends with a flow or with
// problems that have a place.
func FuzzParse(f *testing.F) {
	f.Add("start: a\nfallback: {queue: help}\nsteps:\n  a: {menu: {\"1\": a}, say: [x, {pick: y, of: {z: w}}], default: a}\n")
	f.Add("steps: {a: {if: {attribute: x}, then: {next: a, set: {b: {plus: 1}}}, else: a}}")
	f.Add("a: &x [*x]")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		parsed, err := flow.Parse("f", []byte(text))
		if err != nil {
			var ps flow.Problems
			if !errors.As(err, &ps) || len(ps) == 0 {
				t.Fatalf("error without problems: %v", err)
			}
			return
		}
		set, err := flow.NewSet(parsed)
		if err != nil {
			t.Fatal(err)
		}
		_ = flow.Check(set, surroundings()) // must come back, with whatever answer
	})
}
