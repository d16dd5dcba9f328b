package ivr_test

import (
	"maps"
	"regexp"
	"slices"
	"testing"

	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/ivr/prompts"
)

func TestShippedFlowsAreFitForCallers(t *testing.T) {
	flows, err := ivr.ShippedFlows()
	if err != nil {
		t.Fatal(err)
	}
	s := newScene(t, flows)
	err = flow.Check(flows, flow.Surroundings{
		Languages: s.library.Languages(),
		HasPrompt: s.library.Has,
		Actions:   results(s.actions()),
		HasQueue:  func(id string) bool { return slices.Contains(queues, id) },
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
			if step.Menu == nil || (name == ivr.FlowMain || name == ivr.FlowRound) && step.Name == "language" || name == ivr.FlowRecord && step.Name == "hear" { // in two languages, in words; told before
				continue
			}
			menus++
			for _, text := range wordings(library, step.Say) {
				language := text.language
				offered := map[string]bool{}
				for _, word := range spoken.FindAllString(text.words, -1) {
					if key := words[word]; key != "" {
						word = key
					}
					offered[word] = true
					if _, works := step.Menu.Keys[word[0]]; !works {
						t.Errorf("%s/%s says %q in %s, but key %s does nothing", name, step.Name, text.words, language, word)
					}
				}
				for key, target := range step.Menu.Keys {
					if !offered[string(key)] && target.Step != "person" && step.Name != "emergency" {
						t.Errorf("%s/%s has a key %c that %q does not offer in %s", name, step.Name, key, text.words, language)
					}
				}
			}
		}
	}
	if menus < 20 {
		t.Errorf("only %d menus were looked at", menus)
	}
}

type wording struct{ language, words string }

// wordings are all that a step may say: in every language, and with every
// choice where a part has choices.
func wordings(library *prompts.Library, parts []flow.Part) []wording {
	var all []wording
	for _, language := range library.Languages() {
		texts := []string{""}
		for _, part := range parts {
			choices := []string{part.Ref}
			if part.Kind == flow.PartPick {
				choices = slices.Collect(maps.Values(part.Of))
			}
			var longer []string
			for _, text := range texts {
				for _, id := range choices {
					longer = append(longer, text+library.Text(language, id)+" ")
				}
			}
			texts = longer
		}
		for _, text := range texts {
			all = append(all, wording{language, text})
		}
	}
	return all
}
