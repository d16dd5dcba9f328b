package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/table"
	"hotline/ivr/bulletins"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/volunteers"
)

// troubled are words of which other programs make something else.
func troubled() []string {
	return []string{"plain", "=1+1", "+1 more", "-5", "@sum", "two\nlines", `says "hello", twice`, "comma, semicolon; tab\tend", "Ñandú 北京 اختبار 🚨", "  spaces  ",
		"'quoted", "0123", "1e5", "2026-03-01", "TRUE", "_x0041_", "<b>&amp;</b>", strings.Repeat("long ", 390) + "end", "#N/A", "12/11"}
}

// fillRecords writes records of every set, with troubled words wherever people
// write words.
func (b *box) fillRecords() {
	b.t.Helper()
	ctx := b.t.Context()
	must := func(err error) {
		b.t.Helper()
		if err != nil {
			b.t.Fatal(err)
		}
	}
	listed := liststest.Open(b.t, b.h.records)
	cases, registry := triage.NewCases(b.h.records, listed), volunteers.NewRegistry(b.h.records, listed)
	filed, err := cards.Open(b.h.records)
	must(err)
	words := troubled()
	for i, word := range words {
		number := call.Number(fmt.Sprintf("+1202456%04d", i))
		at := time.Now().Add(-time.Duration(i) * 17 * time.Hour)
		share := []string{"yes", "no"}[i%2]
		cs, err := cases.Enter(ctx, triage.Paper{At: at, Channel: "walk_in", Caller: number, Language: "es", Fields: map[string]any{"name": word, "place": word, "landmark": word, "notes": word,
			"people_total": 3 + i, "children_u18": i, "over_60": i%2 == 0, "top_need": "rescue", "more_needs": []string{"health_urgent", "mental"}, "may_share": share, "urgent_need": "yes",
			"later_households": i, "later_position": fmt.Sprintf("%f, %f", 19.4+0.01*float64(i), -99.1)}}, "Flood", "ana")
		must(err)
		who, err := registry.Enter(ctx, volunteers.Registrant{Source: "walk_in", GivenName: word, FamilyName: word, Phone: number, Age: volunteers.Adult, Languages: []string{"es", "en"}, Area: fmt.Sprintf("%05d", i),
			AvailableFrom: "2026-12-01", HoursDay: i, Skills: []volunteers.Skill{"nurse"}, SkillNote: word, Equipment: word, EmergencyName: word, EmergencyPhone: number, Notes: word,
			Consent: volunteers.Consent{Given: true, How: "paper"}}, "ana", at)
		must(err)
		above := map[string]string{"cases": cs.ID}
		for _, kind := range cards.Kinds() {
			k, _ := filed.Kind(kind)
			card, err := filed.Add(ctx, kind, above[k.Of], answersTo(k, i, word, string(number)), "ana")
			must(err)
			above[kind] = card.ID
		}
		if i >= 4 {
			continue
		}
		_, err = b.h.board.Publish(ctx, bulletins.Draft{Language: "en", Text: word, Sound: audio.Tone(440, 2*time.Second, -12), By: "ana", Name: word, Via: "web"})
		must(err)
		shift, err := b.h.hours.CheckIn(ctx, who.ID, "", volunteers.MethodPIN)
		must(err)
		_, _, err = b.h.hours.CheckOut(ctx, who.ID, "", volunteers.MethodPIN)
		must(err)
		right, err := b.h.hours.Correct(ctx, who.ID, shift.ID, shift.CheckIn.Add(-150*time.Minute), shift.CheckIn, "ana", word)
		must(err)
		_, err = b.h.hours.Describe(ctx, who.ID, right.ID, volunteers.Work{Job: word, Activity: words[10+i], Site: word, Address: word, Break: 20, Equipment: word, EquipmentHours: 1.25, VehicleKM: 42}, true, "ana")
		must(err)
	}
}

// answersTo answers every question of a record beside cases.
func answersTo(k cards.Kind, i int, word, number string) map[string]any {
	answers := map[string]any{}
	for _, f := range k.Fields {
		switch f.Kind {
		case cards.Phone:
			answers[f.Name] = number
		case cards.Day:
			answers[f.Name] = fmt.Sprintf("2026-02-%02d", 1+i)
		case cards.Instant:
			answers[f.Name] = fmt.Sprintf("2026-02-%02dT23:5%d", 1+i, i%10)
		case cards.Count:
			answers[f.Name] = strconv.Itoa(i)
		case cards.Tick:
			answers[f.Name] = i%3 == 0
		case cards.One, cards.Several:
			answers[f.Name] = f.Choices[i%len(f.Choices)]
		default:
			answers[f.Name] = word
		}
	}
	return answers
}

// readEverything reads workbooks, the same workbooks as another program has
// saved them, and CSV files with nothing but the standard library of another
// language: rows of cells, which are words ("s") or numbers ("n").
const readEverything = `
import csv, io, json, re, sys, zipfile, xml.etree.ElementTree as ET
main = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
def words(node):
    text = "".join(t.text or "" for t in node.iter(main + "t"))
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda m: chr(int(m.group(1), 16)), text) # ECMA-376 part 1, 22.9.2.19
def workbook(path):
    book = zipfile.ZipFile(path)
    assert book.testzip() is None
    for name in book.namelist():
        ET.fromstring(book.read(name))
    shared = []
    if "xl/sharedStrings.xml" in book.namelist():
        shared = [words(si) for si in ET.fromstring(book.read("xl/sharedStrings.xml")).iter(main + "si")]
    rows = []
    for row in ET.fromstring(book.read("xl/worksheets/sheet1.xml")).iter(main + "row"):
        cells = []
        for c in row.iter(main + "c"):
            column = 0
            for x in c.get("r"):
                if x.isalpha():
                    column = column * 26 + ord(x) - 64
            while len(cells) < column:
                cells.append(["", ""])
            kind, inline, value = c.get("t", "n"), c.find(main + "is"), c.find(main + "v")
            if c.find(main + "f") is not None:
                cells[column - 1] = ["f", c.find(main + "f").text]
            elif inline is not None:
                cells[column - 1] = ["s", words(inline)]
            elif value is not None:
                cells[column - 1] = ["s", shared[int(value.text)]] if kind == "s" else [kind, value.text]
        rows.append(cells)
    return rows
def text(path):
    with open(path, "rb") as f:
        raw = f.read()
    assert raw.startswith(b"\xef\xbb\xbf") and b"\r\n" in raw
    return [[["s", cell] for cell in line] for line in csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))]
json.dump([(text if path.endswith(".csv") else workbook)(path) for path in sys.argv[1:]], sys.stdout)
`

// othersRead opens all workbooks and CSV files of the sets with two programs that
// know nothing of this one, Python with its own readers and LibreOffice, which
// saves the workbooks anew, and compares every cell that they find with the
// records.
func (b *box) othersRead(dir string, sets []string) {
	b.t.Helper()
	saved := filepath.Join(dir, "saved")
	office := []string{"-env:UserInstallation=file://" + b.t.TempDir(), "--headless", "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", saved}
	python := []string{"-c", readEverything}
	for _, name := range sets {
		office = append(office, filepath.Join(dir, name+".xlsx"))
		python = append(python, filepath.Join(dir, name+".xlsx"), filepath.Join(saved, name+".xlsx"), filepath.Join(dir, name+".csv"))
	}
	if out, err := exec.CommandContext(b.t.Context(), "soffice", office...).CombinedOutput(); err != nil {
		b.t.Fatalf("soffice: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(b.t.Context(), "python3", python...).Output()
	if err != nil {
		b.t.Fatalf("python3: %v", err)
	}
	var files [][][][2]string
	if err := json.Unmarshal(out, &files); err != nil || len(files) != 3*len(sets) {
		b.t.Fatalf("python3 reads %d files: %v", len(files), err)
	}
	seen := map[table.Kind]int{} // cells that are not empty
	for i, name := range sets {
		for k, with := range []string{"python, in the workbook,", "LibreOffice", "python, in the text,"} {
			b.sameCells(name, with, k == 2, files[3*i+k], seen)
		}
		b.sameDates(filepath.Join(dir, name+".xlsx"), filepath.Join(saved, name+".xlsx"))
	}
	for _, kind := range []table.Kind{table.Text, table.Phone, table.ID, table.DateTime, table.Date, table.Int, table.Decimal, table.Bool, table.List, table.Degrees, table.Count, table.Amount} {
		if seen[kind] == 0 {
			b.t.Errorf("no cell of the kind %s was compared", kind)
		}
	}
	b.t.Logf("cells compared: %v", seen)
}

// sameCells compares the rows that another program has found with the records.
func (b *box) sameCells(name, with string, isText bool, found [][][2]string, seen map[table.Kind]int) {
	b.t.Helper()
	var t table.Table
	for _, set := range b.h.exports.Sets() {
		if set.Name == name {
			t = set.Table().At(table.Full, time.Time{})
		}
	}
	n := 0
	for row, err := range t.Rows {
		if err != nil {
			b.t.Fatal(err)
		}
		if n++; n >= len(found) {
			continue
		}
		for i, c := range t.Columns {
			got := [2]string{}
			if i < len(found[n]) {
				got = found[n][i]
			}
			want := inCell(c.Kind, row[i], isText)
			if want[1] != "" {
				seen[c.Kind]++
			}
			if !sameCell(c.Kind, got, want) {
				b.t.Errorf("%s: %s finds %q in row %d under %s, the record has %q", name, with, got, n, c.Name, want)
			}
		}
	}
	if n == 0 || len(found) != n+1 {
		b.t.Fatalf("%s: %s finds %d rows of %d (fillRecords writes some of every set)", name, with, len(found)-1, n)
	}
	for i, c := range t.Columns {
		if found[0][i] != [2]string{"s", c.Name} {
			b.t.Errorf("%s: %s finds %q above the column %s", name, with, found[0][i], c.Name)
		}
	}
	if len(found[0]) != len(t.Columns) {
		b.t.Errorf("%s: %s finds %d columns of %d", name, with, len(found[0]), len(t.Columns))
	}
}

// inCell is what must stand in a cell of a workbook or a CSV file, and whether
// it is words or a number there.
func inCell(kind table.Kind, value any, isText bool) [2]string {
	number := func(v float64) [2]string {
		return [2]string{"n", strconv.FormatFloat(v, 'f', -1, 64)}
	}
	out := [2]string{"s", ""}
	switch v := value.(type) {
	case string:
		out[1] = v
		switch {
		case kind != table.Phone:
			out[1] = table.Inert(v)
		case isText && v != "":
			out[1] = "'" + v
		}
	case []string:
		out[1] = table.Inert(strings.Join(v, "; "))
	case time.Time:
		days := func(at time.Time) [2]string { // as workbooks count: since the end of 1899
			return number(float64(at.Unix()-time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).Unix()) / 86400)
		}
		switch {
		case v.IsZero():
		case isText && kind == table.Date:
			out[1] = v.Format(time.DateOnly)
		case isText:
			out[1] = v.UTC().Format(time.RFC3339)
		case kind == table.Date:
			out = days(time.Date(v.Year(), v.Month(), v.Day(), 0, 0, 0, 0, time.UTC))
		default:
			out = days(v.Truncate(time.Second))
		}
	case int:
		switch {
		case v < 0 && kind == table.Count:
			out[1] = "<10"
		case v >= 0 || kind != table.Amount:
			out = number(float64(v))
		}
	case float64:
		if !math.IsNaN(v) {
			out = number(v)
		}
	case bool:
		out = number(map[bool]float64{true: 1}[v])
	}
	if isText {
		out[0] = "s"
	}
	return out
}

// sameCell compares as exactly as programs keep cells: moments to the second,
// other numbers to 15 digits, words to the letter.
func sameCell(kind table.Kind, got, want [2]string) bool {
	if want[1] == "" || want[0] != got[0] {
		return got[1] == want[1]
	}
	if want[0] == "s" {
		if kind == table.Decimal || kind == table.Degrees {
			return got[1] == want[1] || closeTo(got[1], want[1], 1e-12)
		}
		return strings.ReplaceAll(got[1], "\r\n", "\n") == want[1]
	}
	if kind == table.DateTime {
		return closeTo(got[1], want[1], 0.4/86400)
	}
	return closeTo(got[1], want[1], 1e-12)
}

func closeTo(a, b string, by float64) bool {
	x, errA := strconv.ParseFloat(a, 64)
	y, errB := strconv.ParseFloat(b, 64)
	return errA == nil && errB == nil && math.Abs(x-y) <= by
}

// sameDates compares the cells of a workbook before and after another program
// has saved it as they are shown: dates are dates still.
func (b *box) sameDates(before, after string) {
	b.t.Helper()
	var shown [2][][]string
	for i, path := range []string{before, after} {
		data, err := os.ReadFile(path)
		if err != nil {
			b.t.Fatal(err)
		}
		sheet, err := table.ReadSheet(data)
		if err != nil {
			b.t.Fatalf("%s: %v", path, err)
		}
		shown[i] = append(shown[i], sheet.Header)
		for _, row := range sheet.Rows {
			shown[i] = append(shown[i], row.Cells)
		}
	}
	if !slices.EqualFunc(shown[0], shown[1], slices.Equal) {
		b.t.Errorf("%s is shown as\n%q\nand was\n%q", after, shown[1], shown[0])
	}
}
