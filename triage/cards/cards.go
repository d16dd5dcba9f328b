package cards

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"hotline/appliance/erasures"
	"hotline/appliance/events"
	"hotline/appliance/history"
	"hotline/appliance/luhn"
	"hotline/appliance/sharing"
	"hotline/appliance/store"
)

// Table is the table of which a feed of the store can tell what has changed.
const Table = "cards"

// Card is one record: the answers by the names of the questions.
type Card struct {
	ID        string              `json:"id"`
	Kind      string              `json:"kind"`
	Code      string              `json:"code"` // digits that can be said on the phone, the last one checks the others
	Of        string              `json:"of,omitempty"`
	Values    map[string][]string `json:"values"`
	Hidden    bool                `json:"hidden,omitempty"` // for the few alone
	CreatedAt time.Time           `json:"created_at"`
	CreatedBy string              `json:"created_by"`
	UpdatedAt time.Time           `json:"updated_at"`
	UpdatedBy string              `json:"updated_by"`
}

// Value is the first answer to a question.
func (c Card) Value(field string) string {
	if len(c.Values[field]) == 0 {
		return ""
	}
	return c.Values[field][0]
}

// FieldError is a value that cannot be saved.
type FieldError struct{ Field, Text string }

func (e FieldError) Error() string { return e.Text }

var (
	cards       = store.NewTable[Card](Table)
	cardsOf     = store.NewIndex("cards_of") // by what they belong to
	cardsByCode = store.NewIndex("cards_by_code")
	cardHistory = history.NewBook("card_history")
)

// Events of cards. None says what is written on them.
const (
	EventAdded   = "card.added"
	EventChanged = "card.changed"
	EventErased  = "card.erased"
	EventGone    = "card.gone" // by age, or because its case needs protection
)

// Cards keep the cards.
type Cards struct {
	store *store.Store
	kinds map[string]Kind
}

// Open keeps cards in s.
func Open(s *store.Store) (*Cards, error) {
	kinds, err := load(kindsFile)
	return &Cards{s, kinds}, err
}

// Kind is what cards of a name are.
func (c *Cards) Kind(name string) (Kind, bool) {
	k, there := c.kinds[name]
	return k, there
}

// ErrParent refuses a card that belongs to nothing.
var ErrParent = errors.New("this belongs to another record: begin on the page of that one")

// Add writes a new card.
func (c *Cards) Add(ctx context.Context, kind, of string, values map[string]any, by string) (card Card, err error) {
	k, known := c.kinds[kind]
	if !known {
		return card, store.ErrNotFound
	}
	if (k.Of != "") != (of != "") {
		return card, ErrParent
	}
	err = c.store.Update(ctx, func(tx *store.Tx) error {
		card = Card{Kind: kind, Of: of, Values: map[string][]string{}}
		if err := card.take(k, values, tx.Now()); err != nil {
			return err
		}
		if err := card.begin(tx, history.Entry{By: by, Via: "web", What: "opened"}); err != nil {
			return err
		}
		tx.Emit(events.Event{Kind: EventAdded, By: by, Via: "web", Data: map[string]string{"card": card.ID, "kind": kind}})
		return nil
	})
	return card, err
}

// begin stores a new card.
func (card *Card) begin(tx *store.Tx, e history.Entry) (err error) {
	card.ID, card.CreatedAt, card.CreatedBy, card.UpdatedAt, card.UpdatedBy = tx.NewID(), tx.Now(), e.By, tx.Now(), e.By
	if card.Code, err = newCode(tx, card.ID); err != nil {
		return err
	}
	if card.Kind == MissingPersons {
		both, err := sharing.Of(tx, sharing.Missing)
		if err != nil {
			return err
		}
		for field, value := range map[string]string{"legal_basis": both.Basis, "share_scope": both.Scope} {
			if card.Value(field) == "" {
				card.Values[field] = []string{value}
			}
		}
	}
	e.Record = card.ID
	err = errors.Join(cards.Put(tx, card.ID, *card), cardHistory.Note(tx, e, nil, flat(*card)))
	if card.Of != "" {
		err = errors.Join(err, cardsOf.Add(tx, card.Of, card.ID))
	}
	return err
}

// Change changes answers. What somebody else has changed since it was shown
// stays as it is and comes back as a conflict.
func (c *Cards) Change(ctx context.Context, id string, e history.Edit) (card Card, conflicts []history.Conflict, err error) {
	err = c.store.Update(ctx, func(tx *store.Tx) error {
		was, err := cards.Get(tx, id)
		if err != nil {
			return err
		}
		fields, found, err := history.Conflicts(flat(was), e.Shown, e.Fields)
		if err != nil {
			return err
		}
		conflicts = found
		card = was
		card.Values = maps.Clone(was.Values)
		if err := card.take(c.kinds[was.Kind], fields, tx.Now()); err != nil {
			return err
		}
		card.UpdatedAt, card.UpdatedBy = tx.Now(), e.By
		tx.Emit(events.Event{Kind: EventChanged, By: e.By, Via: e.Via, Data: map[string]string{"card": card.ID, "kind": card.Kind}})
		return errors.Join(cards.Put(tx, id, card), cardHistory.Note(tx, history.Entry{Record: id, By: e.By, Via: e.Via, What: "changed", Why: e.Why}, flat(was), flat(card)))
	})
	return card, conflicts, err
}

// Erase destroys a card with its history and what belongs to it. That it was
// there is in the log; what was on it is nowhere.
func (c *Cards) Erase(ctx context.Context, id, by string) error {
	return c.store.Update(ctx, func(tx *store.Tx) error {
		card, err := cards.Get(tx, id)
		if err != nil {
			return err
		}
		if err := erase(tx, card, EventErased, by); err != nil {
			return err
		}
		return erasures.Note(tx, erasures.Entry{Kind: erasures.Card, Records: map[string][]string{Table: {id}}})
	})
}

// Destroy erases cards, and what belongs to them, by a rule; those that are not
// there are left out.
func Destroy(tx *store.Tx, ids []string) error {
	for _, id := range ids {
		card, err := cards.Get(tx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err == nil {
			err = erase(tx, card, EventGone, "")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// DestroyOf erases the cards that belong to a record which has become protected:
// to whom it was passed on, and what came of it, says too much of the caller.
func DestroyOf(tx *store.Tx, of string) error {
	var ids []string
	for id := range cardsOf.IDs(tx, of) {
		ids = append(ids, id)
	}
	return Destroy(tx, ids)
}

func erase(tx *store.Tx, card Card, kind, by string) error {
	var belonging []string
	for id := range cardsOf.IDs(tx, card.ID) {
		belonging = append(belonging, id)
	}
	for _, id := range belonging {
		one, err := cards.Get(tx, id)
		if err == nil {
			err = erase(tx, one, kind, by)
		}
		if err != nil {
			return err
		}
	}
	tx.Emit(events.Event{Kind: kind, By: by, Via: "web", Data: map[string]string{"card": card.ID, "kind": card.Kind}})
	err := errors.Join(cards.Delete(tx, card.ID), cardHistory.Forget(tx, card.ID), cardsByCode.Remove(tx, card.Code, card.ID),
		erasures.Leave(tx, card.Kind, card.ID, card.Hidden))
	if card.Of != "" {
		err = errors.Join(err, cardsOf.Remove(tx, card.Of, card.ID))
	}
	return err
}

// flat are the answers as forms have them: one value, or a list.
func flat(card Card) map[string]any {
	out := map[string]any{}
	for name, values := range card.Values {
		if len(values) == 1 {
			out[name] = values[0]
		} else if len(values) > 1 {
			out[name] = values
		}
	}
	return out
}

const mostText = 4000 // runes

// take puts answers on the card, after a look at each.
func (card *Card) take(k Kind, changed map[string]any, now time.Time) error {
	for name, v := range changed {
		f, known := k.field(name)
		if !known {
			return FieldError{name, "This field cannot be changed here."}
		}
		values, err := f.read(v)
		if err != nil {
			return err
		}
		if len(values) == 0 {
			delete(card.Values, name)
		} else {
			card.Values[name] = values
		}
	}
	for _, f := range k.Fields {
		if f.Must && card.Value(f.Name) == "" {
			return FieldError{f.Name, "This question must be answered."}
		}
	}
	if card.young(now) {
		delete(card.Values, "may_publish")
	}
	card.Hidden = k.Restricted != "" && card.Value(k.Restricted) != ""
	return nil
}

// read checks an answer as it comes from a form.
func (f Field) read(v any) ([]string, error) {
	var values []string
	switch v := v.(type) {
	case string:
		values = []string{v}
	case []string:
		values = v
	case bool:
		if v {
			values = []string{"yes"}
		}
	case int:
		if v != 0 {
			values = []string{strconv.Itoa(v)}
		}
	default:
		return nil, FieldError{f.Name, "This could not be read."}
	}
	for i, text := range values {
		values[i] = tidy(text)
	}
	values = slices.DeleteFunc(values, func(s string) bool { return s == "" })
	for _, text := range values {
		switch {
		case len([]rune(text)) > mostText:
			return nil, FieldError{f.Name, fmt.Sprintf("This text is too long to save: %d characters at most.", mostText)}
		case len(f.Choices) > 0 && !slices.Contains(f.Choices, text), f.Kind == Tick && text != "yes":
			return nil, FieldError{f.Name, "Choose one of the answers on the page."}
		case f.Kind == Day && !parses(time.DateOnly, text), f.Kind == Instant && !parses("2006-01-02T15:04", text):
			return nil, FieldError{f.Name, "Enter a date in this field."}
		}
	}
	if f.Kind != Several && len(values) > 1 {
		return nil, FieldError{f.Name, "Choose one of the answers on the page."}
	}
	return values, nil
}

func parses(layout, text string) bool {
	_, err := time.Parse(layout, text)
	return err == nil
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

// newCode is seven digits of chance and one that checks them.
func newCode(tx *store.Tx, id string) (string, error) {
	for range 24 {
		n, err := rand.Int(rand.Reader, big.NewInt(9_000_000))
		if err != nil {
			return "", err
		}
		code := strconv.FormatInt(1_000_000+n.Int64(), 10)
		code += string(luhn.Digit(code))
		if !cardsByCode.Taken(tx, code) {
			return code, cardsByCode.Add(tx, code, id)
		}
	}
	return "", errors.New("no free code for a record was found")
}

// Get returns one card, or store.ErrNotFound.
func (c *Cards) Get(id string) (card Card, err error) {
	err = c.store.View(func(tx *store.Tx) error {
		card, err = cards.Get(tx, id)
		return err
	})
	return card, err
}

// Belonging are the cards that belong to a record, oldest first.
func (c *Cards) Belonging(of string) (list []Card, err error) {
	err = c.store.View(func(tx *store.Tx) error {
		list = nil
		for id := range cardsOf.IDs(tx, of) {
			card, err := cards.Get(tx, id)
			if err != nil {
				return err
			}
			list = append(list, card)
		}
		return nil
	})
	return list, err
}

// Passed is the newest note of passing a case on, false when there is none.
func Passed(tx *store.Tx, caseID string) (newest Card, there bool) {
	for id := range cardsOf.IDs(tx, caseID) {
		if card, err := cards.Get(tx, id); err == nil && card.Kind == Referrals && card.ID > newest.ID {
			newest, there = card, true
		}
	}
	return newest, there
}

// SentAt is when a case was passed on: as somebody has written, else when it was
// written down.
func (card Card) SentAt() time.Time {
	if at, err := time.ParseInLocation("2006-01-02T15:04", card.Value("sent_at"), time.Local); err == nil {
		return at.UTC()
	}
	return card.CreatedAt
}

// Each calls fn for every card of a kind, newest first, until it returns false.
func (c *Cards) Each(kind string, fn func(Card) bool) error {
	return c.each(kind, func(_ *store.Tx, card Card) bool { return fn(card) })
}

func (c *Cards) each(kind string, fn func(*store.Tx, Card) bool) error {
	return c.store.View(func(tx *store.Tx) error {
		for _, card := range cards.Backward(tx) {
			if card.Kind == kind && !fn(tx, card) {
				break
			}
		}
		return nil
	})
}

// After returns up to limit cards behind the id after, oldest first, and the id
// behind which it goes on, "" at the end. Damaged records become the error; the
// others are there.
func (c *Cards) After(after string, limit int) (list []Card, next string, err error) {
	var damaged error
	err = c.store.View(func(tx *store.Tx) error {
		list, next, damaged = cards.After(tx, after, limit)
		return nil
	})
	return list, next, errors.Join(err, damaged)
}

// History is who changed what of a card, oldest first.
func (c *Cards) History(id string) (list []history.Entry, err error) {
	err = c.store.View(func(tx *store.Tx) error {
		list = cardHistory.Of(tx, id)
		return nil
	})
	return list, err
}
