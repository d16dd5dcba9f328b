package desk

import (
	"testing"
	"time"

	"hotline/triage"
)

// serves describes how a queue is served while the room runs.
func (r *room) serves(queue string, change func(*triage.Queue)) {
	r.t.Helper()
	routing := r.cfg.Dispatcher.Routing()
	for i := range routing.Queues {
		if routing.Queues[i].ID == queue {
			change(&routing.Queues[i])
			r.cfg.Dispatcher.Use(routing)
			return
		}
	}
	q := triage.Queue{ID: queue}
	change(&q)
	routing.Queues = append(routing.Queues, q)
	r.cfg.Dispatcher.Use(routing)
}

// Who has waited as long as the line wants is promised a call, with the age of
// the wait, and waits no more (R12).
func TestALongWaitEndsInAPromise(t *testing.T) {
	r := openRoomWith(t, map[string]string{
		"straight": flowHead + "steps:\n  a: {queue: help, priority: 2}\n",
		"closed":   flowHead + "steps:\n  a: {goto: ask}" + promised,
	}, nil)
	r.serves(triage.QueueHelp, func(q *triage.Queue) {
		q.Over = triage.Overflow{After: time.Second, To: triage.OverflowPromise}
	})
	c := r.dial("+12024561111")
	defer c.Hangup()
	r.until("the promise is stored", func() bool { return r.only().Promise != nil }) // silence agrees to the number shown
	k := r.record(r.only().ID)
	if k.Open != triage.OpenCallBack || k.Promise.Queue != triage.QueueHelp {
		t.Errorf("open as %q, promised in %q", k.Open, k.Promise.Queue)
	}
	if late := k.Promise.Since.Sub(k.QueuedAt); late > 500*time.Millisecond {
		t.Errorf("the promise is %s younger than the wait", late)
	}
	if r.waiting() != "" {
		t.Error("the caller still waits")
	}
	if kinds := r.events(k.ID); count(kinds, "queue.overflowed") != 1 || count(kinds, "queue.abandoned") != 0 {
		t.Errorf("events %v", kinds)
	}
}

// A line that is full takes nobody more: the next caller is told so and is
// promised a call for that line; when there is room, callers wait again.
func TestAFullLineTakesNobodyMore(t *testing.T) {
	r := openRoomWith(t, map[string]string{
		"straight": flowHead + "steps:\n  a: {queue: help}\n",
		"closed":   flowHead + "steps:\n  a: {goto: ask}" + promised,
	}, nil)
	r.serves(triage.QueueHelp, func(q *triage.Queue) { q.Most = 1 })
	first := r.dial("+12024561111")
	r.until("the first waits", func() bool { return r.waiting() != "" })
	id := r.rings("+12024561112")
	var k triage.Contact
	r.until("the second is promised a call", func() bool {
		k, _ = r.cfg.Contacts.Get(id)
		return k.Promise != nil
	})
	if k.Promise.Queue != triage.QueueHelp {
		t.Errorf("promised in line %q", k.Promise.Queue)
	}
	first.Hangup()
	r.until("nobody waits", func() bool { return r.waiting() == "" })
	r.dial("+12024561113")
	r.until("the third waits", func() bool { return r.waiting() != "" })
}
