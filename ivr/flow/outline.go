package flow

import "strings"

// OutlineStep is one step as people read it.
type OutlineStep struct {
	Name string
	Kind Kind
	Line int
	What string // what it says, asks for or leads to
	Ways []OutlineWay
}

// OutlineWay is one way out of a step.
type OutlineWay struct{ Name, To string }

// Outline is the flow as a list, in the order in which it is written.
func (f *Flow) Outline() []OutlineStep {
	var all []OutlineStep
	for _, name := range f.Order {
		s := f.Steps[name]
		out := OutlineStep{Name: name, Kind: s.Kind, Line: s.Pos.Line, What: s.about()}
		for _, e := range s.edges() {
			out.Ways = append(out.Ways, OutlineWay{e.name, e.Step})
		}
		all = append(all, out)
	}
	return all
}

func (s *Step) about() string {
	var about []string
	switch {
	case s.Do != nil:
		about = append(about, s.Do.Action)
	case s.Call != nil:
		about = append(about, s.Call.Flow)
	case s.Queue != nil:
		about = append(about, s.Queue.ID)
	case s.Staffing != nil:
		about = append(about, s.Staffing.Queue)
	case s.CallBack != nil:
		about = append(about, s.CallBack.Queue)
	case s.Voicemail != nil:
		about = append(about, s.Voicemail.Box)
	case s.Hours != nil:
		about = append(about, s.Hours.Schedule)
	case s.Lookup != nil:
		about = append(about, s.Lookup.Table)
	case s.Transfer != nil:
		about = append(about, s.Transfer.Number)
	case s.HTTP != nil:
		about = append(about, s.HTTP.URL)
	case s.If != nil && s.If.Expr != nil:
		about = append(about, s.If.Expr.Text)
	case s.If != nil:
		about = append(about, s.If.Attribute)
	case s.Collect != nil:
		about = append(about, s.Collect.Attribute)
	case s.Record != nil:
		about = append(about, s.Record.Name)
	case s.Reason != "":
		about = append(about, s.Reason)
	}
	for _, p := range s.Say {
		if p.Ref != "" {
			about = append(about, "“"+p.Ref+"”")
		}
	}
	return strings.Join(about, " ")
}
