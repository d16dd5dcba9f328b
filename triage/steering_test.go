package triage

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Who is put first is served next in the line, behind callers who were cut off;
// two of them go by their age. The order stays total.
func TestAContactIsPutFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		places := map[string]*Place{}
		for _, one := range []struct {
			contact  string
			priority int
		}{{"cut off", -1}, {"old", 1}, {"young", 5}, {"youngest", 5}} {
			p, err := d.Enter(Waiting{Contact: one.contact, Queue: "help", Since: time.Now(), Priority: one.priority})
			must(t, err)
			places[one.contact] = p
			time.Sleep(time.Second)
		}
		must(t, d.PutFirst("youngest", "Amal"))
		must(t, d.PutFirst("young", "Amal"))
		if err := d.PutFirst("young", "Amal"); !errors.Is(err, ErrFirst) {
			t.Errorf("put first twice: %v", err)
		}
		if err := d.PutFirst("cut off", "Amal"); !errors.Is(err, ErrFirst) {
			t.Errorf("who goes first already: %v", err)
		}
		if err := d.PutFirst("nobody", "Amal"); !errors.Is(err, ErrNotWaiting) {
			t.Errorf("who does not wait: %v", err)
		}
		_, waiting := d.View()
		for i, want := range []string{"cut off", "young", "youngest", "old"} {
			if waiting[i].Contact != want || waiting[i].Position != i+1 {
				t.Errorf("place %d has %s at %d, want %s", i+1, waiting[i].Contact, waiting[i].Position, want)
			}
		}
		if waiting[1].First != "Amal" || waiting[3].First != "" {
			t.Errorf("who did it: %+v", waiting)
		}
		signIn(t, d, "a", "both")
		expect(t, places["cut off"], PlaceOffered, "a")
		signIn(t, d, "b", "both")
		expect(t, places["young"], PlaceOffered, "b")
	})
}

// A supervisor who is free is rung for the contact of their choice; when it is
// not taken, the caller is where it was and goes to anybody.
func TestAContactIsTakenBeforeItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		signIn(t, d, "lead", "volunteers") // sees help only after a while
		first, second := enter(t, d, "first", "help"), enter(t, d, "second", "help")
		must(t, d.Ring("second", "lead"))
		expect(t, second, PlaceOffered, "lead")
		quiet(t, first)
		if err := d.Ring("first", "lead"); err == nil {
			t.Error("one person is rung for two")
		}
		if err := d.Ring("second", "lead"); err == nil {
			t.Error("a contact that rings is offered again")
		}
		must(t, d.Decline("lead", "second"))
		expect(t, second, PlaceDeclined, "lead")
		signIn(t, d, "a", "both")
		expect(t, first, PlaceOffered, "a")
		signIn(t, d, "b", "both")
		expect(t, second, PlaceOffered, "b")
	})
}

// Whoever is due for somebody in danger is not rung for another contact.
func TestTakingNeverComesBeforeWhoIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		waits := enter(t, d, "waits", "help")
		only, err := d.Enter(Waiting{Contact: "asked", Queue: "help", Since: time.Now(), Only: "lead"})
		must(t, err)
		d.SignIn("lead", "Lead", "both")
		must(t, d.Set("lead", Ready, ""))
		if err := d.Ring("waits", "lead"); err == nil {
			t.Error("rung before the call that was due")
		}
		expect(t, only, PlaceOffered, "lead")
		quiet(t, waits)
		if err := d.PutFirst("asked", "Amal"); err == nil {
			t.Error("a call for one person was put before others")
		}
	})
}

// Who was steered knows by whom; the next change is the agent's own again.
func TestAStateSaysWhoChoseIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		signIn(t, d, "a", "both")
		p := enter(t, d, "c", "help")
		expect(t, p, PlaceOffered, "a")
		must(t, d.Steer("a", OnBreak, "rest", "Amal"))
		expect(t, p, PlaceDeclined, "a") // goes to somebody else, and is not lost
		if a := d.Agent("a"); a.State != OnBreak || a.By != "Amal" || a.Reason != "rest" {
			t.Errorf("%+v", a)
		}
		must(t, d.Set("a", Ready, ""))
		expect(t, p, PlaceOffered, "a")
		must(t, d.Accept("a", "c"))
		if err := d.Steer("a", Offline, "rest", "Amal"); !errors.Is(err, ErrNotFree) || d.Agent("a").By != "" {
			t.Errorf("in a call: %v", err)
		}
	})
}
