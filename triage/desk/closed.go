package desk

import (
	"time"

	"hotline/appliance/events"
	"hotline/ivr"
	"hotline/ivr/scenario"
	"hotline/triage"
)

// turnedAway leads a caller through the closed path when the line that the
// dialogue chose takes no new callers, or has its share of the channels: they
// hear why, and are promised a call or noted. It is false when the caller is to
// wait after all, where out then says. Those who work here are never turned
// away, nor those who seek help in danger: the line for them is never closed,
// and who was not asked before is asked on the closed path.
func (s *story) turnedAway(out *ivr.Outcome) bool {
	out.Queue = s.into(out.Queue)
	if s.entry.Supervisor || !s.shut(out.Queue) && s.takePlace(out.Queue) {
		return false
	}
	s.keepRegistration(*out)
	s.turned = out.Queue
	s.change(func(k *triage.Contact, _ time.Time) []events.Event {
		k.Queue = out.Queue
		return []events.Event{{Kind: "queue.turned_away", Queue: out.Queue}}
	})
	heard, stays := s.closedPath(out.Attributes[attributeSilent])
	switch {
	case s.ctx.Err() != nil:
		s.leftFlow(heard)
	case stays:
		s.turned = ""
		if heard.Queue == triage.QueueLife {
			out.Queue, out.Priority, out.Treatment = heard.Queue, heard.Priority, heard.Treatment
		}
		out.Path, out.Keys = append(out.Path, heard.Path...), out.Keys+heard.Keys
		return false
	default:
		s.finishedFlow(heard)
	}
	return true
}

// closedPath plays the dialogue of a closed line, which is told the line and why,
// so that each line can have words of its own. The caller stays who is to wait
// after all. silent is yes of one who has said and pressed nothing.
func (s *story) closedPath(silent string) (heard ivr.Outcome, stays bool) {
	since := s.queuedAt // what is promised is as old as the wait
	if since.IsZero() {
		since = s.contact.ReceivedAt
	}
	why, q := "", s.d.cfg.Dispatcher.Routing().Queue(s.turned) // full: whether there is danger was asked before
	switch {
	case s.d.cfg.Closures.Closed(s.turned) || q.Timetable().Held == triage.HeldClosed:
		why = "line"
	case !q.Open(time.Now()): // callers hear that it is the time of the day
		why = "hours"
	}
	heard, err := s.d.cfg.Engine.Run(withStory(withCaller(s.ctx, s.caller()), s), s.leg.Audio(), ivr.Start{Flow: ivr.FlowClosed, Language: s.contact.Language,
		Attributes: map[string]string{ivr.AttributeContactID: s.contact.ID, attributeCaller: string(s.caller()),
			attributeWithheld: yes(s.caller().Withheld()), ivr.AttributeSince: since.UTC().Format(time.RFC3339Nano), "closed.why": why, "closed.queue": s.turned,
			attributeSilent: silent, scenario.Attribute: s.d.cfg.Scenario.Current().Attribute()}, Flows: s.flows})
	if err != nil {
		s.d.cfg.Log.Error("the dialogue of a closed line failed; the caller is let in", "contact", s.contact.ID, "error", err)
	}
	s.change(func(k *triage.Contact, _ time.Time) []events.Event {
		k.Path, k.Keys = append(k.Path, heard.Path...), k.Keys+heard.Keys
		return nil
	})
	return heard, s.ctx.Err() == nil && heard.Exit == ivr.ExitQueue
}

// Touch has every page look again, for a change that is not a call's.
func (d *Desk) Touch() {
	for _, s := range d.allSeats() {
		s.touch()
	}
	d.cfg.Dispatcher.Touch()
}
