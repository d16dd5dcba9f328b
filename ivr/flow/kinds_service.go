package flow

import (
	"net/url"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// CallBackNumber is the attribute that holds the number to call back.
const CallBackNumber = "callback.number"

// serviceKind reads the steps that lead to service: it works as kind does.
func (r *reader) serviceKind(s *Step) func(field) bool {
	switch s.Kind {
	case Forget:
		return r.only(Forget, func(n ast.Node) {
			for _, v := range r.list(n) {
				s.Set = append(s.Set, Assign{Attribute: r.name(v, "forget"), How: AssignForget})
			}
		})
	case When:
		s.When = &WhenStep{}
		return func(x field) bool { return r.whenField(s.When, x) }
	case Loop:
		s.Loop = &LoopStep{}
		return r.only(Loop, func(n ast.Node) { s.Loop.Times = r.integer(n, "loop", 1, 50) })
	case Split:
		s.Split = &SplitStep{}
		return func(x field) bool { return r.splitField(s.Split, x) }
	case OpenHours:
		s.Hours = &HoursStep{}
		return r.only(OpenHours, func(n ast.Node) { s.Hours.Schedule, s.Hours.pos = r.name(n, "hours"), posOf(n) })
	case Staffing:
		s.Staffing = &StaffingStep{}
		return func(x field) bool { return r.staffingField(s.Staffing, x) }
	case CallBack:
		s.BargeIn = true
		s.CallBack = &CallBackStep{Number: &CollectStep{Attribute: CallBackNumber, Min: 6, Max: 15, Terminator: '#',
			First: 2 * defaultTimeout, Between: defaultTimeout, Retries: defaultRetries}}
		return func(x field) bool { return r.callBackField(s.CallBack, x) }
	case Voicemail:
		s.Voicemail = &VoicemailStep{Record: &RecordStep{Max: 2 * time.Minute, Min: time.Second, Stop: allKeys, Retries: 1}}
		return func(x field) bool {
			if x.key == string(Voicemail) {
				s.Voicemail.Box = r.name(x.value, x.key)
				return true
			}
			return x.key != "record" && r.recordField(s.Voicemail.Record, x)
		}
	case Bulletins:
		s.Bulletins = &BulletinsStep{Skip: '#', Keys: map[byte]Target{}}
		return func(x field) bool { return r.bulletinsField(s.Bulletins, x) }
	case Lookup:
		s.Lookup = &LookupStep{}
		return func(x field) bool { return r.lookupField(s.Lookup, x) }
	case HTTP:
		s.HTTP = &HTTPStep{Timeout: defaultHTTP}
		return func(x field) bool { return r.httpField(s.HTTP, x) }
	case Transfer:
		s.Transfer = &TransferStep{Ring: defaultRing}
		return func(x field) bool { return r.transferField(s.Transfer, x) }
	case Continue:
		s.Call = &CallStep{}
		return r.only(Continue, func(n ast.Node) { s.Call.Flow, s.Call.pos = r.name(n, "continue"), posOf(n) })
	}
	return nil
}

// allBulletins is the one list of bulletins: all that hang on the board.
const allBulletins = "all"

const (
	defaultHTTP = 2 * time.Second
	maxHTTP     = 5 * time.Second
	defaultRing = 30 * time.Second
)

// only reads a step whose kind is its one setting.
func (r *reader) only(kind Kind, read func(ast.Node)) func(field) bool {
	return func(x field) bool {
		if x.key != string(kind) {
			return false
		}
		read(x.value)
		return true
	}
}

func (r *reader) whenField(w *WhenStep, x field) bool {
	switch x.key {
	case "when":
		for _, n := range r.list(x.value) {
			c := Condition{pos: posOf(n)}
			for _, t := range r.fields(n, "a case of when") {
				if t.key == "next" {
					c.Then = r.target(t.value)
				} else if !r.testField(&c, t) {
					r.unknown(t, "a case of when", "attribute", "is", "at_least", "items", "known", "expr", "next")
				}
			}
			w.Cases = append(w.Cases, c)
		}
	case "else":
		w.Else = r.target(x.value)
	default:
		return false
	}
	return true
}

func (r *reader) splitField(s *SplitStep, x field) bool {
	switch x.key {
	case "split":
		s.Name = r.name(x.value, "split")
	case "ways":
		for _, n := range r.list(x.value) {
			var w Share
			for _, f := range r.fields(n, "a way of a split") {
				switch f.key {
				case "percent":
					w.Percent = r.integer(f.value, f.key, 0, 100)
				case "next":
					w.Target = r.target(f.value)
				default:
					r.unknown(f, "a way of a split", "percent", "next")
				}
			}
			if !w.Target.Given() {
				r.problem(posOf(n), "this way of the split does not say which step comes next")
			}
			s.Ways = append(s.Ways, w)
		}
	default:
		return false
	}
	return true
}

func (r *reader) staffingField(s *StaffingStep, x field) bool {
	switch x.key {
	case "staffing":
		s.Queue, s.pos = r.name(x.value, x.key), posOf(x.value)
	case "long_wait":
		s.Long = r.duration(x.value, x.key, 10*time.Second, 2*time.Hour)
	default:
		return false
	}
	return true
}

func (r *reader) callBackField(c *CallBackStep, x field) bool {
	switch x.key {
	case "callback":
		c.Queue, c.pos = r.name(x.value, x.key), posOf(x.value)
	case "priority":
		c.Priority = r.integer(x.value, x.key, 1, 99)
	case "ask":
		c.Ask = r.parts(x.value)
	case "collect", "sensitive":
		return false
	default:
		return r.collectField(c.Number, x)
	}
	return true
}

func (r *reader) bulletinsField(b *BulletinsStep, x field) bool {
	switch x.key {
	case "bulletins":
		if b.List = r.name(x.value, x.key); b.List != allBulletins {
			r.problem(posOf(x.value), "there is one list of bulletins: write bulletins: %s", allBulletins)
		}
	case "skip":
		if key, ok := r.key(field{key: r.text(x.value, x.key), at: posOf(x.value)}); ok {
			b.Skip = key
		}
	case "keys":
		r.keys(x.value, b.Keys)
	default:
		return false
	}
	return true
}

func (r *reader) lookupField(l *LookupStep, x field) bool {
	switch x.key {
	case "lookup":
		l.Table, l.pos = r.name(x.value, x.key), posOf(x.value)
	case "key":
		l.Key = r.name(x.value, x.key)
	case "into":
		l.Into = r.name(x.value, x.key)
	default:
		return false
	}
	return true
}

func (r *reader) httpField(h *HTTPStep, x field) bool {
	switch x.key {
	case "http":
		h.URL, h.pos = r.text(x.value, x.key), posOf(x.value)
		u, err := url.Parse(h.URL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
			r.problem(h.pos, "http needs a whole address without a password, such as https://board.example.org/shelters")
		}
	case "send":
		for _, v := range r.list(x.value) {
			h.Send = append(h.Send, r.name(v, x.key))
		}
	case "take":
		h.Take = r.names(x.value, x.key)
		for _, f := range r.fields(x.value, x.key) {
			r.checkName(f.key, f.at, "attribute")
		}
	case "timeout":
		h.Timeout = r.duration(x.value, x.key, 100*time.Millisecond, maxHTTP)
	default:
		return false
	}
	return true
}

func (r *reader) transferField(t *TransferStep, x field) bool {
	switch x.key {
	case "transfer":
		number, ok := Attribute{Type: Phone}.Fit(r.text(x.value, x.key))
		if !ok {
			r.problem(posOf(x.value), "transfer needs a telephone number, such as \"+34 900 000 000\", in quotes")
		}
		t.Number = number
	case "ring":
		t.Ring = r.duration(x.value, x.key, 5*time.Second, maxTimeout)
	default:
		return false
	}
	return true
}

// finishService looks at what a step to service lacks.
func (r *reader) finishService(s *Step) {
	lacks := func(missing bool, what string) {
		if missing {
			r.problem(s.Pos, "step %q is a %s and does not say %s", s.Name, s.Kind, what)
		}
	}
	switch s.Kind {
	case When:
		lacks(len(s.When.Cases) == 0, "what it tests")
		lacks(!s.When.Else.Given(), "what comes when no case holds: add else: <step>")
		for _, c := range s.When.Cases {
			r.condition(s, c)
			if !c.Then.Given() {
				r.problem(c.pos, "this case does not say which step comes next")
			}
		}
	case Split:
		all := 0
		for _, w := range s.Split.Ways {
			all += w.Percent
		}
		lacks(all != 100, "where all callers go: the percents of its ways must add up to 100")
	case Lookup:
		lacks(s.Lookup.Key == "", "which attribute it looks up: add key: <attribute>")
		lacks(s.Lookup.Into == "", "where the row goes: add into: <name>")
	case CallBack:
		n := s.CallBack.Number
		lacks(n.Min > n.Max, "how long a number is: min is more than max")
		lacks(len(s.Say) == 0, "how to ask for the number: add say: <prompt>")
		lacks(len(n.Confirm) == 0, "how the number is read back: add confirm: <prompts>")
	case Voicemail:
		lacks(len(s.Say) == 0, "what to do: add say: <prompt>")
	}
}
