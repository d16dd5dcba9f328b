package cards

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"hotline/appliance/table"
)

// CaseFacts are what the tables below need of a case that was passed on.
type CaseFacts struct {
	Sector string
	People int
}

// RespondersTable is who does what for how many, since when (domain 7.8, the 4W
// of coordination meetings): the cases that were passed on, by organisation,
// sector and service. Facts says false for a case that is in no such table. Where
// is not told: an organisation with few cases would give away who lives there.
func RespondersTable(c *Cards, facts func(id string) (CaseFacts, bool)) table.Table {
	return table.Table{Name: "responders_4w", Columns: []table.Column{
		{Name: "organisation", Kind: table.Text, Description: "To whom cases were passed", Level: table.Coordination, HXL: "#org+name"},
		{Name: "sector", Kind: table.ID, Description: "Humanitarian sector of what the people need first", Level: table.Coordination, HXL: "#sector+cluster+name"},
		{Name: "activity", Kind: table.Text, Description: "Service that was asked for", Level: table.Coordination, HXL: "#activity+name"},
		{Name: "first_at", Kind: table.DateTime, Description: "The first of these cases was passed on (UTC)", Level: table.Coordination, HXL: "#date+start"},
		{Name: "last_at", Kind: table.DateTime, Description: "The last of them was passed on (UTC)", Level: table.Coordination, HXL: "#date+end"},
		{Name: "cases", Kind: table.Int, Description: "Cases passed on", Level: table.Coordination, HXL: "#indicator+cases+num"},
		{Name: "accepted", Kind: table.Int, Description: "Of them accepted", Level: table.Coordination, HXL: "#indicator+accepted+num"},
		{Name: "met", Kind: table.Int, Description: "Of them with help that was given, in full or in part", Level: table.Coordination, HXL: "#indicator+met+num"},
		{Name: "people", Kind: table.Int, Description: "People in these cases", Level: table.Coordination, HXL: "#targeted+ind"},
		{Name: "people_reached", Kind: table.Int, Description: "Of them in cases with help that was given", Level: table.Coordination, HXL: "#reached+ind"},
		{Name: "updated_at", Kind: table.DateTime, Description: "Last change of one of them (UTC)", Level: table.Coordination, HXL: "#date+updated"},
	}, Changed: "updated_at", Rows: responders(c, facts)}
}

func responders(c *Cards, facts func(id string) (CaseFacts, bool)) iter.Seq2[[]any, error] {
	type group struct{ org, sector, activity string }
	type sums struct {
		first, last, updated                 time.Time
		cases, accepted, met, people, helped int
	}
	return func(yield func([]any, error) bool) {
		all := map[group]sums{}
		var passed []Card // facts read the store: not while it is being read here
		err := c.Each(Referrals, func(card Card) bool {
			passed = append(passed, card)
			return true
		})
		if err != nil {
			yield(nil, err)
			return
		}
		for _, card := range passed {
			f, counts := facts(card.Of)
			if !counts {
				continue
			}
			g := group{strings.TrimSpace(card.Value("to_org")), f.Sector, strings.TrimSpace(card.Value("service"))}
			n := all[g]
			sent := card.SentAt()
			if n.first.IsZero() || sent.Before(n.first) {
				n.first = sent
			}
			if sent.After(n.last) {
				n.last = sent
			}
			if card.UpdatedAt.After(n.updated) {
				n.updated = card.UpdatedAt
			}
			n.cases++
			n.people += f.People
			if card.Value("accepted_at") != "" {
				n.accepted++
			}
			if result := card.Value("result"); result == "met" || result == "partly" {
				n.met++
				n.helped += f.People
			}
			all[g] = n
		}
		groups := make([]group, 0, len(all))
		for g := range all {
			groups = append(groups, g)
		}
		slices.SortFunc(groups, func(a, b group) int {
			return cmp.Or(cmp.Compare(a.org, b.org), cmp.Compare(a.sector, b.sector), cmp.Compare(a.activity, b.activity))
		})
		for _, g := range groups {
			n := all[g]
			if !yield([]any{g.org, g.sector, g.activity, n.first, n.last, n.cases, n.accepted, n.met, n.people, n.helped, n.updated}, nil) {
				return
			}
		}
	}
}

// smallest is the smallest count that is told without hiding it.
const smallest = 10

// DailyFeedbackTable counts what people say of each day by kind: questions,
// rumours, complaints that are not sensitive. Small counts are hidden.
func DailyFeedbackTable(c *Cards) table.Table {
	return table.Table{Name: "daily_feedback", Columns: []table.Column{
		{Name: "date", Kind: table.Date, Description: "Day on which it was written down, in the time of the hotline", Level: table.Aggregate, HXL: "#date+reported"},
		{Name: "type", Kind: table.ID, Description: "question, request, complaint, suggestion, thanks, rumour or incident; what is sensitive is not counted", Level: table.Aggregate, HXL: "#cause+type"},
		{Name: "records", Kind: table.Count, Description: "How many; <10: one to nine", Level: table.Aggregate, HXL: "#indicator+feedback+num"},
		{Name: "answered", Kind: table.Count, Description: "Of them answered", Level: table.Aggregate, HXL: "#indicator+answered+num"},
	}, Rows: dailyFeedback(c)}
}

func dailyFeedback(c *Cards) iter.Seq2[[]any, error] {
	type group struct {
		day  time.Time
		kind string
	}
	return func(yield func([]any, error) bool) {
		all := map[group][2]int{}
		err := c.Each(Feedback, func(card Card) bool {
			if card.Hidden {
				return true
			}
			y, m, d := card.CreatedAt.Local().Date()
			g := group{time.Date(y, m, d, 0, 0, 0, 0, time.Local), card.Value("type")}
			n := all[g]
			n[0]++
			if card.Value("answered_at") != "" {
				n[1]++
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
			return cmp.Or(b.day.Compare(a.day), cmp.Compare(a.kind, b.kind))
		})
		for _, g := range groups {
			records, answered := all[g][0], all[g][1]
			switch {
			case records < smallest:
				records, answered = table.Hidden, table.Hidden
			case answered > 0 && answered < smallest, records-answered > 0 && records-answered < smallest: // one tells the other
				answered = table.Hidden
			}
			if !yield([]any{g.day, g.kind, records, answered}, nil) {
				return
			}
		}
	}
}
