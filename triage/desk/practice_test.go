package desk

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"hotline/ivr/prompts"
	"hotline/triage"
)

// A practised call runs as a real one looks, and leaves nothing: the desk it
// belongs to has neither records nor queues here, so touching one would fail.
func TestAPractisedCall(t *testing.T) {
	library, err := prompts.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		over := 0
		d := New(Config{Operation: "Flood", Prompts: library, Log: slog.New(slog.DiscardHandler)})
		defer d.stop()
		var p *Practice
		p = d.Practise(Person{ID: "a", Name: "Amal"}, "es", func() {
			over++
			if p.Snapshot().Agent.Reason == "practised" {
				t.Error("the page is told before the call is noted")
			}
		})
		is := func(want triage.AgentState) Snapshot {
			t.Helper()
			synctest.Wait()
			now := p.Snapshot()
			if now.Agent.State != want || !now.Practice {
				t.Fatalf("state %s, practice %v; want %s", now.Agent.State, now.Practice, want)
			}
			return now
		}
		do := func(c Command) {
			t.Helper()
			if err := p.Do(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		is(triage.Offline)
		changed := p.Changed()
		do(Command{Type: "ready"})
		<-changed
		is(triage.Ready)
		time.Sleep(practiceSoon)
		if now := is(triage.Offered); now.Call.Number == "" || now.Call.Language != "es" || now.Call.RingUntil.Before(time.Now()) {
			t.Errorf("it rings with %+v", now.Call)
		}
		do(Command{Type: "decline"})
		is(triage.Ready)
		time.Sleep(practiceAgain)
		is(triage.Offered)
		time.Sleep(practiceRings) // not heard
		is(triage.Ready)
		time.Sleep(practiceAgain)
		is(triage.Offered)
		do(Command{Type: "accept"})
		for _, c := range []Command{{Type: "mute", On: true}, {Type: "emergency", On: true}, {Type: "hold"}, {Type: "case.save", Fields: map[string]any{"danger_now": "yes", "place": "Santa Clara"}}} {
			do(c)
		}
		now := is(triage.OnCall)
		if k := now.Call; !k.Muted || !k.Emergency || !k.Held || k.AnsweredAt.IsZero() {
			t.Errorf("the call: %+v", k)
		}
		if now.Case.Level != triage.Red || now.Case.Fields.Place != "Santa Clara" {
			t.Errorf("the case: %+v", now.Case)
		}
		if err := p.Do(t.Context(), Command{Type: "transfer"}); err == nil {
			t.Error("a practised call was transferred")
		}
		do(Command{Type: "resume"})
		do(Command{Type: "end"})
		is(triage.WrapUp)
		do(Command{Type: "wrap", Disposition: "case_opened"})
		do(Command{Type: "wrap", Disposition: "case_opened"}) // pressed twice
		if now := is(triage.Offline); now.Agent.Reason != "practised" || now.Call != nil || now.Case != nil || over != 1 {
			t.Errorf("afterwards: %+v, told %d times", now.Agent, over)
		}
		do(Command{Type: "ready"})
		p.PageClosed(1)
		time.Sleep(time.Minute)
		is(triage.Ready) // nothing rings any more
	})
}
