package triage

import "time"

// Staffing is who could serve a queue at a moment.
type Staffing struct {
	QueueLoad
	SignedIn int // also those on a break
}

// Staffing is who could serve a queue at now. It is false when the dispatcher
// has stopped.
func (d *Dispatcher) Staffing(queue string, now time.Time) (s Staffing, ok bool) {
	s.QueueLoad = d.Load(queue, now)
	ok = d.do(func() {
		for _, a := range d.agents {
			if a.State == Offline || a.State == Lost || a.State == Problem {
				continue
			}
			if d.serves(a, queue) {
				s.SignedIn++
			}
		}
	})
	return s, ok
}

// Standing is where a contact stands in its queue.
type Standing struct {
	Position int           // from 1; 0 when it does not wait
	Wait     time.Duration // expected from now on; negative when it cannot be told
}

// Standing is where the contact of this place stands at now.
func (p *Place) Standing() Standing {
	s := Standing{Wait: -1}
	p.d.do(func() {
		s.Position = Position(p.d.snapshot().Waiting, p.waiting.Contact)
		agents, ready := 0, 0
		for _, a := range p.d.agents {
			if p.d.works(a, p.waiting.Queue) {
				agents++
				if a.State == Ready {
					ready++
				}
			}
		}
		if s.Position == 0 {
			return
		}
		if wait, known := ExpectedWait(s.Position-1, agents, ready, p.d.paces.of(p.waiting.Queue)); known {
			s.Wait = wait
		}
	})
	return s
}
