package triage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Notice is a short message of a supervisor that appears on the phone pages of
// those who work (S10, D19).
type Notice struct {
	ID      string               `json:"id"`
	Text    string               `json:"text"`
	Urgent  bool                 `json:"urgent,omitempty"`
	Profile string               `json:"profile,omitempty"` // only for those with this routing profile; "": for everybody
	Teams   []string             `json:"teams,omitempty"`   // only for the people of these teams; none: for everybody
	By      string               `json:"by"`
	Name    string               `json:"name"`
	At      time.Time            `json:"at"`
	Until   time.Time            `json:"until"`
	Seen    map[string]time.Time `json:"seen,omitempty"` // by account
}

// Event kinds of notices. The text is not in the log: it is for this hour.
const (
	EventNoticeGiven     = "notice.given"
	EventNoticeWithdrawn = "notice.withdrawn"
)

// Limits of notices.
const (
	NoticeMost    = 200 // letters: it is read beside a call
	NoticeLongest = 12 * time.Hour
	noticesAtOnce = 10 // more than that nobody reads
)

// Refusals, in words.
var (
	ErrNoticeText  = errors.New("write what people shall know, in at most 200 letters")
	ErrNoticeLong  = errors.New("a notice stays for at most twelve hours")
	ErrNoticesFull = errors.New("ten notices are up already: take one down first")
)

var noticeTable = store.NewTable[Notice]("notices")

// Notices are those that are up. A nil *Notices has none.
type Notices struct {
	store *store.Store

	mu      sync.Mutex
	up      []Notice // by time
	changed chan struct{}
}

// OpenNotices reads them. Those that have run out are gone for good.
func OpenNotices(ctx context.Context, s *store.Store) (*Notices, error) {
	n := &Notices{store: s, changed: make(chan struct{})}
	if err := n.change(ctx, func(*store.Tx) error { return nil }); err != nil {
		return nil, fmt.Errorf("reading the notices: %w", err)
	}
	return n, nil
}

// change carries out fn and removes what has run out, then shows what is up.
func (n *Notices) change(ctx context.Context, fn func(*store.Tx) error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var up []Notice
	err := n.store.Update(ctx, func(tx *store.Tx) error {
		up = nil
		if err := fn(tx); err != nil {
			return err
		}
		var gone []string
		for id, one := range noticeTable.All(tx) {
			if tx.Now().Before(one.Until) {
				up = append(up, one)
			} else {
				gone = append(gone, id)
			}
		}
		var err error
		for _, id := range gone {
			err = errors.Join(err, noticeTable.Delete(tx, id))
		}
		return err
	})
	if err != nil {
		return err
	}
	n.up = up
	close(n.changed)
	n.changed = make(chan struct{})
	return nil
}

// Give puts a notice up.
func (n *Notices) Give(ctx context.Context, one Notice, long time.Duration, via string) error {
	switch {
	case one.Text == "" || utf8.RuneCountInString(one.Text) > NoticeMost:
		return ErrNoticeText
	case long <= 0 || long > NoticeLongest:
		return ErrNoticeLong
	case len(n.Up(time.Now())) >= noticesAtOnce:
		return ErrNoticesFull
	}
	return n.change(ctx, func(tx *store.Tx) error {
		one.ID, one.At, one.Until, one.Seen = tx.NewID(), tx.Now(), tx.Now().Add(long), nil
		data := map[string]string{"name": one.Name, "profile": one.Profile}
		if one.Urgent {
			data["urgent"] = "yes"
		}
		tx.Emit(events.Event{Kind: EventNoticeGiven, By: one.By, Via: via, Data: data})
		return noticeTable.Put(tx, one.ID, one)
	})
}

// Withdraw takes one down.
func (n *Notices) Withdraw(ctx context.Context, id, by, name, via string) error {
	return n.change(ctx, func(tx *store.Tx) error {
		if _, err := noticeTable.Get(tx, id); err != nil {
			return err
		}
		tx.Emit(events.Event{Kind: EventNoticeWithdrawn, By: by, Via: via, Data: map[string]string{"name": name}})
		return noticeTable.Delete(tx, id)
	})
}

// See notes that somebody has read one. One that is gone was read in time.
func (n *Notices) See(ctx context.Context, id, account string) error {
	return n.change(ctx, func(tx *store.Tx) error {
		one, err := noticeTable.Get(tx, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if one.Seen == nil {
			one.Seen = map[string]time.Time{}
		}
		if _, seen := one.Seen[account]; seen {
			return nil
		}
		one.Seen[account] = tx.Now()
		return noticeTable.Put(tx, id, one)
	})
}

// Up are all that are up at now, the urgent ones first, then the newest.
func (n *Notices) Up(now time.Time) []Notice {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	list := slices.Clone(n.up)
	n.mu.Unlock()
	list = slices.DeleteFunc(list, func(one Notice) bool { return !now.Before(one.Until) })
	slices.SortStableFunc(list, func(a, b Notice) int {
		if a.Urgent != b.Urgent {
			if a.Urgent {
				return -1
			}
			return 1
		}
		return b.At.Compare(a.At)
	})
	return list
}

// For are those that somebody has to read: with this profile, in these teams, and
// not seen yet.
func (n *Notices) For(account, profile string, teams []string, now time.Time) []Notice {
	return slices.DeleteFunc(n.Up(now), func(one Notice) bool {
		_, seen := one.Seen[account]
		return seen || len(one.Teams) > 0 && !slices.ContainsFunc(one.Teams, func(id string) bool { return slices.Contains(teams, id) }) || one.Profile != "" && one.Profile != profile
	})
}

// Changed is closed at the next change.
func (n *Notices) Changed() <-chan struct{} {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changed
}
