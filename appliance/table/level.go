package table

import (
	"fmt"
	"math"
	"slices"
	"time"

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
// gone, places are rounded, and rows are left out that the level does not show.
// Since leaves out what has not changed from then on, where the table knows;
// the zero time leaves out nothing.
func (t Table) At(level Level, since time.Time) Table {
	out, rows := t, t.Rows
	out.Columns = nil
	var keep []int
	for i, c := range t.Columns {
		if level >= c.needs() {
			keep = append(keep, i)
			out.Columns = append(out.Columns, c)
		}
	}
	restricted, consent, changed := t.index(t.Restricted), t.index(t.Consent), t.index(t.Changed)
	shows := func(row []any) bool {
		switch {
		case restricted >= 0 && level < Full && row[restricted] != false:
			return false
		case consent >= 0 && level == Referral && row[consent] != true && row[consent] != "yes":
			return false
		case changed >= 0 && !since.IsZero():
			at, _ := row[changed].(time.Time)
			return !at.Before(since)
		}
		return true
	}
	out.Rows = func(yield func([]any, error) bool) {
		for row, err := range rows {
			if err == nil {
				err = t.checkRow(row)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !shows(row) {
				continue
			}
			cells := make([]any, len(keep))
			for n, i := range keep {
				cells[n] = row[i]
				if at, ok := row[i].(float64); ok && t.Columns[i].Kind == Degrees && level < Referral {
					cells[n] = math.Round(at*roundTo) / roundTo
				}
			}
			if !yield(cells, nil) {
				return
			}
		}
	}
	return out
}

// For is the table as it leaves to those for whom it is meant: rows that do not
// reach them are left out (sharing.Reaches). It comes before At, which may take
// the column away.
func (t Table) For(to string) Table {
	scope := t.index(t.Scope)
	if scope < 0 || to == "" || to == sharing.Inside {
		return t
	}
	out, rows := t, t.Rows
	out.Rows = func(yield func([]any, error) bool) {
		for row, err := range rows {
			if err == nil && scope < len(row) {
				if says, _ := row[scope].(string); !sharing.Reaches(says, to) {
					continue
				}
			}
			if !yield(row, err) {
				return
			}
		}
	}
	return out
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
	for name, kinds := range map[string][]Kind{t.Restricted: {Bool}, t.Consent: {Bool, ID}, t.Scope: {ID}, t.Changed: {DateTime}} {
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
