package triage

import (
	"iter"
	"maps"
	"slices"

	"hotline/appliance/lists"
	"hotline/appliance/store"
	"hotline/appliance/table"
)

// ContactTable is the export of all contacts, newest first. Column names and
// their order follow the field's data sets (domain 7.3) and never change
// within a major version.
func ContactTable(c *Contacts, l *lists.Keeper) table.Table {
	return contactTable(c.store, l, func(tx *store.Tx) iter.Seq[Contact] { return values(contacts.Backward(tx)) })
}

// TableOf is the same for some contacts.
func (c *Contacts) TableOf(l *lists.Keeper, list []Contact) table.Table {
	return contactTable(c.store, l, func(*store.Tx) iter.Seq[Contact] { return slices.Values(list) })
}

func contactTable(s *store.Store, l *lists.Keeper, which func(*store.Tx) iter.Seq[Contact]) table.Table {
	named, unread := ShippedRouting(), error(nil)
	if s != nil { // there is none where only the columns are described
		named, unread = ReadRouting(s)
	}
	return table.Table{Name: "contacts", Restricted: "restricted", Changed: "updated_at", Deleted: "deleted", Columns: []table.Column{
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
		{Name: "queue", Kind: table.ID, Description: "Line the caller waited in", Codes: linesOf(named), Level: table.Coordination, HXL: "#service+name"},
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
		{Name: "adm1_code", Kind: table.ID, Description: "P-code of the administrative area of level 1 of the case", Level: table.Coordination, HXL: "#adm1+code+v_pcode"},
		{Name: "adm2_code", Kind: table.ID, Description: "P-code of the administrative area of level 2 of the case", Level: table.Coordination, HXL: "#adm2+code+v_pcode"},
		{Name: "case_ids", Kind: table.List, Description: "All cases of the contact: several people and needs come with one call", Level: table.Coordination, HXL: "#meta+cases"},
		{Name: "agent_code", Kind: table.ID, Description: "Phone volunteer, without the name: the same in all exports", Level: table.Referral, HXL: "#meta+agent+code"},
		{Name: "scenario", Kind: table.ID, Description: "Kind of disaster, and its stage, in force when the call arrived; empty for a call that was made from here or written down from paper", Level: table.Coordination, HXL: "#event+type"},
		{Name: "script_version", Kind: table.ID, Description: "Version of the phone dialogues in use then; 0: those that come with the program", Level: table.Coordination, HXL: "#meta+version"},
		{Name: "deleted", Kind: table.Bool, Description: deletedSays, Level: table.Coordination},
		{Name: "queue_name", Kind: table.Text, Description: "That line as people here call it; empty where it has the name that comes with the program", Level: table.Coordination, HXL: "#service+label"},
	}, Rows: unless(unread, rows(s, which, func(tx *store.Tx, k Contact) []any {
		areas := l.PlaceChain(placeOf(tx, k))
		return []any{k.ID, k.ReceivedAt, k.AnsweredAt, k.ConnectedAt, k.EndedAt, k.Channel, k.Direction, dialledWords(k),
			string(k.Caller), string(k.CallBack), k.Language, k.Path, k.Queue, k.waited(), k.Talk, k.Hold, k.WrapUp, string(k.Outcome),
			k.Disposition, string(k.Level), string(k.EndedBy), k.Open, k.Mode, k.Protected, k.AgentName, k.Case,
			k.Registrant, k.Operation, k.UpdatedAt, string(k.Redirected), k.Sound.MOS, k.Sound.Lost, k.Sound.LostOut,
			k.Sound.JitterMS, k.Sound.RTTMS, k.Sound.Silent, len(k.Recordings) > 0, k.Recorded,
			k.Sound.Blame, k.Sound.Agent.MOS, k.Sound.Agent.Lost, k.Sound.Agent.LostOut, k.Sound.Agent.JitterMS, k.Sound.Agent.RTTMS, k.Sound.Agent.Gone,
			k.Restricted(), answers(k.Attributes), k.Answer, k.consents(),
			areas[0].Code, areas[1].Code, k.casesOf(), k.Agent, k.Scenario, k.Script, !k.Erased.IsZero(), named.Queue(k.Queue).Name}
	}))}
}

// linesOf are the lines, for the dictionary: those that ship, and those that were
// added, also when they are off.
func linesOf(r Routing) []table.Code {
	out := []table.Code{{Code: QueueLife, Text: "Danger now"}, {Code: QueueHelp, Text: "Help"}, {Code: QueueFamily, Text: "Family tracing"},
		{Code: QueuePrivate, Text: "In private"}, {Code: QueueVolunteers, Text: "Volunteers"}}
	for _, q := range r.Queues {
		i := slices.IndexFunc(out, func(c table.Code) bool { return c.Code == q.ID })
		switch name := q.Called("en"); {
		case i < 0:
			out = append(out, table.Code{Code: q.ID, Text: name})
		case name != "":
			out[i].Text = name
		}
	}
	return out
}

// unless has a table fail by an error of its making.
func unless(err error, rows iter.Seq2[[]any, error]) iter.Seq2[[]any, error] {
	if err == nil {
		return rows
	}
	return func(yield func([]any, error) bool) { yield(nil, err) }
}

// deletedSays explains the last column of contacts and cases.
const deletedSays = "1: who it was is erased, or the record may leave the box no more: take what you have of it out of your files"

// placeOf is the code of the place of the case that the contact is about.
func placeOf(tx *store.Tx, k Contact) string {
	if k.Case == "" {
		return ""
	}
	cs, err := cases.Get(tx, k.Case)
	if err != nil { // a damaged case is told where cases are read
		return ""
	}
	return cs.Fields.PlaceCode
}

// casesOf are all cases of the contact.
func (k Contact) casesOf() []string {
	if k.Case == "" {
		return nil
	}
	return append([]string{k.Case}, k.MoreCases...)
}

func answers(attributes map[string]string) []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		list = append(list, name+"="+attributes[name])
	}
	return list
}

// codesOf is what a list means, for the dictionaries of exports.
func codesOf(l lists.List) []table.Code {
	var out []table.Code
	for _, c := range l.Choices {
		out = append(out, table.Code{Code: c.Code, Text: c.Words.In("en")})
	}
	return out
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

// rows turns records, read in one transaction, into rows.
func rows[T any](s *store.Store, which func(*store.Tx) iter.Seq[T], row func(*store.Tx, T) []any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		stopped := false
		if err := s.View(func(tx *store.Tx) error {
			for one := range which(tx) {
				if stopped = !yield(row(tx, one), nil); stopped {
					break
				}
			}
			return nil
		}); err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// values are the records of a walk over a table.
func values[T any](all iter.Seq2[string, T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, one := range all {
			if !yield(one) {
				return
			}
		}
	}
}
