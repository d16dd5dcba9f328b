package volunteers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Hours that people worked are proof for donors and authorities, so they are
// kept as entries that are only added: nothing that was written is changed or
// removed. A shift is what its entries say together.

// Kinds of entries.
const (
	entryCheckIn    = "check_in"
	entryCheckOut   = "check_out"
	entryProposal   = "proposal"   // nobody checked out: an end that somebody has to look at
	entryCorrection = "correction" // takes the place of what a shift said before
	entryWork       = "work"       // what was done in it, and perhaps that somebody confirms it
)

// Ways in which somebody says that a shift begins or ends.
const (
	MethodPIN    = "phone_pin"    // by telephone with code and PIN
	MethodNumber = "phone_number" // by telephone with code, from the number that was registered; no PIN was set yet
	MethodHand   = "supervisor"
	MethodNobody = "proposed"
)

// Events of shifts. None says when or where.
const (
	EventCheckedIn  = "shift.checked_in"
	EventCheckedOut = "shift.checked_out"
	EventProposed   = "shift.check_out_proposed"
	EventCorrected  = "shift.corrected"
	EventDescribed  = "shift.described"
)

// longShift is after how long a shift without an end gets a proposed one
// (domain: lifecycle), and that long it then is.
const longShift = 12 * time.Hour

// RemarkProposed stands at a shift whose end is a proposal, RemarkLong at one
// that was ended later than that.
const (
	RemarkProposed = "no_check_out"
	RemarkLong     = "longer_than_12_h"
)

// Refusals that callers may want to tell apart.
var (
	ErrCheckedIn    = errors.New("this person has checked in already")
	ErrNotCheckedIn = errors.New("this person has not checked in")
	ErrNoShift      = errors.New("there is no such shift")
	ErrShiftTimes   = errors.New("a shift ends after it begins, and not in the future")
	ErrShiftWhy     = errors.New("say in a few words why the hours are corrected")
)

// entry is one line of the book of hours.
type entry struct {
	ID         string    `json:"id"` // ULID
	Shift      string    `json:"shift"`
	Registrant string    `json:"registrant"`
	Kind       string    `json:"kind"`
	At         time.Time `json:"at"`
	Said       time.Time `json:"said,omitzero"`
	In         time.Time `json:"in,omitzero"`  // of a correction
	Out        time.Time `json:"out,omitzero"` // of a correction
	Method     string    `json:"method"`
	Contact    string    `json:"contact,omitempty"` // call in which it was said
	By         string    `json:"by,omitempty"`      // account, of a correction
	Why        string    `json:"why,omitempty"`
	Work       *Work     `json:"work,omitempty"`
	Confirmed  bool      `json:"confirmed,omitempty"`
}

// Shift is one stretch of work. One that was corrected stays as it was, and
// names its correction.
type Shift struct {
	ID           string
	Registrant   string
	CheckIn      time.Time
	CheckOut     time.Time // zero while it runs
	Method       string    // of the last word on it
	Remark       string    // why somebody has to look at it, "" when nobody has to
	CorrectionOf string
	CorrectedBy  string // shift that takes its place
	By, Why      string // of a correction
	Work         Work
	ConfirmedBy  string // account, of who vouches for it as it is now
	ConfirmedAt  time.Time
	Updated      time.Time // the last word on it
}

// Worked is how long somebody worked in the shift, without the break; 0 while it
// runs.
func (s Shift) Worked() time.Duration {
	if s.CheckOut.IsZero() {
		return 0
	}
	return max(0, s.CheckOut.Sub(s.CheckIn)-time.Duration(s.Work.Break)*time.Minute)
}

var (
	shiftEntries = store.NewTable[entry]("shift_entries") // by registrant/id: the entries of a person in their order
	shiftsOpen   = store.NewIndex("shifts_open")          // "open" → registrants who are checked in
	shiftOpen    = store.NewIndex("shift_open")           // registrant → the shift that runs
)

const openShifts = "open"

// Shifts keep the hours of registrants.
type Shifts struct {
	store  *store.Store
	hasher PINs
	region string
}

// NewShifts keeps hours in s. Numbers without a country code are of the region.
func NewShifts(s *store.Store, hasher PINs, region string) *Shifts {
	return &Shifts{store: s, hasher: hasher, region: region}
}

// proposeEvery is how often shifts without an end are looked for.
const proposeEvery = time.Minute

// Run proposes an end for shifts that nobody ended, until ctx ends.
func (b *Shifts) Run(ctx context.Context) error {
	tick := time.NewTicker(proposeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			// What could not be written is tried again: the shift stays open.
			_ = b.propose(ctx)
		}
	}
}

func (b *Shifts) propose(ctx context.Context) error {
	overdue := func(tx *store.Tx) (list []Shift, err error) {
		for id := range shiftsOpen.IDs(tx, openShifts) {
			s, err := running(tx, id)
			if err != nil {
				return nil, err
			}
			if s.ID != "" && s.Remark == "" && tx.Now().Sub(s.CheckIn) >= longShift {
				list = append(list, s)
			}
		}
		return list, nil
	}
	due := 0
	err := b.store.View(func(tx *store.Tx) error {
		list, err := overdue(tx)
		due = len(list)
		return err
	})
	if err != nil || due == 0 {
		return err
	}
	return b.store.Update(ctx, func(tx *store.Tx) error {
		list, err := overdue(tx)
		if err != nil {
			return err
		}
		for _, s := range list {
			if err := s.propose(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// propose writes an end that nobody has said, once.
func (s Shift) propose(tx *store.Tx) error {
	if s.Remark != "" {
		return nil
	}
	tell(tx, EventProposed, s, "")
	return write(tx, entry{Shift: s.ID, Registrant: s.Registrant, Kind: entryProposal, At: s.CheckIn.Add(longShift), Method: MethodNobody})
}

// CheckIn begins a shift now. Nobody works twice at the same time: who has
// begun already gets ErrCheckedIn, unless that shift is so long ago that its
// end was forgotten. Then the proposed end stands, with its remark.
func (b *Shifts) CheckIn(ctx context.Context, registrant, contact, method string) (s Shift, err error) {
	err = b.store.Update(ctx, func(tx *store.Tx) error {
		r, err := registrants.Get(tx, registrant)
		if err != nil {
			return err
		}
		now := tx.Now()
		if err := r.mayWorkAt(now.Local()); err != nil {
			return err
		}
		old, err := running(tx, registrant)
		switch {
		case err != nil:
			return err
		case old.ID != "" && now.Sub(old.CheckIn) < longShift:
			return ErrCheckedIn
		case old.ID != "":
			if err := errors.Join(old.end(tx), old.propose(tx)); err != nil {
				return err
			}
		}
		s = Shift{ID: tx.NewID(), Registrant: registrant, CheckIn: now, Method: method}
		tell(tx, EventCheckedIn, s, contact)
		return errors.Join(s.open(tx), noteShift(tx, registrant, true, method, ""),
			write(tx, entry{Shift: s.ID, Registrant: registrant, Kind: entryCheckIn, At: now, Method: method, Contact: contact}))
	})
	return s, wrapped(err, "the beginning of the shift was not stored")
}

// CheckOut ends the shift now, or returns ErrNotCheckedIn. Total is what the
// person has worked altogether, corrections counted and corrected ones not.
func (b *Shifts) CheckOut(ctx context.Context, registrant, contact, method string) (s Shift, total time.Duration, err error) {
	err = b.store.Update(ctx, func(tx *store.Tx) error {
		if s, err = running(tx, registrant); err != nil {
			return err
		}
		if s.ID == "" {
			return ErrNotCheckedIn
		}
		tell(tx, EventCheckedOut, s, contact)
		if err := errors.Join(s.end(tx), noteShift(tx, registrant, false, method, ""),
			write(tx, entry{Shift: s.ID, Registrant: registrant, Kind: entryCheckOut, At: tx.Now(), Method: method, Contact: contact})); err != nil {
			return err
		}
		total = 0
		list := shiftsOf(tx, registrant)
		for _, one := range list {
			if one.CorrectedBy == "" {
				total += one.Worked()
			}
			if one.ID == s.ID {
				s = one
			}
		}
		return nil
	})
	return s, total, wrapped(err, "the end of the shift was not stored")
}

// Correct says what a shift was in truth. The shift stays in the book as it
// was; the correction, a shift of its own, takes its place.
func (b *Shifts) Correct(ctx context.Context, registrant, shift string, in, out time.Time, by, why string) (s Shift, err error) {
	if why == "" {
		return s, ErrShiftWhy
	}
	err = b.store.Update(ctx, func(tx *store.Tx) error {
		if !out.After(in) || out.After(tx.Now()) {
			return ErrShiftTimes
		}
		list := shiftsOf(tx, registrant)
		i := slices.IndexFunc(list, func(s Shift) bool { return s.ID == shift })
		if i < 0 || list[i].CorrectedBy != "" {
			return ErrNoShift
		}
		if open, err := running(tx, registrant); err != nil {
			return err
		} else if open.ID == shift {
			if err := errors.Join(open.end(tx), noteShift(tx, registrant, false, MethodHand, by)); err != nil {
				return err
			}
		}
		s = Shift{ID: tx.NewID(), Registrant: registrant, CheckIn: in.UTC(), CheckOut: out.UTC(), Method: MethodHand, CorrectionOf: shift, By: by, Why: why}
		tx.Emit(events.Event{Kind: EventCorrected, By: by, Via: "web", Data: map[string]string{"registrant": registrant, "shift": s.ID, "of": shift}})
		return write(tx, entry{ID: s.ID, Shift: shift, Registrant: registrant, Kind: entryCorrection, At: tx.Now(), In: s.CheckIn, Out: s.CheckOut, Method: MethodHand, By: by, Why: why})
	})
	return s, wrapped(err, "the correction was not stored")
}

// wrapped says what failed; the refusals say so themselves.
func wrapped(err error, what string) error {
	for _, refusal := range []error{nil, ErrGuardian, ErrDaytime, ErrCheckedIn, ErrNotCheckedIn, ErrNoShift, ErrShiftTimes, ErrShiftWork} {
		if errors.Is(err, refusal) {
			return err
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// write puts one entry behind the others of the person.
func write(tx *store.Tx, e entry) error {
	e.ID = cmp.Or(e.ID, tx.NewID())
	e.Said = tx.Now()
	return shiftEntries.Put(tx, e.Registrant+"/"+e.ID, e)
}

func tell(tx *store.Tx, what string, s Shift, contact string) {
	tx.Emit(events.Event{Kind: what, Contact: contact, Data: map[string]string{"registrant": s.Registrant, "shift": s.ID}})
}

// running is the shift of somebody who is checked in, else the zero Shift.
func running(tx *store.Tx, registrant string) (Shift, error) {
	id := first(shiftOpen.IDs(tx, registrant))
	if id == "" {
		return Shift{}, nil
	}
	for _, s := range shiftsOf(tx, registrant) {
		if s.ID == id {
			return s, nil
		}
	}
	return Shift{}, fmt.Errorf("registrant %s is checked in, but shift %s is not there", registrant, id)
}

// open and end keep the lists of who is checked in.
func (s Shift) open(tx *store.Tx) error {
	return errors.Join(shiftsOpen.Add(tx, openShifts, s.Registrant), shiftOpen.Add(tx, s.Registrant, s.ID))
}

func (s Shift) end(tx *store.Tx) error {
	return errors.Join(shiftsOpen.Remove(tx, openShifts, s.Registrant), shiftOpen.Remove(tx, s.Registrant, s.ID))
}

// Of are the shifts of a registrant, oldest first; a correction follows what
// was said before.
func (b *Shifts) Of(registrant string) (list []Shift, err error) {
	err = b.store.View(func(tx *store.Tx) error {
		list = shiftsOf(tx, registrant)
		return nil
	})
	return list, err
}

// shiftsOf reads the entries of a person.
func shiftsOf(tx *store.Tx, registrant string) []Shift {
	var list []Shift
	at := map[string]int{}
	for _, e := range shiftEntries.Prefix(tx, registrant+"/") {
		i, known := at[e.Shift]
		switch {
		case e.Kind == entryCheckIn:
			at[e.Shift] = len(list)
			list = append(list, Shift{ID: e.Shift, Registrant: registrant, CheckIn: e.At, Method: e.Method})
		case !known: // its beginning is missing: nothing can be said
		case e.Kind == entryProposal:
			list[i].CheckOut, list[i].Method, list[i].Remark = e.At, e.Method, RemarkProposed
		case e.Kind == entryCheckOut:
			list[i].CheckOut, list[i].Method, list[i].Remark = e.At, e.Method, ""
			if e.At.Sub(list[i].CheckIn) > longShift {
				list[i].Remark = RemarkLong
			}
		case e.Kind == entryCorrection:
			list[i].CorrectedBy, list[i].Remark = e.ID, ""
			at[e.ID] = len(list)
			list = append(list, Shift{ID: e.ID, Registrant: registrant, CheckIn: e.In, CheckOut: e.Out, Method: e.Method, CorrectionOf: e.Shift, By: e.By, Why: e.Why,
				Work: list[i].Work, Updated: cmp.Or(e.Said, e.At)})
		case e.Kind == entryWork && e.Work != nil:
			list[i].Work, list[i].ConfirmedBy, list[i].ConfirmedAt = *e.Work, "", time.Time{}
			if e.Confirmed {
				list[i].ConfirmedBy, list[i].ConfirmedAt = e.By, e.At
			}
		}
		if i, known := at[e.Shift]; known {
			list[i].Updated = cmp.Or(e.Said, e.At)
		}
	}
	return list
}
