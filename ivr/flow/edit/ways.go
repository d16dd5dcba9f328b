package edit

import (
	"slices"
	"strconv"

	"hotline/ivr/flow"
)

// Way is one way that leads to a step.
type Way struct {
	Step string   // where it begins; "" for the beginning of the flow and its hooks
	Path []string // settings of the step, or of the flow
	To   string
}

// Name is what makes callers take the way: a setting, a key, or an answer.
func (w Way) Name() string {
	if last := w.Path[len(w.Path)-1]; last != "next" || len(w.Path) == 1 {
		return last
	}
	return w.Path[len(w.Path)-2]
}

// targets are the settings of steps that say where they lead.
var targets = []string{"next", "goto", "then", "else", "default", "invalid", "silence", "error",
	flow.WayAgain, flow.WayDone, flow.WayOpen, flow.WayClosed, flow.WayHoliday, flow.WayAvailable, flow.WayBusy,
	flow.WayNobody, flow.WayLong, flow.WayNone, flow.WayMissing, flow.WayFailed}

// branching are the settings that hold several ways by name, or by number.
var branching = []string{"menu", "keys", "on", "when", "ways"}

// hooks are the settings of a flow that name a step.
var hooks = []string{"start", "on_agent_connected", "on_disconnect"}

// Ways are all ways out of the step within its flow, in the order in which they
// are written.
func (s Step) Ways() []Way {
	var all []Way
	for _, it := range s.tree.items {
		name := it.name()
		switch {
		case slices.Contains(branching, name) && !(name == "ways" && s.Kind != flow.Split):
			t, err := grow(it.value, atColon)
			if err != nil || t.shape == scalar {
				continue
			}
			for i, one := range t.items {
				key := one.name()
				if t.shape == sequence {
					key = strconv.Itoa(i)
				}
				all = s.way(all, one.value, t.inner(i), name, key)
			}
		case slices.Contains(targets, name):
			all = s.way(all, it.value, atColon, name)
		}
	}
	return all
}

func (s Step) way(all []Way, raw string, col int, path ...string) []Way {
	if w, ok := word(raw); ok && col == atColon {
		return append(all, Way{Step: s.Name, Path: path, To: w})
	}
	t, err := grow(raw, col)
	if err != nil || t.shape != mapping {
		return all
	}
	next, _ := t.get("next")
	if w, ok := word(next); ok {
		all = append(all, Way{Step: s.Name, Path: append(path, "next"), To: w})
	}
	return all
}

// Ways are all ways of the flow, where it begins included.
func (d *Doc) Ways() []Way {
	var all []Way
	for _, name := range hooks {
		raw, _ := d.root.get(name)
		if w, ok := word(raw); ok {
			all = append(all, Way{Path: []string{name}, To: w})
		}
	}
	for _, s := range d.Steps() {
		all = append(all, s.Ways()...)
	}
	return all
}

// Leading are the ways that lead to a step.
func (d *Doc) Leading(name string) []Way {
	return slices.DeleteFunc(d.Ways(), func(w Way) bool { return w.To != name })
}

// lead has ways lead elsewhere.
func (d *Doc) lead(ways []Way, to string) error {
	point := func(raw string, _ int) (string, error) { return replaced(raw, quote(to)), nil }
	for _, w := range ways {
		if w.Step == "" {
			raw, _ := d.root.get(w.Path[0])
			d.put(w.Path[0], replaced(raw, quote(to)))
		}
	}
	return d.edit(func(t *tree) error {
		for _, w := range ways {
			if w.Step == "" {
				continue
			}
			i := t.index(w.Step)
			if i < 0 {
				return ErrNoStep
			}
			value, err := change(t.items[i].value, atColon, w.Path, point)
			if err != nil {
				return err
			}
			t.items[i].value = value
		}
		return nil
	})
}

// Start is the first step of the flow.
func (d *Doc) Start() string { return d.Word("start") }

// About says what the flow is for.
func (d *Doc) About() string { return d.Word("about") }

// Word is a setting of the whole flow that is one word or text.
func (d *Doc) Word(setting string) string {
	raw, _ := d.root.get(setting)
	w, _ := word(raw)
	return w
}
