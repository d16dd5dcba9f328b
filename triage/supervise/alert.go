package supervise

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/ivr"
	"hotline/triage"
	"hotline/volunteers/roster"
)

// When more callers wait on a line, or longer, than its marks allow (S11, P8),
// the floor shows it and sounds at once. Where that lasts, nobody is looking, and
// supervisors are called by telephone: one after another, until one sees to it.

// FlowAlert is the flow that a supervisor hears who is called for that.
const FlowAlert = "alert"

const (
	attributeAlert = "alert.answer"

	alertLook     = 10 * time.Second
	alertAfter    = 2 * time.Minute  // that the marks are passed
	alertDanger   = 30 * time.Second // on the line of those in danger
	alertSeen     = 30 * time.Minute // not again while somebody sees to it
	alertAgain    = 10 * time.Minute // when nobody was found
	alertPerson   = 10 * time.Minute // nobody is called more often, for whatever line
	alertMost     = 10               // people in one round
	alertKeptOver = time.Hour        // how long pages tell of one that is over
)

// Events of alerts.
const (
	EventAlertBegan = "benchmark.missed"
	EventAlertHeard = "benchmark.answered"
)

// Alert is a line on which callers wait for too long, and who was called.
type Alert struct {
	Queue   string
	Danger  bool
	Began   time.Time // supervisors were called
	Calling bool      // one of them, at this moment
	Seen    string    // who sees to it
	Ended   time.Time // the marks hold again
}

// watched is one line between two looks.
type watched struct {
	since time.Time // the marks are passed; zero when they are not
	quiet time.Time // until when nobody is called
	alert *Alert
}

// Alerts are those that hold, and those of the last hour.
func (c *Commands) Alerts(now time.Time) (list []Alert) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.lines {
		if w.alert != nil && (w.alert.Ended.IsZero() || now.Sub(w.alert.Ended) < alertKeptOver) {
			list = append(list, *w.alert)
		}
	}
	slices.SortFunc(list, func(a, b Alert) int { return cmp.Or(b.Began.Compare(a.Began), cmp.Compare(a.Queue, b.Queue)) })
	return list
}

// watch looks at the lines until ctx ends. Calls are made one at a time, danger
// first, in its own goroutine: a round that takes minutes looks again before each
// call.
func (c *Commands) watch(ctx context.Context) {
	tick := time.NewTicker(alertLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if queue := c.look(time.Now()); queue != "" {
			c.alarm(ctx, queue)
		} else { // one telephone at a time, and callers first
			c.SeeRed(ctx, time.Now())
		}
	}
}

// look notes which lines are over their marks, and returns one for which
// supervisors are to be called now.
func (c *Commands) look(now time.Time) (due string) {
	off := c.cfg.AlertsOff != nil && c.cfg.AlertsOff() || !c.canRing()
	routing := c.cfg.Dispatcher.Routing()
	for _, id := range c.cfg.Dispatcher.Queues() {
		load := c.cfg.Dispatcher.Load(id, now)
		over := routing.Queue(id).Warns(load.Waiting, load.Longest)
		c.mu.Lock()
		w := c.lines[id]
		if w == nil {
			w = &watched{}
			c.lines[id] = w
		}
		after := alertAfter
		if id == triage.QueueLife {
			after = alertDanger
		}
		switch {
		case !over:
			if w.since = (time.Time{}); w.alert != nil && w.alert.Ended.IsZero() {
				w.alert.Ended = now
			}
		case w.since.IsZero():
			w.since = now
		case !off && now.Sub(w.since) >= after && !now.Before(w.quiet) && (due == "" || id == triage.QueueLife):
			due = id
		}
		c.mu.Unlock()
	}
	return due
}

// alarm calls supervisors about a line until one of them sees to it.
func (c *Commands) alarm(ctx context.Context, queue string) {
	now := time.Now()
	people, err := c.onCall(now)
	if err != nil {
		c.cfg.Log.Error("supervisors cannot be called about callers who wait for too long: the accounts cannot be read", "queue", queue, "error", err)
	}
	c.mu.Lock()
	w := c.lines[queue]
	w.quiet = now.Add(alertAgain)
	if len(people) > 0 {
		w.alert = &Alert{Queue: queue, Danger: queue == triage.QueueLife, Began: now, Calling: true}
	}
	c.mu.Unlock()
	if len(people) == 0 {
		return
	}
	defer func() {
		c.mu.Lock()
		w.alert.Calling = false
		c.mu.Unlock()
		c.cfg.Dispatcher.Touch()
	}()
	c.cfg.Dispatcher.Touch()
	c.write(ctx, events.Event{Kind: EventAlertBegan, Queue: queue, Via: "rule", Data: map[string]string{"people": strconv.Itoa(len(people))}})
	for _, a := range people {
		if ctx.Err() != nil || !c.stillOver(queue) {
			return
		}
		answer := c.tell(ctx, a, c.waitingCall(queue))
		c.write(ctx, events.Event{Kind: EventAlertHeard, Queue: queue, Agent: a.ID, Via: "phone", Data: map[string]string{"answer": answer}})
		if answer == Coming {
			c.mu.Lock()
			w.alert.Seen, w.quiet = a.Name, time.Now().Add(alertSeen)
			c.mu.Unlock()
			return
		}
	}
}

func (c *Commands) stillOver(queue string) bool {
	load := c.cfg.Dispatcher.Load(queue, time.Now())
	return c.cfg.Dispatcher.Routing().Queue(queue).Warns(load.Waiting, load.Longest) && (c.cfg.AlertsOff == nil || !c.cfg.AlertsOff())
}

// onCall are the supervisors who may be called: they have agreed to it, have a
// number and talk with nobody. Who was called longest ago comes first.
func (c *Commands) onCall(now time.Time) ([]roster.Account, error) {
	list, err := c.cfg.Accounts.List()
	c.mu.Lock()
	rang := maps.Clone(c.rang)
	c.mu.Unlock()
	list = slices.DeleteFunc(list, func(a roster.Account) bool {
		state := c.cfg.Dispatcher.Agent(a.ID).State
		return a.Disabled || !a.Reachable || !a.Phone.E164() || !a.Role.May(roster.Mode) || !a.Role.May(roster.Desk) ||
			state == triage.OnCall || state == triage.Offered || now.Sub(rang[a.ID]) < alertPerson
	})
	slices.SortStableFunc(list, func(a, b roster.Account) int { return rang[a.ID].Compare(rang[b.ID]) })
	return list[:min(len(list), alertMost)], err
}

// tell calls one supervisor and says why.
func (c *Commands) tell(ctx context.Context, a roster.Account, r Ringing) (answer string) {
	c.mu.Lock()
	c.rang[a.ID] = time.Now()
	c.mu.Unlock()
	if len(a.Languages) > 0 {
		r.Language = a.Languages[0]
	}
	r.To, r.Role, r.RingFor = a.Phone, string(roster.RoleSupervisor), calloutRingFor
	heard, err := c.cfg.Ring(ctx, r)
	if err != nil {
		c.cfg.Log.Info("a supervisor was not reached by telephone", "account", a.ID, "about", r.Flow, "error", err)
		return Missed
	}
	return cmp.Or(heard.Attributes[attributeAlert], Silent)
}

// waitingCall tells about callers who wait for too long on a line.
func (c *Commands) waitingCall(queue string) Ringing {
	load, kind := c.cfg.Dispatcher.Load(queue, time.Now()), "line"
	if queue == triage.QueueLife {
		kind = "danger"
	}
	return Ringing{Flow: FlowAlert, Attributes: map[string]string{"alert.queue": queue, "alert.kind": kind, "room.waiting": strconv.Itoa(load.Waiting), "room.longest": ivr.Minutes(load.Longest)}}
}

func (c *Commands) write(ctx context.Context, ev events.Event) {
	limit, stop := context.WithTimeout(context.WithoutCancel(ctx), commitFor)
	defer stop()
	if err := c.cfg.Store.Update(limit, func(tx *store.Tx) error { tx.Emit(ev); return nil }); err != nil {
		c.cfg.Log.Error("that supervisors are called about callers who wait for too long could not be written down; they are called", "error", err)
	}
}
