package table

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"
)

func people() Table {
	at := func(hour int) time.Time { return time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC) }
	return Table{Name: "people", Restricted: "protected", Consent: "share", Changed: "updated_at", Columns: []Column{
		{Name: "code", Kind: ID, Level: Coordination}, {Name: "name", Kind: Text, Level: Referral}, {Name: "note", Kind: Text},
		{Name: "lat", Kind: Degrees, Level: Coordination}, {Name: "protected", Kind: Bool, Level: Coordination},
		{Name: "share", Kind: ID, Level: Coordination}, {Name: "updated_at", Kind: DateTime, Level: Coordination},
	}, Rows: rows(
		[]any{"1", "Ana", "told in confidence", 19.432608, false, "yes", at(8)},
		[]any{"2", "Bo", "", math.NaN(), false, "no", at(10)},
		[]any{"3", "Cy", "", 1.0, true, "yes", at(11)},
	)}
}

func csvOf(t *testing.T, tab Table) string {
	t.Helper()
	var out bytes.Buffer
	if err := WriteCSV(&out, tab); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimPrefix(out.String(), "\ufeff"), "\r\n", "\n")
}

func TestALevelShowsNoMoreThanItMay(t *testing.T) {
	if err := people().Check(); err == nil || !strings.Contains(err.Error(), "note") {
		t.Errorf("a column without a level is not found: %v", err)
	}
	for level, want := range map[Level]string{
		Aggregate:    "\n\n\n",
		Coordination: "code,lat,protected,share,updated_at\n1,19.43,0,yes,2026-03-01T08:00:00Z\n2,,0,no,2026-03-01T10:00:00Z\n",
		Referral:     "code,name,lat,protected,share,updated_at\n1,Ana,19.432608,0,yes,2026-03-01T08:00:00Z\n",
		Full: "code,name,note,lat,protected,share,updated_at\n1,Ana,told in confidence,19.432608,0,yes,2026-03-01T08:00:00Z\n" +
			"2,Bo,,,0,no,2026-03-01T10:00:00Z\n3,Cy,,1,1,yes,2026-03-01T11:00:00Z\n",
	} {
		if got := csvOf(t, people().At(level, time.Time{})); got != want {
			t.Errorf("%v writes\n%q, want\n%q", level, got, want)
		}
	}
	if got := csvOf(t, people().At(Full, time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))); strings.Contains(got, "Ana") || !strings.Contains(got, "Bo") || !strings.Contains(got, "Cy") {
		t.Errorf("changed since ten: %q", got)
	}
}

func TestSmallCountsAreHidden(t *testing.T) {
	few := Table{Name: "daily", HXL: true, Columns: []Column{{Name: "people", Kind: Count, Level: Aggregate, HXL: "#affected+ind"}}, Rows: rows([]any{Hidden}, []any{12}, []any{0})}
	if got := csvOf(t, few.At(Aggregate, time.Time{})); got != "people\n#affected+ind\n<10\n12\n0\n" {
		t.Errorf("written %q", got)
	}
	var lines bytes.Buffer
	if err := WriteJSONL(&lines, few); err != nil || lines.String() != "{\"people\":null}\n{\"people\":12}\n{\"people\":0}\n" {
		t.Errorf("written %q %v", lines.String(), err)
	}
}

// What is meant for others holds no record that says it stays inside, or says
// nothing, whatever the level.
func TestWhatStaysInsideDoesNotLeave(t *testing.T) {
	scoped := Table{Name: "people", Scope: "scope", Columns: []Column{{Name: "name", Kind: Text, Level: Coordination}, {Name: "scope", Kind: ID, Level: Full}},
		Rows: rows([]any{"Ana", "inside"}, []any{"Bo", "helpers"}, []any{"Cy", "public"}, []any{"Di", ""})}
	if err := scoped.Check(); err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]string{"": "Ana Bo Cy Di", "inside": "Ana Bo Cy Di", "helpers": "Bo Cy", "public": "Cy"} {
		for _, level := range []Level{Coordination, Full} {
			var got []string
			for row, err := range scoped.For(to).At(level, time.Time{}).Rows {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, row[0].(string))
			}
			if strings.Join(got, " ") != want {
				t.Errorf("for %q at %v: %v, want %s", to, level, got, want)
			}
		}
	}
	scoped.Scope = "reach"
	if scoped.Check() == nil {
		t.Error("a rule about a column that is not there is not found")
	}
}
