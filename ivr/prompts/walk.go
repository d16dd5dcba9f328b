package prompts

import (
	"context"
	"errors"
	"slices"

	"hotline/appliance/store"
)

// walks are how far somebody has come with recording a language: the prompt
// that was kept or skipped last, by "language/account".
var walks = store.NewTable[string]("prompt_walks")

// NextToRecord is the prompt that this person should record next, and how many
// are left: those for callers without a recording, or with one of an old text.
// It begins behind the one that was kept or skipped last and goes round, so
// that skipped ones come again. The words of numbers and dates come last.
func (s *Studio) NextToRecord(language, by string) (next Prompt, left int, err error) {
	if _, known := s.Library().texts[language]; !known {
		return Prompt{}, 0, ErrNone
	}
	order := s.Prompts(language)
	slices.SortStableFunc(order, func(a, b Prompt) int { return last(a) - last(b) })
	var passed string
	err = s.store.View(func(tx *store.Tx) (err error) {
		passed, err = walks.Get(tx, language+"/"+by)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return Prompt{}, 0, err
	}
	at := slices.IndexFunc(order, func(p Prompt) bool { return p.ID == passed }) + 1
	for i := range order {
		p := order[(at+i)%len(order)]
		if p.Internal || p.State == Recorded && !p.Outdated {
			continue
		}
		if left == 0 {
			next = p
		}
		left++
	}
	return next, left, nil
}

func last(p Prompt) int {
	if OfFigures(p.ID) {
		return 1
	}
	return 0
}

// Passed notes how far somebody has come.
func (s *Studio) Passed(ctx context.Context, language, id, by string) error {
	return s.store.Update(ctx, func(tx *store.Tx) error { return walks.Put(tx, language+"/"+by, id) })
}
