package desk

import (
	"fmt"
	"time"
)

// The way of a caller in danger to the emergency services (domain 2.2): the
// agent stays with the caller while one number after another is rung, speaks
// first with whoever answers, and gives the caller over or joins all three. It
// goes on until somebody has taken it, and the floor knows all the time.

const (
	rescueRings = 30 * time.Second // at one number, before the next
	rescueAgain = 2 * time.Minute  // after nobody on the list has answered
)

// rescue is the search for somebody who takes a caller in danger.
type rescue struct {
	next  int       // on the list
	again time.Time // a new round; zero while one goes on
}

// beginRescue alarms the floor and rings the first emergency service.
func (t *talk) beginRescue() error {
	if t.consult != nil || t.calling != nil {
		return UserError("You are asking somebody already.")
	}
	if len(t.d.cfg.Dispatcher.Routing().Emergency) == 0 {
		return UserError("No emergency service is set up here. Press Emergency and ask your coordinator to call one; stay with the caller.")
	}
	if err := t.full(); err != nil {
		return err
	}
	t.conv.change(func() { t.conv.alarm = true })
	t.note("contact.alarm")
	t.rescue = &rescue{}
	return t.tryRescue(time.Now())
}

// tryRescue rings the next service whose turn it is. The list is read anew every
// time: somebody may be correcting it at this moment.
func (t *talk) tryRescue(now time.Time) error {
	r, list := t.rescue, t.d.cfg.Dispatcher.Routing().Emergency
	if r == nil || t.seat == nil || t.consult != nil || t.calling != nil || r.again.After(now) {
		return nil
	}
	r.again = time.Time{}
	if r.next >= len(list) {
		r.next, r.again = 0, now.Add(rescueAgain)
		t.conv.change(func() {
			t.conv.failed = fmt.Sprintf("No emergency service has answered yet. They are called again at %s. Your coordinator has been told; stay with the caller.", r.again.Local().Format("15:04"))
		})
		t.note("rescue.nobody")
		t.touchAll()
		return nil
	}
	service := list[r.next]
	r.next++
	return t.ringFor(Target{Kind: "number", ID: string(service.Number)}, toConsult, &service)
}

// rescued ends the search when a service has answered. The caller hears music
// while the agent says what has happened.
func (t *talk) rescued() {
	t.rescue = nil
	t.hold()
	t.note("rescue.reached")
}

// unrescued goes on to the next service.
func (t *talk) unrescued(why string) {
	t.d.cfg.Log.Warn("an emergency service did not answer", "contact", t.conv.id, "why", why)
	if err := t.tryRescue(time.Now()); err != nil {
		t.d.cfg.Log.Error("an emergency service cannot be called", "contact", t.conv.id, "error", err)
	}
}
