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
	"hotline/ivr/mode"
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
		k.Sound = s.sound()
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
	defer func() { place.Leave() }()
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
	known := map[string]string{}
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
