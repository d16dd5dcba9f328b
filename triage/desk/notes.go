package desk

import (
	"context"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/lists"
	"hotline/triage"
)

func (s *Seat) finishWrapUp(ctx context.Context, c Command) error {
	if !s.d.cfg.Lists.Now().List(lists.Dispositions).Has(c.Disposition) {
		return UserError("Choose how the call ended.")
	}
	conv, last := s.unfinished(c.Contact)
	if conv == nil {
		return UserError("These notes are already finished.")
	}
	id := s.id()
	if triage.CaseNeeded(c.Disposition) && !conv.assessed() {
		return UserError("Answer the questions about danger, urgent need and tonight before you close this as a case. Choose \"not sure\" or \"no\" if the caller did not say.")
	}
	unwritten := s.writeNotes(ctx, conv, c, last)
	if unwritten != nil && ctx.Err() != nil {
		return unwritten // the page is gone: it asks again
	}
	s.mu.Lock()
	if s.wrapping == conv {
		s.wrapping = nil
	}
	next := s.takeNext()
	s.mu.Unlock()
	if err := s.d.cfg.Dispatcher.Steer(id, next.state, next.reason, next.by); err != nil {
		return err
	}
	s.d.cfg.Dispatcher.Touch()
	if unwritten != nil {
		// Callers wait: nobody is kept from them by a disk that cannot write.
		s.d.unsaved.Add(1)
		s.d.cfg.Log.Error("how a call ended could not be recorded", "contact", conv.id, "agent", id, "error", unwritten)
		return UserError("How the call ended could not be written down; it stays on the list of open items. You can take the next call. Tell your coordinator.")
	}
	return nil
}

// unfinished is the conversation whose notes are open here, nil when they are
// not, and whether they are the last ones. Between the end of a call and its
// notes there is a moment in which it is still laid down: whoever is quick waits
// for it.
func (s *Seat) unfinished(contact string) (conv *conversation, last bool) {
	for limit := time.Now().Add(beginLimit); ; {
		changed := s.Changed()
		s.mu.Lock()
		conv, last = s.wrapping, s.wrapLast
		ending := s.talk != nil && s.talk.id == contact
		s.mu.Unlock()
		if conv != nil && conv.id == contact {
			return conv, last
		}
		left := time.Until(limit)
		if !ending || left <= 0 || s.d.cfg.Dispatcher.Agent(s.id()).State != triage.WrapUp {
			return nil, false
		}
		select {
		case <-changed:
		case <-time.After(left):
		}
	}
}

// writeNotes stores how the call ended. An agent who has sent the caller on
// only leaves a trace in the log: the last one's word closes the contact.
func (s *Seat) writeNotes(ctx context.Context, conv *conversation, c Command, last bool) error {
	id := s.id()
	if c.Disposition == "protected_handover" { // also when nobody has set the lock before
		if _, err := s.d.cfg.Cases.Save(ctx, conv.id, id, map[string]any{"talk_freely": "specialist"}); err != nil {
			return err
		}
	}
	done := func(k *triage.Contact) []events.Event {
		return []events.Event{{Kind: "acw.ended", By: id, Agent: id, Queue: k.Queue, Data: map[string]string{"disposition": c.Disposition}}}
	}
	if !last {
		_, err := s.d.cfg.Contacts.Change(ctx, conv.id, func(k *triage.Contact, _ time.Time) []events.Event { return done(k) })
		return err
	}
	file, err := s.d.cfg.Cases.Finish(ctx, conv.id, id)
	if err != nil {
		return err
	}
	_, err = s.d.cfg.Contacts.Change(ctx, conv.id, func(k *triage.Contact, now time.Time) []events.Event {
		k.Disposition, k.Open = c.Disposition, triage.OpenAfter(c.Disposition, file, k.Protected)
		if !k.EndedAt.IsZero() {
			k.WrapUp = int(now.Sub(k.EndedAt).Seconds())
		}
		return done(k)
	})
	return err
}
