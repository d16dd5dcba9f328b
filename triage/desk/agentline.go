package desk

import (
	"context"
	"errors"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/ivr"
	"hotline/triage"
)

// The agents' line: work by telephone when no laptop works. The dialogue
// (ivr/flows/agent.yaml) proves who calls; then the person may go Ready to be
// rung, or stay on this call and be given one caller after another.

// reasonOnLine is the end of the dialogue after which the caller stays.
const reasonOnLine = "on_line"

func withStory(ctx context.Context, s *story) context.Context {
	return context.WithValue(ctx, storyKey{}, s)
}

// CheckAgent proves who calls the agents' line by a PIN: the number shown
// selects the account, or the desk phone that has proved whose it is.
type CheckAgent func(ctx context.Context, caller call.Number, extension, pin string) (Person, error)

// AgentAuthenticate is the action agent.authenticate. It reads what was keyed
// into the sensitive step pin. Results: "ok" and "denied".
func AgentAuthenticate(check CheckAgent) ivr.Action {
	return func(ctx context.Context, session *ivr.Session) (string, error) {
		s, ok := ctx.Value(storyKey{}).(*story)
		if !ok || !s.entry.Agents {
			return "", errors.New("agent.authenticate outside the agents' line")
		}
		person, err := check(ctx, s.leg.From(), s.leg.Phone(), session.Get("pin"))
		if err != nil {
			return "denied", context.Cause(ctx)
		}
		s.agent = s.d.Seat(person)
		session.Set(ivr.AttributeAccountID, person.ID)
		session.Set(ivr.AttributeAccountName, person.Name)
		return "ok", nil
	}
}

func agentOf(ctx context.Context) (*story, error) {
	s, ok := ctx.Value(storyKey{}).(*story)
	if !ok || s.agent == nil {
		return nil, errors.New("nobody has proved who they are")
	}
	return s, nil
}

// AgentState is the action agent.state. Results, also in attribute
// agent.state: "ready", "break", "busy", "notes", "away".
func AgentState(ctx context.Context, session *ivr.Session) (string, error) {
	s, err := agentOf(ctx)
	if err != nil {
		return "", err
	}
	state := "away"
	switch s.d.cfg.Dispatcher.Agent(s.agent.id()).State {
	case triage.Ready, triage.Offered:
		state = "ready"
	case triage.OnBreak:
		state = "break"
	case triage.OnCall:
		state = "busy"
	case triage.WrapUp:
		state = "notes"
	}
	session.Set("agent.state", state)
	return state, nil
}

// AgentSet is the action agent.set with {to: ready, break or offline}. Ready
// means to be rung on the telephone that calls. Results: "ok", "refused".
func AgentSet(ctx context.Context, session *ivr.Session) (string, error) {
	s, err := agentOf(ctx)
	if err != nil {
		return "", err
	}
	switch session.Arg("to") {
	case "ready":
		err = s.agent.ringBack(s.leg)
	case "break":
		err = s.agent.pause(triage.OnBreak, "by_phone")
	default:
		err = s.agent.pause(triage.Offline, "signed_out")
	}
	s.agent.touch()
	var user UserError
	switch {
	case errors.As(err, &user), errors.Is(err, triage.ErrNotFree):
		return "refused", nil
	case err != nil:
		return "", err
	}
	return "ok", nil
}

// ringBack makes the person Ready to be rung on the telephone that calls now.
func (s *Seat) ringBack(from callerLeg) error {
	w := wayNumber
	if from.Phone() != "" {
		w = wayPhone
	}
	if err := s.use(w); err != nil {
		return err
	}
	s.mu.Lock()
	s.phoneFailed = time.Time{}
	if s.page == 0 { // nobody else will finish the notes
		s.wrapping = nil
	}
	s.mu.Unlock()
	return s.setReady()
}

// stayOnLine is the working time of an agent who waits on the line. The record
// of the call is closed before: it is no call of somebody who seeks help.
func (s *story) stayOnLine() {
	seat := s.agent
	s.close()
	if err := seat.takeLine(s.leg); err != nil {
		s.d.cfg.Log.Warn("an agent cannot stay on the line", "agent", seat.id(), "error", err)
		return
	}
	defer seat.leaveLine(s.leg)
	sound := s.leg.Audio()
	sound.Music(s.d.music())
	star := false
	for {
		key, err := sound.Key(s.ctx)
		if err != nil {
			return
		}
		if seat.onLine() != leg(s.leg) { // signed out, or at another telephone by now
			return
		}
		seat.pressed(s.ctx, key, star)
		star = key == '*'
	}
}

// takeLine gives the seat the call on which its person stays. An agent who was
// lost in a call has the caller back by it.
func (s *Seat) takeLine(l leg) error {
	state := s.d.cfg.Dispatcher.Agent(s.id()).State
	if state == triage.Offered {
		return triage.ErrNotFree
	}
	s.mu.Lock()
	s.way, s.next, s.readyBefore = wayLine, afterwards{}, false
	s.mu.Unlock()
	s.attach(l)
	s.d.cfg.Dispatcher.RingFor(s.id(), 0)
	if state == triage.OnCall || state == triage.WrapUp {
		s.touch()
		return nil
	}
	s.set(triage.Ready, "")
	return nil
}

// leaveLine ends the work on the line. In a call the story of that call sees
// for itself that its agent has hung up or was lost; afterwards the person is
// signed out.
func (s *Seat) leaveLine(l leg) {
	s.mu.Lock()
	mine, talking := s.leg == l, s.talk != nil
	s.mu.Unlock()
	if mine && !talking {
		s.offLine()
	}
}

// offLine signs somebody out whose call to us is over. Notes that a page is
// open for stay there.
func (s *Seat) offLine() {
	s.mu.Lock()
	noted := s.wrapping != nil && s.page != 0
	old := s.leg
	s.way, s.leg = wayBrowser, nil
	if !noted {
		s.wrapping, s.next = nil, afterwards{}
	}
	s.mu.Unlock()
	if !noted {
		s.set(triage.Offline, "signed_out")
	}
	end(old)
	s.touch()
}

// onLine is the call on which the person stays, nil when it is over. That no
// sound comes is no sign: who waits alone says nothing, and some telephones
// send nothing then. The trunk ends a call that is really dead.
func (s *Seat) onLine() leg {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.way != wayLine || s.leg == nil || s.leg.Context().Err() != nil {
		return nil
	}
	return s.leg
}

// pressed is a key of somebody who works on the line. After a star it is an
// order in a call: 0 ends it, 1 holds and resumes. Between calls 1 is Ready
// (at once after the last one), 3 a break, and 9 ends the work.
func (s *Seat) pressed(ctx context.Context, key byte, star bool) {
	a := s.d.cfg.Dispatcher.Agent(s.id())
	var err error
	switch {
	case a.State == triage.OnCall && star && key == '0':
		err = s.Do(ctx, Command{Type: "end"})
	case a.State == triage.OnCall && star && key == '1':
		order := "hold"
		if v := s.Snapshot().Call; v != nil && v.Held {
			order = "resume"
		}
		err = s.Do(ctx, Command{Type: order})
	case a.State == triage.OnCall, a.State == triage.Offered:
	case key == '1' && a.State == triage.WrapUp:
		s.wrapByRule()
	case key == '1':
		err = s.setReady()
	case key == '3':
		err = s.pause(triage.OnBreak, "by_phone")
	case key == '9':
		s.hangUpLine()
	}
	if err != nil {
		s.d.cfg.Log.Info("a key of an agent on the line did nothing", "agent", s.id(), "error", err)
	}
	s.touch()
}

func (s *Seat) hangUpLine() {
	if l := s.onLine(); l != nil {
		end(l)
	}
}

// served notes the end of a call to the agents' line in its record.
func (s *story) served(out ivr.Outcome) {
	if out.Attributes[ivr.AttributeAccountID] == "" {
		return
	}
	s.change(func(k *triage.Contact, _ time.Time) []events.Event {
		k.Agent, k.AgentName = out.Attributes[ivr.AttributeAccountID], out.Attributes[ivr.AttributeAccountName]
		return nil
	})
}
