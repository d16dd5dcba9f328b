package triage

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"hotline/appliance/store/storetest"
	"hotline/appliance/table"
)

func TestExportsHoldWhatWasSaved(t *testing.T) {
	s := storetest.Open(t)
	contacts, cases := NewContacts(s), NewCases(s)
	k := opened(t, contacts, "+12024561111")
	save(t, cases, k.ID, map[string]any{"top_need": "water", "more_needs": []string{"food"}, "notes": "=1+1", "people_total": 3})
	end(t, contacts, k.ID, OutcomeAnswered, OpenWrapUp)
	got := read(t, ContactTable(contacts))
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
