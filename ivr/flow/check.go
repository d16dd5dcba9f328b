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
	Actions   map[string][]string            // what do: may name, and its results; no results: not known
	HasQueue  func(id string) bool           // nil: queues are not checked
	HTTP      bool                           // http steps may be used
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
	if c.problems.OnlyQueues() { // what follows would only repeat them
		c.paths()
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
	c.problems = append(c.problems, Problem{File: c.file.Name, Pos: at, Text: fmt.Sprintf(format, args...)})
}

func (c *checker) flow(f *Flow) {
	c.file, c.secret = f, map[string]bool{}
	for name, a := range c.set.attributes {
		c.secret[name] = a.Sensitive
	}
	for _, s := range f.Steps {
		if s.Collect != nil && s.Collect.Sensitive {
			c.secret[s.Collect.Attribute] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Schedules)) {
		for _, d := range f.Schedules[name].Dates {
			c.parts(d.Say)
		}
	}
	if f.Data() {
		return
	}
	if f.Steps[f.Start] == nil {
		c.problem(f.startPos, "the flow starts with step %q, which does not exist", f.Start)
	}
	c.queue(f.Fallback)
	reached := f.reach(f.Start, f.OnAgentConnected, f.OnDisconnect)
	for _, name := range f.Order {
		s := f.Steps[name]
		if !reached[name] {
			c.problem(s.Pos, "no way leads to step %q: remove it or lead to it", name)
		}
		c.step(s)
	}
	c.hook(f, "on_agent_connected", f.OnAgentConnected)
	c.hook(f, "on_disconnect", f.OnDisconnect)
	c.afterTalk(f)
}

// parting are the kinds of steps with which a call may not go on once an agent
// has ended the talk: nothing is owed then, and nobody stands in a queue.
var parting = []Kind{ToQueue, Transfer, CallBack, Voicemail, Call, Continue}

// afterTalk looks at the flow that callers hear when an agent has ended the talk.
func (c *checker) afterTalk(f *Flow) {
	if f.AfterTalk == "" {
		return
	}
	at := f.hookPos["after_talk"]
	after := c.set.Flow(f.AfterTalk)
	if after == nil {
		c.problem(at, "after_talk names flow %q, which does not exist", f.AfterTalk)
		return
	}
	for _, name := range after.Order {
		if s := after.Steps[name]; slices.Contains(parting, s.Kind) {
			c.problem(at, "after_talk names flow %q, whose step %q is a %s: the talk is over, and the flow may only ask and say goodbye (what it cannot use: %v)", f.AfterTalk, name, s.Kind, parting)
		}
	}
}

// unheard are the kinds of steps that need no caller on the line.
var unheard = []Kind{Set, Forget, If, When, Split, Loop, OpenHours, Lookup, HTTP, Do, Goto, End}

// hook looks at what runs unheard.
func (c *checker) hook(f *Flow, which, start string) {
	if start == "" {
		return
	}
	if f.Steps[start] == nil {
		c.problem(f.hookPos[which], "%s names step %q, which does not exist", which, start)
		return
	}
	reached := f.reach(start)
	for _, name := range f.Order {
		s := f.Steps[name]
		if reached[name] && (!slices.Contains(unheard, s.Kind) || len(s.Say) > 0) {
			c.problem(s.Pos, "step %q is reached by %s, where nobody listens: a %s cannot be used there (what can: %v)", name, which, s.Kind, unheard)
		}
	}
}

// reach is what can be reached from the given steps.
func (f *Flow) reach(from ...string) map[string]bool {
	reached := map[string]bool{}
	open := from
	for len(open) > 0 {
		name := open[len(open)-1]
		open = open[:len(open)-1]
		s := f.Steps[name]
		if s == nil || reached[name] {
			continue
		}
		reached[name] = true
		for _, e := range s.edges() {
			open = append(open, e.Step)
		}
	}
	return reached
}

// edge is a way out of a step within its flow.
type edge struct {
	Target
	pressed bool   // taken only when the caller pressed a key
	name    string // of the result, or way
}

// edges are all ways out of a step within its flow, in a fixed order.
func (s *Step) edges() []edge {
	var es []edge
	add := func(pressed bool, name string, t Target) {
		if t.Given() {
			es = append(es, edge{t, pressed, name})
		}
	}
	keys := func(m map[byte]Target) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			add(true, string(key), m[key])
		}
	}
	add(s.Collect != nil, "next", s.Next) // digits are keys
	for _, name := range slices.Sorted(maps.Keys(s.Ways)) {
		add(false, name, s.Ways[name])
	}
	switch {
	case s.Menu != nil:
		keys(s.Menu.Keys)
		add(true, "invalid", s.Menu.Invalid)
		add(false, "silence", s.Menu.Silence)
	case s.Collect != nil:
		add(false, "silence", s.Collect.Silence)
	case s.Record != nil:
		add(false, "silence", s.Record.Silence)
	case s.If != nil:
		add(false, "then", s.If.Then)
		add(false, "else", s.If.Else)
	case s.When != nil:
		for _, k := range s.When.Cases {
			add(false, "case", k.Then)
		}
		add(false, "else", s.When.Else)
	case s.Split != nil:
		for _, w := range s.Split.Ways {
			add(false, "share", w.Target)
		}
	case s.Do != nil:
		for _, name := range slices.Sorted(maps.Keys(s.Do.On)) {
			add(false, name, s.Do.On[name])
		}
		add(false, "else", s.Do.Else)
		add(false, WayError, s.Do.Error)
	case s.Call != nil:
		for _, name := range slices.Sorted(maps.Keys(s.Call.On)) {
			add(false, name, s.Call.On[name])
		}
	case s.Wait != nil:
		keys(s.Wait.Keys)
	case s.Bulletins != nil:
		keys(s.Bulletins.Keys)
	}
	return es
}

func (c *checker) step(s *Step) {
	told := map[Pos]bool{} // a default written once is a target many times
	for _, e := range s.edges() {
		if c.file.Steps[e.Step] == nil && !told[e.Pos] {
			told[e.Pos] = true
			c.problem(e.Pos, "step %q leads to %q, which does not exist", s.Name, e.Step)
		}
		c.assigns(e.Pos, e.Set)
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
		c.condition(s.Pos, *s.If)
	case s.When != nil:
		for _, k := range s.When.Cases {
			c.condition(k.pos, k)
		}
	case s.Do != nil:
		c.do(s)
	case s.Queue != nil:
		c.queue(*s.Queue)
	case s.Call != nil:
		if c.set.Flow(s.Call.Flow) == nil {
			c.problem(s.Call.pos, "step %q runs flow %q, which does not exist", s.Name, s.Call.Flow)
		}
	default:
		c.service(s)
	}
}

// service looks at the steps that lead to service.
func (c *checker) service(s *Step) {
	switch {
	case s.Hours != nil:
		if c.set.Schedule(s.Hours.Schedule) == nil {
			c.problem(s.Hours.pos, "there is no schedule %q: declare it under schedules:", s.Hours.Schedule)
		}
	case s.Staffing != nil:
		c.queue(Queue{ID: s.Staffing.Queue, pos: s.Staffing.pos})
		if s.Ways[WayLong].Given() != (s.Staffing.Long > 0) {
			c.problem(s.Pos, "step %q: long: <step> and long_wait: <time> belong together", s.Name)
		}
	case s.CallBack != nil:
		c.queue(Queue{ID: s.CallBack.Queue, pos: s.CallBack.pos})
		c.parts(s.CallBack.Ask)
		c.parts(s.CallBack.Number.Confirm)
		c.parts(s.CallBack.Number.InvalidSay)
	case s.Voicemail != nil:
		c.parts(s.Voicemail.Record.ShortSay)
		c.prompt(s.Pos, "", Beep)
	case s.Lookup != nil:
		if c.set.Table(s.Lookup.Table) == nil {
			c.problem(s.Lookup.pos, "there is no table %q: declare it under tables:", s.Lookup.Table)
		}
		c.clear(s.Pos, s.Lookup.Key)
	case s.HTTP != nil:
		if !c.with.HTTP {
			c.problem(s.HTTP.pos, "step %q asks another machine, which this hotline may not do: name it in the configuration file under flow_hosts:", s.Name)
		}
		for _, name := range s.HTTP.Send {
			c.clear(s.HTTP.pos, name)
		}
	case s.Music != "":
		c.prompt(s.Pos, "", s.Music)
	}
}

func (c *checker) do(s *Step) {
	results, can := c.with.Actions[s.Do.Action]
	if !can {
		known := slices.Sorted(maps.Keys(c.with.Actions))
		c.problem(s.Pos, "step %q asks for %q, which this hotline cannot do (it can: %v)", s.Name, s.Do.Action, known)
	}
	if !s.Do.Error.Given() {
		c.problem(s.Pos, "step %q does not say what happens when %s fails: add error: <step>", s.Name, s.Do.Action)
	}
	if len(s.Do.On) == 0 {
		c.problem(s.Pos, "step %q does not say what comes after %s: add on: {<result>: <step>}", s.Name, s.Do.Action)
		return
	}
	if len(results) == 0 {
		return
	}
	for _, result := range results {
		if !s.Do.On[result].Given() && !s.Do.Else.Given() {
			c.problem(s.Pos, "step %q does not say what comes after %s when it answers %q: add it to on:, or add else: <step>", s.Name, s.Do.Action, result)
		}
	}
	for _, result := range slices.Sorted(maps.Keys(s.Do.On)) {
		if !slices.Contains(results, result) {
			c.problem(s.Do.On[result].Pos, "%s never answers %q (it answers: %v)", s.Do.Action, result, results)
		}
	}
}

func (c *checker) queue(q Queue) {
	if c.with.HasQueue != nil && q.ID != "" && !c.with.HasQueue(q.ID) {
		c.problem(q.pos, "there is no queue %q", q.ID)
		c.problems[len(c.problems)-1].Queue = q.ID
	}
	if q.Treatment != "" && c.set.Flow(q.Treatment) == nil {
		c.problem(q.treatPos, "callers waiting in %q should hear flow %q, which does not exist", q.ID, q.Treatment)
	}
}

func (c *checker) assigns(at Pos, as []Assign) {
	for _, a := range as {
		switch a.How {
		case AssignFrom:
			c.clear(at, a.Value)
		case AssignExpr:
			c.reads(a.Expr)
		case AssignValue:
			declared := c.set.Attribute(a.Attribute)
			if _, ok := declared.Fit(a.Value); !ok {
				c.problem(at, "attribute %q is a %s and cannot be %q", a.Attribute, declared.Type, a.Value)
			}
		case AssignAdd:
			if t := c.set.Attribute(a.Attribute).Type; t != Text && t != List {
				c.problem(at, "attribute %q is a %s: only a list can be added to", a.Attribute, t)
			}
		case AssignPlus:
			if t := c.set.Attribute(a.Attribute).Type; t != Text && t != Digits {
				c.problem(at, "attribute %q is a %s: only a number can be counted up", a.Attribute, t)
			}
		}
	}
}

func (c *checker) condition(at Pos, k Condition) {
	if k.Expr != nil {
		c.reads(k.Expr)
		return
	}
	c.clear(at, k.Attribute)
}

func (c *checker) reads(e *Expr) {
	for _, name := range e.reads {
		c.clear(e.pos, name)
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
		if p.In == Offered {
			p.In = "" // it must exist in every language
		}
		if p.In != "" && !slices.Contains(c.with.Languages, p.In) {
			c.problem(p.Pos, "language %q is not offered (offered: %v)", p.In, c.with.Languages)
			continue
		}
		switch p.Kind {
		case PartPrompt:
			c.prompt(p.Pos, p.In, p.Ref)
		case PartDigits, PartNumber, PartPhone, PartWait, PartHours, PartTime, PartDate:
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
