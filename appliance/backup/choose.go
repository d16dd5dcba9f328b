package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// NewServer is a server that nobody has compared yet.
type NewServer struct{ Place Place }

func (e *NewServer) Error() string {
	return "this server is new: compare its fingerprint, " + e.Place.Fingerprint()
}

// Use makes p the place of the backups, after trying it. A server whose key is
// not in p is not signed in to: *NewServer carries the key, for somebody to
// compare.
func (k *Keeper) Use(ctx context.Context, p Place, by string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	if p.Server != "" && p.HostKey == "" {
		stop := errors.New("met")
		link, err := dialServer(ctx, p, func(key string) error { p.HostKey = key; return stop })
		if err == nil {
			err = link.Close()
		}
		if p.HostKey == "" {
			return err
		}
		return &NewServer{p}
	}
	k.round.Lock()
	defer k.round.Unlock()
	k.mu.Lock()
	set := k.settings
	k.mu.Unlock()
	set.Place = p
	if p != (Place{}) {
		if err := tryPlace(ctx, p, set.Box); err != nil {
			return err
		}
	}
	return k.change(ctx, set, by, EventPlace, map[string]string{"place": p.String()})
}

// tryPlace writes a little to a place and reads it back.
func tryPlace(ctx context.Context, p Place, box string) error {
	if p.Server == "" && !filepath.IsAbs(p.Folder) {
		return errors.New("give the whole path of the folder, beginning with /")
	}
	shelf, err := reach(ctx, p, box, true)
	if err != nil {
		return err
	}
	defer shelf.Close()
	const probe, text = "probe" + unfinished, "hotline"
	f, err := shelf.create(probe)
	if err != nil {
		return fmt.Errorf("nothing can be written there: %w", err)
	}
	_, err = io.WriteString(f, text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("nothing can be written there: %w", err)
	}
	back, err := shelf.open(probe)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(back)
	if err := errors.Join(err, back.Close(), shelf.remove(probe)); err != nil || string(got) != text {
		return fmt.Errorf("what is written there cannot be read back (%w)", errors.Join(err, errors.New("the probe")))
	}
	return nil
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
	if err := tryPlace(ctx, Place{Folder: to}, set.Box); err != nil {
		return err
	}
	shelf, err := reach(ctx, Place{Folder: to}, set.Box, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shelf.Close()) }()
	k.chain = chain{}
	defer func() { k.chain = chain{} }() // the chosen place knows nothing of what changed before
	return k.copyTo(ctx, shelf, set)
}
