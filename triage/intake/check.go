package intake

import (
	"slices"

	"hotline/appliance/store"
)

// Check is what an import would do, line by line.
type Check struct {
	Lines              []Line
	New, Same, Refused int
	Warned             int      // new, and something is to be looked at
	Missing            []string // fields without which nothing can be imported
}

// atOnce is how many lines are written in one transaction: that long, and no
// longer, a call may have to wait.
const atOnce = 25

// Check says what would happen. Nothing is changed.
func (o *Office) Check(u *Upload) (Check, error) {
	t, known := o.Target(u.Target)
	if !known {
		return Check{}, WrongTarget
	}
	o.reading.Lock()
	defer o.reading.Unlock()
	columns := u.Columns()
	var c Check
	for _, f := range t.Fields {
		if f.Must && !slices.Contains(columns, f.Name) {
			c.Missing = append(c.Missing, f.Name)
		}
	}
	if len(c.Missing) > 0 {
		return c, nil
	}
	judge, err := t.Read()
	if err != nil {
		return c, err
	}
	reader := o.reader(t, columns)
	for rows := range slices.Chunk(u.Sheet.Rows, readAtOnce) {
		err := o.cfg.Store.View(func(tx *store.Tx) error {
			for _, in := range rows {
				line, err := judge(tx, reader.row(in))
				if err != nil {
					return err
				}
				line.Line = in.Line
				c.add(line)
			}
			return nil
		})
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c *Check) add(l Line) {
	c.Lines = append(c.Lines, l)
	switch l.What {
	case NewLine:
		c.New++
		if len(l.Notes) > 0 {
			c.Warned++
		}
	case SameLine:
		c.Same++
	default:
		c.Refused++
	}
}

// refused is the line of a row that cannot be imported.
func refused(name string, notes ...Note) Line {
	return Line{What: RefusedLine, Name: name, Notes: notes}
}
