package slot

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/events"
)

// planned is a planner at work on a line that the test makes busy and quiet.
type planned struct {
	*Planner
	start time.Time

	mu       sync.Mutex
	line     Line
	refuses  error // what the machine says instead of restarting
	full     error // why nothing can be written to the log
	restarts []time.Duration
	noted    []string
}

// plans runs one in a bubble, until the test ends.
func plans(t *testing.T, test func(*testing.T, *planned)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &planned{start: time.Now()}
		p.Planner = NewPlanner(PlannerConfig{Operation: "Flood", Log: slog.New(slog.DiscardHandler),
			Line: func() Line { p.mu.Lock(); defer p.mu.Unlock(); return p.line },
			Restart: func(context.Context) error {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.restarts = append(p.restarts, time.Since(p.start))
				return p.refuses
			},
			Note: func(_ context.Context, ev events.Event) error {
				p.mu.Lock()
				defer p.mu.Unlock()
				if p.full == nil {
					p.noted = append(p.noted, strings.Join([]string{ev.Kind, ev.By, ev.Via, ev.Operation}, " "))
				}
				return p.full
			}})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		test(t, p)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// is makes the line as it is for a while.
func (p *planned) is(l Line, long time.Duration) {
	p.mu.Lock()
	p.line = l
	p.mu.Unlock()
	time.Sleep(long)
	synctest.Wait()
}

func (p *planned) plans(t *testing.T, by string) {
	t.Helper()
	if err := p.Plan(t.Context(), by); err != nil {
		t.Fatal(err)
	}
}

// says fails the test unless so many restarts were asked for, and this was noted.
func (p *planned) says(t *testing.T, restarts int, noted ...string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.restarts) != restarts || !slices.Equal(p.noted, noted) {
		t.Errorf("restarts after %v, want %d; the log holds\n %s\nwant\n %s", p.restarts, restarts, strings.Join(p.noted, "\n "), strings.Join(noted, "\n "))
	}
}

// A planned restart waits for a whole minute in which nobody is on the line, and
// nothing rings; each call begins the minute anew, also one that is over before
// anybody has looked.
func TestAPlannedRestartWaitsForAQuietMinute(t *testing.T) {
	plans(t, func(t *testing.T, p *planned) {
		p.is(Line{Came: 7}, time.Hour)
		p.says(t, 0)
		p.is(Line{Calls: 2, Came: 9}, time.Minute)
		p.plans(t, "ana")
		p.is(Line{Calls: 2, Came: 9}, time.Hour)
		if at := p.Planned(); at.By != "ana" || at.Calls != 2 || at.Quiet || time.Since(at.At) != time.Hour {
			t.Errorf("it stands so: %+v", at)
		}
		for n := range uint64(5) {
			p.is(Line{Came: 10 + n}, 58*time.Second)
			if !p.Planned().Quiet {
				t.Error("a quiet line is told to be none")
			}
		}
		p.is(Line{Busy: true, Came: 14}, 30*time.Second)
		if p.Planned().Quiet {
			t.Error("an agent is rung, and the line is told to be quiet")
		}
		p.is(Line{Calls: 1, Came: 14}, 10*time.Second)
		p.is(Line{Came: 14}, 59*time.Second)
		p.says(t, 0, "update.planned ana web Flood")
		p.is(Line{Came: 14}, 3*time.Second)
		want := []string{"update.planned ana web Flood", "update.carried_out ana rule Flood"}
		p.says(t, 1, want...)
		p.is(Line{Came: 14}, time.Hour)
		p.says(t, 1, want...)
		if at := p.Planned(); at != (Plan{}) {
			t.Errorf("it is planned still: %+v", at)
		}
	})
}

// What is planned can be called off until it is carried out, and is not planned a
// second time by who comes later.
func TestAPlannedRestartIsCalledOff(t *testing.T) {
	plans(t, func(t *testing.T, p *planned) {
		p.plans(t, "ana")
		p.is(Line{}, 40*time.Second)
		p.plans(t, "ben")
		if by := p.Planned().By; by != "ana" {
			t.Errorf("it was planned by %q", by)
		}
		if off, err := p.CallOff(t.Context(), "cleo"); !off || err != nil {
			t.Errorf("called off: %v, %v", off, err)
		}
		p.is(Line{}, time.Hour)
		want := []string{"update.planned ana web Flood", "update.called_off cleo web Flood"}
		p.says(t, 0, want...)
		if off, err := p.CallOff(t.Context(), "cleo"); off || err != nil {
			t.Errorf("called off again: %v, %v", off, err)
		}
		p.says(t, 0, want...)

		// The minute of another plan begins with it.
		p.plans(t, "ben")
		p.is(Line{}, 58*time.Second)
		p.says(t, 0, append(want, "update.planned ben web Flood")...)
		p.is(Line{}, 4*time.Second)
		p.says(t, 1, append(want, "update.planned ben web Flood", "update.carried_out ben rule Flood")...)
	})
}

// A line that is never quiet keeps the plan for a day; then it ends by itself, and
// the page can say so until there is another one.
func TestAPlanEndsAfterADayWithoutAQuietMinute(t *testing.T) {
	plans(t, func(t *testing.T, p *planned) {
		p.plans(t, "ana")
		p.is(Line{Calls: 1}, 23*time.Hour+59*time.Minute)
		p.says(t, 0, "update.planned ana web Flood")
		p.is(Line{Calls: 1}, 2*time.Minute)
		want := []string{"update.planned ana web Flood", "update.plan_over ana rule Flood"}
		p.says(t, 0, want...)
		if at := p.Planned(); !at.At.IsZero() || at.Failed != "" || time.Since(at.Ended) > 2*time.Minute {
			t.Errorf("it stands so: %+v", at)
		}
		p.is(Line{}, time.Hour)
		p.says(t, 0, want...)
		p.plans(t, "ana")
		if at := p.Planned(); at.At.IsZero() || !at.Ended.IsZero() {
			t.Errorf("planned again: %+v", at)
		}
	})
}

// A machine that refuses is asked once: what it says is kept, and somebody looks.
func TestAMachineThatRefusesIsAskedOnce(t *testing.T) {
	plans(t, func(t *testing.T, p *planned) {
		p.refuses = errBusy
		p.plans(t, "ana")
		p.is(Line{}, time.Hour)
		p.says(t, 1, "update.planned ana web Flood", "update.carried_out ana rule Flood", "update.plan_failed ana rule Flood")
		if at := p.Planned(); !at.At.IsZero() || at.Failed != errBusy.Error() || at.Ended.IsZero() {
			t.Errorf("it stands so: %+v", at)
		}
		if err := p.Restart(t.Context()); !errors.Is(err, errBusy) {
			t.Errorf("now: %v", err)
		}
	})
}

// Nothing is planned, and nothing called off, that is not written down; and a
// restart at once leaves no plan behind.
func TestAPlanIsWrittenDownFirst(t *testing.T) {
	plans(t, func(t *testing.T, p *planned) {
		p.full = errors.New("the disk is full")
		if err := p.Plan(t.Context(), "ana"); !errors.Is(err, p.full) || !p.Planned().At.IsZero() {
			t.Errorf("planned: %v, %+v", err, p.Planned())
		}
		p.is(Line{}, time.Hour)
		p.says(t, 0)
		p.full = nil
		p.plans(t, "ana")
		p.full = errors.New("the disk is full")
		if off, err := p.CallOff(t.Context(), "ana"); off || err == nil || p.Planned().At.IsZero() {
			t.Errorf("called off: %v, %v", off, err)
		}
		if err := p.Restart(t.Context()); err != nil {
			t.Error(err)
		}
		p.is(Line{}, time.Hour)
		p.says(t, 1, "update.planned ana web Flood")
		if p.restarts[0] != time.Hour {
			t.Errorf("the restart came after %v", p.restarts[0])
		}
	})
}
