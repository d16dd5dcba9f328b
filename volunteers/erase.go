package volunteers

import (
	"errors"
	"slices"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/erasures"
	"hotline/appliance/store"
)

// ErrAtWork says that hours of the person still run.
var ErrAtWork = errors.New("this person has checked in for a shift: check them out first")

// EventErased says that a registrant was erased, on request or by age.
const EventErased = "registrant.erased"

// Erase removes a person. Their hours stay as hours of somebody: they are proof
// for donors and authorities. The code leads nowhere any more.
func Erase(tx *store.Tx, id string) error {
	r, err := registrants.Get(tx, id)
	if err != nil {
		return err
	}
	if first(shiftOpen.IDs(tx, id)) != "" {
		return ErrAtWork
	}
	errs := []error{registrantHistory.Forget(tx, id), registrantPINs.Delete(tx, id), registrantMergings.Delete(tx, id)}
	for _, gone := range r.Merged {
		errs = append(errs, registrantMergings.Delete(tx, gone))
	}
	var sounds []string
	for key := range recordings.Prefix(tx, id+"/") {
		sounds = append(sounds, key)
	}
	for _, key := range sounds {
		errs = append(errs, recordings.Delete(tx, key))
	}
	if r.Code != "" {
		errs = append(errs, byCode.Remove(tx, r.Code, id))
	}
	if r.Contact != "" {
		errs = append(errs, byContact.Remove(tx, r.Contact, id))
	}
	if !r.Phone.Withheld() {
		errs = append(errs, byPhone.Remove(tx, tx.Digest(string(r.Phone)), id))
	}
	r = Registrant{ID: id, Status: StatusWithdrawn, StatusAt: tx.Now(), Source: r.Source, RegisteredAt: r.RegisteredAt,
		UpdatedAt: tx.Now(), DuplicateOf: r.DuplicateOf, Merged: r.Merged, Erased: tx.Now()}
	return errors.Join(append(errs, registrants.Put(tx, id, r))...)
}

// RecordsOf finds the people who gave a number, with their duplicates.
func RecordsOf(tx *store.Tx, number call.Number) (ids []string) {
	for _, r := range registrants.All(tx) {
		if slices.Contains([]call.Number{r.Phone, r.Phone2}, number) {
			ids = append(ids, withDuplicates(r)...)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// CodeRecords finds a person by their code, with their duplicates.
func CodeRecords(tx *store.Tx, code string) (ids []string) {
	for id := range byCode.IDs(tx, code) {
		if r, err := registrants.Get(tx, id); err == nil {
			ids = append(ids, withDuplicates(r)...)
		}
	}
	return ids
}

func withDuplicates(r Registrant) []string {
	ids := append([]string{r.ID}, r.Merged...)
	if r.DuplicateOf != "" {
		ids = append(ids, r.DuplicateOf)
	}
	return ids
}

// Aged returns who left so long ago that they are to be erased, among limit
// registrants behind the id after, and where to go on; "" is the end. Those who
// have taken back their agreement have a clock of their own.
func Aged(tx *store.Tx, left, withdrawn int, now time.Time, after string, limit int) (ids []string, next string, err error) {
	list, next, err := registrants.After(tx, after, limit)
	for _, r := range list {
		days := left
		if r.tookBack() {
			days = withdrawn
		}
		gone := slices.Contains([]Status{StatusReleased, StatusWithdrawn, StatusDeclined}, r.Status)
		if days > 0 && gone && r.Erased.IsZero() && !r.StatusAt.IsZero() && now.Sub(r.StatusAt) > time.Duration(days)*24*time.Hour {
			ids = append(ids, r.ID)
		}
	}
	return ids, next, err
}

// EraseAgain erases a person whom an older backup has brought back, also one who
// was at work then: the hours end with the remark that nobody said so.
func EraseAgain(tx *store.Tx, id string) error {
	s, err := running(tx, id)
	if err == nil && s.ID != "" {
		err = errors.Join(s.end(tx), s.propose(tx))
	}
	if err != nil {
		return err
	}
	return Erase(tx, id)
}

// Known are those of some people who are there and not erased.
func Known(tx *store.Tx, ids []string) (there []string) {
	for _, id := range ids {
		if r, err := registrants.Get(tx, id); err == nil && r.Erased.IsZero() {
			there = append(there, id)
		}
	}
	return there
}

// NumberOf finds the number with a digest, "" when nobody gave it.
func NumberOf(tx *store.Tx, digest string) call.Number {
	for _, r := range registrants.All(tx) {
		for _, n := range []call.Number{r.Phone, r.Phone2} {
			if !n.Withheld() && tx.Digest(string(n)) == digest {
				return n
			}
		}
	}
	return ""
}

// AgedHours returns which of limit people behind the id after are erased and
// have hours that are older than a number of days, and where to go on; "" is the
// end. Hours of people who are known are kept as long as those.
func AgedHours(tx *store.Tx, days int, now time.Time, after string, limit int) (ids []string, next string, err error) {
	list, next, err := registrants.After(tx, after, limit)
	for _, r := range list {
		if r.Erased.IsZero() || days == 0 {
			continue
		}
		for _, e := range shiftEntries.Prefix(tx, r.ID+"/") {
			if now.Sub(e.At) > time.Duration(days)*24*time.Hour {
				ids = append(ids, r.ID)
				break
			}
		}
	}
	return ids, next, err
}

// ExpireHours removes the hours of an erased person that are older than a number
// of days.
func ExpireHours(tx *store.Tx, id string, days int, now time.Time) error {
	var old []string
	for key, e := range shiftEntries.Prefix(tx, id+"/") {
		if now.Sub(e.At) <= time.Duration(days)*24*time.Hour {
			continue
		}
		old = append(old, key)
		gone := ""
		switch e.Kind {
		case entryCheckIn:
			gone = e.Shift
		case entryCorrection:
			gone = e.ID
		}
		if gone != "" {
			if err := erasures.Leave(tx, setShifts, gone, false); err != nil {
				return err
			}
		}
	}
	for _, key := range old {
		if err := shiftEntries.Delete(tx, key); err != nil {
			return err
		}
	}
	return nil
}
