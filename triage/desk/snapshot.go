package desk

import (
	"slices"
	"time"

	"hotline/triage"
)

// Snapshot returns what the desk page shows now.
func (s *Seat) Snapshot() Snapshot {
	now := time.Now()
	s.mu.Lock()
	person, conv, next, monitoring, through := s.person, s.talk, s.next, s.monitoring, s.way
	if conv == nil {
		conv = s.wrapping
	}
	s.mu.Unlock()
	a := s.d.cfg.Dispatcher.Agent(person.ID)
	out := Snapshot{
		Agent: AgentView{ID: person.ID, Name: person.Name, Login: person.Login, State: a.State, Reason: a.Reason, Since: a.Since, By: a.By, Next: string(next.state), NextBy: next.by, Why: steeredFor(a, next),
			Sound: string(through), Sounds: s.ways()},
		Monitoring: monitoring,
		Mode:       s.d.modeView(now), Demo: s.d.cfg.Robot != nil, Now: now, Operation: s.d.cfg.Operation,
	}
	ringUntil := a.RingUntil
	if a.State == triage.Offered {
		conv = s.d.waitingConversation(a.Contact)
	}
	if conv != nil {
		out.Call, out.Case = conv.view(now, ringUntil)
		out.Call.CanRescue = s.d.CallsOut() && len(s.d.cfg.Dispatcher.Routing().Emergency) > 0
		if out.Call.Internal { // each of the two sees the other
			out.Call.Parties = slices.DeleteFunc(slices.Clone(out.Call.Parties), func(p PartyView) bool { return p.ID == person.ID })
			out.Call.RingingOut = out.Call.RingingOut && a.State != triage.Offered
		}
	}
	_, waiting := s.d.cfg.Dispatcher.View()
	for _, w := range waiting {
		if w.Away {
			continue
		}
		out.Waiting++
		out.LongestS = max(out.LongestS, int(now.Sub(w.Since).Seconds()))
	}
	return out
}

// Directory is whom the person may send a caller to or ask.
func (s *Seat) Directory() Directory {
	me := s.id()
	out := Directory{Agents: []DirectoryAgent{}, Entries: []string{}, Queues: s.d.cfg.Dispatcher.Queues(), Outgoing: s.d.CallsOut(), Calls: true}
	for number, e := range s.d.entries() {
		if !e.Supervisor {
			out.Entries = append(out.Entries, number)
		}
	}
	slices.Sort(out.Entries)
	agents, _ := s.d.cfg.Dispatcher.View()
	for _, a := range agents {
		if a.ID != me && a.State != triage.Offline && a.Outside == "" {
			out.Agents = append(out.Agents, DirectoryAgent{ID: a.ID, Name: a.Name, State: a.State})
		}
	}
	return out
}

func (d *Desk) modeView(now time.Time) ModeView {
	m := d.cfg.Mode.Current(now)
	if !m.Active {
		return ModeView{}
	}
	return ModeView{Active: true, Mode: string(m.Mode), Since: m.Since, Expires: m.Expires, By: m.By}
}

// FloorChanged is closed at the next change of the room.
func (d *Desk) FloorChanged() <-chan struct{} { return d.cfg.Dispatcher.Changed() }

// FloorView returns the whole room.
func (d *Desk) FloorView(now time.Time) (FloorView, error) {
	agents, waiting := d.cfg.Dispatcher.View()
	v := FloorView{Agents: []FloorAgent{}, Waiting: []FloorWaiting{}, Lines: []FloorLine{}, Alarms: []FloorAlarm{},
		Mode: d.modeView(now), Unsaved: d.Unsaved(), Now: now}
	lines := map[string]*FloorLine{}
	for _, id := range d.cfg.Dispatcher.Queues() {
		v.Lines = append(v.Lines, FloorLine{ID: id, Closed: d.cfg.Closures.Closed(id)})
	}
	for i := range v.Lines {
		lines[v.Lines[i].ID] = &v.Lines[i]
	}
	names := map[string]string{}
	for _, a := range agents {
		names[a.ID] = a.Name
	}
	named := func(why triage.Why) triage.Why { why.Agent = names[why.Agent]; return why }
	for _, a := range agents {
		if a.State == triage.Offline || a.Outside != "" && a.Contact == "" { // a number outside is nobody who could be free
			continue
		}
		fa := FloorAgent{ID: a.ID, Name: a.Name, State: a.State, Reason: a.Reason, By: a.By, Since: a.Since, Contact: a.Contact, Why: named(a.Why), Languages: triage.LanguagesOf(a.Skills)}
		if seat := d.seat(a.ID); seat != nil {
			fa.Next, fa.DelayMS = seat.nextState(), int(seat.delayed().Milliseconds())
		}
		if a.State == triage.Ready {
			for _, id := range a.Serves {
				lines[id].Ready++
			}
		}
		if conv := d.conversation(a.Contact); conv != nil {
			fa.Queue = conv.line()
			fa.Help, fa.Listened = conv.asksForHelp(), conv.listenedTo()
			if a.State != triage.Offered && conv.leads(a.ID) { // those who ring still wait, below
				v.Alarms = append(v.Alarms, conv.alarms(a.Name)...)
			}
		}
		v.Agents = append(v.Agents, fa)
	}
	away, private := 0, false
	for _, w := range waiting {
		if w.Queue == triage.QueuePrivate && w.Why.Reason == triage.WhyNobody && !private {
			private = true // one is enough: who may take it is for somebody to find
			v.Alarms = append(v.Alarms, FloorAlarm{Contact: w.Contact, Queue: w.Queue, Since: w.Since, Kind: "private", Waiting: true})
		}
		fw := FloorWaiting{Contact: w.Contact, Queue: w.Queue, Since: w.Since, Position: w.Position, Why: named(w.Why), Away: w.Away, First: w.First,
			Danger: w.Queue == triage.QueueLife, Private: w.Queue == triage.QueuePrivate}
		conv := d.waitingConversation(w.Contact)
		if conv != nil && conv.internal { // a colleague who is rung: no caller waits
			continue
		}
		if conv != nil {
			fw.Language, fw.Danger = conv.language, fw.Danger || conv.danger()
			conv.mu.Lock()
			fw.Private = fw.Private || conv.protected
			if !conv.protected && w.Queue != triage.QueuePrivate { // who calls in private is nobody else's business
				fw.Number = string(conv.number)
			}
			conv.mu.Unlock()
			v.Alarms = append(v.Alarms, conv.waitingAlarms(w)...)
		}
		if line := lines[w.Queue]; line != nil && !w.Away {
			line.Waiting++
			line.LongestS = max(line.LongestS, int(now.Sub(w.Since).Seconds()))
		}
		if w.Away {
			if away++; away > awayShown {
				continue
			}
		}
		v.Waiting = append(v.Waiting, fw)
	}
	routing := d.cfg.Dispatcher.Routing()
	for i, line := range v.Lines {
		v.Lines[i].Over = routing.Queue(line.ID).Warns(line.Waiting, time.Duration(line.LongestS)*time.Second)
	}
	day, err := d.cfg.Contacts.Today(now)
	if err != nil {
		return v, err
	}
	v.AnsweredToday, v.AbandonedToday = day.Answered, day.Abandoned
	open, err := d.cfg.Contacts.CountOpen()
	v.OpenItems = open
	return v, err
}

// awayShown is how many of those to be called back the floor lists; all are on
// the worklist.
const awayShown = 20

// waitingConversation finds the conversation of a contact that waits or rings.
func (d *Desk) waitingConversation(contact string) *conversation {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.queued[contact]
}

// conversation finds the conversation of a contact that waits, talks or awaits
// its notes.
func (d *Desk) conversation(contact string) *conversation {
	if contact == "" {
		return nil
	}
	if conv := d.waitingConversation(contact); conv != nil {
		return conv
	}
	for _, s := range d.allSeats() {
		s.mu.Lock()
		for _, conv := range []*conversation{s.talk, s.wrapping} {
			if conv != nil && conv.id == contact {
				s.mu.Unlock()
				return conv
			}
		}
		s.mu.Unlock()
	}
	return nil
}
