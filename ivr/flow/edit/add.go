package edit

import (
	"slices"
	"strings"

	"hotline/ivr/flow"
)

// New is a step that does not exist yet.
type New struct {
	Kind  flow.Kind
	Name  string // "": one is found
	After string // the step above it
	By    string // the way of that step which leads to the new one from now on: the path of one, a new key as menu|7, or ""
}

// Add writes a new step below another and has a way of that one lead to it. The
// new step leads on to where that way led before.
func (d *Doc) Add(n New, f Filled) (name string, err error) {
	err = d.whole(func() error {
		if name, err = d.add(n); err != nil {
			return err
		}
		return d.apply(name, f)
	})
	return name, err
}

func (d *Doc) add(n New) (string, error) {
	above, ok := d.Step(n.After)
	if !ok && n.After != "" {
		return "", ErrNoStep
	}
	name := n.Name
	if name == "" {
		name = d.free(string(n.Kind))
	} else if _, taken := d.Step(name); taken || !flow.ValidName(name) {
		return "", ErrName
	}
	on := ""
	by := slices.IndexFunc(above.Ways(), func(w Way) bool { return w.PathOf() == n.By })
	if by >= 0 {
		on = above.Ways()[by].To
	}
	person := ""
	if on == "" || fails(n.Kind) {
		var err error
		if person, err = d.line(d.Person()); err != nil {
			return "", err
		}
	}
	if on == "" {
		on = person
	}
	if err := d.insert(name, n.After, skeleton(n.Kind, on, person)); err != nil {
		return "", err
	}
	setting, key, isNew := strings.Cut(n.By, "|")
	switch {
	case by >= 0:
		return name, d.lead([]Way{above.Ways()[by]}, name)
	case isNew:
		return name, d.editStep(n.After, func(t *tree) error {
			return above.setBranches(t, setting, nil, []Branch{{Name: key, To: name}})
		})
	}
	return name, nil
}

// failing are the ways that a new step leads to a person by: something failed, or
// the caller did not do what was asked.
func failing(kind flow.Kind, one Setting) bool {
	return one.Is == WayOut && (one.Name == "error" || one.Name == flow.WayFailed || one.Name == "silence" && (kind == flow.CallBack || kind == flow.Voicemail))
}

func fails(kind flow.Kind) bool {
	return slices.ContainsFunc(Settings(kind), func(one Setting) bool { return failing(kind, one) })
}

// skeleton is what a new step says before its form is filled in: it leads on,
// and callers for whom something fails come to a person.
func skeleton(kind flow.Kind, on, person string) []item {
	entry := func(name, text string) item { return item{key: name, mark: ":", value: " " + text} }
	var all []item
	if kind == flow.Bulletins {
		all = append(all, entry("bulletins", "all"))
	}
	for _, one := range Settings(kind) {
		switch {
		case failing(kind, one):
			all = append(all, entry(one.Name, quote(person)))
		case one.Is == WayOut && (one.Must || one.Name == "default" || one.Name == "next" || one.Name == flow.WayNone):
			all = append(all, entry(one.Name, quote(on)))
		case one.Is == Branches && one.Must && kind == flow.Menu:
			all = append(all, entry(one.Name, "{}"))
		case one.Is == Branches && one.Must:
			all = append(all, entry(one.Name, "{ok: "+quote(on)+"}"))
		case one.Name == "hangup" || one.Name == "end":
			all = append(all, entry(one.Name, "finished"))
		case one.Must && (one.Name == string(kind)):
			all = append(all, entry(one.Name, `""`))
		}
	}
	if kind == flow.CallBack {
		all = append(all, entry("terminator", `"#"`), entry("min", "6"), entry("max", "15"),
			entry("confirm", "[callback.readback, {digits: callback.number}, entry.confirm]"), entry("invalid_say", "entry.short"))
	}
	return all
}

// insert writes a new step behind another, or at the end.
func (d *Doc) insert(name, after string, settings []item) error {
	return d.edit(func(t *tree) error {
		at := len(t.items)
		if i := t.index(after); after != "" && i >= 0 {
			at = i + 1
		}
		var b strings.Builder
		if t.flow {
			b.WriteString(" {")
			for i, it := range settings {
				if i > 0 {
					b.WriteString(", ")
				}
				b.WriteString(it.String())
			}
			b.WriteByte('}')
		} else {
			b.WriteByte('\n')
			for _, it := range settings {
				b.WriteString(strings.Repeat(" ", t.col+2) + it.String() + "\n")
			}
		}
		t.add(at, "", item{key: quoteKey(name), mark: ":", value: b.String()})
		return nil
	})
}
