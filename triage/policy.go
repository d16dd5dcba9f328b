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
	Auto  bool   `json:"auto,omitempty"` // calls come by themselves, after a tone
}

// Queue says how a queue is served. One that is not described is served by
// those whose profile has it, the longest available first.
type Queue struct {
	ID string `json:"id"`

	// Of one that somebody here has added, or calls otherwise.
	Name   string            `json:"name,omitempty"`
	Names  map[string]string `json:"names,omitempty"`  // in languages of the pages, where they differ
	Prompt string            `json:"prompt,omitempty"` // tells who waits what they wait for; "": nothing does
	Off    bool              `json:"off,omitempty"`    // nobody comes in any more; what was keeps its name

	Best   bool   `json:"best,omitempty"`   // who is best at what the contact needs is rung, not who is available longest
	Urgent bool   `json:"urgent,omitempty"` // nobody waits for a skill here
	Widen  []Step `json:"widen,omitempty"`  // teams that join in, each after a while

	// What the policy does not look at.
	Again time.Duration `json:"again,omitempty"` // who calls again so soon is offered first to who helped before
	Most  int           `json:"most,omitempty"`  // wait at a time; further callers find the line closed. 0: as many as come
	From  int           `json:"from,omitempty"`  // minute of the day at which the line opens, where the box is
	Until int           `json:"until,omitempty"` // and closes; the same minute: always open
	Hours *Timetable    `json:"hours,omitempty"` // instead of both, where a week was made
	Over  Overflow      `json:"over,omitzero"`

	// From when floor and wall mark the queue; 0 is what the program finds right.
	WarnWaiting int           `json:"warn_waiting,omitempty"`
	WarnOldest  time.Duration `json:"warn_oldest,omitempty"`
}

// When a queue is marked where nobody has said otherwise. In danger, one who
// waits is one too many.
const (
	warnWaiting     = 5
	warnOldest      = 3 * time.Minute
	warnLifeWaiting = 1
	warnLifeOldest  = 30 * time.Second
)

// Warns reports whether so many who wait, the oldest for so long, are to be
// marked where people look (S11).
func (q Queue) Warns(waiting int, oldest time.Duration) bool {
	most, longest := q.WarnWaiting, q.WarnOldest
	if most == 0 {
		if most = warnWaiting; q.ID == QueueLife {
			most = warnLifeWaiting
		}
	}
	if longest == 0 {
		if longest = warnOldest; q.ID == QueueLife {
			longest = warnLifeOldest
		}
	}
	return waiting > 0 && (waiting >= most || oldest >= longest)
}

// Overflow is where callers go on to who have waited too long in a queue.
type Overflow struct {
	After time.Duration `json:"after"`
	To    string        `json:"to"` // a queue, or OverflowPromise
}

// OverflowPromise leads callers to the promise of a call, or to a message.
const OverflowPromise = "promise"

// Step lets a team serve a queue, whatever the profiles of its people say, for
// contacts that have waited so long.
type Step struct {
	Team     string        `json:"team"`
	After    time.Duration `json:"after"`
	Priority int           `json:"priority"` // among the lines of these people
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
	Skills   string    // wanted of the agent, as Wants has them; how strictly is said by Snapshot.Skills
	First    string    // name of the supervisor who has put it first; "" when nobody has
	// Prefer is who has helped this caller before: until PreferUntil nobody else
	// is offered it, unless that agent is not at work or does not serve the queue.
	Prefer      string
	PreferUntil time.Time
	// NotTo holds agents who said "not now" or missed it, and until when they
	// are left out for this contact.
	NotTo map[string]time.Time
}

// Free is an agent who may be offered a contact.
type Free struct {
	Agent   string
	Profile string
	Since   time.Time // became available
	Teams   []string
	Skills  []Skill // sorted by name
	OnLine  bool    // takes only who is on the line: a team outside calls nobody back
}

// Snapshot is all that the policy may know.
type Snapshot struct {
	Profiles map[string]Profile
	Queues   map[string]Queue
	Skills   map[string]SkillRule // by skill, or "language" for all languages
	Waiting  []Waiting
	Free     []Free
	Busy     []Free          // at work and not free now; Since does not matter
	Signed   map[string]int  // agents signed in, per queue they serve
	Overflow map[string]bool // queues that are overrun: no profile's delay counts there
}

// Offer is one decision: ring this agent for this contact.
type Offer struct{ Contact, Agent string }

// Decision is what Match returns.
type Decision struct {
	Offers []Offer
	Why    map[string]Why // of every contact that gets no offer now
	Idle   map[string]Why // of every free agent who gets none
	Next   time.Time      // when time alone may change the decision; zero if it cannot
}

// Match decides who is rung for whom. Agents choose in the order in which they
// became available (the longest available first), each the best contact that
// it may see: lowest line priority, then lowest contact priority, then the
// longest wait, then the id. In a queue that wants the best available agent,
// the contact goes to the one with the highest level of what it needs among
// those whose choice it is. The result is a total function of its arguments:
// the same snapshot and time give the same offers.
func Match(s Snapshot, now time.Time) Decision {
	m := newMatching(s, now)
	for _, a := range m.free {
		for !a.placed {
			choice, via := a.kind.choice(now)
			if choice == nil {
				break
			}
			m.give(choice, m.chosen(choice, via.group, a))
		}
	}
	return m.explained()
}

func inOrder(a, b *Waiting) int {
	return cmp.Or(cmp.Compare(a.Priority, b.Priority), a.Since.Compare(b.Since), cmp.Compare(a.Contact, b.Contact))
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
