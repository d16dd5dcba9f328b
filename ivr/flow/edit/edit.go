// Package edit changes a flow step by step and leaves the rest of its text as
// it is, byte for byte: comments, order, spelling, and whatever it does not
// understand. It knows how a flow is written and nothing of calls, pages or
// records; whether a flow works, package flow says.
package edit

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"hotline/ivr/flow"
)

// What cannot be done.
var (
	ErrNoStep = errors.New("there is no such step any more")
	ErrName   = errors.New("a name has 1 to 64 letters, digits, dots, dashes or underscores, and no other step has it")
	ErrEdge   = errors.New("there is no place further on")
	ErrLast   = errors.New("a flow needs at least one step")
	ErrText   = errShape
)

// Doc is the text of one flow while it is being changed.
type Doc struct {
	root  tree
	ended bool // the text ends with the end of a line
}

// Open reads the text of a flow. ErrText says that it is written in a way that
// only its text can be changed in: what is read must be what YAML reads.
func Open(text string) (*Doc, error) {
	d := &Doc{ended: strings.HasSuffix(text, "\n")}
	if !d.ended {
		text += "\n"
	}
	var err error
	if d.root, err = grow(text, atStart); err != nil {
		return nil, err
	}
	return d, d.agrees(text)
}

// Text is the flow as it is now.
func (d *Doc) Text() string {
	text := d.root.String()
	if !d.ended {
		text = strings.TrimSuffix(text, "\n")
	}
	return text
}

// agrees compares with what YAML reads: the same steps in the same order, each
// with the same settings.
func (d *Doc) agrees(text string) error {
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil || len(file.Docs) != 1 {
		return ErrText
	}
	steps, err := d.steps()
	if err != nil {
		return err
	}
	var read []*ast.MappingValueNode
	for _, v := range pairs(file.Docs[0].Body) {
		if v.Key.String() == "steps" {
			read = pairs(v.Value)
		}
	}
	if len(read) != len(steps.items) {
		return ErrText
	}
	seen := map[string]bool{}
	for i, v := range read {
		it := steps.items[i]
		inside, err := grow(it.value, atColon)
		settings := pairs(v.Value)
		if err != nil || keyOf(v) != it.name() || seen[it.name()] || inside.shape != mapping || len(settings) != len(inside.items) {
			return ErrText
		}
		seen[it.name()] = true
		for k, s := range settings {
			if keyOf(s) != inside.items[k].name() {
				return ErrText
			}
		}
	}
	return nil
}

func keyOf(v *ast.MappingValueNode) string {
	if s, ok := v.Key.(*ast.StringNode); ok {
		return s.Value
	}
	return v.Key.GetToken().Value
}

func pairs(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

func (d *Doc) steps() (tree, error) {
	raw, ok := d.root.get("steps")
	if !ok {
		return tree{}, ErrText
	}
	t, err := grow(raw, atColon)
	if err != nil || t.shape != mapping {
		return tree{}, ErrText
	}
	return t, nil
}

// Step is one step as it is written.
type Step struct {
	Name        string
	Kind        flow.Kind // "" when it is none
	First, Last int       // lines of the file, with the comments above it
	tree        tree
}

// Steps are all steps in the order of the file.
func (d *Doc) Steps() []Step {
	t, err := d.steps()
	if err != nil {
		return nil
	}
	line := 1 + strings.Count(t.open, "\n")
	for _, it := range d.root.items {
		if it.name() == "steps" {
			line += strings.Count(it.lead, "\n")
			break
		}
		line += strings.Count(it.String(), "\n")
	}
	line += strings.Count(d.root.open, "\n")
	var all []Step
	for _, it := range t.items {
		s := Step{Name: it.name(), First: line}
		line += strings.Count(it.String(), "\n")
		s.Last = max(s.First, line-1)
		s.tree, _ = grow(it.value, atColon)
		s.Kind = s.kind()
		all = append(all, s)
	}
	return all
}

// Step is the step of that name.
func (d *Doc) Step(name string) (Step, bool) {
	for _, s := range d.Steps() {
		if s.Name == name {
			return s, true
		}
	}
	return Step{}, false
}

func (s Step) kind() flow.Kind {
	kind := flow.Kind("")
	for _, it := range s.tree.items {
		switch k := flow.Kind(it.name()); {
		case !slices.Contains(flow.Kinds, k):
		case k != flow.Say:
			return k
		default:
			kind = k
		}
	}
	return kind
}

// Settings are the names of what is said about the step, in their order.
func (s Step) Settings() []string {
	var names []string
	for _, it := range s.tree.items {
		names = append(names, it.name())
	}
	return names
}

// Has reports that the step says something of that name.
func (s Step) Has(setting string) bool { return s.tree.index(setting) >= 0 }

// Word is a setting that is one word or text; "" for others.
func (s Step) Word(setting string) string {
	raw, _ := s.tree.get(setting)
	w, _ := word(raw)
	return w
}

// Written is the text of a setting as it stands in the file, on one line.
func (s Step) Written(setting string) string {
	raw, _ := s.tree.get(setting)
	return strings.Join(strings.Fields(raw), " ")
}

// edit changes the steps.
func (d *Doc) edit(do func(*tree) error) error {
	i := d.root.index("steps")
	if i < 0 {
		return ErrText
	}
	t, err := d.steps()
	if err != nil {
		return err
	}
	if err := do(&t); err != nil {
		return err
	}
	d.put("steps", t.String())
	return nil
}

func (d *Doc) put(name, raw string) {
	d.root.items = slices.Clone(d.root.items)
	d.root.items[d.root.index(name)].value = raw
}

// whole does something wholly or not at all, and looks at the result as Open
// does.
func (d *Doc) whole(do func() error) error {
	was := d.root
	err := do()
	if err == nil {
		err = d.agrees(d.root.String())
	}
	if err != nil {
		d.root = was
	}
	return err
}

// editStep changes one step.
func (d *Doc) editStep(name string, do func(*tree) error) error {
	return d.edit(func(steps *tree) error {
		i := steps.index(name)
		if i < 0 {
			return ErrNoStep
		}
		t, err := grow(steps.items[i].value, atColon)
		if err != nil {
			return err
		}
		if err := do(&t); err != nil {
			return err
		}
		steps.items[i].value = t.String()
		return nil
	})
}

// Move exchanges a step with its neighbour. Where one of the two leads to the
// other, and nothing else leads there, callers hear them in the new order too:
// heard says so. Otherwise only the list changes, and not what callers hear.
func (d *Doc) Move(name string, up bool) (heard bool, err error) {
	err = d.whole(func() error { heard, err = d.move(name, up); return err })
	return heard, err
}

func (d *Doc) move(name string, up bool) (heard bool, err error) {
	steps := d.Steps()
	at := slices.IndexFunc(steps, func(s Step) bool { return s.Name == name })
	if at < 0 {
		return false, ErrNoStep
	}
	if !up {
		at++
	}
	if at == 0 || at == len(steps) {
		return false, ErrEdge
	}
	first, second := steps[at-1], steps[at]
	if heard = d.follows(first, second); heard {
		if err := d.turn(first, second); err != nil {
			return false, err
		}
	}
	return heard, d.edit(func(t *tree) error { t.swap(at-1, at); return nil })
}

// follows reports that the second step is heard right after the first, and
// after no other.
func (d *Doc) follows(first, second Step) bool {
	next, ok := first.simple()
	if _, on := second.simple(); !ok || !on || next != second.Name {
		return false
	}
	return len(d.Leading(second.Name)) == 1
}

// simple is where a step leads that has one way on, and nothing noted on it.
func (s Step) simple() (to string, ok bool) {
	raw, there := s.tree.get("next")
	if !there || len(s.Ways()) != 1 {
		return "", false
	}
	return word(raw)
}

// turn has callers meet the second step before the first.
func (d *Doc) turn(first, second Step) error {
	after, _ := second.simple()
	before := d.Leading(first.Name)
	if err := d.lead(before, second.Name); err != nil {
		return err
	}
	if after == first.Name { // a circle of the two: it has been turned with the others
		after = second.Name
	}
	if err := d.editStep(first.Name, func(t *tree) error { t.set("next", quote(after), ""); return nil }); err != nil {
		return err
	}
	return d.editStep(second.Name, func(t *tree) error { t.set("next", quote(first.Name), ""); return nil })
}

// Duplicate writes a step once more, right below; nothing leads to the copy.
func (d *Doc) Duplicate(name string) (copied string, err error) {
	err = d.whole(func() error { copied, err = d.duplicate(name); return err })
	return copied, err
}

func (d *Doc) duplicate(name string) (copied string, err error) {
	copied = d.free(name)
	return copied, d.edit(func(t *tree) error {
		i := t.index(name)
		if i < 0 {
			return ErrNoStep
		}
		t.add(i+1, "", item{key: quoteKey(copied), mark: t.items[i].mark, value: t.items[i].value})
		return nil
	})
}

// free is a name that no step has, like this one.
func (d *Doc) free(like string) string {
	base := like
	if i := strings.LastIndexByte(like, '_'); i > 0 && strings.Trim(like[i+1:], "0123456789") == "" {
		base = like[:i]
	}
	if len(base) > 58 {
		base = base[:58]
	}
	if _, taken := d.Step(like); !taken {
		return like
	}
	for n := 2; ; n++ {
		name := fmt.Sprintf("%s_%d", base, n)
		if _, taken := d.Step(name); !taken {
			return name
		}
	}
}

// Remove takes a step away. What leads to it leads to instead from then on.
func (d *Doc) Remove(name, instead string) error {
	return d.whole(func() error { return d.remove(name, instead) })
}

func (d *Doc) remove(name, instead string) error {
	if _, ok := d.Step(name); !ok {
		return ErrNoStep
	}
	if len(d.Steps()) == 1 {
		return ErrLast
	}
	var others []Way
	for _, w := range d.Leading(name) {
		if w.Step != name {
			others = append(others, w)
		}
	}
	if len(others) > 0 {
		if _, ok := d.Step(instead); !ok || instead == name {
			return ErrNoStep
		}
		if err := d.lead(others, instead); err != nil {
			return err
		}
	}
	return d.edit(func(t *tree) error { t.cut(t.index(name)); return nil })
}

// Rename gives a step another name, and every way that leads to it.
func (d *Doc) Rename(name, to string) error {
	return d.whole(func() error { return d.rename(name, to) })
}

func (d *Doc) rename(name, to string) error {
	if name == to {
		return nil
	}
	if _, taken := d.Step(to); taken || !flow.ValidName(to) {
		return ErrName
	}
	ways := d.Leading(name)
	err := d.edit(func(t *tree) error {
		i := t.index(name)
		if i < 0 {
			return ErrNoStep
		}
		t.items[i].key = quoteKey(to)
		return nil
	})
	if err != nil {
		return err
	}
	for i := range ways {
		if ways[i].Step == name {
			ways[i].Step = to
		}
	}
	return d.lead(ways, to)
}

// Source is the text of one step alone, from the margin.
func (d *Doc) Source(name string) string {
	t, err := d.steps()
	i := t.index(name)
	if err != nil || i < 0 {
		return ""
	}
	it := t.items[i]
	lines := strings.SplitAfter(it.key+it.mark+it.value, "\n")
	for n := 1; n < len(lines) && !t.flow; n++ {
		lines[n] = strings.TrimPrefix(lines[n], strings.Repeat(" ", t.col))
	}
	return strings.Join(lines, "")
}

// SetSource replaces the text of one step. Its name may change with it; then
// what leads to it does too.
func (d *Doc) SetSource(name, text string) (now string, err error) {
	err = d.whole(func() error { now, err = d.setSource(name, text); return err })
	if err != nil {
		now = name
	}
	return now, err
}

func (d *Doc) setSource(name, text string) (now string, err error) {
	text = strings.TrimRight(text, " \n") + "\n"
	if text == strings.TrimRight(d.Source(name), " \n")+"\n" {
		return name, nil
	}
	one, err := grow(text, atStart)
	if err != nil || one.shape != mapping || len(one.items) != 1 || strings.TrimSpace(one.close) != "" {
		return name, ErrText
	}
	now = one.items[0].name()
	if now != name {
		if err := d.rename(name, now); err != nil {
			return name, err
		}
	}
	return now, d.edit(func(t *tree) error {
		i := t.index(now)
		lines := strings.SplitAfter(one.open+one.items[0].String()+one.close, "\n")
		for n := range lines {
			if strings.TrimSpace(lines[n]) != "" && !t.flow {
				lines[n] = strings.Repeat(" ", t.col) + lines[n]
			}
		}
		whole := strings.Join(lines, "")
		if t.flow {
			whole = strings.TrimRight(whole, "\n")
		}
		again, err := grow(whole, atStart)
		if err != nil || len(again.items) != 1 {
			return ErrText
		}
		lead := t.items[i].lead
		if above := again.open + again.items[0].lead; !t.flow && strings.TrimSpace(above) != "" {
			lead = strings.TrimRight(lead, " ") + above
		}
		again.items[0].lead = lead
		t.items[i] = again.items[0]
		return nil
	})
}
