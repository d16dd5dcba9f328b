package page

import (
	"github.com/a-h/templ"

	"hotline/appliance/lists"
	"hotline/appliance/sharing"
)

// Ask is a question about a case, or what can be ticked beside one, in words.
func (f Frame) Ask(name string) string { return f.Or(lists.AskKey+name, name) }

// caseQuestions are the four of urgency, and the others in rows as the desk shows
// them: short ones beside each other.
func (f Frame) caseQuestions() (fixed []lists.Question, rows [][]lists.Question) {
	for _, q := range f.Lists.Asked() {
		last := len(rows) - 1
		switch {
		case q.Fixed:
			fixed = append(fixed, q)
		case oneLine(q) && last >= 0 && oneLine(rows[last][0]):
			rows[last] = append(rows[last], q)
		default:
			rows = append(rows, []lists.Question{q})
		}
	}
	return fixed, rows
}

// oneLine reports a question that is answered in one line.
func oneLine(q lists.Question) bool {
	switch q.Kind {
	case lists.Line, lists.Phone, lists.Count, lists.Day, lists.Place, lists.Position:
		return true
	}
	return false
}

// inView is how many choices of a list without an order of importance are in
// view without opening.
const inView = 9

// choices are those in view and those that open at a press. Of what can be chosen
// besides everything opens.
func (f Frame) choices(q lists.Question) (first, rest []lists.Choice) {
	all := f.Lists.ListOf(q).Choices
	marked := false
	for _, c := range all {
		marked = marked || c.First
	}
	for _, c := range all {
		switch {
		case q.Kind == lists.Several && len(all) > inView, marked && !c.First:
			rest = append(rest, c)
		default:
			first = append(first, c)
		}
	}
	return first, rest
}

// endings are the ways in which most calls end, and the others. One that is
// offered no more is in no list.
func (f Frame) endings() (first, rest []lists.Choice) {
	for _, c := range f.Lists.List(lists.Dispositions).On() {
		if c.First {
			first = append(first, c)
		} else {
			rest = append(rest, c)
		}
	}
	return first, rest
}

func most(q lists.Question) string {
	if q.Most > 0 {
		return itoa(q.Most)
	}
	return "200"
}

func kindOfChoice(q lists.Question) string {
	if q.Kind == lists.Several {
		return "checkbox"
	}
	return "radio"
}

// childless reports a question whose answer is not kept of a child that is alone.
func childless(q lists.Question) bool {
	return q.Name == "name" || q.Name == "notes" || q.Personal || q.Added && q.Kind == lists.Line
}

// mustBe marks a question that is asked for at the end of the notes.
func mustBe(q lists.Question) templ.Attributes {
	if !q.Must {
		return nil
	}
	return templ.Attributes{"data-must": q.Name}
}

// listed marks the answers that are saved together.
func listed(q lists.Question) templ.Attributes {
	if q.Kind != lists.Several {
		return nil
	}
	return templ.Attributes{"data-list": q.Name}
}

// CaseFields are the questions about a case, for who works on it later: those
// that are asked, and those that were.
func CaseFields(f Frame) []FormField {
	var form []FormField
	for _, q := range f.Lists.Questions {
		one := FormField{Name: q.Name, Kind: q.Kind, Label: f.Ask(q.Name), Hint: f.Or(lists.AskKey+q.Name+".hint", ""), Most: q.Most, Off: q.Off, Later: q.Later() && q.Off}
		switch q.Kind {
		case lists.Place:
			one.Kind, one.Places = Line, true
		case lists.Position:
			one.Kind = Line
		case lists.One, lists.Several:
			for _, c := range f.Lists.ListOf(q).Choices {
				one.Options = append(one.Options, Option{Value: c.Code, Label: c.Words.In(f.Lang()), Off: c.Off})
			}
		}
		if q.Kind != lists.Ticks {
			form = append(form, one)
		}
		for _, t := range q.Ticks {
			form = append(form, FormField{Name: t.Name, Kind: Tick, Label: f.Ask(t.Name), Off: q.Off})
		}
	}
	// What is decided about the record is no question of the caller's.
	return append(form,
		FormField{Name: "legal_basis", Kind: One, Label: f.T("pick.legal_basis"), Options: f.options("cases", "legal_basis", sharing.Bases()...)},
		FormField{Name: "share_scope", Kind: One, Label: f.T("pick.share_scope"), Hint: f.T("share_scope.hint"), Options: f.options("cases", "share_scope", sharing.Scopes()...)})
}
