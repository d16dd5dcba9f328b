package cards

import (
	"errors"
	"strings"
	"time"

	"hotline/appliance/erasures"
	"hotline/appliance/history"
	"hotline/appliance/store"
)

// Read makes a card of the answers of a row, without storing it: a FieldError
// says what is wrong with one.
func (c *Cards) Read(kind string, values map[string]any) (Card, error) {
	k, known := c.kinds[kind]
	if !known {
		return Card{}, store.ErrNotFound
	}
	card := Card{Kind: kind, Values: map[string][]string{}}
	return card, card.take(k, values, time.Now())
}

// Import stores a card that Read has made, in the transaction of an import.
func Import(tx *store.Tx, card Card, by, why string) (Card, error) {
	return card, card.begin(tx, history.Entry{By: by, Via: "import", What: "imported", Why: why})
}

// ChangedSinceImport reports that somebody has worked with a card since the
// import, or that something belongs to it.
func ChangedSinceImport(tx *store.Tx, id string) (bool, error) {
	card, err := cards.Get(tx, id)
	if err != nil {
		return false, err
	}
	for range cardsOf.IDs(tx, id) {
		return true, nil
	}
	past := cardHistory.Of(tx, id)
	return len(past) != 1 || past[0].Via != "import" || !card.UpdatedAt.Equal(card.CreatedAt), nil
}

// Unimport takes a card out of the records as if it had never been in a file.
func Unimport(tx *store.Tx, id string) error {
	card, err := cards.Get(tx, id)
	if err != nil {
		return err
	}
	return errors.Join(cardHistory.Forget(tx, id), cardsByCode.Remove(tx, card.Code, id), cards.Delete(tx, id), erasures.Leave(tx, card.Kind, id, card.Hidden))
}

// Same are the keys by which two services are the same: who offers what, where.
func (card Card) Same() string {
	key := func(field string) string {
		return strings.ToLower(strings.Join(strings.Fields(card.Value(field)), " "))
	}
	return key("organization_name") + "\x00" + key("service_name") + "\x00" + key("city")
}

// ByID returns a card in a transaction, or store.ErrNotFound.
func ByID(tx *store.Tx, id string) (Card, error) { return cards.Get(tx, id) }
