package triage

import (
	"context"
	"errors"
	"slices"

	"hotline/appliance/history"
	"hotline/appliance/sharing"
	"hotline/appliance/store"
)

// caseMerging is what two cases were before they became one, and after.
type caseMerging struct {
	Keep                  string
	KeepBefore, KeepAfter Case
	GoneBefore, GoneAfter Case
}

var caseMergings = store.NewTable[caseMerging]("case_mergings") // by the id of the duplicate

// Merge makes one case of two that are about the same: what keep does not say
// is taken from gone, the worse level counts, and its calls belong to keep. Gone
// stays as a duplicate whose code leads to keep. Unmerge takes it back.
func (c *Cases) Merge(ctx context.Context, keep, gone, by, why string) (cs Case, err error) {
	err = c.store.Update(ctx, func(tx *store.Tx) error {
		one, err := cases.Get(tx, keep)
		if err != nil {
			return err
		}
		two, err := cases.Get(tx, gone)
		if err != nil {
			return err
		}
		if keep == gone || one.DuplicateOf != "" || two.DuplicateOf != "" || one.Protected || two.Protected {
			return ErrCaseMerge
		}
		m := caseMerging{Keep: keep, KeepBefore: one, GoneBefore: two}
		cs = one.filled(two, tx)
		if err := recase(tx, two.Contacts, gone, keep); err != nil {
			return err
		}
		if cs.Fields.ChildAlone { // of either
			cs.Fields.guardChild(c.lists.Now())
			if err := cs.guardCalls(tx, nil, &one, true); err != nil {
				return err
			}
			two.Fields.guardChild(c.lists.Now())
			m.KeepBefore.Fields.guardChild(c.lists.Now())
			m.GoneBefore.Fields.guardChild(c.lists.Now())
		}
		two.Status, two.DuplicateOf = CaseDuplicate, keep
		m.KeepAfter, m.GoneAfter = cs, two
		e := history.Entry{By: by, Via: "web", What: "merged", Why: why}
		return errors.Join(caseMergings.Put(tx, gone, m), cs.putWorked(tx, one, e), two.putWorked(tx, m.GoneBefore, e))
	})
	return cs, err
}

// Unmerge makes two of one again. What people have changed since stays.
func (c *Cases) Unmerge(ctx context.Context, gone, by, why string) (cs Case, err error) {
	err = c.store.Update(ctx, func(tx *store.Tx) error {
		m, err := caseMergings.Get(tx, gone)
		if errors.Is(err, store.ErrNotFound) {
			return ErrCaseUnmerge
		} else if err != nil {
			return err
		}
		one, err := cases.Get(tx, m.Keep)
		if err != nil {
			return err
		}
		two, err := cases.Get(tx, gone)
		if err != nil {
			return err
		}
		var keep Case
		cs = Case{}
		if err := errors.Join(history.Undo(m.KeepBefore, m.KeepAfter, one, &keep), history.Undo(m.GoneBefore, m.GoneAfter, two, &cs)); err != nil {
			return err
		}
		drop := func(list, some []string) []string {
			return slices.Clip(slices.DeleteFunc(slices.Clone(list), func(id string) bool { return slices.Contains(some, id) }))
		}
		if keep.Merged = drop(keep.Merged, []string{gone}); len(keep.Merged) == 0 {
			keep.Merged = nil
		}
		theirs := drop(m.GoneBefore.Contacts, m.KeepBefore.Contacts)
		keep.Contacts = drop(keep.Contacts, theirs)
		if err := recase(tx, theirs, m.Keep, gone); err != nil {
			return err
		}
		for _, each := range []*Case{&keep, &cs} {
			if err := each.guardCalls(tx, nil, each, each.Fields.ChildAlone); err != nil {
				return err
			}
		}
		e := history.Entry{By: by, Via: "web", What: "unmerged", Why: why}
		return errors.Join(caseMergings.Delete(tx, gone), keep.putWorked(tx, one, e), cs.putWorked(tx, two, e))
	})
	return cs, err
}

// recase says of calls that they are about another case.
func recase(tx *store.Tx, ids []string, from, to string) error {
	for _, id := range ids {
		k, err := contacts.Get(tx, id)
		if err != nil {
			return err
		}
		if k.Case == from {
			k.Case = to
		}
		k.MoreCases = slices.Clone(k.MoreCases)
		for i, other := range k.MoreCases {
			if other == from {
				k.MoreCases[i] = to
			}
		}
		if err := putContact(tx, &k); err != nil {
			return err
		}
	}
	return nil
}

// filled is the case with what only other says.
func (cs Case) filled(other Case, tx *store.Tx) Case {
	f, o := &cs.Fields, other.Fields
	for _, text := range []struct {
		mine   *string
		theirs string
	}{{&f.DangerNow, o.DangerNow}, {&f.UrgentNeed, o.UrgentNeed}, {&f.SafeTonight, o.SafeTonight}, {&f.TalkFreely, o.TalkFreely},
		{&f.CallbackNumber, o.CallbackNumber}, {&f.Landmark, o.Landmark}, {&f.TopNeed, o.TopNeed}, {&f.Name, o.Name},
		{&f.MayShare, o.MayShare}, {&f.Notes, o.Notes}, {&f.LegalBasis, o.LegalBasis}} {
		if *text.mine == "" {
			*text.mine = text.theirs
		}
	}
	if f.Place == "" {
		f.Place, f.PlaceCode = o.Place, o.PlaceCode
	}
	// Of two answers the one that keeps more back holds.
	if o.ShareScope != "" && !sharing.Reaches(o.ShareScope, f.ShareScope) {
		f.ShareScope = o.ShareScope
	}
	if o.MayShare == "no" {
		f.MayShare = "no"
	}
	f.ChildAlone, f.Over60 = f.ChildAlone || o.ChildAlone, f.Over60 || o.Over60
	f.DisabilityOrPregnant = f.DisabilityOrPregnant || o.DisabilityOrPregnant
	f.People, f.Children = max(f.People, o.People), max(f.Children, o.Children)
	*f = f.clone()
	for name, answer := range o.Own {
		if _, answered := f.Own[name]; answered {
			continue
		}
		if f.Own == nil {
			f.Own = map[string]any{}
		}
		f.Own[name] = answer
	}
	for _, need := range append([]string{o.TopNeed}, o.MoreNeeds...) {
		if need != "" && need != f.TopNeed && !slices.Contains(f.MoreNeeds, need) {
			f.MoreNeeds = append(f.MoreNeeds, need)
		}
	}
	if cs.Caller.Withheld() {
		cs.Caller = other.Caller
	}
	cs.raise(other.Level, tx.Now())
	cs.Contacts = slices.Clone(cs.Contacts)
	for _, id := range other.Contacts {
		if !slices.Contains(cs.Contacts, id) {
			cs.Contacts = append(cs.Contacts, id)
		}
	}
	cs.Merged = append(slices.Clone(cs.Merged), other.ID)
	return cs
}

// forgetMergings drops what was kept to take mergings of a case back: of a
// protected caller nothing is kept twice. The duplicates are protected with it.
func forgetMergings(tx *store.Tx, cs *Case) error {
	for _, id := range cs.Merged {
		gone, err := cases.Get(tx, id)
		if err != nil {
			return err
		}
		gone.Protected, gone.Fields, gone.Caller = true, protect(gone.Fields), ""
		if err := errors.Join(caseMergings.Delete(tx, id), caseHistory.Forget(tx, id), cases.Put(tx, id, gone)); err != nil {
			return err
		}
	}
	return nil
}
