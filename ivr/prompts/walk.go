package prompts

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"hotline/appliance/store"
)

// walks are how far somebody has come with recording a language: the prompt
// that was kept or skipped last, by "language/account".
var walks = store.NewTable[string]("prompt_walks")

// Parts of a language, by what callers miss first. Somebody may have time for
// the first one only.
const (
	PartFirst      = 1 // all that is heard until a person answers
	PartAlone      = 2 // what helps without a person
	PartFigures    = 3 // words of numbers, waits, times and dates
	PartVolunteers = 4 // registering to help, and shifts
	Parts          = 4
)

// firstWords are the prompts of the first part by the first word of their
// names, in the order in which they are recorded.
var firstWords = []string{"language", "hello", "privacy", "main", "menu", "queue", "waiting", "danger", "silent", "help", "offer", "callback", "entry",
	"nobody", "message", "record", "recording", "goodbye", "hours", "alert", "emergency", "announcement", "closed", "redirect", "asof", "desk"}

// Part is the part of a language that a prompt belongs to.
func Part(id string) int {
	word, _, _ := strings.Cut(id, ".")
	switch {
	case slices.Contains(firstWords, word):
		return PartFirst
	case OfFigures(id):
		return PartFigures
	case slices.Contains([]string{"volunteer", "summary", "skill", "shift"}, word):
		return PartVolunteers
	}
	return PartAlone
}

// byImportance is the order of a walk; within a word of names it is theirs.
func byImportance(a, b Prompt) int {
	place := func(p Prompt) int {
		word, _, _ := strings.Cut(p.ID, ".")
		return slices.Index(firstWords, word)
	}
	return cmp.Or(cmp.Compare(Part(a.ID), Part(b.ID)), cmp.Compare(place(a), place(b)))
}

// Walk is where somebody stands who records a language.
type Walk struct {
	Next       Prompt
	Part       int // of Next
	Left       int // sentences to record in all; 0: none, and no Next
	LeftInPart int
}

// NextToRecord is what this person should record next: a prompt for callers
// without a recording, or with one of an old text. It begins behind the one
// that was kept or skipped last and goes round, so that skipped ones come
// again.
func (s *Studio) NextToRecord(language, by string) (w Walk, err error) {
	order, err := s.order(language)
	if err != nil {
		return Walk{}, err
	}
	var passed string
	err = s.store.View(func(tx *store.Tx) (err error) {
		passed, err = walks.Get(tx, language+"/"+by)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return Walk{}, err
	}
	at := slices.IndexFunc(order, func(p Prompt) bool { return p.ID == passed }) + 1
	for i := range order {
		p := order[(at+i)%len(order)]
		if p.Internal || p.State == Recorded && !p.Outdated {
			continue
		}
		if w.Left == 0 {
			w.Next, w.Part = p, Part(p.ID)
		}
		w.Left++
		if Part(p.ID) == w.Part {
			w.LeftInPart++
		}
	}
	return w, nil
}

func (s *Studio) order(language string) ([]Prompt, error) {
	if _, known := s.Library().texts[language]; !known {
		return nil, ErrNone
	}
	order := s.Prompts(language)
	slices.SortStableFunc(order, byImportance)
	return order, nil
}

// Passed notes how far somebody has come.
func (s *Studio) Passed(ctx context.Context, language, id, by string) error {
	return s.store.Update(ctx, func(tx *store.Tx) error { return walks.Put(tx, language+"/"+by, id) })
}

// GoToPart has somebody go on with the first sentence of a part that is not
// recorded, wherever they stood.
func (s *Studio) GoToPart(ctx context.Context, language string, part int, by string) error {
	order, err := s.order(language)
	if err != nil {
		return err
	}
	before := "" // the beginning
	if i := slices.IndexFunc(order, func(p Prompt) bool { return Part(p.ID) >= part }); i > 0 {
		before = order[i-1].ID
	}
	return s.Passed(ctx, language, before, by)
}
