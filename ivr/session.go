package ivr

import (
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr/flow"
)

// Limits on what one call may gather.
const (
	maxAttributes = 200
)

// Language is the attribute that holds the language a caller hears.
const Language = "language"

// Session is one running dialogue, as actions see it. It belongs to the call's
// goroutine.
type Session struct {
	line       Line
	log        *slog.Logger
	attributes map[string]string
	secrets    map[string]string // never leave the session; gone after one action
	args       map[string]string
	ways       []string // results that the running step knows
	recordings map[string]*audio.Clip
	spoken     map[string]*audio.Clip // the host's announcements, by name
	held       map[any]any            // the host's own, by key
	path       []string
	keys       []byte
	began      time.Time
	flows      *flow.FlowSet
	bytes      int      // of all attributes, names included
	refused    []string // attributes that did not fit
}

// Get returns an attribute, or what was keyed into a sensitive step before
// this action; "" when there is none.
func (s *Session) Get(name string) string {
	if v, ok := s.secrets[name]; ok {
		return v
	}
	return s.attributes[name]
}

// Set changes an attribute; "" removes it. Overlong values are cut. What is
// not of the type that a flow declares, or does not fit into what one call may
// gather, is refused: the attribute keeps its value, and the call goes on.
func (s *Session) Set(name, value string) {
	declared := s.flows.Attribute(name)
	if declared.Sensitive {
		s.secret(name, value)
		return
	}
	if value == "" {
		s.put(name, "")
		return
	}
	value, fits := declared.Fit(value)
	if !fits {
		s.refuse(name, "it is no "+string(declared.Type))
		return
	}
	if longest := min(declared.Max, flow.MaxAttribute); len(value) > longest {
		if declared.Type != flow.Text && declared.Type != flow.List {
			s.refuse(name, "it is too long")
			return
		}
		s.log.Warn("an attribute was too long and was cut", "attribute", name, "bytes", len(value))
		value = strings.ToValidUTF8(value[:longest], "")
	}
	_, known := s.attributes[name]
	switch grows := len(value) - len(s.attributes[name]); {
	case !known && len(s.attributes) >= maxAttributes:
		s.refuse(name, "the call has too many attributes")
	case !known && s.bytes+len(name)+len(value) > flow.MaxAttributes, known && s.bytes+grows > flow.MaxAttributes:
		s.refuse(name, "the attributes of the call would be more than 32 KB")
	default:
		s.put(name, value)
	}
}

func (s *Session) put(name, value string) {
	if old, known := s.attributes[name]; known {
		s.bytes -= len(name) + len(old)
		delete(s.attributes, name)
	}
	if value != "" {
		s.attributes[name] = value
		s.bytes += len(name) + len(value)
	}
}

func (s *Session) secret(name, value string) {
	delete(s.secrets, name)
	if value != "" && len(s.secrets) < maxAttributes {
		s.secrets[name] = value[:min(len(value), flow.MaxAttribute)]
	}
}

// refuse tells of an attribute, and never of its value.
func (s *Session) refuse(name, why string) {
	s.log.Warn("an attribute was not kept", "attribute", name, "why", why)
	if len(s.refused) < maxAttributes && !slices.Contains(s.refused, name) {
		s.refused = append(s.refused, name)
	}
}

// kept are the attributes that are stored with the contact.
func (s *Session) kept() map[string]string {
	kept := map[string]string{}
	for name, value := range s.attributes {
		if s.flows.Attribute(name).Keep {
			kept[name] = value
		}
	}
	return kept
}

// Language is the language the caller hears now.
func (s *Session) Language() string { return s.attributes[Language] }

// Arg is a value that the flow gave this step under with:.
func (s *Session) Arg(name string) string { return s.args[name] }

// Ways are the results that the flow has a way on for, sorted.
func (s *Session) Ways() []string { return slices.Clone(s.ways) }

// Line is the caller's line.
func (s *Session) Line() Line { return s.line }

// Attributes is a copy of all attributes, without sensitive ones.
func (s *Session) Attributes() map[string]string { return maps.Clone(s.attributes) }

// Recording is what the caller recorded under name, or nil.
func (s *Session) Recording(name string) *audio.Clip { return s.recordings[name] }

// Recordings is a copy of all recordings by name.
func (s *Session) Recordings() map[string]*audio.Clip { return maps.Clone(s.recordings) }

// ForgetRecording drops a recording.
func (s *Session) ForgetRecording(name string) { delete(s.recordings, name) }

// Hold keeps something of the host's for the rest of the call. No flow can see,
// set or store it.
func (s *Session) Hold(key, value any) {
	if s.held == nil {
		s.held = map[any]any{}
	}
	s.held[key] = value
}

// Held is what the host holds under key, or nil.
func (s *Session) Held(key any) any { return s.held[key] }

// Announce gives {announcement: name} its sound for the rest of the call; nil
// takes it away.
func (s *Session) Announce(name string, clip *audio.Clip) {
	if clip == nil {
		delete(s.spoken, name)
		return
	}
	s.spoken[name] = clip
}

func (s *Session) assign(as []flow.Assign) {
	for _, a := range as {
		switch a.How {
		case flow.AssignValue:
			s.Set(a.Attribute, a.Value)
		case flow.AssignFrom:
			s.Set(a.Attribute, s.attributes[a.Value])
		case flow.AssignAdd:
			if items := flow.Items(s.attributes[a.Attribute]); !slices.Contains(items, a.Value) {
				s.Set(a.Attribute, strings.Join(append(items, a.Value), ","))
			}
		case flow.AssignPlus:
			have, _ := strconv.Atoi(s.attributes[a.Attribute]) // what is no number counts as 0
			more, _ := strconv.Atoi(a.Value)                   // checked when the flow was read
			s.Set(a.Attribute, strconv.Itoa(have+more))
		case flow.AssignExpr:
			value, err := a.Expr.Value(func(name string) string { return s.attributes[name] }, time.Now())
			if err != nil {
				s.log.Error("an attribute could not be computed and keeps its value", "attribute", a.Attribute, "error", err)
				continue
			}
			s.Set(a.Attribute, value)
		case flow.AssignForget:
			s.Set(a.Attribute, "")
			delete(s.recordings, a.Attribute)
		}
	}
}

// passed notes a step's result for Outcome.Path.
func (s *Session) passed(step *flow.Step, result string) {
	if step.Path != "" && len(s.path) < 200 {
		s.path = append(s.path, step.Path+":"+result)
	}
}

func (s *Session) pressed(key byte, sensitive bool) {
	if sensitive {
		key = 'x'
	}
	if len(s.keys) < 200 {
		s.keys = append(s.keys, key)
	}
}
