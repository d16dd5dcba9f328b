package desk

import (
	"context"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/media"
	"hotline/appliance/softphone"
	"hotline/appliance/trunk"
)

// leg is the sound of the person at a seat: a browser, a desk phone, or the
// person's own telephone somewhere outside. It is disposable; the caller's is
// not.
type leg interface {
	Audio() *media.Endpoint
	Context() context.Context // ends with a call.Cause
}

// How long a leg may be silent before its person counts as gone.
const (
	soundLimit = 4 * time.Second  // while nobody talks with them
	talkLimit  = 2 * time.Second  // in a talk: the caller must not wait in silence
	pauseLimit = 15 * time.Second // of telephones that send nothing while nobody speaks
	hopeless   = 6 * time.Second  // a telephone that is silent so long is rung anew
)

// attach gives the seat a leg; a call that runs goes on with it.
func (s *Seat) attach(l leg) {
	s.mu.Lock()
	old := s.leg
	s.leg, s.legSince, s.legQuiet, s.legPauses = l, time.Now(), false, false
	close(s.legChanged)
	s.legChanged = make(chan struct{})
	s.mu.Unlock()
	end(old)
}

// dropLeg takes the leg from the seat, whichever it is.
func (s *Seat) dropLeg() {
	s.mu.Lock()
	old := s.leg
	s.leg = nil
	s.mu.Unlock()
	end(old)
}

// hangUp ends the leg of a telephone that was rung for one call. A browser's
// stays up for the next one, and so does a telephone that waits on the line.
func (s *Seat) hangUp() {
	s.mu.Lock()
	old := s.leg
	if s.way == wayBrowser || s.way == wayLine {
		old = nil
	} else {
		s.leg = nil
	}
	s.mu.Unlock()
	end(old)
}

func end(l leg) {
	switch l := l.(type) {
	case *softphone.Phone:
		l.Close()
	case *trunk.Call:
		l.Hangup(call.Cause{By: call.BySystem, Reason: "the call is over"})
	}
}

// live returns the seat's leg if sound has arrived on it within limit, nil
// otherwise, and the channel that closes when the leg is replaced.
func (s *Seat) live(now time.Time, limit time.Duration) (leg, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leg == nil || s.leg.Context().Err() != nil {
		return nil, s.legChanged
	}
	phone, telephone := s.leg.(*trunk.Call)
	if telephone && phone.Held() { // sends nothing, and is there
		s.legSince = now
		return s.leg, s.legChanged
	}
	if telephone && (s.legPauses || phone.Phone() == "") { // the network in between ends a call that is lost
		limit = pauseLimit
	}
	// A new connection gets a moment before its silence counts.
	if s.silentFor(now) > limit {
		s.legQuiet = true
		return nil, s.legChanged
	}
	if s.legQuiet && telephone { // it came back by itself: it only paused
		s.legPauses = true
	}
	s.legQuiet = false
	return s.leg, s.legChanged
}

// silentFor is how long nothing has arrived on the leg; the seat is locked.
func (s *Seat) silentFor(now time.Time) time.Duration {
	heard := s.leg.Audio().Stats().LastIn
	if heard.Before(s.legSince) {
		heard = s.legSince
	}
	return now.Sub(heard)
}

// sound is the live leg's audio, nil while there is none.
func (s *Seat) sound(now time.Time) *media.Endpoint {
	if l, _ := s.live(now, talkLimit); l != nil {
		return l.Audio()
	}
	return nil
}

// hungUp reports that the person has put the telephone down, which ends their
// part in a call. A browser's connection ends for many reasons, none of which
// is that.
func (s *Seat) hungUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	phone, telephone := s.leg.(*trunk.Call)
	return telephone && phone.Context().Err() != nil && call.CauseOf(phone.Context()).By == call.ByCaller
}

// rings reports that the leg of a telephone is beyond hope and that it can be
// rung anew.
func (s *Seat) rings(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.way != wayPhone && s.way != wayNumber {
		return false
	}
	return s.leg == nil || s.leg.Context().Err() != nil || s.silentFor(now) > hopeless
}

// holds reports that the person has pressed hold on the telephone itself.
func (s *Seat) holds() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	phone, telephone := s.leg.(*trunk.Call)
	return telephone && phone.Context().Err() == nil && phone.Held()
}
