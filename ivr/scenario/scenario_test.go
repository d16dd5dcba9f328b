package scenario_test

import (
	"errors"
	"testing"

	"hotline/appliance/store/storetest"
	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/ivr/prompts"
	"hotline/ivr/scenario"
)

func TestAChoiceOutlivesARestart(t *testing.T) {
	records := storetest.Open(t)
	c, err := scenario.Open(records)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Current().Attribute(); got != "general" {
		t.Errorf("before anybody chose it is %q", got)
	}
	if err := c.Set(t.Context(), "flood", "", "acc-1"); err != nil {
		t.Fatal(err)
	}
	if got := c.Current().Attribute(); got != "flood.before" {
		t.Errorf("the first stage is %q", got)
	}
	if err := c.Set(t.Context(), "flood", "during", "acc-1"); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range [][2]string{{"volcano", ""}, {"flood", "later"}, {"wildfire", "during"}} {
		if err := c.Set(t.Context(), wrong[0], wrong[1], "acc-1"); !errors.Is(err, scenario.ErrUnknown) {
			t.Errorf("%v was accepted: %v", wrong, err)
		}
	}
	again, err := scenario.Open(records)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Current(); got.Attribute() != "flood.during" || got.By != "acc-1" || len(got.Asks("es")) == 0 || len(got.Asks("xx")) == 0 {
		t.Errorf("after a restart it is %+v", got)
	}
}

// A scenario or stage for which the flows have no words of their own would be
// answered with the general ones, and nobody would notice.
func TestEveryScenarioHasWordsOfItsOwn(t *testing.T) {
	packs, err := scenario.Packs()
	if err != nil {
		t.Fatal(err)
	}
	flows, err := ivr.ShippedFlows()
	if err != nil {
		t.Fatal(err)
	}
	library, err := prompts.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	var advice map[string]string
	for _, part := range flows.Flow("info").Steps["advice"].Say {
		if part.Kind == flow.PartPick && part.Ref == scenario.Attribute {
			advice = part.Of
		}
	}
	for _, p := range packs {
		stages := p.Stages
		if len(stages) == 0 {
			stages = []string{""}
		}
		for _, stage := range stages {
			id := scenario.Chosen{Pack: p, Stage: stage}.Attribute()
			prompt, ok := advice[id]
			if !ok && id != scenario.General {
				t.Errorf("the information flow has no words for %q", id)
			}
			for _, language := range library.Languages() {
				if ok && library.Text(language, prompt) == "" {
					t.Errorf("%q has no words in %s", id, language)
				}
			}
		}
		for _, language := range library.Languages() {
			if p.Names[language] == "" || len(p.Asks[language]) != len(p.Asks["en"]) || p.ID != scenario.General && len(p.Asks[language]) == 0 {
				t.Errorf("%q is not complete in %s", p.ID, language)
			}
		}
	}
	if len(packs) != 6 || len(advice) < 8 {
		t.Errorf("%d packs, words for %d", len(packs), len(advice))
	}
}
