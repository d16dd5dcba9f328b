package flow

import (
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// kind prepares a step of its kind and returns the reader of its own settings,
// which reports whether it knew the setting.
func (r *reader) kind(s *Step) func(field) bool {
	switch s.Kind {
	case Say:
		return func(field) bool { return false }
	case Menu:
		s.BargeIn = true
		s.Menu = &MenuStep{Keys: map[byte]Target{}, Timeout: defaultTimeout, Retries: defaultRetries, SilentRetries: -1}
		return func(x field) bool { return r.menuField(s.Menu, x) }
	case Collect:
		s.BargeIn = true
		s.Collect = &CollectStep{Min: 1, Max: 20, First: 2 * defaultTimeout, Between: defaultTimeout, Retries: defaultRetries}
		return func(x field) bool { return r.collectField(s.Collect, x) }
	case Record:
		s.Record = &RecordStep{Max: 30 * time.Second, Min: time.Second, Stop: allKeys, Retries: 1}
		return func(x field) bool { return r.recordField(s.Record, x) }
	case Set:
		return func(x field) bool {
			if x.key != "set" {
				return false
			}
			s.Set = r.assigns(x.value)
			return true
		}
	case If:
		s.If = &Condition{}
		return func(x field) bool { return r.ifField(s.If, x) }
	case Do:
		s.Do = &DoStep{On: map[string]Target{}, Timeout: defaultAction}
		return func(x field) bool { return r.doField(s.Do, x) }
	case ToQueue:
		s.Queue = &Queue{}
		return func(x field) bool {
			if x.key == "queue" {
				s.Queue.ID, s.Queue.pos = r.name(x.value, "queue"), posOf(x.value)
				return true
			}
			return r.queueField(s.Queue, x)
		}
	case Call:
		s.Call = &CallStep{On: map[string]Target{}}
		return func(x field) bool { return r.callField(s.Call, x) }
	default:
		return r.smallKind(s)
	}
}

func (r *reader) smallKind(s *Step) func(field) bool {
	switch s.Kind {
	case Goto:
		return func(x field) bool {
			if x.key != "goto" {
				return false
			}
			s.Next = r.target(x.value)
			return true
		}
	case Music:
		return func(x field) bool {
			if x.key != "music" {
				return false
			}
			if s.Music = r.name(x.value, "music"); s.Music == "none" {
				s.Music = ""
			}
			return true
		}
	case Wait:
		s.Wait = &WaitStep{Keys: map[byte]Target{}}
		return func(x field) bool {
			switch x.key {
			case "wait":
				// Waiting resets the loop guard, so it must really take time.
				s.Wait.For = r.duration(x.value, "wait", time.Second, maxWait)
			case "keys":
				r.keys(x.value, s.Wait.Keys)
			default:
				return false
			}
			return true
		}
	case Hangup, End:
		return func(x field) bool {
			if x.key != string(s.Kind) {
				return false
			}
			s.Reason = r.name(x.value, x.key)
			return true
		}
	}
	return r.serviceKind(s)
}

func (r *reader) menuField(m *MenuStep, x field) bool {
	switch x.key {
	case "menu":
		r.keys(x.value, m.Keys)
	case "timeout":
		m.Timeout = r.duration(x.value, x.key, 500*time.Millisecond, maxTimeout)
	case "retries":
		m.Retries = r.integer(x.value, x.key, 0, 9)
	case "silent_retries":
		m.SilentRetries = r.integer(x.value, x.key, 0, 9)
	case "invalid_say":
		m.InvalidSay = r.parts(x.value)
	case "silence_say":
		m.SilenceSay = r.parts(x.value)
	case "invalid":
		m.Invalid = r.target(x.value)
	case "silence":
		m.Silence = r.target(x.value)
	case "default":
		m.Default = r.target(x.value)
	case "sensitive":
		m.Sensitive = r.boolean(x.value, x.key)
	default:
		return false
	}
	return true
}

func (r *reader) collectField(c *CollectStep, x field) bool {
	switch x.key {
	case "collect":
		c.Attribute = r.name(x.value, "collect")
	case "min":
		c.Min = r.integer(x.value, x.key, 1, 40)
	case "max":
		c.Max = r.integer(x.value, x.key, 1, 40)
	case "terminator":
		if t := r.text(x.value, x.key); t == "#" || t == "*" {
			c.Terminator = t[0]
		} else {
			r.problem(posOf(x.value), "terminator must be \"#\" or \"*\"")
		}
	case "first":
		c.First = r.duration(x.value, x.key, time.Second, maxTimeout)
	case "between":
		c.Between = r.duration(x.value, x.key, time.Second, maxTimeout)
	case "retries":
		c.Retries = r.integer(x.value, x.key, 0, 9)
	case "sensitive":
		c.Sensitive = r.boolean(x.value, x.key)
	case "confirm":
		c.Confirm = r.parts(x.value)
	case "invalid_say":
		c.InvalidSay = r.parts(x.value)
	case "silence":
		c.Silence = r.target(x.value)
	default:
		return false
	}
	return true
}

func (r *reader) recordField(c *RecordStep, x field) bool {
	switch x.key {
	case "record":
		c.Name = r.name(x.value, "record")
	case "max":
		c.Max = r.duration(x.value, x.key, time.Second, maxRecord)
	case "min":
		c.Min = r.duration(x.value, x.key, 100*time.Millisecond, 10*time.Second)
	case "stop":
		c.Stop = r.text(x.value, x.key)
		if c.Stop == "" || strings.Trim(c.Stop, allKeys) != "" {
			r.problem(posOf(x.value), "stop must be telephone keys, such as \"#\" or \"0123456789*#\"")
		}
	case "retries":
		c.Retries = r.integer(x.value, x.key, 0, 9)
	case "short_say":
		c.ShortSay = r.parts(x.value)
	case "silence":
		c.Silence = r.target(x.value)
	default:
		return false
	}
	return true
}

func (r *reader) ifField(c *Condition, x field) bool {
	switch x.key {
	case "if":
		c.pos = posOf(x.value)
		for _, t := range r.fields(x.value, "if") {
			if !r.testField(c, t) {
				r.unknown(t, "if", "attribute", "is", "at_least", "items", "known", "expr")
			}
		}
	case "then":
		c.Then = r.target(x.value)
	case "else":
		c.Else = r.target(x.value)
	default:
		return false
	}
	return true
}

// testField reads one setting of a test.
func (r *reader) testField(c *Condition, t field) bool {
	switch t.key {
	case "attribute":
		c.Attribute = r.name(t.value, t.key)
	case "is":
		for _, v := range r.list(t.value) {
			c.Is = append(c.Is, r.text(v, t.key))
		}
	case "at_least":
		n := r.integer(t.value, t.key, 0, biggestNumber)
		c.AtLeast = &n
	case "items":
		n := r.integer(t.value, t.key, 0, 1000)
		c.Items = &n
	case "known":
		b := r.boolean(t.value, t.key)
		c.Known = &b
	case "expr":
		c.Expr = r.expression(t.value, true)
	default:
		return false
	}
	return true
}

// expression compiles; on a mistake the result is nil and a problem is noted.
func (r *reader) expression(n ast.Node, truth bool) *Expr {
	e, err := compile(r.text(n, "expr"), truth)
	if err != nil {
		r.problem(posOf(n), "this cannot be computed: %v", err)
		return &Expr{pos: posOf(n)}
	}
	e.pos = posOf(n)
	return e
}

// condition looks at what a test lacks.
func (r *reader) condition(s *Step, c Condition) {
	tests := 0
	for _, given := range []bool{len(c.Is) > 0, c.AtLeast != nil, c.Items != nil, c.Known != nil, c.Expr != nil} {
		if given {
			tests++
		}
	}
	switch {
	case c.Expr != nil && (c.Attribute != "" || tests > 1):
		r.problem(c.pos, "step %q: expr stands alone, without attribute and other tests", s.Name)
	case c.Expr == nil && c.Attribute == "":
		r.problem(s.Pos, "step %q does not say which attribute it tests", s.Name)
	case tests == 0:
		r.problem(s.Pos, "step %q does not say what it tests: add is, at_least, items, known or expr", s.Name)
	case tests > 1:
		r.problem(c.pos, "step %q tests several things at once: make it several steps, or one expr", s.Name)
	}
}

func (r *reader) doField(d *DoStep, x field) bool {
	switch x.key {
	case "do":
		d.Action = r.name(x.value, "do")
	case "with":
		d.With = r.names(x.value, "with")
	case "on":
		r.results(x.value, d.On)
	case "else":
		d.Else = r.target(x.value)
	case "error":
		d.Error = r.target(x.value)
	case "timeout":
		d.Timeout = r.duration(x.value, x.key, 100*time.Millisecond, maxAction)
	case "takes":
		d.Takes = r.duration(x.value, x.key, 0, maxAction)
	default:
		return false
	}
	return true
}

func (r *reader) callField(c *CallStep, x field) bool {
	switch x.key {
	case "flow":
		c.Flow, c.pos = r.name(x.value, "flow"), posOf(x.value)
	case "on":
		r.results(x.value, c.On)
	default:
		return false
	}
	return true
}

func (r *reader) keys(n ast.Node, into map[byte]Target) {
	for _, x := range r.fields(n, "the keys of a menu") {
		if key, ok := r.key(x); ok {
			into[key] = r.target(x.value)
		}
	}
}

func (r *reader) results(n ast.Node, into map[string]Target) {
	for _, x := range r.fields(n, "on") {
		into[x.key] = r.target(x.value)
	}
}

// target reads a step name, or a mapping that also notes something.
func (r *reader) target(n ast.Node) Target {
	if _, plain := n.(*ast.StringNode); plain {
		return Target{Step: r.name(n, "step"), Pos: posOf(n)}
	}
	t := Target{Pos: posOf(n)}
	for _, x := range r.fields(n, "a target (a step name, or {next: step, set: {...}})") {
		switch x.key {
		case "next":
			t.Step, t.Pos = r.name(x.value, "next"), posOf(x.value)
		case "set":
			t.Set = r.assigns(x.value)
		case "as":
			t.As = r.name(x.value, "as")
		default:
			r.unknown(x, "a target", "next", "set", "as")
		}
	}
	if t.Step == "" {
		r.problem(t.Pos, "this does not say which step comes next")
	}
	return t
}

func (r *reader) assigns(n ast.Node) []Assign {
	var as []Assign
	for _, x := range r.fields(n, "set") {
		r.checkName(x.key, x.at, "attribute")
		a := Assign{Attribute: x.key}
		switch x.value.(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
			for _, h := range r.fields(x.value, "set "+x.key) {
				switch h.key {
				case "from":
					a.How, a.Value = AssignFrom, r.name(h.value, h.key)
				case "add":
					a.How, a.Value = AssignAdd, r.name(h.value, h.key)
				case "plus":
					a.How, a.Value = AssignPlus, r.text(h.value, h.key)
					r.integer(h.value, h.key, 1, 1000)
				case "forget":
					a.How = AssignForget
				case "expr":
					a.How, a.Expr = AssignExpr, r.expression(h.value, false)
				default:
					r.unknown(h, "set "+x.key, "from", "add", "plus", "forget", "expr")
				}
			}
		default:
			a.Value = r.text(x.value, "set "+x.key)
		}
		as = append(as, a)
	}
	return as
}

// parts reads what is spoken.
func (r *reader) parts(n ast.Node) []Part {
	var parts []Part
	for _, v := range r.list(n) {
		if _, plain := v.(*ast.StringNode); plain {
			parts = append(parts, Part{Ref: r.name(v, "prompt"), Pos: posOf(v)})
			continue
		}
		parts = append(parts, r.part(v))
	}
	return parts
}

func (r *reader) part(n ast.Node) Part {
	p := Part{Pos: posOf(n)}
	kinds := map[string]PartKind{"prompt": PartPrompt, "digits": PartDigits, "number": PartNumber,
		"phone": PartPhone, "wait": PartWait, "hours": PartHours, "time": PartTime, "date": PartDate,
		"announcement": PartAnnouncement, "recording": PartRecording, "pick": PartPick, "each": PartEach}
	for _, x := range r.fields(n, "a spoken part") {
		kind, ok := kinds[x.key]
		switch {
		case ok && p.Ref != "":
			r.problem(x.at, "one spoken part cannot be two things: make it two entries of the list")
		case ok:
			p.Kind, p.Ref = kind, r.name(x.value, x.key)
		case x.key == "pause":
			p.Kind, p.Pause = PartPause, r.duration(x.value, x.key, 0, 10*time.Second)
		case x.key == "in":
			p.In = r.name(x.value, x.key)
		case x.key == "of":
			p.Of = r.names(x.value, "of")
		default:
			r.unknown(x, "a spoken part", "prompt", "digits", "number", "phone", "wait", "hours", "time", "date", "announcement", "recording", "pick", "each", "pause", "in", "of")
		}
	}
	if (p.Kind == PartPick || p.Kind == PartEach) != (p.Of != nil) {
		r.problem(p.Pos, "pick and each need of: {value: prompt}, and nothing else has it")
	}
	if p.Ref == "" && p.Kind != PartPause {
		r.problem(p.Pos, "this spoken part does not say what to speak")
	}
	return p
}
