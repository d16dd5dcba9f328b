package triage

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/history"
	"hotline/appliance/lists"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/appliance/table"
)

var admin = lists.Actor{ID: "rosa", Name: "Rosa", Via: "web"}

// What an operation asks besides is answered, kept, seen in the history, merged
// and exported like everything else; a choice that is offered no more still reads
// right in old cases.
func TestAnswersToQuestionsOfTheirOwn(t *testing.T) {
	s := storetest.Open(t)
	l := liststest.Open(t, s)
	c, cases := NewContacts(s), NewCases(s, l)
	ask := func(q lists.NewQuestion) string {
		t.Helper()
		name, err := l.AddQuestion(t.Context(), q, admin)
		must(t, err)
		return name
	}
	roof := ask(lists.NewQuestion{Kind: lists.One, Words: lists.Words{"en": "Roof"}, Choices: []lists.Words{{"en": "Whole"}, {"en": "Leaks a lot"}}, Must: true})
	lost := ask(lists.NewQuestion{Kind: lists.Several, Words: lists.Words{"en": "Lost"}, Choices: []lists.Words{{"en": "Goats"}, {"en": "Hens"}}})
	dogs := ask(lists.NewQuestion{Kind: lists.Count, Words: lists.Words{"en": "Dogs"}})
	since := ask(lists.NewQuestion{Kind: lists.Day, Words: lists.Words{"en": "Since when?"}})
	tent := ask(lists.NewQuestion{Kind: lists.Line, Words: lists.Words{"en": "Tent"}, Personal: true})
	k := opened(t, c, "+12024561111")
	save(t, cases, k.ID, map[string]any{"place": "Roma", roof: "leaks_a_lot", lost: []any{"hens", "goats", "hens"}, dogs: 0.0, since: "2026-03-01", tent: " B-12 "})
	for field, wrong := range map[string]any{roof: "gone", lost: []any{"cows"}, dogs: -1.0, since: "yesterday", tent: strings.Repeat("x", 201), "own_nobody_asked": "x"} {
		var refused FieldError
		if _, err := cases.Save(t.Context(), k.ID, "ana", map[string]any{field: wrong}); !errors.As(err, &refused) {
			t.Errorf("%s takes %v: %v", field, wrong, err)
		}
	}
	must(t, l.SwitchChoice(t.Context(), roof, "whole", false, admin))
	must(t, l.AddChoice(t.Context(), roof, "", lists.Words{"en": "Gone"}, admin))
	must(t, l.SwitchChoice(t.Context(), roof, "leaks_a_lot", false, admin))
	must(t, l.SwitchQuestion(t.Context(), dogs, false, admin))

	k, err := c.Get(k.ID)
	must(t, err)
	cs, err := cases.Get(k.Case)
	must(t, err)
	want := map[string]any{roof: "leaks_a_lot", lost: []string{"goats", "hens"}, dogs: 0, since: "2026-03-01", tent: "B-12"}
	if !reflect.DeepEqual(cs.Fields.Own, want) {
		t.Errorf("kept: %#v", cs.Fields.Own)
	}
	if missing := cs.Missing(l.Now()); slices.Contains(missing, roof) || !slices.Contains(missing, "top_need") || slices.Contains(missing, "callback_number") {
		t.Errorf("missing: %v", missing)
	}
	tab := CaseTable(cases)
	must(t, tab.Check())
	got := read(t, tab)
	for column, cell := range map[string]string{roof: "leaks_a_lot", roof + "_text": "Leaks a lot", lost: "goats; hens", lost + "_text": "Goats; Hens", dogs: "0", since: "2026-03-01", tent: "B-12", "incomplete": "1"} {
		if got[column] != cell {
			t.Errorf("column %s holds %q", column, got[column])
		}
	}
	var all bytes.Buffer
	must(t, table.WriteCSV(&all, tab.At(table.Coordination, time.Time{})))
	if strings.Contains(all.String(), "B-12") || !strings.Contains(all.String(), "leaks_a_lot") {
		t.Errorf("what everybody gets: %s", all.String())
	}
	at := slices.IndexFunc(tab.Columns, func(c table.Column) bool { return c.Name == roof })
	if said := tab.Columns[at].Said(); said != "Roof. Codes: whole = Whole; leaks_a_lot = Leaks a lot; gone = Gone" {
		t.Errorf("the dictionary says %q", said)
	}

	// Two people at once, field by field; and what was there before comes back.
	_, conflicts, err := cases.Change(t.Context(), cs.ID, history.Edit{By: "bea", Fields: map[string]any{roof: "gone", tent: nil}, Shown: map[string]any{roof: "whole", tent: "B-12"}})
	if err != nil || len(conflicts) != 1 || conflicts[0].Field != roof {
		t.Errorf("conflicts: %v, %v", conflicts, err)
	}
	if cs, err = cases.Get(cs.ID); err != nil || cs.Fields.Own[tent] != nil || cs.Fields.Own[roof] != "leaks_a_lot" {
		t.Errorf("after that: %v, %v", cs.Fields.Own, err)
	}
	log := historyOf(t, cases, cs.ID)
	raw, err := json.Marshal(log[len(log)-1].Fields)
	if must(t, err); string(raw) != `[{"name":"fields.own_tent","from":"B-12"}]` {
		t.Errorf("the history: %s", raw)
	}
	other := opened(t, c, "+12024561112")
	save(t, cases, other.ID, map[string]any{roof: "gone", tent: "C-1"})
	other, err = c.Get(other.ID)
	must(t, err)
	merged, err := cases.Merge(t.Context(), cs.ID, other.Case, "ana", "same")
	if err != nil || merged.Fields.Own[roof] != "leaks_a_lot" || merged.Fields.Own[tent] != "C-1" {
		t.Errorf("merged: %v, %v", merged.Fields.Own, err)
	}

	// Erasing the person of another case leaves none of them.
	third := opened(t, c, "+12024561113")
	gone := save(t, cases, third.ID, map[string]any{tent: "Tent of Lupita", roof: "gone"})
	end(t, c, third.ID, OutcomeAnswered, "")
	must(t, s.Update(t.Context(), func(tx *store.Tx) error { return EraseCase(tx, gone.ID, "ana") }))
	if places, err := s.Mentions(t.Context(), "Lupita"); err != nil || len(places) != 0 {
		t.Errorf("after erasing it is in %v, %v", places, err)
	}

	// Protection drops them, too.
	save(t, cases, k.ID, map[string]any{"talk_freely": "specialist"})
	if cs, err = cases.Get(cs.ID); err != nil || cs.Fields.Own != nil || len(cs.Missing(l.Now())) != 0 {
		t.Errorf("protected: %v, %v", cs.Fields.Own, err)
	}
}

// A place of the list settles into its codes, and out of them again.
func TestThePlaceOfACaseHasItsCodes(t *testing.T) {
	s := storetest.Open(t)
	l := liststest.Open(t, s)
	c, cases := NewContacts(s), NewCases(s, l)
	file, err := table.ReadSheet([]byte("code,name,parent\nMX09,Mexico City,\nMX09007,Iztapalapa,MX09\n"))
	must(t, err)
	if _, err := l.BringPlaces(t.Context(), file, false, false, admin); err != nil {
		t.Fatal(err)
	}
	k := opened(t, c, "+12024561111")
	save(t, cases, k.ID, map[string]any{"place": "Iztapalapa, Mexico City"})
	if got := read(t, CaseTable(cases)); got["place_code"] != "MX09007" || got["adm1_code"] != "MX09" || got["adm2_name"] != "Iztapalapa" || got["adm3_code"] != "" {
		t.Errorf("the codes: %v", got)
	}
	save(t, cases, k.ID, map[string]any{"landmark": "the market", "place_code": "MX09"})
	if got := read(t, CaseTable(cases)); got["place_code"] != "MX09007" {
		t.Errorf("somebody wrote a code by hand: %v", got["place_code"])
	}
	save(t, cases, k.ID, map[string]any{"place": "behind the market"})
	if got := read(t, CaseTable(cases)); got["place_code"] != "" || got["place"] != "behind the market" {
		t.Errorf("words of their own have the code %q", got["place_code"])
	}
}
