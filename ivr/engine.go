// Package ivr runs telephone dialogues: it plays what a flow says, hears the
// keys, asks the host for what only the host knows, and ends with an Outcome.
// It does not know queues, registrants, SIP or media, and it never loses a
// caller: whatever goes wrong in a dialogue ends in the flow's fallback queue.
package ivr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr/flow"
)

// Exit says how a dialogue ended.
type Exit string

// The exits.
const (
	ExitQueue  Exit = "queue"  // the caller is to wait in Outcome.Queue
	ExitHangup Exit = "hangup" // the flow wants the call ended
	ExitEnd    Exit = "end"    // the flow has nothing more to say
	ExitLeft   Exit = "left"   // the caller hung up, or ctx ended
)

// Outcome is everything a dialogue gathered. It is complete at every exit.
type Outcome struct {
	Exit       Exit
	Queue      string
	Priority   int
	Skills     []string // an agent must have
	Treatment  string   // flow to run while waiting
	Reason     string   // of a hangup or end
	Fallback   bool     // the queue is the flow's fallback: something went wrong
	Language   string
	Path       []string
	Keys       string // menu keys in order; sensitive ones are "x"
	Attributes map[string]string
	Kept       map[string]string // the attributes that are stored with the contact: those a flow declares
	Refused    []string          // attributes that did not fit
	Recordings map[string]*audio.Clip
	Promise    *Promise      // a call-back that was stored
	Message    bool          // a message was stored
	Consents   []Consent     // what the caller agreed to or not
	Flows      *flow.FlowSet // those of the call, for what else it runs
}

// Start is what is known when a dialogue begins.
type Start struct {
	Flow       string
	Language   string // "": the first offered
	Attributes map[string]string
	Flows      *flow.FlowSet // Outcome.Flows of the same call; nil: those in use now
}

// Config is what an Engine needs.
type Config struct {
	Flows     *flow.FlowSet
	Prompts   Prompts
	Edition   func() Prompts // what a dialogue that begins says to its end; nil: Prompts
	Languages []string       // offered to callers; the first is the default
	Actions   map[string]Action
	Results   map[string][]string // of actions, by name; of others they are not checked
	Host      Host
	HasQueue  func(id string) bool                // nil: queue names are not checked
	Fallback  flow.Queue                          // where callers go when there is not even a flow
	MaxSteps  int                                 // of one call between two waits; 0: 400
	At        func(s *Session, flow, step string) // told of each step before it runs, for trials; may be nil
	Log       *slog.Logger
}

const defaultMaxSteps = 400

// maxDepth is how deep flows may call each other.
const maxDepth = 8

// Engine runs dialogues, any number at once.
type Engine struct {
	cfg   Config
	flows atomic.Pointer[flow.FlowSet]
}

// New checks the flows and returns an engine for them.
func New(cfg Config) (*Engine, error) {
	if len(cfg.Languages) == 0 {
		return nil, errors.New("no language is offered to callers: name at least one")
	}
	if cfg.MaxSteps == 0 {
		cfg.MaxSteps = defaultMaxSteps
	}
	if cfg.Fallback.ID == "" {
		cfg.Fallback = flow.Queue{ID: "help", Priority: 5}
	}
	e := &Engine{cfg: cfg}
	if err := e.Publish(cfg.Flows); err != nil {
		return nil, err
	}
	return e, nil
}

// Publish checks flows and uses them for every call from now on. Running calls
// keep those they began with.
func (e *Engine) Publish(flows *flow.FlowSet) error {
	if err := e.Check(flows); err != nil {
		return fmt.Errorf("these flows cannot be used; calls keep the ones in use:\n%w", err)
	}
	e.flows.Store(flows)
	return nil
}

// Resume uses flows that were published before. Where they name a queue that
// there is not any more, their callers come to those who help everybody, and the
// problems say so: that is better than other flows than those people know.
func (e *Engine) Resume(flows *flow.FlowSet) (lost flow.Problems, err error) {
	err = e.Check(flows)
	if errors.As(err, &lost) && lost.OnlyQueues() {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("these flows cannot be used; calls keep the ones in use:\n%w", err)
	}
	e.flows.Store(flows)
	return lost, nil
}

// Flows are those that the next call gets.
func (e *Engine) Flows() *flow.FlowSet { return e.flows.Load() }

// Check looks whether flows could be published.
func (e *Engine) Check(flows *flow.FlowSet) error { return flow.Check(flows, e.Surroundings()) }

// Surroundings are what flows are checked against here.
func (e *Engine) Surroundings() flow.Surroundings {
	actions := map[string][]string{}
	for name := range e.cfg.Actions {
		actions[name] = e.cfg.Results[name]
	}
	return flow.Surroundings{
		Languages: e.cfg.Languages,
		HasPrompt: e.cfg.Prompts.Has,
		Actions:   actions,
		HasQueue:  e.cfg.HasQueue,
		HTTP:      e.cfg.Host.Fetch != nil,
	}
}

// run is one dialogue.
type run struct {
	*Session
	engine  *Engine
	prompts Prompts
	steps   int  // since the last wait
	music   bool // a background is set
	unread  byte // a key that was read and belongs to the next step

	rounds  map[*flow.Step]int // of loop steps
	promise *Promise
	message bool

	asked    asked
	consents []Consent
}

// ending is how a flow was left; the zero value is "not yet".
type ending struct {
	exit     Exit
	queue    flow.Queue
	reason   string
	fallback bool
	next     *flow.Flow // another flow goes on in place of this one
}

// Run leads one caller through a flow. The Outcome is always usable: an error
// only explains why it is the fallback.
func (e *Engine) Run(ctx context.Context, line Line, start Start) (out Outcome, err error) {
	r := e.begin(line, start)
	f := r.flows.Flow(start.Flow)
	if f == nil {
		return r.outcome(ending{exit: ExitQueue, queue: e.cfg.Fallback, fallback: true}),
			fmt.Errorf("there is no flow %q: the caller goes to queue %q", start.Flow, e.cfg.Fallback.ID)
	}
	defer func() {
		if p := recover(); p != nil {
			e.cfg.Log.Error("a dialogue failed; the caller goes to the fallback queue", "flow", f.Name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			out = r.outcome(ending{exit: ExitQueue, queue: f.Fallback, fallback: true})
			err = fmt.Errorf("the flow %q failed: %v", f.Name, p)
		}
	}()
	return r.outcome(r.flow(ctx, f, 0)), nil
}

func (e *Engine) begin(line Line, start Start) *run {
	r := &run{
		Session: &Session{
			line: line, log: e.cfg.Log, began: time.Now(), flows: start.Flows,
			attributes: map[string]string{}, secrets: map[string]string{},
			recordings: map[string]*audio.Clip{}, spoken: map[string]*audio.Clip{},
		},
		engine: e, rounds: map[*flow.Step]int{},
	}
	if r.flows == nil {
		r.flows = e.flows.Load()
	}
	if r.prompts = e.cfg.Prompts; e.cfg.Edition != nil {
		r.prompts = e.cfg.Edition()
	}
	r.Set(Language, start.Language)
	r.keepLanguage()
	for name, value := range start.Attributes {
		if name != Language {
			r.Set(name, value)
		}
	}
	return r
}

// Hook runs, unheard, what a flow wants done on an event of a call that it led:
// Event OnAgentConnected or OnDisconnect. It returns the attributes as they are
// afterwards; without a hook they are the ones given.
func (e *Engine) Hook(ctx context.Context, event Event, start Start) (out Outcome, err error) {
	r := e.begin(nowhere{}, start)
	defer func() {
		if p := recover(); p != nil {
			out, err = r.outcome(ending{exit: ExitEnd}), fmt.Errorf("the hook %s of flow %q failed: %v", event, start.Flow, p)
		}
	}()
	f := r.flows.Flow(start.Flow)
	if f == nil {
		return r.outcome(ending{exit: ExitEnd}), nil
	}
	first := f.OnAgentConnected
	if event == OnDisconnect {
		first = f.OnDisconnect
	}
	if first == "" {
		return r.outcome(ending{exit: ExitEnd}), nil
	}
	return r.outcome(r.from(ctx, f, first, 0)), nil
}

// Event is something that happens to a call.
type Event string

// The events that flows may hook.
const (
	OnAgentConnected Event = "on_agent_connected"
	OnDisconnect     Event = "on_disconnect"
)

func (r *run) outcome(end ending) Outcome {
	return Outcome{
		Exit: end.exit, Queue: end.queue.ID, Priority: r.priority(end.queue.Priority), Treatment: end.queue.Treatment,
		Skills: r.skills(end.queue.Skills), Kept: r.kept(), Refused: r.refused, Promise: r.promise, Message: r.message, Consents: r.consents, Flows: r.flows,
		Reason: end.reason, Fallback: end.fallback,
		Language: r.Language(), Path: r.path, Keys: string(r.keys),
		Attributes: r.Attributes(), Recordings: r.Recordings(),
	}
}

// flow runs one flow to its end.
func (r *run) flow(ctx context.Context, f *flow.Flow, depth int) ending {
	for {
		end := r.from(ctx, f, f.Start, depth)
		if end.next == nil {
			return end
		}
		f = end.next // continue: the new flow takes the place of this one
	}
}

// from runs the steps of one flow from the one named.
func (r *run) from(ctx context.Context, f *flow.Flow, name string, depth int) ending {
	fallback := ending{exit: ExitQueue, queue: f.Fallback, fallback: true}
	for {
		if ctx.Err() != nil {
			return ending{exit: ExitLeft}
		}
		step := f.Steps[name]
		r.steps++
		if step == nil || r.steps > r.engine.cfg.MaxSteps || depth > maxDepth {
			r.log.Error("a dialogue went round in circles; the caller goes to the fallback queue",
				"flow", f.Name, "step", name, "steps", r.steps, "depth", depth, "queue", f.Fallback.ID)
			return fallback
		}
		if at := r.engine.cfg.At; at != nil {
			at(r.Session, f.Name, name)
		}
		target, end := r.step(ctx, step, depth)
		if ctx.Err() != nil {
			return ending{exit: ExitLeft}
		}
		if end.exit != "" || end.next != nil {
			return end
		}
		r.assign(target.Set)
		r.consented(target.Set)
		r.keepLanguage()
		name = target.Step
	}
}

// keepLanguage undoes a language that is not offered.
func (r *run) keepLanguage() {
	if !slices.Contains(r.engine.cfg.Languages, r.Language()) {
		r.Set(Language, r.engine.cfg.Languages[0])
	}
}

// step runs one step: where to go on, or how the dialogue ended.
func (r *run) step(ctx context.Context, s *flow.Step, depth int) (flow.Target, ending) {
	switch s.Kind {
	case flow.Menu:
		return r.menu(ctx, s), ending{}
	case flow.Collect:
		return r.collect(ctx, s), ending{}
	case flow.Record:
		return r.record(ctx, s), ending{}
	case flow.Do:
		return r.do(ctx, s), ending{}
	case flow.Wait:
		return r.wait(ctx, s), ending{}
	case flow.If:
		if s.If.Holds(r.known, time.Now()) {
			r.passed(s, "then")
			return s.If.Then, ending{}
		}
		r.passed(s, "else")
		return s.If.Else, ending{}
	case flow.Set, flow.Forget:
		r.assign(s.Set)
		r.consented(s.Set)
	case flow.Say:
		r.say(ctx, s.Say, s.BargeIn)
		r.passed(s, "said")
	case flow.Music:
		r.background(s.Music)
	case flow.Call:
		return r.call(ctx, s, depth)
	case flow.Continue:
		r.passed(s, s.Call.Flow)
		return flow.Target{}, ending{next: r.flows.Flow(s.Call.Flow)}
	case flow.ToQueue:
		r.say(ctx, s.Say, s.BargeIn)
		r.passed(s, s.Queue.ID)
		return flow.Target{}, ending{exit: ExitQueue, queue: *s.Queue}
	case flow.Hangup:
		r.say(ctx, s.Say, s.BargeIn)
		r.passed(s, s.Reason)
		return flow.Target{}, ending{exit: ExitHangup, reason: s.Reason}
	case flow.End:
		r.say(ctx, s.Say, s.BargeIn)
		r.passed(s, s.Reason)
		return flow.Target{}, ending{exit: ExitEnd, reason: s.Reason}
	case flow.Goto:
	default:
		return r.service(ctx, s), ending{}
	}
	return s.Next, ending{}
}

// call runs another flow. Only its end comes back here; every other exit ends
// the whole dialogue.
func (r *run) call(ctx context.Context, s *flow.Step, depth int) (flow.Target, ending) {
	end := r.flow(ctx, r.flows.Flow(s.Call.Flow), depth+1)
	if end.exit != ExitEnd {
		return flow.Target{}, end
	}
	r.passed(s, end.reason)
	if t, ok := s.Call.On[end.reason]; ok {
		return t, ending{}
	}
	if s.Next.Given() {
		return s.Next, ending{}
	}
	return flow.Target{}, end
}
