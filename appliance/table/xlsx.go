package table

import (
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// rowsPerSheet is Excel's limit, less the header.
const rowsPerSheet = 1<<20 - 1

// cellLimit is the most characters Excel takes in one cell.
const cellLimit = 32_767

// WriteXLSX writes a workbook: the rows (on further sheets when there are more
// than Excel takes on one), and a data dictionary. Phones and ids are text
// cells, times are real dates in UTC. Rows are streamed: memory does not grow
// with their number. What does not fit into memory waits, readable, in a file
// in the folder spill, which therefore is as private as the records.
func WriteXLSX(w io.Writer, t Table, spill string) (err error) {
	book := excelize.NewFile(excelize.Options{TmpDir: spill})
	defer func() { err = errors.Join(err, book.Close()) }()
	x, err := newSheets(book, t)
	if err != nil {
		return fmt.Errorf("writing %s as XLSX: %w", t.Name, err)
	}
	for row, err := range t.Rows {
		if err == nil {
			err = t.checkRow(row)
		}
		if err == nil {
			err = x.add(row)
		}
		if err != nil {
			return fmt.Errorf("writing %s as XLSX: %w", t.Name, err)
		}
	}
	if err := x.finish(); err != nil {
		return fmt.Errorf("writing %s as XLSX: %w", t.Name, err)
	}
	if err := dictionary(book, t, x.head); err != nil {
		return fmt.Errorf("writing the data dictionary of %s: %w", t.Name, err)
	}
	if _, err := book.WriteTo(w); err != nil {
		return fmt.Errorf("writing %s as XLSX: %w", t.Name, err)
	}
	return nil
}

type sheets struct {
	book       *excelize.File
	t          Table
	head, text int // styles
	date, day  int
	out        *excelize.StreamWriter
	name       string
	n          int // sheets begun
	row        int // rows of the present sheet, header included
}

func newSheets(book *excelize.File, t Table) (*sheets, error) {
	x := &sheets{book: book, t: t}
	var err error
	if x.head, err = book.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}, NumFmt: 49}); err != nil {
		return nil, err
	}
	if x.text, err = book.NewStyle(&excelize.Style{NumFmt: 49}); err != nil { // 49: "@", text
		return nil, err
	}
	format := "yyyy-mm-dd hh:mm:ss"
	if x.date, err = book.NewStyle(&excelize.Style{CustomNumFmt: &format}); err != nil {
		return nil, err
	}
	format = "yyyy-mm-dd"
	if x.day, err = book.NewStyle(&excelize.Style{CustomNumFmt: &format}); err != nil {
		return nil, err
	}
	return x, x.next()
}

func (x *sheets) next() error {
	if err := x.finish(); err != nil {
		return err
	}
	x.n++
	x.name, x.row = x.t.Name, 0
	if x.n > 1 {
		x.name = fmt.Sprintf("%s_%d", x.t.Name, x.n)
	}
	var err error
	if x.n == 1 {
		err = x.book.SetSheetName(x.book.GetSheetName(0), x.name)
	} else {
		_, err = x.book.NewSheet(x.name)
	}
	if err != nil {
		return err
	}
	if x.out, err = x.book.NewStreamWriter(x.name); err != nil {
		return err
	}
	for i, c := range x.t.Columns {
		if err := x.out.SetColWidth(i+1, i+1, width(c)); err != nil {
			return err
		}
	}
	if err := x.out.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	cells := make([]any, len(x.t.Columns))
	for i, c := range x.t.Columns {
		cells[i] = excelize.Cell{StyleID: x.head, Value: c.Name}
	}
	return x.set(cells)
}

func width(c Column) float64 {
	switch c.Kind {
	case DateTime:
		return 20
	case Text, List:
		return 30
	case Int, Bool, Decimal:
		return max(10, float64(len(c.Name)+3))
	}
	return max(16, float64(len(c.Name)+3))
}

func (x *sheets) set(cells []any) error {
	x.row++
	at, err := excelize.CoordinatesToCellName(1, x.row)
	if err != nil {
		return err
	}
	return x.out.SetRow(at, cells)
}

func (x *sheets) add(row []any) error {
	if x.row > rowsPerSheet {
		if err := x.next(); err != nil {
			return err
		}
	}
	cells := make([]any, len(row))
	for i, cell := range row {
		cells[i] = x.cell(x.t.Columns[i].Kind, cell)
	}
	return x.set(cells)
}

func (x *sheets) cell(kind Kind, cell any) any {
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
		return excelize.Cell{StyleID: x.text, Value: cut(v)}
	case time.Time:
		switch {
		case v.IsZero():
			return nil
		case kind == Date:
			return excelize.Cell{StyleID: x.day, Value: time.Date(v.Year(), v.Month(), v.Day(), 0, 0, 0, 0, time.UTC)}
		}
		return excelize.Cell{StyleID: x.date, Value: v.UTC()}
	case bool:
		if v {
			return 1
		}
		return 0
	case []string:
		return excelize.Cell{StyleID: x.text, Value: cut(csvCell(kind, v))}
	}
	return cell
}

// cut shortens a text to what a cell can hold.
func cut(s string) string {
	if utf8.RuneCountInString(s) <= cellLimit {
		return s
	}
	return string([]rune(s)[:cellLimit])
}

func (x *sheets) finish() error {
	if x.out == nil {
		return nil
	}
	last, err := excelize.CoordinatesToCellName(len(x.t.Columns), max(x.row, 1))
	if err != nil {
		return err
	}
	if err := x.out.Flush(); err != nil {
		return err
	}
	return x.book.AutoFilter(x.name, "A1:"+last, nil)
}

func dictionary(book *excelize.File, t Table, head int) error {
	const name = "data_dictionary"
	if _, err := book.NewSheet(name); err != nil {
		return err
	}
	rows := [][]any{{"column", "kind", "description"}}
	for _, c := range t.Columns {
		rows = append(rows, []any{c.Name, string(c.Kind), c.Description})
	}
	for i, row := range rows {
		if err := book.SetSheetRow(name, fmt.Sprintf("A%d", i+1), &row); err != nil {
			return err
		}
	}
	return errors.Join(book.SetCellStyle(name, "A1", "C1", head), book.SetColWidth(name, "A", "B", 22), book.SetColWidth(name, "C", "C", 80))
}
