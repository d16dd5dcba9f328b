package lists

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// NewQuestion is a question that operators add.
type NewQuestion struct {
	Kind     string
	Words    Words
	Hint     Words
	Must     bool
	Personal bool
	Choices  []Words // of a choice
}

// AddQuestion adds a question about a case, behind the others. It returns its
// name, which is the name of its column.
func (k *Keeper) AddQuestion(ctx context.Context, q NewQuestion, by Actor) (name string, err error) {
	words, err := tidyWords(q.Words)
	hint, wrong := tidyWords(q.Hint)
	if err := errors.Join(err, wrong); err != nil {
		return "", WrongText
	}
	switch {
	case !slices.Contains(OwnKinds(), q.Kind):
		return "", WrongKind
	case len(words) == 0:
		return "", WrongEmpty
	}
	choices := changes{Items: map[string]item{}}
	if q.Kind == One || q.Kind == Several {
		if choices, err = ownChoices(q.Choices); err != nil {
			return "", err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.Now()
	if len(now.Owned()) >= maxOwn {
		return "", WrongMany
	}
	form := k.stored[caseKey].clone()
	form.Added++
	if name = Own + slug(words.In(english)); name == Own {
		name = fmt.Sprintf("%squestion_%d", Own, form.Added)
	}
	// Choices have a second column, with the words.
	if slices.ContainsFunc(now.Questions, func(q Question) bool { return q.Name == name || q.Name+"_text" == name || q.Name == name+"_text" }) {
		name = fmt.Sprintf("%s_%d", name, form.Added)
	}
	must := q.Must
	form.Items[name] = item{Words: words, Hint: hint, Kind: q.Kind, Must: &must, Personal: q.Personal, Nr: form.Added}
	next := map[string]changes{caseKey: form}
	if len(choices.Items) > 0 {
		next[name] = choices
	}
	all := map[string]changes{}
	for other, c := range k.stored {
		all[other] = c
	}
	for other, c := range next {
		all[other] = c
	}
	set := k.shipped.with(all, now.Version+1)
	if err := k.put(ctx, by, "asked", name, next); err != nil {
		return "", err
	}
	k.stored = all
	k.use(set)
	return name, nil
}

// ownChoices are the choices of an own question.
func ownChoices(list []Words) (c changes, err error) {
	c.Items = map[string]item{}
	var l List
	for _, one := range list {
		words, err := tidyWords(one)
		if err != nil {
			return c, err
		}
		if len(words) == 0 {
			continue
		}
		c.Added++
		code := slug(words.In(english))
		if code == "" {
			code = fmt.Sprintf("choice_%d", c.Added)
		}
		if l.Has(code) {
			code = fmt.Sprintf("%s_%d", code, c.Added)
		}
		if l.taken(code, words) {
			return c, WrongSame
		}
		c.Items[code] = item{Words: words, Nr: c.Added}
		l.Choices = append(l.Choices, Choice{Code: code, Words: words})
	}
	if len(l.Choices) < 2 {
		return c, WrongChoices
	}
	if len(l.Choices) > maxChoices {
		return c, WrongMany
	}
	return c, nil
}

// question changes one question about a case.
func (k *Keeper) question(ctx context.Context, name, what string, by Actor, do func(q Question, one *item) error) error {
	return k.change(ctx, caseKey, what, name, by, func(now *Set, c *changes) error {
		q, there := now.Question(name)
		if !there {
			return WrongName
		}
		one := c.Items[name]
		if err := do(q, &one); err != nil {
			return err
		}
		c.Items[name] = one
		return nil
	})
}

// RewordQuestion says a question and its hint anew, in the languages that are
// named; an empty text takes a language back to what ships.
func (k *Keeper) RewordQuestion(ctx context.Context, name string, words, hint Words, by Actor) error {
	return k.question(ctx, name, "reworded", by, func(q Question, one *item) error {
		if q.Fixed {
			return WrongFixed
		}
		var err, wrong error
		ships, _ := k.shipped.Question(name)
		one.Words, err = reworded(ships.Words, one.Words, words)
		one.Hint, wrong = reworded(ships.Hint, one.Hint, hint)
		if err := errors.Join(err, wrong); err != nil {
			return WrongText
		}
		if one.Nr > 0 && len(one.Words) == 0 {
			return WrongEmpty
		}
		return nil
	})
}

// SwitchQuestion asks a question no more, or again.
func (k *Keeper) SwitchQuestion(ctx context.Context, name string, on bool, by Actor) error {
	return k.question(ctx, name, switched(on), by, func(q Question, one *item) error {
		switch {
		case q.Fixed && !on:
			return WrongFixed
		case q.Keep != "" && !on:
			return WrongKeep
		}
		one.Off, one.On = !on, on
		return nil
	})
}

// Require says whether a case is incomplete without an answer. Nobody is kept
// from helping, or from finishing the notes, by a missing one.
func (k *Keeper) Require(ctx context.Context, name string, must bool, by Actor) error {
	return k.question(ctx, name, "required", by, func(q Question, one *item) error {
		if q.Fixed {
			return WrongFixed
		}
		one.Must = &must
		return nil
	})
}

// SetPersonal says whether the answers to an own question leave the box only
// where names do.
func (k *Keeper) SetPersonal(ctx context.Context, name string, personal bool, by Actor) error {
	return k.question(ctx, name, "personal", by, func(q Question, one *item) error {
		if !q.Added {
			return WrongName
		}
		one.Personal = personal
		return nil
	})
}

// MoveQuestion moves a question one place up or down. The four of urgency stay
// first.
func (k *Keeper) MoveQuestion(ctx context.Context, name string, up bool, by Actor) error {
	return k.change(ctx, caseKey, "moved", name, by, func(now *Set, c *changes) error {
		var order []string
		fixed := 0
		for _, q := range now.Questions {
			if q.Fixed {
				fixed++
			}
			if q.Fixed && q.Name == name {
				return WrongFixed
			}
			order = append(order, q.Name)
		}
		return c.move(order, name, up, fixed)
	})
}
