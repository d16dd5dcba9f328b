package page

import (
	"slices"
	"strings"
)

// Kinds of fields of a form.
const (
	Line    = "line"    // one line of text
	Long    = "long"    // several lines
	Phone   = "phone"   // a telephone number
	Day     = "day"     // a date
	Instant = "instant" // a date and a time of day
	Count   = "count"   // a number
	Tick    = "tick"    // yes or nothing
	One     = "one"     // one of the options
	Several = "several" // any of the options
)

// FormField is one question of a form, with what stands in it.
type FormField struct {
	Name, Kind  string
	Label, Hint string
	Options     []Option
	Values      []string
	Was         string // what stood there when the form was drawn
	Theirs      string // what somebody else has written meanwhile
	Disputed    bool
	Must        bool
	Plain       bool // of a form that changes nothing: what stood there does not matter
	Most        int  // characters
	Off         bool // not asked any more: seen where it was answered
	Later       bool // of the full case: behind a fold, for who has the time
	Places      bool // offers the places with a code while somebody types
}

// Option is one answer.
type Option struct {
	Value, Label string
	Off          bool // offered no more: seen where it was chosen
}

func (f FormField) value() string {
	if len(f.Values) == 0 {
		return ""
	}
	return f.Values[0]
}

func (f FormField) has(value string) bool { return slices.Contains(f.Values, value) }

func (f FormField) most() string {
	if f.Most > 0 {
		return itoa(f.Most)
	}
	return "200"
}

// Words are values as the form names them.
func (f FormField) Words(values []string) string {
	var words []string
	for _, v := range values {
		at := slices.IndexFunc(f.Options, func(o Option) bool { return o.Value == v })
		switch {
		case at >= 0:
			words = append(words, f.Options[at].Label)
		case f.Kind == Tick:
			words = append(words, "✓")
		default:
			words = append(words, v)
		}
	}
	return strings.Join(words, " · ")
}

func (f FormField) kindOf() string {
	switch f.Kind {
	case Phone:
		return "tel"
	case Day:
		return "date"
	case Instant:
		return "datetime-local"
	}
	return "text"
}

func (f Frame) orNothing(text string) string {
	if text == "" {
		return f.T("form.nothing")
	}
	return text
}
