package flow

import "slices"

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
