package desk

import (
	"slices"
	"testing"
	"time"

	"hotline/triage"
)

// TestSomebodyWaitsInPrivate: who waits for trained people when none is there is
// an alarm on the floor, without the number, which is nobody's business; it ends
// when somebody trained signs in.
func TestSomebodyWaitsInPrivate(t *testing.T) {
	r := openRoomWith(t, map[string]string{
		"straight": "about: t\nstart: q\nfallback: {queue: help, priority: 5}\nsteps:\n  q:\n    queue: private\n    priority: 4\n",
	}, nil)
	r.sit("ana") // works, and is not trained for it
	r.dial("+12024561111")
	alarmed := func() bool {
		v, err := r.FloorView(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range v.Waiting {
			if w.Number != "" {
				t.Fatalf("the floor shows the number %s of a private call", w.Number)
			}
		}
		return slices.ContainsFunc(v.Alarms, func(a FloorAlarm) bool { return a.Kind == "private" })
	}
	r.until("the floor is alarmed", alarmed)
	trained := r.Seat(Person{ID: "bea", Name: "Bea", Profile: "private"})
	if err := r.cfg.Dispatcher.Set("bea", triage.Ready, ""); err != nil {
		t.Fatal(err)
	}
	r.answer(trained)
	if alarmed() {
		t.Error("the alarm goes on although somebody trained has answered")
	}
}
