package table

import (
	"archive/zip"
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// rowsPerSheet is Excel's limit, less the header.
const rowsPerSheet = 1<<20 - 1

// cellLimit is the most characters Excel takes in one cell, in UTF-16 units.
const cellLimit = 32_767

// Styles of cells: their places in styles.xml.
const (
	styleNumber = iota
	styleHead
	styleText
	styleMoment
	styleDay
)

// WriteXLSX writes a workbook: the rows (on further sheets when there are more
// than Excel takes on one), a data dictionary, and the notes, if there are any,
// on a sheet "about". Phones and ids are text cells, times are real dates in
// UTC. Rows go out as they come: memory does not grow with their number, and
// nothing readable is put on disk on the way (ECMA-376 part 1, §18).
func WriteXLSX(w io.Writer, t Table, notes [][2]string) error {
	b := &workbook{zip: zip.NewWriter(w)}
	err := b.table(t)
	if err == nil {
		err = b.dictionary(t)
	}
	if err == nil && len(notes) > 0 {
		err = b.about(notes)
	}
	if err == nil {
		err = b.finish()
	}
	if err != nil {
		return fmt.Errorf("writing %s as XLSX: %w", t.Name, err)
	}
	return nil
}

// workbook writes the parts of the file one after the other; what lists them
// comes last.
type workbook struct {
	zip    *zip.Writer
	out    *bufio.Writer
	sheets []xlsxSheet
	row    int // of the present sheet, header included
	column int
}

type xlsxSheet struct {
	name, filter string
}

func (b *workbook) part(name string) error {
	if b.out != nil {
		if err := b.out.Flush(); err != nil {
			return err
		}
	}
	w, err := b.zip.Create(name)
	b.out = bufio.NewWriterSize(w, 64<<10)
	return err
}

const xlsxMain = `http://schemas.openxmlformats.org/spreadsheetml/2006/main`

func (b *workbook) table(t Table) error {
	names, widths := make([]string, len(t.Columns)), make([]float64, len(t.Columns))
	for i, c := range t.Columns {
		names[i], widths[i] = c.Name, width(c)
	}
	begin := func() error {
		name := t.Name
		if len(b.sheets) > 0 {
			name = fmt.Sprintf("%s_%d", t.Name, len(b.sheets)+1)
		}
		if err := b.begin(name, names, widths); err != nil || !t.HXL {
			return err
		}
		b.open()
		for _, tag := range t.tags() {
			b.text(styleText, tag)
		}
		return b.close()
	}
	if err := begin(); err != nil {
		return err
	}
	for row, err := range t.Rows {
		if err == nil {
			err = t.checkRow(row)
		}
		if err == nil && b.row > rowsPerSheet {
			if err = b.end(len(t.Columns)); err == nil {
				err = begin()
			}
		}
		if err != nil {
			return err
		}
		b.open()
		for i, cell := range row {
			b.cell(t.Columns[i].Kind, cell)
		}
		if err := b.close(); err != nil {
			return err
		}
	}
	return b.end(len(t.Columns))
}

func (b *workbook) dictionary(t Table) error {
	if err := b.begin("data_dictionary", []string{"column", "kind", "level", "hxl", "description"}, []float64{24, 12, 8, 34, 90}); err != nil {
		return err
	}
	for _, c := range t.Columns {
		b.open()
		for _, text := range []string{c.Name, string(c.Kind), c.needs().String(), c.HXL, Inert(c.Said())} {
			b.text(styleText, text)
		}
		if err := b.close(); err != nil {
			return err
		}
	}
	return b.end(5)
}

func (b *workbook) about(notes [][2]string) error {
	if err := b.begin("about", []string{"what", "is"}, []float64{24, 90}); err != nil {
		return err
	}
	for _, note := range notes {
		b.open()
		b.text(styleText, note[0])
		b.text(styleText, Inert(note[1]))
		if err := b.close(); err != nil {
			return err
		}
	}
	return b.end(2)
}

// begin begins a sheet with a row of names that stays in view.
func (b *workbook) begin(name string, names []string, widths []float64) error {
	b.sheets = append(b.sheets, xlsxSheet{name: name})
	b.row = 0
	if err := b.part(fmt.Sprintf("xl/worksheets/sheet%d.xml", len(b.sheets))); err != nil {
		return err
	}
	b.write(xml.Header, `<worksheet xmlns="`, xlsxMain, `"><sheetViews><sheetView workbookViewId="0"`)
	if len(b.sheets) == 1 {
		b.write(` tabSelected="1"`)
	}
	b.write(`><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>`)
	for i, wide := range widths {
		n := strconv.Itoa(i + 1)
		b.write(`<col min="`, n, `" max="`, n, `" width="`, strconv.FormatFloat(wide, 'f', -1, 64), `" customWidth="1"/>`)
	}
	b.write(`</cols><sheetData>`)
	b.open()
	for _, text := range names {
		b.text(styleHead, text)
	}
	return b.close()
}

func (b *workbook) end(columns int) error {
	sheet := &b.sheets[len(b.sheets)-1]
	sheet.filter = "A1:" + columnName(max(columns, 1)-1) + strconv.Itoa(max(b.row, 1))
	b.write(`</sheetData><autoFilter ref="`, sheet.filter, `"/></worksheet>`)
	return b.out.Flush()
}

// write puts text into the present part; bufio keeps the first error for close.
func (b *workbook) write(texts ...string) {
	for _, text := range texts {
		_, _ = b.out.WriteString(text)
	}
}

func (b *workbook) open() {
	b.row++
	b.column = 0
	b.write(`<row r="`, strconv.Itoa(b.row), `">`)
}

func (b *workbook) close() error {
	_, err := b.out.WriteString("</row>")
	return err
}

// at begins the next cell.
func (b *workbook) at(style int) {
	b.write(`<c r="`, columnName(b.column), strconv.Itoa(b.row), `" s="`, strconv.Itoa(style), `"`)
	b.column++
}

func (b *workbook) text(style int, text string) {
	if text == "" {
		b.column++
		return
	}
	b.at(style)
	b.write(` t="inlineStr"><is><t xml:space="preserve">`)
	// Errors stay with the buffer, and control characters were taken out.
	_ = xml.EscapeText(b.out, []byte(escapes.ReplaceAllString(cut(text), "_x005F$0")))
	b.write(`</t></is></c>`)
}

// escapes are what a spreadsheet would take for a character: _x0041_ is an A to
// it (ECMA-376 part 1, §22.9.2.19).
var escapes = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)

func (b *workbook) number(style int, number string) {
	b.at(style)
	b.write(`><v>`, number, `</v></c>`)
}

func (b *workbook) cell(kind Kind, cell any) {
	switch v := cell.(type) {
	case string:
		switch kind {
		case Phone:
			v = phone(v)
		case ID:
			v = Inert(plain(v))
		default:
			v = Inert(v)
		}
		b.text(styleText, v)
	case []string:
		b.text(styleText, csvCell(kind, v))
	case time.Time:
		switch {
		case v.IsZero():
			b.column++
		case kind == Date:
			b.number(styleDay, strconv.Itoa(int(time.Date(v.Year(), v.Month(), v.Day(), 0, 0, 0, 0, time.UTC).Sub(dayZero()).Hours())/24))
		default:
			b.number(styleMoment, serial(v))
		}
	case int:
		switch {
		case kind == Count && v < 0:
			b.text(styleText, hidden)
			return
		case kind == Amount && v < 0:
			b.column++
			return
		}
		b.number(styleNumber, strconv.Itoa(v))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			b.column++
			return
		}
		b.number(styleNumber, decimal(v))
	case bool:
		b.number(styleNumber, bit(v))
	}
}

// dayZero is day 0 of a spreadsheet's calendar.
func dayZero() time.Time { return time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC) }

// serial is a moment as spreadsheets count: days and parts of a day, to the
// second.
func serial(at time.Time) string {
	seconds := at.UTC().Truncate(time.Second).Unix() - dayZero().Unix()
	return strconv.FormatFloat(float64(seconds)/86_400, 'f', -1, 64)
}

// columnName is the letters of column n, from 0.
func columnName(n int) string {
	name := ""
	for n++; n > 0; n = (n - 1) / 26 {
		name = string(rune('A'+(n-1)%26)) + name
	}
	return name
}

func width(c Column) float64 {
	switch c.Kind {
	case DateTime:
		return 20
	case Text, List:
		return 30
	case Int, Amount, Bool, Decimal:
		return max(10, float64(len(c.Name)+3))
	}
	return max(16, float64(len(c.Name)+3))
}

// cut shortens a text to what a cell can hold.
func cut(s string) string {
	if len(s) <= cellLimit {
		return s
	}
	units := 0
	for i, r := range s {
		if units += utf16.RuneLen(r); units > cellLimit {
			return s[:i]
		}
	}
	return s
}

// finish writes the parts that name the others.
func (b *workbook) finish() error {
	var types, list, names, relations strings.Builder
	for i, sheet := range b.sheets {
		n := strconv.Itoa(i + 1)
		types.WriteString(`<Override PartName="/xl/worksheets/sheet` + n + `.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>`)
		list.WriteString(`<sheet name="` + sheet.name + `" sheetId="` + n + `" r:id="rId` + n + `"/>`)
		relations.WriteString(`<Relationship Id="rId` + n + `" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet` + n + `.xml"/>`)
		first, last, _ := strings.Cut(sheet.filter, ":")
		fixed := regexp.MustCompile(`^([A-Z]+)(\d+)$`)
		names.WriteString(`<definedName name="_xlnm._FilterDatabase" localSheetId="` + strconv.Itoa(i) + `" hidden="1">` + sheet.name + `!` +
			fixed.ReplaceAllString(first, "$$$1$$$2") + ":" + fixed.ReplaceAllString(last, "$$$1$$$2") + `</definedName>`)
	}
	for _, part := range [][2]string{
		{"xl/styles.xml", `<styleSheet xmlns="` + xlsxMain + `"><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd\ hh:mm:ss"/><numFmt numFmtId="165" formatCode="yyyy\-mm\-dd"/></numFmts>` +
			`<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>` +
			`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
			`<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>` +
			`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>` +
			`<cellXfs count="5"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>` +
			`<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/>` + // 49: "@", text
			`<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
			`<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
			`<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>` +
			`<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`},
		{"xl/workbook.xml", `<workbook xmlns="` + xlsxMain + `" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>` + list.String() +
			`</sheets><definedNames>` + names.String() + `</definedNames></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` + relations.String() +
			`<Relationship Id="rId0" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>`},
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>` +
			`<Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>` + types.String() + `</Types>`},
	} {
		if err := b.part(part[0]); err != nil {
			return err
		}
		b.write(xml.Header, part[1])
	}
	return errors.Join(b.out.Flush(), b.zip.Close())
}

// Plain is a sheet of texts, for workbooks whose form others prescribe.
type Plain struct {
	Name   string
	Header []string
	Rows   [][]string
}

// WritePlain writes sheets of texts, and nothing beside them.
func WritePlain(w io.Writer, list []Plain) error {
	b := &workbook{zip: zip.NewWriter(w)}
	for _, sheet := range list {
		widths := make([]float64, len(sheet.Header))
		for i := range widths {
			widths[i] = 24
		}
		if err := b.begin(sheet.Name, sheet.Header, widths); err != nil {
			return fmt.Errorf("writing the sheet %s: %w", sheet.Name, err)
		}
		for _, row := range sheet.Rows {
			b.open()
			for _, text := range row {
				b.text(styleText, text)
			}
			if err := b.close(); err != nil {
				return fmt.Errorf("writing the sheet %s: %w", sheet.Name, err)
			}
		}
		if err := b.end(len(sheet.Header)); err != nil {
			return fmt.Errorf("writing the sheet %s: %w", sheet.Name, err)
		}
	}
	return b.finish()
}
