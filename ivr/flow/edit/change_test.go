package edit

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"hotline/ivr/flow"
)

const small = `# Ours
about: Greeting
start: hello
fallback: {queue: help, priority: 5, treatment: waiting}

steps:
  # First of all.
  hello:
    say: hello    # short
    next: main

  # Keys never change.
  main:
    menu: {"1": help, "2": {next: bye, set: {asked: yes}, as: leave}}
    say: main.menu
    later: kept   # what no form knows
    default: help
  help: {queue: help, say: queue.connecting}   # everybody

  bye: {hangup: done, say: goodbye}
`

// Each edit, and all that has changed in the file by it.
func TestEdits(t *testing.T) {
	for name, one := range map[string]struct {
		do   func(*Doc) error
		gone string // lines
		came string
	}{
		"a step behind another": {
			func(d *Doc) error {
				_, err := d.Add(New{Kind: flow.Say, After: "hello", By: "next"}, Filled{Said: map[string][]string{"say": {"alert.general"}}})
				return err
			},
			"    next: main",
			"    next: say|  say:|    say: alert.general|    next: main",
		},
		"a step that a new key leads to": {
			func(d *Doc) error {
				_, err := d.Add(New{Kind: flow.Hangup, Name: "over", After: "main", By: "menu|9"}, Filled{Said: map[string][]string{"say": {"goodbye"}}})
				return err
			},
			`    menu: {"1": help, "2": {next: bye, set: {asked: yes}, as: leave}}`,
			`    menu: {"1": help, "2": {next: bye, set: {asked: yes}, as: leave}, "9": over}|  over:|    hangup: finished|    say: goodbye`,
		},
		"a key that leads to a line": {
			func(d *Doc) error {
				return d.Apply("main", Filled{Branches: map[string][]Branch{"menu": {{Name: "3", To: ToLine + "medical"}}}})
			},
			`    menu: {"1": help, "2": {next: bye, set: {asked: yes}, as: leave}}`,
			`    menu: {"1": help, "2": {next: bye, set: {asked: yes}, as: leave}, "3": medical}|  medical:|    queue: medical|    say: queue.connecting|    treatment: waiting`,
		},
		"a key that leads elsewhere keeps what is noted on the way": {
			func(d *Doc) error {
				return d.Apply("main", Filled{Ways: map[string]string{"menu|2|next": "help", "menu|1": ToLine + "help", "default": ""}, Keys: map[string]string{"menu|1": "7"}})
			},
			`    menu: {"1": help, "2": {next: bye, set: {asked: yes}, as: leave}}|    default: help`,
			`    menu: {"7": help, "2": {next: help, set: {asked: yes}, as: leave}}`,
		},
		"a key is taken away": {
			func(d *Doc) error { return d.Apply("main", Filled{Ways: map[string]string{"menu|1": ""}}) },
			`    menu: {"1": help, "2": {next: bye, set: {asked: yes}, as: leave}}`,
			`    menu: {"2": {next: bye, set: {asked: yes}, as: leave}}`,
		},
		"keys are exchanged": {
			func(d *Doc) error { return d.Shift("main", "menu", "2", true) },
			`    menu: {"1": help, "2": {next: bye, set: {asked: yes}, as: leave}}`,
			`    menu: {"2": {next: bye, set: {asked: yes}, as: leave}, "1": help}`,
		},
		"another sentence keeps the comment": {
			func(d *Doc) error {
				return d.Apply("hello", Filled{Said: map[string][]string{"say": {"hello.short"}}, Words: map[string]string{"barge_in": "true"}})
			},
			"    say: hello    # short",
			"    say: hello.short    # short|    barge_in: true",
		},
		"a question about the call": {
			func(d *Doc) error {
				_, err := d.Add(New{Kind: flow.If, After: "hello", By: "next"}, Filled{Test: &Test{"language", "is", "en, es"}, Ways: map[string]string{"else": "help"}})
				return err
			},
			"    next: main",
			"    next: if|  if:|    if: {attribute: language, is: [en, es]}|    then: main|    else: help",
		},
		"something noted": {
			func(d *Doc) error {
				_, err := d.Add(New{Kind: flow.Set, After: "hello", By: "next"}, Filled{Values: []Value{{"asked", "yes"}}})
				return err
			},
			"    next: main",
			"    next: set|  set:|    set: {asked: yes}|    next: main",
		},
		"a rest": {
			func(d *Doc) error {
				_, err := d.Add(New{Kind: flow.Wait, After: "hello", By: "next"}, Filled{Words: map[string]string{"wait": "2.5"}})
				return err
			},
			"    next: main",
			"    next: wait|  wait:|    wait: 2.5s|    next: main",
		},
		"what is there already": {
			func(d *Doc) error {
				return d.Apply("main", Filled{Said: map[string][]string{"say": {"=0"}}, Ways: map[string]string{"default": "help", "menu|1": "help", "menu|2|next": "bye", "silence": ""},
					Words: map[string]string{"timeout": "", "path": "", "fresh": "false"}, Keys: map[string]string{"menu|1": "1"}})
			}, "", "",
		},
		"a step on one line stays on one line": {
			func(d *Doc) error { return d.Apply("help", Filled{Words: map[string]string{"priority": "3"}}) },
			"  help: {queue: help, say: queue.connecting}   # everybody",
			"  help: {queue: help, say: queue.connecting, priority: 3}   # everybody",
		},
		"another name": {
			func(d *Doc) error { return d.Rename("main", "choice") },
			"    next: main|  main:", "    next: choice|  choice:",
		},
		"a step goes away": {
			func(d *Doc) error { return d.Remove("bye", "help") },
			`    menu: {"1": help, "2": {next: bye, set: {asked: yes}, as: leave}}||  bye: {hangup: done, say: goodbye}`,
			`    menu: {"1": help, "2": {next: help, set: {asked: yes}, as: leave}}`,
		},
		"the first step goes away": {
			func(d *Doc) error { return d.Remove("hello", "main") },
			"start: hello|  # First of all.|  hello:|    say: hello    # short|    next: main",
			"start: main",
		},
		"a step as text": {
			func(d *Doc) error {
				_, err := d.SetSource("help", "# in short\nhelp:\n  queue: life   # now\n")
				return err
			},
			"  help: {queue: help, say: queue.connecting}   # everybody",
			"  # in short|  help:|    queue: life   # now",
		},
	} {
		d := open(t, small)
		if err := one.do(d); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := map[string]int{}
		lines := func(text, by string, n int) {
			if text != "" {
				for line := range strings.SplitSeq(text, by) {
					want[line] += n
				}
			}
		}
		lines(small, "\n", 1)
		lines(one.gone, "|", -1)
		lines(one.came, "|", 1)
		lines(d.Text(), "\n", -1)
		for line, n := range want {
			if n != 0 {
				t.Errorf("%s: the line %q is there %d times too few in\n%s", name, line, n, d.Text())
			}
		}
	}
}

// What is refused leaves the flow as it was.
func TestRefusals(t *testing.T) {
	for name, do := range map[string]func(*Doc) error{
		"the first step up":             func(d *Doc) error { _, err := d.Move("hello", true); return err },
		"the last step down":            func(d *Doc) error { _, err := d.Move("bye", false); return err },
		"a name that is taken":          func(d *Doc) error { return d.Rename("hello", "bye") },
		"a name that is none":           func(d *Doc) error { return d.Rename("hello", "two words") },
		"gone without another way":      func(d *Doc) error { return d.Remove("bye", "") },
		"a way to nowhere":              func(d *Doc) error { return d.Apply("hello", Filled{Ways: map[string]string{"next": "nowhere"}}) },
		"text of two steps":             func(d *Doc) error { _, err := d.SetSource("bye", "a: {hangup: x}\nb: {hangup: x}\n"); return err },
		"text that is no YAML":          func(d *Doc) error { _, err := d.SetSource("bye", "bye: {hangup: [\n"); return err },
		"a step behind one that is not": func(d *Doc) error { _, err := d.Add(New{Kind: flow.Say, After: "gone"}, Filled{}); return err },
	} {
		d := open(t, small)
		if err := do(d); err == nil {
			t.Errorf("%s was done", name)
		}
		same(t, name, d.Text(), small)
	}
	for _, text := range []string{"", "steps: 3", "- a\n- b\n", "steps:\n  a: &x {hangup: y}\n  b: *x\n", "steps:\n  a: {hangup: y}\n  a: {hangup: y}\n", "steps: {a: [\n"} {
		if _, err := Open(text); err == nil {
			t.Errorf("%q can be edited", text)
		}
	}
}

// Two steps, one behind the other, are heard in the new order; where something
// else leads to the second, only the list changes.
func TestAMoveIsHeard(t *testing.T) {
	text := "start: a\nfallback: {queue: help}\nsteps:\n  a: {say: hello, next: b}\n  b: {say: goodbye, next: c}\n  c: {queue: help}\n"
	d := open(t, text)
	heard, err := d.Move("b", true)
	if err != nil || !heard {
		t.Fatal(heard, err)
	}
	same(t, "turned", d.Text(), "start: b\nfallback: {queue: help}\nsteps:\n  b: {say: goodbye, next: a}\n  a: {say: hello, next: c}\n  c: {queue: help}\n")
	if heard, err := d.Move("c", true); err != nil || heard {
		t.Errorf("the queue: heard %v, %v", heard, err)
	}
}

// Whatever is done to a flow that works, what comes out is a flow whose faults
// are told, and never a file that cannot be read.
func TestRandomEdits(t *testing.T) {
	d := open(t, shipped(t)["closed"])
	kinds := append([]flow.Kind{}, Kinds...)
	for n, kind := range kinds {
		steps := d.Steps()
		at := steps[(n*7)%len(steps)]
		by := ""
		if ways := at.Ways(); len(ways) > 0 {
			by = ways[n%len(ways)].PathOf()
		}
		name, err := d.Add(New{Kind: kind, After: at.Name, By: by}, Filled{Words: map[string]string{string(kind): "help"}, Said: map[string][]string{"say": {"hello"}}})
		if err != nil {
			t.Fatalf("a %s behind %s: %v", kind, at.Name, err)
		}
		s, ok := d.Step(name)
		if unknown := s.Unknown(); len(unknown) > 0 && kind != flow.Wait { // "help" is no time
			t.Errorf("the form of a new %s does not show %v", kind, unknown)
		}
		if !ok || s.Kind != kind {
			t.Fatalf("a new %s is a %q in\n%s", kind, s.Kind, d.Source(name))
		}
		if _, err := d.Move(name, n%2 == 0); err != nil && !errors.Is(err, ErrEdge) {
			t.Errorf("moving a %s: %v", kind, err)
		}
		if _, err := flow.Parse("closed", []byte(d.Text())); err != nil {
			if _, told := err.(flow.Problems); !told {
				t.Errorf("with a %s: %v", kind, err)
			}
		}
	}
	for len(d.Steps()) > 1 {
		steps := d.Steps()
		if err := d.Remove(steps[1].Name, steps[0].Name); err != nil {
			t.Fatalf("removing %s: %v", steps[1].Name, err)
		}
	}
}

// Whatever somebody types: what can be opened is written back as it was, and
// what cannot is refused.
func TestDamagedTexts(t *testing.T) {
	text, random := shipped(t)["private"], rand.New(rand.NewPCG(1, 2))
	opened := 0
	for range 300 {
		damaged := []byte(text)
		for range 1 + random.IntN(3) {
			at := random.IntN(len(damaged))
			switch random.IntN(3) {
			case 0:
				damaged = append(damaged[:at], damaged[at+1:]...)
			case 1:
				damaged[at] = "{}[]:,#'\"-\n &*|"[random.IntN(15)]
			default:
				damaged = append(damaged[:at], damaged[min(len(damaged), at+random.IntN(60)):]...)
			}
		}
		d, err := Open(string(damaged))
		if err != nil {
			continue
		}
		opened++
		same(t, "damaged", d.Text(), string(damaged))
		for _, s := range d.Steps() {
			s.Unknown()
			s.Parts("say")
			s.Ways()
			d.Source(s.Name)
		}
	}
	if opened < 50 {
		t.Errorf("only %d were opened", opened)
	}
}
