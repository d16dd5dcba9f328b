package calendar

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// A machine that has lost the time goes on from the last one that it knew, and
// never from one before.
func TestAClockThatLostTheTimeGoesOnFromTheLastOneKnown(t *testing.T) {
	k := LastKnown{Path: filepath.Join(t.TempDir(), "clock"), Log: slog.New(slog.DiscardHandler)}
	var moved time.Time
	resume := func(now time.Time) time.Time {
		moved = time.Time{}
		k.Resume(now, func(at time.Time) error { moved = at; return nil })
		return moved
	}
	lost := time.Date(1970, 1, 1, 0, 0, 9, 0, time.UTC)
	if at := resume(lost); !at.IsZero() {
		t.Errorf("a machine that knows nothing yet is set to %v", at)
	}
	var until time.Time
	synctest.Test(t, func(t *testing.T) {
		ctx, cut := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); k.Run(ctx) }()
		time.Sleep(3*time.Hour + 42*time.Second)
		until = time.Now().Round(0)
		cut()
		<-ended
	})
	if at := resume(lost); at.After(until) || until.Sub(at) > keptEach+keptLook {
		t.Errorf("power went at %v, and the clock goes on from %v", until, at)
	}
	if at := resume(until); !at.IsZero() {
		t.Errorf("a clock that is right is set to %v", at)
	}
	k.Resume(lost, func(time.Time) error { return errors.New("not allowed") }) // is no end
	// A clock that was ahead, and has been set right: what was kept goes at once.
	synctest.Test(t, func(t *testing.T) {
		if err := os.WriteFile(k.Path, []byte("2087-01-01T00:00:00Z\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cut := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); k.Run(ctx) }()
		synctest.Wait()
		cut()
		<-ended
		if at, err := k.read(); err != nil || at.Year() > 2080 {
			t.Errorf("it still knows %v (%v)", at, err)
		}
	})
	for _, damaged := range []string{"", "yesterday\n"} {
		if err := os.WriteFile(k.Path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if at := resume(lost); !at.IsZero() {
			t.Errorf("%q sets the clock to %v", damaged, at)
		}
	}
}
