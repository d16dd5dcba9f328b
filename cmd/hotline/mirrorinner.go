package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/trunk/phone"
	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/ivr/mode"
	"hotline/ivr/trial"
	"hotline/triage/desk"
	"hotline/triage/supervise"
)

// This file is the mirror behind which a rehearsal presses the keys to which no
// number of the hotline leads: those of callers who wait, and of people who work
// here. Each dialogue has a number of its own there. What its actions answer is
// made up, so that every way can be gone, whatever the hour; what supervisors
// order is carried out as well, in records that are thrown away (ordered).

// inner is what such a mirror has beside that of others.
type inner struct {
	lines   []innerLine
	hush    map[string]bool // prompts that are silent
	round   atomic.Int64    // which of its answers each action gives
	ordered *ordered
	calls   follower
}

// innerLine is a dialogue in one language.
type innerLine struct {
	mirrorEntry
	language string
	waits    bool // it is heard in a queue
}

// innerRounds is how many answers of each action are tried.
const innerRounds = 3

// innerNumbers gives every dialogue a number in every language.
func (m *mirror) innerNumbers(languages []string) {
	set := m.real.engine.Flows()
	waits := treatments(set)
	callers := map[string]bool{}
	for _, e := range m.real.numbers.all() {
		callers[e.Flow] = callers[e.Flow] || !e.Supervisor
	}
	var names, last []string // by the long way through a menu of callers only what is on no shorter one
	for _, name := range set.Names() {
		switch {
		case set.Flow(name) == nil:
		case callers[name]:
			last = append(last, name)
		default:
			names = append(names, name)
		}
	}
	for _, name := range append(names, last...) {
		for _, language := range languages {
			// None of them is shut by a line that is closed, or has its share of calls.
			e := desk.Entry{Flow: name, Language: language, Supervisor: true}
			queue, heard := waits[name]
			if heard {
				e.Flow, e.Queue, e.Treatment = "", queue, name
			}
			here := innerLine{mirrorEntry{number: secretNumber(), flow: name}, language, heard}
			m.inner.lines = append(m.inner.lines, here)
			m.numbers[here.number] = e
		}
	}
}

func secretNumber() string {
	secret := make([]byte, 12)
	rand.Read(secret)
	return rehearsalPrefix + hex.EncodeToString(secret)
}

// treatments are the flows that callers hear while they wait, and a queue in
// which they do.
func treatments(set *flow.FlowSet) map[string]string {
	heard := map[string]string{}
	for _, name := range set.Names() {
		f := set.Flow(name)
		if f == nil {
			continue
		}
		for _, step := range f.Order {
			if q := f.Steps[step].Queue; q != nil && q.Treatment != "" && heard[q.Treatment] == "" {
				heard[q.Treatment] = q.ID
			}
		}
	}
	return heard
}

// inside are what the actions of such a mirror answer: to a trial by text, and to
// calls, for which orders are carried out, too.
func (m *mirror) inside(actions map[string]ivr.Action) (asText, ofCalls map[string]ivr.Action) {
	asText = map[string]ivr.Action{}
	for name, results := range flowActions() {
		asText[name] = func(context.Context, *ivr.Session) (string, error) { return m.inner.answer(results), nil }
	}
	for _, same := range []string{ivr.ActionModeRead, ivr.ActionBulletinsList} {
		asText[same] = actions[same]
	}
	maps.Copy(asText, m.madeUp())
	ofCalls = maps.Clone(asText)
	for name, action := range m.inner.ordered.actions {
		ofCalls[name] = m.inner.carriedOut(name, asText[name], action)
	}
	// An order takes the recordings that it uses.
	for name, kind := range map[string]string{supervise.ActionModeApply: "announcement", supervise.ActionBulletinDraft: "bulletin"} {
		said := asText[name]
		asText[name] = func(ctx context.Context, s *ivr.Session) (string, error) {
			result, err := said(ctx, s)
			for recording := range s.Recordings() {
				if result == "ok" && (recording == kind || strings.HasPrefix(recording, kind+".")) {
					s.ForgetRecording(recording)
				}
			}
			return result, err
		}
	}
	return asText, ofCalls
}

// carriedOut is an action whose order is carried out. Calls share the records in
// which that is done: what one of them finds changed by another is no trouble.
func (in *inner) carriedOut(name string, said, action ivr.Action) ivr.Action {
	shared := name == supervise.ActionUndoApply || name == supervise.ActionBulletinDraft
	return func(ctx context.Context, s *ivr.Session) (string, error) {
		result, err := said(ctx, s)
		if err != nil || result != "ok" {
			return result, err
		}
		got, err := action(ctx, s)
		if err == nil && got != result && !shared {
			err = fmt.Errorf("it answers %q, and not %q", got, result)
		}
		if err != nil {
			in.calls.failed(s.Get(ivr.AttributeCaller), fmt.Errorf("the action %s: %w", name, err))
		}
		return result, err
	}
}

// answer is the one of this round. Nobody is refused: who is comes nowhere.
func (in *inner) answer(results []string) string {
	results = slices.DeleteFunc(slices.Clone(results), func(result string) bool { return result == "denied" })
	if len(results) == 0 {
		return ""
	}
	return results[min(int(in.round.Load()), len(results)-1)]
}

// rehearsalProof is the key under which a session holds that a second proof was given.
type rehearsalProof struct{}

// madeUp are the answers of actions that tell more than a result, or take more
// than a round.
func (m *mirror) madeUp() map[string]ivr.Action {
	in, results := &m.inner, flowActions()
	tells := func(action string, told ...string) ivr.Action {
		return func(_ context.Context, s *ivr.Session) (string, error) {
			for i := 0; i < len(told); i += 2 {
				s.Set(told[i], told[i+1])
			}
			return in.answer(results[action]), nil
		}
	}
	proves := func(grave func(s *ivr.Session) bool) ivr.Action {
		return func(_ context.Context, s *ivr.Session) (string, error) {
			if grave(s) && s.Held(rehearsalProof{}) == nil {
				return "proof", nil
			}
			return "ok", nil
		}
	}
	asks := func(action string) ivr.Action { // for a sentence that is recorded
		return func(_ context.Context, s *ivr.Session) (string, error) {
			s.Announce("prompt", audio.Tone(rehearsalFirstHz, time.Second, -12))
			s.Set("prompts.left", "12")
			s.Set("prompts.part", "1")
			s.Set("prompts.part_left", "5")
			return in.answer(results[action]), nil
		}
	}
	return map[string]ivr.Action{
		// From two minutes on a call-back is offered.
		desk.ActionQueueInfo: tells(desk.ActionQueueInfo, "queue.position", "3", "queue.wait", "12", "queue.wait_range", "10-15"),
		desk.ActionAuthenticate: func(_ context.Context, s *ivr.Session) (string, error) {
			if s.Get("pin") != in.ordered.pin {
				return "denied", nil
			}
			return "ok", nil
		},
		supervise.ActionModeApply: proves(func(s *ivr.Session) bool {
			return mode.Change{Mode: s.Get("mode.wanted"), Announcement: s.Recording("announcement")}.Grave()
		}),
		supervise.ActionQueueSet: proves(func(s *ivr.Session) bool { return s.Get("queue.to") == "closed" }),
		supervise.ActionProofCode: func(_ context.Context, s *ivr.Session) (string, error) {
			s.Hold(rehearsalProof{}, true)
			return "ok", nil
		},
		supervise.ActionQueueRead: func(_ context.Context, s *ivr.Session) (string, error) {
			if !m.dispatch.Has(s.Get("queue.wanted")) {
				return "none", nil
			}
			return in.answer([]string{"open", "closed"}), nil
		},
		supervise.ActionBulletinDraft: func(_ context.Context, s *ivr.Session) (string, error) {
			if !slices.Contains(in.ordered.languages, s.Get("bulletin.language")) {
				return "not_offered", nil
			}
			return "ok", nil
		},
		supervise.ActionCallOutCount: tells(supervise.ActionCallOutCount, "callout.people", "3"),
		supervise.ActionUndoRead:     tells(supervise.ActionUndoRead, "undo.what", "mode"),
		ivr.ActionPromptsNext:        asks(ivr.ActionPromptsNext),
		ivr.ActionPromptsAdded:       asks(ivr.ActionPromptsAdded),
		ivr.ActionRegistrantRead: func(_ context.Context, s *ivr.Session) (string, error) {
			s.Set("registrant.standing", in.answer([]string{"registered", "withdrawn"}))
			return "ok", nil
		},
	}
}

// staffing is who is there in a round: nobody, nobody who is free, somebody.
func (in *inner) staffing(context.Context, string) (ivr.Staffing, error) {
	switch in.round.Load() {
	case 0:
		return ivr.Staffing{}, nil
	case 1:
		return ivr.Staffing{SignedIn: 2, Busy: 2, Waiting: 9, Wait: time.Hour, WaitKnown: true}, nil
	}
	return ivr.Staffing{SignedIn: 2, Available: 1, Busy: 1, WaitKnown: true}, nil
}

// hushed are the prompts without the music on hold, beside which it could not be
// heard whether a sentence is silent.
type hushed struct {
	ivr.Prompts
	hush map[string]bool
}

func (m *mirror) hushed() func() ivr.Prompts {
	m.inner.hush = map[string]bool{}
	set := m.real.engine.Flows()
	for _, name := range set.Names() {
		if f := set.Flow(name); f != nil {
			for _, s := range f.Steps {
				m.inner.hush[s.Music] = true
			}
		}
	}
	return func() ivr.Prompts { return hushed{m.real.edition(), m.inner.hush} }
}

// Clip implements ivr.Prompts.
func (h hushed) Clip(language, id string) (*audio.Clip, error) {
	if h.hush[id] {
		return audio.Silence(time.Second), nil
	}
	return h.Prompts.Clip(language, id)
}

// follower knows at which step of its dialogue each call is, by its caller.
type follower struct {
	mu    sync.Mutex // guards what follows
	calls map[string]*followed
}

type followed struct {
	steps []trial.Place
	music string // flow that has put music on
	err   error  // of an order
}

// begins forgets an earlier call of this number.
func (f *follower) begins(caller string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls == nil {
		f.calls = map[string]*followed{}
	}
	f.calls[caller] = &followed{}
}

// at is told of each step.
func (m *mirror) at(s *ivr.Session, name, step string) {
	f := &m.inner.calls
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.calls[s.Get(ivr.AttributeCaller)]
	if c == nil {
		return
	}
	c.steps = append(c.steps, trial.Place{Flow: name, Step: step})
	if m.step(trial.Place{Flow: name, Step: step}).Music != "" {
		c.music = name
	}
}

// step is one of those in use.
func (m *mirror) step(at trial.Place) *flow.Step {
	if f := m.engine.Flows().Flow(at.Flow); f != nil && f.Steps[at.Step] != nil {
		return f.Steps[at.Step]
	}
	return &flow.Step{}
}

// failed notes that an order could not be carried out.
func (f *follower) failed(caller string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.calls[caller]; c != nil {
		c.err = errors.Join(c.err, err)
	}
}

// trouble is what went wrong with orders of a caller.
func (f *follower) trouble(caller string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.calls[caller]; c != nil {
		return c.err
	}
	return nil
}

// seen are the steps of a call so far.
func (f *follower) seen(caller string) []trial.Place {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.calls[caller]; c != nil {
		return slices.Clone(c.steps)
	}
	return nil
}

// waits reports that a caller is asked nothing now, and hears music.
func (m *mirror) waits(caller string) bool {
	steps := m.inner.calls.seen(caller)
	if len(steps) == 0 {
		return false
	}
	last := steps[len(steps)-1]
	m.inner.calls.mu.Lock()
	defer m.inner.calls.mu.Unlock()
	return m.step(last).Wait != nil && m.inner.calls.calls[caller].music == last.Flow
}

// stepLimit is for a call to come to its next question: some let time pass first.
const stepLimit = 90 * time.Second

// errElsewhere is of a call that does not come where its dialogue leads.
var errElsewhere = errors.New("the call went elsewhere")

// reaches waits until a call has come to a step, counted from one that it has
// passed; stays: and is there.
func (m *mirror) reaches(ctx context.Context, c *phone.Call, caller string, want trial.Place, from int, stays bool) error {
	is := func() bool {
		steps := m.inner.calls.seen(caller)
		if n := len(steps); stays {
			return n > from && steps[n-1] == want
		}
		return slices.Contains(steps[min(from, len(steps)):], want)
	}
	over := false
	until(ctx, stepLimit, func() bool { over = c.FarHungUp(); return is() || over })
	if is() || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	last := trial.Place{}
	if steps := m.inner.calls.seen(caller); len(steps) > 0 {
		last = steps[len(steps)-1]
	}
	return fmt.Errorf("%w: to the step %s of %s, and not to %s of %s", errElsewhere, last.Step, last.Flow, want.Step, want.Flow)
}
