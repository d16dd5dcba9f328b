package triage

import (
	"context"
	"errors"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/store"
)

// CallBack is what the hotline does by itself about an item: it keeps the
// person's place in the queue, offers it to an agent like a caller who waits,
// and dials when the agent is there. The zero CallBack is none; the item is
// then work for people.
//
// The rules: at most one per number, at most one call to a number at a time,
// each call in the records before it is dialled, three tries with growing gaps,
// not at night.
type CallBack struct {
	Queue     string    `json:"queue,omitempty"`
	Priority  int       `json:"priority,omitempty"`
	Since     time.Time `json:"since,omitzero"`      // whose place in the queue it has
	NotBefore time.Time `json:"not_before,omitzero"` // of the next try
	Agreed    bool      `json:"agreed,omitempty"`    // a time the person asked for: the night does not put it off
	Tries     int       `json:"tries,omitempty"`
	Faults    int       `json:"faults,omitempty"`   // tries in a row that failed on our side; the person never knew
	Failed    string    `json:"failed,omitempty"`   // why the last try reached nobody
	Dialling  string    `json:"dialling,omitempty"` // contact of the call that is being made, or awaits its notes
	Stopped   string    `json:"stopped,omitempty"`  // why the hotline does not try again
}

// Why a call reached nobody.
const (
	FailedBusy     = "busy"
	FailedNoAnswer = "no_answer"
	FailedNoNumber = "no_such_number"
	FailedRefused  = "refused" // the network, or the list of what may be dialled, does not let it through
	FailedLine     = "line"    // our side: no channel, no line
	FailedAgent    = "agent"   // our side: the agent was not there
	FailedGaveUp   = "gave_up" // the agent stopped it while it rang
	FailedMachine  = "machine" // a recorded voice answered, or somebody else
	FailedUnsure   = "unsure"  // the hotline stopped while it rang
	StoppedTries   = "tries"   // enough is enough
	StoppedByHand  = "by_hand" // somebody said so
	maxTries       = 3         // and then it is for people
	lineFaultLimit = 15 * time.Minute
)

// What keeps a call from being made.
var (
	ErrNoCall   = errors.New("a protected caller uses this number: it must not be called")
	ErrDialling = errors.New("this number is being called already")
	ErrOnLine   = errors.New("this person is on the line with us now")
	ErrNoDial   = errors.New("there is no number to call")
)

var (
	itemsQueued   = store.NewIndex("items_queued")    // "queued" → items with a call-back to make
	numbersCalled = store.NewIndex("numbers_dialled") // digest of a number that is being called → item
)

const queued = "queued"

// Queued reports whether the hotline is to call by itself.
func (i Item) Queued() bool {
	return i.ClosedAt.IsZero() && i.Back.Queue != "" && i.Back.Stopped == "" && i.Back.Dialling == "" && !i.NoCall && i.Number.E164()
}

// asked reports whether an attempt is one that the hotline answers by calling:
// the caller was promised it, was cut off, or rang the number for flash calls.
func (k Contact) asked() bool {
	if k.ours() && k.Round == "" || k.Disposition != "" || k.Supervisor {
		return false
	}
	switch k.Open {
	case OpenAbandoned: // we have rung them, they have said that they need somebody, and nobody was there
		return k.Round != ""
	case OpenCallBack:
		return k.Outcome == OutcomeCallBack
	case OpenDropped:
		return k.Outcome == OutcomeDropped
	case OpenInterrupted:
		return k.Outcome == OutcomeInterrupted
	case OpenFlash: // on the number that is for it, which has a queue; not who hung up early elsewhere
		return k.Queue != ""
	}
	return false
}

// queueFor enters the call-back that an attempt asks for. Who was cut off goes
// first; who asks again keeps the older place.
func (i *Item) queueFor(k Contact) {
	since := k.QueuedAt
	if since.IsZero() {
		since = k.ReceivedAt
	}
	back := CallBack{Queue: k.Queue, Priority: k.Priority, Since: since}
	if p := k.Promise; p != nil {
		back = CallBack{Queue: p.Queue, Priority: p.Priority, Since: p.Since}
	}
	if back.Queue == "" {
		back.Queue = QueueHelp
	}
	switch k.Open {
	case OpenCallBack, OpenAbandoned:
	case OpenFlash:
		back.NotBefore = k.EndedAt.Add(flashPause)
	default:
		back.Priority = cutOff
	}
	if old := i.Back; old.Queue != "" {
		if old.Since.Before(back.Since) {
			back.Since = old.Since
		}
		if old.Priority < back.Priority {
			back.Queue, back.Priority = old.Queue, old.Priority
		}
		back.Dialling = old.Dialling
	}
	i.Back = back
}

// callsIn is the queue in which an item is called that belongs into queue: what
// was told in private never comes to whoever is free. Danger goes before that.
func (i Item) callsIn(queue string) string {
	switch {
	case queue == QueueLife:
	case i.Private || i.Complaint:
		return QueuePrivate
	case queue == "":
		return QueueHelp
	}
	return queue
}

// calledBack is why an item is closed that we called.
const calledBack = "called back"

// flashPause lets a flash call end, so that the telephone is free again.
const flashPause = 15 * time.Second

// cutOff is the priority of somebody whose call broke: before those who wait.
const cutOff = -1

// failed notes a try that reached nobody and when the next one is.
func (b *CallBack) failed(why string, now time.Time) {
	b.Dialling, b.Failed, b.Agreed = "", why, false
	switch why {
	case FailedLine, FailedAgent: // not the person's
		b.Tries = max(b.Tries-1, 0)
		b.NotBefore = now.Add(min(time.Minute<<min(b.Faults, 4), lineFaultLimit))
		b.Faults++
		return
	case FailedNoNumber, FailedRefused:
		b.Stopped = why
	}
	b.Faults = 0
	gap := []time.Duration{20 * time.Minute, 70 * time.Minute}[min(max(b.Tries, 1), 2)-1] // at 0, 20 and 90 minutes
	if (why == FailedBusy || why == FailedGaveUp) && b.Tries == 1 {
		gap = 5 * time.Minute
	}
	b.NotBefore = now.Add(gap)
	if b.Tries >= maxTries && b.Stopped == "" {
		b.Stopped = StoppedTries
	}
}

// Quiet are the hours in which nobody is rung who does not expect it, in
// minutes after midnight, local time. From equal to Until is none.
type Quiet struct {
	From  int `json:"from"`
	Until int `json:"until"`
}

// ShippedQuiet is from nine in the evening to eight in the morning.
var ShippedQuiet = Quiet{From: 21 * 60, Until: 8 * 60}

// expected is for how long a person who asked to be called still expects it,
// also at night.
const expected = time.Hour

// When is the time from which a call-back may be made.
func (q Quiet) When(b CallBack, now time.Time) time.Time {
	at := now
	if b.NotBefore.After(at) {
		at = b.NotBefore
	}
	if b.Agreed || b.Tries == 0 && at.Sub(b.Since) < expected {
		return at
	}
	return q.After(at)
}

// After is at, or the end of the quiet hours that it is in.
func (q Quiet) After(at time.Time) time.Time {
	local := at.Local()
	minute := local.Hour()*60 + local.Minute()
	day := local.Day()
	switch {
	case q.From == q.Until:
		return at
	case q.From < q.Until && (minute < q.From || minute >= q.Until):
		return at
	case q.From > q.Until && minute < q.From && minute >= q.Until:
		return at
	case q.From > q.Until && minute >= q.From:
		day++
	}
	return time.Date(local.Year(), local.Month(), day, q.Until/60, q.Until%60, 0, 0, local.Location())
}

var quietHours = store.NewTable[Quiet]("quiet_hours")

// ItemsChanged delivers the changes of the worklist, among other events: those
// that are about an item name it in Data["item"].
func (c *Contacts) ItemsChanged(buffer int) *events.Subscription {
	return c.store.Events().Subscribe(buffer)
}

// QuietHours are those in force.
func (c *Contacts) QuietHours() (q Quiet, err error) {
	err = c.store.View(func(tx *store.Tx) error {
		q, err = quietHours.Get(tx, "callbacks")
		if errors.Is(err, store.ErrNotFound) {
			q, err = ShippedQuiet, nil
		}
		return err
	})
	return q, err
}

// SetQuietHours changes them.
func (c *Contacts) SetQuietHours(ctx context.Context, q Quiet, by string) error {
	return c.store.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: "callback.quiet_hours", By: by, Via: "web"})
		return quietHours.Put(tx, "callbacks", q)
	})
}

// QueuedCallBacks returns the items that the hotline is to call by itself.
func (c *Contacts) QueuedCallBacks() (all []Item, err error) {
	err = c.store.View(func(tx *store.Tx) error {
		for id := range itemsQueued.IDs(tx, queued) {
			i, err := items.Get(tx, id)
			if err != nil {
				return err
			}
			all = append(all, i)
		}
		return nil
	})
	return all, err
}

// QueuedCallBack returns one of them; ok is false when there is nothing to call.
func (c *Contacts) QueuedCallBack(id string) (i Item, ok bool, err error) {
	err = c.store.View(func(tx *store.Tx) error {
		i, err = items.Get(tx, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		ok = err == nil && i.Queued()
		return err
	})
	return i, ok, err
}

// KeptPlace is the place in the queue of a call-back that a number waits for:
// who rings before we do has it.
func (c *Contacts) KeptPlace(number call.Number) (place CallBack, ok bool, err error) {
	if number.Withheld() {
		return place, false, nil
	}
	err = c.store.View(func(tx *store.Tx) error {
		digest := tx.Digest(string(number))
		if about, err := numberNotes.read(tx, digest); err != nil || about.Shared {
			return err
		}
		for id := range itemsByNumber.IDs(tx, digest) {
			i, err := items.Get(tx, id)
			if err != nil {
				return err
			}
			if i.Back.Queue != "" {
				place, ok = i.Back, true
			}
		}
		return nil
	})
	return place, ok, err
}

// NewContactID is the id of a contact that is still to come.
func (c *Contacts) NewContactID() (id string) {
	_ = c.store.View(func(tx *store.Tx) error { id = tx.NewID(); return nil }) // cannot fail: nothing is read
	return id
}

// BeginCall writes down that the number of an item is about to be called, as
// contact k. Nothing is dialled that this has not returned: two agents, two
// items of one number or a restart cannot make two calls of one.
func (c *Contacts) BeginCall(ctx context.Context, item string, k Contact) (Contact, error) {
	return c.beginCall(ctx, item, k, false)
}

// BeginQueued is BeginCall for a call that the hotline makes by itself. Whoever
// was answered or left to people in the moment in which an agent took it is not
// called any more.
func (c *Contacts) BeginQueued(ctx context.Context, item string, k Contact) (Contact, error) {
	return c.beginCall(ctx, item, k, true)
}

func (c *Contacts) beginCall(ctx context.Context, item string, k Contact, queued bool) (Contact, error) {
	var opened Contact
	err := c.store.Update(ctx, func(tx *store.Tx) error {
		opened = k
		i, err := openItem(tx, item)
		switch {
		case err != nil:
			return err
		case i.Lock.Held(tx.Now(), k.Agent):
			return TakenError{i.Lock.Name}
		case i.NoCall:
			return ErrNoCall
		case !i.Number.E164():
			return ErrNoDial
		}
		digest := tx.Digest(string(i.Number))
		for range numbersCalled.IDs(tx, digest) {
			return ErrDialling
		}
		for range numbersRunning.IDs(tx, digest) {
			return ErrOnLine
		}
		if queued && !i.Queued() {
			return ErrItemGone
		}
		opened.CallBackOf, opened.Direction, opened.Channel = i.ID, "out", "phone"
		opened.Caller, opened.Dialled, opened.Language = i.Number, string(i.Number), i.Language
		if opened.Queue == "" {
			opened.Queue = i.Queue
		}
		opened.ChildAlone = i.Child // its own record tells no more of the number, and nothing of it is recorded
		if err := openContact(tx, &opened); err != nil {
			return err
		}
		if i.Child {
			tx.Emit(childShown(i, k.Agent, k.AgentName))
		}
		was := i
		i.Tries++
		i.Back.Tries++
		i.TriedAt, i.Back.Dialling = tx.Now(), opened.ID
		tx.Emit(events.Event{Kind: "callback.dialled", Operation: i.Operation, Contact: opened.ID, Queue: opened.Queue, Agent: k.Agent, By: k.Agent,
			Data: map[string]string{"item": i.ID}})
		return errors.Join(numbersCalled.Add(tx, digest, i.ID), putItem(tx, was, i, closing{by: k.Agent}))
	})
	return opened, err
}

// settleEnd makes the item say what became of a call to its number that has
// just ended. What the agent writes afterwards has the last word (settleNotes).
func settleEnd(tx *store.Tx, k Contact) error {
	return settle(tx, k, func(i *Item) {
		switch {
		case k.Outcome == OutcomeNotReached:
			why := k.Failure
			if why == "" {
				why = FailedNoAnswer
			}
			i.Back.failed(why, tx.Now())
			if why == FailedLine || why == FailedAgent {
				i.Tries = max(i.Tries-1, 0)
			}
		case k.Outcome != OutcomeAnswered: // reached, and cut off
			i.Back.Dialling = ""
			if i.Back.Queue == "" {
				i.Back.Queue = k.Queue
			}
			i.Back.Priority, i.Back.NotBefore, i.Back.Failed = cutOff, tx.Now(), k.Open
			if i.Back.Tries >= maxTries {
				i.Back.Stopped = StoppedTries
			}
		}
	})
}

// settleNotes is what the agent says of a call to an item's number: reached, or
// not after all, because a machine or somebody else answered.
func settleNotes(tx *store.Tx, k *Contact) error {
	if k.Disposition == DispositionNotReached {
		k.Outcome, k.Failure, k.Open = OutcomeNotReached, FailedMachine, ""
		return settle(tx, *k, func(i *Item) { i.Back.failed(FailedMachine, tx.Now()) })
	}
	if err := settle(tx, *k, func(i *Item) { i.Back = CallBack{} }); err != nil {
		return err
	}
	// What others must hear was not told to this agent.
	kept := func(old Contact) bool { return old.left(BoxComplaint) || old.private() && k.Queue != QueuePrivate }
	return closeAll(tx, k.CallBackOf, k.ID, kept, closing{by: k.Agent, via: "rule", why: calledBack})
}

func settle(tx *store.Tx, k Contact, fn func(*Item)) error {
	i, err := items.Get(tx, k.CallBackOf)
	if err != nil {
		return err
	}
	err = numbersCalled.Remove(tx, tx.Digest(k.Dialled), i.ID)
	if err != nil || !i.ClosedAt.IsZero() || i.Back.Dialling != k.ID {
		return err
	}
	was := i
	i.Lock = Lock{}
	fn(&i)
	kind := "callback.reached"
	if k.Outcome == OutcomeNotReached {
		kind = "callback.not_reached"
	}
	tx.Emit(events.Event{Kind: kind, Operation: i.Operation, Contact: k.ID, Queue: k.Queue, Agent: k.Agent,
		Data: map[string]string{"item": i.ID, "why": k.Failure, "stopped": i.Back.Stopped}})
	return putItem(tx, was, i, closing{})
}

// QueueItem makes the hotline call an item by itself, at once in its old place
// or at a time that was agreed.
func (c *Contacts) QueueItem(ctx context.Context, id string, at time.Time, by string) error {
	_, err := c.work(ctx, id, by, "callback.queued", nil, func(tx *store.Tx, i *Item) error {
		switch {
		case i.NoCall:
			return ErrNoCall
		case !i.Number.E164():
			return ErrNoDial
		case i.Back.Dialling != "":
			return ErrDialling
		}
		i.Back = CallBack{Queue: i.callsIn(i.Queue), Since: i.FirstAt, NotBefore: at, Agreed: true}
		i.Lock = Lock{}
		return nil
	})
	return err
}

// UnqueueItem leaves an item to people.
func (c *Contacts) UnqueueItem(ctx context.Context, id, by string) error {
	_, err := c.work(ctx, id, by, "callback.stopped", nil, func(_ *store.Tx, i *Item) error {
		if i.Back.Dialling != "" {
			return ErrDialling
		}
		if i.Back.Queue != "" {
			i.Back.Stopped = StoppedByHand
		}
		return nil
	})
	return err
}
