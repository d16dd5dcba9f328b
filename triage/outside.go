package triage

import (
	"strconv"
	"time"

	"hotline/appliance/call"
)

// Teams outside, each a number that takes some calls at a time, stand in the
// room as so many agents: reserved, rung, missed and busy like everybody else,
// so that order, limits and explanations are the same. Nobody sits there: the
// desk dials when one is offered a contact.

const (
	outsideRings = 40 * time.Second // a telephone far away takes a while to ring and to be found
	outsideAgain = time.Minute      // after a call that nobody took
)

// seatOutside gives the teams outside the agents that they stand for. It runs in
// the dispatcher's goroutine.
func (d *Dispatcher) seatOutside(now time.Time) {
	if d.seated == d.rules.Load() {
		return
	}
	d.seated = d.rules.Load()
	wanted := map[string]Team{}
	for _, t := range d.seated.Teams {
		for n := range t.Calls {
			if t.Outside() {
				wanted[outsideID(t.ID)+strconv.Itoa(n+1)] = t
			}
		}
	}
	for id, t := range wanted {
		a := d.agents[id]
		if a == nil {
			a = &Agent{ID: id, State: Offline, Since: now, Ring: outsideRings}
			d.agents[id] = a
		}
		a.Name, a.Outside, a.Team = t.Name, t.Number, t.ID
		if a.State == Offline {
			d.set(a, Ready, "", now)
		}
	}
	for id, a := range d.agents {
		if _, stays := wanted[id]; stays || a.Outside == "" || a.State == OnCall || a.State == Offered {
			continue // a call that runs is not disturbed: Release looks again
		}
		delete(d.agents, id)
	}
}

// outsideID begins the ids of the agents that a team outside stands for.
func outsideID(team string) string { return "outside " + team + " " }

// missed is what becomes of an agent who did not take an offer. A number outside
// is tried again by itself.
func (d *Dispatcher) missed(a *Agent, now time.Time) {
	d.set(a, Missed, "rang_out", now)
	if a.Outside != "" {
		a.Until = now.Add(outsideAgain)
	}
}

// teams are those that an agent belongs to.
func (d *Dispatcher) teams(a *Agent) []string {
	if a.Outside != "" {
		return []string{a.Team}
	}
	return d.rules.Load().teams[a.ID]
}

// OutsideNumber is the number that an agent stands for; "" for a person.
func (d *Dispatcher) OutsideNumber(agent string) (number call.Number) {
	d.do(func() {
		if a := d.agents[agent]; a != nil {
			number = a.Outside
		}
	})
	return number
}
