package desk

import (
	"context"
	"time"

	"hotline/appliance/events"
	"hotline/ivr"
	"hotline/triage"
)

// afterTalkFor is how long callers may be asked something after a talk.
const afterTalkFor = time.Minute

// afterTalk lets the caller hear what the flow has for the time after a talk
// (after_talk, F49): the agent is free already and takes the next call. Who was
// in danger, who is protected, whom we have called and who hung up is asked
// nothing. Whatever happens here, the call ended when the agent ended it.
func (s *story) afterTalk() {
	if s.parted.IsZero() || s.flows == nil || s.ctx.Err() != nil || s.leg.Outgoing() {
		return
	}
	f := s.flows.Flow(s.entry.Flow)
	if f == nil || f.AfterTalk == "" {
		return
	}
	if k, err := s.d.cfg.Contacts.Get(s.contact.ID); err != nil || k.Protected {
		return
	}
	s.noteConnected()
	ctx, stop := context.WithTimeout(s.ctx, afterTalkFor)
	defer stop()
	s.leg.Audio().FlushKeys()
	start := s.hookStart()
	start.Flow = f.AfterTalk
	out, err := s.d.cfg.Engine.Run(withCaller(ctx, s.leg.From()), s.leg.Audio(), start)
	if err != nil {
		s.d.cfg.Log.Error("what callers are asked after a talk failed; the call is over", "contact", s.contact.ID, "error", err)
	}
	s.change(func(k *triage.Contact, _ time.Time) []events.Event {
		k.Path = append(k.Path, out.Path...)
		return nil
	})
	s.known = out.Attributes
	s.noteAttributes(ivr.Outcome{Kept: out.Kept, Refused: out.Refused})
}
