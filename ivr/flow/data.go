package flow

import (
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Type is what kind of value an attribute holds. Values are kept as text; the
// type says which texts are taken.
type Type string

// The types of attributes.
const (
	Text   Type = "text"
	Digits Type = "number" // a whole number
	YesNo  Type = "yes_no" // yes or no
	List   Type = "list"   // entries with commas between them
	Phone  Type = "phone"  // a telephone number
	Date   Type = "date"   // 2026-12-25
)

var types = []Type{Text, Digits, YesNo, List, Phone, Date}

// Limits on what a call may gather. All attributes of a call together, names
// included, fit into MaxAttributes bytes.
const (
	MaxAttributes  = 32 << 10
	MaxAttribute   = 1024 // bytes of one value
	biggestNumber  = 999_999_999
	longestNumber  = 9
	longestPhone   = 20
	longestDate    = len(time.DateOnly)
	longestBoolean = 3
)

// Attribute is what a flow says about one of its attributes.
type Attribute struct {
	Type      Type
	Max       int    // bytes of a value
	Sensitive bool   // can be given to an action and nothing else, never stored
	Keep      bool   // stored with the contact
	Label     string // how a person at the desk reads it; "": it is not shown there unless a hook found it out
	pos       Pos
}

// Fit returns the value as it is kept, and whether it is one of the type.
func (a Attribute) Fit(value string) (string, bool) {
	switch a.Type {
	case Digits:
		_, ok := Number(value)
		return value, ok
	case YesNo:
		return value, value == "yes" || value == "no"
	case Phone:
		value = strings.Map(func(c rune) rune {
			if strings.ContainsRune(" -./()", c) {
				return -1
			}
			return c
		}, value)
		digits := strings.TrimPrefix(value, "+")
		return value, len(digits) >= 3 && len(digits) <= longestPhone-1 && strings.Trim(digits, "0123456789") == ""
	case Date:
		if len(value) == 8 { // keyed: day, month, year
			value = value[4:] + "-" + value[2:4] + "-" + value[:2]
		}
		_, err := time.Parse(time.DateOnly, value)
		return value, err == nil
	}
	return value, true
}

// Table is data that flows look up.
type Table struct {
	Name    string
	Prefix  bool // the longest key that the value begins with counts
	Columns []string
	Rows    map[string]map[string]string
	pos     Pos
}

// Find returns the row for value.
func (t *Table) Find(value string) (map[string]string, bool) {
	if !t.Prefix {
		row, ok := t.Rows[value]
		return row, ok
	}
	for n := len(value); n > 0; n-- {
		if row, ok := t.Rows[value[:n]]; ok {
			return row, true
		}
	}
	return nil, false
}

const maxRows = 5000

func (r *reader) attributes(n ast.Node) map[string]Attribute {
	as := map[string]Attribute{}
	for _, x := range r.fields(n, "attributes") {
		r.checkName(x.key, x.at, "attribute")
		a := Attribute{Type: Text, Keep: true, pos: x.at}
		if _, plain := x.value.(*ast.StringNode); plain {
			a.Type = r.typeOf(x.value)
		} else {
			for _, f := range r.fields(x.value, "attribute "+x.key) {
				switch f.key {
				case "type":
					a.Type = r.typeOf(f.value)
				case "max":
					a.Max = r.integer(f.value, f.key, 1, MaxAttribute)
				case "sensitive":
					a.Sensitive = r.boolean(f.value, f.key)
				case "keep":
					a.Keep = r.boolean(f.value, f.key)
				case "label":
					a.Label = r.text(f.value, f.key)
				default:
					r.unknown(f, "an attribute", "type", "max", "sensitive", "keep", "label")
				}
			}
		}
		if a.Max == 0 {
			a.Max = a.Type.longest()
		}
		as[x.key] = a
	}
	return as
}

func (t Type) longest() int {
	switch t {
	case Digits:
		return longestNumber
	case YesNo:
		return longestBoolean
	case Phone:
		return longestPhone
	case Date:
		return longestDate
	}
	return MaxAttribute
}

func (r *reader) typeOf(n ast.Node) Type {
	t := Type(r.text(n, "type"))
	if !slices.Contains(types, t) {
		r.problem(posOf(n), "there is no type %q: use text, number, yes_no, list, phone or date", t)
		return Text
	}
	return t
}

func (r *reader) schedules(n ast.Node) map[string]*Schedule {
	all := map[string]*Schedule{}
	for _, x := range r.fields(n, "schedules") {
		r.checkName(x.key, x.at, "schedule")
		s := &Schedule{Name: x.key, pos: x.at}
		for _, f := range r.fields(x.value, "schedule "+x.key) {
			switch f.key {
			case "zone":
				name := r.text(f.value, f.key)
				zone, err := time.LoadLocation(name)
				// Not by comparing with time.Local: that is UTC where the hotline is.
				if err != nil || name == "Local" || name == "" {
					r.problem(posOf(f.value), "there is no time zone of that name: write it as Europe/Madrid")
				} else {
					s.Zone = zone
				}
			case "week":
				s.week = true
				r.week(s, f.value)
			case "dates":
				for _, d := range r.list(f.value) {
					s.Dates = append(s.Dates, r.day(d))
				}
			default:
				r.unknown(f, "a schedule", "zone", "week", "dates")
			}
		}
		all[x.key] = s
	}
	return all
}

func (r *reader) week(s *Schedule, n ast.Node) {
	for _, x := range r.fields(n, "week") {
		days, err := parseWeekdays(x.key)
		if err != nil {
			r.problem(x.at, "%v", err)
			continue
		}
		hours := r.hours(x.value)
		for _, d := range days {
			s.Week[d] = append(s.Week[d], hours...)
		}
	}
}

func (r *reader) hours(n ast.Node) []Hours {
	var all []Hours
	for _, v := range r.list(n) {
		if m, pair := v.(*ast.MappingValueNode); pair { // YAML takes 10:00 in a list for a pair
			r.problem(posOf(m), "put hours in a list into quotation marks: [\"10:00-12:00\", \"14:00-18:00\"]")
			continue
		}
		for _, text := range strings.Split(r.text(v, "hours"), ",") {
			if text = strings.TrimSpace(text); text == "closed" {
				continue
			}
			h, err := parseHours(text)
			if err != nil {
				r.problem(posOf(v), "%v", err)
				continue
			}
			all = append(all, h)
		}
	}
	return all
}

func (r *reader) day(n ast.Node) Day {
	d := Day{pos: posOf(n)}
	date := func(f field) string {
		text := r.text(f.value, f.key)
		if err := parseDate(text); err != nil {
			r.problem(posOf(f.value), "%v", err)
		}
		return text
	}
	for _, f := range r.fields(n, "a date") {
		switch f.key {
		case "on":
			d.From = date(f)
			d.To = d.From
		case "from":
			d.From = date(f)
		case "to":
			d.To = date(f)
		case "hours":
			d.Hours = r.hours(f.value)
		case "say":
			d.Say = r.parts(f.value)
		default:
			r.unknown(f, "a date", "on", "from", "to", "hours", "say")
		}
	}
	switch {
	case d.From == "" || d.To == "":
		r.problem(d.pos, "a date needs on, or from and to")
	case len(d.From) != len(d.To) || len(d.From) == longestDate && d.From > d.To:
		r.problem(d.pos, "the days from %s to %s do not follow each other", d.From, d.To)
	}
	return d
}

func (r *reader) tables(n ast.Node) map[string]*Table {
	all := map[string]*Table{}
	for _, x := range r.fields(n, "tables") {
		r.checkName(x.key, x.at, "table")
		t := &Table{Name: x.key, Rows: map[string]map[string]string{}, pos: x.at}
		for _, f := range r.fields(x.value, "table "+x.key) {
			switch f.key {
			case "match":
				how := r.text(f.value, f.key)
				if how != "prefix" && how != "exact" {
					r.problem(posOf(f.value), "match must be exact or prefix")
				}
				t.Prefix = how == "prefix"
			case "rows":
				r.rows(t, f.value)
			default:
				r.unknown(f, "a table", "match", "rows")
			}
		}
		if len(t.Rows) == 0 {
			r.problem(x.at, "table %q has no rows", x.key)
		}
		all[x.key] = t
	}
	return all
}

func (r *reader) rows(t *Table, n ast.Node) {
	columns := map[string]bool{}
	for _, row := range r.fields(n, "rows") {
		if len(t.Rows) >= maxRows {
			r.problem(row.at, "a table has at most %d rows", maxRows)
			return
		}
		values := map[string]string{}
		for _, c := range r.fields(row.value, "row "+row.key) {
			r.checkName(c.key, c.at, "column")
			columns[c.key] = true
			value := r.text(c.value, c.key)
			if len(value) > MaxAttribute {
				r.problem(posOf(c.value), "a value has at most %d bytes", MaxAttribute)
			}
			values[c.key] = value
		}
		t.Rows[row.key] = values
	}
	for c := range columns {
		t.Columns = append(t.Columns, c)
	}
	slices.Sort(t.Columns)
}
