package erlang

import (
	"math"
	"testing"
	"time"
)

// TestPublishedTables compares with the figures that planners use (domain:
// sizing).
func TestPublishedTables(t *testing.T) {
	for _, tc := range []struct {
		load       float64
		one, ten   int // lines for 1 % and 10 % turned away
		onePercent float64
	}{{50, 64, 51, 0.01}, {100, 117, 97, 0.01}, {200, 221, 188, 0.01}} {
		if got := Lines(tc.load, 0.01); got != tc.one {
			t.Errorf("%v Erlang, 1 %%: %d lines, the table has %d", tc.load, got, tc.one)
		}
		if got := Lines(tc.load, 0.10); got != tc.ten {
			t.Errorf("%v Erlang, 10 %%: %d lines, the table has %d", tc.load, got, tc.ten)
		}
	}
	for _, tc := range []struct {
		perHour float64
		handle  time.Duration
		want    int
	}{
		{50, 8 * time.Minute, 10}, {100, 8 * time.Minute, 17}, {200, 8 * time.Minute, 31}, {400, 8 * time.Minute, 59}, {800, 8 * time.Minute, 113},
		{50, 12 * time.Minute, 14}, {100, 12 * time.Minute, 25}, {200, 12 * time.Minute, 46}, {400, 12 * time.Minute, 87}, {800, 12 * time.Minute, 169},
	} {
		if got := (Line{PerHour: tc.perHour, Handle: tc.handle}).Needed(Target{time.Minute, 0.8}); got != tc.want {
			t.Errorf("%v calls an hour of %s: %d agents for 80 %% in 60 s, the table has %d", tc.perHour, tc.handle, got, tc.want)
		}
	}
}

// TestByHand is a line small enough for paper. Two agents, 6 calls an hour of
// ten minutes: 1 Erlang. Erlang B with two lines: (1/2)/(1+1+1/2) = 0.2. Erlang
// C: 2·0.2/(2-1·0.8) = 1/3. The mean wait of all: (1/3)·10 min/(2-1) = 3 1/3 min.
// Answered within 10 minutes: 1 - (1/3)·e^-(2-1)·1 = 1 - 0.12263 = 0.87737.
//
// With a patience of 10 minutes the rates down are 1, 2, 3, 4 … per 10 minutes
// and the rate up is 1, so there are n callers with the probability e^-1/n!: a
// Poisson number. All are busy with 1 - 2/e = 0.26424; waiting are on average
// Σ(n-2)e^-1/n! over n > 2 = 1 - 2 + 2/e + 1/e = 3/e - 1 = 0.10364, and as many
// give up per 10 minutes, of one who comes: 10.364 %.
func TestByHand(t *testing.T) {
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-4 {
			t.Errorf("%s: %v instead of %v", what, got, want)
		}
	}
	l := Line{PerHour: 6, Handle: 10 * time.Minute, Agents: 2}
	near("Erlang B", Blocking(1, 2), 0.2)
	near("Erlang C", WaitProbability(1, 2), 1.0/3)
	s := l.Steady()
	near("who waits", s.Waits, 1.0/3)
	near("mean wait", s.Wait.Minutes(), 10.0/3)
	near("within ten minutes", s.Within(10*time.Minute), 1-math.Exp(-1)/3)
	near("occupancy", s.Occupancy, 0.5)
	l.Patience = 10 * time.Minute
	s = l.Steady()
	near("who waits, with impatience", s.Waits, 1-2/math.E)
	near("who gives up", s.Abandoned, 3/math.E-1)
	near("mean wait, with impatience", s.Wait.Minutes(), 10*(3/math.E-1))
	near("busy", s.Occupancy, (1-(3/math.E-1))/2)
}

func TestEdges(t *testing.T) {
	over := Line{PerHour: 60, Handle: 10 * time.Minute, Agents: 9}
	if s := over.Steady(); s.Wait != Forever || s.Within(time.Hour) != 0 {
		t.Errorf("a queue that grows for ever: %+v", s)
	}
	over.Patience = 20 * time.Minute
	if s := over.Steady(); s.Abandoned < 0.09 || s.Abandoned > 0.2 || s.Occupancy < 0.9 {
		t.Errorf("the same with people who give up: %v %v", s.Abandoned, s.Occupancy)
	}
	if s := (Line{PerHour: 10, Handle: time.Minute, Patience: time.Minute}).Steady(); math.Abs(s.Abandoned-1) > 1e-9 || s.Within(time.Hour) != 0 {
		t.Errorf("without agents: %+v", s)
	}
	if s := (Line{PerHour: 1, Handle: time.Second, Agents: 4000}).Steady(); s.Within(0) != 1 {
		t.Errorf("nothing to do for many: %v", s.Within(0))
	}
	if n := (Line{}).Needed(Target{time.Minute, 0.8}); n != 0 {
		t.Errorf("no calls need %d agents", n)
	}
	for _, patience := range []time.Duration{0, 30 * time.Minute} {
		l := Line{PerHour: 300, Handle: 8 * time.Minute, Patience: patience}
		n := l.Needed(Target{time.Minute, 0.8})
		l.Agents = n - 1
		if l.Steady().Within(time.Minute) >= 0.8 {
			t.Errorf("with a patience of %s one agent less than %d would do", patience, n)
		}
	}
}

func TestMoreAgentsOfWhichLanguage(t *testing.T) {
	target := Target{2 * time.Minute, 0.8}
	line := func(perHour float64) Line {
		return Line{PerHour: perHour, Handle: 8 * time.Minute, Patience: 20 * time.Minute}
	}
	both := []Speakers{{[]string{"en"}, 6}, {[]string{"en", "es"}, 2}}
	more := More(map[string]Line{"en": line(30), "es": line(40)}, both, target)
	if more["en"] != 0 || more["es"] != line(40).Needed(target)-2 {
		t.Errorf("Spanish alone is short: %v", more)
	}
	// Each language could borrow those who speak both, but not at the same time.
	need := line(60).Needed(target)
	more = More(map[string]Line{"en": line(30), "es": line(30)}, []Speakers{{[]string{"en", "es"}, need - 2}}, target)
	if more["en"]+more["es"] != 2 {
		t.Errorf("two are missing in all: %v (%d needed)", more, need)
	}
	if more = More(map[string]Line{"en": line(30)}, []Speakers{{[]string{"en"}, 40}}, target); len(more) != 0 {
		t.Errorf("nobody is missing: %v", more)
	}
	if more = More(nil, nil, target); len(more) != 0 {
		t.Errorf("no calls: %v", more)
	}
}

// TestCapacity compares channels with the sizing table (domain), which comes
// from a simulation of six hours that begin with an empty line.
func TestCapacity(t *testing.T) {
	for _, tc := range []struct {
		name     string
		perHour  float64
		agents   int
		handle   int
		patience int
		channels int // of 99 % of the time
		abandon  float64
	}{
		{"M typical", 250, 30, 10, 20, 48, 0.02}, {"M peak", 600, 40, 10, 20, 126, 0.38}, {"M peak, full intake", 600, 40, 14, 20, 149, 0.53},
		{"M crisis", 1000, 40, 10, 30, 298, 0.61}, {"L typical", 700, 80, 10, 20, 126, 0.03}, {"L peak", 1500, 100, 10, 30, 355, 0.37}, {"L crisis", 2500, 100, 10, 30, 745, 0.61},
	} {
		d := ShippedDemand(tc.perHour)
		d.Agents, d.Handle, d.Patience = tc.agents, time.Duration(tc.handle)*time.Minute, time.Duration(tc.patience)*time.Minute
		c := d.Capacity()
		if off := float64(c.Channels-tc.channels) / float64(tc.channels); math.Abs(off) > 0.1 {
			t.Errorf("%s: %d channels, the table has %d", tc.name, c.Channels, tc.channels)
		}
		if math.Abs(c.Abandoned-tc.abandon) > 0.05 {
			t.Errorf("%s: %.0f %% give up, the table has %.0f %%", tc.name, 100*c.Abandoned, 100*tc.abandon)
		}
	}
	d := ShippedDemand(60)
	if c := d.Capacity(); c.Within < d.Target.Share || c.Agents < 7 || c.Agents > 12 || c.Channels < c.Agents {
		t.Errorf("as many agents as it takes: %+v", c)
	}
}
