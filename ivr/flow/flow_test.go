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
		Actions:   map[string][]string{"known": nil, "answers": {"yes", "no"}},
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
		"no YAML":                {"start: [", "f:1:8: this is not valid YAML"},
		"a tab":                  {"start: a\n\tfallback: b", "f:2:1: this is not valid YAML"},
		"nothing":                {"", "f:1:1: a flow file holds exactly one flow"},
		"two documents":          {"start: a\n---\nstart: b\n", "f:1:1: a flow file holds exactly one flow"},
		"a list":                 {"- a\n", "f:1:1: a flow must be a mapping"},
		"no start":               {"fallback: {queue: help}\nsteps:\n  a: {end: x}\n", "the flow does not say with which step it starts"},
		"start nowhere":          {"start: b\nfallback: {queue: help}\nsteps:\n  b1: {end: x}\n", `f:1:8: the flow starts with step "b", which does not exist`},
		"no fallback":            {"start: a\nsteps:\n  a: {end: x}\n", "the flow has no fallback"},
		"unknown flow setting":   {head + "  a: {end: x}\nsteps2: {}\n", `f:5:1: a flow has no setting "steps2"`},
		"the same step twice":    {head + "  a: {end: x}\n  a: {end: y}\n", "f:5:3: "},
		"unknown setting":        {head + "  a:\n    say: ok\n    nxt: a\n", `f:6:5: step "a" is a say and has no setting "nxt"`},
		"a setting of another":   {head + "  a:\n    say: ok\n    next: a\n    terminator: \"#\"\n", `f:7:5: step "a" is a say and has no setting "terminator"`},
		"two kinds":              {head + "  a:\n    end: x\n    hangup: y\n", `f:6:5: step "a" is both end and hangup`},
		"no kind":                {head + "  a:\n    path: x\n", `f:4:3: step "a" does nothing`},
		"no next":                {head + "  a:\n    say: ok\n", `f:4:3: step "a" does not say what comes after it`},
		"next nowhere":           {head + "  a:\n    say: ok\n    next: b\n", `f:6:11: step "a" leads to "b", which does not exist`},
		"key nowhere":            {head + "  a:\n    menu:\n      \"1\": b\n    default: a\n", `f:6:12: step "a" leads to "b", which does not exist`},
		"no such key":            {head + "  a:\n    menu: {\"10\": a}\n    default: a\n", `f:5:12: "10" is not a telephone key`},
		"no silence path":        {head + "  a:\n    menu: {\"1\": a}\n    invalid: a\n", `f:4:3: menu "a" does not say what happens when the caller stays silent`},
		"no keys":                {head + "  a:\n    menu: {}\n    default: a\n", `f:4:3: menu "a" has no keys`},
		"unreachable":            {head + "  a: {end: x}\n  b: {end: y}\n", `f:5:3: no way leads to step "b"`},
		"prompt missing":         {head + "  a: {say: gone, next: b}\n  b: {end: x}\n", `f:4:12: prompt "gone" is missing in language "es"`},
		"prompt in one":          {head + "  a: {say: only.es, next: b}\n  b: {end: x}\n", `f:4:12: prompt "only.es" is missing in language "en"`},
		"prompt for a value":     {head + "  a: {say: [{pick: x, of: {y: gone}}], next: b}\n  b: {end: x}\n", `f:4:13: prompt "gone" is missing`},
		"correction missing":     {head + "  a: {menu: {\"1\": a}, default: a, invalid_say: gone}\n", `prompt "gone" is missing`},
		"music missing":          {head + "  a: {music: gone, next: b}\n  b: {end: x}\n", `f:4:3: prompt "gone" is missing`},
		"language not offered":   {head + "  a: {say: [{prompt: ok, in: fr}], next: b}\n  b: {end: x}\n", `language "fr" is not offered`},
		"unknown action":         {head + "  a: {do: fly, on: {ok: b}, error: b}\n  b: {end: x}\n", `f:4:3: step "a" asks for "fly", which this hotline cannot do (it can: [answers known])`},
		"no error path":          {head + "  a: {do: known, on: {ok: b}}\n  b: {end: x}\n", `f:4:3: step "a" does not say what happens when known fails`},
		"error path nowhere":     {head + "  a: {do: known, on: {ok: b}, error: c}\n  b: {end: x}\n", `f:4:38: step "a" leads to "c", which does not exist`},
		"no result path":         {head + "  a: {do: known, error: b}\n  b: {end: x}\n", `f:4:3: step "a" does not say what comes after known`},
		"unknown queue":          {head + "  a: {queue: nobody}\n", `f:4:14: there is no queue "nobody"`},
		"unknown treatment":      {head + "  a: {queue: help, treatment: circus}\n", `f:4:31: callers waiting in "help" should hear flow "circus"`},
		"unknown flow":           {head + "  a: {flow: circus, next: b}\n  b: {end: x}\n", `f:4:13: step "a" runs flow "circus", which does not exist`},
		"half an if":             {head + "  a: {if: {attribute: x, is: y}, then: a}\n", `step "a" needs both then and else`},
		"an if about nothing":    {head + "  a: {if: {attribute: x}, then: a, else: a}\n", `step "a" does not say what it tests`},
		"unknown test":           {head + "  a: {if: {attribute: x, isnt: y}, then: a, else: a}\n", `f:4:26: if has no setting "isnt"`},
		"a secret spoken":        {head + "  a: {collect: pin, sensitive: true, next: b}\n  b: {say: [{digits: pin}], next: a}\n", `f:5:13: "pin" is sensitive`},
		"a secret tested":        {head + "  a: {collect: pin, sensitive: true, next: b}\n  b: {if: {attribute: pin, is: \"1\"}, then: a, else: a}\n", `f:5:3: "pin" is sensitive`},
		"a secret copied":        {head + "  a: {collect: pin, sensitive: true, next: b}\n  b: {set: {x: {from: pin}}, next: a}\n", `f:5:3: "pin" is sensitive`},
		"min over max":           {head + "  a: {collect: x, min: 9, max: 3, next: a}\n", `f:4:3: collect "a" wants at least 9 and at most 3 digits`},
		"a number for a time":    {head + "  a: {menu: {\"1\": a}, default: a, timeout: 6}\n", "f:4:44: timeout must be a time from 500ms to 2m0s"},
		"no time at all":         {head + "  a: {wait: 10ms, next: a}\n", "f:4:13: wait must be a time from 1s"},
		"a wide priority":        {head + "  a: {queue: help, priority: 0}\n", "f:4:30: priority must be a whole number from 1 to 99"},
		"a merge key":            {head + "  a:\n    <<: {say: x}\n    next: a\n", "merge keys"},
		"a part of two kinds":    {head + "  a: {say: [{digits: x, number: y}], next: a}\n", "one spoken part cannot be two things"},
		"pick without of":        {head + "  a: {say: [{pick: x}], next: a}\n", "pick and each need of"},
		"two tests at once":      {head + "  a: {if: {attribute: x, is: y, known: true}, then: b, else: b}\n  b: {queue: help}\n", `step "a" tests several things at once`},
		"expr and attribute":     {head + "  a: {if: {attribute: x, expr: 'yes(\"x\")'}, then: b, else: b}\n  b: {queue: help}\n", "expr stands alone"},
		"no such function":       {head + "  a: {if: {expr: 'system(\"x\")'}, then: b, else: b}\n  b: {queue: help}\n", "f:4:18: this cannot be computed: "},
		"not true or false":      {head + "  a: {if: {expr: 'number(\"x\") + 1'}, then: b, else: b}\n  b: {queue: help}\n", "this cannot be computed: expected bool"},
		"a range of numbers":     {head + "  a: {set: {x: {expr: '1..100'}}, next: b}\n  b: {queue: help}\n", `f:4:23: this cannot be computed: the operator ".." cannot be used`},
		"powers":                 {head + "  a: {set: {x: {expr: '9 ** 99'}}, next: b}\n  b: {queue: help}\n", `the operator "**" cannot be used`},
		"a loop in expr":         {head + "  a: {set: {x: {expr: 'map([1,2], # * 2)'}}, next: b}\n  b: {queue: help}\n", "this cannot be computed"},
		"a computed name":        {head + "  a: {set: {x: {expr: 'text(\"a\" + \"b\")'}}, next: b}\n  b: {queue: help}\n", "the name of an attribute must be written in quotation marks"},
		"a long expression":      {head + "  a: {set: {x: {expr: '" + strings.Repeat("1+", 300) + "1'}}, next: b}\n  b: {queue: help}\n", "an expression has 1 to 500 characters"},
		"a deep expression":      {head + "  a: {set: {x: {expr: '" + strings.Repeat("-", 200) + "1'}}, next: b}\n  b: {queue: help}\n", "this cannot be computed"},
		"a secret in an expr":    {head + "  a: {collect: pin, sensitive: true, next: b}\n  b: {if: {expr: 'known(\"pin\")'}, then: c, else: c}\n  c: {queue: help}\n", `f:5:18: "pin" is sensitive`},
		"when without else":      {head + "  a: {when: [{attribute: x, is: y, next: b}]}\n  b: {queue: help}\n", "what comes when no case holds"},
		"a case without next":    {head + "  a: {when: [{attribute: x, is: y}], else: b}\n  b: {queue: help}\n", "f:4:14: this case does not say which step comes next"},
		"a loop without end":     {head + "  a: {loop: 3, again: b}\n  b: {queue: help}\n", `step "a" is a loop and does not say what comes when it is "done"`},
		"a loop too often":       {head + "  a: {loop: 300, again: b, done: b}\n  b: {queue: help}\n", "f:4:13: loop must be a whole number from 1 to 50"},
		"half a split":           {head + "  a: {split: x, ways: [{percent: 10, next: b}]}\n  b: {queue: help}\n", "the percents of its ways must add up to 100"},
		"no such schedule":       {head + "  a: {hours: office, open: b, closed: b}\n  b: {queue: help}\n", `f:4:14: there is no schedule "office"`},
		"hours but closed":       {head + "  a: {hours: office, open: b}\n  b: {queue: help}\nschedules: {office: {}}\n", `does not say what comes when it is "closed"`},
		"a wrong zone":           {head + "  a: {queue: help}\nschedules: {office: {zone: Mars}}\n", "f:5:28: there is no time zone"},
		"wrong days":             {head + "  a: {queue: help}\nschedules: {office: {week: {monday: closed}}}\n", `f:5:29: "monday" are no days`},
		"wrong hours":            {head + "  a: {queue: help}\nschedules: {office: {week: {mon: 22:00-08:00}}}\n", "what goes past midnight is two stretches"},
		"a wrong date":           {head + "  a: {queue: help}\nschedules: {office: {dates: [{on: 2026-02-30}]}}\n", `"2026-02-30" is no date`},
		"days in the wrong way":  {head + "  a: {queue: help}\nschedules: {office: {dates: [{from: 2026-12-26, to: 2026-12-24}]}}\n", "do not follow each other"},
		"a holiday without":      {head + "  a: {queue: help}\nschedules: {office: {dates: [{on: 12-25, say: gone}]}}\n", `prompt "gone" is missing in language "es"`},
		"staffing without error": {head + "  a: {staffing: help, available: b, busy: b, nobody: b}\n  b: {queue: help}\n", `does not say what comes when it is "error"`},
		"staffing of no queue":   {head + "  a: {staffing: gone, available: b, busy: b, nobody: b, error: b}\n  b: {queue: help}\n", `f:4:17: there is no queue "gone"`},
		"long without a time":    {head + "  a: {staffing: help, available: b, busy: b, nobody: b, error: b, long: b}\n  b: {queue: help}\n", "long: <step> and long_wait: <time> belong together"},
		"no read-back":           {head + "  a: {callback: help, say: ok, next: b, silence: b, error: b}\n  b: {queue: help}\n", "how the number is read back"},
		"no promise failed":      {head + "  a: {callback: help, say: ok, confirm: ok, next: b, silence: b}\n  b: {queue: help}\n", `does not say what comes when it is "error"`},
		"a mute voicemail":       {head + "  a: {voicemail: help, next: b, silence: b, error: b}\n  b: {queue: help}\n", `step "a" is a voicemail and does not say what to do`},
		"bulletins without none": {head + "  a: {bulletins: all, next: b, error: b}\n  b: {queue: help}\n", `does not say what comes when it is "none"`},
		"no such table":          {head + "  a: {lookup: areas, key: x, into: y, next: b, missing: b}\n  b: {queue: help}\n", `f:4:15: there is no table "areas"`},
		"an empty table":         {head + "  a: {queue: help}\ntables: {areas: {match: prefix}}\n", `table "areas" has no rows`},
		"http is off":            {head + "  a: {http: https://x.example.org/, next: b, error: b}\n  b: {queue: help}\n", "f:4:13: step \"a\" asks another machine, which this hotline may not do"},
		"http without fallback":  {head + "  a: {http: https://x.example.org/, next: b}\n  b: {queue: help}\n", `does not say what comes when it is "error"`},
		"http with a password":   {head + "  a: {http: \"https://u:p@x.example.org/\", next: b, error: b}\n  b: {queue: help}\n", "http needs a whole address without a password"},
		"http too slow":          {head + "  a: {http: https://x.example.org/, timeout: 20s, next: b, error: b}\n  b: {queue: help}\n", "timeout must be a time from 100ms to 5s"},
		"no number":              {head + "  a: {transfer: police, next: b, failed: b}\n  b: {queue: help}\n", "transfer needs a telephone number"},
		"transfer only succeeds": {head + "  a: {transfer: \"+34900\", next: b}\n  b: {queue: help}\n", `does not say what comes when it is "failed"`},
		"continue nowhere":       {head + "  a: {continue: circus}\n", `f:4:17: step "a" runs flow "circus"`},
		"a hook that speaks":     {"on_disconnect: b\n" + head + "  a: {queue: help}\n  b: {say: ok, next: c}\n  c: {end: x}\n", `step "b" is reached by on_disconnect, where nobody listens`},
		"a hook to nowhere":      {"on_agent_connected: b\n" + head + "  a: {queue: help}\n", `f:1:21: on_agent_connected names step "b"`},
		"no such type":           {head + "  a: {queue: help}\nattributes: {x: colour}\n", `f:5:17: there is no type "colour"`},
		"a value of no such":     {head + "  a: {set: {x: many}, next: b}\n  b: {queue: help}\nattributes: {x: number}\n", `attribute "x" is a number and cannot be "many"`},
		"declared sensitive":     {head + "  a: {set: {y: {from: x}}, next: b}\n  b: {queue: help}\nattributes: {x: {sensitive: true}}\n", `"x" is sensitive`},

		"no goodbye":                {head + "  a: {hangup: x}\n", `f:4:3: the call can end at step "a" without a person, a promise or a goodbye`},
		"a question, then nothing":  {head + "  a: {say: ok, next: b}\n  b: {menu: {\"1\": c}, say: ok, default: c}\n  c: {end: x}\n", `f:6:3: the call can end at step "c"`},
		"a promise that failed":     {head + "  a: {voicemail: help, say: ok, next: b, silence: b, error: b}\n  b: {hangup: x}\n", `f:5:3: the call can end at step "b"`},
		"a silent circle":           {head + "  a: {menu: {\"1\": b}, say: ok, default: a}\n  b: {queue: help}\n", `f:4:3: a caller who presses nothing goes round in circles at step "a"`},
		"a circle that takes time":  {head + "  a: {wait: 10s, next: a}\n", "goes round in circles"},
		"a circle by an error":      {head + "  a: {do: known, on: {ok: b}, error: a}\n  b: {queue: help}\n", "goes round in circles"},
		"a count that is set back":  {head + "  a: {set: {n: {plus: 1}}, next: b}\n  b: {if: {attribute: n, at_least: 3}, then: c, else: d}\n  d: {set: {n: \"0\"}, next: a}\n  c: {queue: help}\n", "goes round in circles"},
		"a count beside the circle": {head + "  a: {set: {n: {plus: 1}}, next: b}\n  b: {if: {attribute: n, at_least: 3}, then: c, else: d}\n  d: {say: ok, next: b}\n  c: {queue: help}\n", "goes round in circles"},
		"a flow that runs itself":   {head + "  a: {flow: f, next: b}\n  b: {queue: help}\n", `f:4:13: flow "f" runs itself without end`},
		"a flow that begins anew":   {head + "  a: {say: ok, next: b}\n  b: {continue: f}\n", `f:5:3: a caller who presses nothing is led from flow "f" back to it for ever`},

		"a wrong terminator": {head + "  a: {collect: x, terminator: \"1\", next: a}\n", "terminator must be"},
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

// TestWhatIsLeftAgainIsNoCircle accepts what comes back, but not for ever.
func TestWhatIsLeftAgainIsNoCircle(t *testing.T) {
	for name, text := range map[string]string{
		"a key leads back":      head + "  a: {menu: {\"0\": a}, say: ok, default: b}\n  b: {queue: help}\n",
		"a loop counts":         head + "  a: {say: ok, next: b}\n  b: {loop: 3, again: a, done: c}\n  c: {queue: help}\n",
		"an attribute counts":   head + "  a: {say: ok, next: b}\n  b: {set: {n: {plus: 1}}, next: c}\n  c: {if: {attribute: n, at_least: 3}, then: d, else: a}\n  d: {queue: help}\n",
		"a treatment waits":     head + "  a: {queue: help, treatment: f2}\n",
		"a question and an end": head + "  a: {menu: {\"1\": b}, default: b, say: ok}\n  b: {say: ok, next: c}\n  c: {end: x}\n",
		"a promise":             head + "  a: {callback: help, say: ok, confirm: ok, next: b, silence: c, error: c}\n  b: {hangup: x}\n  c: {queue: help}\n",
	} {
		f, err := flow.Parse("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		treatment, err := flow.Parse("f2", []byte(head+"  a: {say: ok, next: b}\n  b: {wait: 30s, next: a}\n"))
		if err != nil {
			t.Fatal(err)
		}
		set, err := flow.NewSet(f, treatment)
		if err != nil {
			t.Fatal(err)
		}
		if name != "a treatment waits" {
			set, err = flow.NewSet(f)
		}
		if err == nil {
			err = flow.Check(set, surroundings())
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
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
		if got := tc.c.Holds(func(name string) string { return attributes[name] }, time.Time{}); got != tc.want {
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
	f.Add("start: a\nfallback: {queue: help}\nattributes: {x: {type: date, max: 9}}\nschedules: {s: {zone: UTC, week: {mon-fri: 08:00-22:00}, dates: [{on: 12-25, say: x}]}}\n" +
		"tables: {t: {match: prefix, rows: {\"1\": {a: b}}}}\nsteps:\n  a: {hours: s, open: b, closed: c}\n  b: {lookup: t, key: x, into: y, next: c, missing: d}\n" +
		"  c: {when: [{expr: 'number(\"x\") > 1 and not yes(\"y\")', next: d}], else: e}\n  d: {split: q, ways: [{percent: 100, next: e}]}\n" +
		"  e: {callback: help, say: ok, confirm: ok, next: f, silence: f, error: f}\n  f: {loop: 2, again: a, done: g}\n  g: {continue: f}\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		done := make(chan string, 1)
		go func() { done <- readAnything(text) }()
		select {
		case wrong := <-done:
			if wrong != "" {
				t.Fatal(wrong)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("reading this does not come to an end: %q", text)
		}
	})
}

// readAnything reads and checks what may be no flow at all. It returns what is
// wrong with how that went.
func readAnything(text string) string {
	parsed, err := flow.Parse("f", []byte(text))
	if err != nil {
		var ps flow.Problems
		if !errors.As(err, &ps) || len(ps) == 0 {
			return "error without problems: " + err.Error()
		}
		return ""
	}
	set, err := flow.NewSet(parsed)
	if err != nil {
		return err.Error()
	}
	_ = flow.Check(set, surroundings()) // must come back, with whatever answer
	_ = flow.Warnings(set)
	return ""
}

// Every answer of an action leads somewhere, and no way waits for an answer
// that never comes.
func TestEveryAnswerOfAnActionLeadsSomewhere(t *testing.T) {
	for on, want := range map[string]string{
		"on: {yes: b, no: b}, error: b":               "",
		"on: {yes: b}, else: b, error: b":             "",
		"on: {yes: b}, error: b":                      `when it answers "no"`,
		"on: {yes: b, no: b, maybe: b}, error: b":     `never answers "maybe"`,
		"on: {yes: b}, else: nowhere, error: b":       `"nowhere", which does not exist`,
		"on: {yes: b, perhaps: b}, else: b, error: b": `never answers "perhaps"`,
	} {
		err := check(head + "  a: {do: answers, " + on + "}\n  b: {queue: help}\n")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", on, err)
		}
	}
}

// A hotline may stand where it is UTC: then time.Local is that.
func TestHoursInUTCAreReadInUTC(t *testing.T) {
	local := time.Local
	defer func() { time.Local = local }()
	time.Local = time.UTC
	if _, err := flow.Parse("f", []byte(head+"  a: {queue: help}\nschedules: {office: {zone: UTC}}\n")); err != nil {
		t.Errorf("hours of a place where it is UTC: %v", err)
	}
	if _, err := flow.Parse("f", []byte(head+"  a: {queue: help}\nschedules: {office: {zone: Local}}\n")); err == nil {
		t.Error("a place that is everywhere another one is taken")
	}
}
