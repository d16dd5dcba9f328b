package desk

import (
	"fmt"
	"testing"
	"time"

	"hotline/triage"
)

// Callers hang up in the moment in which the agent accepts, a little earlier
// and a little later: the agent is always free for the next one afterwards, and
// every caller is on record as somebody to care for.
func Test2b03HangingUpInTheMomentOfAcceptance(t *testing.T) {
	r := openRoom(t)
	ana := r.sit("ana")
	for i := range 24 {
		caller := r.dial(fmt.Sprintf("+120245611%02d", i))
		r.until("a call rings", func() bool { return r.cfg.Dispatcher.Agent("ana").State == triage.Offered })
		id := r.cfg.Dispatcher.Agent("ana").Contact
		hung := make(chan struct{})
		go func() {
			defer close(hung)
			caller.Hangup()
		}()
		time.Sleep(time.Duration(i%12) * 100 * time.Microsecond) // not to synchronise: to hit other moments
		_ = ana.Do(t.Context(), Command{Type: "accept", Contact: id})
		<-hung
		k := r.record(id)
		if k.Open == "" {
			t.Errorf("call %d is recorded as %s and is no open item", i, k.Outcome)
		}
		r.until("the agent is out of the call", func() bool {
			if r.cfg.Dispatcher.Agent("ana").State == triage.WrapUp {
				_ = ana.Do(t.Context(), Command{Type: "wrap", Contact: id, Disposition: "dropped_call"})
			}
			return r.cfg.Dispatcher.Agent("ana").State == triage.Ready
		})
	}
}
