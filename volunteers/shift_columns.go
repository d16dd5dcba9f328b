package volunteers

import (
	"errors"
	"iter"
	"math"
	"strings"

	"hotline/appliance/store"
	"hotline/appliance/table"
)

// ShiftTable is the export of all shifts, person by person, each oldest first
// (domain 7.7). Column names and their order never change within a major
// version.
func ShiftTable(b *Shifts) table.Table {
	return table.Table{Name: "shift_hours", Scope: "share_scope", Columns: []table.Column{
		{Name: "shift_id", Kind: table.ID, Description: "Identity of the shift (ULID)", Level: table.Coordination, HXL: "#meta+id"},
		{Name: "volunteer_id", Kind: table.ID, Description: "Registered volunteer who worked", Level: table.Coordination, HXL: "#meta+id+volunteer"},
		{Name: "volunteer_code", Kind: table.ID, Description: "Code of the volunteer", Level: table.Coordination},
		{Name: "volunteer_name", Kind: table.Text, Description: "Name of the volunteer, where a coordinator has completed it", Level: table.Referral, HXL: "#contact+name"},
		{Name: "check_in_at", Kind: table.DateTime, Description: "Begin (UTC)", Level: table.Coordination, HXL: "#date+start"},
		{Name: "check_out_at", Kind: table.DateTime, Description: "End (UTC); empty while the shift runs", Level: table.Coordination, HXL: "#date+end"},
		{Name: "hours", Kind: table.Decimal, Description: "Length in hours, two decimals; 0 while the shift runs", Level: table.Coordination, HXL: "#indicator+hours+num"},
		{Name: "method", Kind: table.ID, Description: "How the last word on it was said: phone_pin, phone_number (first time, from the registered number), supervisor or proposed", Level: table.Coordination},
		{Name: "remark", Kind: table.ID, Description: "Somebody has to look at it: no_check_out (nobody ended it, the end is a proposal after 12 hours) or longer_than_12_h", Level: table.Coordination},
		{Name: "corrected_by", Kind: table.ID, Description: "Shift that takes the place of this one; count only shifts without it", Level: table.Coordination},
		{Name: "correction_of", Kind: table.ID, Description: "Shift in whose place this one is", Level: table.Coordination},
		{Name: "supervisor", Kind: table.ID, Description: "Account that corrected", Level: table.Referral, HXL: "#contact+supervisor"},
		{Name: "correction_reason", Kind: table.Text, Description: "Why", Level: table.Full},
		{Name: "share_scope", Kind: table.ID, Description: "How far the record of the volunteer may go: inside, helpers or public", Level: table.Coordination},
	}, Rows: shiftRows(b)}
}

func shiftRows(b *Shifts) iter.Seq2[[]any, error] {
	enough := errors.New("no more rows are wanted")
	return func(yield func([]any, error) bool) {
		err := b.store.View(func(tx *store.Tx) error {
			for _, r := range registrants.All(tx) {
				for _, s := range shiftsOf(tx, r.ID) {
					name := strings.TrimSpace(r.GivenName + " " + r.FamilyName)
					if !yield([]any{s.ID, r.ID, r.Code, name, s.CheckIn, s.CheckOut, math.Round(s.Worked().Hours()*100) / 100,
						s.Method, s.Remark, s.CorrectedBy, s.CorrectionOf, s.By, s.Why, r.ShareScope}, nil) {
						return enough
					}
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, enough) {
			yield(nil, err)
		}
	}
}
