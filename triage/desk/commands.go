package desk

import (
	"context"
	"errors"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/history"
	"hotline/appliance/lists"
	"hotline/appliance/softphone"
	"hotline/triage"
)

// This file is what a page asks its seat for, and how that is done or refused in
// words.

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
