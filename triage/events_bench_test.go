package triage

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

// BenchmarkEvents is how fast what happens is on disk: so many callers at a time
// who call, wait and leave, each change acknowledged before the next. It states
// events and calls in a second.
func BenchmarkEvents(b *testing.B) {
	for _, callers := range []int{1, 50, 500} {
		b.Run(fmt.Sprint(callers, " callers"), func(b *testing.B) {
			s := storetest.Open(b)
			c := NewContacts(s)
			var next atomic.Int64
			var work sync.WaitGroup
			b.ResetTimer()
			for range callers {
				work.Go(func() {
					for {
						n := next.Add(1)
						if n > int64(b.N) {
							return
						}
						k, err := c.Open(b.Context(), Contact{Direction: "in", Channel: "phone", Caller: call.Number(fmt.Sprintf("+1202%07d", n%5000))})
						if err == nil {
							_, err = c.End(b.Context(), k.ID, func(k *Contact, _ time.Time) { k.Outcome, k.Open = OutcomeAbandonedQueue, OpenAbandoned })
						}
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			work.Wait()
			b.StopTimer()
			events := 0
			if err := s.View(func(tx *store.Tx) error {
				for range tx.EventLog(1) {
					events++
				}
				return nil
			}); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}
