package mode

import (
	"math/rand/v2"
	"testing"
	"time"
)

// random makes a history of figures and one that is worse at every moment.
func random(r *rand.Rand) (better, worse []Figures, at []time.Time) {
	now := time.Unix(1_700_000_000, 0)
	waiting, wait := r.IntN(200), time.Duration(r.IntN(5400))*time.Second
	for range 300 {
		now = now.Add(time.Duration(1+r.IntN(20)) * time.Second)
		waiting = max(0, waiting+r.IntN(31)-15)
		wait = max(0, wait+time.Duration(r.IntN(601)-300)*time.Second)
		f := Figures{Waiting: waiting, Wait: wait, Agents: 1 + r.IntN(5)}
		g := f
		g.Waiting += r.IntN(20)
		g.Wait += time.Duration(r.IntN(600)) * time.Second
		if r.IntN(20) == 0 {
			f.Agents, f.Wait = 0, -1
			g.Agents, g.Wait = 0, -1
		}
		better, worse, at = append(better, f), append(worse, g), append(at, now)
	}
	return better, worse, at
}

func TestAWorseHistoryNeverGivesABetterRung(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[Rung]bool{}
	for range 400 {
		better, worse, at := random(r)
		var l, k ladder
		for i := range at {
			l, k = l.next(better[i], at[i]), k.next(worse[i], at[i])
			seen[l.at] = true
			if l.at > k.at {
				t.Fatalf("at step %d the lighter load is on %s and the heavier on %s", i, l.at, k.at)
			}
		}
	}
	if len(seen) != 4 {
		t.Errorf("only the rungs %v were reached: the test says little", seen)
	}
}

func TestTheLadderDoesNotFlap(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	moves := 0
	for range 400 {
		figures, _, at := random(r)
		var l ladder
		last := at[0].Add(-time.Hour)
		for i := range at {
			was := l.at
			l = l.next(figures[i], at[i])
			switch d := l.at - was; {
			case d > 1 || d < -1:
				t.Fatalf("it jumped from %s to %s", was, l.at)
			case d == 1 && at[i].Sub(last) < climbAfter, d == -1 && at[i].Sub(last) < descendAfter:
				t.Fatalf("it moved from %s to %s only %s after the move before", was, l.at, at[i].Sub(last))
			case d != 0:
				last = at[i]
				moves++
			}
		}
	}
	if moves < 100 {
		t.Errorf("%d moves: the test says little", moves)
	}

	// A load that swings around a threshold moves it once.
	var l ladder
	now, moves := time.Unix(1_700_000_000, 0), 0
	for i := range 2000 {
		now = now.Add(2 * time.Second)
		wait := 118 * time.Second // under the threshold of two minutes, and over the one for going back
		if i/15%2 == 0 {
			wait = 125 * time.Second
		}
		was := l.at
		if l = l.next(Figures{Waiting: 5, Wait: wait, Agents: 3}, now); l.at != was {
			moves++
		}
	}
	if moves != 1 || l.at != RungBusy {
		t.Errorf("a load that swings around two minutes moved it %d times, to %s", moves, l.at)
	}
}

func TestTheRungsOfTheLadder(t *testing.T) {
	for name, tc := range map[string]struct {
		figures Figures
		want    Rung
	}{
		"nobody waits":                         {Figures{Agents: 3, Ready: 3}, RungCalm},
		"nobody is there and nobody waits":     {Figures{Wait: -1}, RungCalm},
		"two callers and a slow line":          {Figures{Waiting: 2, Wait: 20 * time.Minute, Agents: 1}, RungCalm},
		"two minutes":                          {Figures{Waiting: 4, Wait: 2 * time.Minute, Agents: 4}, RungBusy},
		"a quarter of an hour":                 {Figures{Waiting: 10, Wait: 15 * time.Minute, Agents: 4}, RungSurge},
		"an hour":                              {Figures{Waiting: 40, Wait: time.Hour, Agents: 4}, RungClosed},
		"many people":                          {Figures{Waiting: 60, Wait: time.Minute, Agents: 90}, RungSurge},
		"the box is full":                      {Figures{Waiting: 200, Wait: 5 * time.Minute, Agents: 90}, RungClosed},
		"callers wait and nobody is signed in": {Figures{Waiting: 5, Wait: -1}, RungSurge},
	} {
		var l ladder
		now := time.Unix(1_700_000_000, 0)
		l = l.next(tc.figures, now)
		if l.at != RungCalm {
			t.Errorf("%s: it moved at the first look", name)
		}
		for range 60 {
			now = now.Add(10 * time.Second)
			l = l.next(tc.figures, now)
		}
		if l.at != tc.want {
			t.Errorf("%s: it is on %s, want %s", name, l.at, tc.want)
		}
		for range 120 {
			now = now.Add(10 * time.Second)
			l = l.next(Figures{Agents: 3}, now)
		}
		if l.at != RungCalm {
			t.Errorf("%s: it does not come back", name)
		}
	}
}
