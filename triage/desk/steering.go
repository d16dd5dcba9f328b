package desk

import (
	"context"
	"errors"
	"slices"
	"time"

	"hotline/appliance/events"
	"hotline/triage"
)

// Steerer is a supervisor at the floor page.
type Steerer struct {
	ID, Name, Via string
	Trained       bool // for what is told in private
}

// cutOff is the priority of a caller whose call broke, or who may be in danger:
// before all others of the line.
const cutOff = -1

// SteerReasons are why a supervisor takes somebody out of Ready. A code, so that
// nothing about a person stands in the log.
func SteerReasons() []string {
	return []string{"rest", "shift_over", "no_answer", "talk", "technical", "other"}
}

// FirstReasons are why somebody who waits is put first.
func FirstReasons() []string { return []string{"worse", "again", "alone", "promised", "other"} }

// afterwards is the state to take after the call.
type afterwards struct {
	state      triage.AgentState
	reason, by string // by: the supervisor who wants it
}

var errGone = UserError("This person is signed out.")

// SteerAgent takes somebody else out of Ready, or signs them out (S5). During a
// call, and until its notes are finished, it counts afterwards: later says so.
func (d *Desk) SteerAgent(ctx context.Context, who Steerer, agent string, state triage.AgentState, reason string) (later bool, err error) {
	seat, a := d.seat(agent), d.cfg.Dispatcher.Agent(agent)
	switch {
	case state != triage.OnBreak && state != triage.Offline || !slices.Contains(SteerReasons(), reason):
		return false, UserError("Choose what shall happen and why.")
	case agent == who.ID:
		return false, UserError("For yourself, use your own phone page.")
	case !d.scope(who.ID).Has(agent):
		return false, errNotTheirs
	case seat == nil || a.State == triage.Offline:
		return false, errGone
	case state == triage.OnBreak && a.State == triage.OnBreak && a.Until.IsZero():
		return false, UserError("This person is on a break already.")
	}
	if err := d.cfg.Contacts.Steered(ctx, d.cfg.Operation, events.Event{Kind: triage.EventAgentSteered, By: who.ID, Agent: agent, Via: who.Via,
		Data: map[string]string{"state": string(state), "was": string(a.State), "reason": reason, "name": who.Name}}); err != nil {
		return false, err
	}
	return seat.steer(afterwards{state, reason, who.Name})
}

// steer takes effect now, or after the call that runs.
func (s *Seat) steer(next afterwards) (later bool, err error) {
	defer s.touch()
	s.mu.Lock()
	s.readyBefore = false
	if later = s.talk != nil || s.wrapping != nil; later {
		s.next = next
	}
	s.mu.Unlock()
	if !later {
		err = s.d.cfg.Dispatcher.Steer(s.id(), next.state, next.reason, next.by)
		if errors.Is(err, triage.ErrNotFree) { // has accepted a call that is not here yet
			s.mu.Lock()
			s.next = next
			s.mu.Unlock()
			later, err = true, nil
		}
	}
	s.d.cfg.Dispatcher.Touch() // the floor shows what comes
	return later, err
}

// obeyNext gives somebody whose call has ended without notes the state that
// was to come after it.
func (s *Seat) obeyNext() {
	s.mu.Lock()
	waits := s.next.state != "" && s.talk == nil && s.wrapping == nil
	s.mu.Unlock()
	if !waits {
		return
	}
	a := s.d.cfg.Dispatcher.Agent(s.id())
	if a.State == triage.OnCall || a.State == triage.WrapUp {
		return
	}
	s.mu.Lock()
	next := s.takeNext()
	s.mu.Unlock()
	if a.State != triage.Offline && (next.by != "" || a.State == triage.Ready || a.State == triage.Offered) {
		s.become(next)
	}
}

// takeNext is the state after the call, which is asked for once. The seat is
// locked.
func (s *Seat) takeNext() afterwards {
	next := s.next
	s.next = afterwards{}
	if next.state == "" {
		next.state = triage.Ready
	}
	return next
}

func (s *Seat) become(next afterwards) {
	if err := s.d.cfg.Dispatcher.Steer(s.id(), next.state, next.reason, next.by); err != nil && !errors.Is(err, triage.ErrNotFree) {
		s.d.cfg.Log.Warn("changing an agent's state after a call", "agent", s.id(), "state", next.state, "error", err)
	}
	s.touch()
}

func (s *Seat) nextState() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.next.state)
}

// steeredFor is the reason that a supervisor gave, "" when none has.
func steeredFor(a triage.Agent, next afterwards) string {
	switch {
	case next.by != "":
		return next.reason
	case a.By != "":
		return a.Reason
	}
	return ""
}

// danger reports that somebody who waits may be in danger.
func (c *conversation) danger() bool { return c.urgent() || c.callBack == triage.OpenDanger }

// PutFirst puts somebody who waits first in the line (S9). Nobody in danger
// waits longer by it.
func (d *Desk) PutFirst(ctx context.Context, who Steerer, contact, reason string) error {
	if !slices.Contains(FirstReasons(), reason) {
		return UserError("Choose why this caller goes first.")
	}
	w, all, err := d.waiter(who, contact)
	if err != nil {
		return err
	}
	switch {
	case w.Queue == triage.QueueLife:
		return UserError("Everybody in this line may be in danger. Whoever waits longest goes first.")
	case w.Priority >= behindAll:
		return UserError("People of a round are called when nobody else waits.")
	case w.Priority < 1:
		return saying(triage.ErrFirst)
	}
	for _, other := range all {
		if conv := d.waitingConversation(other.Contact); other.Queue == w.Queue && other.Contact != contact && conv != nil && conv.danger() && other.Priority > cutOff {
			return UserError("Somebody in danger waits in this line and goes first.")
		}
	}
	if err := d.steeredCall(ctx, who, triage.EventPutFirst, w, reason); err != nil {
		return err
	}
	return saying(d.cfg.Dispatcher.PutFirst(contact, who.Name))
}

// TakeNow rings the supervisor's own phone page for somebody who waits (S9).
func (d *Desk) TakeNow(ctx context.Context, who Steerer, contact string) error {
	w, _, err := d.waiter(who, contact)
	if err != nil {
		return err
	}
	seat := d.seat(who.ID)
	if seat == nil || !seat.isThere(time.Now()) || d.cfg.Dispatcher.Agent(who.ID).State != triage.Ready {
		return UserError("Your own phone page must be open and ready. Open it, press Go Ready, then take this caller.")
	}
	if err := d.steeredCall(ctx, who, triage.EventTaken, w, ""); err != nil {
		return err
	}
	return saying(d.cfg.Dispatcher.Ring(contact, who.ID))
}

// isThere reports that calls reach the person at the seat.
func (s *Seat) isThere(now time.Time) bool {
	if s.through() != wayBrowser {
		return s.reachable()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.page != 0 && now.Sub(s.beat) <= beatLimit
}

// waiter finds somebody who waits, whom this supervisor may serve before others.
func (d *Desk) waiter(who Steerer, contact string) (w triage.WaitingView, all []triage.WaitingView, err error) {
	_, all = d.cfg.Dispatcher.View()
	i := slices.IndexFunc(all, func(w triage.WaitingView) bool { return w.Contact == contact })
	if i < 0 {
		return w, all, saying(triage.ErrNotWaiting)
	}
	w = all[i]
	private := w.Queue == triage.QueuePrivate
	if conv := d.waitingConversation(contact); conv != nil {
		conv.mu.Lock()
		private = private || conv.protected
		internal := conv.internal
		conv.mu.Unlock()
		if internal {
			return w, all, saying(triage.ErrNotWaiting)
		}
	}
	if private && !who.Trained {
		return w, all, UserError("Only people who were trained for it take or move callers in private.")
	}
	return w, all, nil
}

func (d *Desk) steeredCall(ctx context.Context, who Steerer, kind string, w triage.WaitingView, reason string) error {
	data := map[string]string{"name": who.Name}
	if reason != "" {
		data["reason"] = reason
	}
	return d.cfg.Contacts.Steered(ctx, d.cfg.Operation, events.Event{Kind: kind, By: who.ID, Via: who.Via, Contact: w.Contact, Queue: w.Queue, Data: data})
}

// saying makes a sentence of an error of the dispatcher.
func saying(err error) error {
	if err == nil {
		return nil
	}
	return UserError(capital(err.Error()) + ".")
}
