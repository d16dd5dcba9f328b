package roster

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"

	"hotline/appliance/store"
)

// Hashes are made outside of a transaction: one takes as long as a sign-in, and
// while a transaction writes, nobody else can. Within it the hash of a new text is
// only wanted; once Make has made it, the same transaction is run again.
type Hashes struct {
	by     *hasher
	done   map[string]string // by text
	wanted map[string]bool
}

// NewHashes begins with none.
func NewHashes() *Hashes { return &Hashes{done: map[string]string{}, wanted: map[string]bool{}} }

// Wanted reports that hashes have to be made.
func (h *Hashes) Wanted() bool { return len(h.wanted) > 0 }

// Make makes those that are wanted.
func (h *Hashes) Make(ctx context.Context) error {
	for text := range h.wanted {
		hash, err := h.by.hash(ctx, []byte(text))
		if err != nil {
			return err
		}
		h.done[text] = hash
	}
	clear(h.wanted)
	return nil
}

// Within are the accounts of a store that is one transaction, with the PIN key of
// the data folder dir. Nobody signs in there: sessions stay with those of Open.
func Within(s *store.Store, dir string, log *slog.Logger, hashes *Hashes) (*Accounts, error) {
	if hashes.by == nil {
		pepper, _, err := loadPepper(dir)
		if err != nil {
			return nil, err
		}
		hashes.by = &hasher{slots: make(chan struct{}, hashSlots), pepper: pepper}
	}
	return &Accounts{store: s, log: log, hasher: &hasher{slots: hashes.by.slots, pepper: hashes.by.pepper, later: hashes}, sessions: map[string]*liveSession{}, halves: map[string]half{}}, nil
}

// Renew uses what somebody else has stored of accounts: who was signed out there
// is so here as well.
func (a *Accounts) Renew() error {
	a.mu.Lock()
	live := slices.Collect(maps.Keys(a.sessions))
	a.mu.Unlock()
	var over []string
	err := a.store.View(func(tx *store.Tx) error {
		over = nil
		for _, key := range live {
			if _, err := sessionTable.Get(tx, key); errors.Is(err, store.ErrNotFound) {
				over = append(over, key)
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, key := range over {
		a.drop(key)
	}
	return err
}
