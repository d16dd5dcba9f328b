package page

import (
	"maps"
	"slices"
	"strings"
	"time"

	"hotline/appliance/lists"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/triage/find"
	"hotline/volunteers"
)

// RecordsPage is one list of records.
type RecordsPage struct {
	Frame
	Filter       find.Filter
	Picks        []Pick
	Counts       map[string]int // of the kinds, where something is looked for
	Contacts     []triage.Contact
	Cases        []triage.Case
	Registrants  []volunteers.Registrant
	Cards        []cards.Card
	CardKind     cards.Kind
	Count, Shown int
	Skip, Step   int
	More         bool // there are more than were counted
	Read         int  // records, while the index is built
	Building     bool
	Done         string
	Several      ForSeveral
}

// Pick is a list by which the records can be narrowed.
type Pick struct {
	Field, Label string
	Options      []PickOption
	Picked       int
}

// PickOption is one choice, and how many records have it.
type PickOption struct {
	Option
	On bool
	N  int
}

// NewPick makes a list of the values that records have.
func NewPick(f Frame, filter find.Filter, field string, there map[string]int) Pick {
	p := Pick{Field: field, Label: f.Or("card."+field, f.T("pick."+field))}
	if f.Known("pick." + field) {
		p.Label = f.T("pick." + field)
	} else if lists.Beside(field) {
		p.Label = f.Ask(field)
	}
	for _, o := range f.inOrder(filter.Kind, field, slices.Collect(maps.Keys(there))) {
		on := slices.Contains(filter.Picks[field], o.Value)
		if on {
			p.Picked++
		}
		p.Options = append(p.Options, PickOption{o, on, there[o.Value]})
	}
	return p
}

// narrowed reports that something is picked, so that the choices stay open.
func (p RecordsPage) narrowed() bool {
	f := p.Filter
	f.Text = ""
	return !f.Empty()
}

// at is the address of another part of the list.
func (p RecordsPage) at(skip int) string {
	q := p.Filter.Values()
	if skip > 0 {
		q.Set("skip", itoa(skip))
	}
	return "/records?" + q.Encode()
}

// tab is the address of another list with the same search.
func (p RecordsPage) tab(kind string) string {
	return "/records?" + find.Filter{Kind: kind, Text: p.Filter.Text}.Values().Encode()
}

func (p RecordsPage) day(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format(time.DateOnly)
}

func (p RecordsPage) countWords() string {
	if p.Count == 0 {
		if !p.Filter.Empty() {
			if p.Filter.Text == "" {
				return p.T("records.none.filter")
			}
			return p.F("records.none.match", "query", p.Filter.Text)
		}
		return p.T("records.none." + p.Filter.Kind)
	}
	if p.More {
		return p.N("records.count.more", p.Count)
	}
	if p.Count > p.Shown {
		return p.N("records.count.part", p.Count, "from", itoa(p.Skip+1), "to", itoa(p.Skip+p.Shown))
	}
	return p.N("records.count", p.Count)
}

// needs names what is needed, most urgent first.
func (f Frame) needs(c triage.CaseFields) string {
	var names []string
	for _, code := range append([]string{c.TopNeed}, c.MoreNeeds...) {
		if code != "" {
			names = append(names, f.Or("need."+code, code))
		}
	}
	return strings.Join(names, " · ")
}

func (f Frame) skills(g volunteers.Registrant) string {
	var names []string
	for _, skill := range g.Skills {
		names = append(names, f.Or("skill."+string(skill), string(skill)))
	}
	return strings.Join(names, " · ")
}

func (f Frame) level(level triage.Level) string {
	if level == "" {
		return "–"
	}
	return f.T("level." + string(level))
}

func dash(text string) string {
	if strings.TrimSpace(text) == "" {
		return "–"
	}
	return text
}

// exportOf is the form with which what a filter finds is carried away.
func exportOf(filter find.Filter) string {
	q := filter.Values()
	q.Set("set", filter.Set())
	return "/records/export?" + q.Encode()
}

func (p RecordsPage) export() string { return exportOf(p.Filter) }
