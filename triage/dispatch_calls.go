package triage

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// Errors that reach the person at the desk in words.
var (
	ErrOfferGone = errors.New("this call is no longer ringing here: the caller hung up or it went to someone else")
	ErrNotFree   = errors.New("finish the present call first")
	ErrStopped   = errors.New("the hotline is stopping")
	errSignedOut = errors.New("you are signed out: sign in again")
)

// Enter puts a contact into a queue. Since is kept as its age: pass the time
// at which it first began to wait.
func (d *Dispatcher) Enter(w Waiting) (*Place, error) {
	if w.Only == "" && !d.Has(w.Queue) {
		w.Queue = d.Lost(w.Contact, w.Queue)
	}
	now := time.Now()
	w.Since = now.Add(w.Since.Sub(now.Round(0))) // by the steady clock: the other one may be set while they wait
	p := &Place{d: d, waiting: w, events: make(chan PlaceEvent, maxPlaceEvents)}
	if !d.do(func() {
		d.places[w.Contact] = p
		if w.Only == "" {
			d.paces.Arrives(w.Queue, time.Now())
		}
		d.touch()
	}) {
		return nil, ErrStopped
	}
	return p, nil
}

// Leave takes the contact out of the queue. An agent who is being rung for it
// is free again, and so is one whose acceptance nobody has read from Events:
// the caller left in that moment. It may be called more than once, also after
// acceptance.
func (p *Place) Leave() {
	p.d.do(func() {
		d := p.d
		if d.places[p.waiting.Contact] != p {
			p.unread()
			return
		}
		if a := d.agents[p.waiting.Offered]; a != nil && a.State == Offered {
			p.withdraw(a)
		}
		delete(d.places, p.waiting.Contact)
		if p.waiting.Only == "" && !p.waiting.Away { // who is to be called back does not lose patience
			d.paces.GaveUp(p.waiting.Queue, time.Since(p.waiting.Since))
		}
		d.touch()
	})
}

// unread frees the agent who accepted without anybody having read it.
func (p *Place) unread() {
	for {
		select {
		case ev := <-p.events:
			if a := p.d.agents[ev.Agent]; ev.Kind == PlaceAccepted && a != nil && a.State == OnCall {
				p.withdraw(a)
			}
		default:
			return
		}
	}
}

// withdraw makes an agent who is not needed after all free again.
func (p *Place) withdraw(a *Agent) {
	if a.Contact != p.waiting.Contact {
		return
	}
	p.d.note(p, a, "offer.withdrawn", nil)
	a.Contact, a.RingUntil = "", time.Time{}
	free := a.FreeSince // was not served: keeps the place among the free
	p.d.set(a, Ready, "", time.Now())
	a.FreeSince = free
}

// Position is the place in the queue, from 1; 0 when it has left.
func (p *Place) Position() (position int) {
	p.d.do(func() { position = Position(p.d.snapshot().Waiting, p.waiting.Contact) })
	return position
}

// Accept gives the contact that rings at the agent to it.
func (d *Dispatcher) Accept(agent, contact string) error {
	return d.offered(agent, contact, func(a *Agent, p *Place) {
		delete(d.places, contact)
		a.RingUntil = time.Time{}
		now := time.Now()
		d.paces.Begins(agent, p.waiting, now)
		d.set(a, OnCall, "", now)
		p.tell(PlaceEvent{PlaceAccepted, agent})
	})
}

// Decline is "not now": the agent is paused for a moment and the caller, whose
// place is kept, goes to somebody else.
func (d *Dispatcher) Decline(agent, contact string) error {
	return d.offered(agent, contact, func(a *Agent, p *Place) {
		now := time.Now()
		d.unoffer(p, a, now, PlaceDeclined)
		d.set(a, OnBreak, "not_now", now)
		a.Until = now.Add(notNow)
	})
}

// Miss ends an offer before its time: whoever answered is not the agent.
func (d *Dispatcher) Miss(agent, contact string) error {
	return d.offered(agent, contact, func(a *Agent, p *Place) {
		now := time.Now()
		d.unoffer(p, a, now, PlaceMissed)
		d.missed(a, now)
	})
}

// RingFor lets offers to an agent ring longer than usual: a telephone outside
// the house needs a while. 0 is as usual.
func (d *Dispatcher) RingFor(agent string, long time.Duration) {
	d.do(func() {
		if a := d.agents[agent]; a != nil {
			a.Ring = long
		}
	})
}

func (d *Dispatcher) offered(agent, contact string, fn func(*Agent, *Place)) error {
	err := ErrStopped
	d.do(func() {
		a, p := d.agents[agent], d.places[contact]
		if a == nil || p == nil || a.State != Offered || a.Contact != contact || p.waiting.Offered != agent {
			err = ErrOfferGone
			return
		}
		err = nil
		fn(a, p)
	})
	return err
}

// SignIn makes the agent known, in state checking-nothing: Offline until Set.
func (d *Dispatcher) SignIn(id, name, profile string) {
	d.do(func() {
		if a := d.agents[id]; a != nil {
			if a.Name != name || a.Profile != profile {
				a.Name, a.Profile = name, profile
				d.touch()
			}
			return
		}
		d.agents[id] = &Agent{ID: id, Name: name, Profile: profile, State: Offline, Since: time.Now()}
	})
}

// Can says what an agent can do, languages among it (Speaks). It counts for the
// next offer.
func (d *Dispatcher) Can(agent string, skills []Skill) {
	d.do(func() {
		if a := d.agents[agent]; a != nil {
			a.Skills = sortSkills(skills)
			d.touch()
		}
	})
}

// Set moves the agent to a state of its own choosing: ready, break, offline,
// or, by what the desk finds out, lost or problem. An offer that rings is
// withdrawn and goes to somebody else. During a call only wrap-up follows.
func (d *Dispatcher) Set(agent string, state AgentState, reason string) error {
	return d.move(agent, state, reason, "")
}

func (d *Dispatcher) move(agent string, state AgentState, reason, by string) error {
	err := ErrStopped
	d.do(func() {
		a := d.agents[agent]
		err = nil
		switch {
		case a == nil:
			err = errSignedOut
		case a.State == OnCall && state != WrapUp:
			err = ErrNotFree
		case a.State == state && a.Reason == reason:
		case a.State == Offered && state == Ready: // pressed twice: the caller rings already
		default:
			now := time.Now()
			if a.State == Offered {
				d.unoffer(d.places[a.Contact], a, now, PlaceDeclined)
			}
			if state != WrapUp {
				a.Contact = ""
			}
			if state == Ready { // back by its own word: nobody is kept from it any longer
				for _, p := range d.places {
					delete(p.waiting.NotTo, a.ID)
				}
			}
			d.set(a, state, reason, now)
			a.By = by
		}
	})
	return err
}

// Agent returns the picture of one agent; the zero Agent when it is unknown.
func (d *Dispatcher) Agent(id string) (out Agent) {
	d.do(func() {
		if a := d.agents[id]; a != nil {
			out = *a
		}
	})
	return out
}

// Changed is closed at the next change of anything.
func (d *Dispatcher) Changed() (c <-chan struct{}) {
	if !d.do(func() { c = d.changed }) {
		return d.stopped
	}
	return c
}

// WaitingView is a waiting contact as screens show it.
type WaitingView struct {
	Waiting
	Position int
	Why      Why
}

// View returns all agents and all waiting contacts, in serving order per queue.
func (d *Dispatcher) View() (agents []Agent, waiting []WaitingView) {
	d.do(func() {
		for _, a := range d.sortedAgents() {
			one := *a
			one.Why = d.idle[a.ID]
			for queue := range d.rules.Load().queues {
				if d.serves(a, queue) {
					one.Serves = append(one.Serves, queue)
				}
			}
			agents = append(agents, one)
		}
		all := d.snapshot().Waiting
		slices.SortFunc(all, func(a, b Waiting) int {
			return cmp.Or(cmp.Compare(a.Queue, b.Queue), inOrder(&a, &b))
		})
		position := 0
		for i, w := range all {
			if i > 0 && all[i-1].Queue != w.Queue {
				position = 0
			}
			position++
			waiting = append(waiting, WaitingView{Waiting: w, Position: position, Why: d.why[w.Contact]})
		}
	})
	return agents, waiting
}

// Touch wakes everybody who watches, for a change that the dispatcher itself
// does not know.
func (d *Dispatcher) Touch() { d.do(d.touch) }

// Lose takes a contact away from an agent whose page and sound are gone; the
// contact's story decides what becomes of the caller.
func (d *Dispatcher) Lose(agent string) {
	d.do(func() {
		if a := d.agents[agent]; a != nil && a.State == OnCall {
			a.Contact = ""
			d.set(a, Lost, "no_sound", time.Now())
		}
	})
}

// Occupy makes an agent busy with a contact that did not come by an offer: a
// call of its own, or a look into somebody else's.
func (d *Dispatcher) Occupy(agent, contact string) error {
	err := ErrStopped
	d.do(func() {
		a := d.agents[agent]
		switch {
		case a == nil:
			err = errSignedOut
		case a.State == OnCall || a.State == Offered || a.State == WrapUp:
			err = ErrNotFree
		default:
			err = nil
			a.Contact = contact
			d.set(a, OnCall, "", time.Now())
		}
	})
	return err
}

// Release frees an agent from a contact that it only visited: ready for the
// next caller, or on a break.
func (d *Dispatcher) Release(agent, contact string, ready bool) {
	d.do(func() {
		a := d.agents[agent]
		if a == nil || a.State != OnCall || a.Contact != contact {
			return
		}
		a.Contact = ""
		if a.Outside != "" {
			d.seated = nil // the team may be gone meanwhile
		}
		if ready {
			d.set(a, Ready, "", time.Now())
			return
		}
		d.set(a, OnBreak, "after_listening", time.Now())
	})
}
