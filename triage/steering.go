package triage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// What a supervisor changes on the floor (S5, S9): the state of somebody else,
// and whose turn it is. No call that runs is ended or moved by it.

// Event kinds of steering. They say who did it; reasons are codes, never text.
const (
	EventAgentSteered = "agent.steered"
	EventPutFirst     = "queue.put_first"
	EventTaken        = "queue.taken"
)

// Errors that reach the supervisor in words.
var (
	ErrNotWaiting = errors.New("this caller does not wait any more")
	ErrFirst      = errors.New("this caller goes first in the line already")
	errRings      = errors.New("this call rings at somebody already")
	errAsked      = errors.New("this call waits for one person who was asked for")
	errSeatBusy   = errors.New("a call is with you already, or you are not ready: press Go Ready on your phone page first")
)

// putFirst is the priority of a contact that a supervisor has put first: before
// all that dialogues give, which begin at 1, and behind a caller who was cut off
// or may be in danger. Two of the same line go by their age.
const putFirst = 0

// Steer is Set by somebody else, whose name the agent sees.
func (d *Dispatcher) Steer(agent string, state AgentState, reason, by string) error {
	return d.move(agent, state, reason, by)
}

// PutFirst puts a waiting contact first in its line.
func (d *Dispatcher) PutFirst(contact, by string) error {
	return d.waits(contact, func(p *Place) error {
		if p.waiting.Priority <= putFirst {
			return ErrFirst
		}
		p.waiting.Priority, p.waiting.First = putFirst, by
		d.touch()
		return nil
	})
}

// Ring offers a waiting contact to one agent at once. When the agent does not
// take it, it is where it was.
func (d *Dispatcher) Ring(contact, agent string) error {
	return d.waits(contact, func(p *Place) error {
		a := d.agents[agent]
		switch {
		case a == nil || a.State != Ready:
			return errSeatBusy
		case a.Outside != "" && p.waiting.Away:
			return errAsked
		}
		d.offer(p, a, time.Now())
		d.why[contact] = Why{Reason: WhyRinging, Agent: agent}
		d.touch()
		return nil
	})
}

// waits carries out fn with the place of a contact for which nobody is rung.
// What is due is decided before: an agent who is to have somebody in danger is
// not free any more.
func (d *Dispatcher) waits(contact string, fn func(*Place) error) error {
	err := ErrStopped
	d.do(func() {
		d.decide(time.Now())
		p := d.places[contact]
		switch {
		case p == nil:
			err = ErrNotWaiting
		case p.waiting.Only != "":
			err = errAsked
		case p.waiting.Offered != "":
			err = errRings
		default:
			err = fn(p)
		}
	})
	return err
}

// Steered keeps in the log what a supervisor is about to change. When it returns
// nil that is stored.
func (c *Contacts) Steered(ctx context.Context, operation string, ev events.Event) error {
	ev.Operation = operation
	err := c.store.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(ev)
		return nil
	})
	if err != nil {
		return fmt.Errorf("writing down who steered: %w", err)
	}
	return nil
}
