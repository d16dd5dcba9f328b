package desk

import (
	"slices"

	"hotline/triage"
)

// Supervisors of teams (S12) see and steer the people of their teams, and hear
// the calls that these are on. A call in which somebody may be in danger, or in
// which a volunteer asks for help, is open to every supervisor: no chart of who
// leads whom hides a person in danger.

var errNotTheirs = UserError("This person is in none of your teams.")

// scope is whom a supervisor sees and steers; a setting like any other, read
// anew each time, so that it holds from the moment in which it is changed.
func (d *Desk) scope(account string) triage.Scope {
	if d.cfg.Scope == nil {
		return triage.Scope{}
	}
	return d.cfg.Scope(account)
}

// mayHear reports whether a supervisor may be on a call.
func (d *Desk) mayHear(supervisor string, conv *conversation) bool {
	scope := d.scope(supervisor)
	if !scope.Limited() || len(conv.alarms("")) > 0 {
		return true
	}
	agents, _ := d.cfg.Dispatcher.View()
	return slices.ContainsFunc(agents, func(a triage.Agent) bool {
		return a.Contact == conv.id && a.ID != supervisor && a.State != triage.WrapUp && scope.Has(a.ID)
	})
}

// ofOthers sends supervisors away whose teams have nobody on the call any more.
func (t *talk) ofOthers() {
	for _, p := range slices.Clone(t.watchers) {
		if p.seat != nil && !t.d.mayHear(p.seat.id(), t.conv) {
			t.remove(p.seat)
		}
	}
}

// For is the room as a supervisor of some teams sees it: the people of these
// teams, everybody who waits, all lines and all alarms.
func (v FloorView) For(scope triage.Scope) FloorView {
	if !scope.Limited() {
		return v
	}
	names := map[string]bool{}
	theirs := []FloorAgent{}
	for _, a := range v.Agents {
		if scope.Has(a.ID) {
			names[a.Name] = true
			theirs = append(theirs, a)
		}
	}
	unnamed := func(why triage.Why) triage.Why {
		if !names[why.Agent] {
			why.Agent = ""
		}
		return why
	}
	for i := range theirs {
		theirs[i].Why = unnamed(theirs[i].Why)
	}
	v.Agents, v.Waiting = theirs, slices.Clone(v.Waiting)
	for i := range v.Waiting {
		v.Waiting[i].Why = unnamed(v.Waiting[i].Why)
	}
	return v
}
