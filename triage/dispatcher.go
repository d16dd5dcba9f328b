package triage

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"hotline/appliance/call"
)

// AgentState is where an agent is. The dispatcher is its only author.
type AgentState string

// Agent states (ui: labels in words).
const (
	Offline AgentState = "offline"
	Ready   AgentState = "ready"
	Offered AgentState = "offered"
	OnCall  AgentState = "on_call"
	WrapUp  AgentState = "wrap"
	OnBreak AgentState = "break"
	Missed  AgentState = "missed"  // an offer rang out; one press to return
	Lost    AgentState = "lost"    // page or sound gone
	Problem AgentState = "problem" // microphone or browser trouble
)

// Agent is the dispatcher's picture of one signed-in agent.
type Agent struct {
	ID, Name, Profile string
	State             AgentState
	Reason            string
	By                string    // name of the supervisor who chose the state; "": nobody but the agent or a rule
	Since             time.Time // of the state
	FreeSince         time.Time // became available; orders the longest available agent
	Contact           string    // offered or talking
	RingUntil         time.Time
	Until             time.Time     // a short pause ends by itself; zero otherwise
	Ring              time.Duration // offers ring so long; 0: as long as everybody's
	Skills            []Skill       // languages among them
	Why               Why           // of a free agent who is offered nobody
	Serves            []string      // queues, also those whose turn comes after a while
	Outside           call.Number   // that this agent stands for, of a team outside; "" for a person
	Team              string        // of an agent that stands for a number
}

// PlaceEvent tells the story of one waiting contact what the dispatcher did.
type PlaceEvent struct {
	Kind  PlaceKind
	Agent string
}

// PlaceKind is what happened to a place in the queue.
type PlaceKind int

// Kinds of PlaceEvent.
const (
	PlaceOffered  PlaceKind = iota // an agent is being rung
	PlaceDeclined                  // the agent said not now, or went away
	PlaceMissed                    // the agent did not answer in time
	PlaceAccepted                  // the agent took the contact
)

const (
	// notNow is how long an agent who declined is paused and left out for that
	// contact.
	notNow = 30 * time.Second
	// maxPlaceEvents bounds what a story may leave unread: two per offer.
	maxPlaceEvents = 64
)

// DispatcherConfig is what a dispatcher needs.
type DispatcherConfig struct {
	Routing  Routing       // until Use
	Profiles []Profile     // instead of Routing, with the queues that ship
	RingFor  time.Duration // an offer rings this long
	Journal  *Journal
	Log      *slog.Logger
}

// Dispatcher knows who waits and who is free and offers one to the other. One
// goroutine (Run) owns all of it; methods hand it work and wait for the answer.
//
// Contracts:
//
//  1. An agent has at most one live offer or call, over all queues.
//  2. An offer always ends: accepted, declined, missed after RingFor, or
//     withdrawn because the caller or the agent left.
//  3. A contact keeps its place and age through failed offers.
type Dispatcher struct {
	cfg     DispatcherConfig
	tasks   chan func()
	stopped chan struct{}
	rules   atomic.Pointer[rules]
	losses  atomic.Int64

	// Owned by Run.
	seated   *rules // for which seatOutside has run
	homed    *rules // for which rehome has run
	agents   map[string]*Agent
	places   map[string]*Place
	why      map[string]Why
	idle     map[string]Why
	paces    *Paces
	overflow map[string]bool // never changed, only replaced
	changed  chan struct{}
}

// Place is one contact's place in a queue. Its story reads Events.
type Place struct {
	d       *Dispatcher
	waiting Waiting
	events  chan PlaceEvent
}

// Events delivers what happens to the place, in order.
func (p *Place) Events() <-chan PlaceEvent { return p.events }

// NewDispatcher makes a dispatcher; Run starts it.
func NewDispatcher(cfg DispatcherConfig) *Dispatcher {
	d := &Dispatcher{cfg: cfg, tasks: make(chan func()), stopped: make(chan struct{}),
		agents: map[string]*Agent{}, places: map[string]*Place{},
		why: map[string]Why{}, paces: NewPaces(), changed: make(chan struct{})}
	if len(cfg.Routing.Queues) == 0 {
		cfg.Routing = ShippedRouting()
		cfg.Routing.Profiles = cfg.Profiles
	}
	d.rules.Store(newRules(cfg.Routing))
	return d
}

// Run decides until ctx ends.
func (d *Dispatcher) Run(ctx context.Context) error {
	defer close(d.stopped)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var next time.Time
	var seen chan struct{}
	for {
		// Screens look often; only a change or the time can change a decision.
		if now := time.Now(); d.changed != seen || !next.IsZero() && !next.After(now) {
			seen = d.changed
			next = d.decide(now)
		}
		wait := time.Hour
		if !next.IsZero() {
			wait = max(time.Until(next), 0)
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return nil
		case task := <-d.tasks:
			task()
		case <-timer.C:
		}
	}
}

// do runs fn in the owner goroutine and waits for it. It reports false when
// the dispatcher has stopped and fn did not run.
func (d *Dispatcher) do(fn func()) bool {
	done := make(chan struct{})
	select {
	case d.tasks <- func() { fn(); close(done) }:
		<-done
		return true
	case <-d.stopped:
		return false
	}
}

// decide expires what has run out, makes the offers that are due and returns
// when to look again.
func (d *Dispatcher) decide(now time.Time) time.Time {
	d.seatOutside(now)
	d.rehome()
	next := d.expire(now)
	decision := Match(d.snapshot(), now)
	for _, offer := range decision.Offers {
		p, a := d.places[offer.Contact], d.agents[offer.Agent]
		d.offer(p, a, now)
		next = earlier(next, a.RingUntil)
	}
	if len(decision.Offers) > 0 || !maps.Equal(d.why, decision.Why) || !maps.Equal(d.idle, decision.Idle) {
		d.why, d.idle = decision.Why, decision.Idle
		for _, offer := range decision.Offers {
			d.why[offer.Contact] = Why{Reason: WhyRinging, Agent: offer.Agent}
		}
		d.touch()
	}
	return earlier(next, decision.Next)
}

// offer rings the agent for the contact.
func (d *Dispatcher) offer(p *Place, a *Agent, now time.Time) {
	p.waiting.Offered = a.ID
	a.Contact, a.RingUntil = p.waiting.Contact, now.Add(max(a.Ring, d.cfg.RingFor))
	d.set(a, Offered, "", now)
	d.note(p, a, "offer.started", nil)
	p.tell(PlaceEvent{PlaceOffered, a.ID})
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

func (d *Dispatcher) expire(now time.Time) (next time.Time) {
	for _, a := range d.sortedAgents() {
		switch {
		case a.State == Offered && !a.RingUntil.After(now):
			p := d.places[a.Contact]
			d.unoffer(p, a, now, PlaceMissed)
			d.missed(a, now)
			next = earlier(next, a.Until)
		case a.State == Offered:
			next = earlier(next, a.RingUntil)
		case !a.Until.IsZero() && !a.Until.After(now):
			d.set(a, Ready, "", now)
		case !a.Until.IsZero():
			next = earlier(next, a.Until)
		}
	}
	return next
}

// unoffer takes an offer back; the caller keeps place and age. The agent's new
// state is the business of whoever calls.
func (d *Dispatcher) unoffer(p *Place, a *Agent, now time.Time, kind PlaceKind) {
	if p != nil {
		p.waiting.Offered = ""
		if p.waiting.NotTo == nil {
			p.waiting.NotTo = map[string]time.Time{}
		}
		p.waiting.NotTo[a.ID] = now.Add(notNow)
		if p.waiting.Prefer == a.ID { // nobody waits for who does not want to
			p.waiting.Prefer = ""
		}
		name := "offer.declined"
		if kind == PlaceMissed {
			name = "offer.missed"
		}
		d.note(p, a, name, nil)
		p.tell(PlaceEvent{kind, a.ID})
	}
	a.Contact, a.RingUntil = "", time.Time{}
}

// tell never waits: a story that does not read its events is gone already.
func (p *Place) tell(ev PlaceEvent) {
	select {
	case p.events <- ev:
	default:
		p.d.cfg.Log.Error("the story of a waiting contact does not read what happens to it", "contact", p.waiting.Contact)
	}
}

func (d *Dispatcher) set(a *Agent, state AgentState, reason string, now time.Time) {
	was := a.State
	if state == Ready && was != Ready {
		a.FreeSince = now
	}
	a.State, a.Reason, a.By, a.Since, a.Until = state, reason, "", now, time.Time{}
	d.paces.Ends(a.ID, state, now)
	d.cfg.Journal.agentState(a, was)
	d.touch()
}

// touch wakes everybody who watches.
func (d *Dispatcher) touch() {
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *Dispatcher) snapshot() Snapshot {
	s := Snapshot{Profiles: d.rules.Load().profiles, Queues: d.rules.Load().queues, Skills: d.rules.Load().skills, Signed: map[string]int{}, Overflow: d.overflow,
		Waiting: make([]Waiting, 0, len(d.places))}
	for _, p := range d.places {
		s.Waiting = append(s.Waiting, p.waiting)
	}
	for _, a := range d.agents {
		if a.State == Offline {
			continue
		}
		for queue := range d.rules.Load().queues {
			if d.serves(a, queue) {
				s.Signed[queue]++
			}
		}
		one := Free{Agent: a.ID, Profile: a.Profile, Since: a.FreeSince, Teams: d.teams(a), Skills: a.Skills, OnLine: a.Outside != ""}
		switch a.State {
		case Ready:
			s.Free = append(s.Free, one)
		case Offered, OnCall, WrapUp:
			s.Busy = append(s.Busy, one)
		}
	}
	return s
}

func (d *Dispatcher) sortedAgents() []*Agent {
	return slices.SortedFunc(maps.Values(d.agents), func(a, b *Agent) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
}

func (d *Dispatcher) note(p *Place, a *Agent, kind string, data map[string]string) {
	d.cfg.Journal.contact(kind, p.waiting.Contact, a.ID, p.waiting.Queue, data)
}
