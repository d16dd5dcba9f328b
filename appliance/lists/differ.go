package lists

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
)

// The lists of one hotline are carried to another as what is different from what
// ships: so each of them keeps the words of its own program for the rest.

// CaseForm is the name of the questions about a case among the differences.
const CaseForm = caseKey

// Difference is how one list differs, or the questions about a case.
type Difference struct {
	Order []string // as somebody has arranged it; none: as it came
	Items []Differing
}

// Differing is one choice or question that is not as it ships.
type Differing struct {
	Code  string
	Words Words // that are others; of an added one: all
	Hint  Words // of a question
	Off   bool  // not offered, not asked
	On    bool  // of a question of the full case, which ships switched off
	First *bool
	Must  *bool

	// Of an added one.
	Group    string
	Kind     string // of a question
	Personal bool
}

// WrongDifference is a difference that cannot be: of which list, at which choice
// or question; "" is the list as a whole.
type WrongDifference struct {
	List, Code string
	Why        Mistake
}

func (w WrongDifference) Error() string { return w.Why.Error() }
func (w WrongDifference) Unwrap() error { return w.Why }

// Differences are those of all lists, and of the questions, by name. What was
// added comes in the order in which it was.
func (k *Keeper) Differences() map[string]Difference {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := map[string]Difference{}
	for name, c := range k.stored {
		d := Difference{Order: slices.Clone(c.Order)}
		codes := slices.SortedFunc(maps.Keys(c.Items), func(a, b string) int { return cmp.Or(c.Items[a].Nr-c.Items[b].Nr, strings.Compare(a, b)) })
		for _, code := range codes {
			one := c.Items[code]
			if one.Nr == 0 && len(one.Words)+len(one.Hint) == 0 && !one.Off && !one.On && one.First == nil && one.Must == nil {
				continue // put back as it was
			}
			d.Items = append(d.Items, Differing{Code: code, Words: maps.Clone(one.Words), Hint: maps.Clone(one.Hint), Off: one.Off, On: one.On,
				First: one.First, Must: one.Must, Group: one.Group, Kind: one.Kind, Personal: one.Personal})
		}
		if len(d.Items)+len(d.Order) > 0 {
			out[name] = d
		}
	}
	return out
}

// Differ has lists, and the questions, become as they are told, all of them or
// none. What a difference does not name stays as it is. Its error may be a joined
// one of WrongDifference.
func (k *Keeper) Differ(ctx context.Context, all map[string]Difference, by Actor) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	next, put := maps.Clone(k.stored), map[string]changes{}
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c := k.stored[name].clone()
		if d := all[name]; len(d.Order) > 0 {
			c.Order = slices.Clone(d.Order)
		}
		for _, one := range all[name].Items {
			it, err := k.differing(name, one, c.Items[one.Code])
			if err != nil {
				wrong = append(wrong, WrongDifference{name, one.Code, mistakeOf(err)})
				continue
			}
			if it.Nr == 0 && k.adds(name, one.Code) {
				c.Added++
				it.Nr = c.Added
			}
			c.Items[one.Code] = it
		}
		next[name], put[name] = c, c
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	set := k.shipped.with(next, k.Now().Version+1)
	for name := range put {
		wrong = append(wrong, k.fits(set, name))
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	if err := k.put(ctx, by, "bundle", "", put); err != nil {
		return err
	}
	k.stored = next
	k.use(set)
	return nil
}

func mistakeOf(err error) Mistake {
	var m Mistake
	if errors.As(err, &m) {
		return m
	}
	return WrongText
}

// adds reports that a code is none of those that ship.
func (k *Keeper) adds(list, code string) bool {
	if list == caseKey {
		_, ships := k.shipped.Question(code)
		return !ships
	}
	return !k.shipped.lists[list].Has(code)
}

// differing is one choice or question as it is told, over what it is.
func (k *Keeper) differing(list string, d Differing, was item) (item, error) {
	words, err := tidyWords(d.Words)
	hint, wrong := tidyWords(d.Hint)
	if err := errors.Join(err, wrong); err != nil {
		return was, err
	}
	adds := k.adds(list, d.Code)
	it := item{Words: words, Hint: hint, Off: d.Off, On: d.On, First: d.First, Must: d.Must, Group: tidy(d.Group), Kind: d.Kind, Personal: d.Personal, Nr: was.Nr}
	if adds && len(words) == 0 {
		return it, WrongEmpty
	}
	if list == caseKey {
		q, ships := k.shipped.Question(d.Code)
		switch {
		case ships && q.Fixed && (len(words)+len(hint) > 0 || d.Off || d.Must != nil):
			return it, WrongFixed
		case ships && q.Keep != "" && d.Off:
			return it, WrongKeep
		case ships && (d.Kind != "" || d.Personal):
			return it, WrongKind
		case adds && (!strings.HasPrefix(d.Code, Own) || !codeForm.MatchString(d.Code) || len(d.Code) > maxCode):
			return it, WrongCode
		case adds && !slices.Contains(OwnKinds(), d.Kind), adds && was.Nr > 0 && was.Kind != d.Kind:
			return it, WrongKind // old answers are of the kind that it was
		}
		return it, nil
	}
	ships := k.shipped.lists[list]
	if i := ships.index(d.Code); i >= 0 {
		if d.Off && ships.Choices[i].Keep != "" {
			return it, WrongKeep
		}
		return it, nil
	}
	if code, err := codeOf(list, d.Code, words); err != nil || code != d.Code {
		return it, WrongCode
	}
	if slices.Contains(ships.Reserved, d.Code) {
		return it, WrongTaken
	}
	return it, nil
}

// fits says what is wrong with a list as a whole.
func (k *Keeper) fits(set *Set, name string) error {
	wrong := func(code string, why Mistake) error { return WrongDifference{name, code, why} }
	if name == caseKey {
		if len(set.Owned()) > maxOwn {
			return wrong("", WrongMany)
		}
		for _, q := range set.Owned() {
			if q.List != "" && len(set.ListOf(q).On()) < 2 {
				return wrong(q.Name, WrongChoices)
			}
			if slices.ContainsFunc(set.Questions, func(other Question) bool { return other.Name+"_text" == q.Name }) {
				return wrong(q.Name, WrongTaken)
			}
		}
		return nil
	}
	l, there := set.lists[name]
	switch {
	case !there:
		return wrong("", WrongName)
	case len(l.Choices) > maxChoices:
		return wrong("", WrongMany)
	case len(l.On()) < 2:
		return wrong("", WrongChoices)
	}
	for _, c := range l.On() {
		if l.taken(c.Code, c.Words) {
			return wrong(c.Code, WrongSame)
		}
	}
	return nil
}
