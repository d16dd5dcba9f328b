package reports

import (
	"iter"
	"time"

	"hotline/appliance/table"
)

// Table is the rows of a report to carry away: "hours", "days", "queues",
// "languages" or "agents". name turns the id of a row into words. It is false
// for another set.
func (r Report) Table(set string, terms Terms, name func(id string) string) (table.Table, bool) {
	first := table.Column{Name: "id", Kind: table.ID, Description: "Line, language or phone volunteer"}
	var keys []any
	var figures []Figures
	switch set {
	case "hours", "days":
		first = table.Column{Name: "begin", Kind: table.DateTime, Description: "Beginning of the hour or day (UTC)"}
		list := r.Hours
		if set == "days" {
			list = r.Days
		}
		for _, p := range list {
			keys, figures = append(keys, p.Begin), append(figures, p.Figures)
		}
	case "queues", "languages", "agents":
		list := map[string][]Row{"queues": r.Queues, "languages": r.Languages, "agents": r.Agents}[set]
		for _, row := range list {
			keys, figures = append(keys, row.ID), append(figures, row.Figures)
		}
	default:
		return table.Table{}, false
	}
	columns := []table.Column{first}
	named := first.Kind == table.ID
	if named {
		columns = append(columns, table.Column{Name: "name", Kind: table.Text, Description: "The same in words"})
	}
	columns = append(columns,
		table.Column{Name: "attempts", Kind: table.Int, Description: "Calls that arrived, refused ones too; of the whole hotline only"},
		table.Column{Name: "rejected", Kind: table.Int, Description: "Of them, not answered: the box was full, or a flash call"},
		table.Column{Name: "people", Kind: table.Int, Description: "Different numbers of a day"},
		table.Column{Name: "people_reached", Kind: table.Int, Description: "Of them, who have talked with a person, then or within a week"},
		table.Column{Name: "offered", Kind: table.Int, Description: "Contacts that entered a line"},
		table.Column{Name: "handled", Kind: table.Int, Description: "Of them, connected to a phone volunteer"},
		table.Column{Name: "abandoned", Kind: table.Int, Description: "Of them, left while waiting"},
		table.Column{Name: "short_abandons", Kind: table.Int, Description: "Of the abandoned, within " + terms.Short.String()},
		table.Column{Name: "callback_promised", Kind: table.Int, Description: "Left the line to be called back"},
		table.Column{Name: "answered_in_time", Kind: table.Int, Description: "Answered within " + terms.Within.String()},
		table.Column{Name: "service_level", Kind: table.Decimal, Description: "answered_in_time / (handled + abandoned - short_abandons)"},
		table.Column{Name: "abandonment_rate", Kind: table.Decimal, Description: "abandoned / (offered - callback_promised)"},
		table.Column{Name: "asa_s", Kind: table.Decimal, Description: "Average speed of answer: mean wait of the handled, in seconds"},
		table.Column{Name: "abandon_time_s", Kind: table.Decimal, Description: "Mean wait of the abandoned, in seconds"},
		table.Column{Name: "talk_s", Kind: table.Decimal, Description: "Seconds talking with handled contacts"},
		table.Column{Name: "hold_s", Kind: table.Decimal, Description: "Seconds on hold"},
		table.Column{Name: "wrap_s", Kind: table.Decimal, Description: "Seconds writing notes"},
		table.Column{Name: "aht_s", Kind: table.Decimal, Description: "Average handle time: (talk_s + hold_s + wrap_s) / handled"},
		table.Column{Name: "busy_s", Kind: table.Decimal, Description: "Seconds in which phone volunteers talked, held or wrote notes, calls out among them"},
		table.Column{Name: "available_s", Kind: table.Decimal, Description: "Seconds in which they were ready"},
		table.Column{Name: "occupancy", Kind: table.Decimal, Description: "busy_s / (busy_s + available_s)"},
		table.Column{Name: "finished", Kind: table.Int, Description: "Answered calls of people who seek help that are over"},
		table.Column{Name: "self_served", Kind: table.Int, Description: "Of them, finished by the dialogue"},
		table.Column{Name: "containment", Kind: table.Decimal, Description: "self_served / finished"},
		table.Column{Name: "calls_out", Kind: table.Int, Description: "Calls that were made from here"},
		table.Column{Name: "calls_out_reached", Kind: table.Int, Description: "Of them, that somebody answered"},
		table.Column{Name: "offers_missed", Kind: table.Int, Description: "Times that a phone volunteer was rung and did not answer"},
		table.Column{Name: "offers_declined", Kind: table.Int, Description: "Times that one said not now"},
	)
	var rows iter.Seq2[[]any, error] = func(yield func([]any, error) bool) {
		for i, f := range figures {
			row := []any{keys[i]}
			if named {
				id, _ := keys[i].(string)
				row = append(row, name(id))
			}
			if !yield(append(row, f.cells(terms)...), nil) {
				return
			}
		}
	}
	return table.Table{Name: set, Columns: columns, Rows: rows}, true
}

// cells are the figures in the order of the columns; a rate that there is none
// of is 0, with its parts beside it.
func (f Figures) cells(t Terms) []any {
	s := func(ms int64) float64 { return float64(ms) / 1000 }
	rate := func(v float64, _ bool) float64 { return v }
	span := func(d time.Duration, _ bool) float64 { return d.Seconds() }
	return []any{f.Attempts, f.Rejected, f.People, f.Reached, f.Offered, f.Handled, f.Abandoned, f.ShortAbandons(t), f.Promised, f.Waits.Within(t.Within),
		rate(f.ServiceLevel(t)), rate(f.Abandonment()), span(f.ASA()), span(f.AbandonTime()), s(f.TalkMS), s(f.HoldMS), s(f.WrapMS), span(f.AHT()),
		s(f.BusyMS), s(f.AvailableMS), rate(f.Occupancy()), f.Finished, f.Self, rate(f.Containment()), f.CallsOut, f.CallsOutReached, f.Missed, f.Declined}
}
