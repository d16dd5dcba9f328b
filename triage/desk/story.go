package desk

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"strconv"
	"sync/atomic"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/trunk"
	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/ivr/scenario"
	"hotline/triage"
)

// story is one call from ring to record, told top to bottom in Take. It is
// owned by the call's goroutine.
type story struct {
	d        *Desk
	ctx      context.Context // the leg's: ends with the cause when the caller leaves
	leg      callerLeg
	entry    Entry
	contact  triage.Contact
	context  []string // what a menu elsewhere said, for the agent
	queuedAt time.Time
	turned   string      // line that turned the caller away
	place    string      // queue whose share of the channels the caller has
	goTo     destination // of a caller who was sent on
	wants    []string    // skills that the dialogue wants of an agent

	inQueue    time.Time       // came into the queue of goTo
	toldLine   string          // queue of which the caller knows what it is for
	overflowed map[string]bool // queues that have sent the caller on

	role     string // for which a call of ours is made; "": that of the agent
	agent    *Seat  // who has proved on the agents' line who they are
	onLine   bool   // and stays on the line
	closed   bool   // the record is complete
	ending   ending
	heard    triage.AgentSound // of agents who are no longer on the call
	told     bool              // the caller knows that the call is recorded
	deferred bool              // nothing was read to the caller: every second counts

	flows    *flow.FlowSet // those with which the call began
	facts    atomic.Pointer[[]FactView]
	known    map[string]string // what its dialogues have found out
	promised bool              // a call-back
	message  bool              // left on the voicemail
	outside  bool              // talked with a number outside that the flow called
	leaves   ivr.Outcome       // of a waiting treatment that ended the wait
	met      func()            // called when an agent answers; nil for most
	parted   time.Time         // an agent has ended the talk, and the caller may be asked how it was
	hooked   chan ivr.Outcome  // what was done when an agent answered; nil when nothing was

	hookNoted bool // and it is on the record
}

// destination is where a caller goes on to: a queue, or one agent first and the
// queue if that agent does not answer.
type destination struct {
	queue string
	only  string
	entry string // a number of ours, whose dialogue begins
}

// ending is how the contact went; the last value set is what is stored.
type ending struct {
	outcome triage.Outcome
	open    string // why it stays an open item
	by      call.By
	reason  string
	failure string // why a call of ours reached nobody
}

// Take answers one call and carries it to its end. The contact is on disk
// before the call is answered and classified however it ends.
func (d *Desk) Take(_ context.Context, leg *trunk.Call) {
	entry := d.entry(leg)
	if entry.Flash {
		d.flash(leg)
		return
	}
	d.serveCaller(leg)
}

// serveCaller carries a call to its end, whichever sound it has.
func (d *Desk) serveCaller(leg callerLeg) {
	s := &story{d: d, ctx: leg.Context(), leg: leg, entry: d.entry(leg)}
	s.ending = ending{outcome: triage.OutcomeInterrupted, open: triage.OpenInterrupted, by: call.BySystem, reason: "ended for an unknown reason"}
	d.hereIs(leg.From())
	defer d.isGone(leg.From())
	s.open()
	defer s.close()
	if err := leg.Answer(); err != nil {
		s.left(triage.OutcomeFlash, triage.OpenFlash)
		return
	}
	s.change(func(k *triage.Contact, now time.Time) []events.Event { k.AnsweredAt = now; return nil })
	s.prepareFarewell()

	for s.dialogue() {
	}
	s.afterTalk()
	if s.agent != nil && s.onLine {
		s.stayOnLine()
	}
}

// dialogue runs the flow of the entry and serves the caller as it says. It
// reports that an agent has sent the caller to another entry, whose dialogue
// comes next.
func (s *story) dialogue() (again bool) {
	if s.entry.Queue != "" {
		return s.serveHandedOver()
	}
	d, caller := s.d, s.caller()
	if s.flows != nil {
		s.leg.Audio().FlushKeys() // what was keyed for the dialogue before answers no question of this one
	}
	known := map[string]string{}
	maps.Copy(known, s.known)
	maps.Copy(known, map[string]string{ivr.AttributeContactID: s.contact.ID, attributeCaller: string(caller), attributeWithheld: yes(caller.Withheld()), attributeLine: yes(d.CallsOut()),
		scenario.Attribute: d.cfg.Scenario.Current().Attribute()})
	out, err := d.cfg.Engine.Run(withStory(withCaller(s.ctx, caller), s), s.leg.Audio(), ivr.Start{Flow: s.entry.Flow,
		Language: cmp.Or(s.contact.Language, s.entry.Language), Attributes: known, Flows: s.flows})
	s.noteFlow(out)
	if err != nil {
		d.cfg.Log.Error("a phone dialogue failed; the caller is sent to a person", "contact", s.contact.ID, "error", err)
	}
	switch {
	case s.ctx.Err() != nil:
		s.leftFlow(out)
	case out.Exit == ivr.ExitQueue && s.turnedAway(&out):
	case out.Reason == endPartner && d.CallsOut():
		return s.toPartner(out)
	case out.Exit == ivr.ExitQueue, err != nil && !s.entry.Supervisor:
		return s.serve(out)
	default:
		s.finishedFlow(out)
		s.onLine = out.Reason == reasonOnLine
	}
	return false
}

// caller is the number of the person on the line, whoever rang whom.
func (s *story) caller() call.Number {
	if s.leg.Outgoing() {
		return s.contact.Caller
	}
	return s.leg.From()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// open writes the bare contact. A store that cannot write must not cost the
// caller the call: it goes on unrecorded, counted and shown on the floor, and
// is written as soon as the store can (keep).
func (s *story) open() {
	k := triage.Contact{Operation: s.d.cfg.Operation, Channel: channelOf(s.leg), Direction: "in", Dialled: s.leg.To(),
		Caller: s.leg.From(), Redirected: s.leg.Redirected(), Language: s.entry.Language, Supervisor: s.entry.Supervisor}
	if m := s.d.cfg.Mode.Current(time.Now()); m.Active {
		k.Mode = string(m.Mode)
	}
	k.Scenario = s.d.cfg.Scenario.Current().Attribute()
	if s.d.cfg.Script != nil {
		k.Script = strconv.Itoa(s.d.cfg.Script())
	}
	opened, err := s.d.cfg.Contacts.Open(context.WithoutCancel(s.ctx), k)
	s.contact = opened
	s.contact.ID = cmp.Or(s.contact.ID, s.leg.ID()) // queue and desk know the call by it in any case
	s.written(err)
}

func (s *story) written(err error) {
	if err == nil {
		return
	}
	s.d.unsaved.Add(1)
	s.d.cfg.Log.Error("a contact could not be recorded; the call goes on", "contact", s.contact.ID, "caller", s.leg.From(), "error", err)
}

// change writes to the contact also when the caller has just left.
func (s *story) change(fn func(*triage.Contact, time.Time) []events.Event) {
	err := s.keep(func(ctx context.Context) (triage.Contact, error) {
		return s.d.cfg.Contacts.Change(ctx, s.contact.ID, fn)
	})
	if err != nil {
		fn(&s.contact, time.Now().UTC()) // the call goes on with it
	}
	s.written(err)
}

// keep writes to the contact. One that is not on disk, because that failed when
// the call came, is put there first.
func (s *story) keep(write func(context.Context) (triage.Contact, error)) error {
	ctx := context.WithoutCancel(s.ctx)
	k, err := write(ctx)
	if errors.Is(err, store.ErrNotFound) {
		if _, err = s.d.cfg.Contacts.Open(ctx, s.contact); err == nil {
			k, err = write(ctx)
		}
	}
	if err == nil {
		s.contact = k
	}
	return err
}

// close stores how the contact went. It runs on every path, a panic included
// (the trunk recovers it and ends the leg).
func (s *story) close() {
	if s.closed {
		return
	}
	s.closed = true
	ended := time.Now()
	if s.ending.by == "" {
		cause := call.CauseOf(s.ctx)
		s.ending.by, s.ending.reason = cause.By, cause.Reason
	}
	sound := s.sound()
	if s.leg != nil {
		s.d.sounded.Note(ended, sound)
	}
	end := func(k *triage.Contact, now time.Time) {
		now = now.Add(-time.Since(ended)) // written late, the call was not longer
		k.EndedAt = now
		k.Outcome, k.EndedBy, k.EndReason, k.Failure = s.ending.outcome, s.ending.by, s.ending.reason, s.ending.failure
		if k.Disposition == "" { // a quick agent may have finished the notes already
			k.Open = s.ending.open
		}
		if k.Withheld && (k.Open == triage.OpenLeftInIVR || k.Open == triage.OpenFlash) {
			k.Open = "" // nobody can be called back and nobody waited for an answer
		}
		k.Sound = sound
		if !k.ConnectedAt.IsZero() {
			k.Talk = int(now.Sub(k.ConnectedAt).Seconds())
			if !s.parted.IsZero() { // what was asked afterwards is no talk
				k.Talk = int(s.parted.Sub(k.ConnectedAt).Seconds())
			}
		}
	}
	write := func() error {
		return s.keep(func(ctx context.Context) (triage.Contact, error) { return s.d.cfg.Contacts.End(ctx, s.contact.ID, end) })
	}
	if err := write(); err != nil {
		s.written(err)
		s.d.later(write)
	}
	s.d.cfg.Dispatcher.Touch()
	if s.leg != nil && s.agent == nil { // a call out that nobody answered has none, and an agent may stay on the line
		s.leg.Hangup(call.Cause{By: call.BySystem, Reason: "the call is over"})
	}
	s.hooks() // they take their time: how the call ended is on disk before
}

// prepareFarewell says what a caller on the telephone hears when the hotline has
// to end this call itself, in the caller's language as far as it is known.
func (s *story) prepareFarewell() {
	if c, phone := s.leg.(*trunk.Call); phone && c != nil {
		c.SetFarewell(s.d.clip(cmp.Or(s.contact.Language, s.entry.Language, s.d.cfg.Languages[0]), promptFarewell))
	}
}

// noteFlow keeps what the dialogue found out.
func (s *story) noteFlow(out ivr.Outcome) {
	s.change(func(k *triage.Contact, _ time.Time) []events.Event {
		if out.Language != "" {
			k.Language = out.Language
		}
		k.Path, k.Keys = append(k.Path, out.Path...), k.Keys+out.Keys // of every entry the caller was sent to
		if keyed := call.ParseNumber(out.Attributes[flow.CallBackNumber], s.d.cfg.Region); keyed.E164() && keyed != k.Caller {
			k.CallBack = keyed // of somebody who calls from another telephone (F48)
		}
		if k.Round != "" {
			k.Answer = cmp.Or(k.Answer, out.Attributes[ActionRoundAnswer]) // could not be stored when it was keyed
		}
		return nil
	})
	s.flows, s.known = out.Flows, out.Attributes
	s.noteAttributes(out)
	s.prepareFarewell()
}

// keepRegistration stores what a caller who registers as a volunteer has told,
// also half-way. What is incomplete stays an open item.
func (s *story) keepRegistration(out ivr.Outcome) {
	if s.entry.Supervisor {
		return
	}
	sound := map[string][]byte{}
	for name, clip := range out.Recordings {
		sound[name] = clip.MuLaw()
	}
	r, begun, err := s.d.cfg.Registry.SaveUnfinished(context.WithoutCancel(s.ctx), out.Attributes, sound)
	if err != nil {
		s.written(err)
		if s.ending.open == "" { // what was told is lost, the person is not
			s.ending.open = triage.OpenRegistrant
		}
		return
	}
	if !begun {
		return
	}
	s.change(func(k *triage.Contact, _ time.Time) []events.Event { k.Registrant = r.ID; return nil })
	switch {
	case r.Incomplete:
		s.ending.open = triage.OpenRegistrant
	case s.ending.open == triage.OpenLeftInIVR:
		s.ending.open = "" // registered, then hung up: nothing is owed
		s.ending.outcome = triage.OutcomeSelfService
	}
}

func (s *story) left(outcome triage.Outcome, open string) {
	cause := call.CauseOf(s.ctx)
	switch {
	case s.entry.Agents:
		outcome, open = triage.OutcomeAgentLine, ""
	case s.entry.Supervisor:
		outcome, open = triage.OutcomeSupervisor, ""
	case cause.By == call.BySystem: // it was not the caller who gave up
		outcome, open = triage.OutcomeInterrupted, triage.OpenInterrupted
	}
	s.ending = ending{outcome: outcome, open: open, by: cause.By, reason: cause.Reason}
}

func (s *story) leftFlow(out ivr.Outcome) {
	s.left(triage.OutcomeLeftInIVR, triage.OpenLeftInIVR)
	s.owed()
	s.keepRegistration(out)
	s.keepShift(out)
	if out.Attributes[ivr.AttributeCase] == "yes" && s.ending.open == triage.OpenLeftInIVR { // heard how it stands
		s.ending.outcome, s.ending.open = triage.OutcomeSelfService, ""
	}
}

// finishedFlow is a dialogue that served the caller without an agent.
func (s *story) finishedFlow(out ivr.Outcome) {
	s.ending = ending{outcome: triage.OutcomeSelfService, by: call.BySystem, reason: "the dialogue was finished"}
	switch {
	case s.entry.Agents:
		s.ending.outcome = triage.OutcomeAgentLine
		s.served(out)
	case s.entry.Supervisor:
		s.ending.outcome = triage.OutcomeSupervisor
	}
	switch out.Reason { // as the shipped flows name their ends
	case "callback":
		s.ending.outcome, s.ending.open = triage.OutcomeCallBack, triage.OpenCallBack
		if s.promised { // and stored already
			break
		}
		s.change(func(k *triage.Contact, _ time.Time) []events.Event {
			if keyed := out.Attributes["callback.number"]; keyed != "" {
				k.CallBack = call.ParseNumber(keyed, s.d.cfg.Region)
			}
			return []events.Event{{Kind: "callback.promised"}}
		})
	case "announcement", endPartner, endPartnerTold:
		s.ending.open = triage.OpenAnnounced
	}
	s.owed()
	s.keepRegistration(out)
	s.keepShift(out)
}

// keepShift notes whose shift the call began or ended. The hours are stored
// already: whoever hangs up then is owed nothing.
func (s *story) keepShift(out ivr.Outcome) {
	id := out.Attributes[ivr.AttributeShiftOf]
	if id == "" || s.entry.Supervisor {
		return
	}
	s.change(func(k *triage.Contact, _ time.Time) []events.Event { k.Registrant = id; return nil })
	if s.ending.open == triage.OpenLeftInIVR {
		s.ending.outcome, s.ending.open = triage.OutcomeSelfService, ""
	}
}

// owed makes an open item of what a caller was promised with whom no agent has
// talked since.
func (s *story) owed() {
	if s.entry.Supervisor || s.ending.outcome == triage.OutcomeInterrupted {
		return
	}
	switch {
	case s.promised:
		s.ending.outcome, s.ending.open = triage.OutcomeCallBack, triage.OpenCallBack
	case s.message:
		s.ending.outcome, s.ending.open = triage.OutcomeSelfService, triage.OpenVoicemail
	case s.outside && s.ending.open == triage.OpenLeftInIVR:
		s.ending.outcome, s.ending.open = triage.OutcomeSelfService, ""
	}
}

// serve brings the caller to an agent, again if the first one is lost on the
// way, and keeps the place in the queue meanwhile.
func (s *story) serve(out ivr.Outcome) (again bool) {
	out.Queue = s.into(out.Queue)
	s.keepRegistration(out)
	if s.queuedAt.IsZero() { // who was sent on keeps the age of the first arrival
		s.queuedAt = time.Now()
	}
	s.change(func(k *triage.Contact, now time.Time) []events.Event {
		if k.QueuedAt.IsZero() {
			k.QueuedAt = now
		}
		k.Queue, k.Priority = out.Queue, out.Priority
		return []events.Event{{Kind: "queue.entered", Queue: out.Queue, Data: map[string]string{"language": k.Language}}}
	})
	s.movePlace(out.Queue)
	defer s.movePlace("")
	s.inQueue = time.Now()
	out.Priority = s.keptPlace(out.Queue, out.Priority)
	conv := s.conversation(out)
	defer close(conv.ended)
	s.goTo, s.deferred, s.wants = destination{queue: out.Queue}, deferredNotice(out), out.Skills
	return s.rounds(conv, out.Treatment, out.Priority)
}
