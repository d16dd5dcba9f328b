// Package table writes records as the files that coordinators open: XLSX for
// Excel and LibreOffice, CSV, and JSON Lines for machines; and it reads the
// tables that people bring along. Owners of records feed it with their columns;
// it knows none of them. It is the only importer of excelize.
//
// Two dangers are dealt with here and nowhere else. A spreadsheet turns
// +12024561111 into a number and loses what made it a phone number, so phones
// and ids are text cells. And a text that begins with = + - or @ is a formula
// to it, so what people typed is made inert (OWASP, CSV injection).
package table

import (
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode"
)

// Kind is what a column holds, and with it how its cells are written.
type Kind string

// Kinds, with the Go type that a cell of the kind must have.
const (
	Text     Kind = "text"     // string: made inert
	Phone    Kind = "phone"    // string: text cell
	ID       Kind = "id"       // string: text cell; codes, ids, enumerations
	DateTime Kind = "datetime" // time.Time: a real date in UTC; empty when zero
	Date     Kind = "date"     // time.Time: a real date without a time of day; empty when zero
	Int      Kind = "int"      // int
	Decimal  Kind = "decimal"  // float64
	Bool     Kind = "bool"     // bool: 1 or 0
	List     Kind = "list"     // []string: joined by "; "
	Degrees  Kind = "degrees"  // float64: latitude or longitude; empty when NaN
	Count    Kind = "count"    // int: of people or cases; hidden when Hidden
	Amount   Kind = "amount"   // int: empty when NotSaid
)

// NotSaid is an amount that nobody has asked for or told: not the same as 0.
const NotSaid = -1

// Hidden is the value of a count that is too small to be told: among few, one
// can be recognised.
const Hidden = -1

// Column describes one column. Name is the snake_case name in the header and
// never changes within a major version; Description explains it in the data
// dictionary. Level is the lowest level with which the column leaves the box; a
// column that does not say is for Full alone. HXL is its tag in the Humanitarian
// Exchange Language, where there is one.
type Column struct {
	Name        string
	Kind        Kind
	Description string
	Level       Level
	HXL         string
	Codes       []Code // what the values of an ID or a List mean
}

// Code is one value of a column and what it means.
type Code struct {
	Code string `json:"value"`
	Text string `json:"label"`
}

// Said is the description with what the values mean.
func (c Column) Said() string {
	if len(c.Codes) == 0 {
		return c.Description
	}
	var list []string
	for _, one := range c.Codes {
		list = append(list, one.Code+" = "+one.Text)
	}
	return c.Description + ". Codes: " + strings.Join(list, "; ")
}

// Table is a set of records to be written: a name for sheet and file, the
// columns, and the rows, whose cells have the order and types of the columns.
// A row that comes with an error ends the writing with it.
type Table struct {
	Name    string
	Columns []Column
	Rows    iter.Seq2[[]any, error]

	// Restricted names the Bool column of rows that leave with Full alone:
	// protected calls, complaints.
	Restricted string
	// Consent names the column that says whether a person agreed that others
	// learn of them: a Bool, or an ID that is "yes". With Referral only rows of
	// those who did leave the box.
	Consent string
	// Scope names the ID column that says how far a record may go
	// (appliance/sharing). What is meant for others holds only records that reach
	// them.
	Scope string
	// Changed names the DateTime column of the last change, for exports of what
	// changed since another one; "" where there is none.
	Changed string
	// Deleted names the Bool column that is 1 where nobody stands behind a record
	// any more. Exports of what changed since another one then tell, of records
	// that are gone or may leave the box no more, identity and time and nothing
	// else, so that whoever has an older copy takes them out.
	Deleted string
	// Removed are the records of which nothing is left in Rows, for those exports.
	Removed iter.Seq2[Gone, error]
	// Withheld, when it is set before At, hears of every row that has changed and
	// is left out all the same: because of the level, of what the person said, or
	// of those for whom the table is.
	Withheld func()
	// HXL writes the tags of the columns into a row below their names.
	HXL bool

	to string // for whom it is (For)
}

// Gone is a record of which nothing is left.
type Gone struct {
	ID         string
	At         time.Time
	Restricted bool // it left with Full alone
}

// tags are the cells of the row of HXL tags.
func (t Table) tags() []string {
	tags := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		tags[i] = c.HXL
	}
	return tags
}

// Inert makes a text safe in a spreadsheet: control and text-direction
// characters go, and what a program could take for a formula gets an
// apostrophe in front.
func Inert(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r), r == unicode.ReplacementChar,
			r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0xFEFF, noXML(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	first := strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == 0x200B })
	if first == "" {
		return s
	}
	switch []rune(first)[0] {
	case '=', '+', '-', '@', '＝', '＋', '－', '＠', '|', '%':
		return "'" + s
	}
	return s
}

// plain is a phone number or id as text, without what could hide in it.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || (r >= 0x202A && r <= 0x202E) || (r >= 0x2066 && r <= 0x2069) || noXML(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// noXML are the two characters, beside control characters, that no XML may
// hold (XML 1.0 §2.2).
func noXML(r rune) bool { return r == 0xFFFE || r == 0xFFFF }

// dialable reports that s looks like a telephone number: then its + is not
// the beginning of a formula.
func dialable(s string) bool {
	digits := 0
	for i, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r == '+' && i == 0, r == ' ', r == '*', r == '#':
		default:
			return false
		}
	}
	return digits > 0
}

// phone is the text of a phone cell: what is no number (an anonymous caller's
// SIP name, say) is treated as free text.
func phone(s string) string {
	if s = plain(s); s == "" || dialable(s) {
		return s
	}
	return Inert(s)
}

func check(c Column, cell any) error {
	ok := false
	switch c.Kind {
	case Text, Phone, ID:
		_, ok = cell.(string)
	case DateTime, Date:
		_, ok = cell.(time.Time)
	case Int, Count, Amount:
		_, ok = cell.(int)
	case Decimal, Degrees:
		_, ok = cell.(float64)
	case Bool:
		_, ok = cell.(bool)
	case List:
		_, ok = cell.([]string)
	}
	if !ok {
		return fmt.Errorf("column %s is of kind %s and cannot hold a %T", c.Name, c.Kind, cell)
	}
	return nil
}

func (t Table) checkRow(row []any) error {
	if len(row) != len(t.Columns) {
		return fmt.Errorf("table %s has %d columns and a row of %d cells", t.Name, len(t.Columns), len(row))
	}
	for i, cell := range row {
		if err := check(t.Columns[i], cell); err != nil {
			return err
		}
	}
	return nil
}
