package desk

import (
	"errors"
	"time"

	"hotline/appliance/events"
	"hotline/triage"
)

// errOverflows means that the caller has waited as long as the queue wants, and
// goes on to where it says.
var errOverflows = errors.New("the caller has waited long enough in this queue")

// overflowIn is how long the caller may wait on in this queue; 0 is for ever.
func (s *story) overflowIn() time.Duration {
	over := s.d.cfg.Dispatcher.Routing().Queue(s.goTo.queue).Over
	if over.To == "" || s.overflowed[s.goTo.queue] {
		return 0
	}
	return max(time.Until(s.inQueue.Add(over.After)), 1)
}

// overflow leads the caller on to where the queue says; to another queue with
// the age of the first arrival. It reports whether the caller waits on, there
// or here: one who refuses the promise keeps the place.
func (s *story) overflow(conv *conversation) (waits bool) {
	from := s.goTo.queue
	to := s.d.cfg.Dispatcher.Routing().Queue(from).Over.To
	if s.overflowed == nil {
		s.overflowed = map[string]bool{}
	}
	s.overflowed[from] = true // once: nobody goes round in circles
	if to != triage.OverflowPromise && (s.overflowed[to] || s.shut(to)) {
		return true
	}
	s.change(func(k *triage.Contact, _ time.Time) []events.Event {
		return []events.Event{{Kind: "queue.overflowed", Queue: from, Data: map[string]string{"to": to}}}
	})
	if to != triage.OverflowPromise {
		s.goTo = destination{queue: to}
		s.sent(conv, callerSent)
		return true
	}
	s.turned = from // they are called for the line that they wanted
	heard, stays := s.closedPath("")
	if stays {
		s.turned = ""
		if heard.Queue == triage.QueueLife { // in danger, as it turned out
			s.goTo = destination{queue: heard.Queue}
			s.sent(conv, callerSent)
		}
		return true
	}
	if s.ctx.Err() != nil {
		s.left(triage.OutcomeAbandonedQueue, triage.OpenAbandoned)
		s.owed()
		return false
	}
	s.finishedFlow(heard)
	return false
}

// shut reports whether a queue takes no new callers now.
func (s *story) shut(queue string) bool {
	if queue == triage.QueueLife {
		return false
	}
	q, now := s.d.cfg.Dispatcher.Routing().Queue(queue), time.Now()
	return s.d.cfg.Closures.Closed(queue) || !q.Open(now) || q.Most > 0 && s.d.cfg.Dispatcher.Load(queue, now).Waiting >= q.Most
}
