package flow

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Longest spoken and waited times; what is outside is a slip of the pen.
const (
	maxTimeout = 2 * time.Minute
	maxWait    = 10 * time.Minute
	maxRecord  = 5 * time.Minute
	maxAction  = 30 * time.Second

	defaultTimeout  = 6 * time.Second
	defaultRetries  = 2
	defaultAction   = 10 * time.Second
	defaultPriority = 5
)

// Parse reads the flow called name. Errors are Problems with line and column.
func Parse(name string, text []byte) (*Flow, error) {
	r := &reader{file: name}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		var where yaml.Error
		if errors.As(err, &where) && where.GetToken() != nil {
			p := where.GetToken().Position
			return nil, Problems{{File: name, Pos: Pos{p.Line, p.Column}, Text: "this is not valid YAML: " + where.GetMessage()}}
		}
		return nil, Problems{{File: name, Pos: Pos{1, 1}, Text: "this is not valid YAML: " + err.Error()}}
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, Problems{{File: name, Pos: Pos{1, 1}, Text: "a flow file holds exactly one flow"}}
	}
	f := r.flow(name, file.Docs[0].Body)
	return f, r.problems.orNil()
}

func (r *reader) flow(name string, body ast.Node) *Flow {
	f := &Flow{Name: name, Steps: map[string]*Step{}, pos: Pos{1, 1}, hookPos: map[string]Pos{}}
	for _, x := range r.fields(body, "a flow") {
		switch x.key {
		case "about":
			f.About = r.text(x.value, "about")
		case "start":
			f.Start, f.startPos = r.name(x.value, "start"), posOf(x.value)
		case "fallback":
			f.Fallback = r.fallback(x.value)
		case "steps":
			for _, s := range r.fields(x.value, "steps") {
				step := r.step(s)
				f.Steps[s.key] = step
				f.Order = append(f.Order, s.key)
			}
		case "on_agent_connected":
			f.OnAgentConnected = r.hook(f, x)
		case "on_disconnect":
			f.OnDisconnect = r.hook(f, x)
		case "after_talk":
			f.AfterTalk = r.hook(f, x)
		case "attributes":
			f.Attributes = r.attributes(x.value)
		case "schedules":
			f.Schedules = r.schedules(x.value)
		case "tables":
			f.Tables = r.tables(x.value)
		default:
			r.unknown(x, "a flow", "about", "start", "fallback", "steps", "on_agent_connected", "on_disconnect", "after_talk", "attributes", "schedules", "tables")
		}
	}
	if f.Data() {
		return f
	}
	if f.Start == "" {
		r.problem(f.pos, "the flow does not say with which step it starts: add start: <step>")
	}
	if f.Fallback.ID == "" {
		r.problem(f.pos, "the flow has no fallback: add fallback: {queue: <queue>}, so that no caller is lost when it fails")
	}
	return f
}

func (r *reader) hook(f *Flow, x field) string {
	f.hookPos[x.key] = posOf(x.value)
	return r.name(x.value, x.key)
}

func (r *reader) fallback(n ast.Node) Queue {
	q := Queue{Priority: defaultPriority, pos: posOf(n)}
	for _, x := range r.fields(n, "fallback") {
		if x.key == "queue" {
			q.ID = r.name(x.value, "queue")
		} else if !r.queueField(&q, x) {
			r.unknown(x, "fallback", "queue", "priority", "treatment", "skills")
		}
	}
	return q
}

func (r *reader) queueField(q *Queue, x field) bool {
	switch x.key {
	case "priority":
		q.Priority = r.integer(x.value, "priority", 1, 99)
	case "treatment":
		q.Treatment, q.treatPos = r.name(x.value, "treatment"), posOf(x.value)
	case "skills":
		for _, v := range r.list(x.value) {
			q.Skills = append(q.Skills, r.name(v, "skills"))
		}
	default:
		return false
	}
	return true
}

// step reads one step. Exactly one of its keys says which kind it is; say
// makes a step only when no other kind is there.
func (r *reader) step(s field) *Step {
	step := &Step{Name: s.key, Pos: s.at}
	r.checkName(s.key, s.at, "step")
	fields := r.fields(s.value, "step "+s.key)
	if fields == nil {
		return step
	}
	for _, x := range fields {
		if kind := Kind(x.key); kind != Say && slices.Contains(Kinds, kind) {
			if step.Kind != "" {
				r.problem(x.at, "step %q is both %s and %s: make it two steps", s.key, step.Kind, kind)
				return step
			}
			step.Kind = kind
		}
	}
	if step.Kind == "" {
		for _, x := range fields {
			if x.key == "say" {
				step.Kind = Say
			}
		}
	}
	read := r.kind(step)
	if read == nil {
		r.problem(s.at, "step %q does nothing: give it one of %s", s.key, kindList())
		return step
	}
	for _, x := range fields {
		switch {
		case x.key == "path":
			step.Path = r.name(x.value, "path")
		case x.key == "say" && step.speaks():
			step.Say = r.parts(x.value)
		case x.key == "barge_in" && step.speaks():
			step.BargeIn = r.boolean(x.value, "barge_in")
		case x.key == "fresh" && (step.Kind == Menu || step.Kind == Collect):
			step.Fresh = r.boolean(x.value, "fresh")
		case x.key == "next" && step.continues():
			step.Next = r.target(x.value)
		case r.way(step, x):
		case read(x):
		default:
			r.problem(x.at, "step %q is a %s and has no setting %q", s.key, step.Kind, x.key)
		}
	}
	r.finish(step)
	return step
}

func (s *Step) speaks() bool {
	switch s.Kind {
	case Say, Menu, Collect, Record, ToQueue, Hangup, End, CallBack, Voicemail, Bulletins, Transfer:
		return true
	}
	return false
}

func kindList() string {
	names := make([]string, len(Kinds))
	for i, k := range Kinds {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

// way reads a named way out, if x is one of this kind of step.
func (r *reader) way(s *Step, x field) bool {
	w := waysOf[s.Kind]
	if !slices.Contains(w.must, x.key) && !slices.Contains(w.may, x.key) {
		return false
	}
	if s.Ways == nil {
		s.Ways = map[string]Target{}
	}
	s.Ways[x.key] = r.target(x.value)
	return true
}

// continues reports that the step leads on by next.
func (s *Step) continues() bool {
	switch s.Kind {
	case Say, Collect, Record, Set, Music, Wait, Call, Forget, CallBack, Voicemail, Bulletins, Lookup, HTTP, Transfer:
		return true
	}
	return false
}

// finish looks at what a step lacks.
func (r *reader) finish(s *Step) {
	if s.continues() && !s.Next.Given() && !(s.Kind == Call && len(s.Call.On) > 0) {
		r.problem(s.Pos, "step %q does not say what comes after it: add next: <step>", s.Name)
	}
	for _, name := range waysOf[s.Kind].must {
		if !s.Ways[name].Given() {
			r.problem(s.Pos, "step %q is a %s and does not say what comes when it is %q: add %s: <step>", s.Name, s.Kind, name, name)
		}
	}
	switch s.Kind {
	case Menu:
		if len(s.Menu.Keys) == 0 {
			r.problem(s.Pos, "menu %q has no keys", s.Name)
		}
		s.Menu.finish()
	case Collect:
		if s.Collect.Min > s.Collect.Max {
			r.problem(s.Pos, "collect %q wants at least %d and at most %d digits", s.Name, s.Collect.Min, s.Collect.Max)
		}
		if !s.Collect.Silence.Given() {
			s.Collect.Silence = s.Next
		}
	case Record:
		if !s.Record.Silence.Given() {
			s.Record.Silence = s.Next
		}
	case If:
		r.condition(s, *s.If)
		if !s.If.Then.Given() || !s.If.Else.Given() {
			r.problem(s.Pos, "step %q needs both then and else", s.Name)
		}
	default:
		r.finishService(s)
	}
}

func (m *MenuStep) finish() {
	if m.SilentRetries < 0 {
		m.SilentRetries = m.Retries
	}
	if !m.Silence.Given() {
		m.Silence = m.Default
	}
	if !m.Invalid.Given() {
		m.Invalid = m.Default
	}
	if !m.Invalid.Given() {
		m.Invalid = m.Silence
	}
	m.silenceMissing = !m.Silence.Given()
}
