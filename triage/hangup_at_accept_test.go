package triage

import (
	"testing"
	"testing/synctest"
	"time"
)

// The caller hangs up in the moment in which the agent accepts: the story goes
// away without having read that it was accepted. The agent must not sit in a
// call that nobody is in.
func TestAnAgentWhoAcceptsACallerWhoHasJustLeftIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		signIn(t, d, "ana", "both")
		p := enter(t, d, "c1", "help")
		expect(t, p, PlaceOffered, "ana")
		must(t, d.Accept("ana", "c1"))
		p.Leave()
		state(t, d, "ana", Ready)
		if a := d.Agent("ana"); a.Contact != "" {
			t.Errorf("ana is still with %q", a.Contact)
		}
		next := enter(t, d, "c2", "help")
		expect(t, next, PlaceOffered, "ana")

		// A story that knows of its agent keeps it, also when it leaves the place.
		must(t, d.Accept("ana", "c2"))
		expect(t, next, PlaceAccepted, "ana")
		next.Leave()
		state(t, d, "ana", OnCall)
		time.Sleep(time.Minute)
		state(t, d, "ana", OnCall)
	})
}

// Ready pressed twice, the second time when a caller rings already, takes
// nothing back from the caller.
func TestReadyPressedWhileACallRingsKeepsTheOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		signIn(t, d, "ana", "both")
		p := enter(t, d, "c1", "help")
		expect(t, p, PlaceOffered, "ana")
		must(t, d.Set("ana", Ready, ""))
		quiet(t, p)
		must(t, d.Accept("ana", "c1"))
		expect(t, p, PlaceAccepted, "ana")
	})
}
