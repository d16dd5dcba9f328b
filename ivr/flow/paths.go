package flow

import (
	"maps"
	"slices"
)

// paths looks at whole ways through the flows: whether a caller who does
// nothing could go round in circles for ever, and whether a call could end
// without a person, a promise or a goodbye.
func (c *checker) paths() {
	p := &pathways{checker: c}
	p.callers()
	if p.recursion() {
		return // the rest would not come to an end
	}
	p.silence()
	p.endings()
}

// Roots are the flows with which calls begin: all that no other flow runs and
// that nobody hears in a queue.
func Roots(set *FlowSet) []string {
	p := &pathways{checker: &checker{set: set}}
	p.callers()
	return p.roots
}

// pathways is what is known about ways through flows.
type pathways struct {
	*checker
	entries map[string]bool // flows that a call may begin with, and what they run
	waiting map[string]bool // flows that are heard in a queue, and what they run
	roots   []string
	treats  []string
	ends    map[string]map[string]bool // flow → results it may come to without a key
}

func (p *pathways) each(visit func(*Flow, *Step)) {
	for _, name := range p.set.order {
		f := p.set.flows[name]
		for _, step := range f.Order {
			visit(f, f.Steps[step])
		}
	}
}

// callers finds the flows with which calls begin: all that nobody runs, and
// that nobody hears in a queue.
func (p *pathways) callers() {
	run, heard := map[string]bool{}, map[string]bool{}
	p.each(func(f *Flow, s *Step) {
		if s.Call != nil && s.Call.Flow != f.Name {
			run[s.Call.Flow] = true
		}
		if s.Queue != nil {
			heard[s.Queue.Treatment] = true
		}
	})
	for _, name := range p.set.order {
		heard[p.set.flows[name].Fallback.Treatment] = true
	}
	for _, name := range p.set.order {
		switch {
		case p.set.Flow(name) == nil:
		case heard[name]:
			p.treats = append(p.treats, name)
		case !run[name]:
			p.roots = append(p.roots, name)
		}
	}
	p.entries, p.waiting = p.runs(p.roots), p.runs(p.treats)
	for _, name := range p.set.order { // flows that run each other in a circle
		if p.set.Flow(name) != nil && !p.entries[name] && !p.waiting[name] {
			p.roots = append(p.roots, name)
			p.entries = p.runs(p.roots)
		}
	}
}

// runs is the flows and all that they run.
func (p *pathways) runs(flows []string) map[string]bool {
	all := map[string]bool{}
	open := slices.Clone(flows)
	for len(open) > 0 {
		name := open[len(open)-1]
		open = open[:len(open)-1]
		if all[name] {
			continue
		}
		all[name] = true
		for _, s := range p.set.flows[name].Steps {
			if s.Call != nil {
				open = append(open, s.Call.Flow)
			}
		}
	}
	return all
}

// recursion refuses flows that run themselves and wait for the end of it.
func (p *pathways) recursion() (found bool) {
	state := map[string]int{} // 1: being looked at, 2: done
	var look func(f *Flow)
	look = func(f *Flow) {
		state[f.Name] = 1
		for _, name := range f.Order {
			s := f.Steps[name]
			if s.Kind != Call {
				continue
			}
			switch state[s.Call.Flow] {
			case 0:
				look(p.set.flows[s.Call.Flow])
			case 1:
				found = true
				p.file = f
				p.problem(s.Call.pos, "flow %q runs itself without end by way of step %q: use continue: to begin it anew", s.Call.Flow, name)
			}
		}
		state[f.Name] = 2
	}
	for _, name := range p.set.order {
		if f := p.set.Flow(name); f != nil && state[name] == 0 {
			look(f)
		}
	}
	return found
}

// silence refuses circles that a caller who presses nothing never leaves. In a
// queue a circle is what is wanted, as long as time passes in it.
func (p *pathways) silence() {
	p.silentEnds()
	for _, name := range p.set.order {
		f := p.set.Flow(name)
		if f == nil {
			continue
		}
		p.file = f
		inQueue := p.waiting[name] && !p.entries[name]
		if at := p.circle(f, inQueue); at != nil {
			p.problem(at.Pos, "a caller who presses nothing goes round in circles at step %q: add a loop step that counts, or lead on to a person", at.Name)
		}
	}
	p.continueCircles()
}

// silentSteps are the steps to which a silent caller goes on from s.
func (p *pathways) silentSteps(s *Step) []edge {
	es := slices.DeleteFunc(s.edges(), func(e edge) bool { return e.pressed })
	if s.Kind != Call {
		return es
	}
	ends := p.ends[s.Call.Flow]
	rest := false // a result that is not named in on
	for r := range ends {
		_, named := s.Call.On[r]
		rest = rest || !named
	}
	return slices.DeleteFunc(es, func(e edge) bool {
		if _, named := s.Call.On[e.name]; named {
			return !ends[e.name]
		}
		return !rest
	})
}

// silentEnds finds to which results each flow may come without a key.
func (p *pathways) silentEnds() {
	p.ends = map[string]map[string]bool{}
	for changed := true; changed; {
		changed = false
		for _, name := range p.set.order {
			f := p.set.Flow(name)
			if f == nil {
				continue
			}
			if p.ends[name] == nil {
				p.ends[name] = map[string]bool{}
			}
			for step := range p.silentReach(f) {
				for _, result := range p.results(f.Steps[step]) {
					changed = changed || !p.ends[name][result]
					p.ends[name][result] = true
				}
			}
		}
	}
}

// results are those with which a flow ends at this step, without a key.
func (p *pathways) results(s *Step) []string {
	switch s.Kind {
	case End:
		return []string{s.Reason}
	case Continue:
		return slices.Collect(maps.Keys(p.ends[s.Call.Flow]))
	case Call:
		if s.Next.Given() {
			return nil
		}
		var out []string
		for r := range p.ends[s.Call.Flow] {
			if _, named := s.Call.On[r]; !named {
				out = append(out, r)
			}
		}
		return out
	}
	return nil
}

func (p *pathways) silentReach(f *Flow) map[string]bool {
	reached := map[string]bool{}
	open := []string{f.Start}
	for len(open) > 0 {
		name := open[len(open)-1]
		open = open[:len(open)-1]
		if reached[name] {
			continue
		}
		reached[name] = true
		for _, e := range p.silentSteps(f.Steps[name]) {
			open = append(open, e.Step)
		}
	}
	return reached
}

// circle finds a step on a silent circle of the flow, or nil.
func (p *pathways) circle(f *Flow, inQueue bool) *Step {
	graph := map[string][]string{}
	for _, name := range f.Order {
		s := f.Steps[name]
		if inQueue && s.Kind == Wait {
			continue // time passes
		}
		for _, e := range p.silentSteps(s) {
			if s.Kind == Loop && e.name == WayAgain {
				continue // counted
			}
			graph[name] = append(graph[name], e.Step)
		}
	}
	for {
		on := circular(graph, f.Order)
		if len(on) == 0 {
			return nil
		}
		guard := p.guard(f, graph, on)
		if guard == nil {
			for _, name := range f.Order {
				if on[name] {
					return f.Steps[name]
				}
			}
		}
		// It is left after so many rounds.
		graph[guard.Name] = slices.DeleteFunc(graph[guard.Name], func(to string) bool { return to == guard.If.Else.Step })
	}
}

// guard finds a test "at least n" of an attribute that only counts up and that
// every circle through the test counts.
func (p *pathways) guard(f *Flow, graph map[string][]string, on map[string]bool) *Step {
	for _, name := range f.Order {
		s := f.Steps[name]
		if !on[name] || s.If == nil || s.If.AtLeast == nil || s.If.Then.Step == s.If.Else.Step || len(graph[name]) < 2 {
			continue
		}
		counting, only := p.counts(f, s.If.Attribute)
		if !only {
			continue
		}
		without := maps.Clone(graph)
		for _, step := range counting {
			delete(without, step)
		}
		if !circular(without, f.Order)[name] {
			return s
		}
	}
	return nil
}

// counts are the steps of f that count the attribute up; only reports that
// nothing else in any flow changes it.
func (p *pathways) counts(f *Flow, attribute string) (steps []string, only bool) {
	only = true
	p.each(func(in *Flow, s *Step) {
		for _, a := range s.Set {
			switch {
			case a.Attribute != attribute:
			case a.How != AssignPlus:
				only = false
			case in == f:
				steps = append(steps, s.Name)
			}
		}
		for _, e := range s.edges() {
			for _, a := range e.Set {
				only = only && a.Attribute != attribute
			}
		}
		only = only && !slices.Contains(s.writes(), attribute)
	})
	return steps, only
}

// writes are the attributes that a step fills, apart from set.
func (s *Step) writes() []string {
	switch {
	case s.Collect != nil:
		return []string{s.Collect.Attribute}
	case s.CallBack != nil:
		return []string{CallBackNumber}
	case s.HTTP != nil:
		return slices.Collect(maps.Keys(s.HTTP.Take))
	}
	return nil
}

// circular are the steps that lie on a circle of the graph.
func circular(graph map[string][]string, order []string) map[string]bool {
	on := map[string]bool{}
	index, low := map[string]int{}, map[string]int{}
	var stack []string
	var visit func(string)
	visit = func(name string) { // Tarjan's strongly connected components
		index[name] = len(index) + 1
		low[name] = index[name]
		stack = append(stack, name)
		for _, to := range graph[name] {
			if to == name {
				on[name] = true
			}
			if index[to] == 0 {
				visit(to)
				low[name] = min(low[name], low[to])
			} else if slices.Contains(stack, to) {
				low[name] = min(low[name], index[to])
			}
		}
		if low[name] != index[name] {
			return
		}
		at := slices.Index(stack, name)
		if len(stack)-at > 1 {
			for _, member := range stack[at:] {
				on[member] = true
			}
		}
		stack = stack[:at]
	}
	for _, name := range order {
		if index[name] == 0 {
			visit(name)
		}
	}
	return on
}

// continueCircles refuses flows that lead into each other for ever.
func (p *pathways) continueCircles() {
	graph := map[string][]string{}
	at := map[string]*Step{}
	for _, name := range p.set.order {
		f := p.set.Flow(name)
		if f == nil {
			continue
		}
		reached := p.silentReach(f)
		for _, step := range f.Order {
			if s := f.Steps[step]; s.Call != nil && reached[step] {
				graph[name] = append(graph[name], s.Call.Flow)
				if s.Kind == Continue {
					at[name] = s
				}
			}
		}
	}
	on := circular(graph, p.set.order)
	for _, name := range p.set.order {
		if on[name] && at[name] != nil {
			p.file = p.set.flows[name]
			p.problem(at[name].Pos, "a caller who presses nothing is led from flow %q back to it for ever by way of step %q: lead on to a person", name, at[name].Name)
			return
		}
	}
}
