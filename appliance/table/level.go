package table

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"hotline/appliance/sharing"
)

// Level is how much of the records leaves the box: the redaction levels L0 to
// L3 of the field (domain 4.5).
type Level int

// The levels. The zero value is none.
const (
	Aggregate    Level = iota + 1 // L0: counts of days and groups, none smaller than ten
	Coordination                  // L1: codes, needs, numbers of people; no names, phones, notes or exact places
	Referral                      // L2: what one organisation needs in order to help those who agreed
	Full                          // L3: everything; needs two persons
)

// Levels are all levels, least first.
func Levels() []Level { return []Level{Aggregate, Coordination, Referral, Full} }

// String is the short name of the level.
func (l Level) String() string {
	if !slices.Contains(Levels(), l) {
		return fmt.Sprintf("Level(%d)", int(l))
	}
	return fmt.Sprintf("L%d", int(l)-1)
}

// ParseLevel reads the short name of a level.
func ParseLevel(name string) (Level, error) {
	for _, l := range Levels() {
		if l.String() == name {
			return l, nil
		}
	}
	return 0, fmt.Errorf("there is no redaction level %q: L0, L1, L2 or L3", name)
}

// roundTo is the fineness of places below Referral: about a kilometre.
const roundTo = 100 // hundredths of a degree

// At is the table as it leaves the box with a level: columns that need more are
// gone, places are rounded, and rows are left out that the level does not show,
// or those for whom it is (For). Since leaves out what has not changed from then
// on, where the table knows; the zero time leaves out nothing.
func (t Table) At(level Level, since time.Time) Table {
	out := t
	out.Columns = nil
	var keep []int
	for i, c := range t.Columns {
		if level >= c.needs() {
			keep = append(keep, i)
			out.Columns = append(out.Columns, c)
		}
	}
	door := t.door(level, since)
	tells := !since.IsZero() && t.index(t.Deleted) >= 0 && t.index(t.Changed) >= 0
	out.Rows = func(yield func([]any, error) bool) {
		send := func(row []any, rounded bool) bool {
			cells := make([]any, len(keep))
			for n, i := range keep {
				cells[n] = row[i]
				if at, ok := row[i].(float64); ok && rounded && t.Columns[i].Kind == Degrees {
					cells[n] = math.Round(at*roundTo) / roundTo
				}
			}
			return yield(cells, nil)
		}
		for row, err := range t.Rows {
			if err == nil {
				err = t.checkRow(row)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			fresh, shows := door(row)
			if fresh && !shows && t.Withheld != nil {
				t.Withheld()
			}
			switch {
			case !fresh:
				continue
			case !shows && tells && begun(row[0]).Before(since):
				row = t.tombstone(row[0], row[t.index(t.Changed)])
			case !shows:
				continue
			}
			if !send(row, level < Referral) {
				return
			}
		}
		if !tells || t.Removed == nil {
			return
		}
		for gone, err := range t.Removed {
			if err != nil {
				yield(nil, err)
				return
			}
			if gone.At.Before(since) || !begun(gone.ID).Before(since) || gone.Restricted && level < Full {
				continue
			}
			if !send(t.tombstone(gone.ID, gone.At), false) {
				return
			}
		}
	}
	return out
}

// door says of a row whether it has changed since then, and whether the level
// shows it to those for whom the table is.
func (t Table) door(level Level, since time.Time) func(row []any) (fresh, shows bool) {
	restricted, consent, changed, scope := t.index(t.Restricted), t.index(t.Consent), t.index(t.Changed), t.index(t.Scope)
	return func(row []any) (fresh, shows bool) {
		fresh, shows = true, true
		if changed >= 0 && !since.IsZero() {
			at, _ := row[changed].(time.Time)
			fresh = !at.Before(since)
		}
		if scope >= 0 && t.to != "" && t.to != sharing.Inside {
			says, _ := row[scope].(string)
			shows = sharing.Reaches(says, t.to)
		}
		switch {
		case restricted >= 0 && level < Full && row[restricted] != false,
			consent >= 0 && level == Referral && row[consent] != true && row[consent] != "yes":
			shows = false
		}
		return fresh, shows
	}
}

// begun is when the record with an identity came to be: it is in the ULID. What
// is no ULID has never been in an older export.
func begun(id any) time.Time {
	text, _ := id.(string)
	at, err := ulid.ParseStrict(text)
	if err != nil {
		return time.Unix(1<<40, 0)
	}
	return ulid.Time(at.Time())
}

// tombstone is the row of a record that is gone: identity, time, and nothing
// else.
func (t Table) tombstone(id, at any) []any {
	row := make([]any, len(t.Columns))
	for i, c := range t.Columns {
		row[i] = c.Kind.nothing()
	}
	row[0], row[t.index(t.Changed)], row[t.index(t.Deleted)] = id, at, true
	return row
}

// nothing is an empty cell of the kind.
func (k Kind) nothing() any {
	switch k {
	case DateTime, Date:
		return time.Time{}
	case Int:
		return 0
	case Count:
		return Hidden
	case Amount:
		return NotSaid
	case Decimal:
		return 0.0
	case Degrees:
		return math.NaN()
	case Bool:
		return false
	case List:
		return []string(nil)
	}
	return ""
}

// For is the table as it leaves to those for whom it is meant: At leaves out
// rows that do not reach them (sharing.Reaches).
func (t Table) For(to string) Table {
	t.to = to
	return t
}

// needs is the level that the column leaves the box with.
func (c Column) needs() Level {
	if c.Level < Aggregate {
		return Full
	}
	return c.Level
}

// index is the place of the named column, -1 for none. Check finds rules that
// name a column which does not exist.
func (t Table) index(name string) int {
	if name == "" {
		return -1
	}
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
}

// Check reports a table whose rules name columns that it does not have, or
// columns that do not say their level.
func (t Table) Check() error {
	for name, kinds := range map[string][]Kind{t.Restricted: {Bool}, t.Consent: {Bool, ID}, t.Scope: {ID}, t.Changed: {DateTime}, t.Deleted: {Bool}} {
		if i := t.index(name); name != "" && (i < 0 || !slices.Contains(kinds, t.Columns[i].Kind)) {
			return fmt.Errorf("the rules of table %s need a column %q of another kind", t.Name, name)
		}
	}
	for i, c := range t.Columns {
		if c.Level < Aggregate || c.Level > Full {
			return fmt.Errorf("column %s of table %s does not say with which level it leaves the box", c.Name, t.Name)
		}
		if t.index(c.Name) != i {
			return fmt.Errorf("table %s has two columns %s", t.Name, c.Name)
		}
	}
	return nil
}

// Least is the lowest level with which the table says anything.
func (t Table) Least() Level {
	least := Full
	for _, c := range t.Columns {
		least = min(least, c.needs())
	}
	return least
}
