package triage

import (
	"maps"
	"time"
)

// Pace is how a queue has been served of late.
type Pace struct {
	Handle   time.Duration // how long one contact keeps an agent, notes included
	Patience time.Duration // how long people wait before they give up, on average
}

// firstPace is what is assumed before anything was seen: untrained volunteers
// and patient callers (domain: model inputs).
var firstPace = Pace{Handle: 8 * time.Minute, Patience: 20 * time.Minute}

// ExpectedWait is how long the next caller waits for a person when so many wait
// before them and so many agents work, of whom some are free. It is false when
// that cannot be told, because nobody works.
//
// With k people before the caller, one of them goes on average after
// 1/(agents/Handle + k/Patience): an agent becomes free, or somebody gives up.
// The wait is the sum of that from all of them down to none. Whoever calls
// later stands behind and changes nothing, so how many call does not matter.
func ExpectedWait(before, agents, free int, p Pace) (time.Duration, bool) {
	if agents <= 0 {
		return 0, false
	}
	before -= free
	if before < 0 {
		return 0, true
	}
	rate := float64(agents) / max(p.Handle, time.Second).Seconds()
	leaves := 1 / max(p.Patience, time.Second).Seconds()
	var seconds float64
	for k := range before + 1 {
		seconds += 1 / (rate + float64(k)*leaves)
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// QueueLoad is how one queue stands at a moment.
type QueueLoad struct {
	Waiting int
	Longest time.Duration // the longest wait until now
	Agents  int           // at work for it: free, ringing, talking or writing notes
	Ready   int           // of them, free
	Wait    time.Duration // expected for the next caller; negative when nobody works
}

// Load is how a queue stands at now. The zero QueueLoad with a negative wait
// when the dispatcher has stopped.
func (d *Dispatcher) Load(queue string, now time.Time) QueueLoad {
	l := QueueLoad{Wait: -1}
	d.do(func() {
		for _, p := range d.places {
			if p.waiting.Queue == queue && p.waiting.Only == "" {
				l.Waiting++
				l.Longest = max(l.Longest, now.Sub(p.waiting.Since))
			}
		}
		for _, a := range d.agents {
			if !d.works(a, queue) {
				continue
			}
			l.Agents++
			if a.State == Ready {
				l.Ready++
			}
		}
		if wait, known := ExpectedWait(l.Waiting, l.Agents, l.Ready, d.paces.of(queue)); known {
			l.Wait = wait
		}
	})
	return l
}

func (d *Dispatcher) works(a *Agent, queue string) bool {
	switch a.State {
	case Ready, Offered, OnCall, WrapUp:
	default:
		return false
	}
	return d.serves(a, queue)
}

// Overflow has everybody who serves a queue help there at once, whatever the
// delay of their profile: under a heavy load nobody waits for the right team.
func (d *Dispatcher) Overflow(queue string, on bool) {
	d.do(func() {
		if d.overflow[queue] == on {
			return
		}
		next := map[string]bool{}
		maps.Copy(next, d.overflow)
		next[queue] = on
		d.overflow = next
		d.touch()
	})
}

// paces learns how queues are served. The dispatcher's goroutine owns it.
type paces struct {
	queues map[string]*seen
	taken  map[string]taken // by agent: what it is busy with
}

type taken struct {
	queue string
	at    time.Time
}

// seen sums up what was seen; what is old weighs less with every new thing.
type seen struct{ handled, handle, left, waited float64 } // counts and seconds

const (
	fades      = 0.97 // of the weight of what was seen, at each new thing
	assumption = 4    // firstPace counts as much as so many contacts
)

func newPaces() *paces { return &paces{queues: map[string]*seen{}, taken: map[string]taken{}} }

func (p *paces) queue(id string) *seen {
	if p.queues[id] == nil {
		p.queues[id] = &seen{}
	}
	return p.queues[id]
}

func (p *paces) of(queue string) Pace {
	s := p.queues[queue]
	if s == nil {
		return firstPace
	}
	mean := func(sum, n float64, first time.Duration) time.Duration {
		return time.Duration((sum + assumption*first.Seconds()) / (n + assumption) * float64(time.Second))
	}
	return Pace{Handle: mean(s.handle, s.handled, firstPace.Handle), Patience: mean(s.waited, s.left, firstPace.Patience)}
}

// begins: an agent takes a contact.
func (p *paces) begins(agent string, w Waiting, now time.Time) {
	p.taken[agent] = taken{w.Queue, now}
	if !w.Away { // nobody on the line had to be patient
		p.waits(w.Queue, now.Sub(w.Since), 0)
	}
}

// gaveUp: somebody left the queue after so long.
func (p *paces) gaveUp(queue string, waited time.Duration) { p.waits(queue, waited, 1) }

func (p *paces) waits(queue string, waited time.Duration, left float64) {
	s := p.queue(queue)
	s.waited, s.left = s.waited*fades+waited.Seconds(), s.left*fades+left
}

// ends: the agent is done with what it took, notes included.
func (p *paces) ends(agent string, state AgentState, now time.Time) {
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
