package ivr_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hotline/ivr"
	"hotline/ivr/flow"
)

func TestShippedFlowsAreFitForCallers(t *testing.T) {
	flows, err := ivr.ShippedFlows()
	if err != nil {
		t.Fatal(err)
	}
	s := newScene(t, flows)
	err = flow.Check(flows, flow.Surroundings{
		Languages: []string{"es", "en"},
		HasPrompt: s.library.Has,
		Actions:   slices.Collect(maps.Keys(s.actions())),
		HasQueue:  func(id string) bool { return id == "help" || id == "volunteers" },
	})
	if err != nil {
		t.Error(err)
	}
}

// TestMenusSayTheirKeys compares what a menu says with what it takes: a key
// that is offered must work, and one that works must be offered (9 and 0 for a
// person are told once, not in every menu).
func TestMenusSayTheirKeys(t *testing.T) {
	library, err := shippedPrompts()
	if err != nil {
		t.Fatal(err)
	}
	flows := shippedFlows(t)
	spoken := regexp.MustCompile(`\b\d\b|\bstar\b|asterisco|étoile|bintang|النَّجْمَة`)
	words := map[string]string{"star": "*", "asterisco": "*", "étoile": "*", "bintang": "*", "النَّجْمَة": "*", "one": "1", "two": "2", "uno": "1", "dos": "2"}
	menus := 0
	for _, name := range flows.Names() {
		for _, step := range flows.Flow(name).Steps {
			if step.Menu == nil || name == ivr.FlowMain && step.Name == "language" || name == ivr.FlowRecord && step.Name == "hear" { // in two languages, in words; told before
				continue
			}
			menus++
			for _, language := range library.Languages() {
				var text strings.Builder
				for _, part := range step.Say {
					text.WriteString(library.Text(language, part.Ref) + " ")
				}
				offered := map[string]bool{}
				for _, word := range spoken.FindAllString(text.String(), -1) {
					if key := words[word]; key != "" {
						word = key
					}
					offered[word] = true
					if _, works := step.Menu.Keys[word[0]]; !works {
						t.Errorf("%s/%s says %q in %s, but key %s does nothing", name, step.Name, text.String(), language, word)
					}
				}
				for key, target := range step.Menu.Keys {
					if !offered[string(key)] && target.Step != "person" && step.Name != "emergency" {
						t.Errorf("%s/%s has a key %c that %q does not offer in %s", name, step.Name, key, text.String(), language)
					}
				}
			}
		}
	}
	if menus < 20 {
		t.Errorf("only %d menus were looked at", menus)
	}
}
