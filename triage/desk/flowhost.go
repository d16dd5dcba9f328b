package desk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/media"
	"hotline/appliance/store"
	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/triage"
)

// FlowHost is what steps of flows ask of the desk: who could answer, a promise,
// a message, another number. The engine needs it before there is a desk, so
// what it knows of a call travels with the call.
func FlowHost(dispatcher *triage.Dispatcher) ivr.Host {
	return ivr.Host{
		Staffing: func(_ context.Context, queue string) (ivr.Staffing, error) {
			s, ok := dispatcher.Staffing(queue, time.Now())
			if !ok {
				return ivr.Staffing{}, triage.ErrStopped
			}
			return ivr.Staffing{SignedIn: s.SignedIn, Available: s.Ready, Busy: s.Agents - s.Ready, Waiting: s.Waiting,
				Wait: max(s.Wait, 0), WaitKnown: s.Wait >= 0}, nil
		},
		Promise: func(ctx context.Context, _ *ivr.Session, p ivr.Promise) error {
			return onCall(ctx, func(s *story) error { return s.promise(p) })
		},
		Voicemail: func(ctx context.Context, _ *ivr.Session, m ivr.Message) error {
			return onCall(ctx, func(s *story) error { return s.keepMessage(ctx, m) })
		},
		Transfer: func(ctx context.Context, _ *ivr.Session, to string, ring time.Duration) error {
			return onCall(ctx, func(s *story) error { return s.connectOutside(ctx, to, ring) })
		},
	}
}

// onCall does something for the call that a dialogue belongs to. It runs in the
// call's own goroutine.
func onCall(ctx context.Context, do func(*story) error) error {
	s, ok := ctx.Value(storyKey{}).(*story)
	if !ok {
		return errors.New("this dialogue is no call")
	}
	return do(s)
}

// promise stores that the caller is to be called back, and the place in the
// queue. The caller is told only when it is on disk.
func (s *story) promise(p ivr.Promise) error {
	number := call.ParseNumber(p.Number, s.d.cfg.Region)
	switch {
	case s.turned != "": // they are called for the line that they wanted
		p.Queue = s.turned
	case s.goTo.queue == triage.QueuePrivate: // and not by anybody else
		p.Queue = triage.QueuePrivate
	case p.Queue == triage.QueueHelp && s.waitsInOwn(): // the words are for all lines, the place is not
		p.Queue = s.goTo.queue
	}
	p.Queue = s.into(p.Queue)
	err := s.keep(func(ctx context.Context) (triage.Contact, error) {
		return s.d.cfg.Contacts.Change(ctx, s.contact.ID, func(k *triage.Contact, now time.Time) []events.Event {
			if number != k.Caller {
				k.CallBack = number
			}
			k.Promise = &triage.Promise{Queue: p.Queue, Priority: p.Priority, Since: p.Since.UTC(), At: now}
			k.Queue = p.Queue
			k.Priority = p.Priority
			return []events.Event{{Kind: "callback.promised", Queue: p.Queue}}
		})
	})
	if err != nil {
		return fmt.Errorf("the promise could not be stored: %w", err)
	}
	s.promised = true
	return nil
}

// waitsInOwn reports a caller who waits in a line that was added here.
func (s *story) waitsInOwn() bool {
	return s.goTo.queue != "" && s.d.cfg.Dispatcher.Routing().Queue(s.goTo.queue).Own()
}

// keepMessage stores what the caller said.
func (s *story) keepMessage(ctx context.Context, m ivr.Message) error {
	keep := func() error {
		return s.d.cfg.Contacts.KeepMessage(ctx, s.contact.ID, triage.Message{Box: m.Box, Language: m.Language}, m.Sound.MuLaw())
	}
	err := keep()
	if errors.Is(err, store.ErrNotFound) { // the contact could not be written when the call came
		if _, err = s.d.cfg.Contacts.Open(ctx, s.contact); err == nil {
			err = keep()
		}
	}
	if err != nil {
		return err
	}
	s.message = true
	return nil
}

// RoleOfFlows is who dials when a flow does: the flow was published by somebody
// who may decide that, and the configuration names the numbers.
const RoleOfFlows = "flow"

// connectOutside rings a number outside, as far as the policy allows it, and
// joins the caller with it until one of them hangs up.
func (s *story) connectOutside(ctx context.Context, to string, ring time.Duration) error {
	if !s.d.CallsOut() {
		return errors.New("this hotline has no line for outgoing calls")
	}
	number := call.ParseNumber(to, s.d.cfg.Region)
	caller := s.leg.Audio()
	caller.Music(ringTone())
	defer caller.Music(nil)
	leg, err := s.d.cfg.Dial(ctx, Dialling{To: number, Role: RoleOfFlows, Queue: s.contact.Queue, RingFor: ring})
	if err != nil {
		return err
	}
	defer leg.Hangup(call.Cause{By: call.BySystem, Reason: "the call is over"})
	s.change(func(k *triage.Contact, _ time.Time) []events.Event {
		return []events.Event{{Kind: "contact.transferred", Queue: k.Queue, Data: map[string]string{"kind": "number"}}}
	})
	caller.Music(nil)
	pair := media.Bridge(caller, leg.Audio())
	defer pair.Close()
	select {
	case <-ctx.Done():
	case <-leg.Context().Done():
	}
	s.outside = true
	return nil
}

// hookFor is how long what a flow wants done on an event may take.
const hookFor = 10 * time.Second

// connected lets the flow know that an agent has answered (F31). Nobody waits
// for it: the two are talking meanwhile.
func (s *story) connected(conv *conversation) {
	s.promised, s.message = false, false // a person takes over what was owed
	if s.met != nil {
		s.met()
	}
	conv.change(func() { conv.facts = &s.facts })
	if s.flows == nil || s.hooked != nil {
		return
	}
	s.hooked = make(chan ivr.Outcome, 1)
	ctx, start := withCaller(context.WithoutCancel(s.ctx), s.caller()), s.hookStart()
	facts, flows, d := &s.facts, s.flows, s.d
	facts.Store(factsOf(flows, start.Attributes, start.Attributes))
	go func() { // ends within hookFor; hooks waits for it
		out := d.hook(ctx, ivr.OnAgentConnected, start)
		facts.Store(factsOf(flows, out.Kept, start.Attributes))
		d.Touch()
		s.hooked <- out
	}()
}

// mostFacts is how many facts a page shows.
const mostFacts = 12

// factsOf is what whoever answers is to know of what flows have found out: what
// has a label, and what has changed since. What is sensitive is no attribute.
func factsOf(flows *flow.FlowSet, now, before map[string]string) *[]FactView {
	facts := []FactView{}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		declared, value := flows.Attribute(name), now[name]
		if declared.Sensitive || !declared.Keep || value == "" || declared.Label == "" && before[name] == value {
			continue
		}
		if facts = append(facts, FactView{Label: cmp.Or(declared.Label, name), Value: value}); len(facts) == mostFacts {
			break
		}
	}
	return &facts
}

// hooks lets the flow know that the call is over, after what it wanted done
// when an agent answered.
func (s *story) hooks() {
	if s.flows == nil || s.leg == nil {
		return
	}
	// Nobody waits on a silent line while a flow tells the world.
	if s.agent == nil {
		s.leg.Hangup(call.Cause{By: call.BySystem, Reason: "the call is over"})
	}
	s.noteConnected()
	// What a dialogue knows of a protected caller leaves the house by no hook.
	if k, err := s.d.cfg.Contacts.Get(s.contact.ID); err == nil && k.Protected {
		return
	}
	out := s.d.hook(withCaller(context.WithoutCancel(s.ctx), s.caller()), ivr.OnDisconnect, s.hookStart())
	s.noteAttributes(out)
}

// noteConnected keeps what the flow found out when an agent answered, once: what
// is found out later counts more.
func (s *story) noteConnected() {
	if s.hooked == nil || s.hookNoted {
		return
	}
	s.hookNoted = true
	out := <-s.hooked
	s.known = out.Attributes
	s.noteAttributes(out)
}

func (s *story) hookStart() ivr.Start {
	return ivr.Start{Flow: s.entry.Flow, Language: s.contact.Language, Attributes: s.known, Flows: s.flows}
}

// hook runs what a flow wants done on an event.
func (d *Desk) hook(ctx context.Context, event ivr.Event, start ivr.Start) ivr.Outcome {
	ctx, stop := context.WithTimeout(ctx, hookFor)
	defer stop()
	out, err := d.cfg.Engine.Hook(ctx, event, start)
	if err != nil {
		d.cfg.Log.Error("what the flow wants done could not be done; the call goes on", "contact", start.Attributes[ivr.AttributeContactID], "event", string(event), "error", err)
	}
	return out
}

// noteAttributes keeps what the dialogue found out, where that has changed.
func (s *story) noteAttributes(out ivr.Outcome) {
	same := len(out.Kept) == len(s.contact.Attributes)
	for name, value := range out.Kept {
		same = same && s.contact.Attributes[name] == value
	}
	if same && len(out.Refused) == 0 && len(out.Consents) == 0 {
		return
	}
	s.change(func(k *triage.Contact, _ time.Time) []events.Event {
		k.Attributes = out.Kept
		for _, c := range out.Consents {
			k.AddConsents(triage.Consent{About: c.About, Answer: c.Answer, How: c.How, Language: c.Language, Script: c.Script, At: c.At})
		}
		if len(out.Refused) == 0 {
			return nil
		}
		return []events.Event{{Kind: "flow.attributes_refused", Data: map[string]string{"attributes": fmt.Sprint(len(out.Refused))}}}
	})
}
