package edit

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Part is one piece of what a step says.
type Part struct {
	Prompt string // the one that is played, where it is nothing else
	Like   string // one that may be played: in another language, or by what is known
	Text   string // as it is written
}

// Parts are what is said by a setting.
func (s Step) Parts(setting string) []Part {
	raw, ok := s.tree.get(setting)
	if !ok {
		return nil
	}
	return slices.DeleteFunc(parts(raw), func(p Part) bool { return p.Text == `""` }) // not said yet
}

func parts(raw string) []Part {
	t, err := grow(raw, atColon)
	if err != nil || t.shape != sequence {
		return []Part{part(raw)}
	}
	var all []Part
	for _, it := range t.items {
		all = append(all, part(it.value))
	}
	return all
}

func part(raw string) Part {
	if w, ok := word(raw); ok {
		return Part{Prompt: w, Text: quote(w)}
	}
	if t, err := grow(raw, atColon); err == nil && t.flow {
		end := strings.LastIndexAny(t.close, "]}")
		return Part{Like: t.like(), Text: strings.TrimSpace(strings.TrimSuffix(raw, t.close) + t.close[:end+1])}
	}
	return Part{Text: strings.TrimSpace(raw)}
}

// like is the prompt that stands for a piece which is one of several.
func (t tree) like() string {
	raw, _ := t.get("prompt")
	if of, ok := t.get("of"); ok {
		if all, err := grow(of, atColon); err == nil && len(all.items) > 0 {
			raw = all.items[0].value
		}
	}
	w, _ := word(raw)
	return w
}

// Seconds is a length of time, in seconds.
func (s Step) Seconds(setting string) (string, bool) {
	d, err := time.ParseDuration(s.Word(setting))
	if err != nil {
		return "", false
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64), true
}

// Test is what a step asks about an attribute.
type Test struct {
	Attribute string
	How       string // one of TestWays
	Value     string // what it is compared with, several with commas between
}

// TestWays are the ways in which an attribute can be asked about.
var TestWays = []string{"is", "at_least", "items", "known"}

// Test is what the step asks; ok is false where a form cannot say it.
func (s Step) Test() (t Test, ok bool) {
	raw, _ := s.tree.get("if")
	m, err := grow(raw, atColon)
	if err != nil || m.shape != mapping {
		return t, false
	}
	for _, it := range m.items {
		switch name := it.name(); {
		case name == "attribute":
			if t.Attribute, ok = word(it.value); !ok {
				return t, false
			}
		case t.How != "" || !slices.Contains(TestWays, name):
			return t, false
		default:
			t.How = name
			var values []string
			for _, p := range parts(it.value) {
				if p.Prompt == "" || strings.Contains(p.Prompt, ",") {
					return t, false
				}
				values = append(values, p.Prompt)
			}
			t.Value = strings.Join(values, ", ")
		}
	}
	return t, t.Attribute != "" && t.How != ""
}

func (t Test) text() string {
	value := t.Value
	switch t.How {
	case "is":
		var all []string
		for one := range strings.SplitSeq(t.Value, ",") {
			all = append(all, quote(strings.TrimSpace(one)))
		}
		if value = all[0]; len(all) > 1 {
			value = "[" + strings.Join(all, ", ") + "]"
		}
	case "known":
		if value != "false" {
			value = "true"
		}
	default:
		value = quote(strings.TrimSpace(value))
	}
	return "{attribute: " + quote(t.Attribute) + ", " + t.How + ": " + value + "}"
}

// Value is an attribute and what it becomes.
type Value struct{ Attribute, Value string }

// Values are what a step sets; ok is false where a form cannot say it.
func (s Step) Values() (all []Value, ok bool) {
	raw, _ := s.tree.get("set")
	m, err := grow(raw, atColon)
	if err != nil || m.shape != mapping {
		return nil, false
	}
	for _, it := range m.items {
		w, ok := word(it.value)
		if !ok {
			return nil, false
		}
		all = append(all, Value{it.name(), w})
	}
	return all, true
}

// Branch is one way by key or by answer.
type Branch struct {
	Name string
	To   string
	Path []string
	More bool // something is noted on the way besides
}

// Branches are the ways by key or answer that a setting holds.
func (s Step) Branches(setting string) []Branch {
	var all []Branch
	for _, w := range s.Ways() {
		if w.Path[0] == setting && len(w.Path) > 1 {
			all = append(all, Branch{Name: w.Path[1], To: w.To, Path: w.Path, More: len(w.Path) > 2})
		}
	}
	return all
}
