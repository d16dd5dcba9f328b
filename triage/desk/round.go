package desk

import (
	"context"
	"errors"
	"sync"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/trunk"
	"hotline/ivr"
	"hotline/triage"
)

// Rounds call people of the hotline's own accord (triage.Round). How many at a
// time is decided here and nowhere else: dials in flight and people who have
// answered and talk with nobody yet are never more than the agents who are free
// and the margin that the round states, at the moment of every dial. Who waits
// in the queue comes first: an agent for whom somebody waits is not free.

// RoleRound is the role for which the outbound policy is asked when a round
// dials: it has an allowance of its own.
const RoleRound = "round"

const (
	roundsLook = time.Second     // how often it is looked who is due
	roundsRest = time.Minute     // nobody is dialled for so long after a fault of our line
	roundLater = 2 * time.Minute // until somebody is looked at again who is on the line, or is being called, for another reason
	// behindAll is the priority of people whom an agent sees first: everybody
	// who waits on the line is served before.
	behindAll = 99
)

// ring makes one call of a round. It returns when the call is over, or why
// there was none. met is called when an agent talks with the person.
type ringPerson func(ctx context.Context, r triage.Round, p triage.RoundPerson, met func()) error

// roundCaller decides who of the rounds is called when.
type roundCaller struct {
	d     *Desk
	spare func(queue string) int
	ring  ringPerson

	mu     sync.Mutex
	flying int // calls in which no agent talks yet

	calls map[string]roundCall // by person
	later map[string]time.Time
	rest  time.Time // nobody is dialled before
	done  chan roundEnd
	work  sync.WaitGroup
}

type roundCall struct {
	round string
	leave context.CancelFunc // gives up the place in the queue, before the number is dialled
}

type roundEnd struct {
	person string
	err    error
}

func (d *Desk) keepCallingRounds(ctx context.Context) {
	if d.cfg.Dial == nil || d.cfg.Rounds == nil {
		return
	}
	c := newRoundCaller(d, d.cfg.Dispatcher.Spare, d.ringPerson)
	c.run(ctx)
}

func newRoundCaller(d *Desk, spare func(string) int, ring ringPerson) *roundCaller {
	return &roundCaller{d: d, spare: spare, ring: ring, calls: map[string]roundCall{}, later: map[string]time.Time{}, done: make(chan roundEnd)}
}

// run calls people until ctx ends, and waits for the calls.
func (c *roundCaller) run(ctx context.Context) {
	tick := time.NewTicker(roundsLook)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case end := <-c.done:
			c.ended(end, time.Now())
			continue // others may have ended too; the next look is soon
		case now := <-tick.C:
			if err := c.look(now); err != nil {
				c.d.cfg.Log.Error("the rounds cannot be read; it is tried again", "error", err)
			}
		}
	}
	for _, one := range c.calls {
		one.leave()
	}
	for len(c.calls) > 0 {
		end := <-c.done
		delete(c.calls, end.person)
	}
	c.work.Wait()
}

// look dials as many people as may be dialled now.
func (c *roundCaller) look(now time.Time) error {
	all, err := c.d.cfg.Contacts.Rounds()
	if err != nil {
		return err
	}
	running := map[string]bool{}
	quiet, err := c.d.cfg.Contacts.QuietHours()
	if err != nil {
		return err
	}
	open := c.d.cfg.Rounds() && !quiet.After(now).After(now)
	for _, r := range all {
		running[r.ID] = open && r.State == triage.RoundRunning
	}
	for _, one := range c.calls {
		if !running[one.round] {
			one.leave()
		}
	}
	for person, until := range c.later {
		if !until.After(now) {
			delete(c.later, person)
		}
	}
	if now.Before(c.rest) {
		return nil
	}
	for n := len(all) - 1; n >= 0; n-- { // the oldest round first
		if r := all[n]; running[r.ID] {
			if err := c.advance(r, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// room is how many more people of a round may be dialled.
func (c *roundCaller) room(r triage.Round) int {
	margin := r.Margin
	if r.Preview { // an agent is asked first
		margin = 0
	}
	free := c.spare(r.Queue)
	c.mu.Lock()
	defer c.mu.Unlock()
	return free + margin - c.flying
}

func (c *roundCaller) advance(r triage.Round, now time.Time) error {
	room := c.room(r)
	if room <= 0 {
		return nil
	}
	due, _, err := c.d.cfg.Contacts.DueInRound(r.ID, now, room+len(c.calls)+len(c.later))
	if err != nil {
		return err
	}
	for _, p := range due {
		if _, called := c.calls[p.ID]; called || c.later[p.ID].After(now) {
			continue
		}
		if !c.d.cfg.RoundMay(p.Number) {
			if err := c.d.cfg.Contacts.LeaveOut(c.d.ctx, p.ID, triage.LeftForbidden); err != nil {
				return err
			}
			continue
		}
		if c.d.onTheLine(p.Number) {
			c.later[p.ID] = now.Add(roundLater)
			continue
		}
		c.start(r, p)
		if room--; room == 0 {
			return nil
		}
	}
	return nil
}

// start makes the call of one person.
func (c *roundCaller) start(r triage.Round, p triage.RoundPerson) {
	ctx, leave := context.WithCancel(context.Background())
	c.calls[p.ID] = roundCall{r.ID, leave}
	c.mu.Lock()
	c.flying++
	c.mu.Unlock()
	landed := sync.OnceFunc(func() {
		c.mu.Lock()
		c.flying--
		c.mu.Unlock()
	})
	c.work.Go(func() {
		defer leave()
		end := roundEnd{person: p.ID}
		defer func() { c.done <- end }()
		defer landed()
		end.err = c.d.attempt("a call of a round", func() error { return c.ring(ctx, r, p, landed) })
	})
}

func (c *roundCaller) ended(end roundEnd, now time.Time) {
	delete(c.calls, end.person)
	var fault errLine
	switch {
	case end.err == nil:
	case errors.As(end.err, &fault):
		c.d.cfg.Log.Warn("a call of a round failed on our side; the rounds rest for a minute", "error", end.err)
		c.rest = now.Add(roundsRest)
	case errors.Is(end.err, triage.ErrLeftOut), errors.Is(end.err, triage.ErrRoundState):
	default: // is on the line, or the store cannot write
		c.d.cfg.Log.Info("a call of a round was not made", "person", end.person, "error", end.err)
		c.later[end.person] = now.Add(roundLater)
	}
}

// errLine is a call that failed on our side.
type errLine struct{ error }

func (d *Desk) ringPerson(ctx context.Context, r triage.Round, p triage.RoundPerson, met func()) error {
	if r.Preview {
		return d.offerPerson(ctx, r, p, met)
	}
	return d.askPerson(r, p, met)
}

// askPerson dials somebody of a round, and the flow asks how they are. Who wants
// a person waits for one like every caller.
func (d *Desk) askPerson(r triage.Round, p triage.RoundPerson, met func()) error {
	opened, err := d.cfg.Contacts.BeginRoundCall(context.WithoutCancel(d.ctx), p.ID, triage.Contact{ID: d.cfg.Contacts.NewContactID(), Operation: d.cfg.Operation})
	if err != nil {
		return err
	}
	d.hereIs(opened.Caller) // and is not called for another reason
	defer d.isGone(opened.Caller)
	s := &story{d: d, ctx: d.ctx, contact: opened, entry: Entry{Flow: ivr.FlowRound}, role: RoleRound, met: met, context: roundContext(r, p),
		known:  map[string]string{"round.language": p.Language},
		ending: ending{outcome: triage.OutcomeNotReached, by: call.BySystem, reason: "ended for an unknown reason"}}
	defer s.close()
	leg, err := d.cfg.Dial(d.ctx, Dialling{To: opened.Caller, Role: RoleRound, Queue: r.Queue})
	if err != nil {
		return s.notAnswered(err)
	}
	s.leg, s.ctx = leg, leg.Context()
	s.ending = ending{outcome: triage.OutcomeInterrupted, open: triage.OpenInterrupted, by: call.BySystem, reason: "ended for an unknown reason"}
	s.change(func(k *triage.Contact, now time.Time) []events.Event {
		k.AnsweredAt = now
		return []events.Event{{Kind: "contact.reached", Queue: k.Queue}}
	})
	for s.dialogue() {
	}
	return nil
}

// notAnswered records a call that nobody has picked up. It returns an error when
// that was our fault.
func (s *story) notAnswered(err error) error {
	s.ending = ending{outcome: triage.OutcomeNotReached, by: call.ByNetwork, reason: "not reached"}
	var refused *trunk.DialError
	if errors.As(err, &refused) {
		s.ending.reason = refused.Reason
	}
	s.ending.failure = triage.FailedLine // the allowance of this hour is used up, say
	if refused != nil {
		s.ending.failure = failureOf(refused)
	}
	if s.d.ctx.Err() != nil { // nobody knows whether it rang
		s.ending.failure = triage.FailedUnsure
	}
	if s.ending.failure == triage.FailedLine {
		return errLine{err}
	}
	return nil
}

// roundContext is what an agent is told of somebody whom a round has called.
func roundContext(r triage.Round, p triage.RoundPerson) []string {
	lines := []string{r.Name}
	if p.Name != "" {
		lines = append(lines, p.Name)
	}
	return lines
}

// offerPerson lets an agent see somebody of a round first. The number is dialled
// when the agent says so.
func (d *Desk) offerPerson(ctx context.Context, r triage.Round, p triage.RoundPerson, met func()) error {
	conv := &conversation{id: d.cfg.Contacts.NewContactID(), number: p.Number, language: p.Language, queue: r.Queue, since: time.Now(), mode: "normal",
		context: roundContext(r, p), requests: make(chan request), stir: make(chan struct{}, 1), ended: make(chan struct{}), outgoing: true, callBack: callBackRound}
	conv.earlier = d.earlier(p.Number, conv.id)
	d.queue(conv)
	defer d.unqueue(conv)
	place, err := d.cfg.Dispatcher.Enter(triage.Waiting{Contact: conv.id, Queue: r.Queue, Since: conv.since, Priority: behindAll, Away: true})
	if err != nil {
		return err
	}
	defer place.Leave()
	for {
		select {
		case <-ctx.Done():
			return nil
		case ev := <-place.Events():
			switch ev.Kind {
			case triage.PlaceOffered:
				d.offered(ev.Agent, conv.id)
			case triage.PlaceAccepted:
				d.unqueue(conv)
				met()
				return d.callFor(conv, ev.Agent, RoleRound, p.ID, d.cfg.Contacts.BeginRoundCall)
			default:
				if seat := d.seat(ev.Agent); seat != nil {
					seat.touch()
				}
			}
		}
	}
}

// callBackRound is the reason why agents are shown somebody of a round.
const callBackRound = "round"

// RoundAnswer is the action round.answer of the flow that rounds speak: it
// stores what the attribute round.answer says at once. Results: "ok".
func RoundAnswer(ctx context.Context, session *ivr.Session) (string, error) {
	answer := session.Get(ActionRoundAnswer)
	return "ok", onCall(ctx, func(s *story) error {
		return s.keep(func(ctx context.Context) (triage.Contact, error) {
			return s.d.cfg.Contacts.NoteAnswer(ctx, s.contact.ID, answer)
		})
	})
}
