package privacy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/once"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/volunteers"
)

// due is what has become too old, by the names of the rules.
type due map[string][]string

// class is one walk over one kind of records.
type class struct {
	names []string // of the rules that it is about
	find  func(tx *store.Tx, after string) (found due, next string, err error)
	gone  func(tx *store.Tx, found due) error
}

// beyond is behind every id: that list has come to its end.
const beyond = "~"

// Aging is a kind of record of a part that the keeper does not know: what of it is
// older than so many days, and how one goes.
type Aging struct {
	Rule string // name of the rule among Rules.Fields, and of what is counted
	Find func(tx *store.Tx, days int, now time.Time, after string, limit int) (ids []string, next string, err error)
	Gone func(tx *store.Tx, id string) error
}

// classes are all kinds of records that go by age, but the log.
func (k *Keeper) classes(rules Rules, now time.Time) []class {
	one := func(name string, find func(tx *store.Tx, after string) ([]string, string, error), gone func(tx *store.Tx, id string) error) class {
		return class{[]string{name}, func(tx *store.Tx, after string) (due, string, error) {
			ids, next, err := find(tx, after)
			return due{name: ids}, next, err
		}, func(tx *store.Tx, found due) error {
			var errs []error
			for _, id := range found[name] {
				errs = append(errs, gone(tx, id))
			}
			return errors.Join(errs...)
		}}
	}
	contacts := func(found triage.Due) due { return due{"call_detail": found.Contacts, "messages": found.Messages} }
	all := []class{
		{[]string{"call_detail", "messages"}, func(tx *store.Tx, after string) (due, string, error) {
			found, next, _, err := triage.Aged(tx, rules.Ages, now, after, beyond, atOnce)
			return contacts(found), next, err
		}, func(tx *store.Tx, found due) error {
			return triage.Expire(tx, triage.Due{Contacts: found["call_detail"], Messages: found["messages"]})
		}},
		{[]string{"cases"}, func(tx *store.Tx, after string) (due, string, error) {
			found, _, next, err := triage.Aged(tx, rules.Ages, now, beyond, after, atOnce)
			return due{"cases": found.Cases}, next, err
		}, func(tx *store.Tx, found due) error {
			errs := []error{triage.Expire(tx, triage.Due{Cases: found["cases"]})}
			for _, id := range found["cases"] {
				errs = append(errs, cards.Pseudonymise(tx, id))
			}
			return errors.Join(errs...)
		}},
		one("cards", func(tx *store.Tx, after string) ([]string, string, error) {
			return cards.Aged(tx, rules.Cards, now, after, atOnce)
		}, func(tx *store.Tx, id string) error { return cards.Destroy(tx, []string{id}) }),
		one("rounds", func(tx *store.Tx, after string) ([]string, string, error) {
			return triage.AgedInRounds(tx, rules.Rounds, now, after, atOnce)
		}, triage.EraseInRound),
		one("volunteers", func(tx *store.Tx, after string) ([]string, string, error) {
			return volunteers.Aged(tx, rules.Volunteers, rules.Withdrawn, now, after, atOnce)
		}, volunteers.Erase),
		one("hours", func(tx *store.Tx, after string) ([]string, string, error) {
			return volunteers.AgedHours(tx, rules.Hours, now, after, atOnce)
		}, func(tx *store.Tx, id string) error { return volunteers.ExpireHours(tx, id, rules.Hours, now) }),
	}
	for _, more := range k.more {
		days := 0
		for _, f := range rules.Fields() {
			if f.Name == more.Rule {
				days = *f.Days
			}
		}
		all = append(all, one(more.Rule, func(tx *store.Tx, after string) ([]string, string, error) {
			return more.Find(tx, days, now, after, atOnce)
		}, more.Gone))
	}
	return all
}

// walk hands what has become too old to do, in small parts, so that no call
// waits for it. Damaged records stay and become problems; the others go on.
func (k *Keeper) walk(ctx context.Context, rules Rules, now time.Time, do func(class, due) error) (problems, err error) {
	for _, c := range k.classes(rules, now) {
		for after, begun := "", false; !begun || after != ""; begun = true {
			if ctx.Err() != nil {
				return problems, context.Cause(ctx)
			}
			var found due
			if err := k.store.View(func(tx *store.Tx) error {
				var damaged error
				found, after, damaged = c.find(tx, after)
				problems = errors.Join(problems, damaged)
				return nil
			}); err != nil {
				return problems, err
			}
			if err := do(c, found); err != nil {
				return problems, err
			}
		}
	}
	return problems, nil
}

// Preview counts what would go if it were looked now: how many records by the
// names of the rules that they belong to, in the order in which Kinds has them.
func (k *Keeper) Preview(ctx context.Context, now time.Time) (map[string]int, error) {
	rules, _, err := k.Rules()
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	_, err = k.walk(ctx, rules, now, func(_ class, found due) error {
		for name, ids := range found {
			counts[name] += len(ids)
		}
		return nil
	})
	return counts, err
}

// Kinds are the names by which Preview counts.
func Kinds() []string {
	return []string{"call_detail", "messages", "cases", "cards", "rounds", "volunteers", "hours", "imports"}
}

// NextLook is when the keeper looks the next time, as far as the box runs then.
func NextLook(swept, now time.Time) time.Time {
	from := now
	if due := swept.Add(sweepEvery); due.After(from) {
		from = due
	}
	at := from.Local()
	switch quiet := time.Date(at.Year(), at.Month(), at.Day(), quietFrom, 0, 0, 0, time.Local); {
	case at.Hour() >= quietUntil:
		return quiet.AddDate(0, 0, 1)
	case at.Hour() < quietFrom:
		return quiet
	}
	return from
}

// Sweep removes what has become too old at now.
func (k *Keeper) Sweep(ctx context.Context, now time.Time) error {
	rules, _, err := k.Rules()
	if err != nil {
		return err
	}
	gone := map[string]int{}
	problems, err := k.walk(ctx, rules, now, func(c class, found due) error {
		n := 0
		for _, ids := range found {
			n += len(ids)
		}
		if n == 0 {
			return nil
		}
		if err := k.store.Update(ctx, func(tx *store.Tx) error { return errors.Join(c.gone(tx, found), wantScrub(tx)) }); err != nil {
			return err
		}
		for name, ids := range found {
			gone[name] += len(ids)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for n := logAtOnce; rules.Log > 0 && n == logAtOnce; gone["log"] += n {
		if err := k.store.Update(ctx, func(tx *store.Tx) (err error) {
			n, err = tx.TrimLog(now.AddDate(0, 0, -rules.Log), logAtOnce)
			return err
		}); err != nil {
			return err
		}
	}
	for n := logAtOnce; n == logAtOnce; { // what programs were answered
		if err := k.store.Update(ctx, func(tx *store.Tx) (err error) {
			n, err = once.Sweep(tx, now, logAtOnce)
			return err
		}); err != nil {
			return err
		}
	}
	return errors.Join(problems, k.store.Update(ctx, func(tx *store.Tx) error {
		st, err := read(tx)
		if err != nil {
			return err
		}
		st.Swept = now
		data, all := map[string]string{}, 0
		for _, name := range slices.Concat(Kinds(), []string{"log"}) {
			data[name], all = fmt.Sprint(gone[name]), all+gone[name]
		}
		if all > 0 {
			tx.Emit(events.Event{Kind: EventExpired, Operation: k.operation, Via: "rule", Data: data})
		}
		return states.Put(tx, only, st)
	}))
}

// Unreviewed counts the people who are looked for and of whom nobody has heard
// for so long that a coordinator has to look again.
func (k *Keeper) Unreviewed(now time.Time) (n int, err error) {
	err = k.store.View(func(tx *store.Tx) error {
		n = cards.Unreviewed(tx, now)
		return nil
	})
	return n, err
}
