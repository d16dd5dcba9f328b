package trial

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"hotline/appliance/audio"
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

// Shut is how many menus none of these ways comes to: of other numbers, of those
// who wait, or of people who work here.
func (pressed Pressed) Shut(flows *flow.FlowSet) (menus int) {
	for _, name := range flows.Names() {
		f := flows.Flow(name)
		if f == nil {
			continue
		}
		for _, step := range f.Order {
			if f.Steps[step].Menu != nil && !pressed[place{flow: name, step: step}] {
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
}

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
}

// FindPresses tries every key of every question from the beginning of a flow on,
// after the keys by which its language is chosen, which may be none. Questions
// that are in pressed have had all their keys pressed in this language, and are
// only passed; those that are found are added.
func FindPresses(ctx context.Context, s Situation, name, language, start string, pressed Pressed) (Presses, error) {
	p := &presser{Situation: s}
	engine, err := ivr.New(ivr.Config{Flows: s.Flows, Prompts: p, Languages: s.With.Languages, Actions: s.Actions, Results: s.With.Actions, HasQueue: s.With.HasQueue, Host: s.Host,
		Log: slog.New(slog.DiscardHandler), At: func(flow, step string) { p.at = place{flow: flow, step: step} }})
	var found Presses
	if err != nil {
		return found, err
	}
	g := graph{answers: map[place][]string{}, leads: map[edge]place{}, pressed: map[edge]bool{}, ways: map[edge]way{}}
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
			g.ways[e], g.pressed[e] = way{keys, out.Keys}, !fresh[here.place]
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
			press = Press{g.ways[e].keys, g.ways[e].taken}
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
	ways    map[edge]way // the shortest
}

// edge is one answer to one question.
type edge struct {
	at     place
	answer string
}

type way struct {
	keys  []string
	taken string
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
	return slices.MinFunc(found, func(a, b edge) int { return slices.Compare(g.ways[a].keys, g.ways[b].keys) }), true
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
		press = Press{slices.Clone(keys), out.Keys}
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

// place is a question.
type place struct {
	flow, step string
	part       string // of a step that asks several: how the ones before were answered
}

// presser is a caller who keys and speaks, and hangs up at the first question
// that they do not answer.
type presser struct {
	Situation
	walk

	at       place
	asks     bool   // the call came to a question without an answer
	language string // in which it was then
	keys     string
	hangup   context.CancelFunc
}

func (p *presser) try(ctx context.Context, engine *ivr.Engine, name string, answers []string) ivr.Outcome {
	ctx, p.hangup = context.WithTimeout(ctx, walkLimit)
	defer p.hangup()
	p.keys, p.asks, p.at = strings.Join(answers, ""), false, place{}
	attributes := maps.Clone(p.Attributes)
	out, _ := engine.Run(ctx, p, ivr.Start{Flow: name, Language: p.With.Languages[0], Attributes: attributes})
	p.language = out.Language
	return out
}

// answers are what can be keyed at a question, or said.
func (p *presser) answers(at place) (all []string) {
	s := p.Flows.Flow(at.flow).Steps[at.step]
	switch {
	case s.Menu != nil && at.part == "":
		return keysOf(s.Menu.Keys)
	case s.Bulletins != nil:
		all = keysOf(s.Bulletins.Keys)
		if s.Bulletins.Skip != 0 && at.part == "" {
			all = append(all, string(s.Bulletins.Skip))
		}
		return all
	case s.Record != nil:
		return sentence(s.Record)
	case s.Voicemail != nil:
		return sentence(s.Voicemail.Record)
	case s.Collect != nil:
		return p.entries(s.Collect, at.part)
	case s.CallBack != nil && s.CallBack.Number != nil:
		asked := p.asksForNumber(s)
		if asked && at.part == "" {
			return []string{"1", "2"}
		}
		if part, found := strings.CutPrefix(at.part, "2"); found || !asked {
			return p.entries(s.CallBack.Number, part)
		}
	}
	return nil
}

// next is the question to which an answer has led.
func (p *presser) next(e edge) place {
	to := p.at
	if to.flow == e.at.flow && to.step == e.at.step {
		to.part = e.at.part + p.part(e.at, e.answer)
	}
	return to
}

// part tells the questions of one step apart, by the answer to the one before.
func (p *presser) part(at place, answer string) string {
	if s := p.Flows.Flow(at.flow).Steps[at.step]; s.CallBack != nil && at.part == "" && p.asksForNumber(s) {
		return answer
	}
	return "e"
}

// asksForNumber reports that a caller whose number is known is asked whether it
// is the right one.
func (p *presser) asksForNumber(s *flow.Step) bool {
	return len(s.CallBack.Ask) > 0 && p.Attributes[ivr.AttributeWithheld] != "yes"
}

func keysOf(keys map[byte]flow.Target) (all []string) {
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		all = append(all, string(key))
	}
	return all
}

func sentence(r *flow.RecordStep) []string {
	if r.Stop == "" {
		return nil // it takes as long as they may speak
	}
	return []string{string(Speak) + r.Stop[:1]}
}

// entries are an entry that fits, and the answers to whether it is right.
func (p *presser) entries(c *flow.CollectStep, part string) []string {
	switch {
	case part == "e" && len(c.Confirm) > 0:
		return []string{"1", "2"}
	case part != "":
		return nil
	}
	long := strings.Repeat("1", max(c.Min, 1))
	for _, digits := range []string{long, "30", "2030", "20300101", "12025550123", strings.Repeat("1", max(c.Max, 1))} {
		if _, fits := p.Flows.Attribute(c.Attribute).Fit(digits); !fits || len(digits) < c.Min || len(digits) > c.Max {
			continue
		}
		if c.Terminator != 0 {
			return []string{digits + string(c.Terminator)}
		}
		if len(digits) == c.Max {
			return []string{digits}
		}
	}
	return nil
}

// Play implements ivr.Line.
func (p *presser) Play(ctx context.Context, _ *audio.Clip, _ bool) (bool, error) {
	return false, context.Cause(ctx)
}

// Key implements ivr.Line.
func (p *presser) Key(context.Context) (byte, error) {
	if p.keys == "" || p.keys[0] == Speak {
		p.asks = true
		p.hangup()
		return 0, context.Canceled
	}
	key := p.keys[0]
	p.keys = p.keys[1:]
	return key, nil
}

// Record implements ivr.Line.
func (p *presser) Record(_ context.Context, longest time.Duration, _ string) (*audio.Clip, byte, error) {
	rest, speaks := strings.CutPrefix(p.keys, string(Speak))
	if !speaks {
		p.asks = true
		p.hangup()
		return nil, 0, context.Canceled
	}
	key := byte(0)
	if rest != "" {
		key, rest = rest[0], rest[1:]
	}
	p.keys = rest
	return audio.Tone(440, min(longest, SpeakFor), -12), key, nil
}

// SpeakFor is how long a sentence takes.
const SpeakFor = 3 * time.Second

// Clip implements ivr.Prompts.
func (p *presser) Clip(_, id string) (*audio.Clip, error) { return audio.NewClip([]byte(id)), nil }
