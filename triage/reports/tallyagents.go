package reports

import (
	"time"

	"hotline/appliance/events"
	"hotline/triage"
)

// This file is what is counted of agents: where each one is, and how long they were
// free and busy.

// agent is where an agent is.
type agent struct {
	State   triage.AgentState `json:"state"`
	Since   time.Time         `json:"since"`
	Contact string            `json:"contact,omitempty"`
	Visits  string            `json:"visits,omitempty"` // contact that is only listened to
}

func (t *tally) agent(id string) *agent {
	if t.Agents[id] == nil {
		t.Agents[id] = &agent{}
	}
	return t.Agents[id]
}

// moves: an agent comes into another state.
func (t *tally) moves(ev events.Event, at time.Time) {
	if ev.Agent == "" {
		return
	}
	t.leaves(ev.Agent, at)
	a := t.agent(ev.Agent)
	before := a.Contact
	a.State, a.Since, a.Contact = triage.AgentState(ev.Data["state"]), at, ev.Contact
	if a.State != triage.OnCall {
		a.Visits = ""
	}
	if k := t.Contacts[a.Contact]; k != nil && a.State == triage.WrapUp {
		k.Writing++
	}
	if k := t.Contacts[before]; k != nil && before != a.Contact {
		t.forget(before, k)
	}
	if a.State == triage.Offline {
		delete(t.Agents, ev.Agent)
	}
}

// leaves ends the state in which an agent was.
func (t *tally) leaves(id string, at time.Time) {
	a := t.Agents[id]
	if a == nil || a.Since.IsZero() || at.Before(a.Since) {
		return
	}
	k := t.Contacts[a.Contact]
	busy := false
	switch a.State {
	case triage.OnCall:
		busy = a.Visits == "" || a.Visits != a.Contact
		if k != nil {
			t.quits(k, id, at)
		}
	case triage.WrapUp:
		busy = true
		if k != nil {
			k.Writing--
			if one := k.Talks[id]; one != nil {
				wrap := at.Sub(a.Since).Milliseconds()
				t.spends(k, id, one, func(f *Figures) { f.WrapMS += wrap })
			}
			defer t.forget(a.Contact, k)
		}
	}
	a.spread(t, busy, at, func(key string, fn func(*Figures)) { t.each(key, fn, scopeAll, scopeAgent+id) })
	t.each(t.keyOf(a.Since), func(f *Figures) { f.stay(a.State, at.Sub(a.Since)) }, scopeAgent+id)
	a.Since = at
}

// spread divides the time in a state among the hours in which it passed.
func (a *agent) spread(t *tally, busy bool, at time.Time, add func(key string, fn func(*Figures))) {
	if !busy && a.State != triage.Ready {
		return
	}
	for from := a.Since; from.Before(at); {
		end := t.begin(from).Add(time.Hour)
		if end.After(at) {
			end = at
		}
		ms := end.Sub(from).Milliseconds()
		add(t.keyOf(from), func(f *Figures) {
			if busy {
				f.BusyMS += ms
			} else {
				f.AvailableMS += ms
			}
		})
		from = end
	}
}
