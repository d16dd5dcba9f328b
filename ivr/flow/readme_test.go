package flow_test

import (
	"os"
	"strings"
	"testing"

	"hotline/ivr/flow"
)

// TestTheExamplesForAuthorsWork reads and checks every example of the README.
func TestTheExamplesForAuthorsWork(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	const start = "start: example\nfallback: {queue: help}\n"
	const data = `
schedules: {office: {}}
tables: {areas: {rows: {a: {b: c}}}}
`
	kinds := map[string]bool{}
	for i, block := range strings.Split(string(text), "```")[1:] {
		if i%2 == 1 {
			continue
		}
		what, example, _ := strings.Cut(block, "\n")
		switch what {
		case "yaml":
		case "yaml-flow":
			example = start + example + "steps:\n  example: {queue: help}\n"
		case "yaml-step", "yaml-step-http":
			example = start + data + "steps:\n  example:\n    " + strings.ReplaceAll(strings.TrimSpace(example), "\n", "\n    ") +
				"\n  person: {queue: help}\n  done: {hangup: done, say: goodbye}\n"
		default:
			continue
		}
		with := surroundings()
		with.Actions = map[string][]string{"mode.read": {"normal", "emergency", "announcement", "callbacks", "closed", "redirect"}, "queue.info": {"ok"}}
		with.HTTP = what == "yaml-step-http"
		files := map[string]string{"example": example, "waiting": start + "steps:\n  example: {wait: 9s, next: example}\n",
			"ask": start + "steps:\n  example: {end: help}\n"}
		if strings.HasPrefix(example, "start: music") {
			files["queue"] = start + "steps:\n  example: {queue: help, treatment: example}\n"
		}
		set, err := flow.ParseSet(files)
		if err != nil {
			t.Errorf("%v\n%s", err, example)
			continue
		}
		for _, s := range set.Flow("example").Steps {
			kinds[string(s.Kind)] = true
		}
		err = flow.Check(set, with)
		if problems, ok := err.(flow.Problems); ok {
			for _, p := range problems {
				if p.File == "example" && !strings.Contains(p.Text, `no way leads to step "person"`) && !strings.Contains(p.Text, `no way leads to step "done"`) {
					t.Errorf("%v\n%s", p, example)
				}
			}
		}
	}
	for _, kind := range []flow.Kind{flow.Say, flow.Menu, flow.Collect, flow.Record, flow.Set, flow.Forget, flow.If, flow.When, flow.Loop, flow.Split,
		flow.OpenHours, flow.Staffing, flow.Lookup, flow.HTTP, flow.Do, flow.CallBack, flow.Voicemail, flow.Bulletins, flow.ToQueue, flow.Transfer,
		flow.Hangup, flow.Call, flow.Music, flow.Wait} {
		if !kinds[string(kind)] {
			t.Errorf("no example shows the step %s", kind)
		}
	}
}
