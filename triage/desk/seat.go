package desk

import (
	"context"
	"errors"
	"sync"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/history"
	"hotline/appliance/lists"
	"hotline/appliance/softphone"
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

// Command is what a page asks for.
type Command struct {
	Type        string         `json:"type"`
	Contact     string         `json:"contact"`
	Reason      string         `json:"reason"`
	Digits      string         `json:"digits"`
	Disposition string         `json:"disposition"`
	On          bool           `json:"on"`
	To          Target         `json:"to"`
	Party       string         `json:"party"`
	Mode        string         `json:"mode"`
	Number      string         `json:"number"`
	Queue       string         `json:"queue"`
	Agent       string         `json:"agent"`
	Item        string         `json:"item"`
	Fields      map[string]any `json:"fields"`
	Shown       map[string]any `json:"shown"` // what stood in the fields before
}

// ConflictError says that some fields were not saved: somebody else has changed
// them meanwhile. All others were.
type ConflictError struct{ Conflicts []history.Conflict }

func (e ConflictError) Error() string { return "somebody else has changed the same fields" }

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

// Do carries out a command of the page. Its error is a sentence for the person.
func (s *Seat) Do(ctx context.Context, c Command) error {
	err := s.do(ctx, c)
	s.touch()
	var field triage.FieldError
	var user UserError
	var conflict ConflictError
	switch {
	case err == nil, errors.As(err, &user), errors.As(err, &conflict):
		return err
	case errors.As(err, &field), errors.Is(err, triage.ErrOfferGone), errors.Is(err, triage.ErrNotFree), errors.Is(err, triage.ErrStopped):
		return UserError(capital(err.Error()))
	}
	s.d.cfg.Log.Error("a command of a desk page failed", "agent", s.id(), "command", c.Type, "contact", c.Contact, "error", err)
	return UserError("The hotline could not do this. The caller is still on the line. Try again, and tell your coordinator if it happens twice.")
}

func capital(text string) string {
	if text != "" && text[0] >= 'a' && text[0] <= 'z' {
		return string(text[0]-'a'+'A') + text[1:]
	}
	return text
}

func (s *Seat) do(ctx context.Context, c Command) error {
	id := s.id()
	switch c.Type {
	case "ready":
		return s.goReady(ctx)
	case "break":
		if !s.d.cfg.Lists.Now().List(lists.Breaks).Has(c.Reason) {
			c.Reason = breakOther // an old page; who wants a break gets one
		}
		return s.pause(triage.OnBreak, c.Reason)
	case "signout":
		return s.pause(triage.Offline, "signed_out")
	case "accept":
		return s.d.cfg.Dispatcher.Accept(id, c.Contact)
	case "decline":
		return s.d.cfg.Dispatcher.Decline(id, c.Contact)
	case "mute":
		return s.note(c)
	case "help":
		return s.askForHelp(ctx, c.On)
	case "hold", "resume", "end", "keys", "transfer", "consult", "rescue", "consult.cancel", "consult.transfer", "consult.join", "drop", "leave", "monitor.end", "record":
		conv, err := s.current(c.Contact)
		if err != nil {
			return err
		}
		return s.ask(ctx, conv, c)
	case "call.out":
		return s.callOut(ctx, c)
	case "call.again":
		return s.callAgain(ctx, c)
	case "call.agent":
		return s.callAgent(ctx, c)
	case "call.item":
		return s.callItem(ctx, c)
	case "unreached":
		return s.unreached(ctx, c)
	case "monitor", "monitor.take":
		return s.supervise(ctx, c)
	case "sound":
		return s.use(way(c.Mode))
	case "emergency":
		return s.alarm(ctx, c.On)
	case "case.save":
		return s.saveCase(ctx, c)
	case "case.open":
		return s.openCase(ctx, c)
	case "wrap":
		return s.finishWrapUp(ctx, c)
	case "demo.call":
		if s.d.cfg.Robot == nil {
			return UserError("There is no robot caller outside the demo.")
		}
		return s.d.cfg.Robot()
	}
	return UserError("This page is older than the hotline. Reload it; a caller stays on the line.")
}

// goReady waits a moment for the sound that the page has just offered.
func (s *Seat) goReady(ctx context.Context) error {
	deadline := time.NewTimer(5 * time.Second)
	defer deadline.Stop()
	s.mu.Lock()
	phone, browser := s.leg.(*softphone.Phone)
	telephone, unprepared := s.way != wayBrowser, s.person.Unprepared
	s.phoneFailed = time.Time{} // the person says that it works
	s.mu.Unlock()
	if unprepared {
		return UserError("Before your first call come the sound check, a practice call and a few questions. Open the menu and choose Before the first call.")
	}
	if telephone {
		if !s.reachable() {
			return UserError("Callers could not reach you: your telephone is not connected to the hotline. Switch it on, wait a minute, then press Ready again.")
		}
		return s.setReady()
	}
	if !browser {
		return UserError("Callers could not hear you: this page has no sound connection yet. Allow the microphone, then press Ready again.")
	}
	select {
	case <-phone.Connected():
	case <-phone.Context().Done():
		return UserError("The sound connection failed. Callers could not hear you. Check the network cable or Wi-Fi, then press Ready again.")
	case <-deadline.C:
		return UserError("No sound arrives from this page. Callers could not hear you. Check the microphone, then press Ready again.")
	case <-ctx.Done():
		return ctx.Err()
	}
	if phone.Context().Err() != nil { // was connected once
		return UserError("The sound connection was lost. Callers could not hear you. Reload the page, then press Ready again.")
	}
	s.Beat(time.Now(), true)
	return s.setReady()
}

func (s *Seat) setReady() error {
	s.mu.Lock()
	if s.next.by == "" { // what a supervisor wants is not taken back by a press too early
		s.next = afterwards{}
	}
	wrapping := s.wrapping != nil
	s.mu.Unlock()
	if wrapping {
		return UserError("First choose how the last call ended.")
	}
	return s.d.cfg.Dispatcher.Set(s.id(), triage.Ready, "")
}

// breakOther is the reason that says nothing; it is always in the list.
const breakOther = "other"

// pause takes effect now, or after the call that runs.
func (s *Seat) pause(state triage.AgentState, reason string) error {
	s.mu.Lock()
	s.readyBefore = false
	busy := s.talk != nil || s.wrapping != nil
	if busy && (s.next.by == "" || state == triage.Offline) { // a supervisor's wish stays
		s.next = afterwards{state: state, reason: reason}
	}
	s.mu.Unlock()
	if busy {
		return nil
	}
	return s.d.cfg.Dispatcher.Set(s.id(), state, reason)
}

// current is the call that the person has or finishes notes of. Between
// accepting and the first word there is a moment in which the call is theirs and
// not yet here: whoever is quick waits for it.
func (s *Seat) current(contact string) (*conversation, error) {
	for limit := time.Now().Add(beginLimit); ; {
		changed := s.Changed()
		if conv := s.present(contact); conv != nil {
			return conv, nil
		}
		a := s.d.cfg.Dispatcher.Agent(s.id())
		left := time.Until(limit)
		if a.State != triage.OnCall || contact != "" && a.Contact != contact || left <= 0 {
			return nil, UserError("This call is over.")
		}
		select {
		case <-changed:
		case <-time.After(left):
		}
	}
}

// beginLimit is how long a call may take to begin after it was accepted.
const beginLimit = 3 * time.Second

func (s *Seat) present(contact string) *conversation {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conv := range []*conversation{s.talk, s.wrapping} {
		if conv != nil && (contact == "" || conv.id == contact) {
			return conv
		}
	}
	return nil
}

// note keeps what the page does by itself.
func (s *Seat) note(c Command) error {
	conv, err := s.current(c.Contact)
	if err == nil {
		conv.change(func() { conv.muted = c.On })
	}
	return err
}

// ask hands a command to the story of a call and waits for its answer.
func (s *Seat) ask(ctx context.Context, conv *conversation, c Command) error {
	r := request{from: s, c: c, reply: make(chan error, 1)}
	select {
	case conv.requests <- r:
	case <-conv.ended:
		return UserError("This call is over.")
	case <-time.After(storyPatience):
		return UserError("The call does not answer. The caller is still on the line. Try again in a moment.")
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.reply:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// storyPatience is how long a page's command waits for a call that is busy with
// another one, or between two agents.
const storyPatience = 12 * time.Second

// supervise sends a supervisor's wish to somebody else's call.
func (s *Seat) supervise(ctx context.Context, c Command) error {
	if !s.supervises() {
		return UserError("Only a supervisor can do that.")
	}
	conv := s.d.conversation(c.Contact)
	if conv == nil {
		return UserError("This call is over.")
	}
	if !s.d.mayHear(s.id(), conv) {
		return UserError("Nobody on this call is in one of your teams.")
	}
	if err := s.beHeard(ctx); err != nil {
		return err
	}
	err := s.ask(ctx, conv, c)
	if err != nil && s.d.cfg.Dispatcher.Agent(s.id()).State != triage.OnCall {
		s.hangUp()
	}
	return err
}

func (s *Seat) askForHelp(ctx context.Context, on bool) error {
	conv, err := s.current("")
	if err == nil && conv.internal {
		err = errNoCaller
	}
	if err != nil {
		return err
	}
	id, kind := s.id(), "contact.help_asked"
	if !on {
		kind = "contact.help_over"
	}
	if _, err := s.d.cfg.Contacts.Change(ctx, conv.id, func(k *triage.Contact, _ time.Time) []events.Event {
		return []events.Event{{Kind: kind, By: id, Agent: id, Via: "web", Queue: k.Queue}}
	}); err != nil {
		return err
	}
	conv.change(func() { conv.help = on })
	s.d.cfg.Dispatcher.Touch()
	return nil
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

func (s *Seat) alarm(ctx context.Context, on bool) error {
	conv, err := s.current("")
	if err == nil && conv.internal {
		err = errNoCaller
	}
	if err != nil {
		return err
	}
	kind := "contact.alarm"
	if !on {
		kind = "contact.alarm_withdrawn"
	}
	// The floor is told first: the alarm does not wait for the disk.
	conv.change(func() { conv.alarm = on })
	s.d.cfg.Dispatcher.Touch()
	id := s.id()
	if _, err := s.d.cfg.Contacts.Change(ctx, conv.id, func(k *triage.Contact, _ time.Time) []events.Event {
		k.Alarm = on
		return []events.Event{{Kind: kind, By: id, Agent: id, Via: "web", Queue: k.Queue}}
	}); err != nil {
		s.d.unsaved.Add(1)
		s.d.cfg.Log.Error("an alarm is on the floor but could not be recorded", "contact", conv.id, "agent", id, "error", err)
	}
	return nil
}

// openCase goes on with the case whose code the caller tells.
func (s *Seat) openCase(ctx context.Context, c Command) error {
	conv, err := s.current(c.Contact)
	if err == nil && conv.internal {
		err = errNoCaller
	}
	if err != nil {
		return err
	}
	opened, err := s.d.cfg.Cases.Continue(ctx, conv.id, c.Digits, s.id())
	if errors.Is(err, triage.ErrCaseCode) {
		return UserError("There is no case with this code. Ask the caller to read it once more, two digits at a time.")
	}
	if err != nil {
		return err
	}
	conv.change(func() { conv.file = &opened })
	return nil
}

func (s *Seat) saveCase(ctx context.Context, c Command) error {
	conv, err := s.current(c.Contact)
	if err == nil && conv.internal {
		err = errNoCaller
	}
	if err != nil {
		return err
	}
	saved, conflicts, err := s.d.cfg.Cases.Write(ctx, conv.id, history.Edit{By: s.id(), Via: "web", Fields: c.Fields, Shown: c.Shown})
	if err != nil {
		return err
	}
	conv.change(func() { // two pages may save at once: the newest counts, a lock stays
		if conv.file == nil || !saved.UpdatedAt.Before(conv.file.UpdatedAt) {
			conv.file = &saved
		}
		conv.protected = conv.protected || saved.Protected
	})
	if saved.Protected || saved.Fields.ChildAlone { // a recording ends now, its sound is destroyed already
		select {
		case conv.stir <- struct{}{}:
		default:
		}
	}
	if saved.Level == triage.Red {
		s.d.cfg.Dispatcher.Touch()
	}
	if len(conflicts) > 0 {
		s.touch() // the page shows what the other person wrote
		return ConflictError{conflicts}
	}
	return nil
}
