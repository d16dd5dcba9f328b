package edit

import (
	"slices"
	"strconv"
	"strings"

	"hotline/ivr/flow"
)

// Filled is a step as its form was filled in. What is not in it, or is what the
// step says already, is not touched.
type Filled struct {
	Words    map[string]string   // settings that are one word, number or text; "" takes one away
	Said     map[string][]string // what is said: prompts, or = and a number for a piece that stays as it is
	Ways     map[string]string   // where ways lead: a Way's path with bars between; "" takes a way away
	Branches map[string][]Branch // keys and answers that are new
	Keys     map[string]string   // other keys or answers for ways: path, and the new name
	Test     *Test
	Values   []Value // nil: as they are
}

// Targets of ways besides the names of steps: a line, or another flow. A step
// that leads there is made where there is none.
const (
	ToLine  = "queue:"
	ToOther = "flow:"
)

// PathOf is the name under which a way is filled in.
func (w Way) PathOf() string { return strings.Join(w.Path, "|") }

// Apply changes a step as its form says.
func (d *Doc) Apply(name string, f Filled) error {
	return d.whole(func() error { return d.apply(name, f) })
}

func (d *Doc) apply(name string, f Filled) error {
	s, ok := d.Step(name)
	if !ok {
		return ErrNoStep
	}
	ways := map[string]string{}
	for path, to := range f.Ways {
		step, err := d.target(to)
		if err != nil {
			return err
		}
		ways[path] = step
	}
	added := map[string][]Branch{}
	for setting, all := range f.Branches {
		for _, b := range all {
			step, err := d.target(b.To)
			if err != nil {
				return err
			}
			b.To = step
			added[setting] = append(added[setting], b)
		}
	}
	if err := d.point(s, ways); err != nil {
		return err
	}
	return d.editStep(name, func(t *tree) error {
		for _, one := range Settings(s.Kind) {
			text, given := f.Words[one.Name]
			if given {
				s.setWord(t, one, text)
			}
			if said, given := f.Said[one.Name]; given {
				s.setSaid(t, one.Name, said)
			}
			if one.Is == Branches {
				if err := s.setBranches(t, one.Name, f.Keys, added[one.Name]); err != nil {
					return err
				}
			}
		}
		if was, ok := s.Test(); f.Test != nil && (ok || !s.Has("if") || s.blank("if")) && was != *f.Test {
			t.set("if", f.Test.text(), "")
		}
		if was, ok := s.Values(); f.Values != nil && (ok || !s.Has("set") || s.blank("set")) && !slices.Equal(was, f.Values) {
			var all []string
			for _, v := range f.Values {
				all = append(all, quoteKey(v.Attribute)+": "+quote(v.Value))
			}
			t.set("set", "{"+strings.Join(all, ", ")+"}", "")
		}
		return nil
	})
}

// point leads the ways of a step elsewhere, and makes or takes away those that
// are settings of their own.
func (d *Doc) point(s Step, ways map[string]string) error {
	for _, w := range s.Ways() {
		to, given := ways[w.PathOf()]
		delete(ways, w.PathOf())
		if given && to != "" && to != w.To {
			if err := d.lead([]Way{w}, to); err != nil {
				return err
			}
		}
		if given && to == "" {
			err := d.editStep(s.Name, func(t *tree) error { return take(t, w.Path) })
			if err != nil {
				return err
			}
		}
	}
	return d.editStep(s.Name, func(t *tree) error {
		for _, one := range Settings(s.Kind) {
			if to := ways[one.Name]; to != "" && one.Is == WayOut && t.index(one.Name) < 0 {
				t.set(one.Name, quote(to), "")
			}
		}
		return nil
	})
}

// take removes a way: the setting, or the entry of the key.
func take(t *tree, path []string) error {
	i := t.index(path[0])
	if i < 0 {
		return ErrText
	}
	if len(path) == 1 || len(path) == 2 && path[1] == "next" {
		t.cut(i)
		return nil
	}
	inside, err := grow(t.items[i].value, atColon)
	if err != nil {
		return err
	}
	if k := inside.index(path[1]); k >= 0 {
		if !inside.flow && len(inside.items) == 1 {
			t.items[i].value = " {}\n"
			return nil
		}
		inside.cut(k)
	}
	t.items[i].value = inside.String()
	return nil
}

func (s Step) setWord(t *tree, one Setting, text string) {
	switch one.Is {
	case Sentences, WayOut, Branches, ATest, Attributes:
		return
	case Seconds:
		if was, ok := s.Seconds(one.Name); ok && was == text {
			return
		}
		if text != "" {
			text += "s"
		}
	case YesNo:
		if was := s.Word(one.Name); was == text || was == "" && text == "false" {
			return
		}
	}
	if s.Word(one.Name) == text && s.Has(one.Name) {
		return
	}
	switch i := t.index(one.Name); {
	case text != "" && (one.Is == YesNo || one.Is == ACount || one.Is == Seconds):
		t.set(one.Name, plainOr(text), "")
	case text != "":
		t.set(one.Name, quote(text), "")
	case i >= 0 && !one.Must:
		t.cut(i)
	case i >= 0:
		t.set(one.Name, `""`, "")
	}
}

// plainOr is a number or a time as it is, and anything else in quotation marks:
// the checker says what is wrong with it.
func plainOr(text string) string {
	if strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789.") == "" && text[0] != '.' {
		return text
	}
	return quote(text)
}

func (s Step) setSaid(t *tree, setting string, said []string) {
	was := s.Parts(setting)
	var now []string
	same := true
	for i, one := range said {
		if n, err := strconv.Atoi(strings.TrimPrefix(one, "=")); strings.HasPrefix(one, "=") && err == nil && n >= 0 && n < len(was) {
			now = append(now, was[n].Text)
			same = same && n == i
			continue
		}
		now = append(now, quote(one))
		same = same && i < len(was) && was[i].Prompt == one
	}
	switch {
	case same && len(now) == len(was):
	case len(now) == 0:
		if i := t.index(setting); i >= 0 && len(t.items) > 1 {
			t.cut(i)
		}
	case len(now) == 1 && !strings.ContainsAny(now[0], "{["):
		t.set(setting, now[0], "")
	default:
		t.set(setting, "["+strings.Join(now, ", ")+"]", "")
	}
}

// setBranches gives ways other keys, and adds new ones behind the last.
func (s Step) setBranches(t *tree, setting string, keys map[string]string, added []Branch) error {
	i := t.index(setting)
	if i < 0 {
		if len(added) == 0 {
			return nil
		}
		t.set(setting, "{}", "")
		i = t.index(setting)
	}
	inside, err := grow(t.items[i].value, atColon)
	if err != nil {
		return err
	}
	if inside.shape != mapping {
		return nil
	}
	changed := false
	for k := range inside.items {
		was := inside.items[k].name()
		if to, given := keys[setting+"|"+was]; given && to != was && to != "" {
			inside.items[k].key = quoteKey(to)
			changed = true
		}
	}
	for _, b := range added {
		if b.Name == "" || b.To == "" || inside.index(b.Name) >= 0 {
			continue
		}
		inside.add(len(inside.items), "", item{key: quoteKey(b.Name), mark: ":", value: " " + quote(b.To)})
		changed = true
	}
	if changed {
		t.items[i].value = inside.String()
	}
	return nil
}

// Shift moves a key or an answer of a step up or down among the others.
func (d *Doc) Shift(name, setting, key string, up bool) error {
	return d.branch(name, setting, key, func(t *tree, i int) error {
		k := i + 1
		if up {
			k = i - 1
		}
		if k < 0 || k >= len(t.items) {
			return ErrEdge
		}
		t.swap(i, k)
		return nil
	})
}

// Again writes the way of a key once more, for another key.
func (d *Doc) Again(name, setting, key, other string) error {
	return d.branch(name, setting, key, func(t *tree, i int) error {
		if other == "" || t.index(other) >= 0 {
			return ErrEdge
		}
		t.add(i+1, "", item{key: quoteKey(other), mark: t.items[i].mark, value: t.items[i].value})
		return nil
	})
}

func (d *Doc) branch(name, setting, key string, do func(*tree, int) error) error {
	return d.whole(func() error {
		return d.editStep(name, func(t *tree) error {
			raw, ok := t.get(setting)
			if !ok {
				return ErrNoStep
			}
			inside, err := grow(raw, atColon)
			if err != nil {
				return err
			}
			i := inside.index(key)
			if i < 0 {
				return ErrNoStep
			}
			if err := do(&inside, i); err != nil {
				return err
			}
			t.items[t.index(setting)].value = inside.String()
			return nil
		})
	})
}

// target is the step that a target names; one is made for a line or a flow to
// which no step leads yet.
func (d *Doc) target(to string) (string, error) {
	if line, ok := strings.CutPrefix(to, ToLine); ok {
		return d.line(line)
	}
	if other, ok := strings.CutPrefix(to, ToOther); ok {
		return d.other(other)
	}
	if to == "" {
		return "", nil
	}
	if _, ok := d.Step(to); !ok {
		return "", ErrNoStep
	}
	return to, nil
}

// Kept reports that a way is what is filled in by itself: when something fails,
// callers come to a person.
func (d *Doc) Kept(w Way) bool {
	s, _ := d.Step(w.Step)
	to, ok := d.Step(w.To)
	return ok && len(w.Path) == 1 && failing(s.Kind, Setting{Name: w.Path[0], Is: WayOut}) && to.Kind == flow.ToQueue && to.Word("queue") == d.Person()
}

// connecting is what callers hear on the way into a queue.
const connecting = "queue.connecting"

// line is the step that leads to a line as usual: one that puts callers before
// or behind others, or asks for skills, is not meant.
func (d *Doc) line(queue string) (string, error) {
	if !flow.ValidName(queue) {
		return "", ErrName
	}
	usual, treatment := d.fallback("priority"), d.fallback("treatment")
	for _, s := range d.Steps() {
		if p := s.Word("priority"); s.Kind == flow.ToQueue && s.Word("queue") == queue && !s.Has("skills") && (p == "" || p == usual) {
			return s.Name, nil
		}
	}
	settings := []item{{key: "queue", mark: ":", value: " " + quote(queue)}, {key: "say", mark: ":", value: " " + connecting}}
	if treatment != "" {
		settings = append(settings, item{key: "treatment", mark: ":", value: " " + quote(treatment)})
	}
	name := d.free(queue)
	return name, d.insert(name, "", settings)
}

// other is the step that leads into another flow.
func (d *Doc) other(name string) (string, error) {
	if !flow.ValidName(name) {
		return "", ErrName
	}
	for _, s := range d.Steps() {
		if s.Kind == flow.Continue && s.Word("continue") == name || s.Kind == flow.Call && s.Word("flow") == name {
			return s.Name, nil
		}
	}
	step := d.free(name)
	return step, d.insert(step, "", []item{{key: "continue", mark: ":", value: " " + quote(name)}})
}

func (d *Doc) fallback(setting string) string {
	raw, _ := d.root.get("fallback")
	t, err := grow(raw, atColon)
	if err != nil {
		return ""
	}
	raw, _ = t.get(setting)
	w, _ := word(raw)
	return w
}

// Person is the queue into which callers come who cannot be led any further.
func (d *Doc) Person() string { return d.fallback("queue") }
