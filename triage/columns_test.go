package triage

import (
	"bytes"
	"encoding/csv"
	"errors"
	"hotline/appliance/store"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hotline/appliance/history"
	"hotline/appliance/lists"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/operation"
	"hotline/appliance/sharing"
	"hotline/appliance/store/storetest"
	"hotline/appliance/table"
	"hotline/triage/cards"
)

func TestExportsHoldWhatWasSaved(t *testing.T) {
	s := storetest.Open(t)
	contacts, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	k := opened(t, contacts, "+12024561111")
	save(t, cases, k.ID, map[string]any{"top_need": "water", "more_needs": []string{"food"}, "notes": "=1+1", "people_total": 3})
	end(t, contacts, k.ID, OutcomeAnswered, OpenWrapUp)
	got := read(t, ContactTable(contacts, cases.lists))
	if got["contact_id"] != k.ID || got["caller_number"] != "'+12024561111" || got["outcome"] != "answered" || got["open_item"] != OpenWrapUp {
		t.Errorf("contact row %v", got)
	}
	got = read(t, CaseTable(cases))
	if got["phone"] != "'+12024561111" || got["needs"] != "water; food" || got["need_water"] != "1" || got["need_fuel"] != "0" ||
		got["note"] != "'=1+1" || got["people_total"] != "3" || got["contact_ids"] != k.ID {
		t.Errorf("case row %v", got)
	}
}

func read(t *testing.T, tab table.Table) map[string]string {
	t.Helper()
	var buf bytes.Buffer
	must(t, table.WriteCSV(&buf, tab))
	all, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(buf.String(), "\ufeff"))).ReadAll()
	must(t, err)
	if len(all) != 2 {
		t.Fatalf("%d rows, want a header and one record", len(all))
	}
	out := map[string]string{}
	for i, name := range all[0] {
		if slices.Contains(all[0][:i], name) {
			t.Errorf("column %s stands twice", name)
		}
		out[name] = all[1][i]
	}
	return out
}

// What everybody gets holds nobody's name, number or words, and nobody who must
// not be found.
func TestWhatCoordinatorsGetExposesNobody(t *testing.T) {
	s := storetest.Open(t)
	contacts, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	k := opened(t, contacts, "+12024561111")
	save(t, cases, k.ID, map[string]any{"top_need": "water", "name": "Ana Secret", "notes": "words", "place": "Elm Street 5", "landmark": "the mill", "callback_number": "+12024562222"})
	for i, fields := range []map[string]any{{"talk_freely": "specialist"}, {"top_need": "complaint", "notes": "about a helper"}} {
		hidden := opened(t, contacts, "+1202456333"+string(rune('0'+i)))
		save(t, cases, hidden.ID, fields)
	}
	silent := opened(t, contacts, "+12024564444")
	end(t, contacts, silent.ID, OutcomeAnswered, "")
	for _, tab := range []table.Table{ContactTable(contacts, cases.lists), CaseTable(cases), SituationTable(cases), CallsTable(contacts)} {
		if err := tab.Check(); err != nil {
			t.Error(err)
		}
		var out bytes.Buffer
		must(t, table.WriteCSV(&out, tab.At(table.Coordination, time.Time{})))
		for _, secret := range []string{"202456", "Ana", "words", "Elm", "mill", " helper", "specialist"} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s tells %q:\n%s", tab.Name, secret, out.String())
			}
		}
		if tab.Name == "cases" && strings.Count(out.String(), "\n") != 2 {
			t.Errorf("cases:\n%s", out.String())
		}
	}
}

func TestTheDailySituationHidesFew(t *testing.T) {
	s := storetest.Open(t)
	contacts, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	for i := range 12 {
		k := opened(t, contacts, "+12024561111")
		save(t, cases, k.ID, map[string]any{"top_need": "water", "people_total": 2})
		if i == 0 {
			k := opened(t, contacts, "+12024561111")
			save(t, cases, k.ID, map[string]any{"top_need": "food", "people_total": 500})
		}
	}
	var out bytes.Buffer
	must(t, table.WriteCSV(&out, SituationTable(cases)))
	for _, want := range []string{",food,,<10,<10,<10,<10,<10,<10\r\n", ",water,,12,12,24,0,12,0\r\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	out.Reset()
	must(t, table.WriteCSV(&out, CallsTable(contacts)))
	if !strings.Contains(out.String(), ",,13,0,13,0\r\n") {
		t.Errorf("calls:\n%s", out.String())
	}
}

// How far a case may go is what the operation decided, until the caller says
// otherwise; what somebody decides on the page holds, and merging never lets a
// case go further.
func TestHowFarACaseMayGo(t *testing.T) {
	s := storetest.Open(t)
	c, cs := NewContacts(s), NewCases(s, liststest.Open(t, s))
	save := func(k Contact, fields map[string]any, basis, scope string) Case {
		t.Helper()
		got, err := cs.Save(t.Context(), k.ID, "ana", fields)
		must(t, err)
		if got.Fields.LegalBasis != basis || got.Fields.ShareScope != scope {
			t.Errorf("after %v: %s, %s, want %s, %s", fields, got.Fields.LegalBasis, got.Fields.ShareScope, basis, scope)
		}
		return got
	}
	first := opened(t, c, "+12024561111")
	save(first, map[string]any{"place": "Elm Street"}, "vital_interests", "helpers")
	save(first, map[string]any{"may_share": "no"}, "vital_interests", "inside")
	save(first, map[string]any{"may_share": "yes"}, "vital_interests", "helpers")
	save(first, map[string]any{"may_share": "no", "share_scope": "helpers", "legal_basis": "public_task"}, "public_task", "helpers")
	if _, err := cs.Save(t.Context(), first.ID, "ana", map[string]any{"share_scope": "everywhere"}); err == nil {
		t.Error("a scope that is none is saved")
	}
	set := sharing.Shipped()
	set[sharing.Cases] = sharing.Both{Basis: "public_task", Scope: sharing.Inside}
	must(t, sharing.Set(t.Context(), s, set, "chen"))
	second := opened(t, c, "+12024562222")
	inside := save(second, map[string]any{"place": "Oak Street"}, "public_task", "inside")
	into := save(first, map[string]any{"name": "Ana"}, "public_task", "helpers")
	merged, err := cs.Merge(t.Context(), into.ID, inside.ID, "ana", "the same")
	if err != nil || merged.Fields.ShareScope != sharing.Inside {
		t.Errorf("merged it may go to %s (%v)", merged.Fields.ShareScope, err)
	}
	if set[sharing.Missing] = (sharing.Both{Basis: "no", Scope: sharing.Inside}); !errors.Is(sharing.Set(t.Context(), s, set, "chen"), sharing.ErrChoice) {
		t.Error("a ground that is none is set")
	}
	seen := 0
	for row, err := range CaseTable(cs).For(sharing.Helpers).At(table.Full, time.Time{}).Rows {
		must(t, err)
		t.Errorf("%v leaves the organisation", row[0])
	}
	for _, err := range CaseTable(cs).For(sharing.Inside).At(table.Full, time.Time{}).Rows {
		must(t, err)
		seen++
	}
	if seen != 2 {
		t.Errorf("our own people get %d cases, want 2", seen)
	}
}

// A yes told to the agent, and that it was taken back later, stay with the call,
// with the name of the wording.
func TestWhatACallerAgreedToStaysWithTheCall(t *testing.T) {
	s := storetest.Open(t)
	asked := liststest.Open(t, s)
	c, cs := NewContacts(s), NewCases(s, asked)
	k := opened(t, c, "+12024561111")
	file, err := cs.Save(t.Context(), k.ID, "ana", map[string]any{"may_share": "yes"})
	must(t, err)
	must(t, asked.RewordQuestion(t.Context(), "may_share", lists.Words{"en": "May the Red Cross hear of it?", "es": "¿Se lo podemos decir a la Cruz Roja?"}, nil, lists.Actor{ID: "carla", Name: "Carla", Via: "web"}))
	_, _, err = cs.Change(t.Context(), file.ID, history.Edit{By: "ben", Fields: map[string]any{"may_share": "no"}})
	must(t, err)
	k, err = c.Get(k.ID)
	must(t, err)
	if len(k.Consents) != 2 || k.Consents[0].Answer != "yes" || k.Consents[1].Answer != "withdrawn" || k.Consents[1].By != "ben" || !strings.HasPrefix(k.Consents[0].Script, "may_share@") || k.Consents[1].Script == k.Consents[0].Script {
		t.Errorf("the call says %+v", k.Consents)
	}
	if got := read(t, ContactTable(c, liststest.Open(t, s)))["consents"]; !strings.Contains(got, "share=withdrawn agent") {
		t.Errorf("the export says %q", got)
	}
	_, err = cs.Save(t.Context(), k.ID, "ana", map[string]any{"talk_freely": "specialist"})
	must(t, err)
	if k, err = c.Get(k.ID); err != nil || len(k.Consents) > 0 {
		t.Errorf("protected it still says %+v (%v)", k.Consents, err)
	}
}

// How long somebody waited in vain is told, too; who still waits has no time yet.
func TestTheWaitOfWhoGaveUpIsTold(t *testing.T) {
	at := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		k    Contact
		want int
	}{
		{Contact{QueuedAt: at, EndedAt: at.Add(57 * time.Second)}, 57},
		{Contact{QueuedAt: at, ConnectedAt: at.Add(20 * time.Second), EndedAt: at.Add(time.Minute), Wait: 20}, 20},
		{Contact{QueuedAt: at}, 0},
		{Contact{EndedAt: at}, 0},
	} {
		s := storetest.Open(t)
		c := NewContacts(s)
		must(t, s.Update(t.Context(), func(tx *store.Tx) error {
			tc.k.ID, tc.k.ReceivedAt = tx.NewID(), at
			return putContact(tx, &tc.k)
		}))
		if got := read(t, ContactTable(c, liststest.Open(t, s)))["wait_s"]; got != strconv.Itoa(tc.want) {
			t.Errorf("%+v waited %s, want %d", tc.k, got, tc.want)
		}
	}
}

// What the full case asks for, what is the same for the whole operation and to
// whom a case was passed stand in its row, places as exactly as the level allows;
// nothing that nobody has told becomes a 0. Of who is erased, or asks for
// protection afterwards, an export of what changed since tells that it is gone.
func TestTheFullCaseIsTold(t *testing.T) {
	s := storetest.Open(t)
	listed := liststest.Open(t, s)
	c, cs := NewContacts(s), NewCases(s, listed)
	filed, err := cards.Open(s)
	must(t, err)
	must(t, operation.Set(t.Context(), s, operation.Facts{Glide: "EQ-2010-000009-HTI", Country: "HT"}, "rosa"))
	_, err = listed.BringPlaces(t.Context(), table.Sheet{Header: []string{"code", "name", "parent", "level"}, Rows: []table.SheetRow{
		{Line: 2, Cells: []string{"MX", "México", "", "0"}}, {Line: 3, Cells: []string{"MX09", "Ciudad de México", "MX", "1"}}, {Line: 4, Cells: []string{"MX09007", "Iztapalapa", "MX09", "2"}}}}, true, false, admin)
	must(t, err)
	k, err := c.Open(t.Context(), Contact{Caller: "+12024561111", Scenario: "flood.during", Script: "3", Agent: "01AGENT", AgentName: "Rosalind"})
	must(t, err)
	saved := save(t, cs, k.ID, map[string]any{"place": "MX09007", "top_need": "water", "may_share": "yes", "later_place_type": "camp", "later_site_name": "Camp North",
		"later_position": "19.432608 -99.133209 2240 5", "later_households": 0.0, "later_f_60p": 2.0, "later_injured": 3.0, "later_support_needs": []any{"carer", "power_device"}, "later_relation": "neighbour"})
	for field, wrong := range map[string]any{"later_position": "here", "later_place_type": "palace", "later_households": "many", "later_nobody_asked": "x"} {
		var refused FieldError
		if _, err := cs.Save(t.Context(), k.ID, "ana", map[string]any{field: wrong}); !errors.As(err, &refused) {
			t.Errorf("%s takes %v: %v", field, wrong, err)
		}
	}
	_, err = filed.Add(t.Context(), cards.Referrals, saved.ID, map[string]any{"to_org": "Red Cross", "service": "Tents", "consent": "yes", "sent_at": "2026-03-01T10:00", "result": "partly"}, "ana")
	must(t, err)
	must(t, CaseTable(cs).Check())
	at := func(tab table.Table, level table.Level, since time.Time) map[string]string {
		t.Helper()
		return read(t, tab.At(level, since))
	}
	for level, want := range map[table.Level]map[string]string{
		table.Full:         {"lat": "19.432608", "lon": "-99.133209", "site_name": "Camp North", "relation": "neighbour"},
		table.Coordination: {"lat": "19.43", "lon": "-99.13", "site_name": "", "relation": "", "directions": ""},
	} {
		got := at(CaseTable(cs), level, time.Time{})
		for column, cell := range map[string]string{"crisis_glide": "EQ-2010-000009-HTI", "country_iso3": "MEX", "adm2_code": "MX09007", "sector": "WASH", "referred_to": "Red Cross", "service": "Tents", "result": "partly",
			"referred_at": time.Date(2026, 3, 1, 10, 0, 0, 0, time.Local).UTC().Format(time.RFC3339), "place_type": "camp", "households": "0", "f_60p": "2", "m_60p": "", "injured": "3", "dead": "", "missing_people": "",
			"support_needs": "carer; power_device", "closed_at": "", "deleted": "0"} {
			want[column] = cell
		}
		for column, cell := range want {
			if got[column] != cell {
				t.Errorf("%v: column %s holds %q, want %q", level, column, got[column], cell)
			}
		}
	}
	row := at(ContactTable(c, listed), table.Referral, time.Time{})
	for column, cell := range map[string]string{"adm1_code": "MX09", "adm2_code": "MX09007", "case_ids": saved.ID, "agent_code": "01AGENT", "scenario": "flood.during", "script_version": "3", "deleted": "0"} {
		if row[column] != cell {
			t.Errorf("column %s of the contact holds %q", column, row[column])
		}
	}
	_, err = cs.Move(t.Context(), saved.ID, CaseClosed, "met", true, "ana", "")
	must(t, err)
	if got := at(CaseTable(cs), table.Full, time.Time{}); got["closed_at"] != got["status_at"] || got["closed_at"] == "" {
		t.Errorf("closed at %q", got["closed_at"])
	}

	for time.Now().UnixMilli() <= saved.OpenedAt.UnixMilli() { // both are older than the export of which the change is told
	}
	locked, err := cs.Save(t.Context(), k.ID, "ana", map[string]any{"talk_freely": "specialist"})
	must(t, err)
	for _, tab := range []table.Table{CaseTable(cs), ContactTable(c, listed)} {
		got := at(tab, table.Coordination, locked.UpdatedAt)
		if got["deleted"] != "1" || got["updated_at"] == "" || got["triage_level"]+got["top_need"]+got["adm2_code"]+got["received_at"]+got["status"] != "" {
			t.Errorf("%s: what is protected now is told as %v", tab.Name, got)
		}
		for _, err := range tab.At(table.Coordination, time.Time{}).Rows {
			t.Errorf("%s: what is protected is in a whole export (%v)", tab.Name, err)
		}
	}
}
