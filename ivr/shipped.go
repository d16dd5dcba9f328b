package ivr

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"hotline/ivr/flow"
)

//go:embed flows/*.yaml
var shipped embed.FS

// The shipped flows.
const (
	FlowMain          = "main"           // every caller
	FlowVolunteer     = "volunteer"      // registration
	FlowCode          = "code"           // callers who have called before and have a code
	FlowShift         = "shift"          // registered volunteers begin and end work
	FlowWaiting       = "waiting"        // heard in a queue
	FlowWaitingDanger = "waiting_danger" // in the queue for danger
	FlowWaitingQuiet  = "waiting_quiet"  // in the queue for private calls
	FlowPartner       = "partner"        // to another help line
	FlowClosed        = "closed"         // instead of waiting, when nobody may wait
	FlowRecord        = "record-prompts" // recording the sentences of a language
	FlowRound         = "round"          // people whom the hotline calls to ask how they are
	FlowSurvey        = "survey"         // after a talk, where a flow says so
	FlowSupervisor    = "supervisor"     // the supervisors' own number
	FlowAgent         = "agent"          // the number of phone volunteers who work by telephone
)

// ShippedTexts are the texts of the flows that come with the hotline, by name.
func ShippedTexts() map[string]string {
	texts := map[string]string{}
	files, err := fs.Glob(shipped, "flows/*.yaml")
	for _, file := range files {
		var text []byte
		if text, err = shipped.ReadFile(file); err != nil {
			break
		}
		texts[strings.TrimSuffix(path.Base(file), ".yaml")] = string(text)
	}
	if err != nil {
		panic(err) // they are part of the program
	}
	return texts
}

// ShippedFlows are the flows that come with the hotline.
func ShippedFlows() (*flow.FlowSet, error) {
	set, err := flow.ParseSet(ShippedTexts())
	if err != nil {
		return nil, fmt.Errorf("reading the shipped flows:\n%w", err)
	}
	return set, nil
}
