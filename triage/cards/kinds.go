// Package cards keeps the records beside cases: people who are looked for and
// what is known about them, cases that were passed on, what people say about
// the help, and the directory of who offers what. Each is a card with answers to
// questions; the questions are data (kinds.yaml), so that lists, pages, search
// and exports need no code of their own for each.
package cards

import (
	_ "embed"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"

	"hotline/appliance/table"
)

// Names of the kinds: of their export sets, too.
const (
	MissingPersons = "missing_persons"
	MissingNotes   = "missing_notes"
	Referrals      = "referrals"
	Feedback       = "feedback"
	Directory      = "directory"
)

// Kinds are all kinds in the order of pages.
func Kinds() []string {
	return []string{MissingPersons, MissingNotes, Referrals, Feedback, Directory}
}

// Kind is one kind of card.
type Kind struct {
	Name       string  `yaml:"-"`
	Title      string  `yaml:"title"`      // field by which people know a card
	Of         string  `yaml:"of"`         // kind of record that a card belongs to; "" when it stands for itself
	Restricted string  `yaml:"restricted"` // field that hides a card from all but the few
	Fields     []Field `yaml:"fields"`
}

// Field is one question.
type Field struct {
	Name    string   `yaml:"name"`
	Kind    string   `yaml:"kind"`
	Must    bool     `yaml:"must"`
	Choices []string `yaml:"choices"`
	Level   string   `yaml:"level"`
	Find    string   `yaml:"find"`
	HXL     string   `yaml:"hxl"`
}

// Kinds of fields.
const (
	Line    = "line"
	Long    = "long"
	Phone   = "phone"
	Day     = "day"
	Instant = "instant"
	Count   = "count"
	Tick    = "tick"
	One     = "one"
	Several = "several"
)

//go:embed kinds.yaml
var kindsFile []byte

// load reads the kinds and checks what a person can get wrong in them.
func load(raw []byte) (map[string]Kind, error) {
	var read map[string]Kind
	if err := yaml.UnmarshalWithOptions(raw, &read, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("reading the kinds of cards: %w", err)
	}
	out := map[string]Kind{}
	for _, name := range Kinds() {
		k, there := read[name]
		if !there {
			return nil, fmt.Errorf("there are no questions for %s", name)
		}
		k.Name = name
		if _, known := k.field(k.Title); !known {
			return nil, fmt.Errorf("%s: there is no field %q to be known by", name, k.Title)
		}
		seen := map[string]bool{}
		for _, f := range k.Fields {
			if seen[f.Name] {
				return nil, fmt.Errorf("%s: two fields are named %s", name, f.Name)
			}
			seen[f.Name] = true
			if !slices.Contains([]string{Line, Long, Phone, Day, Instant, Count, Tick, One, Several}, f.Kind) {
				return nil, fmt.Errorf("%s.%s: %q is no kind of question", name, f.Name, f.Kind)
			}
			if (f.Kind == One || f.Kind == Several) != (len(f.Choices) > 0) {
				return nil, fmt.Errorf("%s.%s: choices belong to a choice", name, f.Name)
			}
			if _, err := table.ParseLevel(f.Level); err != nil {
				return nil, fmt.Errorf("%s.%s: %w", name, f.Name, err)
			}
			if !slices.Contains([]string{"", "text", "number", "list"}, f.Find) {
				return nil, fmt.Errorf("%s.%s: nothing is found by %q", name, f.Name, f.Find)
			}
		}
		out[name] = k
	}
	return out, nil
}

func (k Kind) field(name string) (Field, bool) {
	i := slices.IndexFunc(k.Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return k.Fields[i], true
}
