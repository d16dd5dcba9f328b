package table

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"
)

// WriteCSV writes UTF-8 with a byte order mark (Excel needs it), commas and
// CRLF (RFC 4180), one header row. Phone numbers keep their + and zeros in the
// file and get an apostrophe in front, so that a spreadsheet keeps them too;
// an import strips it. Times are ISO 8601 in UTC.
func WriteCSV(w io.Writer, t Table) error {
	out := bufio.NewWriter(w)
	if _, err := out.WriteString("\ufeff"); err != nil {
		return err
	}
	cw := csv.NewWriter(out)
	cw.UseCRLF = true
	record := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		record[i] = c.Name
	}
	if err := cw.Write(record); err != nil {
		return err
	}
	if t.HXL {
		if err := cw.Write(t.tags()); err != nil {
			return err
		}
	}
	for row, err := range t.Rows {
		if err == nil {
			err = t.checkRow(row)
		}
		if err != nil {
			return fmt.Errorf("writing %s as CSV: %w", t.Name, err)
		}
		for i, cell := range row {
			record[i] = csvCell(t.Columns[i].Kind, cell)
		}
		if err := cw.Write(record); err != nil {
			return err
		}
	}
	cw.Flush()
	if err := cw.Error(); err != nil {
		return err
	}
	return out.Flush()
}

func csvCell(kind Kind, cell any) string {
	switch v := cell.(type) {
	case string:
		switch kind {
		case Phone:
			if v = phone(v); dialable(v) {
				return "'" + v
			}
			return v
		case ID:
			return Inert(plain(v))
		}
		return Inert(v)
	case time.Time:
		switch {
		case v.IsZero():
			return ""
		case kind == Date:
			return v.Format(time.DateOnly)
		}
		return v.UTC().Format(time.RFC3339)
	case int:
		switch {
		case kind == Count && v < 0:
			return hidden
		case kind == Amount && v < 0:
			return ""
		}
		return strconv.Itoa(v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return ""
		}
		return decimal(v)
	case bool:
		return bit(v)
	case []string:
		return Inert(strings.Join(v, "; "))
	}
	return ""
}

// decimal is a number with as many digits as spreadsheet programs keep, 15:
// one more, and they show another number than was written.
func decimal(v float64) string {
	kept, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 15, 64), 64)
	if err != nil {
		kept = v
	}
	return strconv.FormatFloat(kept, 'f', -1, 64)
}

// hidden is written for a count that is too small to be told.
const hidden = "<10"

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// WriteJSONL writes one JSON object a line.
func WriteJSONL(w io.Writer, t Table) error {
	out := bufio.NewWriter(w)
	for object, err := range t.Objects() {
		if err != nil {
			return fmt.Errorf("writing %s as JSON Lines: %w", t.Name, err)
		}
		line, err := json.Marshal(object)
		if err != nil {
			return fmt.Errorf("writing %s as JSON Lines: %w", t.Name, err)
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return out.Flush()
}

// Objects are the rows by the names of their columns, cells as JSON has them:
// null for a time that has not come, a place that is not known, a count that is
// too small.
func (t Table) Objects() iter.Seq2[map[string]any, error] {
	return func(yield func(map[string]any, error) bool) {
		for row, err := range t.Rows {
			if err == nil {
				err = t.checkRow(row)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			object := make(map[string]any, len(row))
			for i, cell := range row {
				object[t.Columns[i].Name] = t.Columns[i].plain(cell)
			}
			if !yield(object, nil) {
				return
			}
		}
	}
}

// plain is a cell as JSON has it.
func (c Column) plain(cell any) any {
	switch v := cell.(type) {
	case time.Time:
		switch {
		case v.IsZero():
			return nil
		case c.Kind == Date:
			return v.Format(time.DateOnly)
		}
		return v.UTC()
	case int:
		if v < 0 && (c.Kind == Count || c.Kind == Amount) {
			return nil
		}
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
	}
	return cell
}
