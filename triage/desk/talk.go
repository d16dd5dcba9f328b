package desk

import (
	"context"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/media"
	"hotline/appliance/softphone"
	"hotline/ivr/prompts"
	"hotline/triage"
)

type talkEnd int

const (
	talkOver  talkEnd = iota // the call is over
	agentGone                // the agent is lost, the caller is on the line
)

// talk joins the caller with the agent until one of them ends it. The caller's
// leg lives here, in the server; the agent's leg may come and go: a reloaded
// page or a lost network gives the caller a word and music, and up to comeBack
// for the agent to return.
func (s *story) talk(conv *conversation, agent string) talkEnd {
	seat := s.d.seat(agent)
	if seat == nil {
		s.d.cfg.Dispatcher.Lose(agent)
		return agentGone
	}
	t := &talk{story: s, conv: conv, seat: seat}
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
	whole := false
	defer func() {
		if whole {
			return
		}
		// A fault of ours ends the call; the agent must not stay in it.
		t.unbridge()
		close(conv.ended)
		seat.release(conv, false)
		s.d.cfg.Dispatcher.Lose(agent)
	}()
	end := t.run()
	whole = true
	t.unbridge()
	t.noteHold(time.Now())
	if end == agentGone {
		seat.release(conv, false)
		s.d.cfg.Dispatcher.Lose(agent)
		return end
	}
	close(conv.ended)
	s.ending.outcome, s.ending.open = triage.OutcomeAnswered, triage.OpenWrapUp
	switch s.ending.by {
	case call.BySystem: // the box stops: nobody will finish the notes
		s.ending.outcome, s.ending.open = triage.OutcomeInterrupted, triage.OpenInterrupted
	case call.ByNetwork: // until the agent says otherwise
		s.ending.outcome, s.ending.open = triage.OutcomeDropped, triage.OpenDropped
	}
	// The state first: who finishes the notes at once is Ready afterwards.
	if err := s.d.cfg.Dispatcher.Set(agent, triage.WrapUp, ""); err != nil {
		s.d.cfg.Log.Warn("sending an agent to wrap-up", "agent", agent, "error", err)
	}
	seat.release(conv, true)
	seat.touch()
	return talkOver
}

// talk is the state of one conversation while it runs.
type talk struct {
	*story
	conv      *conversation
	seat      *Seat
	joined    *media.Connection
	with      *softphone.Phone
	held      bool
	heldSince time.Time
	lostSince time.Time
}

func (t *talk) run() talkEnd {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		phone, replaced := t.seat.livePhone(time.Now())
		var gone <-chan struct{}
		if phone != nil {
			gone = phone.Context().Done()
		}
		t.reconcile(phone)
		if !t.lostSince.IsZero() && time.Since(t.lostSince) > time.Duration(t.d.patience.Load()) {
			return agentGone
		}
		select {
		case <-t.ctx.Done():
			t.conv.change(func() { t.conv.left = true })
			cause := call.CauseOf(t.ctx)
			t.ending = ending{by: cause.By, reason: cause.Reason}
			return talkOver
		case c := <-t.conv.commands:
			if t.obey(c) {
				t.ending = ending{by: call.ByAgent, reason: "the agent ended the call"}
				return talkOver
			}
		case <-replaced:
		case <-gone:
		case <-tick.C: // sound may have stopped without a word
		}
	}
}

// reconcile makes the sound what it should be now.
func (t *talk) reconcile(phone *softphone.Phone) {
	switch {
	case phone == nil && t.lostSince.IsZero():
		t.unbridge()
		t.lostSince = time.Now()
		t.note("contact.agent_lost")
		t.leg.Audio().Music(t.d.oneMoment(t.contact.Language))
	case phone != nil && !t.lostSince.IsZero():
		t.lostSince = time.Time{}
		t.note("contact.agent_back")
		if t.held {
			t.leg.Audio().Music(t.d.music())
		}
	}
	if phone == nil || t.held {
		return
	}
	if t.joined != nil && t.with == phone {
		return
	}
	t.unbridge()
	t.joined, t.with = media.Bridge(t.leg.Audio(), phone.Audio()), phone
}

func (t *talk) unbridge() {
	if t.joined != nil {
		t.joined.Close()
		t.joined, t.with = nil, nil
	}
}

// obey carries out a command; it reports true when the call shall end.
func (t *talk) obey(c Command) bool {
	switch c.Type {
	case "end":
		return true
	case "hold":
		if !t.held {
			t.held, t.heldSince = true, time.Now()
			t.unbridge()
			t.leg.Audio().Music(t.d.music())
			t.note("contact.hold")
		}
	case "resume":
		if t.held {
			t.noteHold(time.Now())
			t.held = false
			t.note("contact.resumed")
		}
	case "keys":
		ctx, stop := context.WithTimeout(t.ctx, 10*time.Second)
		defer stop()
		if err := t.leg.Audio().SendKeys(ctx, c.Digits); err != nil {
			t.d.cfg.Log.Warn("sending keys to a caller", "contact", t.conv.id, "error", err)
		}
	}
	t.conv.change(func() { t.conv.held = t.held })
	t.seat.touch()
	return false
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

// music is what callers hear while they wait.
func (d *Desk) music() *audio.Clip { return d.clip(prompts.Neutral, prompts.HoldMusic) }

// oneMoment is music that begins with a word to the caller.
func (d *Desk) oneMoment(language string) *audio.Clip {
	return audio.Concat(d.clip(language, "desk.one_moment"), audio.Silence(400*time.Millisecond), d.music())
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
	s.talk, s.readyBefore = conv, false
	s.touchLocked()
	s.mu.Unlock()
}

// release takes the conversation from the seat; with notes to finish it stays
// there until they are done.
func (s *Seat) release(conv *conversation, notes bool) {
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
