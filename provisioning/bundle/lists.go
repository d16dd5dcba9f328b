package bundle

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hotline/appliance/lists"
)

// List is how one list differs from what ships, or the questions about a case.
type List struct {
	Order []string `yaml:"order,omitempty"`
	Items []Choice `yaml:"items,omitempty"`
}

// Choice is one choice or question that is not as it ships.
type Choice struct {
	Code  string            `yaml:"code"`
	Words map[string]string `yaml:"words,omitempty"`
	Hint  map[string]string `yaml:"hint,omitempty"`
	Off   bool              `yaml:"off,omitempty"`
	Asked bool              `yaml:"asked,omitempty"`
	First *bool             `yaml:"first,omitempty"`
	Must  *bool             `yaml:"must,omitempty"`

	Group    string `yaml:"group,omitempty"`
	Kind     string `yaml:"kind,omitempty"`
	Personal bool   `yaml:"personal,omitempty"`
}

func listsPart() part {
	return many[List]{name: "lists.yaml",
		about: "What is different in the lists that people choose from (" + strings.Join(lists.Names(), ", ") + ") and in the\nquestions about a case (" + lists.CaseForm + "): other words, off: true, first: true, and what was added, in that order.\nThe choices of a question of your own are a list with its name. What is not named stays as it is.",
		now: func(r *run) (all []named[List], err error) {
			known, err := r.lists()
			if err != nil {
				return nil, err
			}
			different := known.Differences()
			for _, name := range slices.Concat(lists.Names(), []string{lists.CaseForm}) {
				if d, is := different[name]; is {
					all = append(all, named[List]{name, listOf(d)})
				}
				delete(different, name)
			}
			for _, name := range slices.Sorted(maps.Keys(different)) {
				all = append(all, named[List]{name, listOf(different[name])})
			}
			return all, nil
		},
		fresh: func(_ *run, name string) (List, error) {
			if !contains(lists.Names(), name) && name != lists.CaseForm && !strings.HasPrefix(name, lists.Own) {
				return List{}, fmt.Errorf("there is no list %q; there are %s", name, strings.Join(append(slices.Clone(lists.Names()), lists.CaseForm), ", "))
			}
			return List{}, nil
		},
		tidy: func(_ *run, _ string, was List, is *List) error {
			seen := map[string]bool{}
			for _, c := range is.Items {
				if seen[c.Code] {
					return fieldError{"items", fmt.Errorf("%s is named twice", c.Code)}
				}
				seen[c.Code] = true
			}
			// In the order in which they were added, as it is kept.
			items := slices.Clone(was.Items)
			for _, c := range is.Items {
				if i := slices.IndexFunc(items, func(other Choice) bool { return other.Code == c.Code }); i >= 0 {
					items[i] = c
				} else {
					items = append(items, c)
				}
			}
			is.Items = items
			return nil
		},
		put: func(r *run, name string, _, is List, _ bool) error {
			if r.differ == nil {
				r.differ = map[string]lists.Difference{}
			}
			d := lists.Difference{Order: is.Order}
			for _, c := range is.Items {
				d.Items = append(d.Items, lists.Differing{Code: c.Code, Words: c.Words, Hint: c.Hint, Off: c.Off, On: c.Asked, First: c.First, Must: c.Must, Group: c.Group, Kind: c.Kind, Personal: c.Personal})
			}
			r.differ[name] = d
			return nil
		},
		end: (*run).endLists}
}

func listOf(d lists.Difference) List {
	out := List{Order: d.Order}
	for _, one := range d.Items {
		out.Items = append(out.Items, Choice{one.Code, one.Words, one.Hint, one.Off, one.On, one.First, one.Must, one.Group, one.Kind, one.Personal})
	}
	return out
}

// endLists changes all lists at once: a question and its choices lean on each
// other.
func (r *run) endLists() error {
	if len(r.differ) == 0 {
		return nil
	}
	known, err := r.lists()
	if err == nil {
		err = known.Differ(r.ctx, r.differ, lists.Actor{ID: r.to.By, Name: r.to.By, Via: r.to.Via})
	}
	r.differ = nil
	var other []error
	for _, one := range refusals(err) {
		var wrong lists.WrongDifference
		if !errors.As(one, &wrong) {
			other = append(other, one)
			continue
		}
		at := r.read("lists.yaml").at[wrong.List]
		r.problemWith(wrong.Code, "lists.yaml", at.line, at.column, sentence(wrong))
	}
	return errors.Join(other...)
}
