package cards

import (
	"errors"
	"slices"
	"time"

	"hotline/appliance/store"
)

// Ages are how long cards are kept, in days; 0 is for ever.
type Ages struct {
	Found      int `json:"found"`      // a person who was looked for: since somebody knew, or since others took over
	Feedback   int `json:"feedback"`   // once it was answered
	Complaints int `json:"complaints"` // what is sensitive, once it was answered
}

// settled is when nobody had to care for a card any more; zero: somebody has to.
func (card Card) settled(tx *store.Tx) time.Time {
	switch card.Kind {
	case MissingPersons:
		if card.Value("handed_to") != "" {
			return card.UpdatedAt
		}
		var last Card
		for id := range cardsOf.IDs(tx, card.ID) {
			if note, err := cards.Get(tx, id); err == nil && note.Value("status") != "" {
				last = note // ids are in the order of time
			}
		}
		if slices.Contains([]string{"is_note_author", "believed_alive", "believed_dead"}, last.Value("status")) {
			return last.UpdatedAt
		}
	case Feedback:
		if card.Value("answered_at") != "" || card.Value("wants_answer") == "" && card.Value("type") != "complaint" && !card.Hidden {
			return card.UpdatedAt
		}
	}
	return time.Time{}
}

func (a Ages) of(card Card) int {
	switch {
	case card.Kind == MissingPersons:
		return a.Found
	case card.Hidden:
		return a.Complaints
	}
	return a.Feedback
}

// Aged returns which of limit cards behind the id after are to be destroyed
// because of their age, and where to go on; "" is the end. News of a person goes
// with the person, a referral with what is personal in its case, and the
// directory is about nobody.
func Aged(tx *store.Tx, ages Ages, now time.Time, after string, limit int) (ids []string, next string, err error) {
	list, next, err := cards.After(tx, after, limit)
	for _, card := range list {
		if days := ages.of(card); (card.Kind == MissingPersons || card.Kind == Feedback) && days > 0 {
			if at := card.settled(tx); !at.IsZero() && now.Sub(at) > time.Duration(days)*24*time.Hour {
				ids = append(ids, card.ID)
			}
		}
	}
	return ids, next, err
}

// ReviewAfter is how many days nothing may happen about somebody who is looked
// for before a coordinator looks at it again (domain 4.4).
const ReviewAfter = 90

// Unreviewed counts the people who are looked for and of whom nobody has written
// anything for that long.
func Unreviewed(tx *store.Tx, now time.Time) (n int) {
	for _, card := range cards.All(tx) {
		if card.Kind == MissingPersons && now.Sub(card.UpdatedAt) > ReviewAfter*24*time.Hour && card.settled(tx).IsZero() {
			n++
		}
	}
	return n
}

// Pseudonymise takes out of the referrals of a case whatever leads to somebody;
// where it was passed on and what came of it stays, as a count.
func Pseudonymise(tx *store.Tx, cs string) error {
	var ids []string
	for id := range cardsOf.IDs(tx, cs) {
		ids = append(ids, id)
	}
	var errs []error
	for _, id := range ids {
		errs = append(errs, Erase(tx, id, ""))
	}
	return errors.Join(errs...)
}
