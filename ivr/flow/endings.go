package flow

import "slices"

// ended is a result of a flow: told means that the last thing the caller heard
// was a statement or a promise, and no question.
type ended struct {
	result string
	told   bool
	flow   string // where it ended
	step   string
}

// entered is a flow that begins in a state.
type entered struct {
	flow string
	told bool
}

// endings refuses calls that end without a person, a promise or a goodbye.
func (p *pathways) endings() {
	known := map[entered][]ended{}
	var wanted []entered // ways in which flows begin
	for _, name := range slices.Concat(p.roots, p.treats) {
		wanted = append(wanted, entered{name, false})
	}
	want := func(e entered) []ended {
		if !slices.Contains(wanted, e) {
			wanted = append(wanted, e)
		}
		return known[e]
	}
	abrupt := map[*Step]bool{} // hang-ups without a word
	for changed := true; changed; {
		changed = false
		for i := 0; i < len(wanted); i++ { // it grows meanwhile
			at := wanted[i]
			before := len(wanted)
			ends := p.flowEnds(p.set.flows[at.flow], at.told, want, func(s *Step) { abrupt[s] = true })
			changed = changed || len(wanted) > before || len(ends) > len(known[at])
			known[at] = ends
		}
	}
	for _, name := range p.set.order {
		f := p.set.flows[name]
		for _, step := range f.Order {
			if s := f.Steps[step]; abrupt[s] {
				p.noGoodbye(f, s)
			}
		}
	}
	said := map[*Step]bool{}
	for _, root := range p.roots {
		for _, e := range known[entered{root, false}] {
			f := p.set.flows[e.flow]
			if s := f.Steps[e.step]; !e.told && !said[s] {
				said[s] = true
				p.noGoodbye(f, s)
			}
		}
	}
}

func (p *pathways) noGoodbye(f *Flow, s *Step) {
	p.file = f
	p.problem(s.Pos, "the call can end at step %q without a person, a promise or a goodbye: add say: to it, or lead to a step that says one", s.Name)
}

// flowEnds walks through all states of a flow.
func (p *pathways) flowEnds(f *Flow, told bool, want func(entered) []ended, abrupt func(*Step)) []ended {
	type state struct {
		step string
		told bool
	}
	var ends []ended
	seen := map[state]bool{}
	open := []state{{f.Start, told}}
	finish := func(e ended) {
		if !slices.Contains(ends, e) {
			ends = append(ends, e)
		}
	}
	for len(open) > 0 {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		if seen[at] {
			continue
		}
		seen[at] = true
		s := f.Steps[at.step]
		lead := func(to string, told bool) { open = append(open, state{to, told}) }
		switch s.Kind {
		case ToQueue:
		case Hangup:
			if !at.told && !speaks(s.Say) {
				abrupt(s)
			}
		case End:
			finish(ended{s.Reason, at.told || speaks(s.Say), f.Name, s.Name})
		case Continue:
			for _, e := range want(entered{s.Call.Flow, at.told}) {
				finish(e)
			}
		case Call:
			for _, e := range want(entered{s.Call.Flow, at.told}) {
				switch t, named := s.Call.On[e.result]; {
				case named:
					lead(t.Step, e.told)
				case s.Next.Given():
					lead(s.Next.Step, e.told)
				default:
					finish(e)
				}
			}
		default:
			for _, e := range s.edges() {
				lead(e.Step, s.tells(e, at.told))
			}
		}
	}
	return ends
}

// tells says whether the caller has heard a statement last after leaving s by
// e.
func (s *Step) tells(e edge, before bool) bool {
	switch s.Kind {
	case Say:
		return before || speaks(s.Say)
	case Menu, Collect, Record:
		return false // a question was the last thing
	case CallBack, Voicemail:
		return e.name == "next"
	case Transfer:
		return e.name == "next" // with a person
	case Bulletins:
		return !e.pressed && (before || e.name == "next")
	}
	return before
}

// speaks reports that something is heard for certain.
func speaks(parts []Part) bool {
	return slices.ContainsFunc(parts, func(p Part) bool { return p.Kind == PartPrompt })
}
