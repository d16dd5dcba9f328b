package table

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
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

// Whoever has an older export is told what to take out of it: what may leave the
// box no more, and what is not there any more, by identity and time alone. Of what
// came after that export nothing is told.
func TestWhatIsGoneIsToldToWhoHasAnOlderCopy(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC) }
	id := func(hour int) string { return ulid.MustNew(ulid.Timestamp(at(hour)), nil).String() }
	tab := Table{Name: "people", Restricted: "protected", Consent: "share", Scope: "scope", Changed: "updated_at", Deleted: "deleted", Columns: []Column{
		{Name: "id", Kind: ID, Level: Coordination}, {Name: "name", Kind: Text, Level: Referral}, {Name: "people", Kind: Amount, Level: Coordination}, {Name: "lat", Kind: Degrees, Level: Coordination},
		{Name: "updated_at", Kind: DateTime, Level: Coordination}, {Name: "deleted", Kind: Bool, Level: Coordination},
		{Name: "protected", Kind: Bool}, {Name: "share", Kind: Bool}, {Name: "scope", Kind: ID}},
		Rows: rows(
			[]any{id(1), "Ana", 3, 19.432608, at(10), false, false, true, "helpers"},
			[]any{id(2), "Bo", 1, 1.5, at(10), false, true, true, "helpers"},       // protected since
			[]any{id(9), "Cy", 1, 1.5, at(10), false, true, true, "helpers"},       // protected from the beginning, and new
			[]any{id(3), "Di", 1, 1.5, at(4), false, true, true, "helpers"},        // protected before the older export
			[]any{id(4), "Eli", NotSaid, 1.5, at(10), true, false, true, "public"}, // erased: a count is left
			[]any{id(5), "Fay", 1, 1.5, at(10), false, false, true, "inside"},      // stays inside from now on
			[]any{id(6), "Gil", 1, 1.5, at(10), false, false, false, "helpers"},    // has taken back what they agreed to
		),
		Removed: func(yield func(Gone, error) bool) {
			_ = yield(Gone{ID: id(1)[:25] + "Z", At: at(11)}, nil) && yield(Gone{ID: id(9), At: at(11)}, nil) && yield(Gone{ID: id(1)[:25] + "Y", At: at(5)}, nil) &&
				yield(Gone{ID: id(1)[:25] + "X", At: at(11), Restricted: true}, nil)
		}}
	for i := 6; i < 9; i++ {
		tab.Columns[i].Level = Full
	}
	if err := tab.Check(); err != nil {
		t.Fatal(err)
	}
	gone := func(id string, hour int) string { return id + ",,,," + at(hour).Format(time.RFC3339) + ",1\n" }
	want := "id,name,people,lat,updated_at,deleted\n" + id(1) + ",Ana,3,19.432608," + at(10).Format(time.RFC3339) + ",0\n" + gone(id(2), 10) +
		id(4) + ",Eli,,1.5," + at(10).Format(time.RFC3339) + ",1\n" + gone(id(5), 10) + gone(id(6), 10) + gone(id(1)[:25]+"Z", 11)
	if got := csvOf(t, tab.For("helpers").At(Referral, at(8))); got != want {
		t.Errorf("what changed since eight:\n%s, want\n%s", got, want)
	}
	if got := csvOf(t, tab.For("helpers").At(Referral, time.Time{})); strings.Count(got, "\n") != 3 {
		t.Errorf("a whole export tells of what is gone:\n%s", got)
	}
}
