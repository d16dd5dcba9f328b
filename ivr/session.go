package ivr

import (
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"

	"hotline/appliance/audio"
	"hotline/ivr/flow"
)

// Limits on what one call may gather.
const (
	maxAttributes = 200
	maxAttribute  = 1024 // bytes of one value
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
	recordings map[string]*audio.Clip
	spoken     map[string]*audio.Clip // the host's announcements, by name
	path       []string
	keys       []byte
}

// Get returns an attribute, or what was keyed into a sensitive step before
// this action; "" when there is none.
func (s *Session) Get(name string) string {
	if v, ok := s.secrets[name]; ok {
		return v
	}
	return s.attributes[name]
}

// Set changes an attribute; "" removes it. Overlong values are cut.
func (s *Session) Set(name, value string) {
	if value == "" {
		delete(s.attributes, name)
		return
	}
	if len(value) > maxAttribute {
		s.log.Warn("an attribute was too long and was cut", "attribute", name, "bytes", len(value))
		value = strings.ToValidUTF8(value[:maxAttribute], "")
	}
	if _, known := s.attributes[name]; !known && len(s.attributes) >= maxAttributes {
		s.log.Warn("the call has too many attributes; one was not kept", "attribute", name)
		return
	}
	s.attributes[name] = value
}

// Language is the language the caller hears now.
func (s *Session) Language() string { return s.attributes[Language] }

// Arg is a value that the flow gave this step under with:.
func (s *Session) Arg(name string) string { return s.args[name] }

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
