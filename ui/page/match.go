package page

import (
	"hotline/appliance/lists"
	"hotline/triage/find"
	"hotline/volunteers"
)

// MatchPage are the registered volunteers who can be sent somewhere.
type MatchPage struct {
	Frame
	Filter   find.Filter
	Form     []FormField
	Wanted   int
	Asked    bool
	Count    int
	People   []volunteers.Registrant
	Building bool
	Calls    bool // a round of calls can be made of them
	Trouble  string
}

// again is the address of this page with the same questions.
func (p MatchPage) again() string {
	q := p.Filter.Values()
	q.Set("wanted", itoa(p.Wanted))
	return "/records/match?" + q.Encode()
}

// MatchFields are the questions about who is wanted.
func MatchFields(f Frame) []FormField {
	list := func(field string, values ...string) []Option { return f.options("registrants", field, values...) }
	form := []FormField{
		{Name: "wanted", Kind: Count, Label: f.T("match.wanted"), Most: 3},
		{Name: "skill", Kind: Several, Label: f.T("match.skill"), Options: f.listOptions(lists.Skills)},
		{Name: "area", Kind: Line, Label: f.T("match.area"), Hint: f.T("match.area.hint")},
		{Name: "free", Kind: Day, Label: f.T("match.free")},
		{Name: "language", Kind: Several, Label: f.T("person.languages"), Options: f.listOptions(lists.Languages)},
		{Name: "transport", Kind: Several, Label: f.T("pick.transport"), Options: list("transport", texts(volunteers.Transports())...)},
		{Name: "willing", Kind: Several, Label: f.T("pick.willing"), Options: list("willing", texts(volunteers.Willings())...)},
	}
	for i := range form {
		form[i].Plain = true
	}
	return form
}

// Set puts a value into a question.
func (p *MatchPage) Set(name, value string) {
	for i := range p.Form {
		if p.Form[i].Name == name {
			p.Form[i].Values = []string{value}
		}
	}
}

func (p MatchPage) words() string {
	switch {
	case p.Count == 0:
		return p.T("match.none")
	case p.Count < p.Wanted:
		return p.F("match.few", "n", itoa(p.Count), "wanted", itoa(p.Wanted))
	}
	return p.F("match.enough", "n", itoa(p.Count), "wanted", itoa(p.Wanted))
}

// export is the address at which exactly these people can be carried away.
func (p MatchPage) export() string { return exportOf(p.Filter) }

func (p MatchPage) list() string { return "/records?" + p.Filter.Values().Encode() }
