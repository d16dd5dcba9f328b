package flow

import (
	"fmt"
	"maps"
	"slices"
)

// Surroundings are what flows are checked against: what the box can say and do.
type Surroundings struct {
	Languages []string                       // offered to callers
	HasPrompt func(language, id string) bool // also for music and the beep
	Actions   []string                       // what do: may name
	HasQueue  func(id string) bool           // nil: queues are not checked
}

// Beep is the prompt that record steps play before they record.
const Beep = "beep"

// Check refuses flows that could lead a caller nowhere: every problem, with
// file, line and column, or nil.
func Check(set *FlowSet, with Surroundings) error {
	c := checker{set: set, with: with}
	for _, name := range set.order {
		c.flow(set.flows[name])
	}
	return c.problems.orNil()
}

type checker struct {
	set      *FlowSet
	with     Surroundings
	file     *Flow
	secret   map[string]bool
	problems Problems
}

func (c *checker) problem(at Pos, format string, args ...any) {
	c.problems = append(c.problems, Problem{c.file.Name, at, fmt.Sprintf(format, args...)})
}

func (c *checker) flow(f *Flow) {
	c.file, c.secret = f, map[string]bool{}
	for _, s := range f.Steps {
		if s.Collect != nil && s.Collect.Sensitive {
			c.secret[s.Collect.Attribute] = true
		}
	}
	if f.Steps[f.Start] == nil {
		c.problem(f.startPos, "the flow starts with step %q, which does not exist", f.Start)
	}
	c.queue(f.Fallback)
	reached := c.reach(f)
	for _, name := range f.Order {
		s := f.Steps[name]
		if !reached[name] {
			c.problem(s.Pos, "no way leads to step %q: remove it or lead to it", name)
		}
		c.step(s)
	}
}

func (c *checker) reach(f *Flow) map[string]bool {
	reached := map[string]bool{}
	open := []string{f.Start}
	for len(open) > 0 {
		name := open[len(open)-1]
		open = open[:len(open)-1]
		s := f.Steps[name]
		if s == nil || reached[name] {
			continue
		}
		reached[name] = true
		for _, t := range s.targets() {
			open = append(open, t.Step)
		}
	}
	return reached
}

// targets are all ways out of a step within its flow.
func (s *Step) targets() []Target {
	ts := []Target{s.Next}
	switch {
	case s.Menu != nil:
		ts = append(ts, sorted(s.Menu.Keys)...)
		ts = append(ts, s.Menu.Invalid, s.Menu.Silence)
	case s.Collect != nil:
		ts = append(ts, s.Collect.Silence)
	case s.Record != nil:
		ts = append(ts, s.Record.Silence)
	case s.If != nil:
		ts = append(ts, s.If.Then, s.If.Else)
	case s.Do != nil:
		ts = append(append(ts, sorted(s.Do.On)...), s.Do.Error)
	case s.Call != nil:
		ts = append(ts, sorted(s.Call.On)...)
	case s.Wait != nil:
		ts = append(ts, sorted(s.Wait.Keys)...)
	}
	return slices.DeleteFunc(ts, func(t Target) bool { return !t.Given() })
}

func sorted[K byte | string](m map[K]Target) []Target {
	ts := make([]Target, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		ts = append(ts, m[k])
	}
	return ts
}

func (c *checker) step(s *Step) {
	told := map[Pos]bool{} // a default written once is a target many times
	for _, t := range s.targets() {
		if c.file.Steps[t.Step] == nil && !told[t.Pos] {
			told[t.Pos] = true
			c.problem(t.Pos, "step %q leads to %q, which does not exist", s.Name, t.Step)
		}
		c.assigns(t.Pos, t.Set)
	}
	c.assigns(s.Pos, s.Set)
	c.parts(s.Say)
	switch {
	case s.Menu != nil:
		if s.Menu.silenceMissing {
			c.problem(s.Pos, "menu %q does not say what happens when the caller stays silent: add silence: <step> or default: <step>", s.Name)
		}
		c.parts(s.Menu.InvalidSay)
		c.parts(s.Menu.SilenceSay)
	case s.Collect != nil:
		c.parts(s.Collect.InvalidSay)
		c.parts(s.Collect.Confirm)
	case s.Record != nil:
		c.parts(s.Record.ShortSay)
		c.prompt(s.Pos, "", Beep)
	case s.If != nil:
		c.clear(s.Pos, s.If.Attribute)
	case s.Do != nil:
		c.do(s)
	case s.Queue != nil:
		c.queue(*s.Queue)
	case s.Call != nil:
		if c.set.flows[s.Call.Flow] == nil {
			c.problem(s.Call.pos, "step %q runs flow %q, which does not exist", s.Name, s.Call.Flow)
		}
	case s.Music != "":
		c.prompt(s.Pos, "", s.Music)
	}
}

func (c *checker) do(s *Step) {
	if !slices.Contains(c.with.Actions, s.Do.Action) {
		known := slices.Sorted(slices.Values(c.with.Actions))
		c.problem(s.Pos, "step %q asks for %q, which this hotline cannot do (it can: %v)", s.Name, s.Do.Action, known)
	}
	if !s.Do.Error.Given() {
		c.problem(s.Pos, "step %q does not say what happens when %s fails: add error: <step>", s.Name, s.Do.Action)
	}
	if len(s.Do.On) == 0 {
		c.problem(s.Pos, "step %q does not say what comes after %s: add on: {<result>: <step>}", s.Name, s.Do.Action)
	}
}

func (c *checker) queue(q Queue) {
	if c.with.HasQueue != nil && q.ID != "" && !c.with.HasQueue(q.ID) {
		c.problem(q.pos, "there is no queue %q", q.ID)
	}
	if q.Treatment != "" && c.set.flows[q.Treatment] == nil {
		c.problem(q.treatPos, "callers waiting in %q should hear flow %q, which does not exist", q.ID, q.Treatment)
	}
}

func (c *checker) assigns(at Pos, as []Assign) {
	for _, a := range as {
		if a.How == AssignFrom {
			c.clear(at, a.Value)
		}
	}
}

// clear refuses secrets where they could be heard, stored or told apart.
func (c *checker) clear(at Pos, attribute string) {
	if c.secret[attribute] {
		c.problem(at, "%q is sensitive: it can be given to an action and nothing else", attribute)
	}
}

func (c *checker) parts(parts []Part) {
	for _, p := range parts {
		if p.In != "" && !slices.Contains(c.with.Languages, p.In) {
			c.problem(p.Pos, "language %q is not offered (offered: %v)", p.In, c.with.Languages)
			continue
		}
		switch p.Kind {
		case PartPrompt:
			c.prompt(p.Pos, p.In, p.Ref)
		case PartDigits, PartNumber:
			c.clear(p.Pos, p.Ref)
		case PartPick, PartEach:
			c.clear(p.Pos, p.Ref)
			for _, value := range slices.Sorted(maps.Keys(p.Of)) {
				c.prompt(p.Pos, p.In, p.Of[value])
			}
		}
	}
}

func (c *checker) prompt(at Pos, in, id string) {
	languages := c.with.Languages
	if in != "" {
		languages = []string{in}
	}
	for _, l := range languages {
		if !c.with.HasPrompt(l, id) {
			c.problem(at, "prompt %q is missing in language %q", id, l)
		}
	}
}
