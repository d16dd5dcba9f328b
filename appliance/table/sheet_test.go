package table

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"
)

// The same list as spreadsheet programs of different countries write it.
func TestEveryKindOfCSVIsRead(t *testing.T) {
	wide := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune("Name\tTeléfono\nJosé\t+34600111222\n")) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}
	for name, file := range map[string]string{
		"commas, UTF-8 with mark": "\ufeffName,Teléfono\r\nJosé,'+34600111222\r\n",
		"semicolons, Windows":     "Name;Tel\xe9fono\r\nJos\xe9;+34600111222\r\n",
		"tabs, UTF-16":            string(wide),
		"separator named":         "sep=;\r\nName;Teléfono\r\n\r\n ; \r\nJosé ; +34600111222 ;;\r\n",
		"quotes":                  "\"Name\",\"Teléfono\"\n\"José\",\"+34600111222\"\n",
	} {
		got, err := ReadSheet([]byte(file))
		if err != nil || fmt.Sprint(got.Header) != "[Name Teléfono]" || len(got.Rows) != 1 || fmt.Sprint(got.Rows[0].Cells) != "[José +34600111222]" {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	got, err := ReadSheet([]byte("a,b\n\n\n1,\"two\nlines\"\n3\n"))
	if err != nil || got.Rows[0].Line != 4 || got.Rows[0].Cells[1] != "two\nlines" || got.Rows[1].Line != 6 || len(got.Rows[1].Cells) != 2 {
		t.Errorf("%+v %v", got, err)
	}
}

func TestAWorkbookIsReadAsPeopleTypedIt(t *testing.T) {
	book := excelize.NewFile()
	defer book.Close()
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	zeros := "00000"
	style := func(s excelize.Style) int {
		id, err := book.NewStyle(&s)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	grouped := style(excelize.Style{NumFmt: 3}) // 1,000
	fivefold := style(excelize.Style{CustomNumFmt: &zeros})
	general := style(excelize.Style{Font: &excelize.Font{Bold: true}})
	for cell, value := range map[string]any{
		"A1": "phone", "B1": "day", "C1": "moment", "D1": "postcode", "E1": "people", "F1": "hours", "G1": "text",
		"A3": 12024561111.0, "B3": day, "C3": day.Add(90 * time.Minute), "D3": 1234, "E3": 12000, "F3": 2.5, "G3": " '=1+1",
		"A4": "+12024561111", "F4": 19.419999999999998, "G4": "1-2-3",
	} {
		if err := book.SetCellValue("Sheet1", cell, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(book.SetCellStyle("Sheet1", "A3", "A3", general), book.SetCellStyle("Sheet1", "D3", "D3", fivefold), book.SetCellStyle("Sheet1", "E3", "E3", grouped)); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := book.Write(&file); err != nil {
		t.Fatal(err)
	}
	got, err := ReadSheet(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	want := Sheet{Header: strings.Split("phone day moment postcode people hours text", " "), Rows: []SheetRow{
		{3, []string{"12024561111", "2026-03-01", "2026-03-01T01:30:00", "01234", "12000", "2.5", "=1+1"}},
		{4, []string{"+12024561111", "", "", "", "", "19.419999999999998", "1-2-3"}},
	}}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("read\n%+v, want\n%+v", got, want)
	}
}

// What was exported comes back as it was.
func TestWhatIsWrittenIsReadBack(t *testing.T) {
	var sheet, text bytes.Buffer
	if err := errors.Join(WriteXLSX(&sheet, sample(), nil), WriteCSV(&text, sample())); err != nil {
		t.Fatal(err)
	}
	a, errA := ReadSheet(sheet.Bytes())
	b, errB := ReadSheet(text.Bytes())
	if errA != nil || errB != nil || len(a.Rows) != 3 || len(b.Rows) != 3 {
		t.Fatal(errA, errB, a, b)
	}
	for i := range a.Rows {
		a.Rows[i].Cells[2], b.Rows[i].Cells[2] = strings.TrimSuffix(a.Rows[i].Cells[2], "Z"), strings.TrimSuffix(b.Rows[i].Cells[2], "Z")
		if fmt.Sprintf("%+v", a.Rows[i].Cells) != fmt.Sprintf("%+v", b.Rows[i].Cells) {
			t.Errorf("row %d differs:\n%+v\n%+v", i, a.Rows[i].Cells, b.Rows[i].Cells)
		}
	}
	if a.Rows[0].Cells[1] != "+12024561111" || a.Rows[0].Cells[3] != `=HYPERLINK("http://x")` {
		t.Errorf("read back %+v", a.Rows[0])
	}
}

func TestFilesThatAreNoTables(t *testing.T) {
	var packed bytes.Buffer
	book := excelize.NewFile()
	defer book.Close()
	if err := book.Write(&packed, excelize.Options{Password: "secret"}); err != nil {
		t.Fatal(err)
	}
	for name, one := range map[string]struct {
		file string
		want error
	}{
		"nothing":          {"", ErrSheetEmpty},
		"a header only":    {"a,b\n", ErrSheetEmpty},
		"an old workbook":  {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ErrSheetOld},
		"with a password":  {packed.String(), ErrSheetOld},
		"a program":        {"\x7fELF\x00\x00", ErrSheetOld},
		"half a workbook":  {"PK\x03\x04 and nothing more", ErrSheetDamaged},
		"too many rows":    {"a\n" + strings.Repeat("1\n", MaxSheetRows+1), ErrSheetTooLarge},
		"too many columns": {strings.Repeat("a,", MaxSheetColumns) + "a\n1\n", ErrSheetTooLarge},
		"too large":        {strings.Repeat("a", MaxSheetFile+1), ErrSheetTooLarge},
	} {
		if _, err := ReadSheet([]byte(one.file)); !errors.Is(err, one.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever the file holds: an answer, no crash, and rows of one width.
func FuzzReadSheet(f *testing.F) {
	f.Add([]byte("a,b\n1,2\n"))
	f.Add([]byte("\xff\xfea\x00;\x00\n\x001\x00"))
	f.Add([]byte("a;\"b\n\"\"c\";\n'+1;'-x;\n"))
	var sheet bytes.Buffer
	if err := WriteXLSX(&sheet, sample(), nil); err != nil {
		f.Fatal(err)
	}
	f.Add(sheet.Bytes())
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := ReadSheet(file)
		if err != nil {
			var known SheetError
			if !errors.As(err, &known) {
				t.Fatalf("an error that nobody can act on: %v", err)
			}
			return
		}
		for _, row := range got.Rows {
			if len(row.Cells) != len(got.Header) || len(got.Rows) == 0 {
				t.Fatalf("a row of %d cells under %d names", len(row.Cells), len(got.Header))
			}
		}
	})
}
