package backup

import (
	"context"
	"errors"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/place"
	"hotline/appliance/store"
)

// Use makes p the place of the backups, after trying it. A server whose key is
// not in p is not signed in to: *place.NewServer carries the key, for somebody to
// compare.
func (k *Keeper) Use(ctx context.Context, p place.Place, by string) error {
	k.round.Lock()
	defer k.round.Unlock()
	k.mu.Lock()
	set := k.settings
	k.mu.Unlock()
	set.Place = p
	if p != (place.Place{}) {
		if err := chosen(ctx, p, set); err != nil {
			return err
		}
	}
	return k.change(ctx, set, by, EventPlace, map[string]string{"place": p.String()})
}

// chosen tries a place and makes the folder of this box there.
func chosen(ctx context.Context, p place.Place, set settings) error {
	return place.Choose(ctx, p, boxPrefix+set.Box, soundFolder)
}

// NewRecoveryKey replaces the recovery key and returns the new one, this once.
// Backups of before stay with the old one.
func (k *Keeper) NewRecoveryKey(ctx context.Context, by string) (string, error) {
	secret, public, err := NewKey()
	if err != nil {
		return "", err
	}
	k.round.Lock()
	defer k.round.Unlock()
	k.mu.Lock()
	set := k.settings
	k.mu.Unlock()
	set.Recovery, set.Made = public, time.Now().UTC()
	if k.cfg.NewKey != nil {
		if err := k.cfg.NewKey(public); err != nil {
			return "", err
		}
	}
	return secret, k.change(ctx, set, by, EventRecoveryKey, nil)
}

// change keeps new settings; the next backup is a whole one. Round is held.
func (k *Keeper) change(ctx context.Context, set settings, by, kind string, data map[string]string) error {
	if err := set.save(k.cfg.Data); err != nil {
		return err
	}
	k.chain = chain{}
	k.mu.Lock()
	k.settings = set
	k.state = State{}
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
	return k.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: kind, By: by, Via: "web", Data: data})
		return nil
	})
}

// Once makes a whole backup in a folder that is not the chosen place.
func (k *Keeper) Once(ctx context.Context, to string) (err error) {
	k.round.Lock()
	defer k.round.Unlock()
	k.mu.Lock()
	set := k.settings
	k.mu.Unlock()
	if err := chosen(ctx, place.Place{Folder: to}, set); err != nil {
		return err
	}
	shelf, err := place.Reach(ctx, place.Place{Folder: to}, boxPrefix+set.Box, false, soundFolder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shelf.Close()) }()
	k.chain = chain{}
	defer func() { k.chain = chain{} }() // the chosen place knows nothing of what changed before
	return k.copyTo(ctx, shelf, set)
}
