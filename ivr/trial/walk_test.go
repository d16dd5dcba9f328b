package trial

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/ivr/flow/edit"
	"hotline/ivr/prompts"
)

// around is a hotline with every queue, and every prompt that ships but one.
func around(t *testing.T, languages []string, without string) flow.Surroundings {
	t.Helper()
	library, err := prompts.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	actions := ivr.Results()
	return flow.Surroundings{Languages: languages, HasQueue: func(id string) bool { return id != "attic" }, Actions: actions,
		HasPrompt: func(language, id string) bool { return language+" "+id != without && library.Has(language, id) }}
}

const walkedFlow = `
about: One flow with a fault
start: ask
fallback: {queue: help, priority: 5, treatment: wait}
steps:
  ask:
    menu: {"1": help, "2": other}
    say: main.menu
    timeout: 2s
    default: help
  help: {queue: help, priority: 5, treatment: wait, say: queue.connecting}
`

const (
	plain  = "  other: {queue: help, priority: 5, treatment: wait, say: info.menu}\n"
	circle = "  other: {loop: 50, again: s1, done: help}\n" + "  s1: {set: {a: b}, next: s2}\n  s2: {set: {a: b}, next: s3}\n  s3: {set: {a: b}, next: s4}\n  s4: {set: {a: b}, next: s5}\n" +
		"  s5: {set: {a: b}, next: s6}\n  s6: {set: {a: b}, next: s7}\n  s7: {set: {a: b}, next: s8}\n  s8: {set: {a: b}, next: other}\n"
)

const waitFlow = `
about: Music until somebody answers
start: music
fallback: {queue: help, priority: 5, treatment: wait}
steps:
  music: {music: music.hold, next: rest}
  rest: {wait: 30s, next: rest}
`

func set(t *testing.T, other string) *flow.FlowSet {
	t.Helper()
	s, err := flow.ParseSet(map[string]string{"ask": walkedFlow + other, "wait": waitFlow})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A walk finds what would lose a caller, names the place, and finds nothing
// where nothing is.
func TestAWalkFindsWhereCallersWouldBeLost(t *testing.T) {
	for name, tc := range map[string]struct {
		without string
		fault   string
		want    string // step, way, language and kind; "" for no trouble
	}{
		"nothing wrong":      {fault: plain},
		"a missing sentence": {without: "es info.menu", fault: plain, want: "ask/ask, 2, in es: silent info.menu"},
		"a circle":           {fault: circle, want: "ask/ask, 2, in en: circle"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Walk(t.Context(), set(t, tc.fault), around(t, []string{"en", "es"}, tc.without), prompts.Internal)
			if err != nil {
				t.Fatal(err)
			}
			if got.Flows != 2 || got.Ways < 20 {
				t.Errorf("%d flows and %d ways were walked", got.Flows, got.Ways)
			}
			found := ""
			for _, one := range got.Trouble {
				found += one.String() + "\n"
			}
			if tc.want == "" && found != "" || !strings.Contains(found, tc.want) {
				t.Errorf("found:\n%s\nwant %q", found, tc.want)
			}
		})
	}
	ctx, stop := context.WithCancelCause(t.Context())
	over := errors.New("a real caller comes")
	stop(over)
	if got, err := Walk(ctx, set(t, plain), around(t, []string{"en"}, ""), prompts.Internal); !errors.Is(err, over) || got.Ways > 0 {
		t.Errorf("a walk that shall end goes %d ways and says %v", got.Ways, err)
	}
}

// The ways to every language and line of the flows that ship are the ones that
// stand on posters.
func TestTheWaysToEveryLanguageAndLine(t *testing.T) {
	flows, err := ivr.ShippedFlows()
	if err != nil {
		t.Fatal(err)
	}
	with := everythingAround(t, flows, []string{"es", "en", "ar"})
	got, err := FindWays(t.Context(), flows, with, ivr.FlowMain)
	if err != nil {
		t.Fatal(err)
	}
	for language, keys := range map[string]string{"en": "1", "es": "2", "ar": "3"} {
		if got.Languages[language] != keys {
			t.Errorf("%s is chosen by %q, want %q", language, got.Languages[language], keys)
		}
	}
	if got.Queues["help"] != "21" {
		t.Errorf("the way to help is %q", got.Queues["help"])
	}
	t.Log(got)
}

// everythingAround is around, with what the program beside ivr answers taken from
// the flows: it is not known here.
func everythingAround(t *testing.T, flows *flow.FlowSet, languages []string) flow.Surroundings {
	with := around(t, languages, "")
	for _, name := range flows.Names() {
		if f := flows.Flow(name); f != nil {
			for _, s := range f.Steps {
				if s.Do != nil {
					var ways []string
					for way := range s.Do.On {
						ways = append(ways, way)
					}
					slices.Sort(ways)
					if with.Actions[s.Do.Action] == nil {
						with.Actions[s.Do.Action] = ways
					}
				}
			}
		}
	}
	return with
}

// What new dialogues begin with works as it is: the checker finds nothing, and
// no way of it loses a caller, in any language.
func TestNewDialoguesBeginWithWhatWorks(t *testing.T) {
	shipped := ivr.ShippedTexts()
	texts := map[string]string{ivr.FlowWaiting: shipped[ivr.FlowWaiting], ivr.FlowWaitingDanger: shipped[ivr.FlowWaitingDanger]}
	for _, name := range edit.Templates {
		if texts["new."+name] = edit.Template(name); texts["new."+name] == "" {
			t.Fatalf("there is no %s", name)
		}
	}
	set, err := flow.ParseSet(texts)
	if err != nil {
		t.Fatal(err)
	}
	with := around(t, []string{"es", "en", "ar"}, "")
	with.Actions["queue.info"] = []string{"ok"} // of the desk
	if err := flow.Check(set, with); err != nil {
		t.Fatal(err)
	}
	if told := flow.Warnings(set); len(told) > 0 {
		t.Error(told)
	}
	walked, err := Walk(t.Context(), set, with, prompts.Internal)
	if err != nil || len(walked.Trouble) > 0 {
		t.Errorf("%v, %v", walked.Trouble, err)
	}
	for _, name := range edit.Templates {
		var heard strings.Builder
		_, _, err := Run(t.Context(), Config{Flows: set, With: with, In: strings.NewReader(""), Out: &heard, Unasked: true, Text: func(_, id string) string { return id }}, "new."+name, "en")
		if err != nil || heard.Len() == 0 {
			t.Errorf("trying %s: %v %s", name, err, heard.String())
		}
	}
}
