// Package lists keeps what people choose from and what they are asked, as data:
// needs, ways in which calls end, skills, languages, the questions about a case,
// and the places of a country with their codes. What ships with the program is
// in files; what operators change is in the store, as the difference from it, so
// that words that nobody has touched get better with the program.
//
// A code that was offered once is never deleted and never means anything else:
// it can be switched off, and stays readable in old records, exports and search.
// This package does not know the records that hold the codes.
package lists

import (
	"maps"
	"slices"
	"strings"
)

// The lists that operators change.
const (
	Needs        = "needs"
	Dispositions = "dispositions" // how a call ended
	Skills       = "skills"
	Languages    = "languages"
	Outcomes     = "outcomes" // what has become of a closed case
	Breaks       = "breaks"   // why a phone volunteer pauses
)

// Names are the lists in the order of the page.
func Names() []string { return []string{Needs, Dispositions, Outcomes, Skills, Languages, Breaks} }

// english is the language of last resort, as on the pages.
const english = "en"

// Tags are the languages in which the lists ship.
func Tags() []string { return []string{"en", "es", "fr", "ar", "pt", "id"} }

// Words are one text in several languages.
type Words map[string]string

// In is the text in a language, else in English, else in any that there is.
func (w Words) In(language string) string {
	for _, tag := range []string{language, english} {
		if text := w[tag]; text != "" {
			return text
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(w)) {
		if w[tag] != "" {
			return w[tag]
		}
	}
	return ""
}

// Choice is one answer of a list.
type Choice struct {
	Code  string `yaml:"code"`
	Words Words  `yaml:"words"`
	Group string `yaml:"group"` // of a need: the cluster of the humanitarian system
	First bool   `yaml:"first"` // in view without opening
	Keep  string `yaml:"keep"`  // why it cannot be switched off: "danger", "private", "rule"; "" when it can
	Off   bool   `yaml:"-"`
	Added bool   `yaml:"-"` // by operators of this hotline
	nr    int    // of an added one: the how manyth it was
}

// List is what can be chosen, in the order in which it is offered.
type List struct {
	Name     string   `yaml:"-"`
	Prefix   string   `yaml:"prefix"`   // of its words among the texts of the pages: "need" of need.water
	Reserved []string `yaml:"reserved"` // codes that the program itself writes: they are no choices
	Choices  []Choice `yaml:"choices"`
}

func (l List) index(code string) int {
	return slices.IndexFunc(l.Choices, func(c Choice) bool { return c.Code == code })
}

// Has reports whether the list knows a code, offered or switched off: who has a
// page from before in front of them must be able to save it.
func (l List) Has(code string) bool { return l.index(code) >= 0 }

// On are the choices that are offered.
func (l List) On() []Choice {
	return slices.DeleteFunc(slices.Clone(l.Choices), func(c Choice) bool { return c.Off })
}

// Word is what a code means, else the code.
func (l List) Word(code, language string) string {
	i := l.index(code)
	if i < 0 {
		return code
	}
	if text := l.Choices[i].Words.In(language); text != "" {
		return text
	}
	return code
}

// Shipped are the codes that ship, in their own order, and behind them those that
// were added, in the order in which they were: what exports make columns of. A
// column never moves because somebody moved a choice.
func (l List) Shipped() (shipped, added []string) {
	all := slices.SortedFunc(slices.Values(l.Choices), func(a, b Choice) int { return a.nr - b.nr })
	for _, c := range all {
		if c.Added {
			added = append(added, c.Code)
		} else {
			shipped = append(shipped, c.Code)
		}
	}
	return shipped, added
}

// Kinds of questions. They are those of the forms of the pages; Place and Ticks
// are of the case form alone.
const (
	Line    = "line"
	Long    = "long"
	Phone   = "phone"
	Count   = "count"
	Day     = "day"
	One     = "one"
	Several = "several"
	Place   = "place" // a line of text that offers the places with a code
	Ticks   = "ticks" // nothing but what can be ticked

	Position = "position" // latitude and longitude
)

// OwnKinds are the questions that operators can add.
func OwnKinds() []string { return []string{Line, Count, Day, One, Several} }

// Own stands in front of the names of questions that operators have added, Later
// in front of those of the full case that ship: they are answered on the page of
// the case, and asked in a call when somebody switches them on.
const (
	Own   = "own_"
	Later = "later_"
)

// Beside reports the name of a question whose answer stands beside the fields of
// the record, and not among them.
func Beside(name string) bool { return strings.HasPrefix(name, Own) || strings.HasPrefix(name, Later) }

// Tick is something that can be ticked beside an answer.
type Tick struct {
	Name  string `yaml:"name"`
	Words Words  `yaml:"words"`
}

// Question is one question about a case; its name is that of the field of the
// record.
type Question struct {
	Name     string   `yaml:"name"`
	Kind     string   `yaml:"kind"`
	Words    Words    `yaml:"words"`
	Hint     Words    `yaml:"hint"`
	List     string   `yaml:"list"` // that it chooses from
	Choices  []Choice `yaml:"choices"`
	Ticks    []Tick   `yaml:"ticks"`
	Most     int      `yaml:"most"`     // characters
	Fixed    bool     `yaml:"fixed"`    // one of the four of urgency: first, always, in these words
	Keep     string   `yaml:"keep"`     // why it cannot be switched off
	Must     bool     `yaml:"must"`     // a case is incomplete without it
	Level    string   `yaml:"level"`    // of one of the full case: with which its column leaves the box
	HXL      string   `yaml:"hxl"`      // of it
	Personal bool     `yaml:"personal"` // not kept of a child that is alone; of an added one: the answer leaves the box only where names do
	Off      bool     `yaml:"-"`
	Added    bool     `yaml:"-"` // by operators of this hotline
	nr       int      // its place among those that ship; of an added one: the how manyth it was
}

// Later reports a question of the full case that ships.
func (q Question) Later() bool { return strings.HasPrefix(q.Name, Later) }

// Column is the name of the column of the answer.
func (q Question) Column() string { return strings.TrimPrefix(q.Name, Later) }

// Set is all lists and questions as they are at a moment. It is never changed.
type Set struct {
	Version   uint64     // grows with every change
	Questions []Question // about a case, in their order
	lists     map[string]List
	texts     map[string]map[string]string // by language
}

// List is the list of a name, of an own question too; one that is not there is
// empty.
func (s *Set) List(name string) List { return s.lists[name] }

// Question is the question of a name.
func (s *Set) Question(name string) (Question, bool) {
	i := slices.IndexFunc(s.Questions, func(q Question) bool { return q.Name == name })
	if i < 0 {
		return Question{}, false
	}
	return s.Questions[i], true
}

// Asked are the questions that are asked.
func (s *Set) Asked() []Question {
	return slices.DeleteFunc(slices.Clone(s.Questions), func(q Question) bool { return q.Off })
}

// Owned are the questions that operators have added, oldest first, switched off
// or not: what exports make columns of.
func (s *Set) Owned() []Question {
	own := slices.DeleteFunc(slices.Clone(s.Questions), func(q Question) bool { return !q.Added })
	slices.SortFunc(own, func(a, b Question) int { return a.nr - b.nr })
	return own
}

// Full are the questions of the full case that ship, in their own order: what
// exports make columns of.
func (s *Set) Full() []Question {
	full := slices.DeleteFunc(slices.Clone(s.Questions), func(q Question) bool { return !q.Later() })
	slices.SortFunc(full, func(a, b Question) int { return a.nr - b.nr })
	return full
}

// ListOf is what a question chooses from.
func (s *Set) ListOf(q Question) List {
	if q.List != "" {
		return s.lists[q.List]
	}
	return List{Name: q.Name, Choices: q.Choices}
}

// Texts are the words of all lists and questions in a language, by the keys under
// which the pages ask for them: need.water, ask.place, ask.place.hint.
func (s *Set) Texts(language string) map[string]string {
	if texts, there := s.texts[language]; there {
		return texts
	}
	return s.texts[english]
}

// Spoken are the languages in which there are words.
func (s *Set) Spoken() []string { return slices.Sorted(maps.Keys(s.texts)) }

// AskKey is where the words of a question are among the texts.
const AskKey = "ask."

func (s *Set) collect() {
	tags := Tags()
	note := func(w Words) {
		for tag := range w {
			if !slices.Contains(tags, tag) {
				tags = append(tags, tag)
			}
		}
	}
	for _, l := range s.lists {
		for _, c := range l.Choices {
			note(c.Words)
		}
	}
	for _, q := range s.Questions {
		note(q.Words)
	}
	s.texts = map[string]map[string]string{}
	for _, tag := range tags {
		texts := map[string]string{}
		for _, l := range s.lists {
			for _, c := range l.Choices {
				texts[l.Prefix+"."+c.Code] = l.Word(c.Code, tag)
			}
		}
		for _, q := range s.Questions {
			texts[AskKey+q.Name] = q.Words.In(tag)
			if hint := q.Hint.In(tag); hint != "" {
				texts[AskKey+q.Name+".hint"] = hint
			}
			for _, t := range q.Ticks {
				texts[AskKey+t.Name] = t.Words.In(tag)
			}
			for _, c := range q.Choices {
				texts[AskKey+q.Name+"."+c.Code] = c.Words.In(tag)
			}
		}
		s.texts[tag] = texts
	}
}
