// Package sharing says on what ground a record about a person is kept, and how
// far it may go: two fields of cases, registrants and people who are looked for
// (domain 4.1). What new records begin with is decided for the operation.
package sharing

import (
	"context"
	"errors"
	"slices"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Bases are the grounds to choose from: those of the General Data Protection
// Regulation, article 6, and of the ICRC's handbook.
func Bases() []string {
	return []string{"vital_interests", "public_task", "public_interest", "legitimate_interest", "consent", "contract", "legal_obligation"}
}

// How far a record may go, least first.
const (
	Inside  = "inside"  // not outside the organisation
	Helpers = "helpers" // to organisations that can help
	Public  = "public"  // may be published
)

// Scopes are all of them.
func Scopes() []string { return []string{Inside, Helpers, Public} }

// Reaches reports whether a record may go to those for whom something is meant:
// Inside for our own people, Helpers, or Public for everybody. A record that
// does not say stays inside.
func Reaches(scope, to string) bool {
	return slices.Index(Scopes(), to) <= max(slices.Index(Scopes(), scope), 0)
}

// Kinds of records with the two fields.
const (
	Cases       = "cases"
	Registrants = "registrants"
	Missing     = "missing_persons"
)

// Kinds are all of them.
func Kinds() []string { return []string{Cases, Registrants, Missing} }

// Both are the two fields.
type Both struct {
	Basis string `json:"basis"`
	Scope string `json:"scope"`
}

// Defaults are what new records begin with, by kind.
type Defaults map[string]Both

// Shipped are the defaults until somebody who is responsible sets others. A
// case may be counted and passed on for help; names still leave with those alone
// who have agreed. People are told that those who work on the response see what
// they say: so volunteers and people who are looked for stay inside.
func Shipped() Defaults {
	return Defaults{Cases: {"vital_interests", Helpers}, Registrants: {"contract", Inside}, Missing: {"vital_interests", Inside}}
}

// EventDefaults says that new records begin with other values.
const EventDefaults = "sharing.changed"

// ErrChoice refuses what is none of the choices.
var ErrChoice = errors.New("choose one of the answers on the page")

var defaults = store.NewTable[Defaults]("sharing")

const only = "defaults"

// Of are what a new record of a kind begins with.
func Of(tx *store.Tx, kind string) (Both, error) {
	set, err := read(tx)
	return set[kind], err
}

func read(tx *store.Tx) (Defaults, error) {
	set, err := defaults.Get(tx, only)
	if errors.Is(err, store.ErrNotFound) {
		return Shipped(), nil
	}
	return set, err
}

// Read are the defaults of the operation.
func Read(s *store.Store) (set Defaults, err error) {
	err = s.View(func(tx *store.Tx) error {
		set, err = read(tx)
		return err
	})
	return set, err
}

// Set changes them, for records that are made from then on.
func Set(ctx context.Context, s *store.Store, set Defaults, by string) error {
	whole := Defaults{}
	for _, kind := range Kinds() {
		both := set[kind]
		if !slices.Contains(Bases(), both.Basis) || !slices.Contains(Scopes(), both.Scope) {
			return ErrChoice
		}
		whole[kind] = both
	}
	return s.Update(ctx, func(tx *store.Tx) error {
		data := map[string]string{}
		for kind, both := range whole {
			data[kind] = both.Basis + ", " + both.Scope
		}
		tx.Emit(events.Event{Kind: EventDefaults, By: by, Via: "web", Data: data})
		return defaults.Put(tx, only, whole)
	})
}
