package intake

import (
	"context"
	"slices"
	"testing"
	"time"

	"hotline/appliance/store/storetest"
	"hotline/triage"
)

// BenchmarkImport measures how long the one writer of the store is held, next to
// calls that are written meanwhile.
func BenchmarkImport(b *testing.B) {
	for range b.N {
		h := newHouse(b, storetest.Open(b))
		h.runs(b)
		file := manyPeople(20_000)
		began := time.Now()
		u := h.take(b, "volunteers", "people.csv", file)
		read := time.Since(began)
		began = time.Now()
		c := h.check(b, u)
		checked := time.Since(began)
		if c.New != 20_000 {
			b.Fatalf("%d new, %d same, %d refused", c.New, c.Same, c.Refused)
		}
		// Calls that are written down, without an import and beside one.
		ring := func(until <-chan struct{}) (all []time.Duration) {
			for {
				select {
				case <-until:
					slices.Sort(all)
					return all
				case <-time.After(5 * time.Millisecond):
				}
				began := time.Now()
				if _, err := h.contacts.Open(context.Background(), triage.Contact{Caller: "+12025550147", Direction: "in"}); err != nil {
					b.Error(err)
				}
				all = append(all, time.Since(began))
			}
		}
		quiet, end := context.WithTimeout(b.Context(), 3*time.Second)
		alone := ring(quiet.Done())
		end()
		stop, waits := make(chan struct{}), make(chan []time.Duration)
		go func() { waits <- ring(stop) }()
		began = time.Now()
		i, err := h.office.Start(b.Context(), u, Order{By: "ana", ByName: "Ana", Basis: "Signed at the school"})
		if err != nil {
			b.Fatal(err)
		}
		h.until(b, i.ID, Done)
		made := time.Since(began)
		close(stop)
		all := <-waits
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		b.ReportMetric(ms(read), "read-ms")
		b.ReportMetric(ms(checked), "check-ms")
		b.ReportMetric(ms(made), "import-ms")
		b.ReportMetric(ms(alone[len(alone)/2]), "alone-p50-ms")
		b.ReportMetric(ms(alone[len(alone)*99/100]), "alone-p99-ms")
		b.ReportMetric(ms(alone[len(alone)-1]), "alone-max-ms")
		b.ReportMetric(ms(all[len(all)/2]), "call-p50-ms")
		b.ReportMetric(ms(all[len(all)*99/100]), "call-p99-ms")
		b.ReportMetric(ms(all[len(all)-1]), "call-max-ms")
		began = time.Now()
		if _, err := h.office.Undo(b.Context(), i.ID, "ana", "Ana"); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(ms(time.Since(began)), "hide-ms")
		h.until(b, i.ID, Undone)
		b.ReportMetric(ms(time.Since(began)), "undo-ms")
		if n := len(h.people(b)); n != 0 {
			b.Errorf("%d people are left", n)
		}
	}
}
