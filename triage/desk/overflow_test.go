package desk

import (
	"context"
	"testing"
	"time"

	"hotline/appliance/trunk/phone"
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

// Outside the hours of its week a line turns callers away with the words for
// that, and each stays an open item; inside them they wait (C13). Danger has no
// hours: who says so on the way is in the queue for it, and who can neither
// speak nor press a key is let in as the dialogue wants.
func TestOutsideTheHoursNobodyIsLostAndDangerGetsThrough(t *testing.T) {
	r := openRoomWith(t, map[string]string{
		"straight": flowHead + "steps:\n  a: {wait: 60s, keys: {\"1\": help, \"2\": mute, \"3\": life}, next: help}\n  mute: {set: {caller.silent: yes}, next: help}\n" +
			"  help: {queue: help, priority: 5}\n  life: {queue: life, priority: 1}\n",
		"closed": flowHead + "steps:\n  a: {if: {attribute: closed.queue, is: help}, then: why, else: noted}\n" +
			"  why: {when: [{attribute: caller.silent, is: yes, next: in}, {attribute: closed.why, is: hours, next: words}], else: noted}\n" +
			"  words: {say: beep, next: danger}\n  danger: {wait: 60s, keys: {\"1\": life, \"2\": noted}, next: noted}\n" +
			"  in: {queue: help}\n  life: {queue: life, priority: 1}\n  noted: {end: announcement, say: beep}\n",
	}, nil)
	hours := func(week ...triage.Stretch) {
		r.serves(triage.QueueHelp, func(q *triage.Queue) {
			q.Hours = &triage.Timetable{}
			for day := range q.Hours.Week {
				q.Hours.Week[day] = week
			}
		})
	}
	of := func(number string) (k triage.Contact) {
		if err := r.cfg.Contacts.Each(func(one triage.Contact) bool {
			if string(one.Caller) == number {
				k = one
			}
			return true
		}); err != nil {
			t.Fatal(err)
		}
		return k
	}
	calls := func(number, key string) *phone.Call {
		c := r.dial(number)
		r.press(c, key)
		return c
	}
	waitsIn := func(number, queue string) {
		t.Helper()
		r.until(number+" waits in "+queue, func() bool { k := of(number); return k.Queue == queue && !k.QueuedAt.IsZero() })
	}
	toldClosed := func(c *phone.Call) {
		t.Helper()
		ctx, stop := context.WithTimeout(t.Context(), patience)
		defer stop()
		if err := c.WaitTone(ctx, 880); err != nil {
			t.Fatal("the caller does not hear that the line is closed:", err)
		}
	}
	hours()

	c := calls("+12024561111", "1")
	toldClosed(c)
	r.press(c, "2")
	k := r.record(of("+12024561111").ID)
	if k.Open != triage.OpenAnnounced || k.Item == "" || !k.QueuedAt.IsZero() || count(r.events(k.ID), "queue.turned_away") != 1 {
		t.Errorf("turned away as %+v", k)
	}

	c = calls("+12024561112", "1")
	toldClosed(c)
	c.Hangup() // in the middle of it
	if k = r.record(of("+12024561112").ID); k.Open != triage.OpenLeftInIVR || k.Item == "" {
		t.Errorf("who hung up on the closed words is open as %q", k.Open)
	}

	c = calls("+12024561113", "1")
	toldClosed(c)
	r.press(c, "1")
	waitsIn("+12024561113", triage.QueueLife)
	if k = of("+12024561113"); k.Priority != 1 {
		t.Errorf("danger waits with priority %d", k.Priority)
	}
	calls("+12024561114", "2")
	waitsIn("+12024561114", triage.QueueHelp)
	calls("+12024561115", "3")
	waitsIn("+12024561115", triage.QueueLife)

	hours(triage.Stretch{From: 0, Until: triage.Midnight})
	calls("+12024561116", "1")
	waitsIn("+12024561116", triage.QueueHelp)
}
