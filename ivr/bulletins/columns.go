package bulletins

import (
	"errors"
	"time"

	"hotline/appliance/store"
	columns "hotline/appliance/table"
)

// errEnough ends a reading of which nobody wants more.
var errEnough = errors.New("no more rows are wanted")

// Table is the export of what was announced (domain 7.8), the newest first: what
// callers were told and until when it held.
func Table(b *Board) columns.Table {
	return columns.Table{Name: "announcements", Changed: "updated_at", Columns: []columns.Column{
		{Name: "announcement_id", Kind: columns.ID, Description: "Identity of the bulletin", Level: columns.Aggregate, HXL: "#meta+id"},
		{Name: "language", Kind: columns.ID, Description: "Language (BCP 47)", Level: columns.Aggregate, HXL: "#meta+language"},
		{Name: "text", Kind: columns.Text, Description: "What it says; empty where it was only spoken", Level: columns.Aggregate, HXL: "#description"},
		{Name: "seconds", Kind: columns.Int, Description: "How long callers hear it", Level: columns.Aggregate},
		{Name: "as_of", Kind: columns.DateTime, Description: "Since when it holds (UTC)", Level: columns.Aggregate, HXL: "#date+start"},
		{Name: "published_at", Kind: columns.DateTime, Description: "Heard by callers from then on (UTC)", Level: columns.Aggregate, HXL: "#date+reported"},
		{Name: "expires", Kind: columns.DateTime, Description: "Until when it holds (UTC)", Level: columns.Aggregate, HXL: "#date+end"},
		{Name: "withdrawn_at", Kind: columns.DateTime, Description: "Taken down before that (UTC); empty: it was not", Level: columns.Aggregate},
		{Name: "source", Kind: columns.ID, Description: "web, phone or api: how it was published", Level: columns.Aggregate, HXL: "#meta+source"},
		{Name: "published_by", Kind: columns.Text, Description: "Who published it", Level: columns.Referral},
		{Name: "updated_at", Kind: columns.DateTime, Description: "Last change (UTC)", Level: columns.Aggregate, HXL: "#date+updated"},
	}, Rows: func(yield func([]any, error) bool) {
		err := b.cfg.Store.View(func(tx *store.Tx) error {
			for _, one := range table.Backward(tx) {
				updated := one.AsOf
				for _, at := range []time.Time{one.Published, one.Withdrawn} {
					if at.After(updated) {
						updated = at
					}
				}
				if !yield([]any{one.ID, one.Language, one.Text, (one.Length + 999) / 1000, one.AsOf, one.Published, one.ValidUntil, one.Withdrawn, one.Via, one.Name, updated}, nil) {
					return errEnough
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}}
}
