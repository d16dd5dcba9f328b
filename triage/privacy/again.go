package privacy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"hotline/appliance/call"
	"hotline/appliance/erasures"
	"hotline/appliance/events"
	"hotline/appliance/export"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/volunteers"
)

// EventAgain says that erasures were repeated, because a backup from before
// them was put back.
const EventAgain = "person.erased_again"

// Kinds of records in an entry of the list of erasures.
const (
	ofRounds      = "rounds"
	ofRegistrants = volunteers.TableRegistrants
)

// noteErased remembers, without saying who, what is erased.
func noteErased(tx *store.Tx, p Person) error {
	e := erasures.Entry{Kind: erasures.Person, Records: map[string][]string{triage.TableContacts: p.Contacts, triage.TableCases: p.Cases,
		ofRounds: p.Rounds, ofRegistrants: p.Registrants, cards.Table: p.Cards}}
	if !p.Number.Withheld() {
		e.Number = tx.Digest(string(p.Number))
	}
	return erasures.Note(tx, e)
}

// Repeat makes those erasures of a list again that the records do not know of:
// a backup from before them was put back. It reports how many they were. Calls
// that ran at the time of the backup must have been recovered before.
func (k *Keeper) Repeat(ctx context.Context, list []erasures.Entry) (int, error) {
	var left []erasures.Entry
	if err := k.store.View(func(tx *store.Tx) error {
		left = erasures.Unknown(tx, list)
		return nil
	}); err != nil || len(left) == 0 {
		return 0, err
	}
	for i, e := range left {
		if ctx.Err() != nil {
			return i, context.Cause(ctx)
		}
		if err := k.store.Update(ctx, func(tx *store.Tx) error { return errors.Join(k.again(tx, e), erasures.Again(tx, e), wantScrub(tx)) }); err != nil {
			return i, fmt.Errorf("repeating an erasure of %s: %w", e.At.Format("2006-01-02"), err)
		}
	}
	return len(left), k.store.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: EventAgain, Operation: k.operation, Via: "rule", Data: map[string]string{"count": fmt.Sprint(len(left))}})
		return export.DropAll(tx, k.operation, "")
	})
}

// again repeats one erasure, as far as the records have what it took away.
func (k *Keeper) again(tx *store.Tx, e erasures.Entry) error {
	switch e.Kind {
	case erasures.Card:
		return cards.Destroy(tx, e.Records[cards.Table])
	case erasures.Protected:
		return triage.ProtectAgain(tx, e.Records[triage.TableCases], e.Records[triage.TableContacts])
	}
	p := Person{PersonRecords: triage.PersonRecords{Contacts: e.Records[triage.TableContacts], Cases: e.Records[triage.TableCases], Rounds: e.Records[ofRounds]},
		Registrants: e.Records[ofRegistrants], Cards: e.Records[cards.Table]}
	// The backup tells the number itself, if it has it: what leads to it there
	// may be more than what was left when it was erased.
	if e.Number != "" {
		for _, find := range []func(*store.Tx, string) call.Number{triage.NumberOf, volunteers.NumberOf, cards.NumberOf} {
			if p.Number = find(tx, e.Number); p.Number != "" {
				break
			}
		}
	}
	if p.Number != "" {
		more := triage.RecordsOf(tx, p.Number)
		p.Contacts, p.Cases, p.Rounds = both(p.Contacts, more.Contacts), both(p.Cases, more.Cases), both(p.Rounds, more.Rounds)
		p.Registrants = both(p.Registrants, volunteers.RecordsOf(tx, p.Number))
		p.Cards = both(p.Cards, cards.RecordsOf(tx, p.Number, p.Cases))
	}
	p.PersonRecords, p.Registrants, p.Cards = p.Known(tx), volunteers.Known(tx, p.Registrants), cards.Known(tx, p.Cards)
	return takeOut(tx, p, "", volunteers.EraseAgain)
}

func both(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// takeOut takes a person out of all records that hold it.
func takeOut(tx *store.Tx, p Person, by string, volunteer func(*store.Tx, string) error) error {
	for _, id := range p.Contacts {
		if err := triage.EraseContact(tx, id, by); err != nil {
			return err
		}
	}
	for _, id := range p.Cases {
		if err := triage.EraseCase(tx, id, by); err != nil {
			return err
		}
	}
	for _, id := range p.Rounds {
		if err := triage.EraseInRound(tx, id); err != nil {
			return err
		}
	}
	for _, id := range p.Cards {
		if err := cards.Erase(tx, id, p.Number); err != nil {
			return err
		}
	}
	if err := triage.EraseStop(tx, p.Number); err != nil {
		return err
	}
	for _, id := range p.Registrants {
		if err := volunteer(tx, id); err != nil {
			return err
		}
	}
	return nil
}
