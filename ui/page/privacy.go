package page

import (
	"slices"
	"strings"
	"time"

	"hotline/appliance/sharing"
)

// PrivacyPage is how long records are kept, and how a person is taken out of
// them.
type PrivacyPage struct {
	Frame
	Rules         []PrivacyRule
	Swept, Next   time.Time
	Sharing       sharing.Defaults
	Due           []PrivacyCount // that would go now; nil when nobody has asked
	Review        int            // missing persons of whom nobody has written for long
	Number, Code  string
	Found         *PrivacyFound // of the person; nil before somebody was looked for
	Whys          []string
	Erased        bool
	Left          []string // where the number still stands
	Done, Trouble string
}

// PrivacyRule is how many days one kind of record is kept.
type PrivacyRule struct{ Name, Days string }

// PrivacyCount is how many records of a kind would go by age.
type PrivacyCount struct {
	Name  string
	Count int
}

// PrivacyFound is how much is stored of a person.
type PrivacyFound struct{ Contacts, Cases, Rounds, Cards, Registrants int }

func (f PrivacyFound) nothing() bool { return f.Contacts+f.Cases+f.Rounds+f.Cards+f.Registrants == 0 }

// leftWords are the kinds of records in which a number still stands.
func (p PrivacyPage) leftWords() string {
	var kinds []string
	for _, place := range p.Left {
		if kind, _, _ := strings.Cut(place, "/"); !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return strings.Join(kinds, ", ")
}
