package triage

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/history"
	"hotline/appliance/lists"
	"hotline/appliance/luhn"
	"hotline/appliance/store"
)

// Where a case stands.
const (
	CaseOpen      = "open"
	CaseWorking   = "in_progress"
	CaseReferred  = "referred"
	CaseClosed    = "closed"
	CaseDuplicate = "duplicate" // leaves by Merge, comes back by Unmerge
)

// CaseStatuses are all of them, in their order.
func CaseStatuses() []string {
	return []string{CaseOpen, CaseWorking, CaseReferred, CaseClosed, CaseDuplicate}
}

// Refusals of work on a case.
var (
	ErrCaseStep    = errors.New("this step is not possible from where the case stands: load the page again")
	ErrCaseOutcome = errors.New("say what has become of the case")
	ErrCaseWhy     = errors.New("say in a few words why")
	ErrCaseLevel   = errors.New("choose one of the levels on the page")
	ErrCaseMerge   = errors.New("these two cannot be merged: choose two different cases that are not protected, and of which neither is merged into another one already")
	ErrCaseUnmerge = errors.New("this case is not merged into another one")
)

// Steps are where a case can go from where it stands.
func (cs Case) Steps() []string {
	switch cs.Status {
	case CaseOpen:
		return []string{CaseWorking, CaseReferred, CaseClosed}
	case CaseWorking:
		return []string{CaseReferred, CaseClosed, CaseOpen}
	case CaseReferred:
		return []string{CaseWorking, CaseClosed}
	case CaseClosed:
		return []string{CaseOpen}
	}
	return nil
}

// Move puts a case where it stands now. Who closes one says what has become of
// it, and whether the caller knows.
func (c *Cases) Move(ctx context.Context, id, to, outcome string, told bool, by, why string) (cs Case, err error) {
	return c.work(ctx, id, history.Entry{By: by, Via: "web", What: "moved", Why: why}, func(cs *Case, now time.Time) error {
		if !slices.Contains(cs.Steps(), to) {
			return ErrCaseStep
		}
		cs.Outcome, cs.Told = "", false
		if to == CaseClosed {
			if !c.lists.Now().List(lists.Outcomes).Has(outcome) {
				return ErrCaseOutcome
			}
			cs.Outcome, cs.Told = outcome, told
		}
		cs.Status, cs.StatusAt = to, now
		return nil
	})
}

// SetLevel sets the urgency by hand, also to a lower one: only who leads may do
// that, and says why. It holds until an urgency question is answered otherwise.
func (c *Cases) SetLevel(ctx context.Context, id string, level Level, by, why string) (Case, error) {
	if why == "" {
		return Case{}, ErrCaseWhy
	}
	return c.work(ctx, id, history.Entry{By: by, Via: "web", What: "level", Why: why}, func(cs *Case, now time.Time) error {
		if !slices.Contains(Levels(), level) {
			return ErrCaseLevel
		}
		cs.Lowered = cs.Level.Worse(level)
		cs.Level, cs.LevelAt = level, now
		return nil
	})
}

// Levels are all levels, the worst first.
func Levels() []Level { return []Level{Red, Orange, Yellow, Green, White} }

func (c *Cases) work(ctx context.Context, id string, e history.Entry, fn func(cs *Case, now time.Time) error) (cs Case, err error) {
	err = c.store.Update(ctx, func(tx *store.Tx) error {
		was, err := cases.Get(tx, id)
		if err != nil {
			return err
		}
		cs = was
		if err := fn(&cs, tx.Now()); err != nil {
			return err
		}
		return cs.putWorked(tx, was, e)
	})
	return cs, err
}

func (cs *Case) putWorked(tx *store.Tx, was Case, e history.Entry) error {
	cs.UpdatedAt, cs.UpdatedBy = tx.Now(), e.By
	e.Record = cs.ID
	tx.Emit(events.Event{Kind: "case.updated", Operation: cs.Operation, Contact: last(cs.Contacts), By: e.By, Via: e.Via,
		Data: map[string]string{"case": cs.ID, "level": string(cs.Level), "what": e.What, "status": cs.Status}})
	return errors.Join(cases.Put(tx, cs.ID, *cs), caseHistory.Note(tx, e, was, *cs, "updated_at", "updated_by", "level_at", "status_at"))
}

// History is who changed what of a case, oldest first.
func (c *Cases) History(id string) (list []history.Entry, err error) {
	err = c.store.View(func(tx *store.Tx) error {
		list = caseHistory.Of(tx, id)
		return nil
	})
	return list, err
}

// ByCode returns the case with a spoken code, or store.ErrNotFound. The code of
// a duplicate leads to the case that it is a duplicate of.
func (c *Cases) ByCode(code string) (cs Case, err error) {
	if !luhn.Valid(code) {
		return cs, store.ErrNotFound
	}
	err = c.store.View(func(tx *store.Tx) error {
		id := ""
		for found := range casesByCode.IDs(tx, code) {
			id = found
		}
		if id == "" {
			return store.ErrNotFound
		}
		for range longestTrail {
			if cs, err = cases.Get(tx, id); err != nil || cs.DuplicateOf == "" {
				return err
			}
			id = cs.DuplicateOf
		}
		return err
	})
	return cs, err
}

// longestTrail bounds how often a duplicate of a duplicate is followed.
const longestTrail = 10

// ErrCaseCode says that a code leads to no case that may be opened by it.
var ErrCaseCode = errors.New("there is no case with this code")

// Continue makes a call be about the case with a code that the caller tells. The
// code opens it, and never the number that the call comes from: telephones are
// shared, and numbers forged. What was already written in this call is merged
// into that case.
func (c *Cases) Continue(ctx context.Context, contact, code, by string) (cs Case, err error) {
	found, err := c.ByCode(code)
	if errors.Is(err, store.ErrNotFound) || err == nil && found.Protected {
		return cs, ErrCaseCode
	}
	if err != nil {
		return cs, err
	}
	begun := ""
	err = c.store.Update(ctx, func(tx *store.Tx) error {
		k, err := contacts.Get(tx, contact)
		if err != nil {
			return err
		}
		if cs, err = cases.Get(tx, found.ID); err != nil {
			return err
		}
		if begun = k.Case; k.Protected || cs.Protected || begun == cs.ID {
			begun = ""
			return ErrCaseCode
		}
		if begun != "" {
			return nil
		}
		was := cs
		cs.Contacts = append(slices.Clone(cs.Contacts), k.ID)
		k.Case, k.Level = cs.ID, cs.Level
		return errors.Join(putContact(tx, &k), cs.putWorked(tx, was, history.Entry{By: by, Via: "web", What: "continued", Why: "code"}))
	})
	if err == nil && begun != "" {
		cs, err = c.Merge(ctx, found.ID, begun, by, "code")
	}
	if errors.Is(err, ErrCaseMerge) {
		err = ErrCaseCode
	}
	return cs, err
}

// SameNumber are the other cases of calls from the same number: of a family, or
// the same need twice. It is shown as a hint, and is never an error.
func (c *Cases) SameNumber(cs Case) (list []Case, err error) {
	if cs.Caller.Withheld() || cs.Protected {
		return nil, nil
	}
	err = c.store.View(func(tx *store.Tx) error {
		list = nil
		seen := map[string]bool{cs.ID: true, "": true}
		for id := range contactsByCaller.IDs(tx, tx.Digest(string(cs.Caller))) {
			k, err := contacts.Get(tx, id)
			if err != nil {
				return err
			}
			for _, id := range append([]string{k.Case}, k.MoreCases...) {
				if seen[id] {
					continue
				}
				seen[id] = true
				other, err := cases.Get(tx, id)
				if err != nil {
					return err
				}
				if !other.Protected && other.DuplicateOf == "" {
					list = append(list, other)
				}
			}
		}
		return nil
	})
	return list, err
}

// Paper is what somebody wrote down away from the hotline.
type Paper struct {
	At       time.Time // when it was written down; zero for now
	Channel  string    // "walk_in", "radio_relay", "phone"
	Caller   call.Number
	Language string
	Fields   map[string]any
	Via      string // "web", or "api" for a program
}

// Channels are the ways in which a record on paper came about.
func Channels() []string { return []string{"walk_in", "radio_relay", "phone", "sms", "web"} }

// ErrPaperTime refuses a time that has not come.
var ErrPaperTime = errors.New("the time on the paper lies in the future")

// Enter writes down a contact and its case from paper, with the time that
// stands on it and a note of when it was typed.
func (c *Cases) Enter(ctx context.Context, p Paper, operation, by string) (cs Case, err error) {
	err = c.store.Update(ctx, func(tx *store.Tx) error {
		at := p.At.UTC()
		switch {
		case p.At.IsZero():
			at = tx.Now()
		case at.After(tx.Now()):
			return ErrPaperTime
		}
		k := Contact{ID: tx.NewID(), Operation: operation, Channel: p.Channel, Direction: "in", Caller: p.Caller, ReceivedAt: at, AnsweredAt: at, ConnectedAt: at, EndedAt: at,
			Language: p.Language, Outcome: OutcomeAnswered, Disposition: "case_opened", Agent: by, EnteredAt: tx.Now()}
		if !slices.Contains(Channels(), k.Channel) {
			k.Channel = "walk_in"
		}
		k.Withheld = k.Caller.Withheld()
		tx.Emit(events.Event{Kind: "contact.entered", Operation: operation, Contact: k.ID, By: by, Via: cmp.Or(p.Via, "web"), Data: map[string]string{"channel": k.Channel}})
		if err := errors.Join(putContact(tx, &k), indexCaller(tx, k)); err != nil {
			return err
		}
		if cs, err = caseOf(tx, k, by); err != nil {
			return err
		}
		cs.OpenedAt, cs.EnteredAt = at, tx.Now()
		_, err = cs.write(tx, c.lists, history.Edit{By: by, Via: "paper", Fields: p.Fields}, &k)
		return err
	})
	return cs, err
}

// Another opens one more case for a contact: several people and needs come with
// one call.
func (c *Cases) Another(ctx context.Context, contact, by string, fields map[string]any) (cs Case, err error) {
	err = c.store.Update(ctx, func(tx *store.Tx) error {
		k, err := contacts.Get(tx, contact)
		if err != nil {
			return err
		}
		if k.Protected {
			return ErrCaseStep
		}
		had := k.Case
		k.Case = ""
		if cs, err = caseOf(tx, k, by); err != nil {
			return err
		}
		if _, err := cs.write(tx, c.lists, history.Edit{By: by, Via: "web", Fields: fields}, nil); err != nil {
			return err
		}
		if k.Case = had; had == "" {
			k.Case, k.Level = cs.ID, cs.Level
		} else {
			k.MoreCases = append(slices.Clone(k.MoreCases), cs.ID)
		}
		if cs.Protected { // the first answers asked for the specialist
			if k, err = contacts.Get(tx, contact); err != nil {
				return err
			}
			k.MoreCases = append(slices.Clone(k.MoreCases), cs.ID)
		}
		return putContact(tx, &k)
	})
	return cs, err
}
