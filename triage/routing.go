package triage

import (
	"maps"
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
}

func newRules(r Routing) *rules {
	out := &rules{Routing: r, profiles: map[string]Profile{}, queues: map[string]Queue{}, skills: map[string]SkillRule{}, teams: map[string][]string{}}
	for _, p := range r.Profiles {
		out.profiles[p.ID] = p
	}
	for _, q := range r.Queues {
		out.queues[q.ID] = q
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

// Queues returns all queues that there are, sorted.
func (d *Dispatcher) Queues() []string {
	all := map[string]bool{}
	r := d.Routing()
	for _, p := range r.Profiles {
		for _, line := range p.Lines {
			all[line.Queue] = true
		}
	}
	for _, q := range r.Queues {
		all[q.ID] = true
	}
	return slices.Sorted(maps.Keys(all))
}
