package volunteers

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/history"
	"hotline/appliance/lists"
	"hotline/appliance/sharing"
	"hotline/appliance/store"
)

// EventSaved says that a registrant was registered or completed.
const EventSaved = "registrant.saved"

// TableRegistrants is the table of which a feed of the store can tell what has
// changed.
const TableRegistrants = "registrants"

var (
	registrants = store.NewTable[Registrant](TableRegistrants)
	recordings  = store.NewTable[[]byte]("registrant_recordings") // µ-law, by id/name
	byCode      = store.NewIndex("registrants_by_code")
	byContact   = store.NewIndex("registrants_by_contact")
	byPhone     = store.NewIndex("registrants_by_phone") // keyed digest of the number
)

// Registry keeps the registrants.
type Registry struct {
	store *store.Store
	lists *lists.Keeper
}

// NewRegistry keeps registrants in s. The lists say what can be answered.
func NewRegistry(s *store.Store, l *lists.Keeper) *Registry { return &Registry{store: s, lists: l} }

// Save stores what is known of a person and returns the record with its id and
// code. One contact makes one registrant: saving again adds what is new, never
// takes anything away, and never makes a complete record incomplete.
func (g *Registry) Save(ctx context.Context, r Registrant, sound map[string][]byte) (Registrant, error) {
	var saved Registrant
	err := g.store.Update(ctx, func(tx *store.Tx) error {
		next, before, err := merge(tx, r)
		if err != nil {
			return err
		}
		news := before.ID == ""
		for _, name := range slices.Sorted(maps.Keys(sound)) {
			changed, err := next.keep(tx, name, sound[name])
			if err != nil {
				return err
			}
			news = news || changed
		}
		next.Incomplete = next.Incomplete || len(next.Missing()) > 0
		if saved = next; !news && reflect.DeepEqual(next, before) {
			return nil
		}
		next.UpdatedAt = tx.Now()
		if err := registrants.Put(tx, next.ID, next); err != nil {
			return err
		}
		what := "completed"
		var from any = before
		if before.ID == "" {
			what, from = "registered", nil
		}
		if err := registrantHistory.Note(tx, history.Entry{Record: next.ID, Via: next.Source, What: what}, from, next, "updated_at"); err != nil {
			return err
		}
		if next.Incomplete {
			what = "incomplete"
		}
		tx.Emit(events.Event{Kind: EventSaved, Contact: next.Contact, Via: next.Source,
			Data: map[string]string{"registrant": next.ID, "what": what}})
		saved = next
		return nil
	})
	if err != nil {
		return Registrant{}, fmt.Errorf("the registration was not stored: %w", err)
	}
	return saved, nil
}

// merge finds the record of the same contact, or begins one: before is then
// the zero Registrant.
func merge(tx *store.Tx, r Registrant) (next, before Registrant, err error) {
	id := r.ID
	if id == "" && r.Contact != "" {
		id = first(byContact.IDs(tx, r.Contact))
	}
	if id == "" {
		next, err = begin(tx, r)
		return next, Registrant{}, err
	}
	before, err = registrants.Get(tx, id)
	if err != nil {
		return next, before, err
	}
	next = before
	next.Recordings = slices.Clone(before.Recordings)
	add(&next.Age, r.Age)
	add(&next.Area, r.Area)
	add(&next.Willing, r.Willing)
	add(&next.Availability, r.Availability)
	add(&next.Transport, r.Transport)
	add(&next.GivenName, r.GivenName)
	add(&next.FamilyName, r.FamilyName)
	if len(r.Languages) > 0 {
		next.Languages = r.Languages
	}
	if len(r.Skills) > 0 {
		next.Skills = r.Skills
	}
	if r.Consent.Given && !next.Consent.Given {
		next.Consent = r.Consent
		next.Consent.At = tx.Now()
	}
	if !r.Phone.Withheld() && r.Phone != next.Phone {
		if err := rephone(tx, &next, r.Phone); err != nil {
			return next, before, err
		}
	}
	next.Incomplete = r.Incomplete && before.Incomplete
	return next, before, nil
}

func add[T ~string](old *T, new T) {
	if new != "" {
		*old = new
	}
}

func begin(tx *store.Tx, r Registrant) (Registrant, error) {
	r.ID = tx.NewID()
	r.RegisteredAt, r.UpdatedAt = tx.Now(), tx.Now()
	r.Recordings, r.SamePhone = nil, nil
	both, err := sharing.Of(tx, sharing.Registrants)
	if err != nil {
		return r, err
	}
	r.LegalBasis, r.ShareScope = cmp.Or(r.LegalBasis, both.Basis), cmp.Or(r.ShareScope, both.Scope)
	if r.Status == "" {
		r.Status = StatusRegistered
	}
	if r.Consent.Given && r.Consent.At.IsZero() {
		r.Consent.At = tx.Now()
	}
	code, err := newCode(tx, r.ID)
	if err != nil {
		return r, err
	}
	r.Code = code
	if r.Contact != "" {
		if err := byContact.Add(tx, r.Contact, r.ID); err != nil {
			return r, err
		}
	}
	phone := r.Phone
	r.Phone = ""
	if phone.Withheld() {
		return r, nil
	}
	return r, rephone(tx, &r, phone)
}

// rephone gives r a number and links it with the earlier registrants who have
// it too: phones are shared, and people register twice.
func rephone(tx *store.Tx, r *Registrant, phone call.Number) error {
	if !r.Phone.Withheld() {
		if err := byPhone.Remove(tx, tx.Digest(string(r.Phone)), r.ID); err != nil {
			return err
		}
	}
	r.Phone = phone
	r.SamePhone = nil
	for id := range byPhone.IDs(tx, tx.Digest(string(phone))) {
		if id != r.ID {
			r.SamePhone = append(r.SamePhone, id)
		}
	}
	return byPhone.Add(tx, tx.Digest(string(phone)), r.ID)
}

// keep stores what r said under name, and reports whether that is news.
func (r *Registrant) keep(tx *store.Tx, name string, mulaw []byte) (news bool, err error) {
	if len(mulaw) == 0 {
		return false, nil
	}
	old, err := recordings.Get(tx, r.ID+"/"+name)
	if err == nil && bytes.Equal(old, mulaw) || err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	said := Recording{Name: name, Seconds: (len(mulaw) + audio.SampleRate - 1) / audio.SampleRate}
	if at := slices.IndexFunc(r.Recordings, func(x Recording) bool { return x.Name == name }); at >= 0 {
		r.Recordings[at] = said
	} else {
		r.Recordings = append(r.Recordings, said)
	}
	return true, recordings.Put(tx, r.ID+"/"+name, mulaw)
}

// SaveAnswers stores a finished telephone registration and returns the code to
// read out.
func (g *Registry) SaveAnswers(ctx context.Context, answers map[string]string, sound map[string][]byte) (code string, err error) {
	a := Answers(answers)
	if a.Refused() {
		return "", errors.New("a caller who did not agree is not registered")
	}
	r, err := g.Save(ctx, a.Registrant(), ours(sound))
	return r.Code, err
}

// SaveUnfinished stores what is known when a registration ended early: with
// the record, or false when the caller had not begun or does not want it.
func (g *Registry) SaveUnfinished(ctx context.Context, answers map[string]string, sound map[string][]byte) (Registrant, bool, error) {
	a := Answers(answers)
	if !a.Begun() || a.Refused() {
		return Registrant{}, false, nil
	}
	r := a.Registrant()
	r.Incomplete = true
	r, err := g.Save(ctx, r, ours(sound))
	return r, err == nil, err
}

// ours are the recordings that belong to a registrant.
func ours(sound map[string][]byte) map[string][]byte {
	kept := map[string][]byte{}
	for _, name := range []string{RecordingName, RecordingSkills} {
		if mulaw := sound["registrant."+name]; len(mulaw) > 0 {
			kept[name] = mulaw
		}
	}
	return kept
}

// Get returns one registrant, or store.ErrNotFound.
func (g *Registry) Get(id string) (r Registrant, err error) {
	err = g.store.View(func(tx *store.Tx) error {
		r, err = registrants.Get(tx, id)
		return err
	})
	return r, err
}

// ByCode returns the registrant with that code, or store.ErrNotFound.
func (g *Registry) ByCode(code string) (r Registrant, err error) {
	err = g.store.View(func(tx *store.Tx) error {
		id := first(byCode.IDs(tx, code))
		if id == "" {
			return store.ErrNotFound
		}
		for range longestTrail { // a duplicate's code is still on somebody's badge
			if r, err = registrants.Get(tx, id); err != nil || r.DuplicateOf == "" {
				return err
			}
			id = r.DuplicateOf
		}
		return err
	})
	return r, err
}

// longestTrail bounds how often a duplicate of a duplicate is followed.
const longestTrail = 10

// Sound returns what a registrant said, or store.ErrNotFound.
func (g *Registry) Sound(id, name string) (clip *audio.Clip, err error) {
	err = g.store.View(func(tx *store.Tx) error {
		mulaw, err := recordings.Get(tx, id+"/"+name)
		clip = audio.NewClip(mulaw)
		return err
	})
	if err != nil {
		return nil, err
	}
	return clip, nil
}

// List returns up to limit registrants, newest first, after skipping some.
func (g *Registry) List(skip, limit int) (list []Registrant, err error) {
	err = g.store.View(func(tx *store.Tx) error {
		list = nil
		for _, r := range registrants.Backward(tx) {
			if skip--; skip >= 0 {
				continue
			}
			if len(list) == limit {
				break
			}
			list = append(list, r)
		}
		return nil
	})
	return list, err
}

// After returns up to limit registrants behind the id after, oldest first, and the id
// behind which it goes on, "" at the end. Damaged records become the error; the
// others are there.
func (g *Registry) After(after string, limit int) (list []Registrant, next string, err error) {
	var damaged error
	err = g.store.View(func(tx *store.Tx) error {
		list, next, damaged = registrants.After(tx, after, limit)
		return nil
	})
	return list, next, errors.Join(err, damaged)
}

// Each calls do with every registrant, oldest first, until it returns an error.
func (g *Registry) Each(do func(Registrant) error) error {
	return g.store.View(func(tx *store.Tx) error {
		for _, r := range registrants.All(tx) {
			if err := do(r); err != nil {
				return err
			}
		}
		return nil
	})
}

func first(ids iter.Seq[string]) string {
	for id := range ids {
		return id
	}
	return ""
}
