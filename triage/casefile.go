package triage

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"hotline/appliance/call"
	"hotline/appliance/erasures"
	"hotline/appliance/events"
	"hotline/appliance/history"
	"hotline/appliance/lists"
	"hotline/appliance/sharing"
	"hotline/appliance/store"
	"hotline/triage/cards"
)

// CaseFields are the answers of the 60-second case and the four urgency
// questions. "" is unanswered.
type CaseFields struct {
	DangerNow            string   `json:"danger_now,omitempty"`  // yes, no, unsure
	UrgentNeed           string   `json:"urgent_need,omitempty"` // yes, no
	ChildAlone           bool     `json:"child_alone,omitempty"`
	SafeTonight          string   `json:"safe_tonight,omitempty"` // yes, no
	TalkFreely           string   `json:"talk_freely,omitempty"`  // fine, specialist
	CallbackNumber       string   `json:"callback_number,omitempty"`
	CallbackConfirmed    bool     `json:"callback_confirmed,omitempty"`
	Place                string   `json:"place,omitempty"`
	PlaceCode            string   `json:"place_code,omitempty"` // of a place of the list, from the words of Place
	Landmark             string   `json:"landmark,omitempty"`
	People               int      `json:"people_total,omitempty"`
	Children             int      `json:"children_u18,omitempty"`
	Over60               bool     `json:"over_60,omitempty"`
	DisabilityOrPregnant bool     `json:"disability_or_pregnant,omitempty"`
	TopNeed              string   `json:"top_need,omitempty"`
	MoreNeeds            []string `json:"more_needs,omitempty"`
	Name                 string   `json:"name,omitempty"`
	MayShare             string   `json:"may_share,omitempty"` // yes, no, not_asked
	Notes                string   `json:"notes,omitempty"`
	LegalBasis           string   `json:"legal_basis,omitempty"` // sharing.Bases
	ShareScope           string   `json:"share_scope,omitempty"` // sharing.Scopes

	Own map[string]any `json:"-"` // to questions that operators have added: a text, an int, or texts
}

// Case is what a caller needs.
type Case struct {
	ID        string      `json:"id"`
	Code      string      `json:"code"` // digits, the last one checks the others; said on the phone
	Operation string      `json:"operation,omitempty"`
	Contacts  []string    `json:"contacts"`
	Caller    call.Number `json:"caller,omitempty"`
	Language  string      `json:"language,omitempty"`
	OpenedAt  time.Time   `json:"opened_at"`
	UpdatedAt time.Time   `json:"updated_at"`
	OpenedBy  string      `json:"opened_by"`
	UpdatedBy string      `json:"updated_by"`
	Level     Level       `json:"level,omitempty"`
	LevelAt   time.Time   `json:"level_at,omitzero"`
	Protected bool        `json:"protected,omitempty"`
	Status    string      `json:"status"`
	Fields    CaseFields  `json:"fields"`

	// What coordinators decide.
	StatusAt    time.Time `json:"status_at,omitzero"`
	Outcome     string    `json:"outcome,omitempty"` // of a closed case
	Told        bool      `json:"told,omitempty"`    // the caller knows what became of it
	Lowered     bool      `json:"lowered,omitempty"` // the level was set by hand: answers given before raise it no more
	DuplicateOf string    `json:"duplicate_of,omitempty"`
	Merged      []string  `json:"merged,omitempty"`
	EnteredAt   time.Time `json:"entered_at,omitzero"` // typed from paper

	Said   string    `json:"said,omitempty"` // when a round has called: AnswerSafe …
	SaidAt time.Time `json:"said_at,omitzero"`
	Erased time.Time `json:"erased,omitzero"` // who it was is gone, on request or by age
}

// DispositionNotReached closes a call of ours that a machine or somebody else
// answered.
const DispositionNotReached = "not_reached"

// FieldError is a value that cannot be saved, in words for the person typing.
type FieldError struct{ Field, Text string }

func (e FieldError) Error() string { return e.Text }

var (
	cases       = store.NewTable[Case](TableCases)
	casesByCode = store.NewIndex("cases_by_code")
	caseHistory = history.NewBook("case_history")
)

// Cases keeps the case records.
type Cases struct {
	store *store.Store
	lists *lists.Keeper
}

// NewCases keeps cases in s. The lists say what can be answered.
func NewCases(s *store.Store, l *lists.Keeper) *Cases { return &Cases{store: s, lists: l} }

// Save applies the changed fields to the case of the contact, opening the case
// at the first save. When it returns, the change is on disk.
func (c *Cases) Save(ctx context.Context, contact, by string, fields map[string]any) (Case, error) {
	cs, _, err := c.Write(ctx, contact, history.Edit{By: by, Via: "web", Fields: fields})
	return cs, err
}

// Write is Save for somebody who says what stood there before. Fields that
// another person has changed since stay as they are and come back as conflicts;
// the others are saved.
func (c *Cases) Write(ctx context.Context, contact string, e history.Edit) (cs Case, conflicts []history.Conflict, err error) {
	err = c.store.Update(ctx, func(tx *store.Tx) error {
		k, err := contacts.Get(tx, contact)
		if err != nil {
			return fmt.Errorf("contact %s: %w", contact, err)
		}
		if cs, err = caseOf(tx, k, e.By); err != nil {
			return err
		}
		was := cs.Fields
		if conflicts, err = cs.write(tx, c.lists, e, &k); err != nil {
			return err
		}
		return cs.askedToShare(tx, was, k.ID, e.By, c.lists.Now())
	})
	return cs, conflicts, err
}

// Change is Write without a call: for who works on the case later.
func (c *Cases) Change(ctx context.Context, id string, e history.Edit) (cs Case, conflicts []history.Conflict, err error) {
	err = c.store.Update(ctx, func(tx *store.Tx) error {
		if cs, err = cases.Get(tx, id); err != nil {
			return err
		}
		was := cs.Fields
		if conflicts, err = cs.write(tx, c.lists, e, nil); err != nil {
			return err
		}
		return cs.askedToShare(tx, was, last(cs.Contacts), e.By, c.lists.Now())
	})
	return cs, conflicts, err
}

// write changes fields of the case and stores it with what follows.
func (cs *Case) write(tx *store.Tx, l *lists.Keeper, e history.Edit, k *Contact) ([]history.Conflict, error) {
	was := *cs
	was.Fields = cs.Fields.clone()
	fields, conflicts, err := history.Conflicts(cs.Fields, e.Shown, e.Fields)
	if err != nil {
		return nil, FieldError{Text: "This could not be read. Your text is still on the page."}
	}
	if err := merge(&cs.Fields, l, fields); err != nil {
		return nil, err
	}
	if _, decided := fields["share_scope"]; !decided {
		cs.shareAsTold(was.Fields)
	}
	return conflicts, cs.settle(tx, l, e, k, was)
}

// settle stores a case with other answers, and what follows from them. Choosing
// the specialist (question 4) protects its contacts: everything that could
// expose the caller is dropped here, before it is written. Lists are not needed
// for that, as when an older backup is put back.
func (cs *Case) settle(tx *store.Tx, l *lists.Keeper, e history.Edit, k *Contact, was Case) error {
	kind, what := "case.updated", "changed"
	var from any = was
	if cs.UpdatedAt.IsZero() {
		kind, what, from = "case.opened", "opened", nil
	}
	if cs.Fields.TalkFreely == "specialist" {
		cs.Protected = true
	}
	if cs.Protected {
		cs.Fields, cs.Caller = protect(cs.Fields), ""
		if err := cs.protectContacts(tx, k, &was); err != nil {
			return err
		}
		from = was
	} else if cs.Fields.ChildAlone || was.Fields.ChildAlone {
		if cs.Fields.ChildAlone {
			cs.Fields.guardChild(l.Now())
		}
		if err := cs.guardCalls(tx, k, &was, cs.Fields.ChildAlone); err != nil {
			return err
		}
		if from != nil {
			from = was
		}
	}
	if !cs.Lowered || dangerChanged(was.Fields, cs.Fields) {
		cs.raise(Assess(cs.Fields, false), tx.Now())
	}
	cs.UpdatedAt, cs.UpdatedBy = tx.Now(), e.By
	tell := events.Event{Kind: kind, Operation: cs.Operation, Contact: last(cs.Contacts), By: e.By, Via: cmp.Or(e.Via, "web"),
		Data: map[string]string{"case": cs.ID, "level": string(cs.Level)}}
	if k != nil {
		tell.Contact, tell.Operation = k.ID, k.Operation
		k.Case, k.Level = cs.ID, cs.Level
		if err := putContact(tx, k); err != nil {
			return err
		}
	}
	tx.Emit(tell)
	if cs.Level == Red && was.Level != Red {
		tx.Emit(events.Event{Kind: "case.red", Operation: tell.Operation, Contact: tell.Contact, By: e.By, Data: map[string]string{"case": cs.ID}})
	}
	note := history.Entry{Record: cs.ID, By: e.By, Via: e.Via, What: what, Why: e.Why}
	return errors.Join(cases.Put(tx, cs.ID, *cs), caseHistory.Note(tx, note, from, *cs, "updated_at", "updated_by", "level_at"))
}

// shareAsTold lets how far the case may go follow from what the caller has just
// answered; somebody who decides otherwise at the same time is obeyed.
func (cs *Case) shareAsTold(was CaseFields) {
	f := &cs.Fields
	switch {
	case f.MayShare == was.MayShare:
	case f.MayShare == "no":
		f.ShareScope = sharing.Inside
	case f.MayShare == "yes" && f.ShareScope == sharing.Inside:
		f.ShareScope = sharing.Helpers
	}
}

// dangerChanged reports that an urgency question has another answer: a level
// that was lowered by hand holds until then.
func dangerChanged(was, is CaseFields) bool {
	return was.DangerNow != is.DangerNow || was.UrgentNeed != is.UrgentNeed || was.ChildAlone != is.ChildAlone || was.SafeTonight != is.SafeTonight
}

// protectContacts drops what the calls of a protected case hold, and what the
// history and the mergings of the case remember.
func (cs *Case) protectContacts(tx *store.Tx, k *Contact, was *Case) error {
	for _, id := range cs.Contacts {
		if k != nil && id == k.ID {
			continue
		}
		other, err := contacts.Get(tx, id)
		if err != nil {
			return err
		}
		if other.Protected {
			continue
		}
		other.Protected, other.Level = true, cs.Level
		if err := errors.Join(forgetCaller(tx, &other), putContact(tx, &other)); err != nil {
			return err
		}
	}
	if k != nil {
		k.Protected = true
		if err := forgetCaller(tx, k); err != nil {
			return err
		}
	}
	if was.Protected {
		return nil
	}
	was.Fields, was.Caller = protect(was.Fields), ""
	return errors.Join(caseHistory.Forget(tx, cs.ID), forgetMergings(tx, cs), forgetAround(tx, cs))
}

// forgetAround drops what else was written about a case that becomes protected:
// to whom it was passed on, its line in the lists of rounds. A backup that is
// put back later loses it again.
func forgetAround(tx *store.Tx, cs *Case) error {
	ids := append([]string{cs.ID}, cs.Merged...)
	var errs []error
	for _, id := range ids {
		errs = append(errs, cards.DestroyOf(tx, id), forgetInLists(tx, id))
	}
	return errors.Join(append(errs, erasures.Note(tx, erasures.Entry{Kind: erasures.Protected,
		Records: map[string][]string{TableCases: ids, TableContacts: cs.Contacts}}))...)
}

// ProtectAgain protects, after an older backup was put back, what was protected
// since then.
func ProtectAgain(tx *store.Tx, caseIDs, contactIDs []string) error {
	for _, id := range caseIDs {
		cs, err := cases.Get(tx, id)
		if errors.Is(err, store.ErrNotFound) || err == nil && cs.Protected {
			continue
		}
		if err == nil {
			was := cs
			was.Fields = cs.Fields.clone()
			cs.Fields.TalkFreely = "specialist"
			err = cs.settle(tx, nil, history.Edit{Via: "rule"}, nil, was)
		}
		if err != nil {
			return err
		}
	}
	for _, id := range contactIDs { // of a case that is not in the backup
		k, err := contacts.Get(tx, id)
		if errors.Is(err, store.ErrNotFound) || err == nil && k.Protected {
			continue
		}
		k.Protected = true
		if err := errors.Join(err, forgetCaller(tx, &k), putContact(tx, &k)); err != nil {
			return err
		}
	}
	return nil
}

func last(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return ids[len(ids)-1]
}

// raise sets a level. Agents may raise, never lower; "" changes nothing.
func (cs *Case) raise(l Level, now time.Time) {
	if l.Worse(cs.Level) {
		cs.Level, cs.LevelAt = l, now
	}
}

func caseOf(tx *store.Tx, k Contact, by string) (Case, error) {
	if k.Case != "" {
		cs, err := cases.Get(tx, k.Case)
		if err == nil && cs.DuplicateOf != "" {
			return cases.Get(tx, cs.DuplicateOf)
		}
		return cs, err
	}
	code, err := newCode(tx)
	if err != nil {
		return Case{}, err
	}
	cs := Case{ID: tx.NewID(), Code: code, Operation: k.Operation, Contacts: []string{k.ID}, Caller: k.Caller,
		Language: k.Language, OpenedAt: tx.Now(), OpenedBy: by, Status: CaseOpen}
	both, err := sharing.Of(tx, sharing.Cases)
	if err != nil {
		return Case{}, err
	}
	cs.Fields.LegalBasis, cs.Fields.ShareScope = both.Basis, both.Scope
	return cs, casesByCode.Add(tx, code, cs.ID)
}

// protect keeps only what a protected contact may hold: the urgency answers.
func protect(f CaseFields) CaseFields {
	return CaseFields{DangerNow: f.DangerNow, UrgentNeed: f.UrgentNeed, ChildAlone: f.ChildAlone,
		SafeTonight: f.SafeTonight, TalkFreely: f.TalkFreely, TopNeed: "protection", LegalBasis: f.LegalBasis, ShareScope: sharing.Inside}
}

const maxText = 4000 // runes of one free-text answer

func merge(f *CaseFields, l *lists.Keeper, changed map[string]any) error {
	next := f.clone()
	changed, err := next.takeOwn(l.Now(), changed)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(changed)
	if err != nil {
		return FieldError{Text: "This could not be read. Your text is still on the page."}
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode((*plainCaseFields)(&next)); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return FieldError{wrong.Field, "Enter a number in this field."}
		}
		return FieldError{Text: "This page is older than the hotline. Reload it; the caller stays on the line."}
	}
	if err := next.validate(l.Now()); err != nil {
		return err
	}
	if next.PlaceCode = f.PlaceCode; next.Place != f.Place {
		next.PlaceCode = l.PlaceCode(next.Place)
	}
	*f = next
	return nil
}

func (f *CaseFields) validate(set *lists.Set) error {
	for _, choice := range []struct {
		field string
		value string
		in    []string
	}{
		{"danger_now", f.DangerNow, []string{"", "yes", "no", "unsure"}},
		{"urgent_need", f.UrgentNeed, []string{"", "yes", "no"}},
		{"safe_tonight", f.SafeTonight, []string{"", "yes", "no"}},
		{"talk_freely", f.TalkFreely, []string{"", "fine", "specialist"}},
		{"may_share", f.MayShare, []string{"", "yes", "no", "not_asked"}},
		{"legal_basis", f.LegalBasis, append(sharing.Bases(), "")},
		{"share_scope", f.ShareScope, append(sharing.Scopes(), "")},
	} {
		if !slices.Contains(choice.in, choice.value) {
			return FieldError{choice.field, "Choose one of the answers on the page."}
		}
	}
	needs := set.List(lists.Needs)
	if f.TopNeed != "" && !needs.Has(f.TopNeed) {
		return FieldError{"top_need", "Choose one of the answers on the page."}
	}
	for _, need := range f.MoreNeeds {
		if !needs.Has(need) {
			return FieldError{"more_needs", "Choose one of the answers on the page."}
		}
	}
	if f.People < 0 || f.People > 100_000 || f.Children < 0 || f.Children > 100_000 {
		return FieldError{"people_total", "Enter how many people there are, as a number."}
	}
	for _, text := range []*string{&f.CallbackNumber, &f.Place, &f.Landmark, &f.Name, &f.Notes} {
		*text = clean(*text)
		if len([]rune(*text)) > maxText {
			return FieldError{Text: fmt.Sprintf("This text is too long to save: %d characters at most.", maxText)}
		}
	}
	return nil
}

// clean drops control characters and the bidirectional overrides with which a
// text can pretend to be another one.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r), r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// Finish counts unanswered questions as the worse answer and returns the case,
// if the contact has one.
func (c *Cases) Finish(ctx context.Context, contact, by string) (Case, error) {
	var out Case
	err := c.store.Update(ctx, func(tx *store.Tx) error {
		k, err := contacts.Get(tx, contact)
		if err != nil || k.Case == "" {
			return err
		}
		if out, err = cases.Get(tx, k.Case); err != nil {
			return err
		}
		was := out
		if !out.Lowered {
			out.raise(Assess(out.Fields, true), tx.Now())
		}
		if out.Level == was.Level {
			return nil
		}
		k.Level = out.Level
		tx.Emit(events.Event{Kind: "case.updated", Operation: k.Operation, Contact: k.ID, By: by, Via: "rule",
			Data: map[string]string{"case": out.ID, "level": string(out.Level)}})
		return errors.Join(cases.Put(tx, out.ID, out), putContact(tx, &k),
			caseHistory.Note(tx, history.Entry{Record: out.ID, By: by, Via: "rule", What: "assessed"}, was, out, "level_at"))
	})
	return out, err
}

// Get returns one case.
func (c *Cases) Get(id string) (cs Case, err error) {
	err = c.store.View(func(tx *store.Tx) error {
		cs, err = cases.Get(tx, id)
		return err
	})
	return cs, err
}

// After returns up to limit cases behind the id after, oldest first, and the id
// behind which it goes on, "" at the end. Damaged records become the error; the
// others are there.
func (c *Cases) After(after string, limit int) (list []Case, next string, err error) {
	var damaged error
	err = c.store.View(func(tx *store.Tx) error {
		list, next, damaged = cases.After(tx, after, limit)
		return nil
	})
	return list, next, errors.Join(err, damaged)
}

// Each calls fn for every case, newest first, until it returns false.
func (c *Cases) Each(fn func(Case) bool) error {
	return c.store.View(func(tx *store.Tx) error {
		for _, cs := range cases.Backward(tx) {
			if !fn(cs) {
				break
			}
		}
		return nil
	})
}
