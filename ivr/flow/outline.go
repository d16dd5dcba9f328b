package flow

import (
	"slices"
	"strings"
)

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

// QueueStep is a place in a flow that names a queue.
type QueueStep struct {
	Flow, Step, Queue string
	Asks              bool // only who works there is asked: callers do not come in
}

// Queues are all such places, in the order of the files. Where callers come in
// whom the flow cannot lead on, the step has no name.
func (s *FlowSet) Queues() []QueueStep {
	var all []QueueStep
	for _, name := range s.order {
		f := s.flows[name]
		for _, step := range f.Order {
			switch one := f.Steps[step]; {
			case one.Queue != nil:
				all = append(all, QueueStep{Flow: name, Step: step, Queue: one.Queue.ID})
			case one.CallBack != nil:
				all = append(all, QueueStep{Flow: name, Step: step, Queue: one.CallBack.Queue})
			case one.Staffing != nil:
				all = append(all, QueueStep{Flow: name, Step: step, Queue: one.Staffing.Queue, Asks: true})
			}
		}
		if f.Fallback.ID != "" {
			all = append(all, QueueStep{Flow: name, Queue: f.Fallback.ID})
		}
	}
	return slices.DeleteFunc(all, func(q QueueStep) bool { return q.Queue == "" })
}

// Met are the flows that callers hear who begin with some: those themselves, and
// all that they run, have played while callers wait, or go on to.
func (s *FlowSet) Met(first ...string) map[string]bool {
	met := map[string]bool{}
	open := slices.Clone(first)
	for len(open) > 0 {
		name := open[len(open)-1]
		open = open[:len(open)-1]
		f := s.flows[name]
		if met[name] || f == nil {
			continue
		}
		met[name] = true
		open = append(open, f.AfterTalk, f.Fallback.Treatment)
		for _, step := range f.Steps {
			if step.Call != nil {
				open = append(open, step.Call.Flow)
			}
			if step.Queue != nil {
				open = append(open, step.Queue.Treatment)
			}
		}
	}
	return met
}
