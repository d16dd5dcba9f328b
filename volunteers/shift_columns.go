package volunteers

import (
	"cmp"
	"errors"
	"iter"
	"strings"
	"time"

	"hotline/appliance/erasures"
	"hotline/appliance/lists"
	"hotline/appliance/operation"
	"hotline/appliance/store"
	"hotline/appliance/table"
)

// ShiftTable is the export of all shifts, person by person, each oldest first
// (domain 7.7). Column names and their order never change within a major
// version.
func ShiftTable(b *Shifts, l *lists.Keeper, programme string) table.Table {
	return table.Table{Name: setShifts, Scope: "share_scope", Changed: "updated_at", Deleted: "deleted", Removed: erasures.Removed(b.store, setShifts), Columns: []table.Column{
		{Name: "shift_id", Kind: table.ID, Description: "Identity of the shift (ULID)", Level: table.Coordination, HXL: "#meta+id"},
		{Name: "volunteer_id", Kind: table.ID, Description: "Registered volunteer who worked", Level: table.Coordination, HXL: "#meta+id+volunteer"},
		{Name: "volunteer_code", Kind: table.ID, Description: "Code of the volunteer", Level: table.Coordination},
		{Name: "volunteer_name", Kind: table.Text, Description: "Name of the volunteer, where a coordinator has completed it", Level: table.Referral, HXL: "#contact+name"},
		{Name: "check_in_at", Kind: table.DateTime, Description: "Begin (UTC)", Level: table.Coordination, HXL: "#date+start"},
		{Name: "check_out_at", Kind: table.DateTime, Description: "End (UTC); empty while the shift runs", Level: table.Coordination, HXL: "#date+end"},
		{Name: "hours", Kind: table.Decimal, Description: "Hours worked, two decimals, the break taken off; 0 while the shift runs", Level: table.Coordination, HXL: "#indicator+hours+num"},
		{Name: "method", Kind: table.ID, Description: "How the last word on it was said: phone_pin, phone_number (first time, from the registered number), supervisor or proposed", Level: table.Coordination},
		{Name: "remark", Kind: table.ID, Description: "Somebody has to look at it: no_check_out (nobody ended it, the end is a proposal after 12 hours) or longer_than_12_h", Level: table.Coordination},
		{Name: "corrected_by", Kind: table.ID, Description: "Shift that takes the place of this one; count only shifts without it", Level: table.Coordination},
		{Name: "correction_of", Kind: table.ID, Description: "Shift in whose place this one is", Level: table.Coordination},
		{Name: "supervisor", Kind: table.ID, Description: "Account that corrected", Level: table.Referral, HXL: "#contact+supervisor"},
		{Name: "correction_reason", Kind: table.Text, Description: "Why", Level: table.Full},
		{Name: "share_scope", Kind: table.ID, Description: "How far the record of the volunteer may go: inside, helpers or public", Level: table.Coordination},
		{Name: "organisation", Kind: table.Text, Description: "For which the work was done: as written at the shift, else the one that runs the hotline (Kind of disaster)", Level: table.Coordination, HXL: "#org+name"},
		{Name: "programme", Kind: table.Text, Description: "Disaster response", Level: table.Coordination, HXL: "#activity+programme"},
		{Name: "job_title", Kind: table.Text, Description: "As what they worked: as written at the shift, else the first of their skills", Level: table.Coordination, HXL: "#activity+type"},
		{Name: "activity", Kind: table.Text, Description: "What was done, in the words of who leads the work", Level: table.Referral, HXL: "#description"},
		{Name: "site_name", Kind: table.Text, Description: "Where it was done", Level: table.Referral, HXL: "#loc+name"},
		{Name: "adm2_code", Kind: table.ID, Description: "P-code of the administrative area of level 2 of the place, where it is one of the list", Level: table.Coordination, HXL: "#adm2+code+v_pcode"},
		{Name: "address", Kind: table.Text, Description: "Address, or town, of the site", Level: table.Referral},
		{Name: "break_min", Kind: table.Int, Description: "Minutes of break", Level: table.Coordination},
		{Name: "equipment", Kind: table.Text, Description: "Equipment of their own that was used", Level: table.Referral, HXL: "#item+name"},
		{Name: "equipment_hours", Kind: table.Decimal, Description: "Hours for which it was used", Level: table.Coordination, HXL: "#indicator+equipment_hours+num"},
		{Name: "vehicle_km", Kind: table.Int, Description: "Kilometres with their own vehicle", Level: table.Coordination, HXL: "#indicator+km+num"},
		{Name: "confirmed_by", Kind: table.ID, Description: "Account that vouches for hours and work", Level: table.Referral},
		{Name: "confirmed_at", Kind: table.DateTime, Description: "When (UTC); empty: nobody has", Level: table.Coordination, HXL: "#date+approved"},
		{Name: "updated_at", Kind: table.DateTime, Description: "Last word on the shift or its volunteer (UTC)", Level: table.Coordination, HXL: "#date+updated"},
		{Name: "deleted", Kind: table.Bool, Description: "1: the hours are gone, or may leave the box no more: take them out of your files", Level: table.Coordination},
	}, Rows: shiftRows(b, l, programme)}
}

// setShifts is the name of the export set.
const setShifts = "shift_hours"

func shiftRows(b *Shifts, l *lists.Keeper, programme string) iter.Seq2[[]any, error] {
	enough := errors.New("no more rows are wanted")
	return func(yield func([]any, error) bool) {
		err := b.store.View(func(tx *store.Tx) error {
			facts, err := operation.Of(tx)
			if err != nil {
				return err
			}
			for _, r := range registrants.All(tx) {
				for _, s := range shiftsOf(tx, r.ID) {
					name := strings.TrimSpace(r.GivenName + " " + r.FamilyName)
					if !yield([]any{s.ID, r.ID, r.Code, name, s.CheckIn, s.CheckOut, hours(s.Worked()),
						s.Method, s.Remark, s.CorrectedBy, s.CorrectionOf, s.By, s.Why, r.ShareScope,
						cmp.Or(s.Work.Organisation, facts.Organisation), programme, cmp.Or(s.Work.Job, r.job()), s.Work.Activity, s.Work.Site, l.PlaceChain(l.PlaceCode(s.Work.Place))[1].Code,
						strings.Trim(s.Work.Address+", "+s.Work.Place, ", "), s.Work.Break, s.Work.Equipment, s.Work.EquipmentHours, s.Work.VehicleKM, s.ConfirmedBy, s.ConfirmedAt, later(s.Updated, r.UpdatedAt), false}, nil) {
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

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
