package ivr

import (
	"embed"
	"errors"
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
	FlowMain       = "main"       // every caller
	FlowVolunteer  = "volunteer"  // registration
	FlowWaiting    = "waiting"    // heard in a queue
	FlowSupervisor = "supervisor" // the supervisors' own number
)

// ShippedFlows are the flows that come with the hotline.
func ShippedFlows() (*flow.FlowSet, error) {
	files, err := fs.Glob(shipped, "flows/*.yaml")
	if err != nil {
		return nil, err
	}
	var flows []*flow.Flow
	var bad []error
	for _, file := range files {
		text, err := shipped.ReadFile(file)
		if err != nil {
			return nil, err
		}
		f, err := flow.Parse(strings.TrimSuffix(path.Base(file), ".yaml"), text)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		flows = append(flows, f)
	}
	if err := errors.Join(bad...); err != nil {
		return nil, fmt.Errorf("reading the shipped flows:\n%w", err)
	}
	return flow.NewSet(flows...)
}
