package store

import (
	"context"
	"fmt"
)

// What several owners keep is sometimes changed as one thing: each of them has
// its own updates, and all of them have to be kept or none.

// Together runs fn with a store whose updates and views are all one transaction
// of this one: what is written is seen by what reads after it, and is on disk
// when Together returns nil. When fn returns an error, or one of the updates did,
// nothing of it is kept, whatever fn made of that. Owners are opened on the
// store that fn is given, and forgotten with it: what they have in memory is of
// records that may never have been. Nobody else can write meanwhile, callers
// included: fn does nothing that takes its time. Like every update, fn may run more than once.
func (s *Store) Together(ctx context.Context, fn func(*Store) error) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if s.within != nil {
		return fn(s)
	}
	return s.update(s.db.Update, func(tx *Tx) error {
		return fn(&Store{dir: s.dir, db: s.db, box: s.box, keys: s.keys, bus: s.bus, ids: s.ids, reserve: s.reserve, log: s.log, within: tx})
	})
}

// join runs an update as a part of the transaction. What it has written before it
// failed cannot be told from the rest: so a failed one is the end of all.
func (tx *Tx) join(fn func(*Tx) error) error {
	err := fn(tx)
	if err != nil && tx.refused == nil {
		tx.refused = fmt.Errorf("a part of one change was refused: %w", err)
	}
	return err
}
