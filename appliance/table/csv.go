package table

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
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
		if kind == Count && v < 0 {
			return hidden
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

// WriteJSONL writes one JSON object a line, cells as they are: null for a time
// that has not come, a place that is not known, a count that is too small.
func WriteJSONL(w io.Writer, t Table) error {
	out := bufio.NewWriter(w)
	for row, err := range t.Rows {
		if err == nil {
			err = t.checkRow(row)
		}
		if err != nil {
			return fmt.Errorf("writing %s as JSON Lines: %w", t.Name, err)
		}
		object := make(map[string]any, len(row))
		for i, cell := range row {
			if at, ok := cell.(time.Time); ok {
				switch {
				case at.IsZero():
					cell = nil
				case t.Columns[i].Kind == Date:
					cell = at.Format(time.DateOnly)
				default:
					cell = at.UTC()
				}
			}
			if n, ok := cell.(int); ok && n < 0 && t.Columns[i].Kind == Count {
				cell = nil
			}
			if x, ok := cell.(float64); ok && (math.IsNaN(x) || math.IsInf(x, 0)) {
				cell = nil
			}
			object[t.Columns[i].Name] = cell
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
