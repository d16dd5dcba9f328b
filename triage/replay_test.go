package triage

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestTheSameDayGivesTheSameDecisions plays random days to a running dispatcher
// twice: who is rung for whom, and in which order, depends on what happens and
// on nothing else. In every one of them, at any time, an agent and a contact
// have one offer at most, and every offer ends.
func TestTheSameDayGivesTheSameDecisions(t *testing.T) {
	first := rand.Uint64() >> 1
	t.Logf("days from %d", first)
	for seed := first; seed < first+60; seed++ {
		one, other := playDay(t, seed), playDay(t, seed)
		if !slices.Equal(one, other) {
			t.Fatalf("day %d played twice differs:\n%v\n%v", seed, one, other)
		}
		if t.Failed() {
			return
		}
	}
}

// playDay lets random things happen and returns the events that the dispatcher
// noted.
func playDay(t *testing.T, seed uint64) (told []string) {
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(seed, 7))
		log := slog.New(slog.DiscardHandler)
		journal := NewJournal(nil, "test", log)
		d := NewDispatcher(DispatcherConfig{Profiles: []Profile{room["both"], room["volunteers"]}, RingFor: 20 * time.Second, Journal: journal, Log: log})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		var people []string
		for i := range 2 + r.IntN(4) {
			id := fmt.Sprint("agent", i)
			d.SignIn(id, id, []string{"both", "volunteers"}[i%2])
			d.Can(id, Speaks([][]string{nil, {"es"}, {"ar"}}[r.IntN(3)]))
			people = append(people, id)
		}
		places := map[string]*Place{}
		for step := range 60 {
			who := people[r.IntN(len(people))]
			a := d.Agent(who)
			switch r.IntN(8) {
			case 0, 1:
				c := fmt.Sprint("c", step)
				w := Waiting{Contact: c, Queue: []string{"help", "volunteers"}[r.IntN(2)], Since: time.Now(), Priority: r.IntN(2), Skills: Wants([]string{"es", "ar"}[r.IntN(2)], nil)}
				if r.IntN(4) == 0 {
					w.Prefer, w.PreferUntil = who, time.Now().Add(20*time.Second)
				}
				p, err := d.Enter(w)
				must(t, err)
				places[c] = p
			case 2:
				if len(places) > 0 {
					gone := slices.Sorted(func(yield func(string) bool) {
						for c := range places {
							if !yield(c) {
								return
							}
						}
					})
					c := gone[r.IntN(len(gone))]
					places[c].Leave()
					delete(places, c)
				}
			case 3, 4:
				if a.State == Offered {
					_ = d.Accept(who, a.Contact) // may have gone in this moment
				} else {
					_ = d.Set(who, Ready, "")
				}
			case 5:
				_ = d.Decline(who, a.Contact)
			case 6:
				if a.State == OnCall {
					_ = d.Set(who, WrapUp, "")
				}
				_ = d.Set(who, Ready, "")
			case 7:
				_ = d.Set(who, OnBreak, "short")
			}
			time.Sleep(time.Duration(r.IntN(9000)) * time.Millisecond)
			synctest.Wait()
			checkRoom(t, d, seed)
		}
		time.Sleep(20 * time.Second) // every offer has rung out
		synctest.Wait()
		agents, _ := d.View()
		for _, a := range agents {
			if a.State == Offered && !a.RingUntil.After(time.Now()) {
				t.Errorf("day %d: %s is rung for ever", seed, a.ID)
			}
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		for _, ev := range journal.notes {
			told = append(told, fmt.Sprint(ev.Kind, ev.Agent, ev.Contact, ev.Queue, ev.Data))
		}
	})
	return told
}

// checkRoom looks that agents and contacts agree on who is rung for whom.
func checkRoom(t *testing.T, d *Dispatcher, seed uint64) {
	t.Helper()
	agents, waiting := d.View()
	rung := map[string]string{}
	for _, a := range agents {
		if a.State != Offered {
			continue
		}
		if other := rung[a.Contact]; other != "" {
			t.Errorf("day %d: %s rings at %s and %s", seed, a.Contact, other, a.ID)
		}
		rung[a.Contact] = a.ID
		if left := time.Until(a.RingUntil); left < 0 || left > 20*time.Second {
			t.Errorf("day %d: %s rings at %s for another %v", seed, a.Contact, a.ID, left)
		}
	}
	for _, w := range waiting {
		if w.Offered != rung[w.Contact] {
			t.Errorf("day %d: %s rings at %q and knows of %q", seed, w.Contact, rung[w.Contact], w.Offered)
		}
		if (w.Why.Reason == WhyRinging) != (w.Offered != "") {
			t.Errorf("day %d: %s, rung at %q, waits because %+v", seed, w.Contact, w.Offered, w.Why)
		}
	}
	for _, a := range agents {
		if (a.State == Ready) != (a.Why.Reason != "") {
			t.Errorf("day %d: %s is %s and idle because %+v", seed, a.ID, a.State, a.Why)
		}
	}
}
