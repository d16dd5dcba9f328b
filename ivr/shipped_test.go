package ivr_test

import (
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
	library, err := prompts.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	err = flow.Check(flows, flow.Surroundings{
		Languages: []string{"es", "en"},
		HasPrompt: library.Has,
		Actions:   []string{"authenticate", "queue.info", ivr.ActionModeRead, ivr.ActionModeApply, ivr.ActionModeClear, ivr.ActionRegistrantSave},
		HasQueue:  func(id string) bool { return id == "help" || id == "volunteers" },
	})
	if err != nil {
		t.Error(err)
	}
}
