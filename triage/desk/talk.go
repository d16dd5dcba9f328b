package desk

import (
	"cmp"
	"context"
	"sync"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/media"
	"hotline/ivr/prompts"
	"hotline/triage"
)

type talkEnd int

const (
	talkOver   talkEnd = iota // the call is over
	agentGone                 // the agent is lost, the caller is on the line
	callerSent                // the caller goes on to somebody else: story.goTo
)

// talk is the state of one conversation while it runs. It is owned by the
// call's goroutine: seats send requests, everything else arrives on channels.
//
// The caller's leg lives here, in the server. The agent's leg may come and go:
// a reloaded page or a lost network gives the caller a word and music, and up
// to comeBack for the agent to return.
type talk struct {
	*story
	conv      *conversation
	seat      *Seat    // who leads the call and gets the notes; nil when only outside people are left
	consult   *party   // talked to while the caller hears music
	others    []*party // further people in the conversation
	watchers  []*party // supervisors on the call
	stage     stage
	held      bool
	heldSince time.Time
	lostSince time.Time
	ear       ear         // how the lead agent's leg sounds
	moment    *audio.Clip // what the caller hears while the agent is gone
	calling   *calling    // a person who is being rung or dialled
	answers   chan answer // of whoever is being rung
	gone      chan string // ids of outside parties who hung up
	phoneHeld bool        // the lead has pressed hold on the telephone itself
	ringing   bool        // the telephone of a lead who was lost
	rungAt    time.Time
	rung      chan *Seat      // whose telephone was answered, or was not
	all       context.Context // ends with the talk
	helpers   sync.WaitGroup  // goroutines that ring and watch for this talk
	tape      tape
	rescue    *rescue // an emergency service is looked for
}

// talk joins the caller with the agent until one of them ends it.
func (s *story) talk(conv *conversation, agent string) talkEnd {
	if leg := s.d.takeOutside(conv.id); leg != nil {
		return s.withOutside(conv, agent, leg)
	}
	seat := s.d.seat(agent)
	if seat == nil {
		s.d.cfg.Dispatcher.Lose(agent)
		return agentGone
	}
	s.change(func(k *triage.Contact, now time.Time) []events.Event {
		if k.ConnectedAt.IsZero() {
			k.ConnectedAt, k.Wait = now, int(now.Sub(k.QueuedAt).Seconds())
		}
		k.Agent, k.AgentName = agent, seat.name()
		return []events.Event{{Kind: "contact.connected", Agent: agent, Queue: k.Queue}}
	})
	conv.change(func() {
		conv.held, conv.muted = false, false // of an agent before
		if conv.answeredAt.IsZero() {
			conv.answeredAt = time.Now()
		}
	})
	seat.begin(conv)
	s.connected(conv)
	ctx, stop := context.WithCancel(context.WithoutCancel(s.ctx))
	t := &talk{story: s, conv: conv, seat: seat, answers: make(chan answer), gone: make(chan string), rung: make(chan *Seat), all: ctx}
	t.stage = stage{caller: s.leg.Audio(), newRoom: s.d.cfg.NewRoom}
	t.tape = tape{began: s.d.recordingPolicy(s.contact.Queue), told: make(chan error, 1)}
	whole := false
	defer func() {
		if whole {
			return
		}
		// A fault of ours ends the call; nobody must stay in it.
		stop()
		t.endTake(false)
		t.stage.clear()
		t.sendAllAway()
		if t.seat != nil {
			t.seat.release(conv, false)
			s.d.cfg.Dispatcher.Lose(t.seat.id())
		}
	}()
	end := t.run()
	whole = true
	t.noteEar()
	stop()
	t.endTake(false)
	t.stage.clear()
	t.noteHold(time.Now())
	t.sendAllAway()
	t.helpers.Wait()
	if end == talkOver {
		t.classify()
	}
	switch {
	case t.seat == nil:
	case end == agentGone:
		t.seat.release(conv, false)
		s.d.cfg.Dispatcher.Lose(t.seat.id())
	default:
		t.toNotes(t.seat, end == talkOver)
	}
	return end
}

// classify says how a contact went that talked with an agent.
func (t *talk) classify() {
	t.ending.outcome, t.ending.open = triage.OutcomeAnswered, triage.OpenWrapUp
	switch t.ending.by {
	case call.BySystem: // the box stops: nobody will finish the notes
		t.ending.outcome, t.ending.open = triage.OutcomeInterrupted, triage.OpenInterrupted
	case call.ByNetwork: // until the agent says otherwise
		t.ending.outcome, t.ending.open = triage.OutcomeDropped, triage.OpenDropped
	}
	if t.seat == nil { // the caller was with somebody outside: there are no notes to come
		t.ending.open = ""
	}
}

// toNotes lets an agent finish the notes of this call.
// The last agent's notes close the contact.
func (t *talk) toNotes(seat *Seat, last bool) {
	// The state first: who finishes the notes at once is Ready afterwards.
	if err := t.d.cfg.Dispatcher.Set(seat.id(), triage.WrapUp, ""); err != nil {
		t.d.cfg.Log.Warn("sending an agent to wrap-up", "agent", seat.id(), "error", err)
	}
	seat.mu.Lock()
	seat.wrapLast = last
	seat.mu.Unlock()
	seat.release(t.conv, true)
	seat.touch()
}

func (t *talk) run() talkEnd {
	t.show()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		if t.obeyTelephones() {
			return talkOver
		}
		replaced, lost := t.arrange(time.Now())
		if t.seat != nil && !t.lostSince.IsZero() && time.Since(t.lostSince) > time.Duration(t.d.patience.Load()) && t.consult == nil && len(t.others) == 0 {
			return agentGone
		}
		select {
		case <-t.ctx.Done():
			t.conv.change(func() { t.conv.left = true })
			cause := call.CauseOf(t.ctx)
			t.ending = ending{by: cause.By, reason: cause.Reason}
			return talkOver
		case r := <-t.conv.requests:
			end, over, err := t.obey(r)
			t.touchAll() // who has the answer sees what has changed
			r.reply <- err
			if over {
				return end
			}
		case a := <-t.answers:
			end, over := t.answered(a)
			t.touchAll()
			if over {
				return end
			}
		case id := <-t.gone:
			if t.partyGone(id) {
				t.ending = ending{by: call.ByAgent, reason: "the person outside hung up"}
				return talkOver
			}
			t.touchAll()
		case seat := <-t.rung:
			if t.ringing = false; seat != t.seat { // it is somebody else's call by now
				seat.hangUp()
			}
		case err := <-t.tape.told:
			t.wasTold(err)
			t.touchAll()
		case <-t.tape.failed():
			t.tapeFailed()
			t.touchAll()
		case <-t.conv.stir:
		case <-replaced:
		case <-lost:
		case <-tick.C: // sound may have stopped without a word
			if err := t.tryRescue(time.Now()); err != nil {
				t.unrescued(err.Error())
			}
		}
	}
}

// arrange makes the sound what it should be now. It returns channels that
// close when the lead agent's connection is replaced or ends.
func (t *talk) arrange(now time.Time) (replaced, lost <-chan struct{}) {
	var agent *media.Endpoint
	if t.seat != nil {
		phone, changed := t.seat.live(now, talkLimit)
		replaced = changed
		if phone != nil {
			agent, lost = phone.Audio(), phone.Context().Done()
		}
		t.listens(agent)
		t.noteAgent(agent != nil)
	}
	callerIn := !t.held && t.consult == nil
	var next scene
	if callerIn {
		next.main = append(next.main, voice{sound: t.leg.Audio()})
	}
	if agent != nil && t.consult == nil {
		next.main = append(next.main, voice{sound: agent})
	}
	for _, p := range t.others {
		if sound := p.audio(now); sound != nil {
			next.main = append(next.main, voice{sound: sound})
		}
	}
	talkers := len(next.main)
	for _, p := range t.watchers {
		sound := p.audio(now)
		switch {
		case sound == nil:
		case p.mode == modeBarge:
			next.main = append(next.main, voice{sound: sound})
			talkers++
		case talkers > 1: // nobody listens to a caller who is alone with the music
			next.main = append(next.main, voice{sound: sound, mode: p.mode, to: agent})
		}
	}
	if t.consult != nil {
		next.aside = [2]*media.Endpoint{agent, t.consult.audio(now)}
	}
	switch {
	case !callerIn:
		next.waiting = t.d.music()
	case talkers > 1:
		t.moment = nil
	case t.moment == nil:
		t.moment = t.d.oneMoment(t.contact.Language)
		fallthrough
	default:
		next.waiting = t.moment
	}
	if talkers < 2 {
		next.main = nil
	}
	t.stage.play(next)
	t.record(now, agent, callerIn)
	return replaced, lost
}

// noteAgent records that the agent's sound was lost or came back.
func (t *talk) noteAgent(alive bool) {
	switch {
	case !alive && t.lostSince.IsZero():
		t.lostSince = time.Now()
		t.heard.Gone++
		t.note("contact.agent_lost")
	case alive && !t.lostSince.IsZero():
		t.lostSince = time.Time{}
		t.note("contact.agent_back")
	}
}

func (t *talk) noteHold(now time.Time) {
	if !t.held {
		return
	}
	seconds := int(now.Sub(t.heldSince).Seconds())
	t.held = false
	t.change(func(k *triage.Contact, _ time.Time) []events.Event { k.Hold += seconds; return nil })
}

func (t *talk) note(kind string) {
	t.change(func(k *triage.Contact, _ time.Time) []events.Event {
		return []events.Event{{Kind: kind, Agent: k.Agent, Queue: k.Queue}}
	})
}

// sendAllAway ends everything but the caller's and the lead agent's part.
func (t *talk) sendAllAway() {
	t.cancelCalling()
	if t.consult != nil {
		t.consult.leave(t.d, t.conv.id)
	}
	for _, p := range append(t.others, t.watchers...) {
		p.leave(t.d, t.conv.id)
	}
	t.consult, t.others, t.watchers = nil, nil, nil
	t.show()
}

// touchAll shows the pages of everybody on the call what has changed.
func (t *talk) touchAll() {
	t.show()
	if t.seat != nil {
		t.seat.touch()
	}
	for _, p := range append(append([]*party{}, t.others...), t.watchers...) {
		if p.seat != nil {
			p.seat.touch()
		}
	}
	if t.consult != nil && t.consult.seat != nil {
		t.consult.seat.touch()
	}
}

// music is what callers hear while they wait.
func (d *Desk) music() *audio.Clip { return d.clip(prompts.Neutral, prompts.HoldMusic) }

// oneMoment is music that begins with a word to the caller.
func (d *Desk) oneMoment(language string) *audio.Clip {
	return audio.Concat(d.clip(cmp.Or(language, d.cfg.Languages[0]), "desk.one_moment"), audio.Silence(400*time.Millisecond), d.music())
}

// clip never fails: a caller who should hear something hears at least silence.
func (d *Desk) clip(language, id string) *audio.Clip {
	clip, err := d.cfg.Prompts.Clip(language, id)
	if err != nil {
		d.cfg.Log.Error("a prompt is missing; callers hear silence instead", "prompt", id, "language", language, "error", err)
		return audio.Silence(time.Second)
	}
	return clip
}

func (s *Seat) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.person.Name
}

func (s *Seat) begin(conv *conversation) {
	s.mu.Lock()
	s.talk, s.readyBefore, s.monitoring = conv, false, nil
	s.touchLocked()
	s.mu.Unlock()
}

// release takes the conversation from the seat; with notes to finish it stays
// there until they are done.
func (s *Seat) release(conv *conversation, notes bool) {
	s.hangUp()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.talk == conv {
		s.talk = nil
	}
	if notes {
		s.wrapping = conv
	}
	s.touchLocked()
}

// depart takes the conversation of a contact from a seat that only visited it.
func (s *Seat) depart(contact string) {
	s.hangUp()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.talk != nil && s.talk.id == contact {
		s.talk = nil
	}
	s.monitoring = nil
	s.touchLocked()
}
