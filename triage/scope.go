package triage

import (
	"slices"
	"strings"
)

// Scope is whom a supervisor sees, hears and steers (S12): the people of the own
// teams, or everybody where no teams were chosen. It is about those who work
// here, never about callers: whoever waits is everybody's business, and so is a
// call in which somebody may be in danger.
type Scope struct {
	limited bool
	own     string // the supervisor, who is always in it
	teams   []Team
}

// Scope is that of an account with these teams. A team that is gone stands for
// nobody: what was a part must not become everything.
func (r Routing) Scope(own string, teams []string) Scope {
	s := Scope{limited: len(teams) > 0, own: own}
	for _, id := range teams {
		if team, known := r.Team(id); known {
			s.teams = append(s.teams, team)
		}
	}
	return s
}

// Limited reports that it is not everybody.
func (s Scope) Limited() bool { return s.limited }

// Has reports whether somebody who works here is in it.
func (s Scope) Has(agent string) bool {
	return !s.limited || agent == s.own && agent != "" || slices.ContainsFunc(s.teams, func(t Team) bool {
		return slices.Contains(t.Members, agent) || t.Outside() && strings.HasPrefix(agent, outsideID(t.ID))
	})
}

// Teams are the ids of those that are there, none when it is everybody.
func (s Scope) Teams() []string {
	var ids []string
	for _, t := range s.teams {
		ids = append(ids, t.ID)
	}
	return ids
}

// Names are what these teams are called.
func (s Scope) Names() []string {
	var names []string
	for _, t := range s.teams {
		names = append(names, t.Name)
	}
	return names
}

// TeamsOf are the teams that somebody belongs to.
func (r Routing) TeamsOf(agent string) []string {
	var ids []string
	for _, t := range r.Teams {
		if slices.Contains(t.Members, agent) {
			ids = append(ids, t.ID)
		}
	}
	return ids
}
