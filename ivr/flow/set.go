package flow

import (
	"fmt"
	"maps"
	"slices"
)

// A FlowSet is flows that call each other by name, with the attributes,
// schedules and tables that any of them declares for all. It is never changed.
type FlowSet struct {
	flows      map[string]*Flow
	order      []string
	attributes map[string]Attribute
	schedules  map[string]*Schedule
	tables     map[string]*Table
}

// NewSet puts flows together.
func NewSet(flows ...*Flow) (*FlowSet, error) {
	s := &FlowSet{flows: map[string]*Flow{}, attributes: map[string]Attribute{}, schedules: map[string]*Schedule{}, tables: map[string]*Table{}}
	var ps Problems
	for _, f := range flows {
		if _, twice := s.flows[f.Name]; twice {
			ps = append(ps, Problem{File: f.Name, Pos: f.pos, Text: fmt.Sprintf("there are two flows named %q: rename one", f.Name)})
			continue
		}
		s.flows[f.Name] = f
		s.order = append(s.order, f.Name)
		ps = append(ps, s.declare(f)...)
	}
	return s, ps.orNil()
}

// ParseSet reads files by name and puts them together. Errors are all Problems
// of all files.
func ParseSet(texts map[string]string) (*FlowSet, error) {
	var flows []*Flow
	var ps Problems
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		f, err := Parse(name, []byte(texts[name]))
		if bad, ok := err.(Problems); ok {
			ps = append(ps, bad...)
			continue
		}
		flows = append(flows, f)
	}
	if len(ps) > 0 {
		return nil, ps
	}
	return NewSet(flows...)
}

func (s *FlowSet) declare(f *Flow) (ps Problems) {
	twice := func(at Pos, what, name string) {
		ps = append(ps, Problem{File: f.Name, Pos: at, Text: fmt.Sprintf("%s %q is declared in another file already, and otherwise: declare it once", what, name)})
	}
	for _, name := range slices.Sorted(maps.Keys(f.Attributes)) {
		a := f.Attributes[name]
		known, there := s.attributes[name]
		if there && (known.Type != a.Type || known.Max != a.Max || known.Sensitive != a.Sensitive || known.Keep != a.Keep) {
			twice(a.pos, "attribute", name)
			continue
		}
		s.attributes[name] = a
	}
	for _, name := range slices.Sorted(maps.Keys(f.Schedules)) {
		if s.schedules[name] != nil {
			twice(f.Schedules[name].pos, "schedule", name)
			continue
		}
		s.schedules[name] = f.Schedules[name]
	}
	for _, name := range slices.Sorted(maps.Keys(f.Tables)) {
		if s.tables[name] != nil {
			twice(f.Tables[name].pos, "table", name)
			continue
		}
		s.tables[name] = f.Tables[name]
	}
	return ps
}

// Flow returns the flow of that name, or nil. Files that only hold data are
// none.
func (s *FlowSet) Flow(name string) *Flow {
	if f := s.flows[name]; f != nil && !f.Data() {
		return f
	}
	return nil
}

// Names are the names of all files, in the order given.
func (s *FlowSet) Names() []string { return slices.Clone(s.order) }

// Attribute is what is declared about an attribute; a text that is not kept
// when nothing is.
func (s *FlowSet) Attribute(name string) Attribute {
	if a, ok := s.attributes[name]; ok {
		return a
	}
	return Attribute{Type: Text, Max: MaxAttribute}
}

// Schedule returns the schedule of that name, or nil.
func (s *FlowSet) Schedule(name string) *Schedule { return s.schedules[name] }

// Table returns the table of that name, or nil.
func (s *FlowSet) Table(name string) *Table { return s.tables[name] }

// Data reports that the file holds schedules, tables or attributes and no
// dialogue.
func (f *Flow) Data() bool {
	return f.Start == "" && len(f.Steps) == 0 && f.Fallback.ID == "" &&
		len(f.Schedules)+len(f.Tables)+len(f.Attributes) > 0
}

// From is the set with one flow that begins at another step: whoever tries what
// can happen there need not find the keys that lead there.
func (s *FlowSet) From(name, step string) *FlowSet {
	moved := *s
	moved.flows = maps.Clone(s.flows)
	f := *s.flows[name]
	f.Start = step
	moved.flows[name] = &f
	return &moved
}
