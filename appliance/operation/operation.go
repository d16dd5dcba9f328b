// Package operation holds what is the same in all records of the disaster
// response and stands in its tables: the number that the world has given to the
// disaster, the country, and who runs the hotline. It does not know the records.
package operation

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"golang.org/x/text/language"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Facts are what somebody has written down of the operation; "" is not known.
type Facts struct {
	Glide        string `json:"glide,omitempty"`        // GLobal IDEntifier: EQ-2010-000009-HTI
	Country      string `json:"country,omitempty"`      // ISO 3166-1 alpha-3
	Organisation string `json:"organisation,omitempty"` // that runs the hotline, and for which people work
}

// EventSet is emitted when the facts change.
const EventSet = "operation.set"

// Mistake is a fact that cannot be kept: the name of a text of the pages.
type Mistake string

func (m Mistake) Error() string { return "the facts were not kept: " + string(m) }

// Mistakes.
const (
	WrongGlide   = Mistake("glide")
	WrongCountry = Mistake("country")
	WrongName    = Mistake("name")
)

const (
	only     = "facts"
	mostName = 120
)

var (
	facts = store.NewTable[Facts]("operation")
	glide = regexp.MustCompile(`^[A-Z]{2}-[0-9]{4}-[0-9]{6}-[A-Z]{3}$`) // glidenumber.net
)

// Of are the facts of the operation.
func Of(tx *store.Tx) (Facts, error) {
	f, err := facts.Get(tx, only)
	if errors.Is(err, store.ErrNotFound) {
		return Facts{}, nil
	}
	return f, err
}

// Read are the facts of the operation.
func Read(s *store.Store) (f Facts, err error) {
	err = s.View(func(tx *store.Tx) error {
		f, err = Of(tx)
		return err
	})
	return f, err
}

// Set writes them down; tables that are made from then on hold them.
func Set(ctx context.Context, s *store.Store, f Facts, by string) error {
	f.Glide, f.Organisation = strings.ToUpper(strings.TrimSpace(f.Glide)), strings.TrimSpace(f.Organisation)
	if f.Glide != "" && !glide.MatchString(f.Glide) {
		return WrongGlide
	}
	if typed := strings.TrimSpace(f.Country); typed != "" {
		if f.Country = ISO3(typed); f.Country == "" {
			return WrongCountry
		}
	}
	if len([]rune(f.Organisation)) > mostName {
		return WrongName
	}
	return s.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: EventSet, By: by, Via: "web", Data: map[string]string{"glide": f.Glide, "country": f.Country, "organisation": f.Organisation}})
		return facts.Put(tx, only, f)
	})
}

// ISO3 is the code of three letters of a country that is named by two or three
// (ISO 3166-1); "" for what is no country.
func ISO3(code string) string {
	r, err := language.ParseRegion(strings.TrimSpace(code))
	if err != nil || !r.IsCountry() || r.ISO3() == "ZZZ" {
		return ""
	}
	return r.ISO3()
}
