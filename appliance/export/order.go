package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"hotline/appliance/events"
	"hotline/appliance/place"
	"hotline/appliance/store"
	"hotline/appliance/table"
)

// Order is an export that is made again and again, at a time of day, and carried
// to a place away from the box. Whoever ordered it answers for it: it is made in
// their name, and stops when they may not export any more. Everything (L3) is
// never ordered, for that takes a second person each time.
type Order struct {
	ID      string       `json:"id"`
	Request Request      `json:"request"`          // Since is filled in each time
	Age     string       `json:"age,omitempty"`    // locked for the holder of this key, instead of with a password
	Locked  bool         `json:"locked,omitempty"` // the files are encrypted
	Place   place.Place  `json:"place"`
	Every   Rhythm       `json:"every"`
	Day     time.Weekday `json:"day,omitempty"`     // of a weekly one
	At      string       `json:"at"`                // 06:30, in the time of the hotline
	Changed bool         `json:"changed,omitempty"` // only what has changed since the last one that arrived
	Keep    int          `json:"keep"`              // files at the place
	Ordered time.Time    `json:"ordered"`

	Due    time.Time `json:"due,omitzero"` // the last moment for which one arrived
	Job    string    `json:"job,omitempty"`
	JobDue time.Time `json:"job_due,omitzero"`
	Tried  time.Time `json:"tried,omitzero"`
	Now    bool      `json:"now,omitempty"` // somebody wants one before its time

	Arrived time.Time `json:"arrived,omitzero"`
	Upto    time.Time `json:"upto,omitzero"` // what was changed before is at the place
	File    string    `json:"file,omitempty"`
	Rows    int       `json:"rows,omitempty"`
	Failed  string    `json:"failed,omitempty"` // why the last try failed
	Since   time.Time `json:"since,omitzero"`   // of the failures
	Stopped string    `json:"stopped,omitempty"`
}

// Rhythm is how often an order is due.
type Rhythm string

// The rhythms.
const (
	Daily  Rhythm = "daily"
	Weekly Rhythm = "weekly"
)

// Why an order is stopped.
const (
	StoppedByRole   = "role" // who ordered it may not export any more
	StoppedByPerson = "person"
)

// Events of orders.
const (
	EventOrdered        = "export.ordered"
	EventOrderStopped   = "export.order_stopped"
	EventOrderResumed   = "export.order_resumed"
	EventOrderDeleted   = "export.order_deleted"
	EventCarried        = "export.carried"
	EventCarryingFailed = "export.carrying_failed"
)

// Mistakes of orders.
const (
	WrongTime  = Mistake("time")
	WrongAge   = Mistake("age")
	WrongKeep  = Mistake("keep")
	WrongOwner = Mistake("owner")
	WrongEach  = Mistake("each") // everything takes a second person, each time
)

const (
	mostOrders   = 20
	mostKept     = 366
	tryAgain     = 10 * time.Minute
	late         = 2 * time.Hour    // after its time an order that has not arrived is overdue
	carryFor     = 30 * time.Minute // one file may take
	ordersFolder = "hotline-exports"
)

var orders = store.NewTable[Order]("export_orders")

// last is the latest moment up to now at which the order was due.
func (o Order) last(now time.Time) time.Time {
	clock, _ := time.Parse("15:04", o.At) // checked when it was ordered
	y, m, d := now.Date()
	for day := 0; ; day++ {
		at := time.Date(y, m, d-day, clock.Hour(), clock.Minute(), 0, 0, now.Location())
		if !at.After(now) && (o.Every != Weekly || at.Weekday() == o.Day) {
			return at
		}
	}
}

// Next is when the order is due again.
func (o Order) Next(now time.Time) time.Time {
	clock, _ := time.Parse("15:04", o.At)
	y, m, d := now.Date()
	for day := 0; ; day++ {
		at := time.Date(y, m, d+day, clock.Hour(), clock.Minute(), 0, 0, now.Location())
		if at.After(now) && (o.Every != Weekly || at.Weekday() == o.Day) {
			return at
		}
	}
}

// owed reports that one is to be made now, and for which moment. The first one
// is made at once, so that whoever ordered it sees that it arrives; of several
// that were missed one is made up.
func (o Order) owed(now time.Time) (due time.Time, owed bool) {
	due = o.last(now)
	return due, o.Stopped == "" && (o.Now || o.Due.Before(due))
}

// Late reports that one should have arrived.
func (o Order) Late(now time.Time) bool {
	due := o.last(now)
	if due.Before(o.Ordered) {
		due = o.Ordered
	}
	return o.Stopped == "" && o.Due.Before(o.last(now)) && now.Sub(due) > late
}

// prefix begins the names of the files of an order.
func (o Order) prefix() string {
	return "hotline-" + strings.ToLower(o.ID[len(o.ID)-6:]) + "-"
}

func (o Order) fileName(j Job) string {
	what := "records"
	if len(o.Request.Sets) == 1 {
		what = o.Request.Sets[0]
	}
	name := o.prefix() + j.Asked.UTC().Format("20060102T150405Z") + "-" + what + "-" + o.Request.Level.String()
	if !j.Request.Since.IsZero() {
		name += "-changes"
	}
	if o.Age != "" {
		return name + ".zip.age"
	}
	return name + ".zip"
}

// checkOrder reports what is wrong with an order.
func (o *Office) checkOrder(ord Order) error {
	if ord.Request.Level == table.Full { // a second person says yes to each
		return WrongEach
	}
	if ord.Request.To == "" { // it goes to a place that others may read: somebody says who
		return WrongTo
	}
	if ord.Age != "" {
		if _, err := age.ParseX25519Recipient(ord.Age); err != nil {
			return WrongAge
		}
	}
	if _, err := time.Parse("15:04", ord.At); err != nil || ord.Every != Daily && ord.Every != Weekly || ord.Day < time.Sunday || ord.Day > time.Saturday {
		return WrongTime
	}
	if ord.Keep < 1 || ord.Keep > mostKept {
		return WrongKeep
	}
	return o.check(ord.Request, ord.Age != "")
}

// Order orders an export that is made again and again, after its place was
// tried. *place.NewServer asks for a comparison of the server's key first.
func (o *Office) Order(ctx context.Context, ord Order) (Order, error) {
	ord.Request.Since = time.Time{}
	if err := o.checkOrder(ord); err != nil {
		return Order{}, err
	}
	if may, err := o.may(ord.Request.By); err != nil || !may {
		return Order{}, cmp.Or[error](err, WrongOwner)
	}
	if err := place.Choose(ctx, ord.Place, ordersFolder); err != nil {
		return Order{}, err
	}
	slices.Sort(ord.Request.Sets)
	ord.Request.Sets = slices.Compact(ord.Request.Sets)
	ord.Request.Reason, ord.Request.Recipient = cutText(ord.Request.Reason), cutText(ord.Request.Recipient)
	err := o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		n := 0
		for range orders.All(tx) {
			n++
		}
		if n >= mostOrders {
			return TooMany
		}
		ord.ID, ord.Ordered, ord.Locked = tx.NewID(), tx.Now(), ord.Age != "" || ord.Request.Password != ""
		o.tell(tx, EventOrdered, ord, ord.Request.By, "web")
		return orders.Put(tx, ord.ID, ord)
	})
	o.wakeCarrier()
	return ord.public(), err
}

// tell writes an event about an order.
func (o *Office) tell(tx *store.Tx, kind string, ord Order, by, via string) {
	data := map[string]string{"order": ord.ID, "set": strings.Join(ord.Request.Sets, " "), "level": ord.Request.Level.String(),
		"reason": ord.Request.Reason, "name": ord.Request.Name, "place": ord.Place.String(), "every": string(ord.Every)}
	if ord.Request.Recipient != "" {
		data["recipient"] = ord.Request.Recipient
	}
	if ord.Request.To != "" {
		data["to"] = ord.Request.To
	}
	if ord.Stopped != "" {
		data["why"] = ord.Stopped
	}
	tx.Emit(events.Event{Kind: kind, Operation: o.cfg.Operation, By: by, Via: via, Data: data})
}

// public is an order without its secrets.
func (o Order) public() Order {
	o.Request.Password, o.Place.Password = "", ""
	return o
}

// Orders are all orders, the oldest first, without their secrets. Everybody who
// may export sees them: they go on when a person leaves the team.
func (o *Office) Orders() (list []Order, err error) {
	err = o.cfg.Store.View(func(tx *store.Tx) error {
		list = OrdersOf(tx)
		return nil
	})
	return list, err
}

// OrdersOf are the orders of a store that nobody makes exports of, without
// their secrets.
func OrdersOf(tx *store.Tx) (list []Order) {
	for _, ord := range orders.All(tx) {
		list = append(list, ord.public())
	}
	return list
}

// StopOrder lets an order rest; ResumeOrder goes on with it in the name of who
// does that, and from then on they answer for it.
func (o *Office) StopOrder(ctx context.Context, id, by string) error {
	return o.changeOrder(ctx, id, func(tx *store.Tx, ord *Order) error {
		if ord.Stopped != "" {
			return WrongState
		}
		ord.Stopped = StoppedByPerson
		o.tell(tx, EventOrderStopped, *ord, by, "web")
		return nil
	})
}

// ResumeOrder is the way back from StopOrder.
func (o *Office) ResumeOrder(ctx context.Context, id, by, name string) error {
	if may, err := o.may(by); err != nil || !may {
		return cmp.Or[error](err, WrongOwner)
	}
	if err := o.settle(ctx, id); err != nil {
		return err
	}
	err := o.changeOrder(ctx, id, func(tx *store.Tx, ord *Order) error {
		if ord.Stopped == "" {
			return WrongState
		}
		ord.Stopped, ord.Failed, ord.Since = "", "", time.Time{}
		ord.Request.By, ord.Request.Name = by, name
		o.tell(tx, EventOrderResumed, *ord, by, "web")
		return nil
	})
	o.wakeCarrier()
	return err
}

// OrderNow makes one before its time.
func (o *Office) OrderNow(ctx context.Context, id string) error {
	err := o.changeOrder(ctx, id, func(_ *store.Tx, ord *Order) error {
		if ord.Stopped != "" {
			return WrongState
		}
		ord.Now, ord.Tried = true, time.Time{}
		return nil
	})
	o.wakeCarrier()
	return err
}

// DeleteOrder ends an order for good. What is at its place stays there.
func (o *Office) DeleteOrder(ctx context.Context, id, by string) error {
	return o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		ord, err := orders.Get(tx, id)
		if errors.Is(err, store.ErrNotFound) {
			return ErrNone
		}
		if err != nil {
			return err
		}
		o.tell(tx, EventOrderDeleted, ord, by, "web")
		return orders.Delete(tx, id)
	})
}

func (o *Office) changeOrder(ctx context.Context, id string, fn func(*store.Tx, *Order) error) error {
	return o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		ord, err := orders.Get(tx, id)
		if errors.Is(err, store.ErrNotFound) {
			return ErrNone
		}
		if err != nil {
			return err
		}
		if err := fn(tx, &ord); err != nil {
			return err
		}
		return orders.Put(tx, id, ord)
	})
}

func (o *Office) may(account string) (bool, error) {
	if o.cfg.May == nil {
		return false, fmt.Errorf("nobody knows who may export")
	}
	return o.cfg.May(account)
}

func (o *Office) wakeCarrier() {
	select {
	case o.carrier <- struct{}{}:
	default:
	}
}
