package triage

import (
	"slices"
	"time"

	"hotline/appliance/call"
)

// Routing is all that operators decide about who helps whom. What it says counts
// from the next offer on; calls that run and offers that ring are not disturbed.
type Routing struct {
	Queues   []Queue     `json:"queues"`
	Profiles []Profile   `json:"profiles"`
	Teams    []Team      `json:"teams,omitempty"`
	Skills   []SkillRule `json:"skills,omitempty"`

	// Emergency are the services to which callers in danger are given over, in the
	// order in which they are called.
	Emergency []Service `json:"emergency,omitempty"`
}

// Service is an emergency service that can be called: not the short number, but
// the full one of a control room that has agreed to it.
type Service struct {
	Name   string      `json:"name"`
	Number call.Number `json:"number"`
}

// Team is people, or a number outside, that queues may call upon after a while.
type Team struct {
	ID      string      `json:"id"`
	Name    string      `json:"name"`
	Members []string    `json:"members,omitempty"` // accounts
	Number  call.Number `json:"number,omitempty"`  // of a team outside, which has no members
	Calls   int         `json:"calls,omitempty"`   // that the team outside takes at a time
}

// Outside reports that the team is reached at a number.
func (t Team) Outside() bool { return t.Number != "" }

// ShippedRouting is what holds until somebody changes it.
func ShippedRouting() Routing {
	again := 2 * time.Hour
	return Routing{Profiles: ShippedProfiles(), Queues: []Queue{
		{ID: QueueLife, Urgent: true, Best: true},
		{ID: QueueHelp, Again: again}, {ID: QueueFamily, Again: again}, {ID: QueuePrivate, Again: again},
		{ID: QueueVolunteers}}}
}

// Queue is how a queue is served.
func (r Routing) Queue(id string) Queue {
	i := slices.IndexFunc(r.Queues, func(q Queue) bool { return q.ID == id })
	if i < 0 {
		return Queue{ID: id}
	}
	return r.Queues[i]
}

// Profile is the profile with an id; one without lines when there is none.
func (r Routing) Profile(id string) Profile {
	i := slices.IndexFunc(r.Profiles, func(p Profile) bool { return p.ID == id })
	if i < 0 {
		return Profile{ID: id, Name: id}
	}
	return r.Profiles[i]
}

// Team is the team with an id.
func (r Routing) Team(id string) (Team, bool) {
	i := slices.IndexFunc(r.Teams, func(t Team) bool { return t.ID == id })
	if i < 0 {
		return Team{}, false
	}
	return r.Teams[i], true
}

// rules is the routing as the policy looks things up in it. It is replaced, and
// never changed.
type rules struct {
	Routing
	profiles map[string]Profile
	queues   map[string]Queue
	skills   map[string]SkillRule
	teams    map[string][]string // by agent
	lines    map[string]bool     // into which contacts come
}

func newRules(r Routing) *rules {
	out := &rules{Routing: r, profiles: map[string]Profile{}, queues: map[string]Queue{}, skills: map[string]SkillRule{}, teams: map[string][]string{}, lines: map[string]bool{}}
	for _, p := range r.Profiles {
		out.profiles[p.ID] = p
		for _, line := range p.Lines {
			out.lines[line.Queue] = true
		}
	}
	for _, q := range r.Queues {
		out.queues[q.ID] = q
		out.lines[q.ID] = !q.Off
	}
	for _, s := range r.Skills {
		out.skills[s.Skill] = s
	}
	for _, t := range r.Teams {
		for _, member := range t.Members {
			out.teams[member] = append(out.teams[member], t.ID)
		}
	}
	for _, teams := range out.teams {
		slices.Sort(teams)
	}
	return out
}

// Use has the dispatcher decide by another routing from now on.
func (d *Dispatcher) Use(r Routing) {
	d.rules.Store(newRules(r))
	d.Touch()
}

// Routing is what the dispatcher decides by.
func (d *Dispatcher) Routing() Routing { return d.rules.Load().Routing }

// serves are the queues that an agent serves now or after a while, without
// those that only a team's turn brings.
func (d *Dispatcher) serves(a *Agent, queue string) bool {
	if slices.ContainsFunc(d.rules.Load().profiles[a.Profile].Lines, func(l Line) bool { return l.Queue == queue }) {
		return true
	}
	return slices.ContainsFunc(d.rules.Load().queues[queue].Widen, func(s Step) bool { return slices.Contains(d.teams(a), s.Team) })
}

// Queues returns all queues into which contacts come, sorted.
func (d *Dispatcher) Queues() []string {
	var all []string
	for id, open := range d.rules.Load().lines {
		if open {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return all
}

// Has reports whether contacts come into a queue.
func (d *Dispatcher) Has(queue string) bool { return d.rules.Load().lines[queue] }

// Lost notes that a contact was sent to a queue that there is not, or not any
// more: a backup was put back, or a flow came from elsewhere. Nobody is lost
// with it; who helps everybody takes the contact.
func (d *Dispatcher) Lost(contact, queue string) (instead string) {
	if queue == "" { // belonged to no line: called by somebody, or talked with a colleague
		return QueueHelp
	}
	d.losses.Add(1)
	d.cfg.Log.Error("a contact was sent to a line that there is not; it goes to those who help everybody. Add the line, or correct the number or the flow that leads there", "contact", contact, "line", queue)
	d.cfg.Journal.contact(EventQueueLost, contact, "", queue, map[string]string{"to": QueueHelp})
	return QueueHelp
}

// Losses is how many contacts were sent to a queue that there is not, since the
// start.
func (d *Dispatcher) Losses() int { return int(d.losses.Load()) }

// rehome brings those who wait in a queue that was switched off in this very
// moment to the people who help everybody.
func (d *Dispatcher) rehome() {
	rules := d.rules.Load()
	if d.homed == rules {
		return
	}
	d.homed = rules
	for id, p := range d.places {
		if p.waiting.Only == "" && !rules.lines[p.waiting.Queue] {
			p.waiting.Queue = d.Lost(id, p.waiting.Queue)
		}
	}
}
