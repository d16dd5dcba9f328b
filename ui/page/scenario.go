package page

import (
	"cmp"

	"hotline/appliance/operation"
	"hotline/ivr/scenario"
)

// ScenarioPage is what kind of disaster the hotline answers for.
type ScenarioPage struct {
	Frame
	Packs    []scenario.Pack
	Chosen   scenario.Chosen
	By       string // name of who chose; "" for nobody
	Language string
	Facts    operation.Facts
	Trouble  string
	Done     bool
	Kept     bool // the facts of the operation were
}

// choices are all scenarios with their stages, as the form sends them.
func (p ScenarioPage) choices() []scenario.Chosen {
	var all []scenario.Chosen
	for _, pack := range p.Packs {
		if len(pack.Stages) == 0 {
			all = append(all, scenario.Chosen{Pack: pack})
		}
		for _, stage := range pack.Stages {
			all = append(all, scenario.Chosen{Pack: pack, Stage: stage})
		}
	}
	return all
}

func (p ScenarioPage) name(c scenario.Chosen) string {
	name := cmp.Or(c.Pack.Names[p.Language], c.Pack.Names["en"], c.Pack.ID)
	if c.Stage == "" {
		return name
	}
	return name + ": " + p.Or("scenario.stage."+c.Stage, c.Stage)
}
