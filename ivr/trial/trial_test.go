package trial_test

import (
	"strings"
	"testing"

	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/ivr/trial"
)

const text = `start: staff
fallback: {queue: help}
steps:
  staff: {staffing: help, available: main, busy: main, nobody: leave, error: main}
  main:
    menu: {"1": ask, "2": pause}
    say: question
    default: person
  ask: {do: mode.read, on: {normal: person}, error: bye}
  pause: {wait: 5m, next: bye}
  leave: {voicemail: help, say: question, next: bye, silence: person, error: person}
  bye: {hangup: done, say: farewell}
  person: {queue: help, say: connecting}
`

// play types answers and returns what is printed.
func play(t *testing.T, answers string) (string, ivr.Outcome, bool) {
	t.Helper()
	set, err := flow.ParseSet(map[string]string{"main": text})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	with := flow.Surroundings{Languages: []string{"es", "en"}, HasPrompt: func(string, string) bool { return true }, Actions: map[string][]string{"mode.read": nil}}
	outcome, more, err := trial.Run(t.Context(), trial.Config{Flows: set, With: with, In: strings.NewReader(answers), Out: &out, Unasked: true,
		Text: func(language, id string) string { return "¿" + language + " " + id + "?" }}, "main", "en")
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), outcome, more
}

func TestAFlowIsPlayedAsText(t *testing.T) {
	for answers, want := range map[string][]string{
		"2 1 0 0\n1\nnormal\n":       {"¿en question?", "the flow asks the hotline for mode.read", "¿en connecting?", `waits for a person in the line "help", with priority 5`},
		"2 1 0 0\n1\nerror\n":        {"¿en farewell?", "The call ends (done)"},
		"error\n\n\n\n":              {"¿en question?", `waits for a person in the line "help"`},
		"2 1 0 0\n2\n\n":             {"¿en farewell?", "The call ends (done)"}, // five minutes pass at once
		"0 0 0 0\nI need help\nyes":  {"what the caller says", `a message is left for "help"`, "The call ends (done)"},
		"2 1 0 0\nx\n7\n8\n1\nerror": {"Keys are 0 to 9", "¿en farewell?"},
		"2 1 0 0\nhangup\n":          {"The caller hung up."},
	} {
		got, _, _ := play(t, answers)
		for _, line := range want {
			if !strings.Contains(got, line) {
				t.Errorf("%q: no %q in\n%s", answers, line, got)
			}
		}
	}
}

// TestATrialStopsWhereAnAnswerIsMissing is how a page plays a flow: it gives
// the answers so far and asks for the next one.
func TestATrialStopsWhereAnAnswerIsMissing(t *testing.T) {
	got, _, more := play(t, "2 1 0 0\n")
	if !more || !strings.HasSuffix(strings.TrimSpace(got), ">") || strings.Contains(got, "hung up") {
		t.Errorf("more %t:\n%s", more, got)
	}
	if _, out, more := play(t, "2 1 0 0\n1\nnormal\n"); more || out.Exit != ivr.ExitQueue {
		t.Errorf("more %t, %+v", more, out)
	}
}
