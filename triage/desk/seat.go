package desk

import (
	"context"
	"errors"
	"sync"
	"time"

	"hotline/triage"
)

// Seat is the place of one signed-in agent. It lives in the server: pages come
// and go, the seat, its call and the caller stay.
type Seat struct {
	d *Desk

	mu          sync.Mutex
	person      Person
	page        uint64 // the page that holds the seat; 0 when none
	pages       uint64 // pages ever opened
	pageGone    time.Time
	beat        time.Time // last sign of life of the page
	micLive     bool
	delay       time.Duration // to the page and back
	way         way
	leg         leg
	legSince    time.Time
	legQuiet    bool // was silent when last looked at
	legPauses   bool // a telephone that sends nothing while nobody speaks
	legChanged  chan struct{}
	phoneFailed time.Time // a ringing that nothing answered
	readyBefore bool      // was Ready when it was lost
	talk        *conversation
	wrapping    *conversation // ended here, notes still to be finished
	wrapLast    bool          // nobody had the caller after this agent: its word closes the contact
	monitoring  *MonitoringView
	next        afterwards
	complaints  chan Complaint
	changed     chan struct{}
}

// UserError is a refusal in words for the person at the page.
type UserError string

func (e UserError) Error() string { return string(e) }

// Complaint is why something that a page asked for did not come about, some time
// after it was asked for.
type Complaint struct {
	For  string // type of the command
	Text string
}

// Complaints delivers them to the page that holds the seat.
func (s *Seat) Complaints() <-chan Complaint { return s.complaints }

func (s *Seat) complain(about string, text UserError) {
	select {
	case s.complaints <- Complaint{about, string(text)}:
	default: // no page is there to read it
	}
}

// Changed is closed at the next change of what Snapshot returns. Changes of
// the room (waiting callers) are not among them: see Desk.FloorChanged.
func (s *Seat) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *Seat) touch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.touchLocked()
}

func (s *Seat) touchLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// PageOpened makes the newest page the one that holds the seat and returns its
// token. Older pages find out by Holds.
func (s *Seat) PageOpened() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages++
	s.page = s.pages
	s.beat, s.pageGone = time.Now(), time.Time{}
	s.touchLocked()
	return s.page
}

// Holds reports whether the page with this token still holds the seat.
func (s *Seat) Holds(token uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.page == token
}

// PageClosed tells that the page is gone. The phone is kept: sound may outlive
// the page's socket, and the caller stays in any case.
func (s *Seat) PageClosed(token uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.page == token {
		s.page, s.pageGone = 0, time.Now()
	}
}

// Beat is a sign of life of the page; micLive says that its microphone track
// is alive.
func (s *Seat) Beat(now time.Time, micLive bool) {
	s.mu.Lock()
	s.beat, s.micLive = now, micLive
	s.mu.Unlock()
}

// Delay is how long sound takes to the page and back, as the page measures it
// all the time (D12).
func (s *Seat) Delay(there time.Duration) {
	s.mu.Lock()
	s.delay = there
	s.mu.Unlock()
}

// delayed is that of a page that is there; nothing else is known of telephones.
func (s *Seat) delayed() time.Duration {
	if s.through() != wayBrowser {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.delay
}

// ConnectAudio answers a page's WebRTC offer. The new connection replaces the
// old one; a call that runs goes on with it.
func (s *Seat) ConnectAudio(ctx context.Context, offerSDP string) (string, error) {
	if s.through() != wayBrowser {
		return "", UserError("You use your telephone for calls. Choose this computer first.")
	}
	phone, answer, err := s.d.cfg.Gateway.Connect(ctx, offerSDP)
	if err != nil {
		s.d.cfg.Log.Warn("a page could not connect its sound", "agent", s.id(), "error", err)
		return "", UserError("The sound of this page could not be connected. Callers cannot hear you. Reload the page; if that does not help, try another browser.")
	}
	s.attach(phone)
	return answer, nil
}

// watch takes the agent out of Ready when page or sound are gone, lets it back
// in when both return soon, and signs it out when nobody is there any more.
func (s *Seat) watch(now time.Time) {
	s.obeyNext()
	if s.through() != wayBrowser {
		s.watchTelephone(now)
		return
	}
	phone, _ := s.live(now, soundLimit)
	s.mu.Lock()
	pageAlive := s.page != 0 && now.Sub(s.beat) <= beatLimit
	mic, gone, before, id := s.micLive, s.pageGone, s.readyBefore, s.person.ID
	s.mu.Unlock()
	a := s.d.cfg.Dispatcher.Agent(id)
	state := a.State
	switch {
	case (state == triage.Ready || state == triage.Offered) && !pageAlive:
		s.lose(triage.Lost, "page_gone")
	case (state == triage.Ready || state == triage.Offered) && !mic:
		s.lose(triage.Problem, "microphone")
	case (state == triage.Ready || state == triage.Offered) && phone == nil:
		s.lose(triage.Lost, "no_sound")
	case (state == triage.Lost || state == triage.Problem) && pageAlive && mic && phone != nil && before && now.Sub(a.Since) < comeBack:
		s.set(triage.Ready, "")
	case state != triage.Offline && state != triage.OnCall && state != triage.WrapUp && !pageAlive && !gone.IsZero() && now.Sub(gone) > signOutAfter:
		s.set(triage.Offline, "page_gone")
		s.dropLeg()
	case state == triage.WrapUp && !pageAlive && !gone.IsZero() && now.Sub(gone) > notesAfter:
		// Went home: nobody shall think that somebody is there. The contact
		// stays an open item.
		s.mu.Lock()
		s.wrapping, s.next = nil, afterwards{}
		s.mu.Unlock()
		s.set(triage.Offline, "page_gone")
		s.dropLeg()
	}
}

func (s *Seat) lose(state triage.AgentState, reason string) {
	s.mu.Lock()
	s.readyBefore = true
	s.mu.Unlock()
	s.set(state, reason)
}

// set changes the state by what the desk found out; the page is told.
func (s *Seat) set(state triage.AgentState, reason string) {
	if err := s.d.cfg.Dispatcher.Set(s.id(), state, reason); err != nil && !errors.Is(err, triage.ErrNotFree) {
		s.d.cfg.Log.Warn("changing an agent's state", "agent", s.id(), "state", state, "error", err)
	}
	s.touch()
}

func (s *Seat) id() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.person.ID
}

func (s *Seat) role() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.person.Role
}

func (s *Seat) supervises() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.person.Supervises
}

// visit shows a supervisor somebody else's call.
func (s *Seat) visit(conv *conversation, agent string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.talk = conv
	s.monitoring = &MonitoringView{Contact: conv.id, Agent: agent}
	s.touchLocked()
}

func (s *Seat) setMonitoring(mode string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.monitoring != nil {
		view := *s.monitoring
		view.Mode = mode
		s.monitoring = &view
	}
	s.touchLocked()
}
