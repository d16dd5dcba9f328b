package triage

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/store"
)

// This file tests what callers are promised of a call back while they wait, and how
// long the list of open items takes to read.

// Test2b15PromisesOfCallBacksInTheQueue is bug 15: those to be called back are
// served in the order in which they came, like those on the line, no idle agent
// who may take one is left idle, and there is at most one call out per agent.
// It plays random days against the real dispatcher.
func Test2b15PromisesOfCallBacksInTheQueue(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 15))
			d := hall(t)
			type one struct {
				place *Place
				w     Waiting
			}
			waiting := map[string]*one{}
			busy := map[string]string{}
			for a := range 3 {
				signIn(t, d, fmt.Sprint("agent", a), "both")
			}
			for n := range 40 {
				if r.IntN(2) == 0 {
					w := Waiting{Contact: fmt.Sprintf("c%02d", n), Queue: "help", Since: time.Now().Add(-time.Duration(r.IntN(600)) * time.Second), Away: r.IntN(2) == 0}
					p, err := d.Enter(w)
					must(t, err)
					waiting[w.Contact] = &one{p, w}
				}
				synctest.Wait()
				agents, view := d.View()
				offered := map[string]string{}
				for _, a := range agents {
					if a.State == Offered {
						if other, twice := offered[a.Contact]; twice {
							t.Fatalf("seed %d: %s is offered to %s and %s", seed, a.Contact, other, a.ID)
						}
						offered[a.Contact] = a.ID
					}
				}
				for _, a := range agents {
					if a.State == Ready && len(view) > len(offered) {
						t.Fatalf("seed %d: %s is idle while %d wait and %d are offered", seed, a.ID, len(view), len(offered))
					}
				}
				// Nobody is offered before somebody who came earlier.
				order := slices.Clone(view)
				slices.SortFunc(order, func(a, b WaitingView) int { return inOrder(&a.Waiting, &b.Waiting) })
				seen := false
				for i := len(order) - 1; i >= 0; i-- {
					_, is := offered[order[i].Contact]
					if seen && !is && order[i].NotTo == nil {
						t.Fatalf("seed %d: %s (away: %v) was passed over", seed, order[i].Contact, order[i].Away)
					}
					seen = seen || is && order[i].NotTo == nil
				}
				for contact, agent := range offered {
					must(t, d.Accept(agent, contact))
					waiting[contact].place.Leave()
					delete(waiting, contact)
					busy[agent] = contact
				}
				for agent := range busy {
					if r.IntN(2) == 0 {
						must(t, d.Set(agent, WrapUp, ""))
						must(t, d.Set(agent, Ready, ""))
						delete(busy, agent)
					}
				}
				time.Sleep(time.Second)
			}
			for _, o := range waiting {
				o.place.Leave()
			}
		})
	}
}

func BenchmarkOpenItems(b *testing.B) {
	dir, log := b.TempDir(), slog.New(slog.DiscardHandler)
	s, err := store.Open(dir, log)
	if err != nil {
		b.Fatal(err)
	}
	const many = 100_000
	fill(b, s, many)
	b.Run("restart with 100000 open items", func(b *testing.B) { // from the closed file to the list of whom to call
		for b.Loop() {
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			if s, err = store.Open(dir, log); err != nil {
				b.Fatal(err)
			}
			c := NewContacts(s)
			if _, err := c.Recover(b.Context()); err != nil {
				b.Fatal(err)
			}
			if all, err := c.QueuedCallBacks(); err != nil || len(all) != many {
				b.Fatal(len(all), err)
			}
		}
	})
	b.Cleanup(func() { _ = s.Close() })
	c := NewContacts(s)
	b.Run("all call-backs read after a restart", func(b *testing.B) {
		for b.Loop() {
			all, err := c.QueuedCallBacks()
			if err != nil || len(all) != many {
				b.Fatal(len(all), err)
			}
		}
	})
	b.Run("a look at the worklist", func(b *testing.B) {
		for b.Loop() {
			if page, err := c.Worklist(Pick{Limit: 50}); err != nil || page.Open != many {
				b.Fatal(page.Open, err)
			}
		}
	})
}

// fill stores so many people who are to be called back, as single calls would.
func fill(b *testing.B, s *store.Store, many int) {
	b.Helper()
	for from := 0; from < many; from += 2000 {
		err := s.Update(b.Context(), func(tx *store.Tx) error {
			for n := from; n < min(from+2000, many); n++ {
				k := Contact{Direction: "in", Caller: call.Number(fmt.Sprintf("+1202%07d", n)), Queue: QueueHelp}
				if err := openContact(tx, &k); err != nil {
					return err
				}
				k.EndedAt, k.Outcome, k.Open = tx.Now(), OutcomeCallBack, OpenCallBack
				if err := errors.Join(putContact(tx, &k), contactsRunning.Remove(tx, running, k.ID), forgetRunning(tx, k)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
