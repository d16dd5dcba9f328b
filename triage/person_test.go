package triage

import (
	"testing"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

// inLog are the persons of the contacts and refused calls in the log, in order.
func inLog(t *testing.T, s *store.Store) (persons []string) {
	t.Helper()
	if err := s.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(1) {
			if ev.Kind == "contact.started" || ev.Kind == "attempt.rejected" {
				persons = append(persons, ev.Data["person"])
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return persons
}

// TestTheLogSaysWhichAttemptsWereOnePersons, and not whose.
func TestTheLogSaysWhichAttemptsWereOnePersons(t *testing.T) {
	s := storetest.Open(t)
	c := NewContacts(s)
	rings := func(number call.Number) Contact {
		t.Helper()
		k, err := c.Open(t.Context(), Contact{Channel: "phone", Direction: "in", Caller: number})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	const one, other = call.Number("+12025550101"), call.Number("+12025550102")
	rings(one)
	rings(other)
	rings(one)
	rings("")
	secret := rings("")
	got := inLog(t, s)
	if got[0] == "" || got[0] != got[2] || got[0] == got[1] || got[3] == got[4] || got[4] != secret.ID {
		t.Errorf("persons of the attempts: %q", got)
	}
	// Whoever turns out to need protection cannot be found in the log by the
	// number any more: the next call is another person's.
	k := rings(other)
	if _, err := c.Change(t.Context(), k.ID, func(k *Contact, _ time.Time) []events.Event { k.Protected = true; return nil }); err != nil {
		t.Fatal(err)
	}
	rings(other)
	if got = inLog(t, s); got[5] != got[1] || got[6] == got[1] {
		t.Errorf("persons after protection: %q", got)
	}
	if _, err := c.Open(t.Context(), Contact{Channel: "phone", Direction: "in", Caller: one, Supervisor: true}); err != nil {
		t.Fatal(err)
	}
	if got = inLog(t, s); got[7] != "" {
		t.Errorf("a call to the supervisors' line is somebody's: %q", got[7])
	}
}

// TestPersonsAreForgotten who have not called for a week, a few with each call.
func TestPersonsAreForgotten(t *testing.T) {
	s := storetest.Open(t)
	count := func() (n int) {
		t.Helper()
		if err := s.View(func(tx *store.Tx) error {
			n = 0
			for range persons.All(tx) {
				n++
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := s.Update(t.Context(), func(tx *store.Tx) error {
		old := tx.Now().Add(-personKept - 48*time.Hour).Format(time.DateOnly)
		for i := range 20 {
			digest := tx.Digest("person " + string(rune('a'+i)))
			if err := persons.Put(tx, digest, someone{ID: "x", Day: old}); err != nil {
				return err
			}
			if err := personsByDay.Add(tx, allDays, old+" "+digest); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for i, number := range []call.Number{"+12025550101", "+12025550102", "+12025550103"} {
		if err := s.Update(t.Context(), func(tx *store.Tx) error { _, err := personOf(tx, number, ""); return err }); err != nil {
			t.Fatal(err)
		}
		if want := max(20-(i+1)*forgetAtOnce, 0) + i + 1; count() != want {
			t.Errorf("after %d calls %d are kept instead of %d", i+1, count(), want)
		}
	}
}

// TestAnEventThatWaitedSaysWhenItHappened: the disk could not be written for a
// while, and the times of agents must not be those of the writing.
func TestAnEventThatWaitedSaysWhenItHappened(t *testing.T) {
	s := storetest.Open(t)
	j := NewJournal(s, "", nil)
	long := time.Now().Add(-time.Minute)
	j.agentState(&Agent{ID: "ana", State: Ready}, Offline)
	j.agentState(&Agent{ID: "ben", State: Ready}, Offline)
	j.notes[0].At = long
	if err := j.flush(); err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	if err := s.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(1) {
			said[ev.Agent] = ev.Data["at"]
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if at, err := time.Parse(time.RFC3339Nano, said["ana"]); err != nil || !at.Equal(long) || said["ben"] != "" {
		t.Errorf("the log says %v", said)
	}
}
