package events

import (
	"sync"
	"testing"
)

func TestASlowSubscriberIsCutOffAndNobodyWaits(t *testing.T) {
	bus := NewBus()
	slow, quick := bus.Subscribe(2), bus.Subscribe(10)
	for seq := range uint64(5) {
		bus.Publish(Event{Seq: seq + 1})
	}
	got := 0
	for range slow.C { // ends because the bus closed it
		got++
	}
	if got != 2 {
		t.Errorf("the slow subscriber got %d events before it was cut off, want 2", got)
	}
	for want := range uint64(5) {
		if ev := <-quick.C; ev.Seq != want+1 {
			t.Errorf("event %d arrived as %d", want+1, ev.Seq)
		}
	}
	slow.Close()
	quick.Close()
	quick.Close()
	bus.Publish(Event{Seq: 6})
}

func TestSubscribersComeAndGoWhileEventsFlow(t *testing.T) {
	bus := NewBus()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				s := bus.Subscribe(1)
				bus.Publish(Event{Kind: "x"})
				s.Close()
			}
		})
	}
	wg.Wait()
}
