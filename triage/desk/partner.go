package desk

import (
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/media"
	"hotline/ivr"
	"hotline/triage"
)

// Reasons with which the flow of a partner's number ends, and whether the
// hotline may dial it.
const (
	endPartner     = "redirect"
	endPartnerTold = "redirect_told"

	attributeLine    = "line.out"
	attributePartner = "mode.partner"

	// partnerRole is who dials a partner's number: a supervisor has chosen it.
	partnerRole    = "supervisor"
	partnerRingFor = 30 * time.Second
)

// toPartner dials the partner's number and connects the caller until one of them
// hangs up. Whoever cannot be connected is told the number, to dial it. Again is
// as of dialogue.
func (s *story) toPartner(out ivr.Outcome) (again bool) {
	s.leg.Audio().Music(s.d.music())
	leg, err := s.d.cfg.Dial(s.ctx, Dialling{To: call.Number(out.Attributes[attributePartner]), Role: partnerRole, RingFor: partnerRingFor})
	if err != nil {
		if s.ctx.Err() != nil {
			s.leftFlow(out)
			return false
		}
		s.d.cfg.Log.Warn("a caller could not be connected with the partner and is told the number", "contact", s.contact.ID, "error", err)
		return s.tellPartner()
	}
	defer leg.Hangup(call.Cause{By: call.BySystem, Reason: "the call is over"})
	s.change(func(k *triage.Contact, now time.Time) []events.Event {
		k.ConnectedAt = now
		return []events.Event{{Kind: "contact.transferred", Data: map[string]string{"kind": "partner"}}}
	})
	s.leg.Audio().Music(nil)
	pair := media.Bridge(s.leg.Audio(), leg.Audio())
	defer pair.Close()
	select {
	case <-s.ctx.Done():
		cause := call.CauseOf(s.ctx)
		s.ending = ending{outcome: triage.OutcomeSelfService, by: cause.By, reason: cause.Reason}
	case <-leg.Context().Done():
		s.ending = ending{outcome: triage.OutcomeSelfService, by: call.BySystem, reason: "the partner hung up"}
	}
	return false
}

func (s *story) tellPartner() (again bool) {
	s.leg.Audio().Music(nil)
	out, err := s.d.cfg.Engine.Run(s.ctx, s.leg.Audio(), ivr.Start{Flow: ivr.FlowPartner, Language: s.contact.Language,
		Attributes: map[string]string{ivr.AttributeContactID: s.contact.ID, attributeLine: yes(false)}, Flows: s.flows})
	if err != nil {
		s.d.cfg.Log.Error("telling a partner's number failed; the caller is let in", "contact", s.contact.ID, "error", err)
	}
	switch {
	case s.ctx.Err() != nil:
		s.leftFlow(out)
	case out.Exit == ivr.ExitQueue:
		return s.serve(out)
	default:
		s.finishedFlow(out)
	}
	return false
}
