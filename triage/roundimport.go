package triage

import (
	"errors"
	"fmt"

	"hotline/appliance/call"
	"hotline/appliance/store"
)

// A list of people who come in a file becomes a round that nobody has started.

// ImportRound stores the round of a list, in the transaction of an import.
// Nobody is called before StartRound.
func ImportRound(tx *store.Tx, r Round) (Round, error) {
	switch {
	case r.People == 0:
		return r, ErrRoundEmpty
	case r.People > MaxRoundPeople:
		return r, ErrRoundLong
	case r.Name == "":
		return r, ErrRoundName
	}
	r.ID, r.MadeAt, r.State, r.Tries = tx.NewID(), tx.Now(), RoundDraft, max(r.Tries, 1)
	return r, rounds.Put(tx, r.ID, r)
}

// ImportRoundPerson stores one person of such a list; line is the one of the file.
func ImportRoundPerson(tx *store.Tx, round string, line int, one ListedPerson) error {
	return putPerson(tx, RoundPerson{}, RoundPerson{ID: fmt.Sprintf("%s-%06d", round, line), Round: round, Line: line, Name: one.Name,
		Number: call.Number(one.Number), Language: one.Language, Source: one.Source, Ref: one.Ref, State: PersonWaits})
}

// RoundTouched reports that somebody has started or stopped the round.
func RoundTouched(tx *store.Tx, id string) (bool, error) {
	r, err := rounds.Get(tx, id)
	return r.State != RoundDraft, err
}

// UnimportRound destroys part of a list; more says that there is more of it.
func UnimportRound(tx *store.Tx, id string) (more bool, err error) {
	var some []RoundPerson
	for _, p := range roundPeople.Prefix(tx, id+"-") {
		if some = append(some, p); len(some) > roundFillAt {
			break
		}
	}
	for _, p := range some {
		err = errors.Join(err, unlist(tx, p), tally(tx, p, -1), roundPeople.Delete(tx, p.ID))
	}
	if len(some) > roundFillAt || err != nil {
		return true, err
	}
	return false, rounds.Delete(tx, id)
}

// Stopped reports that a number wants no calls of rounds.
func Stopped(tx *store.Tx, number call.Number) bool {
	_, err := roundStops.Get(tx, tx.Digest(string(number)))
	return err == nil
}
