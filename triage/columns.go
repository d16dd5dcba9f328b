package triage

import (
	"iter"
	"slices"

	"hotline/appliance/table"
)

// ContactTable is the export of all contacts, newest first. Column names and
// their order follow the field's data sets (domain 7.3) and never change
// within a major version.
func ContactTable(c *Contacts) table.Table {
	return table.Table{Name: "contacts", Columns: []table.Column{
		{Name: "contact_id", Kind: table.ID, Description: "Identity of the contact (ULID), the same in every export"},
		{Name: "received_at", Kind: table.DateTime, Description: "The call arrived (UTC)"},
		{Name: "answered_at", Kind: table.DateTime, Description: "The hotline answered (UTC)"},
		{Name: "connected_at", Kind: table.DateTime, Description: "A phone volunteer answered (UTC); empty if none did"},
		{Name: "ended_at", Kind: table.DateTime, Description: "The call ended (UTC)"},
		{Name: "channel", Kind: table.ID, Description: "phone"},
		{Name: "direction", Kind: table.ID, Description: "in, or out for a call that was made from here"},
		{Name: "number_dialled", Kind: table.Phone, Description: "Number the caller dialled"},
		{Name: "caller_number", Kind: table.Phone, Description: "Number of the caller as the network sent it, E.164 where possible; empty when withheld or protected"},
		{Name: "callback_number", Kind: table.Phone, Description: "Another number to be called back on, as the caller keyed it"},
		{Name: "language", Kind: table.ID, Description: "Language of the call (BCP 47)"},
		{Name: "menu_path", Kind: table.List, Description: "What the caller chose in the menus, in order"},
		{Name: "queue", Kind: table.ID, Description: "Line the caller waited in"},
		{Name: "wait_s", Kind: table.Int, Description: "Seconds from entering the line to a phone volunteer"},
		{Name: "talk_s", Kind: table.Int, Description: "Seconds with a phone volunteer, hold included"},
		{Name: "hold_s", Kind: table.Int, Description: "Seconds on hold"},
		{Name: "wrap_s", Kind: table.Int, Description: "Seconds of finishing notes"},
		{Name: "outcome", Kind: table.ID, Description: "answered, abandoned_queue, left_in_ivr, self_service, callback_request, dropped, interrupted, not_reached, supervisor_line, agent_line, colleague_call"},
		{Name: "disposition", Kind: table.ID, Description: "How the phone volunteer closed it"},
		{Name: "triage_level", Kind: table.ID, Description: "R danger now, O today, Y one to three days, G information, W no request"},
		{Name: "ended_by", Kind: table.ID, Description: "caller, agent, system or network"},
		{Name: "open_item", Kind: table.ID, Description: "Why somebody still has to care for it; empty when closed"},
		{Name: "mode", Kind: table.ID, Description: "Emergency mode in force when it arrived"},
		{Name: "protected", Kind: table.Bool, Description: "1: no number, name or notes are kept"},
		{Name: "agent", Kind: table.Text, Description: "Phone volunteer"},
		{Name: "case_id", Kind: table.ID, Description: "Case of the contact"},
		{Name: "registrant_id", Kind: table.ID, Description: "Registered volunteer of the contact"},
		{Name: "operation", Kind: table.Text, Description: "Disaster response"},
		{Name: "updated_at", Kind: table.DateTime, Description: "Last change (UTC)"},
		{Name: "redirected_from", Kind: table.Phone, Description: "Number the caller dialled first, when the call was forwarded here"},
		{Name: "mos", Kind: table.Decimal, Description: "How the caller's line sounded in its last seconds: 1 bad to 4.5 good, 0 not known"},
		{Name: "packets_lost_in", Kind: table.Int, Description: "Sound packets from the caller that did not arrive"},
		{Name: "packets_lost_out", Kind: table.Int, Description: "Sound packets to the caller that did not arrive, as their side reports"},
		{Name: "jitter_ms", Kind: table.Int, Description: "Unevenness of the sound from the caller"},
		{Name: "rtt_ms", Kind: table.Int, Description: "Time there and back, where their side reports it"},
		{Name: "no_sound", Kind: table.Bool, Description: "1: nothing was ever heard from the caller"},
		{Name: "recorded", Kind: table.Bool, Description: "1: there is a recording of the call"},
		{Name: "recorded_s", Kind: table.Int, Description: "Seconds of recording"},
		{Name: "sound_blame", Kind: table.ID, Description: "Where to look when it did not sound well: trunk (telephone company), agent_network (Wi-Fi, cable or laptop of the phone volunteer), caller (a muted or broken phone); empty: nothing is known to be wrong"},
		{Name: "agent_mos", Kind: table.Decimal, Description: "How the phone volunteer's side sounded: 1 bad to 4.5 good, 0 not known"},
		{Name: "agent_packets_lost_in", Kind: table.Int, Description: "Sound packets from the phone volunteer that did not arrive"},
		{Name: "agent_packets_lost_out", Kind: table.Int, Description: "Sound packets to the phone volunteer that did not arrive"},
		{Name: "agent_jitter_ms", Kind: table.Int, Description: "Unevenness of the sound from the phone volunteer"},
		{Name: "agent_rtt_ms", Kind: table.Int, Description: "Time to the phone volunteer and back"},
		{Name: "agent_gone", Kind: table.Int, Description: "How often the phone volunteer's sound broke off"},
	}, Rows: rows(c.Each, func(k Contact) []any {
		return []any{k.ID, k.ReceivedAt, k.AnsweredAt, k.ConnectedAt, k.EndedAt, k.Channel, k.Direction, k.Dialled,
			string(k.Caller), string(k.CallBack), k.Language, k.Path, k.Queue, k.Wait, k.Talk, k.Hold, k.WrapUp, string(k.Outcome),
			k.Disposition, string(k.Level), string(k.EndedBy), k.Open, k.Mode, k.Protected, k.AgentName, k.Case,
			k.Registrant, k.Operation, k.UpdatedAt, string(k.Redirected), k.Sound.MOS, k.Sound.Lost, k.Sound.LostOut,
			k.Sound.JitterMS, k.Sound.RTTMS, k.Sound.Silent, len(k.Recordings) > 0, k.Recorded,
			k.Sound.Blame, k.Sound.Agent.MOS, k.Sound.Agent.Lost, k.Sound.Agent.LostOut, k.Sound.Agent.JitterMS, k.Sound.Agent.RTTMS, k.Sound.Agent.Gone}
	})}
}

// CaseTable is the export of all cases, newest first (domain 7.4).
func CaseTable(c *Cases) table.Table {
	columns := []table.Column{
		{Name: "case_id", Kind: table.ID, Description: "Identity of the case (ULID)"},
		{Name: "case_code", Kind: table.ID, Description: "Code told to the caller: six digits, the last one checks the others"},
		{Name: "opened_at", Kind: table.DateTime, Description: "First saved (UTC)"},
		{Name: "updated_at", Kind: table.DateTime, Description: "Last change (UTC)"},
		{Name: "triage_level", Kind: table.ID, Description: "R danger now, O today, Y one to three days, G information, W no request; from the four questions"},
		{Name: "triage_at", Kind: table.DateTime, Description: "The level was set (UTC)"},
		{Name: "status", Kind: table.ID, Description: "open"},
		{Name: "protected", Kind: table.Bool, Description: "1: no number, name or notes are kept"},
		{Name: "danger_now", Kind: table.ID, Description: "Question 1, somebody in danger of dying now: yes, no, unsure"},
		{Name: "urgent_need", Kind: table.ID, Description: "Question 2, hurt, sick or running out of something vital: yes, no"},
		{Name: "child_alone", Kind: table.Bool, Description: "Question 2, a child or somebody who needs care is alone"},
		{Name: "safe_tonight", Kind: table.ID, Description: "Question 3, somewhere safe tonight, water and food: yes, no"},
		{Name: "talk_freely", Kind: table.ID, Description: "Question 4: fine, or specialist (protected)"},
		{Name: "phone", Kind: table.Phone, Description: "Number to call back, as the caller confirmed it, else the caller's"},
		{Name: "phone_confirmed", Kind: table.Bool, Description: "1: read back to the caller"},
		{Name: "contact_name", Kind: table.Text, Description: "Name or nickname"},
		{Name: "place", Kind: table.Text, Description: "Town and neighbourhood"},
		{Name: "landmark", Kind: table.Text, Description: "What everybody there knows"},
		{Name: "people_total", Kind: table.Int, Description: "People affected"},
		{Name: "children_u18", Kind: table.Int, Description: "Of them under 18"},
		{Name: "over_60", Kind: table.Bool, Description: "Somebody over 60"},
		{Name: "disability_or_pregnant", Kind: table.Bool, Description: "Somebody pregnant, or who needs help to move, see, hear or understand"},
		{Name: "top_need", Kind: table.ID, Description: "What they need first"},
		{Name: "needs", Kind: table.List, Description: "All needs"},
	}
	needs := Needs()
	for _, need := range needs {
		columns = append(columns, table.Column{Name: "need_" + need, Kind: table.Bool, Description: "1: " + need + " is among the needs"})
	}
	columns = append(columns,
		table.Column{Name: "share_scope", Kind: table.ID, Description: "May be passed to organisations that can help: yes, no, not_asked"},
		table.Column{Name: "note", Kind: table.Text, Description: "Notes of the phone volunteer"},
		table.Column{Name: "language", Kind: table.ID, Description: "Language of the caller (BCP 47)"},
		table.Column{Name: "contact_ids", Kind: table.List, Description: "Contacts of the case"},
		table.Column{Name: "operation", Kind: table.Text, Description: "Disaster response"},
	)
	return table.Table{Name: "cases", Columns: columns, Rows: rows(c.Each, func(cs Case) []any {
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
		return append(row, f.MayShare, f.Notes, cs.Language, cs.Contacts, cs.Operation)
	})}
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
