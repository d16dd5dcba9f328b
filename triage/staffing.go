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
			if a.State == Offline || a.State == Lost || a.State == Problem || a.Outside != "" {
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
	Position int // from 1; 0 when it does not wait
	Known    bool
	Outlook  Outlook // what to expect from now on, when that is known
}

// Standing is where the contact of this place stands at now.
func (p *Place) Standing() (s Standing) {
	p.d.do(func() {
		s.Position = Position(p.d.snapshot().Waiting, p.waiting.Contact)
		if s.Position > 0 {
			s.Outlook, s.Known = Expect(p.waiting, p.d.snapshot(), p.d.paces, time.Now())
		}
	})
	return s
}
