package cards

import (
	"slices"
	"testing"
	"time"

	"hotline/appliance/table"
)

func cells(t *testing.T, tab table.Table) (rows [][]any) {
	t.Helper()
	if err := tab.Check(); err != nil {
		t.Error(err)
	}
	for row, err := range tab.At(table.Full, time.Time{}).Rows {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// Who does what for how many: cases that are protected are in no sum, and an
// organisation stands once for each sector and service.
func TestWhoHelpsWithWhat(t *testing.T) {
	c := open(t)
	for _, r := range []struct{ of, org, result string }{{"a", "Cruz Roja", "met"}, {"b", "Cruz Roja ", ""}, {"locked", "Cruz Roja", "met"}, {"a", "Ayuda", "not_met"}} {
		values := map[string]any{"to_org": r.org, "service": "water", "consent": "yes"}
		if r.result != "" {
			values["result"], values["accepted_at"] = r.result, "2026-03-01T10:00"
		}
		add(t, c, Referrals, r.of, values)
	}
	rows := cells(t, RespondersTable(c, func(id string) (CaseFacts, bool) { return CaseFacts{"wash", 4}, id != "locked" }))
	if len(rows) != 2 || !slices.Equal(rows[0][:3], []any{"Ayuda", "wash", "water"}) || !slices.Equal(rows[0][5:10], []any{1, 1, 0, 4, 0}) ||
		!slices.Equal(rows[1][:3], []any{"Cruz Roja", "wash", "water"}) || !slices.Equal(rows[1][5:10], []any{2, 1, 1, 8, 4}) {
		t.Errorf("the table is %v", rows)
	}
}

// Small counts are hidden, and so is what they could be worked out from; what is
// sensitive is not counted.
func TestFeedbackOfADayHidesFew(t *testing.T) {
	c := open(t)
	for i := range 12 {
		values := map[string]any{"type": "rumour", "text": "the bridge is gone"}
		if i < 11 {
			values["answered_at"] = "2026-03-01T10:00"
		}
		add(t, c, Feedback, "", values)
	}
	add(t, c, Feedback, "", map[string]any{"type": "thanks", "text": "thank you"})
	add(t, c, Feedback, "", map[string]any{"type": "complaint", "text": "asked for money", "sensitive": true})
	rows := cells(t, DailyFeedbackTable(c))
	if len(rows) != 2 || !slices.Equal(rows[0][1:], []any{"rumour", 12, table.Hidden}) || !slices.Equal(rows[1][1:], []any{"thanks", table.Hidden, table.Hidden}) {
		t.Errorf("the table is %v", rows)
	}
}
