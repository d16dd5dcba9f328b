package desk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"hotline/appliance/call"
	"hotline/triage"
)

// beginConsult puts the caller on music and rings a second person.
func (t *talk) beginConsult(to Target) error {
	if t.consult != nil || t.calling != nil {
		return UserError("You are asking somebody already.")
	}
	if err := t.full(); err != nil {
		return err
	}
	if to.Kind != "agent" && to.Kind != "number" {
		return UserError("Choose whom to talk to.")
	}
	if to.Kind == "agent" {
		if err := t.d.canRing(to.ID, t.seat.id()); err != nil {
			return err
		}
	}
	if err := t.ringFor(to, toConsult, nil); err != nil {
		return err
	}
	t.hold()
	t.note("contact.consulted")
	return nil
}

// canRing explains why a colleague cannot be rung now.
func (d *Desk) canRing(agent, asking string) error {
	switch a := d.cfg.Dispatcher.Agent(agent); {
	case a.ID == "" || agent == asking:
		return UserError("Choose another person.")
	case a.State != triage.Ready:
		return UserError(a.Name + " is not ready for calls now. Choose somebody who is, or a line.")
	}
	return nil
}

// ringFor starts to call somebody; the answer comes on t.answers. A service is
// one of the emergency services that operators have chosen, and is called
// whatever the agent may call.
func (t *talk) ringFor(to Target, why callingFor, service *triage.Service) error {
	c := &calling{why: why, begun: time.Now(), party: &party{id: to.Kind + ":" + to.ID, kind: to.Kind, name: to.ID}}
	if to.Kind == "number" {
		if !t.d.CallsOut() {
			return UserError("This hotline has no line for outgoing calls, or may not call any number yet.")
		}
		number := call.ParseNumber(to.ID, t.d.cfg.Region)
		if !number.E164() {
			return UserError("Enter the phone number with country code, like +1 202 555 0147.")
		}
		c.party.id, c.party.name = "number:"+string(number), string(number)
	}
	dialling := Dialling{To: call.Number(c.party.name), Role: t.seat.role(), Queue: t.conv.line(), Urgent: t.conv.urgent()}
	if service != nil {
		c.party.label = service.Name
		dialling.Role, dialling.RingFor, dialling.Urgent = partnerRole, rescueRings, true
	}
	ctx, stop := context.WithCancel(t.all)
	c.stop, t.calling = stop, c
	if to.Kind == "agent" {
		c.party.name = t.d.cfg.Dispatcher.Agent(to.ID).Name
		t.d.queue(t.conv)
	}
	t.helpers.Go(func() {
		defer stop()
		a := answer{calling: c}
		a.err = t.d.attempt("ringing somebody else", func() (err error) {
			if to.Kind == "agent" {
				return t.d.ringAgent(ctx, t.conv, to.ID)
			}
			a.leg, err = t.d.cfg.Dial(ctx, dialling)
			return err
		})
		select {
		case t.answers <- a:
		case <-t.all.Done():
			t.d.discard(a, t.conv.id, to.ID)
		}
	})
	return nil
}

// discard gives back a person who answered when nobody wanted them any more.
func (d *Desk) discard(a answer, contact, agent string) {
	switch {
	case a.err != nil:
	case a.leg != nil:
		a.leg.Hangup(call.Cause{By: call.BySystem, Reason: "the call was over"})
	default:
		d.cfg.Dispatcher.Release(agent, contact, true)
	}
}

// ringAgent rings one colleague for the call of conv and returns when it has
// accepted, or why not.
func (d *Desk) ringAgent(ctx context.Context, conv *conversation, agent string) error {
	defer d.unqueue(conv)
	place, err := d.cfg.Dispatcher.Enter(triage.Waiting{Contact: conv.id, Queue: conv.line(), Since: time.Now(), Only: agent})
	if err != nil {
		return err
	}
	defer place.Leave()
	limit := time.NewTimer(time.Minute) // longer than any offer rings
	defer limit.Stop()
	for {
		select {
		case ev := <-place.Events():
			switch ev.Kind {
			case triage.PlaceAccepted:
				return nil
			case triage.PlaceDeclined, triage.PlaceMissed:
				return UserError(d.cfg.Dispatcher.Agent(agent).Name + " did not answer. The caller is still with you.")
			case triage.PlaceOffered:
				d.offered(agent, conv.id)
			}
		case <-limit.C:
			return UserError("Nobody answered. The caller is still with you.")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// cancelCalling stops ringing; whoever answers in that moment is given back.
func (t *talk) cancelCalling() {
	if t.calling != nil {
		t.calling.stop()
		t.calling = nil
	}
}

// answered takes in how a calling ended.
func (t *talk) answered(a answer) (end talkEnd, over bool) {
	if a.calling != t.calling { // cancelled meanwhile
		t.d.discard(a, t.conv.id, strings.TrimPrefix(a.calling.party.id, "agent:"))
		return talkOver, false
	}
	t.calling = nil
	if a.err != nil && t.rescue != nil {
		t.unrescued(string(dialSentence(a.err)))
		return talkOver, false
	}
	if a.err != nil {
		var user UserError
		if !errors.As(a.err, &user) {
			user = dialSentence(a.err) + " The caller is still with you."
		}
		t.conv.change(func() { t.conv.failed = string(user) })
		t.resume()
		return talkOver, false
	}
	p := a.calling.party
	if a.leg != nil {
		p.leg = a.leg
		t.watchLeg(p)
	} else {
		p.id = strings.TrimPrefix(p.id, "agent:")
		if p.seat = t.d.seat(p.id); p.seat == nil { // signed out in this moment
			t.d.cfg.Dispatcher.Lose(p.id)
			t.resume()
			return talkOver, false
		}
		p.seat.begin(t.conv)
	}
	if a.calling.why == toTransfer {
		t.resume()
		t.transferred(Target{Kind: "number"})
		t.others = append(t.others, p)
		t.handOver(nil)
		return talkOver, false
	}
	t.consult = p
	if t.rescue != nil {
		t.rescued()
	}
	return talkOver, false
}

// watchLeg reports when an outside party hangs up.
func (t *talk) watchLeg(p *party) {
	t.helpers.Go(func() {
		select {
		case <-p.leg.Context().Done():
		case <-t.all.Done():
			return
		}
		select {
		case t.gone <- p.id:
		case <-t.all.Done():
		}
	})
}

// partyGone takes an outside party off the line. It reports true when nobody
// is left for the caller to talk to.
func (t *talk) partyGone(id string) bool {
	if t.consult != nil && t.consult.id == id {
		t.endConsult()
		return false
	}
	t.others = slices.DeleteFunc(t.others, func(p *party) bool { return p.id == id })
	return t.seat == nil && len(t.others) == 0
}

// endConsult sends the second person away and brings the caller back.
func (t *talk) endConsult() {
	t.cancelCalling()
	if t.consult != nil {
		t.consult.leave(t.d, t.conv.id)
		t.consult = nil
	}
	t.resume()
}

// attended gives the caller to the person just consulted.
func (t *talk) attended() (end talkEnd, over bool, err error) {
	if t.consult == nil {
		return talkOver, false, UserError("Nobody has answered yet.")
	}
	p := t.consult
	t.consult = nil
	t.resume()
	t.transferred(Target{Kind: p.kind, ID: p.id})
	if p.seat == nil {
		t.others = append(t.others, p)
	}
	t.handOver(p.seat)
	return talkOver, false, nil
}
