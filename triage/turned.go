package triage

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/store"
)

// TurnedAway writes down calls that are not answered: those refused because the
// box was full, and flash calls of people without credit, who want to be called.
// Such a call takes no time and a flood of them must not fill the disk: calls of
// one number within one hour are one record with a count, a number beyond
// turnedPerHour is counted without being kept, and so is a number that is
// withheld.
type TurnedAway struct {
	contacts  *Contacts
	operation string
	log       *slog.Logger

	mu      sync.Mutex
	counts  map[turned]int
	waiting []chan struct{} // closed when what was noted is on disk
}

type turned struct {
	caller call.Number
	called string
	flash  bool
}

// digest tells the records of an hour apart.
func (one turned) digest(tx *store.Tx) string {
	if one.flash {
		return tx.Digest("flash " + string(one.caller))
	}
	return tx.Digest(string(one.caller))
}

const (
	turnedPerHour = 1000
	turnedOpen    = 20_000 // open items of this kind; beyond it numbers are not kept
	turnedEvery   = 2 * time.Second
	flashPriority = 5 // in the queue for help, like who calls and waits
)

// turnedRecords are the records of an hour: the hour → digest of the number and
// contact.
var turnedRecords = store.NewIndex("contacts_turned_away")

// NewTurnedAway writes into c; Run starts it.
func NewTurnedAway(c *Contacts, operation string, log *slog.Logger) *TurnedAway {
	return &TurnedAway{contacts: c, operation: operation, log: log, counts: map[turned]int{}}
}

// Note counts one refused call. It never waits.
func (t *TurnedAway) Note(caller call.Number, called string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count(turned{caller: caller, called: called})
}

// NoteFlash counts one flash call. What it returns is closed when the call is
// on disk.
func (t *TurnedAway) NoteFlash(caller call.Number, called string) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count(turned{caller: caller, called: called, flash: true})
	stored := make(chan struct{})
	t.waiting = append(t.waiting, stored)
	return stored
}

func (t *TurnedAway) count(one turned) {
	if _, known := t.counts[one]; !known && len(t.counts) >= turnedPerHour {
		one = turned{flash: one.flash}
	}
	t.counts[one]++
}

// Run writes until ctx ends, and then what is left. What was noted in the last
// turnedEvery before a power cut is lost: nobody was promised anything.
func (t *TurnedAway) Run(ctx context.Context) error {
	tick := time.NewTicker(turnedEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return t.write(context.WithoutCancel(ctx))
		case <-tick.C:
			if err := t.write(ctx); err != nil {
				t.log.Error("refused calls could not be recorded; it is tried again", "error", err)
			}
		}
	}
}

func (t *TurnedAway) write(ctx context.Context) error {
	t.mu.Lock()
	counts, waiting := t.counts, t.waiting
	t.counts, t.waiting = map[turned]int{}, nil
	t.mu.Unlock()
	if len(counts) == 0 {
		return nil
	}
	err := t.contacts.store.Update(ctx, func(tx *store.Tx) error {
		hour := tx.Now().Format("2006-01-02T15")
		known, open := map[string]string{}, 0
		for place := range turnedRecords.IDs(tx, hour) {
			digest, id, _ := strings.Cut(place, " ")
			known[digest] = id
		}
		for _, kind := range []string{OpenTurnedAway, OpenFlash} {
			for range itemsOpen.IDs(tx, kind) {
				open++
			}
		}
		for one, n := range counts {
			if err := t.add(tx, hour, known, open, one, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.mu.Lock()
		for one, n := range counts {
			t.counts[one] += n
		}
		t.waiting = append(t.waiting, waiting...)
		t.mu.Unlock()
		return err
	}
	for _, stored := range waiting {
		close(stored)
	}
	return nil
}

// add counts n such calls of one number in its record of the hour. known are
// the hour's records by digest.
func (t *TurnedAway) add(tx *store.Tx, hour string, known map[string]string, open int, one turned, n int) error {
	digest := one.digest(tx)
	if _, have := known[digest]; !have && (len(known) >= turnedPerHour || open+len(known) >= turnedOpen) {
		one = turned{flash: one.flash}
		digest = one.digest(tx)
	}
	k := Contact{ID: known[digest], Operation: t.operation, Channel: "phone", Direction: "in", Dialled: one.called, Caller: one.caller,
		Withheld: one.caller.Withheld(), ReceivedAt: tx.Now()}
	if k.ID != "" {
		old, err := contacts.Get(tx, k.ID)
		if err != nil {
			return err
		}
		if old.Open != "" || one.flash && old.Withheld { // else it is dealt with, and this is another one
			k = old
		} else {
			k.ID = ""
			if err := turnedRecords.Remove(tx, hour, digest+" "+old.ID); err != nil {
				return err
			}
		}
	}
	fresh := k.ID == ""
	if fresh {
		k.ID = tx.NewID()
		known[digest] = k.ID
		if err := turnedRecords.Add(tx, hour, digest+" "+k.ID); err != nil {
			return err
		}
		if err := indexCaller(tx, k); err != nil {
			return err
		}
	}
	k.Turned += n
	k.EndedAt = tx.Now()
	k.Outcome, k.Open = OutcomeRejected, OpenTurnedAway
	k.EndedBy, k.EndReason = call.BySystem, "every line of the hotline was taken"
	what := "attempt.rejected"
	if one.flash {
		k.Outcome, k.Open, k.Queue, k.Priority = OutcomeFlash, OpenFlash, QueueHelp, flashPriority
		k.EndReason, what = "the number is for calls that are not answered", "attempt.flashed"
		if k.Withheld {
			k.Open = "" // nobody can be called back
		}
	}
	data := map[string]string{"n": strconv.Itoa(n)}
	if !k.Withheld { // of those who are counted together nobody knows how many they are
		person, err := personOf(tx, k.Caller, k.ID)
		if err != nil {
			return err
		}
		data["person"] = person
	}
	tx.Emit(events.Event{Kind: what, Operation: t.operation, Contact: k.ID, Data: data})
	return putContact(tx, &k)
}
