package boxkey

import (
	"context"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// EventChanged says that the key is kept in another way.
const EventChanged = "boxkey.changed"

// Owner is the keeper together with the open records that its key has sealed.
type Owner struct {
	*Keeper
	Records *store.Store
}

// Keep keeps the key in the way that is named, and writes down who wanted that.
func (o Owner) Keep(ctx context.Context, kind, what, by string) error {
	if err := o.Keeper.Keep(o.Records.Key(), kind, what); err != nil {
		return err
	}
	return o.Records.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: EventChanged, By: by, Via: "web", Data: map[string]string{"kind": kind}})
		return nil
	})
}
