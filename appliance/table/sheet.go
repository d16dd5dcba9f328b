package table

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// Limits of what is read. A list of all volunteers of a country has fewer rows.
const (
	MaxSheetFile    = 8 << 20
	MaxSheetRows    = 50_000
	MaxSheetColumns = 200
	maxUnpacked     = 48 << 20 // of a workbook, which is packed
)

// SheetError is why a file cannot be read, in words for whoever brought it.
type SheetError string

func (e SheetError) Error() string { return string(e) }

// Refusals.
const (
	ErrSheetTooLarge = SheetError("The file is too large: 8 MB, 50,000 rows and 200 columns at most. Divide it and import the parts one after the other.")
	ErrSheetEmpty    = SheetError("The file holds no table: the first row must name the columns, and below it there must be at least one row.")
	ErrSheetOld      = SheetError("This kind of file cannot be read. Open it in a spreadsheet program and save it as .xlsx or .csv.")
	ErrSheetDamaged  = SheetError("The file is damaged or protected by a password. Open it in a spreadsheet program, save it again as .xlsx without a password, and try again.")
)

// Sheet is a table that somebody brings: the names of its columns and its rows.
type Sheet struct {
	Header []string
	Rows   []SheetRow
}

// SheetRow is one row. It has as many cells as the sheet has columns.
type SheetRow struct {
	Line  int // as the spreadsheet program counts, from 1
	Cells []string
}

// ReadSheet reads the first sheet of a workbook (.xlsx) or a CSV file, whatever
// the file is called: spreadsheet programs write CSV with commas, semicolons or
// tabs, as UTF-8, UTF-16 or in the old Windows alphabet. Cells are texts
// without space around them: dates in ISO 8601, numbers with all their digits,
// and without the apostrophe that WriteCSV puts in front of telephone numbers
// and of what could be a formula. Empty rows are left out.
func ReadSheet(file []byte) (Sheet, error) {
	switch {
	case len(file) > MaxSheetFile:
		return Sheet{}, ErrSheetTooLarge
	case bytes.HasPrefix(file, []byte("PK\x03\x04")):
		return readXLSX(file)
	case bytes.HasPrefix(file, []byte("\xd0\xcf\x11\xe0")), bytes.HasPrefix(file, []byte("%PDF")):
		return Sheet{}, ErrSheetOld // Excel before 2007, or a workbook with a password
	}
	text, err := decode(file)
	if err != nil {
		return Sheet{}, err
	}
	return readCSV(text)
}

// decode makes UTF-8 of the text of a CSV file.
func decode(file []byte) (string, error) {
	for mark, read := range map[string]func([]byte) uint16{
		"\xff\xfe": func(b []byte) uint16 { return uint16(b[1])<<8 | uint16(b[0]) },
		"\xfe\xff": func(b []byte) uint16 { return uint16(b[0])<<8 | uint16(b[1]) },
	} {
		if !bytes.HasPrefix(file, []byte(mark)) {
			continue
		}
		var units []uint16
		for rest := file[2:]; len(rest) > 1; rest = rest[2:] {
			units = append(units, read(rest))
		}
		return string(utf16.Decode(units)), nil
	}
	text := string(bytes.TrimPrefix(file, []byte("\ufeff")))
	if strings.ContainsRune(text, 0) {
		return "", ErrSheetOld
	}
	if utf8.ValidString(text) {
		return text, nil
	}
	var out strings.Builder
	for _, b := range []byte(text) {
		if b >= 0x80 && b <= 0x9f {
			out.WriteRune(windows1252()[b-0x80])
		} else {
			out.WriteRune(rune(b))
		}
	}
	return out.String(), nil
}

// windows1252 is where the old Windows alphabet differs from Latin 1.
func windows1252() [32]rune {
	return [32]rune{'€', -1, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', -1, 'Ž', -1,
		-1, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', -1, 'ž', 'Ÿ'}
}

func readCSV(text string) (Sheet, error) {
	// Excel's own way of naming the separator.
	if rest, ok := strings.CutPrefix(text, "sep="); ok {
		if _, after, found := strings.Cut(rest, "\n"); found {
			text = after
		}
	}
	reader := csv.NewReader(strings.NewReader(text))
	reader.Comma = separator(text)
	reader.FieldsPerRecord = -1
	reader.LazyQuotes = true
	var b builder
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return b.sheet()
		}
		if err != nil {
			return Sheet{}, SheetError(fmt.Sprintf("The file cannot be read as a table: %v.", err))
		}
		line, _ := reader.FieldPos(0)
		if err := b.add(line, record); err != nil {
			return Sheet{}, err
		}
	}
}

// separator is what divides the columns of the first row that has any.
func separator(text string) rune {
	first := strings.TrimLeft(text, "\r\n ")
	first, _, _ = strings.Cut(first, "\n")
	best, most := ',', 0
	for _, comma := range []rune{',', ';', '\t'} {
		n, quoted := 0, false
		for _, r := range first {
			switch r {
			case '"':
				quoted = !quoted
			case comma:
				if !quoted {
					n++
				}
			}
		}
		if n > most {
			best, most = comma, n
		}
	}
	return best
}

func readXLSX(file []byte) (out Sheet, err error) {
	// The reader of workbooks is made for honest files: one that makes it
	// stumble is a damaged file, not a fault of the hotline.
	defer func() {
		if recover() != nil {
			out, err = Sheet{}, ErrSheetDamaged
		}
	}()
	// The limits are equal so that nothing is unpacked to disk.
	book, err := excelize.OpenReader(bytes.NewReader(file), excelize.Options{UnzipSizeLimit: maxUnpacked, UnzipXMLSizeLimit: maxUnpacked})
	if err != nil {
		if strings.Contains(err.Error(), "unzip size exceeds") {
			return Sheet{}, ErrSheetTooLarge
		}
		return Sheet{}, ErrSheetDamaged
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	names := book.GetSheetList()
	if len(names) == 0 {
		return Sheet{}, ErrSheetEmpty
	}
	// What is in the cells, and beside it how it is shown.
	values, err := book.Rows(names[0])
	if err != nil {
		return Sheet{}, ErrSheetDamaged
	}
	defer func() { err = errors.Join(err, values.Close()) }()
	shown, err := book.Rows(names[0])
	if err != nil {
		return Sheet{}, ErrSheetDamaged
	}
	defer func() { err = errors.Join(err, shown.Close()) }()
	var b builder
	for line := 1; values.Next() && shown.Next(); line++ {
		if line > 2*MaxSheetRows { // empty ones are counted too
			return Sheet{}, ErrSheetTooLarge
		}
		cells, err := values.Columns(excelize.Options{RawCellValue: true})
		if err != nil {
			return Sheet{}, ErrSheetDamaged
		}
		texts, err := shown.Columns()
		if err != nil {
			return Sheet{}, ErrSheetDamaged
		}
		for i := range min(len(cells), len(texts)) {
			cells[i] = sheetCell(cells[i], texts[i])
		}
		if err := b.add(line, cells); err != nil {
			return Sheet{}, err
		}
	}
	if values.Error() != nil || shown.Error() != nil {
		return Sheet{}, ErrSheetDamaged
	}
	return b.sheet()
}

var (
	digitsOnly = regexp.MustCompile(`^[0-9]+$`)
	// As workbooks write numbers. What only looks like one (+1202…, 007.5) was
	// typed as a text.
	number   = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$|^-?[1-9]\.[0-9]+E\+?[0-9]+$`)
	dateLike = regexp.MustCompile(`[0-9]+[-/.: ].*[0-9]|\p{L}{3,}`)
)

// lastSerial is 31 December 9999 as a spreadsheet counts days.
const lastSerial = 2_958_466

// sheetCell makes text of a cell: value is what is in it, shown what the
// spreadsheet displays. Only together they tell a date from a number.
func sheetCell(value, shown string) string {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || !number.MatchString(value) || value == shown && digitsOnly.MatchString(value) {
		return value
	}
	switch {
	case digitsOnly.MatchString(shown):
		return shown // zeros in front that only the format shows
	case n >= 1 && n < lastSerial && value != shown && !rounded(n, shown) && dateLike.MatchString(shown):
		at, err := excelize.ExcelDateToTime(n, false)
		if err != nil {
			return value
		}
		if at = at.Round(time.Second); at.Equal(at.Truncate(24 * time.Hour)) {
			return at.Format(time.DateOnly)
		}
		return at.Format("2006-01-02T15:04:05")
	case math.Abs(n) < 1e15:
		return strconv.FormatFloat(n, 'f', -1, 64) // 1.2024561111E10 was a telephone number
	}
	return value
}

// rounded reports that shown is the number n with fewer digits, perhaps in
// groups: 19.42 for 19.419999999999998, and no date.
func rounded(n float64, shown string) bool {
	x, err := strconv.ParseFloat(strings.ReplaceAll(shown, ",", ""), 64)
	return err == nil && math.Abs(x-n) <= 0.5+math.Abs(n)/1000
}

// builder collects rows up to the limits.
type builder struct {
	header []string
	rows   []SheetRow
	size   int
}

func (b *builder) add(line int, record []string) error {
	cells := make([]string, 0, len(record))
	for _, cell := range record {
		cell = strings.TrimSpace(strings.ToValidUTF8(cell, ""))
		if bare, ok := strings.CutPrefix(cell, "'"); ok && (Inert(bare) == cell || dialable(bare)) {
			cell = bare
		}
		cells = append(cells, cell)
		b.size += len(cell)
	}
	for len(cells) > 0 && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	switch {
	case len(cells) == 0:
		return nil
	case len(cells) > MaxSheetColumns, len(b.rows) >= MaxSheetRows, b.size > maxUnpacked:
		return ErrSheetTooLarge
	case b.header == nil:
		b.header = cells
		return nil
	}
	b.rows = append(b.rows, SheetRow{Line: line, Cells: cells})
	return nil
}

func (b *builder) sheet() (Sheet, error) {
	if len(b.rows) == 0 {
		return Sheet{}, ErrSheetEmpty
	}
	width := len(b.header)
	for _, row := range b.rows {
		width = max(width, len(row.Cells))
	}
	pad := func(cells []string) []string { return append(cells, make([]string, width-len(cells))...) }
	for i := range b.rows {
		b.rows[i].Cells = pad(b.rows[i].Cells)
	}
	return Sheet{Header: pad(b.header), Rows: b.rows}, nil
}
