package ivr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr/flow"
)

// slack is how much longer than its sound a wait on the line may take before
// the line counts as stuck.
const slack = 5 * time.Second

// linger is how long a full entry waits for the terminator that many people
// press anyway, so that it does not answer the next question.
const linger = 800 * time.Millisecond

// menu asks until a known key, or the last attempt.
func (r *run) menu(ctx context.Context, s *flow.Step) flow.Target {
	m := s.Menu
	if s.Fresh {
		r.flush()
	}
	say := s.Say
	for attempt := 0; ; attempt++ {
		r.say(ctx, say, s.BargeIn)
		key, pressed := r.key(ctx, m.Timeout)
		if ctx.Err() != nil {
			return flow.Target{}
		}
		target, known := m.Keys[key]
		r.asked = asked{s.Say, "key"}
		switch {
		case pressed && known:
			r.pressed(key, m.Sensitive)
			switch {
			case target.As != "":
				r.passed(s, target.As)
			case m.Sensitive:
				r.passed(s, "x")
			default:
				r.passed(s, string(key))
			}
			return target
		case pressed:
			r.pressed(key, m.Sensitive)
			if attempt >= m.Retries {
				r.passed(s, "invalid")
				return m.Invalid
			}
			r.flush() // the correction must be heard
			say = slices.Concat(m.InvalidSay, s.Say)
		default:
			if attempt >= m.SilentRetries {
				r.asked.how = "silence"
				r.passed(s, "silence")
				return m.Silence
			}
			say = slices.Concat(m.SilenceSay, s.Say)
		}
	}
}

// collect gathers digits until they are enough and confirmed, or the last
// attempt.
func (r *run) collect(ctx context.Context, s *flow.Step) flow.Target {
	if r.gather(ctx, s, s.Collect) {
		r.passed(s, "given")
		return s.Next
	}
	if ctx.Err() != nil {
		return flow.Target{}
	}
	r.passed(s, "none")
	return s.Collect.Silence
}

// gather reports whether an entry was had.
func (r *run) gather(ctx context.Context, s *flow.Step, c *flow.CollectStep) bool {
	if s.Fresh {
		r.flush()
	}
	say := s.Say
	for attempt := 0; attempt <= c.Retries; attempt++ {
		r.say(ctx, say, s.BargeIn)
		digits := string(r.digits(ctx, c))
		if ctx.Err() != nil {
			return false
		}
		_, fits := r.flows.Attribute(c.Attribute).Fit(digits)
		if len(digits) < c.Min || !fits {
			r.flush()
			say = slices.Concat(c.InvalidSay, s.Say)
			continue
		}
		if c.Sensitive {
			r.secrets[c.Attribute] = digits
		} else {
			r.Set(c.Attribute, digits)
		}
		if r.confirmed(ctx, c) {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		r.Set(c.Attribute, "")
		say = s.Say
	}
	return false
}

// confirmed reads the entry back. Silence agrees: who is content often says
// nothing, and a question in a loop loses people.
func (r *run) confirmed(ctx context.Context, c *flow.CollectStep) bool {
	if len(c.Confirm) == 0 {
		return true
	}
	r.say(ctx, c.Confirm, true)
	key, pressed := r.key(ctx, c.Between)
	return !pressed || key == '1'
}

// digits reads one entry. The star erases what was keyed so far.
func (r *run) digits(ctx context.Context, c *flow.CollectStep) []byte {
	var digits []byte
	patience := c.First
	for {
		key, pressed := r.key(ctx, patience)
		switch {
		case !pressed, key == c.Terminator:
			return digits
		case key == '*':
			digits = nil
		case key >= '0' && key <= '9':
			digits = append(digits, key)
		}
		patience = c.Between
		if len(digits) < c.Max {
			continue
		}
		if c.Terminator != 0 {
			if key, pressed := r.key(ctx, linger); pressed && key != c.Terminator {
				r.unread = key
			}
		}
		return digits
	}
}

// record keeps what the caller says.
func (r *run) record(ctx context.Context, s *flow.Step) flow.Target {
	clip := r.take(ctx, s, s.Record)
	if clip != nil {
		r.recordings[s.Record.Name] = clip
		r.asked = asked{s.Say, "voice"}
		r.passed(s, "recorded")
		return s.Next
	}
	if ctx.Err() != nil {
		return flow.Target{}
	}
	r.passed(s, "none")
	return s.Record.Silence
}

// take records until something was said, or the last attempt; nil when nothing
// was. What was said before a hang-up counts.
func (r *run) take(ctx context.Context, s *flow.Step, c *flow.RecordStep) *audio.Clip {
	say := s.Say
	for range c.Retries + 1 {
		r.say(ctx, say, s.BargeIn)
		r.flush()
		r.say(ctx, []flow.Part{{Ref: flow.Beep}}, false)
		if ctx.Err() != nil {
			return nil
		}
		limited, cancel := context.WithTimeout(ctx, c.Max+slack)
		clip, _, err := r.line.Record(limited, c.Max, c.Stop)
		cancel()
		if err != nil && ctx.Err() == nil {
			r.log.Warn("recording a caller failed", "step", s.Name, "error", err)
		}
		if clip.Duration() >= c.Min {
			r.steps = 0 // time has passed: this is no loop that spins
			return clip
		}
		if ctx.Err() != nil {
			return nil
		}
		say = slices.Concat(c.ShortSay, s.Say)
	}
	return nil
}

// do runs a host action. Sensitive digits are gone afterwards.
func (r *run) do(ctx context.Context, s *flow.Step) flow.Target {
	d := s.Do
	began := time.Now()
	r.args, r.ways = d.With, slices.Sorted(maps.Keys(d.On))
	if d.Else.Given() {
		r.ways = slices.Compact(slices.Sorted(slices.Values(slices.Concat(r.ways, r.engine.cfg.Results[d.Action]))))
	}
	limited, cancel := context.WithTimeout(ctx, d.Timeout)
	result, err := r.act(limited, r.engine.cfg.Actions[d.Action])
	cancel()
	r.args, r.ways = nil, nil
	clear(r.secrets)
	r.keepLanguage()
	if rest := d.Takes - time.Since(began); rest > 0 {
		r.sleep(ctx, rest)
	}
	if ctx.Err() != nil {
		return flow.Target{}
	}
	target, known := d.On[result]
	if !known {
		target, known = d.Else, d.Else.Given()
	}
	if err == nil && !known {
		err = fmt.Errorf("the flow has no way on from the result %q", result)
	}
	if err != nil {
		r.failed(s, err)
		r.passed(s, "error")
		return d.Error
	}
	r.passed(s, result)
	return target
}

func (r *run) act(ctx context.Context, action Action) (result string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it panicked: %v\n%s", p, debug.Stack())
		}
	}()
	if action == nil {
		return "", errors.New("there is no such action")
	}
	return action(ctx, r.Session)
}

// wait lets time pass while the background plays.
func (r *run) wait(ctx context.Context, s *flow.Step) flow.Target {
	until := time.Now().Add(s.Wait.For)
	for {
		key, pressed := r.key(ctx, time.Until(until))
		if ctx.Err() != nil {
			return flow.Target{}
		}
		if !pressed {
			if rest := time.Until(until); rest > 0 {
				// The line gave up early: the pause must still be one.
				r.sleep(ctx, rest)
			}
			r.steps = 0 // time has passed: this is no loop that spins
			r.passed(s, "waited")
			return s.Next
		}
		if target, known := s.Wait.Keys[key]; known {
			r.pressed(key, false)
			r.passed(s, string(key))
			return target
		}
	}
}

func (r *run) sleep(ctx context.Context, d time.Duration) {
	if line, ok := r.line.(interface {
		Pause(context.Context, time.Duration)
	}); ok { // of a trial, in which no time passes
		line.Pause(ctx, d)
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (r *run) flush() {
	r.unread = 0
	r.line.FlushKeys()
}

// key waits for one key.
func (r *run) key(ctx context.Context, patience time.Duration) (byte, bool) {
	if key := r.unread; key != 0 {
		r.unread = 0
		return key, true
	}
	limited, cancel := context.WithTimeout(ctx, max(patience, 0))
	defer cancel()
	key, err := r.line.Key(limited)
	return key, err == nil
}

func (r *run) background(id string) {
	var clip *audio.Clip
	if id != "" {
		clip = r.prompt(r.Language(), id)
	}
	r.music = clip != nil
	r.line.Music(clip)
}
