package cards

import (
	"errors"
	"strings"

	"hotline/appliance/call"
	"hotline/appliance/store"
)

// RecordsOf finds the cards on which a number stands, and those that belong to
// one of the cases. The directory of services is not about people in need.
func RecordsOf(tx *store.Tx, number call.Number, cases []string) (ids []string) {
	of := map[string]bool{}
	for _, id := range cases {
		of[id] = true
	}
	for id, card := range cards.All(tx) {
		if card.Kind != Directory && (of[card.Of] || len(card.told(number)) > 0) {
			ids = append(ids, id)
		}
	}
	return ids
}

// told are the questions whose answer is the number, however it was typed.
func (card Card) told(number call.Number) (fields []string) {
	digits := strings.TrimPrefix(string(number), "+")
	if digits == "" {
		return nil
	}
	for name, values := range card.Values {
		for _, value := range values {
			plain := strings.Map(func(r rune) rune {
				if r < '0' || r > '9' {
					return -1
				}
				return r
			}, value)
			if len(plain) >= 7 && strings.HasSuffix(digits, strings.TrimLeft(plain, "0")) || strings.Contains(value, digits) {
				fields = append(fields, name)
				break
			}
		}
	}
	return fields
}

// Erase takes a person out of a card: the number wherever it stands, who wrote
// it, whom to ask, and what was written freely about the help. Whoever else is
// on the card, somebody who is looked for, stays.
func Erase(tx *store.Tx, id string, number call.Number) error {
	card, err := cards.Get(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range card.told(number) {
		delete(card.Values, name)
	}
	gone := []string{"author_name", "author_email", "author_phone", "contact_person", "result_note", "answer_how"}
	if card.Kind == Feedback {
		gone = append(gone, "text")
	}
	for _, name := range gone {
		delete(card.Values, name)
	}
	card.UpdatedAt = tx.Now()
	return errors.Join(cardHistory.Forget(tx, id), cards.Put(tx, id, card))
}

// NumberOf finds the number with a digest on the cards, "" when it stands on
// none.
func NumberOf(tx *store.Tx, digest string) call.Number {
	for _, card := range cards.All(tx) {
		for _, values := range card.Values {
			for _, value := range values {
				if number := call.Number(value); number.E164() && tx.Digest(value) == digest {
					return number
				}
			}
		}
	}
	return ""
}

// Known are those of some cards that are there.
func Known(tx *store.Tx, ids []string) (there []string) {
	for _, id := range ids {
		if _, err := cards.Get(tx, id); err == nil {
			there = append(there, id)
		}
	}
	return there
}
