package desk

import (
	"cmp"
	"context"
	"errors"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/trunk"
	"hotline/ivr"
	"hotline/triage"
)

// callOut places a call for an agent (O7): the contact is on disk before it is
// dialled, and the talk is the same as with a caller who rang us.
func (s *Seat) callOut(ctx context.Context, c Command) error {
	d := s.d
	if !d.CallsOut() {
		return UserError("This hotline has no line for outgoing calls, or may not call any number yet.")
	}
	number := call.ParseNumber(c.Number, d.cfg.Region)
	if !number.E164() {
		return UserError("Enter the phone number with country code, like +1 202 555 0147.")
	}
	if s.through() == wayBrowser {
		if err := s.beHeard(ctx); err != nil {
			return err
		}
	}
	if may, err := d.cfg.Contacts.MayCall(number); err != nil || !may {
		return errors.Join(err, itemSentence(triage.ErrNoCall))
	}
	id := s.id()
	opened, err := d.cfg.Contacts.Open(ctx, triage.Contact{Operation: d.cfg.Operation, Channel: "phone", Direction: "out",
		Dialled: string(number), Caller: number, Queue: c.Queue, Agent: id, AgentName: s.name()})
	if err != nil {
		return err
	}
	if err := d.cfg.Dispatcher.Occupy(id, opened.ID); err != nil {
		_, endErr := d.cfg.Contacts.End(ctx, opened.ID, func(k *triage.Contact, _ time.Time) {
			k.Outcome, k.EndedBy, k.EndReason = triage.OutcomeNotReached, call.BySystem, "the agent was not free"
		})
		return errors.Join(err, endErr)
	}
	st := &story{d: d, ctx: d.ctx, contact: opened, queuedAt: opened.ReceivedAt, goTo: destination{queue: c.Queue},
		ending: ending{outcome: triage.OutcomeNotReached, by: call.BySystem, reason: "ended for an unknown reason"}}
	conv := &conversation{id: opened.ID, number: number, queue: c.Queue, since: opened.ReceivedAt, mode: "normal",
		requests: make(chan request), stir: make(chan struct{}, 1), ended: make(chan struct{}), outgoing: true, ringingOut: true}
	s.begin(conv)
	d.begin("a call out", func() { st.dial(conv, s, number) }, s.freed(conv))
	return nil
}

// callAgain calls somebody back from the list of one's own calls (D24).
func (s *Seat) callAgain(ctx context.Context, c Command) error {
	k, err := s.d.cfg.Contacts.Get(c.Contact)
	number := k.CallBack
	if number == "" {
		number = k.Caller
	}
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && (k.Agent != s.id() || k.Protected || time.Since(k.EndedAt) > AgainWithin):
		return UserError("This call is not among your own calls of the last week.")
	case err != nil:
		return err
	case !number.E164():
		return UserError("This caller had no number that can be called.")
	}
	return s.callOut(ctx, Command{Type: c.Type, Number: string(number), Queue: k.Queue})
}

// AgainWithin is how long somebody can be called back from the list of own
// calls.
const AgainWithin = 7 * 24 * time.Hour

// dial rings the number while the agent hears the ring tone, and talks.
func (s *story) dial(conv *conversation, seat *Seat, number call.Number) {
	defer close(conv.ended)
	defer s.close()
	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	type result struct {
		leg *trunk.Call
		err error
	}
	got := make(chan result, 1)
	go func() { // ends with ctx; its result is taken in every case
		if err := seat.beHeard(ctx); err != nil { // the own telephone first
			got <- result{nil, err}
			return
		}
		if sound := seat.sound(time.Now()); sound != nil {
			sound.Music(ringTone())
			defer sound.Music(nil)
		}
		var leg *trunk.Call
		err := s.d.attempt("dialling", func() (err error) {
			leg, err = s.d.cfg.Dial(ctx, Dialling{To: number, Role: cmp.Or(s.role, seat.role()), Queue: s.contact.Queue})
			return err
		})
		got <- result{leg, err}
	}()
	watch := time.NewTicker(watchEvery)
	defer watch.Stop()
	var r result
	cancelled := false
	for waiting := true; waiting; {
		select {
		case r = <-got:
			waiting = false
		case <-watch.C:
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
	if r.err != nil {
		s.notReached(conv, seat, r.err, cancelled)
		return
	}
	s.leg, s.ctx = r.leg, r.leg.Context()
	conv.change(func() { conv.ringingOut = false })
	s.change(func(k *triage.Contact, now time.Time) []events.Event {
		k.AnsweredAt, k.QueuedAt = now, now
		return []events.Event{{Kind: "contact.reached", Agent: k.Agent, Queue: k.Queue}}
	})
	if end := s.talk(conv, seat.id()); end != talkOver {
		// Sent on, or the agent was lost: the person called has a place in the line.
		again := s.enters()
		if !again {
			s.sent(conv, end)
			again = s.rounds(conv, ivr.FlowWaiting, -1)
		}
		for again {
			again = s.dialogue()
		}
	}
}

// notReached records a call that nobody answered and frees the agent.
func (s *story) notReached(conv *conversation, seat *Seat, err error, cancelled bool) {
	s.ending = ending{outcome: triage.OutcomeNotReached, by: call.ByNetwork, reason: "not reached"}
	var refused *trunk.DialError
	if errors.As(err, &refused) {
		s.ending.reason = refused.Reason
	}
	s.ending.failure = failureOf(refused)
	if cancelled {
		s.ending = ending{outcome: triage.OutcomeNotReached, by: call.ByAgent, reason: "the agent gave up", failure: triage.FailedGaveUp}
	} else {
		seat.complain("call.out", dialSentence(err))
	}
	seat.release(conv, false)
	s.d.cfg.Dispatcher.Release(seat.id(), conv.id, true)
	seat.touch()
}

// failureOf sorts why a call reached nobody: some of it is the person's side,
// some is ours.
func failureOf(e *trunk.DialError) string {
	switch {
	case e == nil: // not dialled: the agent's own telephone
		return triage.FailedAgent
	case e.Busy():
		return triage.FailedBusy
	case e.Status == 404 || e.Status == 410 || e.Status == 484 || e.Status == 604:
		return triage.FailedNoNumber
	case e.Status == 403:
		return triage.FailedRefused
	case e.Status == 0, e.Status >= 500 && e.Status < 600, e.Status == 408 && !e.Rang:
		return triage.FailedLine
	}
	return triage.FailedNoAnswer
}

// ringTone is what the agent hears while the other side rings: 425 Hz, one
// second on, four off (ITU-T E.180).
func ringTone() *audio.Clip {
	return audio.Concat(audio.Tone(425, time.Second, -20), audio.Silence(4*time.Second))
}

// dialSentence explains why an outside number was not reached.
func dialSentence(err error) UserError {
	var refused *trunk.DialError
	var user UserError
	switch {
	case errors.As(err, &user):
		return user
	case !errors.As(err, &refused):
		return UserError(capital(err.Error()) + ".")
	}
	switch {
	case refused.Busy():
		return "The number is busy."
	case refused.NoAnswer():
		return "Nobody answered."
	case refused.Status == 404 || refused.Status == 484 || refused.Status == 604:
		return "There is no such number."
	}
	return UserError(capital(refused.Reason))
}
