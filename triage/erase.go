package triage

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/store"
)

// Erasing leaves the counts: that somebody called, when, and how it ended. Who
// it was, where they are and what they said is gone, with recordings, messages,
// history and what leads to them. Books and reports stay right, for they know
// no names.

// ErrRunning says that the person is on the phone now.
var ErrRunning = errors.New("one of these calls is still running: end it first, or wait")

// ErasedOutcome stands at a case whose person is erased.
const ErasedOutcome = "erased"

// EraseContact removes the person from a contact. An open item is closed: there
// is nobody left to call.
func EraseContact(tx *store.Tx, id, by string) error {
	k, err := contacts.Get(tx, id)
	if err != nil {
		return err
	}
	if k.EndedAt.IsZero() {
		return ErrRunning
	}
	if k.Open != "" {
		k.Open = ""
		if err := putContactBy(tx, &k, closing{by: by, via: "web", why: ErasedOutcome}); err != nil {
			return err
		}
		if k, err = contacts.Get(tx, id); err != nil {
			return err
		}
	}
	errs := []error{forgetMessages(tx, &k), destroyRecordings(tx, &k), eraseItem(tx, k.Item)}
	for _, number := range []call.Number{k.Caller, k.CallBack, call.Number(k.Dialled)} {
		if number == "" || string(number) == k.Dialled && k.Direction != "out" {
			continue
		}
		digest := tx.Digest(string(number))
		errs = append(errs, contactsByCaller.Remove(tx, digest, k.ID), numbersRunning.Remove(tx, digest, k.ID), forgetPerson(tx, number), eraseNumber(tx, digest))
	}
	if k.Direction == "out" {
		errs = append(errs, numbersCalled.Remove(tx, tx.Digest(k.Dialled), cmp.Or(k.CallBackOf, k.Round)), forgetInRound(tx, k))
		k.Dialled = ""
	}
	k.Caller, k.CallBack, k.Redirected, k.Keys, k.Registrant = "", "", "", "", ""
	k.Promise = nil
	k.Erased = tx.Now()
	return errors.Join(append(errs, putContact(tx, &k))...)
}

// eraseNumber forgets what is known of a number. That a protected caller uses
// it is kept: it keeps others from calling there, and says nothing else.
func eraseNumber(tx *store.Tx, digest string) error {
	about, err := numberNotes.read(tx, digest)
	if err != nil || about.Protected {
		return err
	}
	return numberNotes.Delete(tx, digest)
}

// EraseInRound takes a person out of the list of a round. Who was still to be
// called is not.
func EraseInRound(tx *store.Tx, id string) error {
	p, err := roundPeople.Get(tx, id)
	if err != nil {
		return err
	}
	was := p
	if p.State == PersonCalled {
		return ErrRunning
	}
	if p.State == PersonWaits {
		p.State, p.Why = PersonLeftOut, LeftNoNumber
	}
	p.Name, p.Number = "", ""
	return putPerson(tx, was, p)
}

// EraseStop keeps the wish of a number to be left alone, and not the number:
// the key of the entry is enough.
func EraseStop(tx *store.Tx, number call.Number) error {
	e, err := roundStops.Get(tx, tx.Digest(string(number)))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	e.Number, e.Name = "", ""
	return roundStops.Put(tx, e.ID, e)
}

// eraseItem takes the number out of an item of the worklist.
func eraseItem(tx *store.Tx, id string) error {
	if id == "" {
		return nil
	}
	i, err := items.Get(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || i.ClosedAt.IsZero() { // others of the same number are still open in it
		return err
	}
	if i.Number == "" && i.Fold == "" && i.Also == "" && i.ClosedFor == "" && i.Lock.Name == "" {
		return nil
	}
	i.Number, i.Fold, i.Also, i.ClosedFor, i.Lock.Name = "", "", "", "", ""
	return items.Put(tx, id, i)
}

// EraseCase removes the person from a case and closes it. What was needed, how
// urgently and by how many stays, as a count.
func EraseCase(tx *store.Tx, id, by string) error {
	cs, err := cases.Get(tx, id)
	if err != nil {
		return err
	}
	errs := []error{caseHistory.Forget(tx, id), caseMergings.Delete(tx, id)}
	for _, gone := range cs.Merged {
		errs = append(errs, caseMergings.Delete(tx, gone))
	}
	if cs.Code != "" {
		errs = append(errs, casesByCode.Remove(tx, cs.Code, id))
	}
	cs.Caller, cs.Code = "", ""
	f := &cs.Fields
	f.CallbackNumber, f.CallbackConfirmed, f.Place, f.PlaceCode, f.Landmark, f.Name, f.Notes = "", false, "", "", "", "", ""
	f.Own = nil // nobody knows what operators have asked for
	if cs.Status != CaseClosed && cs.Status != CaseDuplicate {
		cs.Status, cs.Outcome, cs.StatusAt = CaseClosed, ErasedOutcome, tx.Now()
	}
	cs.Erased, cs.UpdatedAt, cs.UpdatedBy = tx.Now(), tx.Now(), by
	return errors.Join(append(errs, cases.Put(tx, id, cs))...)
}

// PersonRecords are the contacts and cases of one person, and their
// places in the lists of rounds.
type PersonRecords struct{ Contacts, Cases, Rounds []string }

// RecordsOf finds the contacts and cases that lead to a number, and what belongs
// to them. It reads everything: a number may also be one that was keyed.
func RecordsOf(tx *store.Tx, number call.Number) PersonRecords {
	var found PersonRecords
	seen := map[string]bool{}
	note := func(list *[]string, id string) {
		if id != "" && !seen[id] {
			seen[id] = true
			*list = append(*list, id)
		}
	}
	mine := func(k Contact) bool {
		return slices.Contains([]call.Number{k.Caller, k.CallBack}, number) || k.Direction == "out" && k.Dialled == string(number)
	}
	for _, k := range contacts.All(tx) {
		if mine(k) {
			note(&found.Contacts, k.ID)
			for _, id := range append([]string{k.Case}, k.MoreCases...) {
				note(&found.Cases, id)
			}
		}
	}
	for _, cs := range cases.All(tx) {
		if cs.Caller == number || cs.Fields.CallbackNumber == string(number) {
			note(&found.Cases, cs.ID)
		}
	}
	for id, p := range roundPeople.All(tx) {
		if p.Number == number {
			found.Rounds = append(found.Rounds, id)
		}
	}
	// The duplicates of a case, and the case of a duplicate.
	for i := 0; i < len(found.Cases); i++ {
		cs, err := cases.Get(tx, found.Cases[i])
		if err != nil {
			continue
		}
		for _, id := range append([]string{cs.DuplicateOf}, cs.Merged...) {
			note(&found.Cases, id)
		}
	}
	return found
}

// CaseRecords finds what belongs to a case by its code.
func CaseRecords(tx *store.Tx, code string) (found PersonRecords) {
	for id := range casesByCode.IDs(tx, code) {
		cs, err := cases.Get(tx, id)
		if err != nil {
			continue
		}
		found.Cases = append(found.Cases, id)
		found.Cases = append(found.Cases, cs.Merged...)
		found.Contacts = append(found.Contacts, cs.Contacts...)
	}
	return found
}

// Ages are how long records are kept, in days; 0 is for ever.
type Ages struct {
	CallDetail int `json:"call_detail"` // an ended call that nobody still cares for: then only counts
	Unanswered int `json:"unanswered"`  // one that was not answered and belongs to no case
	Messages   int `json:"messages"`    // on the voicemail, once somebody has dealt with them
	Cases      int `json:"cases"`       // a closed case keeps its person; then only counts
}

func older(at, now time.Time, days int) bool {
	return days > 0 && !at.IsZero() && now.Sub(at) > time.Duration(days)*24*time.Hour
}

// Due is what has become too old.
type Due struct{ Contacts, Messages, Cases []string }

// Aged looks at the contacts and cases behind the two ids, limit of each at
// most, and returns what has become too old and where to go on; "" is the end.
// What somebody still has to care for never becomes too old.
func Aged(tx *store.Tx, ages Ages, now time.Time, contact, cs string, limit int) (due Due, nextContact, nextCase string, err error) {
	list, nextContact, err := contacts.After(tx, contact, limit)
	for _, k := range list {
		if k.EndedAt.IsZero() || k.Open != "" {
			continue
		}
		switch unanswered := k.ConnectedAt.IsZero() && k.Case == "" && len(k.Messages) == 0; {
		case k.Erased.IsZero() && (older(k.EndedAt, now, ages.CallDetail) || unanswered && k.Registrant == "" && older(k.EndedAt, now, ages.Unanswered)):
			due.Contacts = append(due.Contacts, k.ID)
		case len(k.Messages) > 0 && older(k.UpdatedAt, now, ages.Messages):
			due.Messages = append(due.Messages, k.ID)
		}
	}
	closed, nextCase, err2 := cases.After(tx, cs, limit)
	for _, c := range closed {
		if (c.Status == CaseClosed || c.Status == CaseDuplicate) && c.Erased.IsZero() && older(c.StatusAt, now, ages.Cases) {
			due.Cases = append(due.Cases, c.ID)
		}
	}
	return due, nextContact, nextCase, errors.Join(err, err2)
}

// Expire removes what has become too old.
func Expire(tx *store.Tx, due Due) error {
	var errs []error
	for _, id := range due.Contacts {
		errs = append(errs, EraseContact(tx, id, ""))
	}
	for _, id := range due.Messages {
		k, err := contacts.Get(tx, id)
		if err == nil {
			err = errors.Join(forgetMessages(tx, &k), putContact(tx, &k))
		}
		errs = append(errs, err)
	}
	for _, id := range due.Cases {
		errs = append(errs, EraseCase(tx, id, ""))
	}
	return errors.Join(errs...)
}

// NumberOf finds the number with a digest, "" when no record leads to it. Of one
// that nobody called from it reads everything.
func NumberOf(tx *store.Tx, digest string) call.Number {
	is := func(n call.Number) bool { return !n.Withheld() && tx.Digest(string(n)) == digest }
	for id := range contactsByCaller.IDs(tx, digest) {
		if k, err := contacts.Get(tx, id); err == nil && is(k.Caller) {
			return k.Caller
		}
	}
	for _, k := range contacts.All(tx) {
		numbers := []call.Number{k.Caller, k.CallBack}
		if k.Direction == "out" {
			numbers = append(numbers, call.Number(k.Dialled))
		}
		if i := slices.IndexFunc(numbers, is); i >= 0 {
			return numbers[i]
		}
	}
	for _, cs := range cases.All(tx) {
		if n := call.Number(cs.Fields.CallbackNumber); is(n) {
			return n
		}
	}
	for _, p := range roundPeople.All(tx) {
		if is(p.Number) {
			return p.Number
		}
	}
	return ""
}

// Known are those of some records that are there and still hold a person.
func (p PersonRecords) Known(tx *store.Tx) (there PersonRecords) {
	for _, id := range p.Contacts {
		if k, err := contacts.Get(tx, id); err == nil && k.Erased.IsZero() {
			there.Contacts = append(there.Contacts, id)
		}
	}
	for _, id := range p.Cases {
		if cs, err := cases.Get(tx, id); err == nil && cs.Erased.IsZero() {
			there.Cases = append(there.Cases, id)
		}
	}
	for _, id := range p.Rounds {
		if _, err := roundPeople.Get(tx, id); err == nil {
			there.Rounds = append(there.Rounds, id)
		}
	}
	return there
}
