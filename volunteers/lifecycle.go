package volunteers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/history"
	"hotline/appliance/store"
)

// The way from offer to help given:
//
//	registered → contacted → approved | conditional | declined → briefed → available
//	available ⇄ assigned → checked_in → checked_out → available … → released
//	any → on_hold | withdrawn | suspended, and the first and last come back
//
// A duplicate leaves the way by Merge and comes back by Unmerge.
const (
	StatusContacted   Status = "contacted"
	StatusApproved    Status = "approved"
	StatusConditional Status = "conditional"
	StatusDeclined    Status = "declined"
	StatusBriefed     Status = "briefed"
	StatusAvailable   Status = "available"
	StatusAssigned    Status = "assigned"
	StatusCheckedIn   Status = "checked_in"
	StatusCheckedOut  Status = "checked_out"
	StatusReleased    Status = "released"
	StatusOnHold      Status = "on_hold"
	StatusWithdrawn   Status = "withdrawn"
	StatusSuspended   Status = "suspended"
	StatusDuplicate   Status = "duplicate"
)

// Statuses are all statuses in the order of the way.
func Statuses() []Status {
	return []Status{StatusRegistered, StatusContacted, StatusApproved, StatusConditional, StatusDeclined, StatusBriefed, StatusAvailable,
		StatusAssigned, StatusCheckedIn, StatusCheckedOut, StatusReleased, StatusOnHold, StatusWithdrawn, StatusSuspended, StatusDuplicate}
}

// EventMoved says that a registrant has another status.
const EventMoved = "registrant.moved"

// Refusals of a step.
var (
	ErrStep      = errors.New("this step is not possible from where this person stands: load the page again")
	ErrStepWhy   = errors.New("say in a few words why")
	ErrScreening = errors.New("only who was approved can be sent to work")
	ErrConsents  = errors.New("nobody is sent to work who has not agreed that the answers are kept, and to the code of conduct")
	ErrGuardian  = errors.New("who is under 18 needs a guardian on file: name, telephone and consent")
	ErrDaytime   = errors.New("who is under 18 works by day: between six and eight in the evening")
)

// Step is something that is done about a registrant.
type Step struct {
	Name   string
	To     Status // "" for where they stood before
	From   []Status
	Reason bool // must be given
	guard  func(Registrant) error
}

// steps are all but checking in and out, which the book of hours does.
func steps() []Step {
	working := []Status{StatusRegistered, StatusContacted, StatusApproved, StatusConditional, StatusBriefed, StatusAvailable, StatusAssigned, StatusCheckedIn, StatusCheckedOut}
	all := append(slices.Clone(working), StatusDeclined, StatusReleased, StatusOnHold)
	return []Step{
		{Name: "contacted", To: StatusContacted, From: []Status{StatusRegistered}},
		{Name: "approve", To: StatusApproved, From: []Status{StatusContacted, StatusConditional, StatusDeclined}},
		{Name: "condition", To: StatusConditional, From: []Status{StatusContacted, StatusApproved, StatusDeclined}, Reason: true},
		{Name: "decline", To: StatusDeclined, From: []Status{StatusContacted, StatusApproved, StatusConditional}, Reason: true},
		{Name: "brief", To: StatusBriefed, From: []Status{StatusApproved, StatusConditional}},
		{Name: "ready", To: StatusAvailable, From: []Status{StatusBriefed, StatusCheckedOut, StatusAssigned}},
		{Name: "assign", To: StatusAssigned, From: []Status{StatusAvailable}, guard: Registrant.mayBeAssigned},
		{Name: "release", To: StatusReleased, From: []Status{StatusAvailable, StatusCheckedOut}},
		{Name: "hold", To: StatusOnHold, From: working},
		{Name: "resume", From: []Status{StatusOnHold, StatusSuspended}},
		{Name: "withdraw", To: StatusWithdrawn, From: append(slices.Clone(all), StatusSuspended)},
		{Name: "suspend", To: StatusSuspended, From: append(slices.Clone(all), StatusWithdrawn), Reason: true},
		{Name: "return", To: StatusRegistered, From: []Status{StatusWithdrawn, StatusReleased, StatusDeclined}},
	}
}

// Steps are what can be done about a person from where they stand.
func (r Registrant) Steps() []Step {
	return slices.DeleteFunc(steps(), func(s Step) bool { return !slices.Contains(s.From, r.Status) })
}

// StepsForSeveral are what can be done about many people at once, in the order
// of the way: all but what says something about one person alone, that they want
// no more or that they are kept away.
func StepsForSeveral() []Step {
	return slices.DeleteFunc(steps(), func(s Step) bool { return s.Name == "withdraw" || s.Name == "suspend" })
}

// mayBeAssigned is the gate in front of the work.
func (r Registrant) mayBeAssigned() error {
	switch {
	case r.Screening != StatusApproved:
		return ErrScreening
	case !r.Consent.Given || !r.Conduct.Given:
		return ErrConsents
	case r.Age != Adult && !r.guarded():
		return ErrGuardian
	}
	return nil
}

// The hours in which somebody under 18 may begin to work, in the time of the
// hotline.
const (
	dayBegins = 6
	dayEnds   = 20
)

// mayWorkAt is the gate in front of a shift for those under 18: a guardian who
// agreed, and daylight. Whoever is older, or has not said how old, has hours
// however they came to work: hours are proof.
func (r Registrant) mayWorkAt(at time.Time) error {
	switch {
	case r.Age != Minor:
		return nil
	case !r.guarded():
		return ErrGuardian
	case at.Hour() < dayBegins || at.Hour() >= dayEnds:
		return ErrDaytime
	}
	return nil
}

// MayTakePrivate reports whether somebody may work where callers are in danger
// or tell what is protected: grown up, approved and trained for it.
func (r Registrant) MayTakePrivate() bool {
	return r.Age == Adult && r.Screening == StatusApproved && slices.Contains(r.Trained, TrainedProtected)
}

// Move takes a step. Who, how and why are kept in the history.
func (g *Registry) Move(ctx context.Context, id, name string, e history.Edit) (r Registrant, err error) {
	err = g.store.Update(ctx, func(tx *store.Tx) error {
		r, err = registrants.Get(tx, id)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(r.Steps(), func(s Step) bool { return s.Name == name })
		if i < 0 {
			return ErrStep
		}
		step := r.Steps()[i]
		if step.Reason && e.Why == "" {
			return ErrStepWhy
		}
		if step.guard != nil {
			if err := step.guard(r); err != nil {
				return err
			}
		}
		was := r
		r.take(step)
		if step.To == StatusWithdrawn {
			r.takeBack(tx.Now(), e.Via)
		}
		if r.Status == StatusAvailable && was.Status == StatusAssigned && was.checkedIn(tx) {
			return ErrStep
		}
		return putMoved(tx, was, &r, history.Entry{By: e.By, Via: e.Via, What: name, Why: e.Why})
	})
	return r, err
}

// take changes the status, and remembers what it was where one comes back.
func (r *Registrant) take(step Step) {
	switch step.To {
	case "":
		r.Status, r.Before = r.Before, ""
		if r.Status == "" {
			r.Status = StatusRegistered
		}
		return
	case StatusOnHold, StatusSuspended:
		if r.Status != StatusOnHold && r.Status != StatusSuspended {
			r.Before = r.Status
		}
	case StatusApproved, StatusConditional, StatusDeclined:
		r.Screening = step.To
		r.Before = ""
	case StatusRegistered:
		r.Screening, r.Before = "", ""
	default:
		r.Before = ""
	}
	r.Status = step.To
}

func (r Registrant) checkedIn(tx *store.Tx) bool { return first(shiftOpen.IDs(tx, r.ID)) != "" }

// putMoved stores a registrant with another status, its history and its event.
func putMoved(tx *store.Tx, was Registrant, r *Registrant, e history.Entry) error {
	r.UpdatedAt, r.StatusAt = tx.Now(), tx.Now()
	e.Record = r.ID
	tx.Emit(events.Event{Kind: EventMoved, By: e.By, Via: e.Via, Data: map[string]string{"registrant": r.ID, "from": string(was.Status), "to": string(r.Status), "what": e.What}})
	return errors.Join(registrants.Put(tx, r.ID, *r), registrantHistory.Note(tx, e, was, *r, "updated_at", "status_at"))
}

// noteShift moves somebody who was sent to work along with the book of hours.
// Who was not sent, and works all the same, has hours and no other status: hours
// are proof, and refusing them helps nobody.
func noteShift(tx *store.Tx, registrant string, in bool, method, by string) error {
	r, err := registrants.Get(tx, registrant)
	if err != nil {
		return fmt.Errorf("registrant %s: %w", registrant, err)
	}
	was, what := r, "checked_out"
	from, to := StatusCheckedIn, StatusCheckedOut
	if in {
		what, from, to = "checked_in", StatusAssigned, StatusCheckedIn
	}
	switch {
	case r.Status == from:
		r.Status = to
	case r.Before == from: // on hold, or suspended: where they come back to
		r.Before = to
	default:
		return nil
	}
	return putMoved(tx, was, &r, history.Entry{By: by, Via: method, What: what})
}
