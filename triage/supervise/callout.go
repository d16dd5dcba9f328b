package supervise

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/volunteers/roster"
)

// FlowCallOut is the flow that people hear who are called in.
const FlowCallOut = "callout"

// The outcome of one call, and the attribute of the flow that tells it.
const (
	attributeAnswer = "callout.answer"

	Coming = "yes"
	NotNow = "no"
	Silent = "silent"  // picked up and pressed nothing
	Missed = "missed"  // not reached
	Rings  = "ringing" // at this moment
	Waits  = "waits"   // not called yet
)

// How a call-out is paced: few at a time, so that the lines stay free for
// callers, and never more people than one shift can use.
const (
	calloutAtOnce  = 2
	calloutPause   = 3 * time.Second
	calloutMost    = 40
	calloutRingFor = 25 * time.Second
)

// Events of call-outs.
const (
	EventCallOutBegan = "callout.started"
	EventCallOutHeard = "callout.answered"
	EventCallOutEnded = "callout.ended"
)

// Errors of call-outs that reach people in words.
var (
	ErrNoLine  = errors.New("the hotline has no line on which it may call out: an administrator can allow numbers in the settings")
	ErrNobody  = errors.New("nobody can be called: no phone volunteer who is off shift is marked as reachable and has a number")
	ErrRunning = errors.New("people are being called already: wait until it is over, or stop it")
	errNotRuns = errors.New("nobody is being called at this moment")
)

// Called is one person of a call-out.
type Called struct {
	Account string    `json:"account"`
	Name    string    `json:"name"`
	Answer  string    `json:"answer"`
	At      time.Time `json:"at,omitzero"`
}

// CallOutState is the last call-out.
type CallOutState struct {
	ID      string    `json:"id"`
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended,omitzero"`
	By      string    `json:"by"`
	Name    string    `json:"name"`
	Running bool      `json:"-"`
	People  []Called  `json:"people"`
}

// Count is how many people gave an answer.
func (s CallOutState) Count(answer string) (n int) {
	for _, p := range s.People {
		if p.Answer == answer {
			n++
		}
	}
	return n
}

var callouts = store.NewTable[CallOutState]("callouts")

const lastCallOut = "last"

type callOut struct {
	state  CallOutState
	phones map[string]person
	stop   context.CancelFunc
}

type person struct {
	phone    call.Number
	language string
	role     string
}

func (c *Commands) loadCallOut() error {
	var s CallOutState
	err := c.cfg.Store.View(func(tx *store.Tx) (err error) {
		s, err = callouts.Get(tx, lastCallOut)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the last call-out: %w", err)
	}
	for i := range s.People { // a stop of the program ended it
		if s.People[i].Answer == Waits || s.People[i].Answer == Rings {
			s.People[i].Answer = Missed
		}
	}
	c.callout = &callOut{state: s}
	return nil
}

// CallOutState is the last call-out; its zero value when there was none.
func (c *Commands) CallOutState() CallOutState {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.callout == nil {
		return CallOutState{}
	}
	s := c.callout.state
	s.People = slices.Clone(s.People)
	return s
}

// Reachable are those whom somebody could call in now: phone volunteers who are
// not at work, have a number and agreed to be called. A supervisor of teams calls
// in their people.
func (c *Commands) Reachable(who Who) ([]roster.Account, error) {
	if !c.canRing() {
		return nil, ErrNoLine
	}
	list, err := c.cfg.Accounts.List()
	if err != nil {
		return nil, err
	}
	scope := c.Scope(who.ID)
	list = slices.DeleteFunc(list, func(a roster.Account) bool {
		return !scope.Has(a.ID) || a.Disabled || !a.Reachable || !a.Phone.E164() || !a.Role.May(roster.Desk) || !offShift(c.cfg.Dispatcher.Agent(a.ID))
	})
	if len(list) == 0 {
		return nil, ErrNobody
	}
	return list[:min(len(list), calloutMost)], nil
}

func offShift(a triage.Agent) bool { return a.ID == "" || a.State == triage.Offline }

// CallOut begins to call everybody who is reachable, two at a time.
func (c *Commands) CallOut(ctx context.Context, who Who) (CallOutState, error) {
	people, err := c.Reachable(who)
	if err != nil {
		return CallOutState{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.callout != nil && c.callout.state.Running {
		return CallOutState{}, ErrRunning
	}
	out := &callOut{phones: map[string]person{}}
	out.state = CallOutState{By: who.ID, Name: who.Name, Running: true}
	for _, a := range people {
		language := ""
		if len(a.Languages) > 0 {
			language = a.Languages[0]
		}
		out.phones[a.ID] = person{a.Phone, language, string(roster.RoleSupervisor)}
		out.state.People = append(out.state.People, Called{Account: a.ID, Name: a.Name, Answer: Waits})
	}
	err = c.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		out.state.ID, out.state.Began = tx.NewID(), tx.Now()
		tx.Emit(events.Event{Kind: EventCallOutBegan, By: who.ID, Via: who.Via, Data: map[string]string{"name": who.Name, "people": strconv.Itoa(len(people))}})
		return callouts.Put(tx, lastCallOut, out.state)
	})
	if err != nil {
		return CallOutState{}, fmt.Errorf("nobody is called, because it could not be written down; please try again: %w", err)
	}
	run, stop := context.WithCancel(context.Background()) // ends with the job's own, below
	out.stop = stop
	if err := c.later(func(ctx context.Context) {
		defer context.AfterFunc(ctx, stop)()
		defer stop()
		c.callEverybody(run, out)
	}); err != nil {
		stop()
		return CallOutState{}, err
	}
	c.callout = out
	return out.state, nil
}

// StopCallOut calls nobody else. Who is being called is told that it is over by
// the end of the call.
func (c *Commands) StopCallOut(ctx context.Context, who Who) error {
	c.mu.Lock()
	out := c.callout
	c.mu.Unlock()
	if out == nil || !c.CallOutState().Running {
		return errNotRuns
	}
	out.stop()
	return c.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: EventCallOutEnded, By: who.ID, Via: who.Via, Data: map[string]string{"name": who.Name, "why": "stopped"}})
		return nil
	})
}

func (c *Commands) callEverybody(ctx context.Context, out *callOut) {
	turns := make(chan struct{}, calloutAtOnce)
	var running sync.WaitGroup
	for i := range out.state.People {
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		running.Go(func() {
			defer func() { <-turns }()
			c.callOne(ctx, out, i)
			pause := time.NewTimer(calloutPause)
			defer pause.Stop()
			select {
			case <-pause.C:
			case <-ctx.Done():
			}
		})
	}
	running.Wait()
	c.note(out, func(s *CallOutState, now time.Time) *events.Event {
		s.Running, s.Ended = false, now
		for i := range s.People {
			if s.People[i].Answer == Waits {
				s.People[i].Answer = Missed
			}
		}
		return &events.Event{Kind: EventCallOutEnded, Via: "rule", Data: map[string]string{"coming": strconv.Itoa(s.Count(Coming)), "people": strconv.Itoa(len(s.People))}}
	})
}

func (c *Commands) callOne(ctx context.Context, out *callOut, i int) {
	id := out.state.People[i].Account // never changes
	if !offShift(c.cfg.Dispatcher.Agent(id)) {
		c.answer(out, i, Coming) // signed in meanwhile
		return
	}
	c.note(out, func(s *CallOutState, now time.Time) *events.Event {
		s.People[i].Answer, s.People[i].At = Rings, now
		return nil
	})
	p := out.phones[id]
	heard, err := c.cfg.Ring(ctx, Ringing{To: p.phone, Role: p.role, Flow: FlowCallOut, Language: p.language, RingFor: calloutRingFor})
	answer := Silent
	switch {
	case err != nil:
		c.cfg.Log.Info("somebody who was called in was not reached", "account", id, "error", err)
		answer = Missed
	case heard.Attributes[attributeAnswer] != "":
		answer = heard.Attributes[attributeAnswer]
	}
	c.answer(out, i, answer)
}

func (c *Commands) answer(out *callOut, i int, answer string) {
	c.note(out, func(s *CallOutState, now time.Time) *events.Event {
		s.People[i].Answer, s.People[i].At = answer, now
		return &events.Event{Kind: EventCallOutHeard, Agent: s.People[i].Account, Via: "phone", Data: map[string]string{"answer": answer}}
	})
}

// note changes the call-out, shows it and writes it down.
func (c *Commands) note(out *callOut, fn func(*CallOutState, time.Time) *events.Event) {
	c.mu.Lock()
	ev := fn(&out.state, time.Now().UTC())
	s := out.state
	s.People = slices.Clone(s.People)
	c.mu.Unlock()
	c.cfg.Dispatcher.Touch()
	err := c.cfg.Store.Update(context.Background(), func(tx *store.Tx) error {
		if ev != nil {
			tx.Emit(*ev)
		}
		return callouts.Put(tx, lastCallOut, s)
	})
	if err != nil {
		c.cfg.Log.Error("the answer of somebody who was called in could not be written down; the screens show it", "error", err)
	}
}
