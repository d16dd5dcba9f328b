package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/appliance/table"
)

// sevenZip runs 7-Zip and says whether it should be content.
func sevenZip(t *testing.T, content bool, args ...string) {
	t.Helper()
	out, err := exec.Command("7zz", append([]string{args[0], "-y"}, args[1:]...)...).CombinedOutput()
	if (err == nil) != content {
		t.Errorf("7zz %v: %v\n%s", args, err, out)
	}
}

// awkward is a table of everything that programs get wrong.
func awkward() table.Table {
	columns := []table.Column{
		{Name: "code", Kind: table.ID, Level: table.Coordination, Description: "with zeros in front", HXL: "#meta+id"},
		{Name: "phone", Kind: table.Phone, Level: table.Coordination, Description: "number"},
		{Name: "at", Kind: table.DateTime, Level: table.Coordination, Description: "moment"},
		{Name: "day", Kind: table.Date, Level: table.Coordination, Description: "day"},
		{Name: "note", Kind: table.Text, Level: table.Coordination, Description: "words"},
		{Name: "people", Kind: table.Int, Level: table.Coordination, Description: "how many"},
		{Name: "lat", Kind: table.Degrees, Level: table.Coordination, Description: "where"},
		{Name: "adult", Kind: table.Bool, Level: table.Coordination, Description: "yes or no"},
		{Name: "needs", Kind: table.List, Level: table.Coordination, Description: "what"},
	}
	var rows [][]any
	for i, note := range []string{"plain", "=1+1", "+1 more", "-5", "@sum", "two\nlines", `says "hello", twice`, "comma, semicolon; tab\tend", "Ñandú 北京 اختبار 🚨", "  spaces  ",
		"'quoted", "0123", "1e5", "2026-03-01", "TRUE", "_x0041_", "<b>&amp;</b>", strings.Repeat("long ", 700), "#N/A", "12/11"} {
		rows = append(rows, []any{fmt.Sprintf("%06d", i), "+1202456" + fmt.Sprintf("%04d", i), time.Date(2026, 3, 1+i, 23, 59, 59, 0, time.FixedZone("", 3600)),
			time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC), note, i * 1000, 19.4 + 0.01*float64(i), i%2 == 0, []string{"water", note}})
	}
	return table.Table{Name: "awkward", Columns: columns, Rows: func(yield func([]any, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}}
}

// readPython reads the tables as programs of other people do: with nothing but
// the standard library of another language, cell by cell.
const readPython = `
import csv, io, json, sys, zipfile, xml.etree.ElementTree as ET
main = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
book = zipfile.ZipFile(sys.argv[1])
assert book.testzip() is None
for name in book.namelist():
    ET.fromstring(book.read(name))
rows = []
for row in ET.fromstring(book.read("xl/worksheets/sheet1.xml")).iter(main + "row"):
    cells = {}
    for c in row.iter(main + "c"):
        letters = "".join(x for x in c.get("r") if x.isalpha())
        inline, value = c.find(main + "is"), c.find(main + "v")
        cells[letters] = ["s", "".join(t.text or "" for t in inline.iter(main + "t"))] if inline is not None else ["n", value.text]
    rows.append(cells)
with open(sys.argv[2], "rb") as f:
    raw = f.read()
assert raw.startswith(b"\xef\xbb\xbf") and b"\r\n" in raw
print(json.dumps({"xlsx": rows, "csv": list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))}))
`

// Two programs that know nothing of this one open the tables and find in every
// cell what was put there: Python with its own readers, and LibreOffice, which
// also writes the workbook anew.
func TestIndependentReadersFindEveryCell(t *testing.T) {
	dir := t.TempDir()
	sheet, text := filepath.Join(dir, "awkward.xlsx"), filepath.Join(dir, "awkward.csv")
	var x, c bytes.Buffer
	if err := errors.Join(table.WriteXLSX(&x, awkward(), [][2]string{{"reason", "=test"}}), table.WriteCSV(&c, awkward()),
		os.WriteFile(sheet, x.Bytes(), 0o600), os.WriteFile(text, c.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("python3", "-c", readPython, sheet, text).Output()
	if err != nil {
		t.Fatalf("python3: %v", err)
	}
	var python struct {
		XLSX []map[string][2]string
		CSV  [][]string
	}
	if err := json.Unmarshal(out, &python); err != nil {
		t.Fatal(err)
	}
	n := 0
	for row := range awkward().Rows {
		n++
		phone, note := row[1].(string), row[4].(string)
		got := python.XLSX[n]
		serial := fmt.Sprint(float64(row[2].(time.Time).Unix()-time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).Unix()) / 86400)
		kept := strings.ReplaceAll(table.Inert(note), "_x0041_", "_x005F_x0041_")
		for column, want := range map[string][2]string{"A": {"s", row[0].(string)}, "B": {"s", phone}, "C": {"n", serial}, "D": {"n", "46081"}, "E": {"s", kept},
			"F": {"n", fmt.Sprint(row[5])}, "G": {"n", fmt.Sprintf("%.4g", row[6])}, "H": {"n", fmt.Sprint(1 - (n-1)%2)}} {
			if got[column] != want {
				t.Errorf("python finds %q in %s%d of the workbook, want %q", got[column], column, n+1, want)
			}
		}
		at := row[2].(time.Time).UTC().Format(time.RFC3339)
		if line := python.CSV[n]; line[0] != row[0] || line[1] != "'"+phone || line[2] != at || line[3] != "2026-02-28" || strings.ReplaceAll(line[4], "\r\n", "\n") != table.Inert(note) || line[5] != fmt.Sprint(row[5]) {
			t.Errorf("python finds %q in line %d of the CSV file", line, n+1)
		}
	}
	if n == 0 || len(python.XLSX) != n+1 || len(python.CSV) != n+1 {
		t.Fatalf("%d rows were written, python finds %d and %d", n, len(python.XLSX), len(python.CSV))
	}
	before, err := table.ReadSheet(x.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	after, err := table.ReadSheet(libreOffice(t, sheet))
	if err != nil {
		t.Fatal(err)
	}
	if len(after.Rows) != n || fmt.Sprint(after.Header) != fmt.Sprint(before.Header) {
		t.Fatalf("LibreOffice keeps %d rows under %v", len(after.Rows), after.Header)
	}
	for i, row := range before.Rows {
		for k, cell := range row.Cells {
			if after.Rows[i].Cells[k] != cell {
				t.Errorf("LibreOffice makes %q of %q in column %s", after.Rows[i].Cells[k], cell, before.Header[k])
			}
		}
	}
}

// libreOffice opens a workbook and saves it again.
func libreOffice(t *testing.T, path string) []byte {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("soffice", "-env:UserInstallation=file://"+dir+"/profile", "--headless", "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", dir, path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("soffice: %v\n%s", err, out)
	}
	saved, err := os.ReadFile(filepath.Join(dir, filepath.Base(path)))
	if err != nil {
		t.Fatal(err)
	}
	return saved
}
