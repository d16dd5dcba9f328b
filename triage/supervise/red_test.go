package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/health"
	"hotline/appliance/store"
	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/triage/supervise"
	"hotline/volunteers/roster"
)

// Something is red: when it lasts, those who have agreed to it are called, with
// everything in one call and by another line than one that is red. Where nobody
// sees to it the gaps grow; whoever presses 1 is left in peace, but for what is new.
func TestSupervisorsAreCalledWhenSomethingIsRed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var rung []string
		answer := "no"
		began := time.Now()
		h := start(t, func(_ context.Context, r supervise.Ringing) (ivr.Outcome, error) {
			mu.Lock()
			defer mu.Unlock()
			rung = append(rung, fmt.Sprintf("%v %s %s %s%s %v", time.Since(began).Truncate(time.Minute), string(r.To)[8:], r.Flow, r.Attributes["red.found"], r.Attributes["red.more"], r.Avoid))
			if strings.HasSuffix(string(r.To), "0191") {
				return ivr.Outcome{}, errors.New("nobody picks up")
			}
			return ivr.Outcome{Attributes: map[string]string{"alert.answer": answer}}, nil
		})
		calls := func(want ...string) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(rung, want) {
				t.Errorf("called were %q, want %q", rung, want)
			}
			rung = nil
		}
		says := func(what string) { mu.Lock(); answer = what; mu.Unlock() }
		lead := func(number string) func(*roster.Account) {
			return func(a *roster.Account) { a.Role, a.Phone = roster.RoleSupervisor, call.Number(number) }
		}
		h.add(t, "asleep", lead("+12025550191"))
		awake := h.add(t, "awake", lead("+12025550192"))
		h.add(t, "not-asked", func(a *roster.Account) { a.Role, a.Reachable = roster.RoleSupervisor, false })
		line := health.Check{Words: "line.down", Values: []string{"line", "carrier", "minutes", "3"}}
		disk, clock := health.Check{Words: "disk.full"}, health.Check{Words: "clock.jumped"}
		tried := health.Check{Words: "try.line.dead", Values: []string{"line", "gateway"}}

		h.red.Store(&[]health.Check{disk})
		<-time.After(time.Minute)
		h.red.Store(nil) // a hiccup
		<-time.After(5 * time.Minute)
		calls()

		h.red.Store(&[]health.Check{disk, line})
		<-time.After(time.Minute)
		line.Values = []string{"line", "carrier", "minutes", "4"} // the same fault, a minute later
		h.red.Store(&[]health.Check{disk, line})
		<-time.After(2 * time.Minute)
		calls("8m0s 0191 red line,disk [carrier]", "8m0s 0192 red line,disk [carrier]")
		if last := h.RedRound(); len(last.People) != 2 || last.People[0].Answer != supervise.Missed || last.People[1].Answer != supervise.NotNow || last.Calling {
			t.Errorf("the pages tell %+v", last)
		}
		<-time.After(75 * time.Minute) // the gaps: 10, 20, 40 minutes
		calls("18m0s 0191 red line,disk [carrier]", "18m0s 0192 red line,disk [carrier]", "38m0s 0191 red line,disk [carrier]", "38m0s 0192 red line,disk [carrier]",
			"1h18m0s 0191 red line,disk [carrier]", "1h18m0s 0192 red line,disk [carrier]")

		says("yes")
		h.red.Store(&[]health.Check{disk, line, clock, tried}) // what is new does not wait for the gap
		<-time.After(10 * time.Minute)
		calls("1h28m0s 0191 red line,try_line,diskyes [carrier gateway]", "1h28m0s 0192 red line,try_line,diskyes [carrier gateway]")
		if last := h.RedRound(); len(last.People) != 2 || last.People[1].Account != awake.ID || last.People[1].Answer != supervise.Coming {
			t.Errorf("the pages tell %+v", last)
		}
		<-time.After(24 * time.Hour)
		calls() // somebody sees to it
		again, err := supervise.New(h.cfg)
		if err != nil || len(again.RedRound().People) != 2 {
			t.Errorf("after a start the pages tell %+v (%v)", again.RedRound(), err)
		}

		h.red.Store(&[]health.Check{disk, line, clock, tried, {Words: "backup.old"}})
		<-time.After(3 * time.Minute)
		calls("25h36m0s 0191 red backup []", "25h36m0s 0192 red backup []")
		h.off.Store(true)
		h.red.Store(&[]health.Check{{Words: "key.waiting"}})
		<-time.After(time.Hour)
		calls()
		if h.RingsAboutRed() {
			t.Error("it is switched off, and the pages tell that supervisors are rung")
		}
		h.red.Store(nil)
		<-time.After(time.Minute)
		if h.RedRound().Ended.IsZero() {
			t.Error("it is over, and the pages do not tell")
		}
		h.off.Store(false)
		<-time.After(7 * time.Hour)
		h.red.Store(&[]health.Check{disk}) // again, long after somebody saw to it
		<-time.After(3 * time.Minute)
		synctest.Wait()
		mu.Lock()
		if len(rung) != 2 {
			t.Errorf("what came back is told to %q", rung)
		}
		rung = nil
		mu.Unlock()

		var kinds []string
		if err := h.store.View(func(tx *store.Tx) error {
			for e := range tx.EventLog(0) {
				switch e.Kind {
				case supervise.EventRedRung:
					kinds = append(kinds, "rung "+e.Data["people"]+" "+e.Data["found"])
				case supervise.EventRedHeard:
					kinds = append(kinds, e.Data["answer"])
				case supervise.EventRedOver:
					kinds = append(kinds, "over")
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if want := []string{"rung 2 disk.full line.down", "missed", "no"}; len(kinds) < 3 || !slices.Equal(kinds[:3], want) || !slices.Contains(kinds, "over") || !slices.Contains(kinds, "yes") {
			t.Errorf("the log says %q", kinds)
		}
	})
}

// Whatever can be red has its sentence in the call, and none is left over.
func TestEveryRedCheckIsSaid(t *testing.T) {
	set, err := flow.ParseSet(ivr.ShippedTexts())
	if err != nil {
		t.Fatal(err)
	}
	var of map[string]string
	for _, part := range set.Flow(supervise.FlowRed).Steps["what"].Say {
		if part.Kind == flow.PartEach {
			of = part.Of
		}
	}
	said := map[string]bool{}
	for _, words := range append(health.Grave(), "try.line.dead", "try.staff.none", "try.flows.lost", "try.recording.bad", "try.record.bad", "try.unkept", "try.greeting.silent", "try.queue.missed") {
		one := supervise.SaidOf(words)
		said[one] = true
		if of[one] == "" {
			t.Errorf("nothing is said about %s (%s)", words, one)
		}
	}
	for one := range of {
		if !said[one] {
			t.Errorf("nothing leads to the sentence %s", one)
		}
	}
}
