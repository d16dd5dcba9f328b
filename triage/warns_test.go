package triage

import (
	"testing"
	"time"
)

// A line is marked when too many wait in it or one waits too long (S11), by
// what operators have set or by what the program finds right.
func TestALineIsMarked(t *testing.T) {
	for _, c := range []struct {
		queue   Queue
		waiting int
		oldest  time.Duration
		want    bool
	}{
		{Queue{ID: QueueHelp}, 0, 0, false},
		{Queue{ID: QueueHelp}, 4, 179 * time.Second, false},
		{Queue{ID: QueueHelp}, 5, time.Second, true},
		{Queue{ID: QueueHelp}, 1, 3 * time.Minute, true},
		{Queue{ID: QueueHelp, WarnWaiting: 12, WarnOldest: time.Hour}, 11, 30 * time.Minute, false},
		{Queue{ID: QueueHelp, WarnWaiting: 12, WarnOldest: time.Hour}, 12, time.Minute, true},
		{Queue{ID: QueueHelp, WarnOldest: 90 * time.Second}, 1, 90 * time.Second, true},
		{Queue{ID: QueueLife}, 1, 0, true}, // in danger, one is one too many
		{Queue{ID: QueueLife}, 0, time.Hour, false},
	} {
		if got := c.queue.Warns(c.waiting, c.oldest); got != c.want {
			t.Errorf("%+v with %d who wait, the oldest for %s: %t", c.queue, c.waiting, c.oldest, got)
		}
	}
}
