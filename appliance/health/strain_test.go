package health

import (
	"log/slog"
	"testing"
	"time"

	"hotline/appliance/media"
)

// Late sound counts when it lasts and many are on the line; what was short has
// to be plenty for a while before callers are let in again.
func TestWhenTheBoxCanCarryNoMore(t *testing.T) {
	s := NewStrain(400, nil, slog.New(slog.DiscardHandler))
	sound := func(legs int, late time.Duration) Reading {
		return Reading{Clock: media.PacerStats{Legs: legs, LateP99: late}, Available: 50, Memory: 100}
	}
	memory := func(free uint64) Reading { return Reading{Available: free, Memory: 100} }
	late, fine := sound(150, 30*time.Millisecond), sound(150, 5*time.Millisecond)
	few := sound(20, time.Second)
	for i, step := range []struct {
		r    Reading
		want string
	}{
		{late, ""}, {late, ""}, {fine, ""}, // a hiccup
		{few, ""}, {few, ""}, {few, StrainBusy}, {few, StrainBusy}, // a busy machine, but not with calls
		{late, StrainBusy}, {late, StrainBusy}, {late, StrainSound}, // and now they are many
		{few, StrainSound}, {few, StrainSound}, {late, StrainSound}, {few, StrainSound}, {few, StrainSound}, {few, StrainSound}, {few, StrainSound}, {few, StrainBusy}, // some have left: it does not change with each
		{fine, StrainBusy}, {fine, StrainBusy}, {fine, StrainBusy}, {fine, StrainBusy}, {fine, ""},
		{late, ""}, {late, ""}, {late, StrainSound},
		{fine, StrainSound}, {fine, StrainSound}, {late, StrainSound}, {fine, StrainSound}, {fine, StrainSound}, {fine, StrainSound}, {fine, StrainSound}, {fine, ""},
		{memory(6), ""}, {memory(4), StrainMemory}, {memory(7), StrainMemory}, {memory(9), ""},
		{Reading{}, ""}, // nothing is known of the memory
	} {
		if s.judge(step.r); s.Kind() != step.want {
			t.Fatalf("after reading %d the strain is %q, want %q", i, s.Kind(), step.want)
		}
		if full := step.want == StrainSound || step.want == StrainMemory; s.Full() != full {
			t.Fatalf("after reading %d with the strain %q callers are turned away: %v", i, step.want, s.Full())
		}
	}
	if free, all := MemoryRoom(); all == 0 || free == 0 || free > all {
		t.Errorf("%d of %d bytes are free", free, all)
	}
}

// A hotline for few calls turns nobody away because something else keeps its
// machine busy.
func TestFewCallsAreNeverTooMany(t *testing.T) {
	s := NewStrain(4, nil, slog.New(slog.DiscardHandler))
	for range 10 {
		s.judge(Reading{Clock: media.PacerStats{Legs: 3, LateP99: time.Second}, Available: 50, Memory: 100})
	}
	if s.Full() || s.Kind() != StrainBusy {
		t.Errorf("with three callers on a busy machine callers are turned away: %v (%q)", s.Full(), s.Kind())
	}
}
