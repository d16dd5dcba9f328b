package table

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
)

var columns = []Column{
	{Name: "id", Kind: ID, Description: "identity", Level: Coordination, HXL: "#meta+id"}, {Name: "caller_number", Kind: Phone, Description: "who called", Level: Full},
	{Name: "received_at", Kind: DateTime, Description: "when", Level: Coordination}, {Name: "note", Kind: Text, Description: "words"},
	{Name: "people", Kind: Int, Description: "how many", Level: Coordination}, {Name: "hours", Kind: Decimal, Description: "how long", Level: Coordination},
	{Name: "adult", Kind: Bool, Description: "18 or older", Level: Referral}, {Name: "needs", Kind: List, Description: "what", Level: Coordination},
}

var noon = time.Date(2026, 3, 1, 12, 30, 15, 0, time.FixedZone("here", 3600))

func rows(all ...[]any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func sample() Table {
	return Table{Name: "contacts", Columns: columns, Rows: rows(
		[]any{"01J", "+12024561111", noon, `=HYPERLINK("http://x")`, 4, 2.5, true, []string{"water", "food"}},
		[]any{"02", "0034912345678", time.Time{}, "line one\nsays \"hello\", ok", 0, 0.0, false, []string(nil)},
		[]any{"03", "-anonymous", noon, " +cmd|' /C calc'!A0", 1, 1.0, true, []string{"@x"}},
	)}
}

func Test2b21XLSXKeepsNumbersDatesAndIsInert(t *testing.T) {
	var buf bytes.Buffer
	if err := WriteXLSX(&buf, sample(), nil); err != nil {
		t.Fatal(err)
	}
	book, err := excelize.OpenReader(bytes.NewReader(buf.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	for cell, want := range map[string]string{
		"A1": "id", "B2": "+12024561111", "C2": "2026-03-01 11:30:15", "D2": `'=HYPERLINK("http://x")`, "E2": "4", "F2": "2.5", "G2": "1", "H2": "water; food",
		"A3": "02", "B3": "0034912345678", "C3": "", "D3": "line one\nsays \"hello\", ok", "G3": "0",
		"B4": "'-anonymous", "D4": "' +cmd|' /C calc'!A0", "H4": "'@x",
	} {
		if got, err := book.GetCellValue("contacts", cell); err != nil || got != want {
			t.Errorf("%s reads %q (%v), want %q", cell, got, err, want)
		}
		if formula, _ := book.GetCellFormula("contacts", cell); formula != "" {
			t.Errorf("%s holds the formula %q", cell, formula)
		}
	}
	for _, cell := range []string{"B2", "B3", "A3"} {
		if kind, err := book.GetCellType("contacts", cell); err != nil || (kind != excelize.CellTypeInlineString && kind != excelize.CellTypeSharedString) {
			t.Errorf("%s is of type %v (%v): a spreadsheet would not keep it as text", cell, kind, err)
		}
	}
	raw, _ := book.GetCellValue("contacts", "C2", excelize.Options{RawCellValue: true})
	if !strings.HasPrefix(raw, "46082.") {
		t.Errorf("C2 holds %q, not a date number", raw)
	}
	if got, _ := book.GetCellValue("data_dictionary", "E3"); got != "who called" {
		t.Errorf("the data dictionary says %q", got)
	}
}

func Test2b21CSVOpensInASpreadsheetUnharmed(t *testing.T) {
	var buf bytes.Buffer
	if err := WriteCSV(&buf, sample()); err != nil {
		t.Fatal(err)
	}
	text, hasBOM := strings.CutPrefix(buf.String(), "\ufeff")
	if !hasBOM || !strings.Contains(text, "\r\n") {
		t.Errorf("no byte order mark or no CRLF in %.40q", buf.String())
	}
	got, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"id", "caller_number", "received_at", "note", "people", "hours", "adult", "needs"},
		{"01J", "'+12024561111", "2026-03-01T11:30:15Z", `'=HYPERLINK("http://x")`, "4", "2.5", "1", "water; food"},
		{"02", "'0034912345678", "", "line one\nsays \"hello\", ok", "0", "0", "0", ""},
		{"03", "'-anonymous", "2026-03-01T11:30:15Z", "' +cmd|' /C calc'!A0", "1", "1", "1", "'@x"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("CSV reads\n%q, want\n%q", got, want)
	}
}

func TestJSONLinesKeepEverything(t *testing.T) {
	var buf bytes.Buffer
	if err := WriteJSONL(&buf, sample()); err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(&buf)
	var first, second map[string]any
	if err := errors.Join(dec.Decode(&first), dec.Decode(&second)); err != nil {
		t.Fatal(err)
	}
	if first["caller_number"] != "+12024561111" || first["note"] != `=HYPERLINK("http://x")` || second["received_at"] != nil {
		t.Errorf("objects %v, %v", first, second)
	}
}

// A day is the same day everywhere: half past midnight on 1 March in a zone
// east of Greenwich must not become 28 February.
func TestADateHasNoTimeOfDay(t *testing.T) {
	east := time.Date(2026, 3, 1, 0, 30, 0, 0, time.FixedZone("east", 10*3600))
	days := Table{Name: "days", Columns: []Column{{Name: "expiry", Kind: Date, Description: "when it ends"}}, Rows: rows([]any{east}, []any{time.Time{}})}
	var sheet, text, lines bytes.Buffer
	if err := errors.Join(WriteXLSX(&sheet, days, nil), WriteCSV(&text, days), WriteJSONL(&lines, days)); err != nil {
		t.Fatal(err)
	}
	book, err := excelize.OpenReader(&sheet)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	raw, _ := book.GetCellValue("days", "A2", excelize.Options{RawCellValue: true})
	if shown, _ := book.GetCellValue("days", "A2"); shown != "2026-03-01" || raw != "46082" {
		t.Errorf("the workbook shows %q and holds %q", shown, raw)
	}
	if got := text.String(); got != "\ufeffexpiry\r\n2026-03-01\r\n\r\n" {
		t.Errorf("CSV %q", got)
	}
	if got := lines.String(); got != "{\"expiry\":\"2026-03-01\"}\n{\"expiry\":null}\n" {
		t.Errorf("JSON Lines %q", got)
	}
}

func TestInert(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "": "", "=1": "'=1", "+1": "'+1", "-1": "'-1", "@a": "'@a", "\t=1": "' =1", "\u200b=1": "'\u200b=1",
		"＝1": "'＝1", "a\x00b\u202ec": "abc", "a=b": "a=b", "\xff=1": "'=1",
	} {
		if got := Inert(in); got != want {
			t.Errorf("Inert(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAWrongRowIsRefused(t *testing.T) {
	for name, bad := range map[string]iter.Seq2[[]any, error]{
		"too short":  rows([]any{"x"}),
		"wrong type": rows([]any{"x", 5, noon, "", 0, 0.0, true, []string(nil)}),
		"failing":    func(yield func([]any, error) bool) { yield(nil, errors.New("the disk failed")) },
	} {
		for _, write := range []func(*bytes.Buffer, Table) error{
			func(b *bytes.Buffer, t Table) error { return WriteXLSX(b, t, nil) },
			func(b *bytes.Buffer, t Table) error { return WriteCSV(b, t) },
			func(b *bytes.Buffer, t Table) error { return WriteJSONL(b, t) },
		} {
			if err := write(&bytes.Buffer{}, Table{Name: "x", Columns: columns, Rows: bad}); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
	}
}
