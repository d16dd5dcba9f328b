package desk

import (
	"context"
	"errors"
	"maps"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/ivr"
	"hotline/ivr/mode"
	"hotline/triage"
)

// What a caller who waits for an agent goes through: see story.go for the rest of
// the call.

// into is the queue in which a caller waits who was sent to one: there may be
// none of that name any more.
func (s *story) into(queue string) string {
	if d := s.d.cfg.Dispatcher; !d.Has(queue) {
		return d.Lost(s.contact.ID, queue)
	}
	return queue
}

// rounds waits for an agent and talks, as often as it takes. It reports that
// the caller goes on to another entry.
func (s *story) rounds(conv *conversation, treatment string, priority int) (again bool) {
	for {
		s.tellRecorded()
		agent, err := s.wait(conv, treatment, priority)
		if err != nil {
			if leg := s.d.takeOutside(conv.id); leg != nil { // answered in the moment in which the caller left
				leg.Hangup(call.Cause{By: call.BySystem, Reason: "the caller is gone"})
			}
			if errors.Is(err, errOverflows) {
				if !s.overflow(conv) {
					return false
				}
				treatment = waitsIn(s.goTo.queue, treatment)
				continue
			}
			if errors.Is(err, errLeavesQueue) {
				s.noteAttributes(s.leaves)
				if out := s.leaves; out.Exit == ivr.ExitQueue {
					treatment, priority, s.wants = out.Treatment, out.Priority, out.Skills
					s.goTo = destination{queue: s.into(out.Queue)}
					s.sent(conv, callerSent)
					continue
				}
				s.finishedFlow(s.leaves)
				return
			}
			open := triage.OpenAbandoned
			if !s.contact.ConnectedAt.IsZero() { // was sent on
				open = triage.OpenTransfer
			}
			s.left(triage.OutcomeAbandonedQueue, open)
			s.owed()
			if errors.Is(err, triage.ErrStopped) {
				s.ending = ending{outcome: triage.OutcomeInterrupted, open: triage.OpenInterrupted, by: call.BySystem, reason: "the hotline stopped"}
			}
			if s.ending.outcome == triage.OutcomeAbandonedQueue {
				s.change(func(*triage.Contact, time.Time) []events.Event {
					return []events.Event{{Kind: "queue.abandoned", Queue: s.goTo.queue}}
				})
			}
			return false
		}
		end := s.talk(conv, agent)
		if end == talkOver {
			if s.ending.by == call.ByAgent && s.ctx.Err() == nil && !conv.urgent() {
				s.parted = time.Now()
			}
			return false
		}
		if s.enters() {
			return true
		}
		if end == agentGone { // the agent is gone, the caller is not: first in line for the next one
			priority = cutOff
		}
		if end == callerSent { // by somebody who knows what the caller needs
			s.wants = nil
			treatment = waitsIn(s.goTo.queue, ivr.FlowWaiting)
		}
		s.sent(conv, end)
	}
}

// waitsIn is what a caller hears who was sent to a queue: the words of the
// ordinary lines are not for everybody.
func waitsIn(queue, usual string) string {
	switch queue {
	case triage.QueueLife:
		return ivr.FlowWaitingDanger
	case triage.QueuePrivate:
		return ivr.FlowWaitingQuiet
	}
	return usual
}

// enters begins anew at the entry to which an agent has sent the caller, if one
// has.
func (s *story) enters() bool {
	number := s.goTo.entry
	if number == "" {
		return false
	}
	s.entry, s.goTo = s.d.entries()[number], destination{}
	s.ending = ending{outcome: triage.OutcomeInterrupted, open: triage.OpenInterrupted, by: call.BySystem, reason: "ended for an unknown reason"}
	return true
}

// sent notes where a caller goes on to.
func (s *story) sent(conv *conversation, end talkEnd) {
	if end != callerSent {
		return
	}
	s.inQueue = time.Now()
	s.movePlace(s.goTo.queue)
	conv.change(func() { conv.queue = s.goTo.queue })
	s.change(func(k *triage.Contact, _ time.Time) []events.Event {
		k.Queue = s.goTo.queue
		return []events.Event{{Kind: "queue.entered", Queue: k.Queue, Data: map[string]string{"language": k.Language}}}
	})
}

func (s *story) conversation(out ivr.Outcome) *conversation {
	conv := &conversation{id: s.contact.ID, number: s.caller(), language: s.contact.Language, queue: out.Queue,
		path: out.Path, keys: out.Keys, context: s.context, since: s.queuedAt, mode: "normal",
		requests: make(chan request), stir: make(chan struct{}, 1), ended: make(chan struct{})}
	if s.contact.Mode == mode.Emergency || s.contact.Mode == mode.Announcement {
		conv.mode = "emergency"
	}
	conv.earlier = s.d.earlier(s.caller(), s.contact.ID)
	if conv.byCode = s.contact.ByCode; conv.byCode { // whoever answers has the case in front of them
		if cs, err := s.d.cfg.Cases.Get(s.contact.Case); err != nil {
			s.d.cfg.Log.Error("the case whose code the caller keyed could not be read; it can be opened by its code", "contact", s.contact.ID, "error", err)
		} else if !cs.Protected {
			conv.file = &cs
		}
	}
	return conv
}

// wait holds the place in the queue until an agent has accepted. The waiting
// treatment belongs to the flow: an offer interrupts it, a failed offer lets
// it go on.
func (s *story) wait(conv *conversation, heard string, priority int) (agent string, err error) {
	s.d.queue(conv)
	defer s.d.unqueue(conv)
	if conv.danger() { // whoever is put first by a supervisor goes behind
		priority = min(priority, cutOff)
	}
	w := triage.Waiting{Contact: conv.id, Queue: s.goTo.queue, Since: s.queuedAt, Priority: priority, Only: s.goTo.only,
		Skills: triage.Wants(s.contact.Language, s.wants)}
	w.Prefer, w.PreferUntil = s.helpedBefore()
	s.goTo.only = ""
	place, err := s.d.cfg.Dispatcher.Enter(w)
	if err != nil {
		return "", err
	}
	defer func() {
		if s.ctx.Err() != nil { // the channel is free, and that before anybody sees the place empty
			s.movePlace("")
		}
		place.Leave()
	}()
	t := treatment{flow: heard, known: s.queueKnows()}
	offered := false
	for {
		var limit time.Duration // of waiting for the one agent asked for, or in this queue
		switch {
		case offered:
		case w.Only != "":
			limit = onlyLimit
		default:
			limit = s.overflowIn()
		}
		ev, err := s.nextEvent(place, &t, offered, limit)
		if errors.Is(err, errLeavesQueue) {
			s.leaves = *t.over
		}
		if err != nil {
			return "", err
		}
		switch ev.Kind {
		case triage.PlaceAccepted:
			if s.ctx.Err() != nil { // left in this very moment: the two never met
				s.spare(ev.Agent)
				return "", context.Cause(s.ctx)
			}
			return ev.Agent, nil
		case triage.PlaceOffered:
			offered = true
			s.change(func(k *triage.Contact, _ time.Time) []events.Event { k.Offers++; return nil })
			s.d.offered(ev.Agent, conv.id)
			continue
		}
		offered = false
		s.touchSeat(ev.Agent)
		switch {
		case w.Only != "":
		case ev.Agent == "":
			return "", errOverflows
		default:
			continue
		}
		// The one asked for does not answer: everybody on the line may.
		place.Leave()
		w.Only = ""
		if place, err = s.d.cfg.Dispatcher.Enter(w); err != nil {
			return "", err
		}
	}
}

// onlyLimit is how long a transferred caller waits for one agent to be ready.
const onlyLimit = 15 * time.Second

// treatment is what a waiting caller hears: a flow, and what it knows from its
// last run, so that it goes on after a failed offer instead of beginning again.
type treatment struct {
	flow  string
	known map[string]string
	over  *ivr.Outcome // the caller chose something else than to wait
}

// errLeavesQueue means that the waiting treatment ended the wait: the caller
// is to be called back, has left a message, or goes on to another queue.
var errLeavesQueue = errors.New("the caller leaves the queue")

func leavesQueue(heard ivr.Outcome) bool {
	switch heard.Exit {
	case ivr.ExitHangup:
		return true
	case ivr.ExitEnd:
		return heard.Promise != nil || heard.Message
	case ivr.ExitQueue:
		return !heard.Fallback
	}
	return false
}

// queueKnows is what a waiting treatment begins with.
func (s *story) queueKnows() map[string]string {
	known := map[string]string{attributeCaller: string(s.caller()), attributeWithheld: yes(s.caller().Withheld())} // no dialogue was there where a menu elsewhere has spoken
	maps.Copy(known, s.known)
	known[ivr.AttributeContactID] = s.contact.ID
	known[ivr.AttributeSince] = s.queuedAt.UTC().Format(time.RFC3339Nano)
	return known
}

// nextEvent waits for the dispatcher's next word while the caller hears the
// treatment or, once an agent is being rung, music alone.
func (s *story) nextEvent(place *triage.Place, t *treatment, offered bool, limit time.Duration) (triage.PlaceEvent, error) {
	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	var late <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	got := make(chan triage.PlaceEvent, 1)
	go func() { // ends with ctx at the latest
		defer close(got)
		defer stop()
		select {
		case ev := <-place.Events():
			got <- ev
		case <-late:
			got <- triage.PlaceEvent{Kind: triage.PlaceMissed}
		case <-ctx.Done():
		}
	}()
	if !offered && t.flow != "" {
		s.tellLine(ctx)
	}
	for ctx.Err() == nil && !offered && t.flow != "" {
		began := time.Now()
		heard, err := s.d.cfg.Engine.Run(withPlace(withStory(withCaller(ctx, s.caller()), s), place), s.leg.Audio(),
			ivr.Start{Flow: t.flow, Language: s.contact.Language, Attributes: t.known, Flows: s.flows})
		t.known = heard.Attributes
		s.known = heard.Attributes
		if err != nil && ctx.Err() == nil {
			s.d.cfg.Log.Error("the waiting treatment failed; the caller hears music", "contact", s.contact.ID, "error", err)
			break
		}
		if ctx.Err() == nil && leavesQueue(heard) {
			t.over = &heard
			stop()
			break
		}
		if time.Since(began) < time.Second {
			break // a treatment that does nothing must not spin
		}
	}
	if ctx.Err() == nil {
		s.leg.Audio().Music(s.d.music())
		<-ctx.Done()
	}
	if ev, ok := <-got; ok { // what the watcher has in hand is never lost
		t.over = nil
		return ev, nil
	}
	if t.over != nil && s.ctx.Err() == nil {
		return triage.PlaceEvent{}, errLeavesQueue
	}
	return triage.PlaceEvent{}, context.Cause(s.ctx)
}

// tellLine tells the caller once what the line is for in which nobody was free at
// once, where whoever added it wanted that said. Without it the words of the
// waiting treatment are for all lines.
func (s *story) tellLine(ctx context.Context) {
	q := s.d.cfg.Dispatcher.Routing().Queue(s.goTo.queue)
	if q.Prompt == "" || s.toldLine == q.ID {
		return
	}
	s.toldLine = q.ID
	clip, err := s.d.cfg.Prompts.Clip(s.contact.Language, q.Prompt)
	if err == nil {
		_, err = s.leg.Audio().Play(ctx, clip, false)
	}
	if err != nil && ctx.Err() == nil {
		s.d.cfg.Log.Warn("a caller was not told what the line is for; the usual words follow", "contact", s.contact.ID, "line", q.ID, "prompt", q.Prompt, "error", err)
	}
}

// spare makes an agent free who took a call that nobody is in any more.
func (s *story) spare(agent string) {
	for _, state := range []triage.AgentState{triage.WrapUp, triage.Ready} {
		if err := s.d.cfg.Dispatcher.Set(agent, state, ""); err != nil {
			s.d.cfg.Log.Warn("freeing an agent whose caller left", "agent", agent, "error", err)
		}
	}
	s.touchSeat(agent)
}

func (s *story) touchSeat(agent string) {
	if seat := s.d.seat(agent); seat != nil {
		seat.touch()
	}
}

func (d *Desk) queue(c *conversation) {
	d.mu.Lock()
	d.queued[c.id] = c
	d.mu.Unlock()
}

func (d *Desk) unqueue(c *conversation) {
	d.mu.Lock()
	delete(d.queued, c.id)
	d.mu.Unlock()
}
