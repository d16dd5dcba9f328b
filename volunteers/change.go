package volunteers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/history"
	"hotline/appliance/lists"
	"hotline/appliance/sharing"
	"hotline/appliance/store"
)

// EventChanged says that somebody changed answers of a registrant.
const EventChanged = "registrant.changed"

var registrantHistory = history.NewBook("registrant_history")

// TrainedProtected is the training for what callers tell in private.
const TrainedProtected = "safeguarding"

// Trainings are what people are trained for before they take calls.
func Trainings() []string {
	return []string{"hotline_basics", "first_aid_mind", TrainedProtected, "data_protection"}
}

// Checks are how far a background check has come; only its result is kept.
func Checks() []string { return []string{"not_needed", "needed", "requested", "clear", "failed"} }

// FieldError is a value that cannot be saved.
type FieldError struct{ Field, Text string }

func (e FieldError) Error() string { return e.Text }

// editable are the fields that a person changes by hand.
func editable() []string {
	return []string{"given_name", "family_name", "phone", "phone_2", "email", "age", "languages", "area", "place", "willing", "availability", "available_from",
		"hours_day", "skills", "skill_note", "transport", "equipment", "affiliation", "emergency_name", "emergency_relation", "emergency_phone",
		"limits", "guardian_name", "guardian_phone", "guardian_consent", "check", "check_at", "check_until", "certificate", "certificate_issuer", "certificate_until", "certificate_verified", "trained", "notes", "legal_basis", "share_scope"}
}

// Change changes answers of a registrant. Fields that somebody else has changed
// since they were shown stay as they are and come back as conflicts.
func (g *Registry) Change(ctx context.Context, id string, e history.Edit) (r Registrant, conflicts []history.Conflict, err error) {
	for field := range e.Fields {
		if !slices.Contains(editable(), field) {
			return r, nil, FieldError{field, "This field cannot be changed here."}
		}
	}
	err = g.store.Update(ctx, func(tx *store.Tx) error {
		was, err := registrants.Get(tx, id)
		if err != nil {
			return err
		}
		fields, found, err := history.Conflicts(was, e.Shown, e.Fields)
		if err != nil {
			return err
		}
		conflicts = found
		if r, err = was.With(fields); err != nil {
			return err
		}
		if err := r.Valid(g.lists); err != nil {
			return err
		}
		if r.Place != was.Place {
			r.PlaceCode = g.lists.PlaceCode(r.Place)
		}
		if r.Phone != was.Phone {
			phone := r.Phone
			r.Phone = was.Phone
			if err := rephone(tx, &r, phone); err != nil {
				return err
			}
		}
		r.Incomplete = len(r.Missing()) > 0
		return putChanged(tx, was, &r, history.Entry{By: e.By, Via: e.Via, What: "changed", Why: e.Why})
	})
	return r, conflicts, err
}

func putChanged(tx *store.Tx, was Registrant, r *Registrant, e history.Entry) error {
	fields, err := history.Diff(was, *r)
	if err != nil || len(fields) == 0 {
		return err
	}
	r.UpdatedAt = tx.Now()
	e.Record = r.ID
	tx.Emit(events.Event{Kind: EventChanged, By: e.By, Via: e.Via, Data: map[string]string{"registrant": r.ID, "what": e.What}})
	return errors.Join(registrants.Put(tx, r.ID, *r), registrantHistory.Note(tx, e, was, *r, "updated_at"))
}

// With is the record with other answers, by the names of its fields. Whether they
// are answers of the lists is looked at when it is stored.
func (r Registrant) With(fields map[string]any) (Registrant, error) {
	raw, err := json.Marshal(fields)
	if err != nil {
		return r, FieldError{Text: "This could not be read."}
	}
	next := r
	next.Languages, next.Skills, next.Trained = nil, nil, nil
	for name, list := range map[string]func(){
		"languages": func() { next.Languages = slices.Clone(r.Languages) },
		"skills":    func() { next.Skills = slices.Clone(r.Skills) },
		"trained":   func() { next.Trained = slices.Clone(r.Trained) },
	} {
		if _, changed := fields[name]; !changed {
			list()
		}
	}
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&next); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return r, FieldError{wrong.Field, "Enter a number in this field."}
		}
		return r, FieldError{Text: "This could not be read."}
	}
	return next, nil
}

// Valid reports an answer that the lists do not know, or that is too long, and
// drops what is invisible.
func (r *Registrant) Valid(l *lists.Keeper) error {
	skills := l.Now().List(lists.Skills)
	checks := []struct {
		field string
		ok    bool
	}{
		{"age", r.Age == "" || oneOf(string(r.Age), Adult, Minor) != ""},
		{"willing", r.Willing == "" || oneOf(string(r.Willing), Willings()...) != ""},
		{"availability", r.Availability == "" || oneOf(string(r.Availability), Availabilities()...) != ""},
		{"transport", r.Transport == "" || oneOf(string(r.Transport), Transports()...) != ""},
		{"check", r.Check == "" || slices.Contains(Checks(), r.Check)},
		{"legal_basis", r.LegalBasis == "" || slices.Contains(sharing.Bases(), r.LegalBasis)},
		{"share_scope", r.ShareScope == "" || slices.Contains(sharing.Scopes(), r.ShareScope)},
		{"hours_day", r.HoursDay >= 0 && r.HoursDay <= 24},
		{"available_from", day(r.AvailableFrom)},
		{"check_until", day(r.CheckUntil)},
		{"check_at", day(r.CheckAt)},
		{"certificate_until", day(r.CertificateUntil)},
		{"skills", !slices.ContainsFunc(r.Skills, func(s Skill) bool { return !skills.Has(string(s)) })},
		{"trained", !slices.ContainsFunc(r.Trained, func(s string) bool { return !slices.Contains(Trainings(), s) })},
	}
	for _, c := range checks {
		if !c.ok {
			return FieldError{c.field, "Choose one of the answers on the page."}
		}
	}
	for _, text := range []*string{&r.GivenName, &r.FamilyName, &r.Email, &r.Area, &r.Place, &r.SkillNote, &r.Equipment, &r.Affiliation, &r.EmergencyName,
		&r.EmergencyRelation, &r.Certificate, &r.CertificateIssuer, &r.Limits, &r.GuardianName, &r.Notes, (*string)(&r.Phone), (*string)(&r.Phone2), (*string)(&r.EmergencyPhone), (*string)(&r.GuardianPhone)} {
		*text = tidy(*text)
		if len([]rune(*text)) > mostText {
			return FieldError{Text: fmt.Sprintf("This text is too long to save: %d characters at most.", mostText)}
		}
	}
	return nil
}

const mostText = 2000 // runes

func day(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return text == "" || err == nil
}

// tidy drops control characters and those that turn the direction of a text.
func tidy(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r != '\n' && unicode.IsControl(r) || r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "")))
}

// Agree notes that somebody agreed to something when asked by a person: "data",
// that the answers are kept, or "conduct", the code of conduct.
func (g *Registry) Agree(ctx context.Context, id, to string, how, by string) (r Registrant, err error) {
	err = g.store.Update(ctx, func(tx *store.Tx) error {
		was, err := registrants.Get(tx, id)
		if err != nil {
			return err
		}
		r = was
		agreed := Consent{Given: true, At: tx.Now(), Version: "desk-1", How: how}
		switch to {
		case "data":
			r.Consent = agreed
		case "conduct":
			r.Conduct = agreed
		default:
			return FieldError{"consent", "Choose one of the answers on the page."}
		}
		r.Incomplete = len(r.Missing()) > 0
		return putChanged(tx, was, &r, history.Entry{By: by, Via: "web", What: "agreed"})
	})
	return r, err
}

// History is who changed what of a registrant, oldest first.
func (g *Registry) History(id string) (list []history.Entry, err error) {
	err = g.store.View(func(tx *store.Tx) error {
		list = registrantHistory.Of(tx, id)
		return nil
	})
	return list, err
}

// Enter registers somebody from a paper form or a visit: with the time when it
// was filled in, which may lie days back.
func (g *Registry) Enter(ctx context.Context, r Registrant, by string, at time.Time) (Registrant, error) {
	if err := r.Valid(g.lists); err != nil {
		return r, err
	}
	r.PlaceCode = g.lists.PlaceCode(r.Place)
	err := g.store.Update(ctx, func(tx *store.Tx) error {
		next, err := begin(tx, r)
		if err != nil {
			return err
		}
		next.EnteredAt, next.EnteredBy = tx.Now(), by
		if !at.IsZero() && at.Before(tx.Now()) {
			next.RegisteredAt = at.UTC()
		}
		next.Incomplete = len(next.Missing()) > 0
		tx.Emit(events.Event{Kind: EventSaved, By: by, Via: "web", Data: map[string]string{"registrant": next.ID, "what": "registered"}})
		r = next
		return errors.Join(registrants.Put(tx, next.ID, next), registrantHistory.Note(tx, history.Entry{Record: next.ID, By: by, Via: next.Source, What: "registered"}, nil, next))
	})
	return r, err
}

// SamePerson are other registrants who have the same number: a family's
// telephone, or somebody who registered twice.
func (g *Registry) SamePerson(r Registrant) (list []Registrant, err error) {
	if r.Phone.Withheld() {
		return nil, nil
	}
	err = g.store.View(func(tx *store.Tx) error {
		for id := range byPhone.IDs(tx, tx.Digest(string(r.Phone))) {
			other, err := registrants.Get(tx, id)
			if err != nil {
				return err
			}
			if id != r.ID && other.Status != StatusDuplicate {
				list = append(list, other)
			}
		}
		return nil
	})
	return list, err
}

// ByPhone are the registrants with a number.
func (g *Registry) ByPhone(number call.Number) ([]Registrant, error) {
	return g.SamePerson(Registrant{Phone: number})
}
