package page

import (
	"strings"

	"hotline/triage"
	"hotline/volunteers"
)

// RecordsPage is one list of records.
type RecordsPage struct {
	Frame
	Tab, Query   string
	Lists        []string
	Contacts     []triage.Contact
	Cases        []triage.Case
	Registrants  []volunteers.Registrant
	Count, Shown int
	More         bool // there are more than were counted
}

func (p RecordsPage) countWords() string {
	if p.Count == 0 {
		if p.Query != "" {
			return p.F("records.none.match", "query", p.Query)
		}
		return p.T("records.none." + p.Tab)
	}
	if p.More {
		return p.N("records.count.more", p.Count)
	}
	if p.Count > p.Shown {
		return p.N("records.count.newest", p.Count)
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
