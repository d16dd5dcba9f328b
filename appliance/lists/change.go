package lists

import (
	"maps"
	"slices"
)

// changes are how one list, or the questions about a case, differ from what
// ships. An own question's choices are a list of its name, of which nothing
// ships.
type changes struct {
	Order []string        `json:"order,omitempty"` // as somebody has arranged it; what is not in it comes last
	Items map[string]item `json:"items,omitempty"` // by code, or by name of a question
	Added int             `json:"added,omitempty"` // how many were, ever
	// What the last file has made, until it is taken back.
	Brought map[string]touched `json:"brought,omitempty"`
}

// item is how one choice or question differs.
type item struct {
	Words Words  `json:"words,omitempty"`
	Hint  Words  `json:"hint,omitempty"`
	Off   bool   `json:"off,omitempty"`
	On    bool   `json:"on,omitempty"` // of a question of the full case, which ships switched off
	First *bool  `json:"first,omitempty"`
	Must  *bool  `json:"must,omitempty"`
	Group string `json:"group,omitempty"`

	// Of one that was added.
	Nr       int    `json:"nr,omitempty"`
	Undone   bool   `json:"undone,omitempty"` // the file that brought it was taken back
	Kind     string `json:"kind,omitempty"`
	Personal bool   `json:"personal,omitempty"`
}

func (c changes) clone() changes {
	return changes{Order: slices.Clone(c.Order), Items: cloneItems(c.Items), Added: c.Added, Brought: maps.Clone(c.Brought)}
}

// caseKey is where the changes of the questions about a case are kept.
const caseKey = "case"

// shippedAfter makes the numbers of added ones larger than any that ships.
const shippedAfter = 1 << 20

// with is what ships with the changes of operators, by list.
func (s *Set) with(all map[string]changes, version uint64) *Set {
	next := &Set{Version: version, lists: map[string]List{}}
	for name, l := range s.lists {
		l.Choices = changed(l.Choices, all[name])
		next.lists[name] = l
	}
	form := all[caseKey]
	for _, q := range s.Questions {
		one := form.Items[q.Name]
		q.Words, q.Hint = q.Words.over(one.Words), q.Hint.over(one.Hint)
		q.Off = one.Off || q.Later() && !one.On
		if one.Must != nil {
			q.Must = *one.Must
		}
		next.Questions = append(next.Questions, q)
	}
	for name, one := range form.Items {
		if one.Nr == 0 {
			continue
		}
		q := Question{Name: name, Kind: one.Kind, Words: one.Words, Hint: one.Hint, Off: one.Off, Personal: one.Personal, Added: true, nr: shippedAfter + one.Nr, Most: ownMost}
		q.Must = one.Must != nil && *one.Must
		if q.Kind == One || q.Kind == Several {
			q.List = name
			next.lists[name] = List{Name: name, Prefix: name, Choices: changed(nil, all[name])}
		}
		next.Questions = append(next.Questions, q)
	}
	arrange(next.Questions, form.Order, func(q Question) (string, int) { return q.Name, q.nr })
	// Urgency is asked first, whatever is arranged.
	slices.SortStableFunc(next.Questions, func(a, b Question) int { return boolRank(b.Fixed) - boolRank(a.Fixed) })
	next.collect()
	return next
}

// ownMost is how long the answer to an own question may be.
const ownMost = 200

func boolRank(is bool) int {
	if is {
		return 1
	}
	return 0
}

// over are the words with others in their place, where there are others.
func (w Words) over(other Words) Words {
	if len(other) == 0 {
		return w
	}
	next := maps.Clone(w)
	if next == nil {
		next = Words{}
	}
	maps.Copy(next, other)
	return next
}

func changed(shipped []Choice, c changes) []Choice {
	out := slices.Clone(shipped)
	for i, one := range out {
		differs, is := c.Items[one.Code]
		if !is {
			continue
		}
		out[i].Words, out[i].Off = one.Words.over(differs.Words), differs.Off
		if differs.First != nil {
			out[i].First = *differs.First
		}
	}
	for code, one := range c.Items {
		if one.Nr > 0 {
			out = append(out, Choice{Code: code, Words: one.Words, Group: one.Group, Off: one.Off, First: one.First != nil && *one.First, Added: true, nr: shippedAfter + one.Nr})
		}
	}
	arrange(out, c.Order, func(c Choice) (string, int) { return c.Code, c.nr })
	return out
}

// arrange puts what is in order into that order, and the rest behind it as it
// came.
func arrange[T any](all []T, order []string, of func(T) (name string, nr int)) {
	rank := func(v T) int {
		name, nr := of(v)
		if i := slices.Index(order, name); i >= 0 {
			return i
		}
		return len(order) + nr
	}
	slices.SortStableFunc(all, func(a, b T) int { return rank(a) - rank(b) })
}
