package page

import (
	"hotline/triage/cards"
	"hotline/triage/find"
)

// CardPage is one record beside a case.
type CardPage struct {
	Frame
	Card     cards.Card
	Kind     cards.Kind
	Form     []FormField
	Notes    []cards.Card // that belong to it
	Timeline []Moment
	Trouble  string
	Done     string
}

// NewCardPage is the form for a new one.
type NewCardPage struct {
	Frame
	Kind    cards.Kind
	Of      string
	Form    []FormField
	Trouble string
}

// CardForm are the questions of a kind of card, with the answers.
func CardForm(f Frame, kind cards.Kind, values map[string][]string) []FormField {
	var form []FormField
	for _, q := range kind.Fields {
		one := FormField{Name: q.Name, Kind: q.Kind, Label: f.T("card." + q.Name), Must: q.Must && len(q.Choices) == 0, Values: values[q.Name]}
		if hint := "card." + q.Name + ".hint"; f.Known(hint) {
			one.Hint = f.T(hint)
		}
		if q.Kind == cards.Tick {
			one.Must = false
		}
		one.Options = f.options(kind.Name, q.Name, q.Choices...)
		one.Was = joined(one.Values)
		form = append(form, one)
	}
	return form
}

func joined(values []string) string {
	out := ""
	for i, v := range values {
		if i > 0 {
			out += ","
		}
		out += v
	}
	return out
}

// cardWords are what a list shows of a card besides its title.
func (f Frame) cardWords(kind cards.Kind, c cards.Card) string {
	var words []string
	for _, q := range kind.Fields {
		if q.Name == kind.Title || q.Find == "" || c.Value(q.Name) == "" || len(words) == 4 {
			continue
		}
		if len(q.Choices) > 0 {
			words = append(words, f.Code(kind.Name, q.Name, c.Value(q.Name)))
		} else {
			words = append(words, short(c.Value(q.Name)))
		}
	}
	return dash(join(words, " · "))
}

func join(words []string, with string) string {
	out := ""
	for i, w := range words {
		if i > 0 {
			out += with
		}
		out += w
	}
	return out
}

// short is a text as far as a list shows it.
func short(text string) string {
	runes := []rune(text)
	if len(runes) > 80 {
		return string(runes[:80]) + "…"
	}
	return text
}

// backTo is the list or the record that a card belongs to.
func (p CardPage) backTo() string {
	switch p.Kind.Of {
	case "":
		return "/records?tab=" + p.Kind.Name
	case find.Cases:
		return "/records/cases/" + p.Card.Of
	}
	return "/records/cards/" + p.Card.Of
}
