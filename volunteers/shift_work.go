package volunteers

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Work is what was done in a shift: what donors and authorities ask for beside
// the hours (domain 7.7). Somebody who leads the work writes it down; volunteers
// are asked for none of it on the telephone.
type Work struct {
	Organisation   string  `json:"organisation,omitempty"` // for which; "": the one that runs the hotline
	Job            string  `json:"job,omitempty"`          // as what; "": the first of the skills
	Activity       string  `json:"activity,omitempty"`     // what was done
	Site           string  `json:"site,omitempty"`
	Place          string  `json:"place,omitempty"` // town, of the list of places where it can be
	Address        string  `json:"address,omitempty"`
	Break          int     `json:"break_min,omitempty"`
	Equipment      string  `json:"equipment,omitempty"` // own, that was used
	EquipmentHours float64 `json:"equipment_hours,omitempty"`
	VehicleKM      int     `json:"vehicle_km,omitempty"`
}

// ErrShiftWork refuses what cannot be right about a shift.
var ErrShiftWork = errors.New("the break is shorter than the shift, and equipment and kilometres are numbers that are not negative")

const (
	mostKM   = 5000 // in one shift
	mostLine = 200  // runes
)

// valid drops what is invisible and reports what cannot be.
func (w *Work) valid(s Shift) error {
	for _, text := range []*string{&w.Organisation, &w.Job, &w.Activity, &w.Site, &w.Place, &w.Address, &w.Equipment} {
		if *text = tidy(*text); len([]rune(*text)) > mostLine {
			return ErrShiftWork
		}
	}
	over := !s.CheckOut.IsZero() && float64(w.Break) >= s.CheckOut.Sub(s.CheckIn).Minutes()
	if w.Break < 0 || w.Break > 0 && over || w.VehicleKM < 0 || w.VehicleKM > mostKM || !(w.EquipmentHours >= 0) || w.EquipmentHours > 1000 {
		return ErrShiftWork
	}
	w.EquipmentHours = math.Round(w.EquipmentHours*100) / 100
	return nil
}

// Describe writes down what was done in a shift, and with confirm that somebody
// vouches for it. What was written before stays in the book; the last word counts.
func (b *Shifts) Describe(ctx context.Context, registrant, shift string, w Work, confirm bool, by string) (s Shift, err error) {
	err = b.store.Update(ctx, func(tx *store.Tx) error {
		list := shiftsOf(tx, registrant)
		i := slices.IndexFunc(list, func(s Shift) bool { return s.ID == shift })
		if i < 0 || list[i].CorrectedBy != "" {
			return ErrNoShift
		}
		s = list[i]
		said := w
		if err := said.valid(s); err != nil {
			return err
		}
		if confirm && s.CheckOut.IsZero() {
			return ErrShiftTimes
		}
		s.Work = said
		if s.ConfirmedBy, s.ConfirmedAt = "", (time.Time{}); confirm {
			s.ConfirmedBy, s.ConfirmedAt = by, tx.Now()
		}
		tx.Emit(events.Event{Kind: EventDescribed, By: by, Via: "web", Data: map[string]string{"registrant": registrant, "shift": shift}})
		return write(tx, entry{Shift: shift, Registrant: registrant, Kind: entryWork, At: tx.Now(), Method: MethodHand, By: by, Work: &said, Confirmed: confirm})
	})
	return s, wrapped(err, "what was done was not stored")
}
