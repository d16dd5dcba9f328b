package health

import (
	"testing"
	"time"

	"hotline/appliance/media"
)

// Late sound counts when it lasts and many are on the line; what was short has
// to be plenty for a while before callers are let in again.
func TestWhenTheBoxCanCarryNoMore(t *testing.T) {
	s := NewStrain(100, nil)
	sound := func(legs int, late time.Duration) Reading {
		return Reading{Clock: media.PacerStats{Legs: legs, LateP99: late}, Available: 50, Memory: 100}
	}
	memory := func(free uint64) Reading { return Reading{Available: free, Memory: 100} }
	late, fine := sound(150, 30*time.Millisecond), sound(150, 5*time.Millisecond)
	for i, step := range []struct {
		r    Reading
		want string
	}{
		{late, ""}, {late, ""}, {fine, ""}, // a hiccup
		{sound(20, time.Second), ""}, {sound(20, time.Second), ""}, {sound(20, time.Second), ""}, {sound(20, time.Second), ""}, // a busy machine, but not with calls
		{late, ""}, {late, ""}, {late, StrainSound},
		{fine, StrainSound}, {fine, StrainSound}, {late, StrainSound}, {fine, StrainSound}, {fine, StrainSound}, {fine, StrainSound}, {fine, StrainSound}, {fine, ""},
		{memory(6), ""}, {memory(4), StrainMemory}, {memory(7), StrainMemory}, {memory(9), ""},
		{Reading{}, ""}, // nothing is known of the memory
	} {
		if s.judge(step.r); s.Kind() != step.want {
			t.Fatalf("after reading %d the strain is %q, want %q", i, s.Kind(), step.want)
		}
	}
	if free, all := MemoryRoom(); all == 0 || free == 0 || free > all {
		t.Errorf("%d of %d bytes are free", free, all)
	}
}
