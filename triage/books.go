package triage

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// The books say what became of every attempt to reach the hotline. Each
// contact's way is written into the event log by the transaction that makes it
// true; the figures are read from there and nowhere else.

// Fates of an attempt.
const (
	fateOnLine   = "on_line"  // the call runs
	fateAnswered = "answered" // talked with somebody, nothing is left to do
	fateClosed   = "closed"   // nobody talked with them; a person or a rule closed it
	fateOpen     = "open"     // somebody has to care for it
)

// fate is what became of an attempt so far; "" for what is none: a call of ours.
func (k Contact) fate() string {
	switch {
	case k.ID == "" || k.ours():
		return ""
	case k.EndedAt.IsZero():
		return fateOnLine
	case k.Open != "":
		return fateOpen
	case k.Outcome == OutcomeAnswered:
		return fateAnswered
	}
	return fateClosed
}

// EventCounted says that an attempt, or several of one number, came or went
// from one fate to another.
const EventCounted = "attempt.counted"

// enterInBooks notes that a contact's fate has changed.
func enterInBooks(tx *store.Tx, was, k Contact) {
	from, to := was.fate(), k.fate()
	day := k.ReceivedAt.Local().Format(time.DateOnly)
	note := func(from, to string, n int) {
		tx.Emit(events.Event{Kind: EventCounted, Operation: k.Operation, Contact: k.ID,
			Data: map[string]string{"from": from, "to": to, "n": strconv.Itoa(n), "day": day}})
	}
	if more := k.attempts() - was.attempts(); more > 0 && from != "" && to != "" {
		note("", to, more) // a counter that went on
	}
	switch {
	case from == to || to == "":
	case from == "":
		note("", to, k.attempts())
	default:
		note(from, to, was.attempts())
	}
}

// Balance is the equation of the books: every attempt is somewhere.
type Balance struct {
	Attempts, OnLine, Answered, Closed, Open int
}

// Holds reports whether attempts = answered + closed + open, with those on the
// line still to come to one of them.
func (b Balance) Holds() bool {
	return b.Attempts == b.OnLine+b.Answered+b.Closed+b.Open && min(b.OnLine, b.Answered, b.Closed, b.Open) >= 0
}

func (b *Balance) count(ev events.Event) {
	n, err := strconv.Atoi(ev.Data["n"])
	if err != nil {
		return
	}
	for _, move := range []struct {
		fate string
		by   int
	}{{ev.Data["from"], -n}, {ev.Data["to"], n}} {
		switch move.fate {
		case "": // comes into being
			b.Attempts += n
		case fateOnLine:
			b.OnLine += move.by
		case fateAnswered:
			b.Answered += move.by
		case fateClosed:
			b.Closed += move.by
		case fateOpen:
			b.Open += move.by
		}
	}
}

// Books reads the figures from the event log: what is new in it each time.
type Books struct {
	store *store.Store
	mu    sync.Mutex
	read  bookmark
}

// bookmark is how far the log has been read, and the figures up to there.
type bookmark struct {
	Seq   uint64             `json:"seq"`
	Total Balance            `json:"total"`
	Days  map[string]Balance `json:"days"` // by the day on which the attempt came
}

var bookmarks = store.NewTable[bookmark]("books")

// markEvery is after how many events a bookmark is kept, so that a restart does
// not read the whole log.
const markEvery = 20_000

// NewBooks reads the event log of s.
func NewBooks(s *store.Store) *Books { return &Books{store: s} }

// Balance returns the figures of all attempts and of those of the day of now.
func (b *Books) Balance(ctx context.Context, now time.Time) (total, today Balance, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fresh := 0
	err = b.store.View(func(tx *store.Tx) error {
		next := b.read
		if next.Days == nil {
			kept, err := bookmarks.Get(tx, "all")
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			next = kept
			if next.Days == nil {
				next.Days = map[string]Balance{}
			}
		}
		for ev := range tx.EventLog(next.Seq + 1) {
			next.Seq = ev.Seq
			fresh++
			if ev.Kind == EventCounted {
				next.Total.count(ev)
				day := next.Days[ev.Data["day"]]
				day.count(ev)
				next.Days[ev.Data["day"]] = day
			}
		}
		b.read = next
		return nil
	})
	if err == nil && fresh > markEvery {
		err = b.store.Update(ctx, func(tx *store.Tx) error { return bookmarks.Put(tx, "all", b.read) })
	}
	return b.read.Total, b.read.Days[now.Local().Format(time.DateOnly)], err
}
