package triage

import (
	"testing"
	"testing/synctest"
	"time"
)

// Of the bugs that others have shipped (DEVELOPING.md has the list), those of the
// dispatcher that have no longer test of their own.

// Bug 2: one agent never holds two live offers, over all queues.
func Test2b02AnAgentIsRungForOneCallerAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		first, second := enter(t, d, "first", QueueHelp), enter(t, d, "second", QueueVolunteers)
		signIn(t, d, "ana", "both")
		expect(t, first, PlaceOffered, "ana")
		quiet(t, second)
		must(t, d.Set("ana", Ready, "")) // pressed once more
		quiet(t, second)
		must(t, d.Decline("ana", "first"))
		expect(t, first, PlaceDeclined, "ana")
		quiet(t, second) // paused: not now is not for this caller alone
	})
}

// Bug 7: who has left is on no list in the same moment, whether nobody, an agent
// who was rung or one who has accepted was there.
func Test2b07WhoLeavesIsOnNoList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		gone := func(what string, p *Place) {
			t.Helper()
			p.Leave()
			if agents, waiting := d.View(); len(waiting) != 0 || len(agents) > 0 && agents[0].State != Ready {
				t.Errorf("%s: the list has %+v, the agents are %+v", what, waiting, agents)
			}
		}
		gone("waited", enter(t, d, "waits", QueueHelp))
		signIn(t, d, "ana", "both")
		rung := enter(t, d, "rung", QueueHelp)
		expect(t, rung, PlaceOffered, "ana")
		gone("was rung for", rung)
		met := enter(t, d, "met", QueueHelp)
		expect(t, met, PlaceOffered, "ana")
		must(t, d.Accept("ana", "met"))
		gone("left in the moment of the answer", met)
	})
}

// Bug 8: while somebody writes notes, no queue rings, also after a transfer.
func Test2b08NotesHoldOverAllQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		signIn(t, d, "ana", "both")
		call := enter(t, d, "call", QueueHelp)
		expect(t, call, PlaceOffered, "ana")
		must(t, d.Accept("ana", "call"))
		must(t, d.Set("ana", WrapUp, ""))
		one, other := enter(t, d, "one", QueueHelp), enter(t, d, "other", QueueVolunteers)
		for range 5 {
			time.Sleep(time.Minute)
			quiet(t, one)
			quiet(t, other)
		}
		must(t, d.Set("ana", Ready, ""))
		expect(t, one, PlaceOffered, "ana")
	})
}

// Bug 12: who did not answer does not count as somebody who could: neither for
// the figures nor for a dialogue that asks whether anybody is there.
func Test2b12WhoMissedACallIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		signIn(t, d, "ana", "both")
		p := enter(t, d, "call", QueueHelp)
		expect(t, p, PlaceOffered, "ana")
		time.Sleep(21 * time.Second)
		expect(t, p, PlaceMissed, "ana")
		if s, ok := d.Staffing(QueueHelp, time.Now()); !ok || s.SignedIn != 0 || s.Agents != 0 || s.Ready != 0 {
			t.Errorf("with the only volunteer gone the line has %+v", s)
		}
		if n := d.Spare(QueueHelp); n != 0 {
			t.Errorf("%d volunteers are free", n)
		}
		must(t, d.Set("ana", Ready, "")) // one press, and rung at once
		if s, _ := d.Staffing(QueueHelp, time.Now()); s.SignedIn != 1 {
			t.Errorf("back again, the line has %+v", s)
		}
	})
}
