package lists

import (
	"embed"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"

	sheets "hotline/appliance/table"
)

//go:embed shipped/*.yaml
var shippedFiles embed.FS

// Shipped is what ships with the program.
func Shipped() (*Set, error) {
	s := &Set{lists: map[string]List{}}
	for _, name := range Names() {
		var l List
		if err := read(name, &l); err != nil {
			return nil, err
		}
		l.Name = name
		if err := l.check(); err != nil {
			return nil, err
		}
		s.lists[name] = l
	}
	var form struct {
		Questions []Question `yaml:"questions"`
	}
	if err := read("case", &form); err != nil {
		return nil, err
	}
	s.Questions = form.Questions
	for i := range s.Questions {
		q := &s.Questions[i]
		if err := s.checkQuestion(*q); err != nil {
			return nil, err
		}
		q.nr, q.Off = i, q.Later()
	}
	s.collect()
	return s, nil
}

func read(name string, into any) error {
	raw, err := shippedFiles.ReadFile("shipped/" + name + ".yaml")
	if err == nil {
		err = yaml.UnmarshalWithOptions(raw, into, yaml.Strict())
	}
	if err != nil {
		return fmt.Errorf("reading the list %s: %w", name, err)
	}
	return nil
}

func whole(w Words) error {
	for _, tag := range Tags() {
		if w[tag] == "" {
			return fmt.Errorf("there is no text in %q", tag)
		}
	}
	return nil
}

func (l List) check() error {
	for i, c := range l.Choices {
		l.Choices[i].nr = i
		if err := whole(c.Words); err != nil {
			return fmt.Errorf("list %s, %s: %w", l.Name, c.Code, err)
		}
		if l.index(c.Code) != i || c.Code == "" {
			return fmt.Errorf("list %s has the code %q twice", l.Name, c.Code)
		}
	}
	return nil
}

func (s *Set) checkQuestion(q Question) error {
	if err := whole(q.Words); err != nil {
		return fmt.Errorf("question %s: %w", q.Name, err)
	}
	if !slices.Contains([]string{Line, Long, Phone, Count, Day, One, Several, Place, Ticks, Position}, q.Kind) {
		return fmt.Errorf("question %s: %q is no kind of question", q.Name, q.Kind)
	}
	if chooses := q.Kind == One || q.Kind == Several; chooses != (len(s.ListOf(q).Choices) > 0) {
		return fmt.Errorf("question %s: choices belong to a choice", q.Name)
	}
	if _, err := sheets.ParseLevel(q.Level); q.Later() && err != nil {
		return fmt.Errorf("question %s: %w", q.Name, err)
	}
	for _, t := range q.Ticks {
		if err := whole(t.Words); err != nil {
			return fmt.Errorf("question %s, %s: %w", q.Name, t.Name, err)
		}
	}
	return (List{Name: q.Name, Choices: q.Choices}).check()
}
