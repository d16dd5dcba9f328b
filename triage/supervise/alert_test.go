package supervise_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hotline/ivr"
	"hotline/triage"
	"hotline/triage/supervise"
	"hotline/volunteers/roster"
)

// Callers who wait for too long have supervisors called (P8): when it lasts, those
// who have agreed to it, one after another until one sees to it, and then not
// again for half an hour. In danger it is sooner. It can be switched off.
func TestSupervisorsAreCalledWhenCallersWaitTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var rung []string
		h := start(t, func(ctx context.Context, r supervise.Ringing) (ivr.Outcome, error) {
			mu.Lock()
			defer mu.Unlock()
			rung = append(rung, string(r.To)+" "+r.Flow+" "+r.Attributes["alert.kind"]+" "+r.Attributes["alert.queue"]+" "+r.Attributes["room.waiting"])
			if strings.HasSuffix(string(r.To), "0191") {
				return ivr.Outcome{}, errors.New("nobody picks up")
			}
			return ivr.Outcome{Attributes: map[string]string{"alert.answer": "yes"}}, nil
		})
		calls := func() []string {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			got := rung
			rung = nil
			return got
		}
		lead := func(a *roster.Account) { a.Role = roster.RoleSupervisor }
		h.add(t, "asleep", func(a *roster.Account) { lead(a); a.Phone = "+12025550191" })
		awake := h.add(t, "awake", func(a *roster.Account) { lead(a); a.Phone = "+12025550192" })
		h.add(t, "not-asked", func(a *roster.Account) { lead(a); a.Phone, a.Reachable = "+12025550195", false })
		h.add(t, "answers-calls", func(a *roster.Account) { a.Phone = "+12025550196" })
		enter := func(contact, queue string) *triage.Place {
			p, err := h.cfg.Dispatcher.Enter(triage.Waiting{Contact: contact, Queue: queue, Since: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		waits := enter("c1", triage.QueueHelp)
		<-time.After(4*time.Minute + 50*time.Second) // marked after three minutes, and not yet for two
		if got := calls(); len(got) > 0 {
			t.Errorf("called at once: %q", got)
		}
		<-time.After(40 * time.Second)
		both := []string{"+12025550191 alert line help 1", "+12025550192 alert line help 1"}
		if got := calls(); !slices.Equal(got, both) {
			t.Errorf("called were %q", got)
		}
		if list := h.Alerts(time.Now()); len(list) != 1 || list[0].Seen != awake.Name || list[0].Calling || list[0].Danger || !list[0].Ended.IsZero() {
			t.Errorf("the pages tell %+v", list)
		}
		<-time.After(29 * time.Minute)
		if got := calls(); len(got) > 0 {
			t.Errorf("somebody sees to it, and these are called again: %q", got)
		}
		<-time.After(2 * time.Minute)
		if got := calls(); !slices.Equal(got, both) { // who was called longest ago comes first
			t.Errorf("half an hour later: %q", got)
		}

		// Somebody in danger: sooner, also while the other line is quiet; but nobody is
		// called twice within ten minutes.
		<-time.After(11 * time.Minute)
		danger := enter("c2", triage.QueueLife)
		<-time.After(25 * time.Second)
		if got := calls(); len(got) > 0 {
			t.Errorf("before half a minute: %q", got)
		}
		<-time.After(25 * time.Second)
		if got := calls(); !slices.Equal(got, []string{"+12025550191 alert danger life 1", "+12025550192 alert danger life 1"}) {
			t.Errorf("for somebody in danger: %q", got)
		}
		danger.Leave()
		waits.Leave()
		<-time.After(20 * time.Second)
		if list := h.Alerts(time.Now()); len(list) != 2 || list[0].Ended.IsZero() || list[1].Ended.IsZero() {
			t.Errorf("when nobody waits any more, the pages tell %+v", list)
		}
		if list := h.Alerts(time.Now().Add(2 * time.Hour)); len(list) != 0 {
			t.Errorf("two hours later they tell %+v", list)
		}

		h.off.Store(true)
		<-time.After(time.Hour)
		enter("c3", triage.QueueLife)
		<-time.After(time.Hour)
		if got := calls(); len(got) > 0 {
			t.Errorf("although it is switched off: %q", got)
		}
		h.off.Store(false)
		<-time.After(20 * time.Second)
		if got := calls(); len(got) != 2 {
			t.Errorf("switched on again: %q", got)
		}
	})
}
