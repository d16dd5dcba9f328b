package triage

import (
	"errors"
	"iter"

	"hotline/appliance/table"
)

// RoundTable is the result of a round, in the order of its list.
func RoundTable(c *Contacts, round string) table.Table {
	return table.Table{Name: "round", Columns: []table.Column{
		{Name: "line", Kind: table.Int, Description: "Line of the list"},
		{Name: "name", Kind: table.Text, Description: "As the list says it"},
		{Name: "number", Kind: table.Phone, Description: "E.164 where it could be read; empty for a protected person"},
		{Name: "language", Kind: table.ID, Description: "Language in which the person was asked"},
		{Name: "state", Kind: table.ID, Description: "waits, called, answered, missed, left_out"},
		{Name: "answer", Kind: table.ID, Description: "safe, help, changed, talk (a person), stop (no more calls like this)"},
		{Name: "answered_at", Kind: table.DateTime, Description: "When (UTC)"},
		{Name: "tries", Kind: table.Int, Description: "Calls that were made"},
		{Name: "last_try_at", Kind: table.DateTime, Description: "The last one (UTC)"},
		{Name: "not_reached_because", Kind: table.ID, Description: "Of the last call: busy, no_answer, no_such_number, refused, machine (picked up, no key), unsure (the hotline stopped meanwhile)"},
		{Name: "left_out_because", Kind: table.ID, Description: "no_number, twice, stop_list, protected, not_allowed"},
		{Name: "source", Kind: table.ID, Description: "item, case or registrant; empty for a sheet"},
		{Name: "reference", Kind: table.ID, Description: "Of that record, or of the sheet"},
		{Name: "contact_id", Kind: table.ID, Description: "The last call"},
	}, Rows: roundRows(c, round)}
}

func roundRows(c *Contacts, round string) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		stopped := errors.New("stopped")
		err := c.EachInRound(round, func(p RoundPerson) bool {
			if !yield([]any{p.Line, p.Name, string(p.Number), p.Language, p.State, p.Answer, p.AnswerAt, p.Tries, p.TriedAt, p.Failed, p.Why, p.Source, p.Ref, p.Contact}, nil) {
				stopped = nil
				return false
			}
			return true
		})
		if err != nil && stopped != nil {
			yield(nil, err)
		}
	}
}
