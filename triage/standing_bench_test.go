package triage

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkExpect is what one caller's announcement of the wait costs with
// 10,000 who wait in five lines and languages, and 1,000 agents.
func BenchmarkExpect(b *testing.B) {
	rules := newRules(ShippedRouting())
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	s := Snapshot{Profiles: rules.profiles, Queues: rules.queues, Skills: rules.skills}
	tongues := []string{"en", "es", "ar", "fr", "pt"}
	for i := range 1000 {
		s.Busy = append(s.Busy, Free{Agent: fmt.Sprint("agent", i), Profile: []string{"all", "help", "volunteers", "private"}[i%4], Skills: Speaks(tongues[i%5 : i%5+1])})
	}
	for i := range 10_000 {
		s.Waiting = append(s.Waiting, Waiting{Contact: fmt.Sprintf("c%05d", i), Queue: shippedQueues()[i%5], Priority: 5, Since: now.Add(-time.Duration(i) * time.Second), Skills: Wants(tongues[i%5], nil)})
	}
	paces := NewPaces()
	b.ReportAllocs()
	for b.Loop() {
		if _, known := Expect(s.Waiting[1], s, paces, now); !known {
			b.Fatal("unknown")
		}
	}
}
