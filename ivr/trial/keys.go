package trial

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"

	"hotline/ivr"
	"hotline/ivr/flow"
)

// Presses are ways that together press every key to which callers of one number
// come in one language, and that no way before has pressed.
type Presses struct {
	Ways  []Press
	Menus int // questions that are answered by keys
	Keys  int // answers to them
}

// Pressed are the questions of which some ways press every key.
type Pressed map[place]bool

// Shut is how many menus none of these ways comes to, of some flows or of all:
// those of other numbers, of those who wait, or of people who work here.
func (pressed Pressed) Shut(flows *flow.FlowSet, of ...string) (menus int) {
	if len(of) == 0 {
		of = flows.Names()
	}
	for _, name := range of {
		f := flows.Flow(name)
		if f == nil {
			continue
		}
		for _, step := range f.Order {
			if s := f.Steps[step]; (s.Menu != nil || s.Wait != nil && len(s.Wait.Keys) > 0) && !pressed[place{flow: name, step: step}] {
				menus++
			}
		}
	}
	return menus
}

// Unheard are the questions of which no entry could be made up: no number that
// was tried fits, or no key ends the sentence. They were asked, and not answered.
func (pressed Pressed) Unheard() (questions int) {
	for at, answered := range pressed {
		if !answered && (at.part == "" || at.part == "2") { // not asked once more because of the answer before
			questions++
		}
	}
	return questions
}

// Press is what one caller keys.
type Press struct {
	Answers []string // one after another: the keys to one question; Speak before them for a sentence that is said
	Taken   string   // the keys of menus among them, as a contact keeps them
	Asked   []Place  // the step that asks each of them
	Leads   []Place  // the step to which each leads, and at which the caller is talked to; the one that asks, if it goes on asking
}

// Place is a step of a flow.
type Place struct{ Flow, Step string }

// Speak stands before the key by which a sentence ends, for the sentence.
const Speak = 'v'

// String is what is keyed, for people.
func (p Press) String() string {
	return strings.ReplaceAll(strings.Join(p.Answers, " "), string(Speak), "")
}

// Situation is the hotline around a call whose keys are looked for: what it
// answers is what it would answer such a caller now.
type Situation struct {
	Flows      *flow.FlowSet
	With       flow.Surroundings
	Actions    map[string]ivr.Action
	Host       ivr.Host
	Attributes map[string]string // what is known when the call begins
	Language   string            // in which it begins; "": the first offered
	Entries    map[string]string // what is keyed where an attribute is asked for; of others something is made up
}

// FindPresses tries every key of every question from the beginning of a flow on,
// after the keys by which its language is chosen, which may be none. Questions
// that are in pressed have had all their keys pressed in this language, and are
// only passed; those that are found are added.
func FindPresses(ctx context.Context, s Situation, name, language, start string, pressed Pressed) (Presses, error) {
	p := &presser{Situation: s}
	engine, err := ivr.New(ivr.Config{Flows: s.Flows, Prompts: p, Languages: s.With.Languages, Actions: s.Actions, Results: s.With.Actions, HasQueue: s.With.HasQueue, Host: s.Host,
		Log: slog.New(slog.DiscardHandler), At: func(_ *ivr.Session, flow, step string) { p.comes(flow, step) }})
	var found Presses
	if err != nil {
		return found, err
	}
	g := graph{answers: map[place][]string{}, leads: map[edge]place{}, pressed: map[edge]bool{}, ways: map[edge]Press{}}
	type open struct {
		place
		before []string // answers
	}
	var queue []open
	fresh := map[place]bool{}
	arrive := func(at place, before []string) {
		if _, seen := g.answers[at]; !seen {
			g.answers[at] = p.answers(at)
			if _, known := pressed[at]; !known {
				fresh[at] = true
			}
			queue = append(queue, open{at, before})
		}
	}
	first := strings.Split(start, "")
	p.try(ctx, engine, name, first)
	root := p.at
	if p.asks && p.language == language {
		arrive(root, first)
	}
	for len(queue) > 0 && len(g.ways) < mostWays {
		if ctx.Err() != nil {
			return found, context.Cause(ctx)
		}
		here := queue[0]
		queue = queue[1:]
		for _, answer := range g.answers[here.place] {
			e, keys := edge{here.place, answer}, append(slices.Clone(here.before), answer)
			out := p.try(ctx, engine, name, keys)
			g.ways[e], g.pressed[e] = p.press(keys, out), !fresh[here.place]
			if p.asks && p.language == language {
				g.leads[e] = p.next(e)
				arrive(g.leads[e], keys)
			}
		}
	}
	for at := range fresh {
		found.Keys += len(g.answers[at])
		if pressed[at] = len(g.answers[at]) > 0; pressed[at] {
			found.Menus++
		}
	}
	for ctx.Err() == nil {
		e, more := g.open()
		if !more {
			break
		}
		press, new := p.call(ctx, engine, name, language, root, first, g)
		if !new { // what is asked depends on more than the place: by the way that is known
			g.pressed[e] = true
			press = g.ways[e]
		}
		found.Ways = append(found.Ways, press)
	}
	return found, nil
}

// graph is what was found out about the questions: where each answer leads.
type graph struct {
	answers map[place][]string
	leads   map[edge]place // not of answers that end the dialogue, or go on in another language
	pressed map[edge]bool
	ways    map[edge]Press // the shortest
}

// edge is one answer to one question.
type edge struct {
	at     place
	answer string
}

// open is an answer that nobody has given yet.
func (g graph) open() (edge, bool) {
	var found []edge
	for e := range g.ways {
		if !g.pressed[e] {
			found = append(found, e)
		}
	}
	if len(found) == 0 {
		return edge{}, false
	}
	return slices.MinFunc(found, func(a, b edge) int { return slices.Compare(g.ways[a].Answers, g.ways[b].Answers) }), true
}

// on is the answer by which a call goes on from a place: to the nearest answer
// that nobody has given, and first to those that do not end it.
func (g graph) on(from place) (answer string, more bool) {
	for _, ends := range []bool{false, true} {
		if answer, more = g.towards(from, ends); more {
			return answer, true
		}
	}
	return "", false
}

// towards is the first answer on the shortest way from a place to one that nobody
// has given, and that ends the call or does not.
func (g graph) towards(from place, ends bool) (answer string, more bool) {
	type step struct {
		place
		first string
	}
	seen := map[place]bool{from: true}
	for queue := []step{{from, ""}}; len(queue) > 0; queue = queue[1:] {
		here := queue[0]
		for _, answer := range g.answers[here.place] {
			e := edge{here.place, answer}
			to, goesOn := g.leads[e]
			if _, tried := g.ways[e]; tried && !g.pressed[e] && goesOn != ends {
				return cmp.Or(here.first, answer), true
			}
			if goesOn && !seen[to] {
				seen[to] = true
				queue = append(queue, step{to, cmp.Or(here.first, answer)})
			}
		}
	}
	return "", false
}

// longest is how many answers one call gives.
const longest = 25

// call goes on from question to question as long as that leads to answers which
// nobody has given. new: there was one.
func (p *presser) call(ctx context.Context, engine *ivr.Engine, name, language string, root place, first []string, g graph) (press Press, new bool) {
	at, keys := root, slices.Clone(first)
	for len(keys) < len(first)+longest {
		answer, more := g.on(at)
		if !more {
			break
		}
		e := edge{at, answer}
		keys = append(keys, answer)
		out := p.try(ctx, engine, name, keys)
		press = p.press(keys, out)
		new = new || !g.pressed[e]
		g.pressed[e] = true
		if !p.asks || p.language != language {
			break
		}
		at = p.next(e)
		if g.answers[at] == nil {
			break // a question to which only this way leads
		}
	}
	return press, new
}
