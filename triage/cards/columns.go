package cards

import (
	"iter"
	"time"

	"hotline/appliance/erasures"
	"hotline/appliance/store"
	"hotline/appliance/table"
)

// TableOf is the export of all cards of a kind, newest first: the names of the
// standard in its order, then our own.
func (c *Cards) TableOf(kind string) table.Table {
	k := c.kinds[kind]
	level := table.Coordination
	switch kind {
	case MissingPersons, MissingNotes:
		level = table.Full
	case Directory:
		level = table.Aggregate
	}
	id := map[string]string{MissingPersons: "person_record_id", MissingNotes: "note_record_id", Referrals: "referral_id", Feedback: "feedback_id", Directory: "service_id"}[kind]
	of := map[string]string{MissingNotes: "person_record_id", Referrals: "case_id"}[kind]
	columns := []table.Column{{Name: id, Kind: table.ID, Description: "Identity of the record (ULID)", Level: level, HXL: "#meta+id"}}
	if of != "" {
		columns = append(columns, table.Column{Name: of, Kind: table.ID, Description: "Record that it belongs to (ULID)", Level: level, HXL: "#meta+id+of"})
	}
	columns = append(columns, table.Column{Name: "entry_date", Kind: table.DateTime, Description: "Written down (UTC)", Level: level, HXL: "#date+reported"},
		table.Column{Name: "updated_at", Kind: table.DateTime, Description: "Last change (UTC)", Level: level, HXL: "#date+updated"},
		table.Column{Name: "code", Kind: table.ID, Description: "Code that can be said on the phone", Level: level, HXL: "#meta+code"})
	for _, f := range k.Fields {
		at, _ := table.ParseLevel(f.Level) // checked when it was loaded
		columns = append(columns, table.Column{Name: f.Name, Kind: f.column(), Description: "As written on the record", Level: at, HXL: f.HXL})
	}
	out := table.Table{Name: kind, Changed: "updated_at", Columns: columns}
	if k.Restricted != "" {
		out.Restricted = "restricted"
		out.Columns = append(out.Columns, table.Column{Name: "restricted", Kind: table.Bool, Description: "1: for the few who were trained for it", Level: level})
	}
	switch kind {
	case MissingPersons:
		out.Scope = "share_scope"
	case MissingNotes: // as far as the person
		out.Scope = "share_scope"
		out.Columns = append(out.Columns, table.Column{Name: "share_scope", Kind: table.ID, Description: "How far the record of the person may go: inside, helpers or public", Level: level})
	}
	out.Deleted, out.Removed = "deleted", erasures.Removed(c.store, kind)
	out.Columns = append(out.Columns, table.Column{Name: "deleted", Kind: table.Bool, Description: "1: the record is gone, or may leave the box no more: take it out of your files", Level: level})
	out.Rows = c.rows(k, of != "")
	return out
}

func (f Field) column() table.Kind {
	switch f.Kind {
	case Phone:
		return table.Phone
	case Day:
		return table.Date
	case Instant:
		return table.DateTime
	case Tick:
		return table.Bool
	case One:
		return table.ID
	case Several:
		return table.List
	}
	return table.Text
}

func (c *Cards) rows(k Kind, belongs bool) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		stopped := false
		err := c.each(k.Name, func(tx *store.Tx, card Card) bool {
			row := []any{card.ID}
			if belongs {
				row = append(row, card.Of)
			}
			row = append(row, card.CreatedAt, card.UpdatedAt, card.Code)
			for _, f := range k.Fields {
				row = append(row, f.cell(card))
			}
			if k.Restricted != "" {
				row = append(row, card.Hidden)
			}
			if k.Name == MissingNotes {
				person, err := cards.Get(tx, card.Of)
				if err != nil {
					stopped = true
					yield(nil, err)
					return false
				}
				row = append(row, person.Value("share_scope"))
			}
			stopped = !yield(append(row, false), nil)
			return !stopped
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

func (f Field) cell(card Card) any {
	text := card.Value(f.Name)
	switch f.Kind {
	case Tick:
		return text != ""
	case Several:
		return card.Values[f.Name]
	case Day:
		at, _ := time.Parse(time.DateOnly, text)
		return at
	case Instant:
		at, _ := time.ParseInLocation("2006-01-02T15:04", text, time.Local)
		return at.UTC()
	}
	return text
}
