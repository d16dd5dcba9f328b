package triage

import (
	"math"
	"slices"
	"time"
)

// Paces learns how queues are served: how long contacts keep an agent, how long
// people wait, how many come. One goroutine owns it.
type Paces struct {
	queues map[string]*seen
	taken  map[string]taken // by agent: what it is busy with
}

type taken struct {
	queue string
	at    time.Time
}

// seen sums up what was seen; what is old weighs less with every new thing.
type seen struct {
	handled, handle, left, waited float64 // counts and seconds
	came                          float64 // contacts, each weighing less with its age
	since, last                   time.Time
}

const (
	fades      = 0.97 // of the weight of what was seen, at each new thing
	assumption = 4    // firstPace counts as much as so many contacts
	// remembered is how long an arrival counts: after it, a third of it is left.
	remembered = 20 * time.Minute
)

// NewPaces has seen nothing.
func NewPaces() *Paces { return &Paces{queues: map[string]*seen{}, taken: map[string]taken{}} }

// clone is what was learned, for somebody else than the owner.
func (p *Paces) clone() *Paces {
	out := NewPaces()
	for id, s := range p.queues {
		own := *s
		out.queues[id] = &own
	}
	return out
}

func (p *Paces) queue(id string) *seen {
	if p.queues[id] == nil {
		p.queues[id] = &seen{}
	}
	return p.queues[id]
}

func (p *Paces) of(queue string) Pace {
	s := p.queues[queue]
	if s == nil {
		return firstPace
	}
	mean := func(sum, n float64, first time.Duration) time.Duration {
		return seconds((sum + assumption*first.Seconds()) / (n + assumption))
	}
	return Pace{Handle: mean(s.handle, s.handled, firstPace.Handle), Patience: mean(s.waited, s.left, firstPace.Patience)}
}

// Arrives notes that a contact has entered a queue.
func (p *Paces) Arrives(queue string, now time.Time) {
	s := p.queue(queue)
	if s.since.IsZero() {
		s.since = now
	}
	s.came = s.came*faded(now.Sub(s.last)) + 1
	s.last = now
}

func faded(d time.Duration) float64 { return math.Exp(-d.Seconds() / remembered.Seconds()) }

// known are the queues into which somebody has come, sorted.
func (p *Paces) known() []string {
	var out []string
	for id, s := range p.queues {
		if !s.since.IsZero() {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// perSecond is how many contacts come into a queue.
func (p *Paces) perSecond(queue string, now time.Time) float64 {
	s := p.queues[queue]
	if s == nil || s.since.IsZero() {
		return 0
	}
	// Who has watched for a short time only has seen less than would count.
	watched := max(now.Sub(s.since), time.Minute)
	return s.came * faded(now.Sub(s.last)) / (remembered.Seconds() * (1 - faded(watched)))
}

// Begins notes that an agent takes a contact.
func (p *Paces) Begins(agent string, w Waiting, now time.Time) {
	p.taken[agent] = taken{w.Queue, now}
	if !w.Away { // nobody on the line had to be patient
		p.waits(w.Queue, now.Sub(w.Since), 0)
	}
}

// GaveUp notes that somebody left the queue after so long.
func (p *Paces) GaveUp(queue string, waited time.Duration) { p.waits(queue, waited, 1) }

func (p *Paces) waits(queue string, waited time.Duration, left float64) {
	s := p.queue(queue)
	s.waited, s.left = s.waited*fades+waited.Seconds(), s.left*fades+left
}

// Ends notes the state of an agent: whoever neither talks nor writes notes is
// done with what it took.
func (p *Paces) Ends(agent string, state AgentState, now time.Time) {
	t, busy := p.taken[agent]
	if !busy || state == OnCall || state == WrapUp {
		return
	}
	delete(p.taken, agent)
	if state == Lost || state == Problem { // how long it would have taken nobody knows
		return
	}
	s := p.queue(t.queue)
	s.handle, s.handled = s.handle*fades+now.Sub(t.at).Seconds(), s.handled*fades+1
}
