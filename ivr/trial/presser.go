package trial

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr"
	"hotline/ivr/flow"
)

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
	asked    []Place // by which each of the keys so far was asked for
	leads    []Place // the step to which each of them has led
	fresh    bool    // none at which they are talked to has begun since the last
	waits    int     // pauses so far
	hangup   context.CancelFunc
}

// press is what was keyed by the last try.
func (p *presser) press(answers []string, out ivr.Outcome) Press {
	press := Press{Answers: slices.Clone(answers), Taken: out.Keys}
	at := 0
	for _, answer := range answers {
		if at += len(answer); at <= len(p.asked) {
			press.Asked, press.Leads = append(press.Asked, p.asked[at-len(answer)]), append(press.Leads, p.leads[at-1])
		}
	}
	return press
}

// taken notes who has asked for keys.
func (p *presser) taken(keys string) {
	for range keys {
		p.asked = append(p.asked, Place{p.at.flow, p.at.step})
	}
	p.leads = append(p.leads, p.asked[len(p.leads):]...)
	p.keys, p.fresh = p.keys[len(keys):], true
}

// comes notes a step that begins.
func (p *presser) comes(flow, step string) {
	p.at = place{flow: flow, step: step}
	if p.fresh {
		p.leads[len(p.leads)-1], p.fresh = Place{flow, step}, !talks(p.Flows.Flow(flow).Steps[step])
	}
}

// talks reports that a caller is at a step for longer than a moment.
func talks(s *flow.Step) bool {
	switch s.Kind {
	case flow.Menu, flow.Collect, flow.Record, flow.Wait, flow.ToQueue, flow.Hangup, flow.End, flow.CallBack, flow.Voicemail, flow.Bulletins:
		return true
	}
	return len(s.Say) > 0
}

func (p *presser) try(ctx context.Context, engine *ivr.Engine, name string, answers []string) ivr.Outcome {
	ctx, p.hangup = context.WithTimeout(ctx, walkLimit)
	defer p.hangup()
	p.keys, p.asks, p.at, p.asked, p.leads, p.fresh, p.waits = strings.Join(answers, ""), false, place{}, nil, nil, false, 0
	attributes := maps.Clone(p.Attributes)
	out, _ := engine.Run(ctx, p, ivr.Start{Flow: name, Language: cmp.Or(p.Language, p.With.Languages[0]), Attributes: attributes})
	p.language = out.Language
	return out
}

// answers are what can be keyed at a question, or said.
func (p *presser) answers(at place) (all []string) {
	s := p.Flows.Flow(at.flow).Steps[at.step]
	switch {
	case s.Menu != nil && at.part == "":
		return keysOf(s.Menu.Keys)
	case s.Wait != nil:
		return keysOf(s.Wait.Keys)
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
	return len(s.CallBack.Ask) > 0 && p.Attributes[ivr.AttributeCaller] != "" && p.Attributes[ivr.AttributeWithheld] != "yes"
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
	if digits, given := p.Entries[c.Attribute]; given {
		return []string{ended(digits, c)}
	}
	long := strings.Repeat("1", max(c.Min, 1))
	for _, digits := range []string{long, "30", "2030", "20300101", "12025550123", strings.Repeat("1", max(c.Max, 1))} {
		if _, fits := p.Flows.Attribute(c.Attribute).Fit(digits); !fits || len(digits) < c.Min || len(digits) > c.Max {
			continue
		}
		if c.Terminator != 0 || len(digits) == c.Max {
			return []string{ended(digits, c)}
		}
	}
	return nil
}

// ended is an entry with the key that ends it.
func ended(digits string, c *flow.CollectStep) string {
	if c.Terminator == 0 {
		return digits
	}
	return digits + string(c.Terminator)
}

// Play implements ivr.Line.
func (p *presser) Play(ctx context.Context, _ *audio.Clip, _ bool) (bool, error) {
	return false, context.Cause(ctx)
}

// Key implements ivr.Line.
func (p *presser) Key(context.Context) (byte, error) {
	if s := p.Flows.Flow(p.at.flow).Steps[p.at.step]; s.Wait != nil && len(s.Wait.Keys) == 0 {
		if p.waits++; p.waits > mostWaits {
			p.hangup()
		}
		return 0, context.DeadlineExceeded
	}
	if p.keys == "" || p.keys[0] == Speak {
		p.asks = true
		p.hangup()
		return 0, context.Canceled
	}
	key := p.keys[0]
	p.taken(p.keys[:1])
	return key, nil
}

// mostWaits is how many pauses a caller lets pass who is asked nothing: more of
// them belong to somebody who only waits.
const mostWaits = 20

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
		key = rest[0]
	}
	p.taken(p.keys[:min(len(p.keys), 2)])
	return audio.Tone(440, min(longest, SpeakFor), -12), key, nil
}

// SpeakFor is how long a sentence takes.
const SpeakFor = 3 * time.Second

// Clip implements ivr.Prompts.
func (p *presser) Clip(_, id string) (*audio.Clip, error) { return audio.NewClip([]byte(id)), nil }
