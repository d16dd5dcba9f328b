package desk

import (
	"context"
	"errors"
	"strings"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/media"
	"hotline/triage"
)

const errNoCaller = UserError("This is a call between colleagues. There is no caller in it.")

// callAgent rings a colleague without a caller (D30). The record says who spoke
// with whom and how long, and nothing else: there is no case and no recording.
func (s *Seat) callAgent(ctx context.Context, c Command) error {
	d, id := s.d, s.id()
	if err := d.canRing(c.Agent, id); err != nil {
		return err
	}
	if s.through() == wayBrowser {
		if err := s.beHeard(ctx); err != nil {
			return err
		}
	}
	opened, err := d.cfg.Contacts.Open(ctx, triage.Contact{Operation: d.cfg.Operation, Channel: "phone", Direction: "internal", Supervisor: true, Agent: id, AgentName: s.name()})
	if err != nil {
		return err
	}
	st := &story{d: d, ctx: d.ctx, contact: opened, queuedAt: opened.ReceivedAt,
		ending: ending{outcome: triage.OutcomeColleague, by: call.BySystem, reason: "ended for an unknown reason"}}
	if err := d.cfg.Dispatcher.Occupy(id, opened.ID); err != nil {
		st.ending.reason = "the agent was not free"
		st.close()
		return err
	}
	conv := &conversation{id: opened.ID, since: opened.ReceivedAt, mode: "normal", requests: make(chan request), ended: make(chan struct{}),
		internal: true, outgoing: true, ringingOut: true}
	them := d.cfg.Dispatcher.Agent(c.Agent)
	conv.parties = []PartyView{{ID: id, Kind: "agent", Name: s.name(), State: "talking"}, {ID: them.ID, Kind: "agent", Name: them.Name, State: "ringing"}}
	d.queue(conv)
	s.begin(conv)
	d.begin("a call between colleagues", func() { st.chat(conv, s, c.Agent) }, nil) // chat frees both
	return nil
}

// chat rings the colleague and joins the two until one of them ends it.
func (s *story) chat(conv *conversation, seat *Seat, agent string) {
	defer close(conv.ended)
	defer s.close()
	defer func() {
		seat.release(conv, false)
		s.d.cfg.Dispatcher.Release(seat.id(), conv.id, true)
		seat.touch()
	}()
	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	got := make(chan error, 1)
	go func() { // ends with ctx; its result is taken in every case
		if err := seat.beHeard(ctx); err != nil { // the own telephone first
			s.d.unqueue(conv)
			got <- err
			return
		}
		sound := seat.sound(time.Now())
		if sound != nil {
			sound.Music(ringTone())
		}
		err := s.d.attempt("ringing a colleague", func() error { return s.d.ringAgent(ctx, conv, agent) })
		if sound != nil {
			sound.Music(nil)
		}
		got <- err
	}()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	cancelled := false
	for waiting := true; waiting; {
		select {
		case err := <-got:
			if err != nil {
				s.ending = ending{outcome: triage.OutcomeNotReached, by: call.ByAgent, reason: "the colleague did not answer"}
				if !cancelled {
					seat.complain("call.agent", colleagueSentence(err))
				}
				return
			}
			waiting = false
		case <-tick.C:
			if seat.hungUp() {
				cancelled = true
				stop()
			}
		case q := <-conv.requests:
			if q.c.Type != "end" {
				q.reply <- UserError("Nobody has answered yet.")
				continue
			}
			cancelled = true
			stop()
			q.reply <- nil
		}
	}
	other := s.d.seat(agent)
	if other == nil { // signed out in this moment
		s.d.cfg.Dispatcher.Lose(agent)
		return
	}
	defer func() {
		other.depart(conv.id)
		s.d.cfg.Dispatcher.Release(agent, conv.id, true)
		other.touch()
	}()
	other.begin(conv)
	s.change(func(k *triage.Contact, now time.Time) []events.Event {
		k.AnsweredAt, k.ConnectedAt = now, now
		return []events.Event{{Kind: "contact.colleague", Agent: k.Agent, By: k.Agent, Data: map[string]string{"with": agent}}}
	})
	conv.change(func() {
		conv.ringingOut, conv.answeredAt = false, time.Now()
		conv.parties[1].State = "talking"
	})
	seat.touch()
	other.touch()
	s.join(conv, seat, other)
}

// join lets two colleagues speak. A sound that is lost may come back, as with a
// caller.
func (s *story) join(conv *conversation, one, two *Seat) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var pair *media.Connection
	var ends [2]*media.Endpoint
	defer func() {
		if pair != nil {
			pair.Close()
		}
	}()
	var lostSince time.Time
	for {
		now := time.Now()
		next := [2]*media.Endpoint{one.sound(now), two.sound(now)}
		both := next[0] != nil && next[1] != nil
		if next != ends {
			if pair != nil {
				pair.Close()
				pair = nil
			}
			if both {
				pair = media.Bridge(next[0], next[1])
			}
			ends = next
		}
		switch {
		case both:
			lostSince = time.Time{}
		case lostSince.IsZero():
			lostSince = now
		case now.Sub(lostSince) > time.Duration(s.d.patience.Load()):
			s.ending.by, s.ending.reason = call.ByNetwork, "the sound was lost"
			return
		}
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
			if one.hungUp() || two.hungUp() {
				s.ending.by, s.ending.reason = call.ByAgent, "a colleague hung up"
				return
			}
		case q := <-conv.requests:
			if q.c.Type != "end" {
				q.reply <- errNoCaller
				continue
			}
			q.reply <- nil
			s.ending.by, s.ending.reason = call.ByAgent, "a colleague ended the call"
			return
		}
	}
}

// colleagueSentence explains why a colleague was not reached. Nobody holds a
// caller meanwhile.
func colleagueSentence(err error) UserError {
	var user UserError
	if errors.As(err, &user) {
		return UserError(strings.TrimSuffix(string(user), " The caller is still with you."))
	}
	return UserError("The colleague could not be rung. Try again in a moment.")
}
