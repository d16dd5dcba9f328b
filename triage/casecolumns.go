package triage

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"time"

	"hotline/appliance/lists"
	"hotline/appliance/operation"
	"hotline/appliance/store"
	"hotline/appliance/table"
	"hotline/triage/cards"
)

// CaseTable is the export of all cases, newest first (domain 7.4).
func CaseTable(c *Cases) table.Table {
	return c.table(func(tx *store.Tx) iter.Seq[Case] { return values(cases.Backward(tx)) })
}

// TableOf is the same for some cases.
func (c *Cases) TableOf(list []Case) table.Table {
	return c.table(func(*store.Tx) iter.Seq[Case] { return slices.Values(list) })
}

func (c *Cases) table(which func(*store.Tx) iter.Seq[Case]) table.Table {
	l, facts := c.lists, factsOnce()
	set := l.Now()
	columns := []table.Column{
		{Name: "case_id", Kind: table.ID, Description: "Identity of the case (ULID)", Level: table.Coordination, HXL: "#meta+case"},
		{Name: "case_code", Kind: table.ID, Description: "Code told to the caller: digits, of which the last one checks the others", Level: table.Coordination, HXL: "#meta+id+code"},
		{Name: "opened_at", Kind: table.DateTime, Description: "First saved (UTC)", Level: table.Coordination, HXL: "#date+reported"},
		{Name: "updated_at", Kind: table.DateTime, Description: "Last change (UTC)", Level: table.Coordination, HXL: "#date+updated"},
		{Name: "triage_level", Kind: table.ID, Description: "R danger now, O today, Y one to three days, G information, W no request; from the four questions", Level: table.Coordination, HXL: "#severity+code"},
		{Name: "triage_at", Kind: table.DateTime, Description: "The level was set (UTC)", Level: table.Coordination, HXL: "#date+triage"},
		{Name: "status", Kind: table.ID, Description: "open, in_progress, referred, closed or duplicate", Level: table.Coordination, HXL: "#status+code+case"},
		{Name: "protected", Kind: table.Bool, Description: "1: no number, name or notes are kept", Level: table.Coordination},
		{Name: "danger_now", Kind: table.ID, Description: "Question 1, somebody in danger of dying now: yes, no, unsure", Level: table.Coordination},
		{Name: "urgent_need", Kind: table.ID, Description: "Question 2, hurt, sick or running out of something vital: yes, no", Level: table.Coordination},
		{Name: "child_alone", Kind: table.Bool, Description: "Question 2, a child or somebody who needs care is alone", Level: table.Coordination},
		{Name: "safe_tonight", Kind: table.ID, Description: "Question 3, somewhere safe tonight, water and food: yes, no", Level: table.Coordination},
		{Name: "talk_freely", Kind: table.ID, Description: "Question 4: fine, or specialist (protected)", Level: table.Coordination},
		{Name: "phone", Kind: table.Phone, Description: "Number to call back, as the caller confirmed it, else the caller's", Level: table.Referral, HXL: "#contact+phone"},
		{Name: "phone_confirmed", Kind: table.Bool, Description: "1: read back to the caller", Level: table.Coordination},
		{Name: "contact_name", Kind: table.Text, Description: "Name or nickname", Level: table.Referral, HXL: "#respondee+name"},
		{Name: "place", Kind: table.Text, Description: "Town and neighbourhood", Level: table.Referral, HXL: "#loc+name"},
		{Name: "landmark", Kind: table.Text, Description: "What everybody there knows", Level: table.Referral, HXL: "#loc+description"},
		{Name: "people_total", Kind: table.Int, Description: "People affected", Level: table.Coordination, HXL: "#affected+ind"},
		{Name: "children_u18", Kind: table.Int, Description: "Of them under 18", Level: table.Coordination, HXL: "#affected+ind+children"},
		{Name: "over_60", Kind: table.Bool, Description: "Somebody over 60", Level: table.Coordination},
		{Name: "disability_or_pregnant", Kind: table.Bool, Description: "Somebody pregnant, or who needs help to move, see, hear or understand", Level: table.Coordination},
		{Name: "top_need", Kind: table.ID, Description: "What they need first", Codes: codesOf(set.List(lists.Needs)), Level: table.Coordination, HXL: "#need+code"},
		{Name: "needs", Kind: table.List, Description: "All needs", Codes: codesOf(set.List(lists.Needs)), Level: table.Coordination, HXL: "#need+list"},
	}
	needs, more := set.List(lists.Needs).Shipped()
	need := func(code string) {
		columns = append(columns, table.Column{Name: "need_" + code, Kind: table.Bool, Description: "1: " + code + " is among the needs", Level: table.Coordination, HXL: "#need+" + code})
	}
	for _, code := range needs {
		need(code)
	}
	columns = append(columns,
		table.Column{Name: "share_scope", Kind: table.ID, Description: "How far the case may go: inside (not outside the organisation), helpers (organisations that can help) or public", Level: table.Coordination, HXL: "#meta+consent"},
		table.Column{Name: "note", Kind: table.Text, Description: "Notes of the phone volunteer", Level: table.Full, HXL: "#description"},
		table.Column{Name: "language", Kind: table.ID, Description: "Language of the caller (BCP 47)", Level: table.Coordination, HXL: "#meta+language"},
		table.Column{Name: "contact_ids", Kind: table.List, Description: "Contacts of the case", Level: table.Coordination},
		table.Column{Name: "operation", Kind: table.Text, Description: "Disaster response", Level: table.Coordination},
		table.Column{Name: "status_at", Kind: table.DateTime, Description: "The status was set (UTC)", Level: table.Coordination, HXL: "#date+status"},
		table.Column{Name: "outcome", Kind: table.ID, Description: "What became of a closed case; erased: the person was, while it was open", Codes: codesOf(set.List(lists.Outcomes)), Level: table.Coordination, HXL: "#status+name"},
		table.Column{Name: "caller_told", Kind: table.Bool, Description: "1: the caller knows what became of it", Level: table.Coordination},
		table.Column{Name: "duplicate_of", Kind: table.ID, Description: "Case into which this one was merged; count only cases without it", Level: table.Coordination},
		table.Column{Name: "entered_at", Kind: table.DateTime, Description: "Typed from paper afterwards (UTC)", Level: table.Coordination},
		table.Column{Name: "restricted", Kind: table.Bool, Description: "1: protected, about a child that is alone, or a complaint about the help; leaves the box with everything or not at all", Level: table.Full},
		table.Column{Name: "legal_basis", Kind: table.ID, Description: "Ground on which it is kept: vital_interests, public_task, public_interest, legitimate_interest, consent, contract, legal_obligation", Level: table.Coordination, HXL: "#meta+basis"},
		table.Column{Name: "may_share", Kind: table.ID, Description: "Whether the caller agreed that organisations which can help get the details: yes, no, not_asked", Level: table.Coordination, HXL: "#meta+consent+told"},
		table.Column{Name: "place_code", Kind: table.ID, Description: "P-code of the place, where it is one of the list", Level: table.Referral, HXL: "#loc+code+v_pcode"},
	)
	for level := 1; level <= 4; level++ {
		at := table.Coordination
		if level == 4 {
			at = table.Referral
		}
		columns = append(columns,
			table.Column{Name: fmt.Sprintf("adm%d_code", level), Kind: table.ID, Description: fmt.Sprintf("P-code of the administrative area of level %d", level), Level: at, HXL: fmt.Sprintf("#adm%d+code+v_pcode", level)},
			table.Column{Name: fmt.Sprintf("adm%d_name", level), Kind: table.Text, Description: fmt.Sprintf("Administrative area of level %d", level), Level: at, HXL: fmt.Sprintf("#adm%d+name", level)})
	}
	columns = append(columns,
		table.Column{Name: "incomplete", Kind: table.Bool, Description: "1: a question that must be asked has no answer", Level: table.Coordination},
		table.Column{Name: "missing", Kind: table.List, Description: "Questions that must be asked and have no answer", Level: table.Coordination})
	columns = append(columns, fullColumns(set)...)
	// What this hotline has added comes last: other columns never move.
	for _, code := range more {
		need(code)
	}
	for _, q := range set.Owned() {
		columns = append(columns, ownColumns(set, q)...)
	}
	return table.Table{Name: "cases", Restricted: "restricted", Consent: "may_share", Scope: "share_scope", Changed: "updated_at", Deleted: "deleted", Columns: columns, Rows: rows(c.store, which, func(tx *store.Tx, cs Case) []any {
		f := cs.Fields
		phone := f.CallbackNumber
		if phone == "" {
			phone = string(cs.Caller)
		}
		all := slices.Clone(f.MoreNeeds)
		if f.TopNeed != "" && !slices.Contains(all, f.TopNeed) {
			all = append([]string{f.TopNeed}, all...)
		}
		row := []any{cs.ID, cs.Code, cs.OpenedAt, cs.UpdatedAt, string(cs.Level), cs.LevelAt, cs.Status, cs.Protected,
			f.DangerNow, f.UrgentNeed, f.ChildAlone, f.SafeTonight, f.TalkFreely, phone, f.CallbackConfirmed, f.Name,
			f.Place, f.Landmark, f.People, f.Children, f.Over60, f.DisabilityOrPregnant, f.TopNeed, all}
		for _, need := range needs {
			row = append(row, slices.Contains(all, need))
		}
		row = append(row, f.ShareScope, f.Notes, cs.Language, cs.Contacts, cs.Operation,
			cs.StatusAt, cs.Outcome, cs.Told, cs.DuplicateOf, cs.EnteredAt, cs.Restricted(), f.LegalBasis, f.MayShare, f.PlaceCode)
		for _, area := range l.PlaceChain(f.PlaceCode) {
			row = append(row, area.Code, area.Name)
		}
		missing := cs.Missing(set)
		row = append(row, len(missing) > 0, missing)
		row = append(row, fullCells(tx, l, set, facts(tx), cs)...)
		for _, need := range more {
			row = append(row, slices.Contains(all, need))
		}
		for _, q := range set.Owned() {
			row = append(row, ownCells(set, q, f.Own[q.Name])...)
		}
		return row
	})}
}

// fullColumns are what a case also says: of the operation, of whom it was passed
// to, and the answers of the full case (domain 1.2, layer C).
func fullColumns(set *lists.Set) []table.Column {
	columns := []table.Column{
		{Name: "crisis_glide", Kind: table.ID, Description: "GLIDE number of the disaster, where somebody has written it down (Kind of disaster)", Level: table.Coordination, HXL: "#crisis+code+v_glide"},
		{Name: "closed_at", Kind: table.DateTime, Description: "The case was closed (UTC); empty while it is not", Level: table.Coordination, HXL: "#date+end"},
		{Name: "country_iso3", Kind: table.ID, Description: "Country (ISO 3166-1 alpha-3): of the place, else of the operation", Level: table.Coordination, HXL: "#country+code"},
		{Name: "sector", Kind: table.ID, Description: "Humanitarian cluster of what they need first", Level: table.Coordination, HXL: "#sector+cluster+name"},
		{Name: "referred_to", Kind: table.Text, Description: "To whom the case was passed on last", Level: table.Coordination, HXL: "#org+name"},
		{Name: "service", Kind: table.Text, Description: "Service that was asked for there", Level: table.Coordination, HXL: "#service+name"},
		{Name: "referred_at", Kind: table.DateTime, Description: "When (UTC)", Level: table.Coordination, HXL: "#date+referral"},
		{Name: "result", Kind: table.ID, Description: "What came of it: met, partly, not_met, unreachable, refused; empty: not known yet", Level: table.Coordination, HXL: "#status+referral"},
	}
	for _, q := range set.Full() {
		level, _ := table.ParseLevel(q.Level) // checked when the questions were loaded
		one := table.Column{Name: q.Column(), Kind: table.Text, Description: q.Words.In("en"), Level: level, HXL: q.HXL}
		if hint := q.Hint.In("en"); hint != "" && q.Kind == lists.Count {
			one.Description += " " + hint
		}
		switch q.Kind {
		case lists.Position:
			place := func(name, what, tag string) table.Column {
				return table.Column{Name: name, Kind: table.Degrees, Description: what + "; below L2 rounded to a hundredth of a degree", Level: level, HXL: tag}
			}
			columns = append(columns, place("lat", "Latitude (WGS 84)", "#geo+lat"), place("lon", "Longitude (WGS 84)", "#geo+lon"))
			continue
		case lists.Count:
			one.Kind = table.Amount
		case lists.One:
			one.Kind, one.Codes = table.ID, codesOf(set.ListOf(q))
		case lists.Several:
			one.Kind, one.Codes = table.List, codesOf(set.ListOf(q))
		}
		columns = append(columns, one)
	}
	return append(columns, table.Column{Name: "deleted", Kind: table.Bool, Description: deletedSays, Level: table.Coordination})
}

// factsOnce reads what is the same in all rows once for a table.
func factsOnce() func(*store.Tx) operation.Facts {
	var in *store.Tx
	var facts operation.Facts
	return func(tx *store.Tx) operation.Facts {
		if tx != in {
			in = tx
			facts, _ = operation.Of(tx) // what is damaged is told where it is shown
		}
		return facts
	}
}

func fullCells(tx *store.Tx, l *lists.Keeper, set *lists.Set, facts operation.Facts, cs Case) []any {
	closed := time.Time{}
	if cs.Status == CaseClosed {
		closed = cs.StatusAt
	}
	sector := ""
	for _, need := range set.List(lists.Needs).Choices {
		if need.Code == cs.Fields.TopNeed {
			sector = need.Group
		}
	}
	row := []any{facts.Glide, closed, cmp.Or(operation.ISO3(l.PlaceCountry(cs.Fields.PlaceCode)), facts.Country), sector}
	passed, there := cards.Passed(tx, cs.ID)
	sent := time.Time{}
	if there {
		sent = passed.SentAt()
	}
	row = append(row, passed.Value("to_org"), passed.Value("service"), sent, passed.Value("result"))
	for _, q := range set.Full() {
		answer := cs.Fields.Own[q.Name]
		text, _ := answer.(string)
		switch q.Kind {
		case lists.Position:
			lat, lon, err := position(text)
			if err != nil {
				lat, lon = math.NaN(), math.NaN()
			}
			row = append(row, lat, lon)
		case lists.Count:
			n, counted := answer.(int)
			if !counted {
				n = table.NotSaid
			}
			row = append(row, n)
		case lists.Several:
			several, _ := answer.([]string)
			row = append(row, several)
		default:
			row = append(row, text)
		}
	}
	return append(row, !cs.Erased.IsZero())
}

// ownColumns are the columns of a question that operators have added: the answer,
// and of choices also the words, for those who have no list of codes at hand.
func ownColumns(set *lists.Set, q lists.Question) []table.Column {
	level := table.Coordination
	if q.Personal {
		level = table.Referral
	}
	one := table.Column{Name: q.Name, Kind: table.Text, Description: q.Words.In("en"), Level: level}
	switch q.Kind {
	case lists.Count: // as text: nothing is not 0
		one.Kind = table.ID
	case lists.Day:
		one.Kind = table.Date
	case lists.One, lists.Several:
		one.Codes = codesOf(set.ListOf(q))
		words := table.Column{Name: q.Name + "_text", Kind: table.Text, Description: q.Words.In("en") + " In words", Level: level}
		if one.Kind = table.ID; q.Kind == lists.Several {
			one.Kind, words.Kind = table.List, table.List
		}
		return []table.Column{one, words}
	}
	return []table.Column{one}
}

func ownCells(set *lists.Set, q lists.Question, answer any) []any {
	text, _ := answer.(string)
	switch q.Kind {
	case lists.Count:
		if n, counted := answer.(int); counted {
			text = strconv.Itoa(n)
		}
	case lists.Day:
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			at = time.Time{}
		}
		return []any{at}
	case lists.One:
		words := ""
		if text != "" {
			words = set.ListOf(q).Word(text, "en")
		}
		return []any{text, words}
	case lists.Several:
		several, _ := answer.([]string)
		var words []string
		for _, code := range several {
			words = append(words, set.ListOf(q).Word(code, "en"))
		}
		return []any{several, words}
	}
	return []any{text}
}
