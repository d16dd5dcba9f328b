package volunteers

import (
	"context"
	"errors"
	"slices"

	"hotline/appliance/history"
	"hotline/appliance/store"
)

// Refusals of merging.
var (
	ErrMerge   = errors.New("these two cannot be merged: choose two different people, of whom neither is merged into another one already")
	ErrUnmerge = errors.New("this person is not merged into another one")
)

// merging is what two registrants were before they became one, and after.
type merging struct {
	Keep, Gone            string
	KeepBefore, KeepAfter Registrant
	GoneBefore, GoneAfter Registrant
}

var registrantMergings = store.NewTable[merging]("registrant_mergings") // by the id of the duplicate

// Merge makes one person of two records: what keep does not say is taken from
// gone, which stays as a duplicate with its code, its recordings and its hours.
// Unmerge takes it back.
func (g *Registry) Merge(ctx context.Context, keep, gone, by, why string) (r Registrant, err error) {
	err = g.store.Update(ctx, func(tx *store.Tx) error {
		one, err := registrants.Get(tx, keep)
		if err != nil {
			return err
		}
		two, err := registrants.Get(tx, gone)
		if err != nil {
			return err
		}
		if keep == gone || one.DuplicateOf != "" || two.DuplicateOf != "" {
			return ErrMerge
		}
		m := merging{Keep: keep, Gone: gone, KeepBefore: one, GoneBefore: two}
		r = one.filled(two)
		if r.Phone != one.Phone {
			phone := r.Phone
			r.Phone = ""
			if err := rephone(tx, &r, phone); err != nil {
				return err
			}
		}
		r.Incomplete = len(r.Missing()) > 0
		two.Status, two.Before, two.DuplicateOf = StatusDuplicate, m.GoneBefore.Status, keep
		r.UpdatedAt, two.UpdatedAt = tx.Now(), tx.Now()
		m.KeepAfter, m.GoneAfter = r, two
		note := history.Entry{By: by, Via: "web", What: "merged", Why: why}
		return errors.Join(registrantMergings.Put(tx, gone, m), putMerged(tx, one, r, note), putMerged(tx, m.GoneBefore, two, note))
	})
	return r, err
}

// Unmerge makes two of one again. What people have changed since stays.
func (g *Registry) Unmerge(ctx context.Context, gone, by, why string) (r Registrant, err error) {
	err = g.store.Update(ctx, func(tx *store.Tx) error {
		m, err := registrantMergings.Get(tx, gone)
		if errors.Is(err, store.ErrNotFound) {
			return ErrUnmerge
		} else if err != nil {
			return err
		}
		one, err := registrants.Get(tx, m.Keep)
		if err != nil {
			return err
		}
		two, err := registrants.Get(tx, gone)
		if err != nil {
			return err
		}
		var keep Registrant
		r = Registrant{}
		if err := errors.Join(history.Undo(m.KeepBefore, m.KeepAfter, one, &keep), history.Undo(m.GoneBefore, m.GoneAfter, two, &r)); err != nil {
			return err
		}
		keep.Merged = slices.DeleteFunc(slices.Clone(keep.Merged), func(id string) bool { return id == gone })
		if len(keep.Merged) == 0 {
			keep.Merged = nil
		}
		if keep.Phone != one.Phone {
			same, phone := keep.SamePhone, keep.Phone
			keep.Phone = one.Phone
			if phone.Withheld() {
				err = byPhone.Remove(tx, tx.Digest(string(one.Phone)), keep.ID)
				keep.Phone = ""
			} else {
				err = rephone(tx, &keep, phone)
			}
			if err != nil {
				return err
			}
			keep.SamePhone = same
		}
		keep.UpdatedAt, r.UpdatedAt = tx.Now(), tx.Now()
		note := history.Entry{By: by, Via: "web", What: "unmerged", Why: why}
		return errors.Join(registrantMergings.Delete(tx, gone), putMerged(tx, one, keep, note), putMerged(tx, two, r, note))
	})
	return r, err
}

func putMerged(tx *store.Tx, was, is Registrant, e history.Entry) error {
	e.Record = is.ID
	return errors.Join(registrants.Put(tx, is.ID, is), registrantHistory.Note(tx, e, was, is, "updated_at"))
}

// filled is r with what only other says.
func (r Registrant) filled(other Registrant) Registrant {
	gap(&r.Phone, other.Phone)
	if r.Phone != other.Phone {
		gap(&r.Phone2, other.Phone)
	}
	gap(&r.Phone2, other.Phone2)
	gap(&r.GivenName, other.GivenName)
	gap(&r.FamilyName, other.FamilyName)
	gap(&r.Age, other.Age)
	gap(&r.Area, other.Area)
	if r.Place == "" {
		r.Place, r.PlaceCode = other.Place, other.PlaceCode
	}
	gap(&r.Willing, other.Willing)
	gap(&r.Availability, other.Availability)
	gap(&r.Transport, other.Transport)
	gap(&r.Email, other.Email)
	gap(&r.AvailableFrom, other.AvailableFrom)
	gap(&r.SkillNote, other.SkillNote)
	gap(&r.Equipment, other.Equipment)
	gap(&r.Affiliation, other.Affiliation)
	gap(&r.EmergencyName, other.EmergencyName)
	gap(&r.EmergencyRelation, other.EmergencyRelation)
	gap(&r.EmergencyPhone, other.EmergencyPhone)
	gap(&r.Limits, other.Limits)
	if r.Certificate == "" {
		r.Certificate, r.CertificateIssuer, r.CertificateUntil, r.CertificateSeen = other.Certificate, other.CertificateIssuer, other.CertificateUntil, other.CertificateSeen
	}
	gap(&r.GuardianName, other.GuardianName)
	gap(&r.GuardianPhone, other.GuardianPhone)
	gap(&r.Check, other.Check)
	gap(&r.CheckUntil, other.CheckUntil)
	gap(&r.CheckAt, other.CheckAt)
	gap(&r.Notes, other.Notes)
	r.Languages, r.Skills, r.Trained = both(r.Languages, other.Languages), both(r.Skills, other.Skills), both(r.Trained, other.Trained)
	if !r.Consent.Given && !other.Consent.At.Before(r.Consent.Withdrawn) { // what was taken back stays so
		r.Consent = other.Consent
	}
	if other.tookBack() && r.Consent.At.Before(other.Consent.Withdrawn) {
		r.Consent = other.Consent
	}
	if !r.Conduct.Given {
		r.Conduct = other.Conduct
	}
	r.Merged = both(r.Merged, []string{other.ID})
	return r
}

func gap[T ~string](mine *T, theirs T) {
	if *mine == "" {
		*mine = theirs
	}
}

func both[T comparable](mine, theirs []T) []T {
	out := slices.Clone(mine)
	for _, one := range theirs {
		if !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	return out
}
