package page

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hotline/triage"
	"hotline/volunteers/roster"
)

// RoutingPage is where it is decided who helps whom.
type RoutingPage struct {
	Frame
	Routing  triage.Routing
	Scope    triage.Scope     // whom this person steers
	People   []roster.Account // who take calls
	History  []triage.RoutingVersion
	Trouble  string
	Done     string
	CallsOut bool
}

// RoutingSteps is how many teams may join in on a line.
const RoutingSteps = 3

// RoutingDone are the words that the page may be asked to say of a change.
func RoutingDone() []string {
	return []string{"person", "profile", "queue", "team", "skill", "emergency", "back"}
}

// RoutingServices is how many emergency services can be named.
const RoutingServices = 5

func serviceOf(r triage.Routing, n int) triage.Service {
	if n < len(r.Emergency) {
		return r.Emergency[n]
	}
	return triage.Service{}
}

// lines are the queues, in the order of the page.
func (p RoutingPage) lines() []triage.Queue {
	return p.Routing.Lines()
}

// takes says how somebody takes a line: the place in the order, and from when
// on.
func (p RoutingPage) takes(a roster.Account, queue string) string {
	for _, line := range p.Routing.Profile(a.Profile).Lines {
		if line.Queue == queue {
			return p.turn(line.Priority, line.Delay)
		}
	}
	for _, step := range p.Routing.Queue(queue).Widen {
		if team, _ := p.Routing.Team(step.Team); slices.Contains(team.Members, a.ID) {
			return p.turn(step.Priority, step.After)
		}
	}
	return "–"
}

func (p RoutingPage) turn(order int, after time.Duration) string {
	if after == 0 {
		return itoa(order)
	}
	return p.F("routing.turn", "n", itoa(order), "wait", p.Long(after))
}

// line is how a profile takes a queue; zero when it does not.
func lineOf(profile triage.Profile, queue string) triage.Line {
	for _, line := range profile.Lines {
		if line.Queue == queue {
			return line
		}
	}
	return triage.Line{}
}

func stepOf(q triage.Queue, n int) triage.Step {
	if n < len(q.Widen) {
		return q.Widen[n]
	}
	return triage.Step{}
}

func relaxOf(r triage.SkillRule, n int) triage.Relax {
	if n < len(r.Relax) {
		return r.Relax[n]
	}
	return triage.Relax{}
}

// skillsTyped is how skills are typed: "law 3, medical 5".
func skillsTyped(skills map[string]int) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(skills)) {
		words = append(words, fmt.Sprintf("%s %d", name, skills[name]))
	}
	return strings.Join(words, ", ")
}

func secondsOf(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return itoa(int(d / time.Second))
}

func some(n int) string {
	if n == 0 {
		return ""
	}
	return itoa(n)
}

func clock(minute int, q triage.Queue) string {
	if q.From == q.Until {
		return ""
	}
	return fmt.Sprintf("%02d:%02d", minute/60, minute%60)
}

// overTo is where callers may go on to from a line.
func (p RoutingPage) overTo(q triage.Queue) []string {
	if q.ID == triage.QueuePrivate {
		return []string{triage.OverflowPromise}
	}
	out := []string{triage.OverflowPromise}
	for _, id := range p.Routing.LineIDs() {
		if id != q.ID && id != triage.QueueLife && id != triage.QueuePrivate {
			out = append(out, id)
		}
	}
	return out
}

func (p RoutingPage) overWords(to string) string {
	if to == triage.OverflowPromise {
		return p.T("routing.promise")
	}
	return p.Line(to)
}

// shippedProfile reports whether a profile came with the hotline: such a one
// stays.
func shippedProfile(id string) bool {
	return slices.ContainsFunc(triage.ShippedProfiles(), func(p triage.Profile) bool { return p.ID == id })
}
