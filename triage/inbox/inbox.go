// Package inbox takes over what a box has written while its key was away: each
// such time left a small store of its own (appliance/boxkey).
package inbox

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"hotline/appliance/boxkey"
	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/volunteers"
)

// EventMerged says that the records of a locked time are here.
const EventMerged = "inbox.merged"

// Merged is what came of one inbox.
type Merged struct {
	Since       time.Time `json:"since"` // when the box began to write there
	At          time.Time `json:"at"`    // when it was taken over
	Contacts    int       `json:"contacts"`
	Messages    int       `json:"messages"`
	Registrants int       `json:"registrants"`
	Recoded     int       `json:"recoded"` // registrants whose code somebody else had
}

var merged = store.NewTable[Merged]("inboxes")

// MergeAll takes over every inbox but the one that is being written. Those that
// cannot be read stay as they are and become the error; the others come.
func MergeAll(ctx context.Context, records *store.Store, keys *boxkey.Keeper, writing string, log *slog.Logger) error {
	boxes, err := keys.Inboxes()
	failed := []error{err}
	for _, in := range boxes {
		if in.ID == writing {
			continue
		}
		m, err := mergeOne(ctx, records, keys, in, log)
		if err != nil {
			log.Error("what was written while the hotline was locked cannot be taken over yet; it stays where it is and is tried again at the next start", "folder", in.Dir, "error", err)
			failed = append(failed, err)
			continue
		}
		log.Info("what was written while the hotline was locked is taken over", "since", in.Since, "contacts", m.Contacts, "messages", m.Messages, "registrants", m.Registrants, "recoded", m.Recoded)
	}
	return errors.Join(failed...)
}

// mergeOne takes over one inbox in one transaction, then the files of its sound,
// and removes it: a stop anywhere leaves the inbox as it was, or one that is
// known to be done but for its files.
func mergeOne(ctx context.Context, records *store.Store, keys *boxkey.Keeper, in boxkey.Inbox, log *slog.Logger) (m Merged, err error) {
	done := false
	if err := records.View(func(tx *store.Tx) error {
		m, err = merged.Get(tx, in.ID)
		done = err == nil
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	}); err != nil {
		return m, err
	}
	key, err := keys.Unseal(records.Key(), in)
	if err != nil && !done {
		return m, err
	}
	if !done && key != nil {
		side, err := store.OpenWith(in.Dir, key, log)
		if err != nil {
			return m, err
		}
		m, err = take(ctx, records, side, in)
		if err := errors.Join(err, side.Close()); err != nil {
			return m, err
		}
	}
	if err := records.LinkBlobs(in.Dir); err != nil {
		return m, err
	}
	return m, keys.Drop(in)
}

func take(ctx context.Context, records, side *store.Store, in boxkey.Inbox) (m Merged, err error) {
	if err := side.Verify(); err != nil {
		return m, err
	}
	if _, err := triage.NewContacts(side).Recover(ctx); err != nil {
		return m, err
	}
	return m, records.Update(ctx, func(tx *store.Tx) error {
		return side.View(func(from *store.Tx) error {
			m = Merged{Since: in.Since, At: tx.Now()}
			var a, b error
			m.Contacts, m.Messages, a = triage.AdoptContacts(tx, from)
			m.Registrants, m.Recoded, b = volunteers.AdoptRegistrants(tx, from)
			tx.Emit(events.Event{Kind: EventMerged, Via: "rule", Data: map[string]string{"since": in.Since.UTC().Format(time.RFC3339),
				"contacts": strconv.Itoa(m.Contacts), "messages": strconv.Itoa(m.Messages), "registrants": strconv.Itoa(m.Registrants), "recoded": strconv.Itoa(m.Recoded)}})
			return errors.Join(a, b, merged.Put(tx, in.ID, m))
		})
	})
}
