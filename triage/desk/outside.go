package desk

import (
	"context"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/media"
	"hotline/appliance/trunk"
	"hotline/triage"
)

// outsideRingFor is how long a team outside may take to answer; the offer ends
// soon after.
const outsideRingFor = 35 * time.Second

// ringOutside dials a team outside for the contact that is offered to it. The
// caller goes on hearing music, and leaves the queue only when somebody
// answers.
func (d *Desk) ringOutside(agent, contact string, number call.Number) {
	ctx, stop := context.WithCancel(d.ctx)
	defer stop()
	d.begin("watching an offer", func() {
		defer stop()
		d.whileOffered(ctx, agent, contact)
	}, nil)
	leg, err := d.dialOutside(ctx, number)
	if err != nil {
		if ctx.Err() == nil {
			d.cfg.Log.Warn("a team outside did not take a call", "contact", contact, "team", agent, "error", err)
		}
		_ = d.cfg.Dispatcher.Miss(agent, contact) // gone already when the caller left
		return
	}
	d.mu.Lock()
	d.outside[contact] = leg
	d.mu.Unlock()
	if err := d.cfg.Dispatcher.Accept(agent, contact); err != nil {
		d.takeOutside(contact)
		leg.Hangup(call.Cause{By: call.BySystem, Reason: "the caller is gone"})
	}
}

func (d *Desk) dialOutside(ctx context.Context, number call.Number) (*trunk.Call, error) {
	if !d.CallsOut() {
		return nil, errNoLine
	}
	return d.cfg.Dial(ctx, Dialling{To: number, Role: partnerRole, RingFor: outsideRingFor})
}

const errNoLine = UserError("This hotline has no line for outgoing calls, or may not call any number yet.")

// takeOutside is the leg of a team outside that answered for a contact, nil when
// there is none.
func (d *Desk) takeOutside(contact string) *trunk.Call {
	d.mu.Lock()
	defer d.mu.Unlock()
	leg := d.outside[contact]
	delete(d.outside, contact)
	return leg
}

// withOutside joins the caller with the team outside that answered, until one of
// them hangs up. The contact is answered then; what was said the hotline does
// not know.
func (s *story) withOutside(conv *conversation, agent string, leg *trunk.Call) talkEnd {
	defer s.d.cfg.Dispatcher.Release(agent, conv.id, true)
	defer leg.Hangup(call.Cause{By: call.BySystem, Reason: "the call is over"})
	team := s.d.cfg.Dispatcher.Agent(agent)
	s.change(func(k *triage.Contact, now time.Time) []events.Event {
		if k.ConnectedAt.IsZero() {
			k.ConnectedAt, k.Wait = now, int(now.Sub(k.QueuedAt).Seconds())
		}
		k.AgentName = team.Name
		return []events.Event{{Kind: "contact.connected", Agent: agent, Queue: k.Queue},
			{Kind: "contact.transferred", Agent: agent, Queue: k.Queue, Data: map[string]string{"kind": "team", "to": team.Team}}}
	})
	conv.change(func() { conv.answeredAt = time.Now() })
	s.connected(conv)
	caller := s.leg.Audio()
	caller.Music(nil)
	pair := media.Bridge(caller, leg.Audio())
	defer pair.Close()
	s.ending = ending{outcome: triage.OutcomeAnswered, by: call.ByAgent, reason: "the team outside hung up"}
	select {
	case <-s.ctx.Done():
		cause := call.CauseOf(s.ctx)
		s.ending.by, s.ending.reason = cause.By, cause.Reason
		switch cause.By {
		case call.BySystem:
			s.ending.outcome, s.ending.open = triage.OutcomeInterrupted, triage.OpenInterrupted
		case call.ByNetwork: // nobody is left who could say that all was told
			s.ending.outcome, s.ending.open = triage.OutcomeDropped, triage.OpenDropped
		}
	case <-leg.Context().Done():
	}
	return talkOver
}
