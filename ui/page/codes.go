package page

import (
	"slices"
	"strings"

	"hotline/triage/cards"
)

// code lists by the field that chooses from them: where their words begin.
func codePrefix(field string) string {
	switch field {
	case "disposition":
		return "ending"
	case "language", "languages":
		return "lang"
	case "top_need", "more_needs":
		return "need"
	case "skills":
		return "skill"
	case "availability":
		return "available"
	case "screening", "before":
		return "person.status"
	case "may_share":
		return "ask.may_share"
	}
	return field
}

// Code names a value of a list in words.
func (f Frame) Code(kind, field, value string) string {
	prefix := codePrefix(field)
	if field == "status" || field == "before" || field == "screening" {
		prefix = "person.status"
		if kind == "cases" {
			prefix = "case.status"
		}
	}
	if field == "outcome" && kind == "cases" {
		prefix = "case.outcome"
	}
	switch value {
	case "yes", "no", "unsure":
		return f.T(value)
	}
	if slices.Contains(cards.Kinds(), kind) {
		prefix = "card." + field
	}
	return f.Or(prefix+"."+value, value)
}

// CodeWords are the words for a value of a list in a catalogue, for the search.
func CodeWords(texts map[string]string, kind, field, value string) string {
	prefix := codePrefix(field)
	if slices.Contains(cards.Kinds(), kind) {
		return texts["card."+field+"."+value]
	}
	if field == "status" {
		prefix = "person.status"
		if kind == "cases" {
			prefix = "case.status"
		}
	}
	return texts[prefix+"."+value]
}

// options are the choices of a list in words.
func (f Frame) options(kind, field string, values ...string) []Option {
	var out []Option
	for _, v := range values {
		out = append(out, Option{Value: v, Label: f.Code(kind, field, v)})
	}
	return out
}

// inOrder puts values of a list that people have chosen into a fixed order:
// the one of urgency for levels, by words for all others.
func (f Frame) inOrder(kind, field string, values []string) []Option {
	if field == "level" {
		slices.SortFunc(values, func(a, b string) int { return strings.Index("ROYGW", a) - strings.Index("ROYGW", b) })
		return f.options(kind, field, values...)
	}
	out := f.options(kind, field, values...)
	slices.SortFunc(out, func(a, b Option) int { return strings.Compare(a.Label, b.Label) })
	return out
}
