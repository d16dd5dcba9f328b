package roster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Wall is the permission of one screen on a wall to show how the hotline
// stands, without anybody signed in. It shows nothing of callers.
type Wall struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"` // where the screen hangs
	By      string    `json:"by"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Revoked time.Time `json:"revoked,omitzero"`
}

// Valid reports that the screen may be shown at now.
func (w Wall) Valid(now time.Time) bool { return w.Revoked.IsZero() && now.Before(w.Expires) }

// Events of walls.
const (
	EventWallMade    = "wall.made"
	EventWallRevoked = "wall.revoked"
)

// ErrNoWall says that a link to a wall does not count any more, or never did.
var ErrNoWall = errors.New("there is no such wall screen")

const (
	wallLife = 30 * 24 * time.Hour
	mostLive = 50 // walls, and invitations, that count at a time
)

var walls = store.NewTable[Wall]("walls") // by digest of the token

// linkText is short enough to be typed from paper and long enough (80 bits)
// that nobody guesses it.
func linkText() string { return strings.ToLower(rand.Text()[:16]) }

// NewWall makes a link for a screen. Its token is told once and kept nowhere.
func (a *Accounts) NewWall(ctx context.Context, name, by string) (token string, w Wall, err error) {
	if name = strings.TrimSpace(name); name == "" {
		return "", Wall{}, Mistake("give the screen a name: where does it hang?")
	}
	token = linkText()
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		live := 0
		for _, other := range walls.All(tx) {
			if other.Valid(tx.Now()) {
				live++
			}
		}
		if live >= mostLive {
			return Mistake(fmt.Sprintf("there are %d wall screens already: end one that is not needed", live))
		}
		w = Wall{ID: tx.NewID(), Name: name, By: by, Created: tx.Now(), Expires: tx.Now().Add(wallLife)}
		tx.Emit(events.Event{Kind: EventWallMade, By: by, Via: "web", Data: map[string]string{"wall": w.ID, "screen": name}})
		return walls.Put(tx, digest(token), w)
	})
	return token, w, err
}

// Walls are all that count at now, the newest first.
func (a *Accounts) Walls(now time.Time) ([]Wall, error) {
	var list []Wall
	err := a.store.View(func(tx *store.Tx) error {
		for _, w := range walls.All(tx) {
			if w.Valid(now) {
				list = append(list, w)
			}
		}
		return nil
	})
	slices.SortFunc(list, func(x, y Wall) int { return strings.Compare(y.ID, x.ID) })
	return list, err
}

// CheckWall returns the wall that the token opens, or ErrNoWall.
func (a *Accounts) CheckWall(token string) (Wall, error) {
	var w Wall
	err := a.store.View(func(tx *store.Tx) (err error) {
		w, err = walls.Get(tx, digest(token))
		if errors.Is(err, store.ErrNotFound) || err == nil && !w.Valid(tx.Now()) {
			return ErrNoWall
		}
		return err
	})
	return w, err
}

// RevokeWall ends a wall at once: its screen shows nothing any more.
func (a *Accounts) RevokeWall(ctx context.Context, id, by string) error {
	return a.store.Update(ctx, func(tx *store.Tx) error {
		for key, w := range walls.All(tx) {
			if w.ID != id {
				continue
			}
			if !w.Revoked.IsZero() {
				return nil
			}
			w.Revoked = tx.Now()
			tx.Emit(events.Event{Kind: EventWallRevoked, By: by, Via: "web", Data: map[string]string{"wall": w.ID, "screen": w.Name}})
			return walls.Put(tx, key, w)
		}
		return ErrNoWall
	})
}
