package triage

import (
	"iter"
	"slices"
	"strings"
	"time"

	"hotline/appliance/table"
)

// The situation of each day in numbers: what is passed on first and to most
// (domain 7.8). Nobody can be recognised in it: counts below ten are hidden,
// together with what they could be worked out from, and protected cases and
// complaints are not in it.

// smallest is the smallest count that is told.
const smallest = 10

func unlessFew(n int) int {
	if n > 0 && n < smallest {
		return table.Hidden
	}
	return n
}

// SituationTable counts the cases of each day by need and urgency, newest day
// first.
func SituationTable(c *Cases) table.Table {
	return table.Table{Name: "daily_situation", Columns: []table.Column{
		{Name: "date", Kind: table.Date, Description: "Day on which the cases were opened, in the time of the hotline", Level: table.Aggregate, HXL: "#date+reported"},
		{Name: "need", Kind: table.ID, Description: "What they need first; empty: not asked", Level: table.Aggregate, HXL: "#need+code"},
		{Name: "triage_level", Kind: table.ID, Description: "R danger now, O today, Y one to three days, G information, W no request", Level: table.Aggregate, HXL: "#severity+code"},
		{Name: "cases", Kind: table.Count, Description: "Cases; <10: one to nine", Level: table.Aggregate, HXL: "#affected+cases+num"},
		{Name: "calls", Kind: table.Count, Description: "Calls that belong to them", Level: table.Aggregate, HXL: "#indicator+calls+num"},
		{Name: "people", Kind: table.Count, Description: "People affected", Level: table.Aggregate, HXL: "#affected+ind"},
		{Name: "children_u18", Kind: table.Count, Description: "Of them under 18", Level: table.Aggregate, HXL: "#affected+ind+children"},
		{Name: "open", Kind: table.Count, Description: "Cases that are not closed yet", Level: table.Aggregate, HXL: "#indicator+open+num"},
		{Name: "met", Kind: table.Count, Description: "Cases that are closed", Level: table.Aggregate, HXL: "#indicator+met+num"},
	}, Rows: situation(c)}
}

func situation(c *Cases) iter.Seq2[[]any, error] {
	type group struct {
		day         time.Time
		need, level string
	}
	type sums struct{ cases, calls, people, children, open int }
	return func(yield func([]any, error) bool) {
		all := map[group]sums{}
		err := c.Each(func(cs Case) bool {
			if cs.Restricted() || cs.Status == CaseDuplicate {
				return true
			}
			g := group{dayOf(cs.OpenedAt), cs.Fields.TopNeed, string(cs.Level)}
			n := all[g]
			n.cases++
			n.calls += len(cs.Contacts)
			n.people += cs.Fields.People
			n.children += cs.Fields.Children
			if cs.Status != CaseClosed {
				n.open++
			}
			all[g] = n
			return true
		})
		if err != nil {
			yield(nil, err)
			return
		}
		groups := make([]group, 0, len(all))
		for g := range all {
			groups = append(groups, g)
		}
		slices.SortFunc(groups, func(a, b group) int {
			if byDay := b.day.Compare(a.day); byDay != 0 {
				return byDay
			}
			return strings.Compare(a.need+" "+a.level, b.need+" "+b.level)
		})
		for _, g := range groups {
			n := all[g]
			row := []any{g.day, g.need, g.level, unlessFew(n.cases), unlessFew(n.calls), unlessFew(n.people), unlessFew(n.children), unlessFew(n.open), unlessFew(n.cases - n.open)}
			switch {
			case n.cases < smallest: // a crowd behind one call is still one call
				for i := 3; i < len(row); i++ {
					row[i] = table.Hidden
				}
			case row[7] == table.Hidden || row[8] == table.Hidden: // one tells the other
				row[7], row[8] = table.Hidden, table.Hidden
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// CallsTable counts the calls of each day by line, newest day first.
func CallsTable(c *Contacts) table.Table {
	return table.Table{Name: "daily_calls", Columns: []table.Column{
		{Name: "date", Kind: table.Date, Description: "Day on which the calls came, in the time of the hotline", Level: table.Aggregate, HXL: "#date+reported"},
		{Name: "queue", Kind: table.ID, Description: "Line they waited in; empty: served or left in the menus", Level: table.Aggregate, HXL: "#service+name"},
		{Name: "calls", Kind: table.Count, Description: "Calls; <10: one to nine", Level: table.Aggregate, HXL: "#indicator+calls+num"},
		{Name: "answered", Kind: table.Count, Description: "A phone volunteer answered", Level: table.Aggregate, HXL: "#indicator+answered+num"},
		{Name: "not_answered", Kind: table.Count, Description: "No phone volunteer answered", Level: table.Aggregate, HXL: "#indicator+unanswered+num"},
		{Name: "open", Kind: table.Count, Description: "Somebody still has to care for them", Level: table.Aggregate, HXL: "#indicator+open+num"},
	}, Rows: dailyCalls(c)}
}

func dailyCalls(c *Contacts) iter.Seq2[[]any, error] {
	type group struct {
		day   time.Time
		queue string
	}
	type sums struct{ calls, answered, open int }
	return func(yield func([]any, error) bool) {
		all := map[group]sums{}
		err := c.Each(func(k Contact) bool {
			if k.fate() == "" { // a call of ours
				return true
			}
			g := group{dayOf(k.ReceivedAt), k.Queue}
			n := all[g]
			n.calls += k.attempts()
			if !k.ConnectedAt.IsZero() {
				n.answered++
			}
			if k.Open != "" {
				n.open++
			}
			all[g] = n
			return true
		})
		if err != nil {
			yield(nil, err)
			return
		}
		groups := make([]group, 0, len(all))
		for g := range all {
			groups = append(groups, g)
		}
		slices.SortFunc(groups, func(a, b group) int {
			if byDay := b.day.Compare(a.day); byDay != 0 {
				return byDay
			}
			return strings.Compare(a.queue, b.queue)
		})
		for _, g := range groups {
			n := all[g]
			row := []any{g.day, g.queue, unlessFew(n.calls), unlessFew(n.answered), unlessFew(n.calls - n.answered), unlessFew(n.open)}
			switch {
			case n.calls < smallest:
				for i := 2; i < len(row); i++ {
					row[i] = table.Hidden
				}
			case row[3] == table.Hidden || row[4] == table.Hidden:
				row[3], row[4] = table.Hidden, table.Hidden
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// dayOf is the day of a moment, in the time of the hotline.
func dayOf(at time.Time) time.Time {
	y, m, d := at.Local().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.Local)
}
