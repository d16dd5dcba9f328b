package calendar

import (
	"testing"
	"time"

	"hotline/appliance/store/storetest"
)

// The date may move on by itself for a week; a leap is believed when a person has
// said so, or when it is taken back.
func TestALeapOfTheDateIsNotBelieved(t *testing.T) {
	s := storetest.Open(t)
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return start.AddDate(0, 0, n) }
	believed := func(n int, want bool) {
		t.Helper()
		if got, err := Believe(t.Context(), s, day(n)); err != nil || got != want {
			t.Errorf("day %d is believed: %v, want %v (%v)", n, got, want, err)
		}
	}
	leap := func(want int) {
		t.Helper()
		if got, err := Unbelieved(s); err != nil || got.Days() != want {
			t.Errorf("a leap of %d days, want %d (%v)", got.Days(), want, err)
		}
	}
	believed(0, true)
	believed(6, true) // off for some days
	leap(0)
	believed(20_000, false) // an empty battery
	believed(20_001, false)
	leap(19_994)
	believed(6, true) // somebody has set it right
	leap(0)
	believed(1, true) // and back further: what was believed was wrong
	believed(9, false)
	leap(8)
	if err := Confirm(t.Context(), s, day(400), "Flood", "chen"); err != nil { // a year in a cupboard
		t.Fatal(err)
	}
	leap(0)
	believed(400, true)
}
