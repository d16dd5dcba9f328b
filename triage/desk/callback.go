package desk

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/triage"
)

// Call-backs that the hotline makes by itself. Each has a place in the queue
// like a caller who waits, only that nobody is on the line: an agent is rung for
// it, takes it, sees who it is, and only then the number is dialled. So there
// are never more calls out than agents who have taken one.

const (
	// callBacksHeld bounds how many call-backs of one queue wait in the
	// dispatcher at a time; the others follow in their order.
	callBacksHeld = 500
	// lookAgain is how often the list is gone through without a reason: part
	// switched off, hours changed.
	lookAgain = 15 * time.Second
	// RoleCallBack is the role for which the outbound policy is asked when the
	// hotline calls back: the number was not chosen by an agent.
	RoleCallBack = "callback"
)

// callBacks is the list of those that wait to be called.
type callBacks struct {
	d       *Desk
	items   map[string]triage.Item        // queued, by id
	waiting map[string]context.CancelFunc // have a place in the dispatcher
	done    chan string                   // items whose place has ended
	work    sync.WaitGroup
}

// keepCallingBack runs until ctx ends.
func (d *Desk) keepCallingBack(ctx context.Context) {
	if d.cfg.Dial == nil {
		return // the worklist is for people alone
	}
	c := &callBacks{d: d, waiting: map[string]context.CancelFunc{}, done: make(chan string)}
	defer c.work.Wait()
	defer func() {
		for _, leave := range c.waiting {
			leave()
		}
	}()
	for ctx.Err() == nil {
		changes := d.cfg.Contacts.ItemsChanged(4096)
		err := c.load()
		if err == nil {
			err = c.follow(ctx, changes)
		}
		changes.Close()
		if err != nil {
			d.cfg.Log.Error("the call-backs cannot be read; it is tried again", "error", err)
			c.drain(ctx, lookAgain)
		}
	}
	c.drain(ctx, 0)
}

// drain takes what ended, for a while or until everything has.
func (c *callBacks) drain(ctx context.Context, d time.Duration) {
	if d == 0 {
		for _, leave := range c.waiting {
			leave()
		}
		for len(c.waiting) > 0 {
			delete(c.waiting, <-c.done)
		}
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case id := <-c.done:
			delete(c.waiting, id)
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (c *callBacks) load() error {
	all, err := c.d.cfg.Contacts.QueuedCallBacks()
	c.items = map[string]triage.Item{}
	for _, i := range all {
		c.items[i.ID] = i
	}
	return err
}

// follow keeps the places what they should be until the changes end.
func (c *callBacks) follow(ctx context.Context, changes *events.Subscription) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var looked time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case id := <-c.done:
			delete(c.waiting, id)
		case ev, ok := <-changes.C:
			if !ok { // fell behind: load everything
				return nil
			}
			if err := c.refresh(ev); err != nil {
				return err
			}
			if len(changes.C) > 0 { // more of the kind: look once
				continue
			}
		case <-c.d.lineChanged:
		case <-timer.C:
		}
		now := time.Now()
		if again := looked.Add(c.pause()); now.Before(again) {
			timer.Reset(again.Sub(now))
			continue
		}
		looked = now
		next := c.arrange(now)
		timer.Reset(min(max(next.Sub(now), 0), lookAgain))
	}
}

// pause is how long two looks at the list are apart: a long list takes a while
// to go through, and has enough places in the dispatcher meanwhile. Who is on
// the line with us is not dialled in any case (BeginCall).
func (c *callBacks) pause() time.Duration {
	return min(time.Duration(len(c.items))*10*time.Microsecond, time.Second)
}

func (c *callBacks) refresh(ev events.Event) error {
	id := ev.Data["item"]
	if id == "" {
		return nil
	}
	i, ok, err := c.d.cfg.Contacts.QueuedCallBack(id)
	if err != nil {
		return err
	}
	if ok {
		c.items[id] = i
	} else {
		delete(c.items, id)
	}
	return nil
}

// arrange gives those who may be called now a place and takes it from the
// others. It returns when to look again.
func (c *callBacks) arrange(now time.Time) (next time.Time) {
	next = now.Add(lookAgain)
	due := map[string][]triage.Item{}
	if c.d.CallsOut() && (c.d.cfg.CallsBack == nil || c.d.cfg.CallsBack()) { // otherwise the worklist is for people alone
		quiet, err := c.d.cfg.Contacts.QuietHours()
		if err != nil {
			c.d.cfg.Log.Error("the quiet hours cannot be read; those that ship are kept", "error", err)
			quiet = triage.ShippedQuiet
		}
		for _, i := range c.items {
			at := quiet.When(i.Back, now)
			if i.Lock.Until.After(at) { // somebody works on it
				at = i.Lock.Until
			}
			switch {
			case at.After(now):
				if at.Before(next) {
					next = at
				}
			case !c.d.onTheLine(i.Number):
				due[i.Back.Queue] = append(due[i.Back.Queue], i)
			}
		}
	}
	may, numbers := map[string]bool{}, map[call.Number]bool{}
	for _, line := range due {
		slices.SortFunc(line, func(a, b triage.Item) int {
			return cmp.Or(cmp.Compare(a.Back.Priority, b.Back.Priority), a.Back.Since.Compare(b.Back.Since), cmp.Compare(a.ID, b.ID))
		})
		for _, i := range line[:min(len(line), callBacksHeld)] {
			if numbers[i.Number] { // several people of one number: one after the other
				continue
			}
			may[i.ID], numbers[i.Number] = true, true
			if c.waiting[i.ID] == nil {
				c.enter(i)
			}
		}
	}
	for id, leave := range c.waiting {
		if !may[id] { // one that an agent has taken does not listen any more
			leave()
		}
	}
	return next
}

// enter starts the story of one call-back.
func (c *callBacks) enter(i triage.Item) {
	ctx, leave := context.WithCancel(context.Background())
	c.waiting[i.ID] = leave
	c.work.Go(func() {
		defer c.d.caught("a call-back", nil)
		defer func() { c.done <- i.ID }()
		defer leave()
		c.d.callBack(ctx, i)
	})
}

// callBack is one call-back from its place in the queue to its end. ctx ends
// when the place is to be given up: the person rings us, somebody works on the
// item, the hotline stops. Once an agent has taken it, it goes on.
func (d *Desk) callBack(ctx context.Context, i triage.Item) {
	conv := &conversation{id: d.cfg.Contacts.NewContactID(), number: i.Number, language: i.Language, queue: i.Back.Queue, since: i.Back.Since,
		mode: "normal", requests: make(chan request), ended: make(chan struct{}), outgoing: true, callBack: i.Kind}
	if i.Shared {
		conv.callBack = "shared"
	} else {
		conv.earlier = d.earlier(i.Number, conv.id)
	}
	d.queue(conv)
	defer d.unqueue(conv)
	priority := i.Back.Priority
	if conv.danger() {
		priority = min(priority, cutOff)
	}
	place, err := d.cfg.Dispatcher.Enter(triage.Waiting{Contact: conv.id, Queue: i.Back.Queue, Since: i.Back.Since, Priority: priority, Away: true,
		Skills: triage.Wants(i.Language, nil)})
	if err != nil {
		return
	}
	defer place.Leave()
	for {
		select {
		case <-ctx.Done():
			return
		case ev := <-place.Events():
			switch ev.Kind {
			case triage.PlaceOffered:
				d.offered(ev.Agent, conv.id)
			case triage.PlaceAccepted:
				d.unqueue(conv)
				_ = d.callFor(conv, ev.Agent, RoleCallBack, i.ID, d.cfg.Contacts.BeginQueued) // the agent is told
				return
			default:
				if seat := d.seat(ev.Agent); seat != nil {
					seat.touch()
				}
			}
		}
	}
}

// beginning writes down a call that is about to be made.
type beginning func(ctx context.Context, whom string, k triage.Contact) (triage.Contact, error)

// callFor calls a person for an agent who is busy with it already, and talks.
// Nothing is dialled before begin has written it down, which also says whom:
// the number of an item of the worklist, or of somebody in a round.
func (d *Desk) callFor(conv *conversation, agent, role, whom string, begin beginning) error {
	seat := d.seat(agent)
	if seat == nil {
		d.cfg.Dispatcher.Lose(agent)
		return nil
	}
	opened, err := begin(context.WithoutCancel(d.ctx), whom, triage.Contact{ID: conv.id, Operation: d.cfg.Operation,
		Queue: conv.queue, Agent: agent, AgentName: seat.name()})
	if err != nil {
		d.cfg.Log.Info("a call was not made", "to", whom, "agent", agent, "error", err)
		seat.complain("call.item", itemSentence(err))
		seat.release(conv, false)
		d.cfg.Dispatcher.Release(agent, conv.id, true)
		seat.touch()
		return err
	}
	d.hereIs(opened.Caller) // and is not called a second time
	defer d.isGone(opened.Caller)
	conv.change(func() { conv.ringingOut = true })
	st := &story{d: d, ctx: d.ctx, contact: opened, queuedAt: opened.ReceivedAt, goTo: destination{queue: opened.Queue}, role: role,
		ending: ending{outcome: triage.OutcomeNotReached, by: call.BySystem, reason: "ended for an unknown reason"}}
	seat.begin(conv)
	st.dial(conv, seat, opened.Caller)
	return nil
}

// callItem calls the number of an item that the agent has taken from the
// worklist.
func (s *Seat) callItem(ctx context.Context, c Command) error {
	d := s.d
	if !d.CallsOut() {
		return UserError("This hotline has no line for outgoing calls, or may not call any number yet.")
	}
	if s.through() == wayBrowser {
		if err := s.beHeard(ctx); err != nil {
			return err
		}
	}
	i, _, err := d.cfg.Contacts.Item(c.Item)
	if err != nil {
		return err
	}
	id := s.id()
	switch {
	case i.Lock.By != id || !i.Lock.Until.After(time.Now()):
		return itemSentence(triage.ErrNotTaken)
	case i.NoCall:
		return itemSentence(triage.ErrNoCall)
	case !i.Number.E164():
		return itemSentence(triage.ErrNoDial)
	}
	conv := &conversation{id: d.cfg.Contacts.NewContactID(), number: i.Number, language: i.Language, queue: i.Queue, since: time.Now(),
		mode: "normal", requests: make(chan request), ended: make(chan struct{}), outgoing: true, callBack: i.Kind}
	if err := d.cfg.Dispatcher.Occupy(id, conv.id); err != nil {
		return err
	}
	d.begin("a call from the worklist", func() {
		_ = d.callFor(conv, id, RoleCallBack, i.ID, d.cfg.Contacts.BeginCall) // the agent is told
	}, s.freed(conv))
	return nil
}

// unreached ends a call-back that a machine or somebody else has answered: it
// counts as one that reached nobody, and the agent has no notes to write.
func (s *Seat) unreached(ctx context.Context, c Command) error {
	conv, err := s.current(c.Contact)
	if err != nil {
		return err
	}
	if conv.callBack == "" {
		return UserError("This call is no call-back.")
	}
	s.mu.Lock()
	talking := s.talk == conv
	s.mu.Unlock()
	if talking {
		if err := s.ask(ctx, conv, Command{Type: "end", Contact: conv.id}); err != nil {
			return err
		}
	}
	select {
	case <-conv.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	notes := s.wrapping == conv
	s.mu.Unlock()
	if !notes { // nobody had answered at all: it is written down already
		return nil
	}
	return s.finishWrapUp(ctx, Command{Type: "wrap", Contact: conv.id, Disposition: triage.DispositionNotReached})
}

// itemSentence explains why an item was not called.
func itemSentence(err error) UserError {
	var taken triage.TakenError
	switch {
	case errors.As(err, &taken):
		return "Somebody else is working on this person."
	case errors.Is(err, triage.ErrNotTaken):
		return "Take it first, then call."
	case errors.Is(err, triage.ErrItemGone), errors.Is(err, triage.ErrLeftOut), errors.Is(err, triage.ErrRoundState), errors.Is(err, triage.ErrCalledSoon):
		return "This person needs no call any more."
	case errors.Is(err, triage.ErrNoCall):
		return "A protected caller uses this number. It must not be called."
	case errors.Is(err, triage.ErrDialling):
		return "This person is being called already."
	case errors.Is(err, triage.ErrOnLine):
		return "This person is on the line with us now."
	case errors.Is(err, triage.ErrNoDial):
		return "There is no number to call."
	}
	return "The call could not be written down, so it was not made. Try again."
}

// earlier are the last contacts of a number, as the card shows them. That
// somebody has called in private is nobody's business: a telephone may be a
// whole family's.
func (d *Desk) earlier(number call.Number, but string) (out []EarlierView) {
	found, err := d.cfg.Contacts.Earlier(number, but, 3)
	if err != nil {
		d.cfg.Log.Error("looking up earlier contacts", "contact", but, "error", err)
	}
	for _, k := range found {
		if k.Queue == triage.QueuePrivate {
			continue
		}
		out = append(out, EarlierView{At: k.ReceivedAt, Disposition: k.Disposition, Queue: k.Queue})
	}
	return out
}

// CallsOut reports whether this hotline can call anybody.
func (d *Desk) CallsOut() bool {
	return d.cfg.Dial != nil && (d.cfg.HasLine == nil || d.cfg.HasLine())
}

// hereIs and isGone keep the numbers of callers on the line: who rings us is
// not rung.
func (d *Desk) hereIs(number call.Number) {
	d.mu.Lock()
	d.lines[number]++
	d.mu.Unlock()
	d.lineKick()
}

func (d *Desk) isGone(number call.Number) {
	d.mu.Lock()
	if d.lines[number]--; d.lines[number] <= 0 {
		delete(d.lines, number)
	}
	d.mu.Unlock()
	d.lineKick()
}

func (d *Desk) lineKick() {
	select {
	case d.lineChanged <- struct{}{}:
	default: // looked at soon in any case
	}
}

func (d *Desk) onTheLine(number call.Number) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lines[number] > 0
}

// keptPlace gives a caller who waits to be called back the place that was kept.
func (s *story) keptPlace(queue string, priority int) int {
	place, ok, err := s.d.cfg.Contacts.KeptPlace(s.caller())
	if err != nil {
		s.d.cfg.Log.Error("looking up a call-back", "contact", s.contact.ID, "error", err)
	}
	if !ok || place.Queue != queue {
		return priority
	}
	if place.Since.Before(s.queuedAt) {
		s.queuedAt = place.Since
	}
	return min(priority, place.Priority)
}
