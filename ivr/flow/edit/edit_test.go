package edit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hotline/ivr/flow"
)

// shipped are the texts of all flows that ship, by name.
func shipped(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../flows/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d flows, %v", len(files), err)
	}
	texts := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimSuffix(filepath.Base(file), ".yaml")] = string(text)
	}
	return texts
}

func open(t *testing.T, text string) *Doc {
	t.Helper()
	d, err := Open(text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return d
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Errorf("%s: line %d is %q and was %q", what, i+1, a[i], b[i])
			return
		}
	}
	t.Errorf("%s: %d lines, there were %d", what, len(a), len(b))
}

// renamed gives every step another name: every way of the flow leads to a step
// all the same, and with the old names the text is the old one.
func renamed(t *testing.T, name, text string, steps []string) {
	t.Helper()
	d := open(t, text)
	other := func(i int) string { return fmt.Sprintf("other.%d", i) }
	for i, step := range steps {
		if err := d.rename(step, other(i)); err != nil {
			t.Fatalf("%s: %s: %v", name, step, err)
		}
	}
	set, err := flow.ParseSet(map[string]string{name: d.Text()})
	if err != nil {
		t.Fatalf("%s with other names: %v", name, err)
	}
	var problems flow.Problems
	errors.As(flow.Check(set, flow.Surroundings{HasPrompt: func(string, string) bool { return true }}), &problems)
	for _, one := range problems {
		if strings.Contains(one.Text, "leads to") || strings.Contains(one.Text, "names step") || strings.Contains(one.Text, "starts with step") || strings.Contains(one.Text, "no way leads") {
			t.Errorf("%s with other names: %v", name, one)
		}
	}
	for i, step := range steps {
		if err := d.rename(other(i), step); err != nil {
			t.Fatalf("%s: %s: %v", name, step, err)
		}
	}
	same(t, name+" with other names and its own again", d.Text(), text)
}

// What is not changed stays byte for byte, in every flow that ships and for
// every step of them.
func TestEveryStepOfEveryFlow(t *testing.T) {
	for name, text := range shipped(t) {
		d := open(t, text)
		same(t, name, d.Text(), text)
		parsed, err := flow.Parse(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range d.Steps() {
			names = append(names, s.Name)
			if s.Kind != parsed.Steps[s.Name].Kind {
				t.Errorf("%s: step %s is a %s, and was read as %q", name, s.Name, parsed.Steps[s.Name].Kind, s.Kind)
			}
			if at := parsed.Steps[s.Name].Pos.Line; at < s.First || at > s.Last {
				t.Errorf("%s: step %s stands in line %d, and was found in %d to %d", name, s.Name, at, s.First, s.Last)
			}
		}
		if !slices.Equal(names, parsed.Order) {
			t.Fatalf("%s: the steps are %v", name, names)
		}
		renamed(t, name, text, names)
		for i, step := range names {
			what := name + " " + step
			if now, err := d.setSource(step, d.Source(step)); err != nil || now != step {
				t.Errorf("%s: the same text: %v", what, err)
			}
			same(t, what+" with the same text", d.Text(), text)
			if i > 0 {
				heard, err := d.move(step, true)
				if err != nil {
					t.Fatalf("%s: up: %v", what, err)
				}
				if i == len(names)/2 {
					if err := d.agrees(d.root.String()); err != nil {
						t.Errorf("%s moved: %v", what, err)
					}
				}
				if d.Text() == text {
					t.Errorf("%s: moving it changed nothing", what)
				}
				if back, err := d.move(step, false); err != nil || back != heard {
					t.Fatalf("%s: down: %v, heard %v and then %v", what, err, heard, back)
				}
				same(t, what+" up and down", d.Text(), text)
			}
			copied, err := d.duplicate(step)
			if err != nil {
				t.Fatalf("%s: once more: %v", what, err)
			}
			if err := d.remove(copied, ""); err != nil {
				t.Fatalf("%s: the copy: %v", what, err)
			}
			same(t, what+" twice and once", d.Text(), text)
		}
	}
}
