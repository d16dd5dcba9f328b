package triage

import (
	"cmp"
	"slices"
	"time"
)

// Line is one queue in a routing profile. A lower Priority is served first,
// strictly: nothing of a higher number is offered to the profile while a lower
// one that it may see waits. Delay hides a contact from the profile until the
// contact has waited that long, even if agents there are idle.
type Line struct {
	Queue    string        `json:"queue"`
	Priority int           `json:"priority"`
	Delay    time.Duration `json:"delay"`
}

// Profile says which queues an agent serves and in which order.
type Profile struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Lines []Line `json:"lines"`
}

// Waiting is a contact in a queue.
type Waiting struct {
	Contact  string
	Queue    string
	Since    time.Time // first entered a queue; kept when an offer fails
	Priority int       // of the contact inside its queue; lower is served first
	Offered  string    // agent who is being rung, "" when nobody is
	Away     bool      // not on the line: is called when an agent takes it. It waits like everybody else
	Only     string    // the one agent who may be offered it: a transfer or consultation; "" for all
	// NotTo holds agents who said "not now" or missed it, and until when they
	// are left out for this contact.
	NotTo map[string]time.Time
}

// Free is an agent who may be offered a contact.
type Free struct {
	Agent   string
	Profile string
	Since   time.Time // became available
}

// Snapshot is all that the policy may know.
type Snapshot struct {
	Profiles map[string]Profile
	Waiting  []Waiting
	Free     []Free
	Signed   map[string]int  // agents signed in, per queue they serve
	Overflow map[string]bool // queues that are overrun: no profile's delay counts there
}

// Offer is one decision: ring this agent for this contact.
type Offer struct{ Contact, Agent string }

// Reason says why a contact still waits, as a code that screens put in words.
type Reason string

// Reasons.
const (
	WhyRinging  Reason = "ringing"           // an agent is being rung
	WhyNobody   Reason = "nobody_signed_in"  // no agent serves this queue
	WhyBusy     Reason = "all_busy"          // those who serve it are busy or on a break
	WhyDelay    Reason = "delay"             // free agents may not see it yet
	WhyDeclined Reason = "declined_by_free"  // free agents said not now
	WhyHigher   Reason = "higher_goes_first" // free agents take somebody before it
)

// Decision is what Match returns.
type Decision struct {
	Offers []Offer
	Why    map[string]Reason // of every contact that gets no offer now
	Next   time.Time         // when time alone may change the decision; zero if it cannot
}

// Match decides who is rung for whom. Agents choose in the order in which they
// became available (the longest available first), each the best contact that
// its profile may see: lowest line priority, then lowest contact priority, then
// the longest wait, then the id. The result is a total function of its
// arguments: the same snapshot and time give the same offers.
func Match(s Snapshot, now time.Time) Decision {
	d := Decision{Why: map[string]Reason{}}
	queues := byQueue(s.Waiting)
	taken := map[string]bool{}
	free := slices.Clone(s.Free)
	slices.SortFunc(free, func(a, b Free) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Agent, b.Agent))
	})
	sooner := func(at time.Time) {
		if d.Next.IsZero() || at.Before(d.Next) {
			d.Next = at
		}
	}
	idle := map[string][]Free{} // queue → free agents left without a contact who serve it
	for _, agent := range free {
		// Whoever is asked for by name is rung for that before anything else.
		best := first(queues[directed(agent.Agent)], taken, agent.Agent, 0, now, sooner)
		bestLine := Line{Priority: -1}
		if best != nil {
			taken[best.Contact] = true
			d.Offers = append(d.Offers, Offer{Contact: best.Contact, Agent: agent.Agent})
			continue
		}
		for _, line := range s.Profiles[agent.Profile].Lines {
			delay := line.Delay
			if s.Overflow[line.Queue] {
				delay = 0
			}
			w := first(queues[line.Queue], taken, agent.Agent, delay, now, sooner)
			if w != nil && (best == nil || before(line, w, bestLine, best)) {
				best, bestLine = w, line
			}
		}
		if best == nil {
			for _, line := range s.Profiles[agent.Profile].Lines {
				idle[line.Queue] = append(idle[line.Queue], agent)
			}
			continue
		}
		taken[best.Contact] = true
		d.Offers = append(d.Offers, Offer{Contact: best.Contact, Agent: agent.Agent})
	}
	for _, w := range s.Waiting {
		if !taken[w.Contact] {
			d.Why[w.Contact] = why(w, s, idle[w.Queue], free, now)
		}
	}
	return d
}

// byQueue sorts the waiting contacts of each queue into serving order.
func byQueue(waiting []Waiting) map[string][]*Waiting {
	queues := map[string][]*Waiting{}
	for i := range waiting {
		w := &waiting[i]
		queue := w.Queue
		if w.Only != "" {
			queue = directed(w.Only)
		}
		queues[queue] = append(queues[queue], w)
	}
	for _, q := range queues {
		slices.SortFunc(q, inOrder)
	}
	return queues
}

// directed is the queue of one agent's own contacts. No queue id has a space.
func directed(agent string) string { return "only " + agent }

func inOrder(a, b *Waiting) int {
	return cmp.Or(cmp.Compare(a.Priority, b.Priority), a.Since.Compare(b.Since), cmp.Compare(a.Contact, b.Contact))
}

func before(la Line, a *Waiting, lb Line, b *Waiting) bool {
	return cmp.Or(cmp.Compare(la.Priority, lb.Priority), inOrder(a, b)) < 0
}

// first is the first contact of a queue in serving order that agent may be
// offered now.
func first(queue []*Waiting, taken map[string]bool, agent string, delay time.Duration, now time.Time, sooner func(time.Time)) *Waiting {
	for _, w := range queue {
		if w.Offered != "" || taken[w.Contact] {
			continue
		}
		if until := w.NotTo[agent]; until.After(now) {
			sooner(until)
			continue
		}
		if seen := w.Since.Add(delay); seen.After(now) {
			sooner(seen)
			continue
		}
		return w
	}
	return nil
}

func why(w Waiting, s Snapshot, idle, free []Free, now time.Time) Reason {
	switch {
	case w.Offered != "":
		return WhyRinging
	case w.Only != "":
		if slices.ContainsFunc(free, func(f Free) bool { return f.Agent == w.Only && w.NotTo[f.Agent].After(now) }) {
			return WhyDeclined
		}
		return WhyBusy
	case s.Signed[w.Queue] == 0:
		return WhyNobody
	}
	// Whoever is idle and serves the queue but was given nothing could not see
	// this contact.
	for _, agent := range idle {
		if w.NotTo[agent.Agent].After(now) {
			return WhyDeclined
		}
	}
	if len(idle) > 0 {
		return WhyDelay
	}
	for _, agent := range free {
		if slices.ContainsFunc(s.Profiles[agent.Profile].Lines, func(l Line) bool { return l.Queue == w.Queue }) {
			return WhyHigher
		}
	}
	return WhyBusy
}

// Position is the place, from 1, of a contact among those that wait in the
// same queue; 0 when it does not wait.
func Position(waiting []Waiting, contact string) int {
	i := slices.IndexFunc(waiting, func(w Waiting) bool { return w.Contact == contact })
	if i < 0 {
		return 0
	}
	position := 1
	for j := range waiting {
		if waiting[j].Queue == waiting[i].Queue && waiting[j].Only == waiting[i].Only && inOrder(&waiting[j], &waiting[i]) < 0 {
			position++
		}
	}
	return position
}
