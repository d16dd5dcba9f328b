package export

import (
	"context"
	"errors"
	"reflect"
	"time"

	"hotline/appliance/place"
	"hotline/appliance/store"
)

// Orders that are carried from one hotline to another. They rest there until
// somebody lets them go on, and answers for them: only then is their place tried.

// StoppedByCarrying is why an order rests that came from another hotline.
const StoppedByCarrying = "carried"

// CarriedOrders are the orders of a store with their secrets, as another hotline can
// take them over: without whose they are and how far they are.
func CarriedOrders(tx *store.Tx) (list []Order) {
	for _, ord := range orders.All(tx) {
		list = append(list, ord.bare())
	}
	return list
}

// bare is what was ordered, and nothing of what became of it.
func (o Order) bare() Order {
	r := o.Request
	r.By, r.Name, r.Via, r.Since = "", "", "", time.Time{}
	return Order{Request: r, Age: o.Age, Locked: o.Age != "" || r.Password != "", Place: o.Place, Every: o.Every, Day: o.Day, At: o.At, Changed: o.Changed, Keep: o.Keep}
}

// PutCarried stores an order of another hotline, resting, unless there is the same
// already.
func PutCarried(tx *store.Tx, ord Order, by, via, operation string) (fresh bool, err error) {
	ord = ord.bare()
	n := 0
	for _, have := range orders.All(tx) {
		if reflect.DeepEqual(have.bare(), ord) {
			return false, nil
		}
		n++
	}
	if n >= mostOrders {
		return false, TooMany
	}
	ord.ID, ord.Ordered, ord.Stopped = tx.NewID(), tx.Now(), StoppedByCarrying
	ord.Request.By, ord.Request.Name, ord.Request.Via = by, by, via
	(&Office{cfg: Config{Operation: operation}}).tell(tx, EventOrdered, ord, by, via)
	return true, orders.Put(tx, ord.ID, ord)
}

// settle looks at an order that came from another hotline as at one that is
// ordered: what it asks for, and whether its place can be reached.
func (o *Office) settle(ctx context.Context, id string) error {
	var ord Order
	err := o.cfg.Store.View(func(tx *store.Tx) (err error) {
		ord, err = orders.Get(tx, id)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ErrNone
	case err != nil || ord.Stopped != StoppedByCarrying:
		return err
	}
	if err := o.checkOrder(ord); err != nil {
		return err
	}
	return place.Choose(ctx, ord.Place, ordersFolder)
}
