package triage

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"time"

	"hotline/appliance/lists"
	"hotline/appliance/table"
)

// ContactTable is the export of all contacts, newest first. Column names and
// their order follow the field's data sets (domain 7.3) and never change
// within a major version.
func ContactTable(c *Contacts, l *lists.Keeper) table.Table { return ContactTableOf(l, c.Each) }

// ContactTableOf is the same for some contacts.
func ContactTableOf(l *lists.Keeper, each func(func(Contact) bool) error) table.Table {
	return table.Table{Name: "contacts", Restricted: "restricted", Changed: "updated_at", Columns: []table.Column{
		{Name: "contact_id", Kind: table.ID, Description: "Identity of the contact (ULID), the same in every export", Level: table.Coordination, HXL: "#meta+id"},
		{Name: "received_at", Kind: table.DateTime, Description: "The call arrived (UTC)", Level: table.Coordination, HXL: "#date+reported"},
		{Name: "answered_at", Kind: table.DateTime, Description: "The hotline answered (UTC)", Level: table.Coordination, HXL: "#date+start"},
		{Name: "connected_at", Kind: table.DateTime, Description: "A phone volunteer answered (UTC); empty if none did", Level: table.Coordination},
		{Name: "ended_at", Kind: table.DateTime, Description: "The call ended (UTC)", Level: table.Coordination, HXL: "#date+end"},
		{Name: "channel", Kind: table.ID, Description: "phone, or browser for a call from the page of the box", Level: table.Coordination, HXL: "#meta+channel"},
		{Name: "direction", Kind: table.ID, Description: "in, or out for a call that was made from here", Level: table.Coordination, HXL: "#meta+direction"},
		{Name: "number_dialled", Kind: table.Phone, Description: "Number of the hotline that was dialled; empty for a call that was made from here", Level: table.Coordination, HXL: "#meta+dialled"},
		{Name: "caller_number", Kind: table.Phone, Description: "Number of the caller as the network sent it, or the number that was called from here, E.164 where possible; empty when withheld or protected", Level: table.Full, HXL: "#contact+phone"},
		{Name: "callback_number", Kind: table.Phone, Description: "Another number to be called back on, as the caller keyed it", Level: table.Full},
		{Name: "language", Kind: table.ID, Description: "Language of the call (BCP 47)", Level: table.Coordination, HXL: "#meta+language"},
		{Name: "menu_path", Kind: table.List, Description: "What the caller chose in the menus, in order", Level: table.Coordination},
		{Name: "queue", Kind: table.ID, Description: "Line the caller waited in", Level: table.Coordination, HXL: "#service+name"},
		{Name: "wait_s", Kind: table.Int, Description: "Seconds from entering the line to a phone volunteer, or to the end of the call of somebody who waited in vain", Level: table.Coordination, HXL: "#indicator+wait+num"},
		{Name: "talk_s", Kind: table.Int, Description: "Seconds with a phone volunteer, hold included", Level: table.Coordination, HXL: "#indicator+talk+num"},
		{Name: "hold_s", Kind: table.Int, Description: "Seconds on hold", Level: table.Coordination},
		{Name: "wrap_s", Kind: table.Int, Description: "Seconds of finishing notes", Level: table.Coordination, HXL: "#indicator+wrap+num"},
		{Name: "outcome", Kind: table.ID, Description: "answered, abandoned_queue, left_in_ivr, self_service, callback_request, dropped, interrupted, not_reached, supervisor_line, agent_line, colleague_call", Level: table.Coordination, HXL: "#status+code"},
		{Name: "disposition", Kind: table.ID, Description: "How the phone volunteer closed it", Codes: codesOf(l.Now().List(lists.Dispositions)), Level: table.Coordination, HXL: "#status+name"},
		{Name: "triage_level", Kind: table.ID, Description: "R danger now, O today, Y one to three days, G information, W no request", Level: table.Coordination, HXL: "#severity+code"},
		{Name: "ended_by", Kind: table.ID, Description: "caller, agent, system or network", Level: table.Coordination},
		{Name: "open_item", Kind: table.ID, Description: "Why somebody still has to care for it; empty when closed", Level: table.Coordination},
		{Name: "mode", Kind: table.ID, Description: "Emergency mode in force when it arrived", Level: table.Coordination},
		{Name: "protected", Kind: table.Bool, Description: "1: no number, name or notes are kept", Level: table.Coordination},
		{Name: "agent", Kind: table.Text, Description: "Phone volunteer", Level: table.Referral, HXL: "#meta+agent"},
		{Name: "case_id", Kind: table.ID, Description: "Case of the contact", Level: table.Coordination, HXL: "#meta+case"},
		{Name: "registrant_id", Kind: table.ID, Description: "Registered volunteer of the contact", Level: table.Coordination},
		{Name: "operation", Kind: table.Text, Description: "Disaster response", Level: table.Coordination},
		{Name: "updated_at", Kind: table.DateTime, Description: "Last change (UTC)", Level: table.Coordination, HXL: "#date+updated"},
		{Name: "redirected_from", Kind: table.Phone, Description: "Number the caller dialled first, when the call was forwarded here", Level: table.Full},
		{Name: "mos", Kind: table.Decimal, Description: "How the caller's line sounded in its last seconds: 1 bad to 4.5 good, 0 not known", Level: table.Coordination},
		{Name: "packets_lost_in", Kind: table.Int, Description: "Sound packets from the caller that did not arrive", Level: table.Coordination},
		{Name: "packets_lost_out", Kind: table.Int, Description: "Sound packets to the caller that did not arrive, as their side reports", Level: table.Coordination},
		{Name: "jitter_ms", Kind: table.Int, Description: "Unevenness of the sound from the caller", Level: table.Coordination},
		{Name: "rtt_ms", Kind: table.Int, Description: "Time there and back, where their side reports it", Level: table.Coordination},
		{Name: "no_sound", Kind: table.Bool, Description: "1: nothing was ever heard from the caller", Level: table.Coordination},
		{Name: "recorded", Kind: table.Bool, Description: "1: there is a recording of the call", Level: table.Coordination},
		{Name: "recorded_s", Kind: table.Int, Description: "Seconds of recording", Level: table.Coordination},
		{Name: "sound_blame", Kind: table.ID, Description: "Where to look when it did not sound well: trunk (telephone company), agent_network (Wi-Fi, cable or laptop of the phone volunteer), caller (a muted or broken phone); empty: nothing is known to be wrong", Level: table.Coordination},
		{Name: "agent_mos", Kind: table.Decimal, Description: "How the phone volunteer's side sounded: 1 bad to 4.5 good, 0 not known", Level: table.Coordination},
		{Name: "agent_packets_lost_in", Kind: table.Int, Description: "Sound packets from the phone volunteer that did not arrive", Level: table.Coordination},
		{Name: "agent_packets_lost_out", Kind: table.Int, Description: "Sound packets to the phone volunteer that did not arrive", Level: table.Coordination},
		{Name: "agent_jitter_ms", Kind: table.Int, Description: "Unevenness of the sound from the phone volunteer", Level: table.Coordination},
		{Name: "agent_rtt_ms", Kind: table.Int, Description: "Time to the phone volunteer and back", Level: table.Coordination},
		{Name: "agent_gone", Kind: table.Int, Description: "How often the phone volunteer's sound broke off", Level: table.Coordination},
		{Name: "restricted", Kind: table.Bool, Description: "1: protected, about a child that is alone, or a complaint about the help; leaves the box with everything or not at all", Level: table.Full},
		{Name: "answers", Kind: table.List, Description: "What the phone menus were told or found out, as far as they keep it: name=value, by name", Level: table.Full},
		{Name: "round_answer", Kind: table.ID, Description: "What the person answered whom the hotline called in a round: safe, help, changed, talk, stop", Level: table.Coordination},
		{Name: "consents", Kind: table.List, Description: "What the caller agreed to or not: about=answer, how it was said, language, name of the wording with a digest, time (UTC)", Level: table.Coordination, HXL: "#meta+consent"},
	}, Rows: rows(each, func(k Contact) []any {
		return []any{k.ID, k.ReceivedAt, k.AnsweredAt, k.ConnectedAt, k.EndedAt, k.Channel, k.Direction, dialledWords(k),
			string(k.Caller), string(k.CallBack), k.Language, k.Path, k.Queue, k.waited(), k.Talk, k.Hold, k.WrapUp, string(k.Outcome),
			k.Disposition, string(k.Level), string(k.EndedBy), k.Open, k.Mode, k.Protected, k.AgentName, k.Case,
			k.Registrant, k.Operation, k.UpdatedAt, string(k.Redirected), k.Sound.MOS, k.Sound.Lost, k.Sound.LostOut,
			k.Sound.JitterMS, k.Sound.RTTMS, k.Sound.Silent, len(k.Recordings) > 0, k.Recorded,
			k.Sound.Blame, k.Sound.Agent.MOS, k.Sound.Agent.Lost, k.Sound.Agent.LostOut, k.Sound.Agent.JitterMS, k.Sound.Agent.RTTMS, k.Sound.Agent.Gone,
			k.Restricted(), answers(k.Attributes), k.Answer, k.consents()}
	})}
}

func answers(attributes map[string]string) []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		list = append(list, name+"="+attributes[name])
	}
	return list
}

// CaseTable is the export of all cases, newest first (domain 7.4).
func CaseTable(c *Cases) table.Table { return CaseTableOf(c.lists, c.Each) }

// CaseTableOf is the same for some cases.
func CaseTableOf(l *lists.Keeper, each func(func(Case) bool) error) table.Table {
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
		table.Column{Name: "outcome", Kind: table.ID, Description: "What became of a closed case", Level: table.Coordination, HXL: "#status+name"},
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
	// What this hotline has added comes last: other columns never move.
	for _, code := range more {
		need(code)
	}
	for _, q := range set.Owned() {
		columns = append(columns, ownColumns(set, q)...)
	}
	return table.Table{Name: "cases", Restricted: "restricted", Consent: "may_share", Scope: "share_scope", Changed: "updated_at", Columns: columns, Rows: rows(each, func(cs Case) []any {
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
		for _, need := range more {
			row = append(row, slices.Contains(all, need))
		}
		for _, q := range set.Owned() {
			row = append(row, ownCells(set, q, f.Own[q.Name])...)
		}
		return row
	})}
}

// codesOf is what a list means, for the dictionaries of exports.
func codesOf(l lists.List) []table.Code {
	var out []table.Code
	for _, c := range l.Choices {
		out = append(out, table.Code{Code: c.Code, Text: c.Words.In("en")})
	}
	return out
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

// Restricted reports a contact that leaves the box with everything or not at
// all.
func (k Contact) Restricted() bool { return k.Protected || k.ChildAlone || k.complains() }

// complains reports a contact in which somebody complained about the help.
func (k Contact) complains() bool {
	return k.Disposition == "complaint_opened" || slices.ContainsFunc(k.Messages, func(m Message) bool { return m.Box == BoxComplaint })
}

// Restricted reports a case that leaves the box with everything or not at all.
func (cs Case) Restricted() bool {
	return cs.Protected || cs.Fields.ChildAlone || cs.Fields.TopNeed == "complaint" || slices.Contains(cs.Fields.MoreNeeds, "complaint")
}

// rows turns a walk over records into rows.
func rows[T any](each func(func(T) bool) error, row func(T) []any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		stopped := false
		if err := each(func(v T) bool {
			stopped = !yield(row(v), nil)
			return !stopped
		}); err != nil && !stopped {
			yield(nil, err)
		}
	}
}
