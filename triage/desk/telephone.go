package desk

import (
	"context"
	"errors"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/trunk"
	"hotline/triage"
)

// way is what a person at a seat speaks through.
type way string

const (
	wayBrowser way = "browser" // the page itself
	wayPhone   way = "phone"   // a desk phone or softphone that is registered here
	wayNumber  way = "number"  // the person's own telephone, rung over a line
	wayLine    way = "line"    // a call that the person made to us and stays on
)

// RoleOwnPhone is the role for which the telephones of the agents themselves
// are rung (trunk.Outgoing.Role).
const RoleOwnPhone = "own_phone"

// Telephones are the agents' telephones beside the browser.
type Telephones struct {
	// Ring rings the desk phone of an extension; nil when none can register.
	Ring func(ctx context.Context, extension string, ringFor time.Duration) (*trunk.Call, error)
	// Registered is when a phone of the extension was last heard of; the zero
	// time when none can be rung.
	Registered func(extension string) time.Time
}

const (
	ringPhone    = 12 * time.Second // for a call that the person at the seat makes
	ringNumber   = 40 * time.Second // a mobile phone needs a while to ring and to be found
	pressLimit   = 12 * time.Second // to press 1
	againEvery   = 3 * time.Second  // a lost telephone is rung anew
	phoneReturn  = 10 * time.Minute // a desk phone that starts anew makes its person Ready again
	wrapByPhone  = time.Minute      // notes of somebody without a page end by themselves
	missedByNone = 90 * time.Second // then somebody without a page, whom nobody reaches, is signed out
)

// errNoLeg is a person whom nothing of ours can ring.
var errNoLeg = errors.New("the call of this person to the hotline is over")

// errNotTaken is a telephone that was answered by somebody who did not press 1.
var errNotTaken = errors.New("nobody pressed 1")

// ways are what the person could use, the browser first.
func (s *Seat) ways() []way {
	s.mu.Lock()
	p := s.person
	s.mu.Unlock()
	list := []way{wayBrowser}
	if s.d.cfg.Telephones.Ring != nil && p.Extension != "" {
		list = append(list, wayPhone)
	}
	if s.d.CallsOut() && p.Phone.E164() {
		list = append(list, wayNumber)
	}
	return list
}

// use changes what the person speaks through. During a call it stays.
func (s *Seat) use(w way) error {
	known := false
	for _, one := range s.ways() {
		known = known || one == w
	}
	if !known {
		return UserError("This is not set up for you. Ask an administrator.")
	}
	switch s.d.cfg.Dispatcher.Agent(s.id()).State {
	case triage.OnCall, triage.Offered:
		return UserError("Finish this call first.")
	case triage.Ready, triage.Lost, triage.Problem, triage.Missed:
		if w != s.through() { // what was checked for one says nothing of the other
			if err := s.d.cfg.Dispatcher.Set(s.id(), triage.OnBreak, "sound"); err != nil {
				return err
			}
		}
	}
	s.mu.Lock()
	changed := s.way != w
	s.way, s.readyBefore = w, false
	s.mu.Unlock()
	if changed {
		s.dropLeg()
	}
	ring := time.Duration(0)
	if w == wayNumber {
		ring = ringNumber
	}
	s.d.cfg.Dispatcher.RingFor(s.id(), ring)
	return nil
}

func (s *Seat) through() way {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.way
}

// reachable reports that the person's telephone can be rung, or is on the line.
func (s *Seat) reachable() bool {
	s.mu.Lock()
	w, extension, failed := s.way, s.person.Extension, s.phoneFailed
	s.mu.Unlock()
	if w == wayLine {
		return s.onLine() != nil
	}
	return w == wayNumber || w == wayPhone && s.d.cfg.Telephones.Registered(extension).After(failed)
}

// offered lets the seat of an agent know that a call rings there.
func (d *Desk) offered(agent, contact string) {
	s := d.seat(agent)
	if s == nil {
		if number := d.cfg.Dispatcher.OutsideNumber(agent); number != "" {
			d.begin("ringing a team outside", func() { d.ringOutside(agent, contact, number) }, nil)
		}
		return
	}
	if s.through() != wayBrowser {
		d.begin("ringing a telephone", func() { s.ringFor(contact) }, nil)
	} else if d.cfg.Dispatcher.Routing().Profile(s.profile()).Auto {
		d.begin("giving a call by itself", func() { s.takeByItself(contact) }, nil)
	}
	s.touch()
}

// takeByItself gives somebody whose profile says so the call that is offered,
// after a tone in the ear: nobody is surprised in mid-sentence. A page without
// sound rings as usual.
func (s *Seat) takeByItself(contact string) {
	l, _ := s.live(time.Now(), soundLimit)
	if l == nil {
		return
	}
	if err := s.announce(s.d.ctx, l); err != nil {
		s.d.cfg.Log.Warn("the tone before a call could not be played; the call rings", "agent", s.id(), "error", err)
		return
	}
	if err := s.d.cfg.Dispatcher.Accept(s.id(), contact); err != nil && !errors.Is(err, triage.ErrOfferGone) {
		s.d.cfg.Log.Warn("a call could not be given by itself", "agent", s.id(), "contact", contact, "error", err)
	}
	s.touch()
}

func (s *Seat) profile() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.person.Profile
}

// ringFor rings the person's telephone for the call that is offered to it:
// picking up accepts, refusing declines, and what does not answer misses it, as
// at a page.
func (s *Seat) ringFor(contact string) {
	d, id := s.d, s.id()
	ctx, stop := context.WithCancel(d.ctx)
	defer stop()
	d.begin("watching an offer", func() {
		defer stop()
		d.whileOffered(ctx, id, contact)
	}, nil)
	if err := s.fetch(ctx, 0); err != nil {
		s.notFetched(ctx, contact, err)
		return
	}
	if err := d.cfg.Dispatcher.Accept(id, contact); err != nil {
		s.hangUp() // went to somebody else in this moment
	}
	s.touch()
}

// whileOffered returns when the agent is not being rung for the contact any
// more.
func (d *Desk) whileOffered(ctx context.Context, agent, contact string) {
	for {
		changed := d.cfg.Dispatcher.Changed()
		if a := d.cfg.Dispatcher.Agent(agent); a.State != triage.Offered || a.Contact != contact {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// notFetched says to the dispatcher why nobody took a call by telephone.
func (s *Seat) notFetched(ctx context.Context, contact string, err error) {
	d, id := s.d, s.id()
	var refused *trunk.DialError
	switch {
	case ctx.Err() != nil: // rang out, or the caller left
	case errors.Is(err, errNotTaken), errors.As(err, &refused) && refused.NoAnswer():
		err = d.cfg.Dispatcher.Miss(id, contact)
	case refused != nil && (refused.Busy() || refused.Status == 603 || refused.Status == 480 && s.reachable()):
		err = d.cfg.Dispatcher.Decline(id, contact)
	default:
		d.cfg.Log.Warn("an agent's telephone cannot be rung", "agent", id, "through", s.through(), "error", err)
		// Not tried again by itself before a desk phone is heard of again.
		s.mu.Lock()
		s.phoneFailed, s.readyBefore = time.Now(), s.way == wayPhone
		s.mu.Unlock()
		s.set(triage.Lost, "phone_gone")
		return
	}
	if err != nil && !errors.Is(err, triage.ErrOfferGone) && ctx.Err() == nil {
		d.cfg.Log.Warn("an agent's telephone did not take a call", "agent", id, "error", err)
	}
	s.touch()
}

// fetch brings the person's telephone on the line, if it is not there already.
// Who answers an outside number must press 1: a mailbox never gets a caller.
func (s *Seat) fetch(ctx context.Context, ringFor time.Duration) error {
	s.mu.Lock()
	p, w := s.person, s.way
	s.mu.Unlock()
	if w == wayLine {
		l := s.onLine()
		if l == nil {
			return errNoLeg
		}
		return s.announce(ctx, l)
	}
	if l, _ := s.live(time.Now(), soundLimit); l != nil {
		return nil
	}
	s.hangUp() // a telephone that is still in a dead call would be busy
	if w == wayBrowser {
		return errNoLeg
	}
	if w == wayPhone {
		phone, err := s.d.cfg.Telephones.Ring(ctx, p.Extension, ringFor)
		if err != nil {
			return err
		}
		s.attach(phone)
		return nil
	}
	phone, err := s.d.cfg.Dial(ctx, Dialling{To: p.Phone, Role: RoleOwnPhone, RingFor: ringNumber})
	if err != nil {
		return err
	}
	if err := s.taken(ctx, phone); err != nil {
		phone.Hangup(call.Cause{By: call.BySystem, Reason: err.Error()})
		return err
	}
	s.attach(phone)
	return nil
}

// announce tells somebody who waits on the line that a caller comes now.
func (s *Seat) announce(ctx context.Context, l leg) error {
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	_, err := l.Audio().Play(ctx, audio.Concat(audio.Tone(880, 150*time.Millisecond, -15), audio.Silence(100*time.Millisecond), audio.Tone(880, 150*time.Millisecond, -15), audio.Silence(100*time.Millisecond)), false)
	return err
}

// taken asks whoever answered to press 1.
func (s *Seat) taken(ctx context.Context, phone *trunk.Call) error {
	ctx, stop := context.WithTimeout(ctx, pressLimit)
	defer stop()
	sound := phone.Audio()
	sound.Music(audio.Concat(s.d.clip(s.speaks(), "desk.press_one"), audio.Silence(2*time.Second)))
	defer sound.Music(nil)
	for {
		key, err := sound.Key(ctx)
		switch {
		case err != nil:
			return errNotTaken
		case key == '1':
			return nil
		}
	}
}

// speaks is the language in which the person is spoken to on the telephone.
func (s *Seat) speaks() string {
	s.mu.Lock()
	own := s.person.Languages
	s.mu.Unlock()
	for _, language := range own {
		for _, known := range s.d.cfg.Languages {
			if language == known {
				return language
			}
		}
	}
	return s.d.cfg.Languages[0]
}

// watchTelephone is watch for somebody whose sound does not come from the page:
// the page may be closed, the telephone counts.
func (s *Seat) watchTelephone(now time.Time) {
	s.mu.Lock()
	pageAlive := s.page != 0 && now.Sub(s.beat) <= beatLimit
	before, id := s.readyBefore, s.person.ID
	s.mu.Unlock()
	a := s.d.cfg.Dispatcher.Agent(id)
	reachable := s.reachable()
	if s.through() == wayLine && !reachable && a.State != triage.OnCall && a.State != triage.Offered {
		s.offLine()
		return
	}
	switch a.State {
	case triage.Ready, triage.Offered:
		if !reachable {
			s.lose(triage.Lost, "phone_gone")
		}
	case triage.Lost, triage.Missed:
		switch {
		case a.State == triage.Lost && reachable && before && now.Sub(a.Since) < phoneReturn:
			s.set(triage.Ready, "")
		case !pageAlive && now.Sub(a.Since) > missedByNone && (a.State == triage.Missed || !before || now.Sub(a.Since) > phoneReturn):
			s.set(triage.Offline, "phone_gone")
		}
	case triage.WrapUp:
		if !pageAlive && now.Sub(a.Since) > wrapByPhone {
			s.wrapByRule()
		}
	}
}

// wrapByRule ends the notes of somebody who has no page to write them on. The
// contact stays an open item.
func (s *Seat) wrapByRule() {
	s.mu.Lock()
	next := s.takeNext()
	s.wrapping = nil
	s.mu.Unlock()
	s.become(next)
}

// beHeard makes sure that the person at the seat can hear and be heard, for a
// call that begins at their own wish.
func (s *Seat) beHeard(ctx context.Context) error {
	if l, _ := s.live(time.Now(), soundLimit); l != nil {
		return nil
	}
	if s.through() == wayBrowser {
		return UserError("Nobody could hear you: this page has no sound connection yet. Allow the microphone, then try again.")
	}
	err := s.fetch(ctx, ringPhone)
	var refused *trunk.DialError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNotTaken), errors.As(err, &refused) && refused.NoAnswer():
		return UserError("You did not pick up your telephone. Try again when you are next to it.")
	}
	s.d.cfg.Log.Warn("an agent's telephone cannot be rung", "agent", s.id(), "error", err)
	return UserError("Your telephone could not be rung. Check it, or choose this computer instead.")
}
