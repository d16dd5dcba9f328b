package triage

import (
	"slices"
	"strings"
	"time"
)

// Staffing is who could serve a queue at a moment.
type Staffing struct {
	QueueLoad
	SignedIn int // also those on a break, but nobody who did not answer
}

// Staffing is who could serve a queue at now. It is false when the dispatcher
// has stopped.
func (d *Dispatcher) Staffing(queue string, now time.Time) (s Staffing, ok bool) {
	s.QueueLoad = d.Load(queue, now)
	ok = d.do(func() {
		for _, a := range d.agents {
			if a.State == Offline || a.State == Lost || a.State == Problem || a.State == Missed || a.Outside != "" {
				continue
			}
			if d.serves(a, queue) {
				s.SignedIn++
			}
		}
	})
	return s, ok
}

// SignedIn is how many people are at work, whatever they do now. Teams outside
// are not counted.
func (d *Dispatcher) SignedIn() (n int) {
	d.do(func() {
		for _, a := range d.agents {
			if a.State != Offline && a.Outside == "" {
				n++
			}
		}
	})
	return n
}

// Engaged is how many agents are rung now, or in a call: also one who has taken a
// call back for which nobody was dialled yet. Teams outside are counted.
func (d *Dispatcher) Engaged() (n int) {
	d.do(func() {
		for _, a := range d.agents {
			if a.State == Offered || a.State == OnCall {
				n++
			}
		}
	})
	return n
}

// Spare is how many agents of a queue are free for somebody who does not wait
// yet: those who are ready, less the contacts that wait for them.
func (d *Dispatcher) Spare(queue string) (n int) {
	d.do(func() {
		var free []*Agent
		for _, a := range d.agents {
			if a.State == Ready && d.works(a, queue) {
				free = append(free, a)
			}
		}
		n = len(free)
		for _, p := range d.places {
			if w := p.waiting; w.Offered == "" && slices.ContainsFunc(free, func(a *Agent) bool { return w.Only == a.ID || d.serves(a, w.Queue) }) {
				n--
			}
		}
	})
	return max(n, 0)
}

// Standing is where a contact stands in its queue.
type Standing struct {
	Position int // from 1; 0 when it does not wait
	Known    bool
	Outlook  Outlook // what to expect from now on, when that is known
}

// Standing is where the contact of this place stands at now.
// It is worked out beside the dispatcher, who has offers to make.
func (p *Place) Standing() (s Standing) {
	var w Waiting
	var all Snapshot
	var paces *Paces
	if !p.d.do(func() { w, all, paces = p.waiting, p.d.snapshot(), p.d.paces.clone() }) {
		return s
	}
	if s.Position = Position(all.Waiting, w.Contact); s.Position > 0 {
		s.Outlook, s.Known = Expect(w, all, paces, time.Now())
	}
	return s
}

// LanguagesOf are the languages among skills, none where nobody has said which.
func LanguagesOf(skills []Skill) []string {
	var out []string
	for _, s := range skills {
		if tag, is := strings.CutPrefix(s.Name, languages); is && s.Name != anyLanguage {
			out = append(out, tag)
		}
	}
	return out
}
