package webhooks

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Hooks that are carried from one hotline to another, with their secrets apart.

// EventChanged is emitted when a hook is another one than before.
const EventChanged = "webhook.changed"

// NewSecret draws a secret.
func NewSecret() string {
	key := make([]byte, 32)
	rand.Read(key)
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// IsSecret reports that a text can be the secret of a hook: at least as long as
// the specification asks for.
func IsSecret(text string) bool {
	coded, ok := strings.CutPrefix(text, secretPrefix)
	key, err := base64.StdEncoding.DecodeString(coded)
	return ok && err == nil && len(key) >= 24 && len(key) <= 64
}

// Put has the hook h.ID become as h says, or adds one where there is none of that
// ID. An empty secret leaves the one that it has. What happened before is not told
// to a new one; one that is changed goes on where it was.
func (p *Post) Put(ctx context.Context, h Hook, via string) error {
	if err := p.check(h); err != nil {
		return err
	}
	err := p.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		was, err := hooks.Get(tx, h.ID)
		switch {
		case h.ID == "" || errors.Is(err, store.ErrNotFound):
			_, err := putNew(tx, &h, via)
			return err
		case err != nil:
			return err
		}
		next := was
		next.Name, next.URL, next.Topics, next.Network, next.Paused = h.Name, h.URL, h.Topics, h.Network, h.Paused
		if h.Secret != "" {
			next.Secret = h.Secret
		}
		next.Gone = was.Gone && next.Paused
		noteVia(tx, EventChanged, next, h.By, via)
		return hooks.Put(tx, h.ID, next)
	})
	if err == nil {
		p.wake()
	}
	return err
}

// putNew adds a hook, which is told what happens from now on, and gives it its ID.
func putNew(tx *store.Tx, h *Hook, via string) (begun Standing, err error) {
	count := 0
	for range hooks.All(tx) {
		count++
	}
	if count >= most {
		return begun, TooMany
	}
	mark, err := tx.LogMark()
	if err != nil {
		return begun, err
	}
	begun = Standing{Seq: mark.Seq}
	h.ID, h.Created, h.Gone = tx.NewID(), tx.Now(), false
	noteVia(tx, EventMade, *h, h.By, via)
	return begun, errors.Join(hooks.Put(tx, h.ID, *h), standings.Put(tx, h.ID, begun))
}

// Secrets are the secrets of the hooks by their IDs, for whoever carries them to
// another hotline.
func (p *Post) Secrets() (map[string]string, error) {
	out := map[string]string{}
	err := p.cfg.Store.View(func(tx *store.Tx) error {
		for id, h := range hooks.All(tx) {
			out[id] = h.Secret
		}
		return nil
	})
	return out, err
}

// Renew goes on with what is stored after change has changed it by other ways than
// this Post.
func (p *Post) Renew(change func()) error {
	change()
	known, err := p.Secrets()
	if err != nil {
		return err
	}
	p.mu.Lock()
	for id := range p.now {
		if _, there := known[id]; !there {
			delete(p.now, id)
		}
	}
	p.mu.Unlock()
	p.wake()
	return nil
}

func noteVia(tx *store.Tx, kind string, h Hook, by, via string) {
	tx.Emit(events.Event{Kind: kind, By: by, Via: via, Data: map[string]string{"webhook": h.ID, "system": h.Name, "host": h.Host()}})
}
