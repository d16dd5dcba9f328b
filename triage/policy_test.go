package triage

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }

var room = map[string]Profile{
	"both":       {ID: "both", Lines: []Line{{Queue: "help", Priority: 1}, {Queue: "volunteers", Priority: 2}}},
	"volunteers": {ID: "volunteers", Lines: []Line{{Queue: "volunteers", Priority: 1}, {Queue: "help", Priority: 2, Delay: 30 * time.Second}}},
}

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		name    string
		waiting []Waiting
		free    []Free
		now     int
		offers  []Offer
		why     map[string]Reason
		next    time.Time
	}{
		{name: "the longest available agent gets the longest waiting caller",
			waiting: []Waiting{{Contact: "b", Queue: "help", Since: at(5)}, {Contact: "a", Queue: "help", Since: at(1)}},
			free:    []Free{{"x", "both", at(3)}, {"y", "both", at(2)}}, now: 10,
			offers: []Offer{{"a", "y"}, {"b", "x"}}},
		{name: "a lower line priority goes first, however short its wait",
			waiting: []Waiting{{Contact: "old", Queue: "volunteers", Since: at(0)}, {Contact: "new", Queue: "help", Since: at(9)}},
			free:    []Free{{"x", "both", at(3)}}, now: 10,
			offers: []Offer{{"new", "x"}}, why: map[string]Reason{"old": WhyHigher}},
		{name: "a delay hides a contact from idle agents until it is that old",
			waiting: []Waiting{{Contact: "a", Queue: "help", Since: at(0)}},
			free:    []Free{{"v", "volunteers", at(0)}}, now: 29,
			why: map[string]Reason{"a": WhyDelay}, next: at(30)},
		{name: "after the delay they see it",
			waiting: []Waiting{{Contact: "a", Queue: "help", Since: at(0)}},
			free:    []Free{{"v", "volunteers", at(0)}}, now: 30,
			offers: []Offer{{"a", "v"}}},
		{name: "when both profiles may see it the longest idle over all of them wins",
			waiting: []Waiting{{Contact: "a", Queue: "help", Since: at(0)}},
			free:    []Free{{"b", "both", at(20)}, {"v", "volunteers", at(10)}}, now: 31,
			offers: []Offer{{"a", "v"}}},
		{name: "whoever said not now is left out, the next one is asked",
			waiting: []Waiting{{Contact: "a", Queue: "help", Since: at(0), NotTo: map[string]time.Time{"x": at(40)}}},
			free:    []Free{{"x", "both", at(0)}, {"y", "both", at(5)}}, now: 10,
			offers: []Offer{{"a", "y"}}, next: at(40)},
		{name: "alone, the caller waits and it is said why and until when",
			waiting: []Waiting{{Contact: "a", Queue: "help", Since: at(0), NotTo: map[string]time.Time{"x": at(40)}}},
			free:    []Free{{"x", "both", at(0)}}, now: 10,
			why: map[string]Reason{"a": WhyDeclined}, next: at(40)},
		{name: "nobody is rung twice for one caller",
			waiting: []Waiting{{Contact: "a", Queue: "help", Since: at(0), Offered: "z"}},
			free:    []Free{{"x", "both", at(0)}}, now: 10,
			why: map[string]Reason{"a": WhyRinging}},
		{name: "a transfer to one agent rings there and nowhere else, before everything that waits",
			waiting: []Waiting{{Contact: "old", Queue: "help", Since: at(0)}, {Contact: "mine", Queue: "volunteers", Since: at(9), Only: "x"}},
			free:    []Free{{"y", "both", at(1)}, {"x", "both", at(3)}}, now: 10,
			offers: []Offer{{"old", "y"}, {"mine", "x"}}},
		{name: "a transfer to a busy agent waits for that agent",
			waiting: []Waiting{{Contact: "mine", Queue: "help", Since: at(9), Only: "x"}},
			free:    []Free{{"y", "both", at(1)}}, now: 10,
			why: map[string]Reason{"mine": WhyBusy}},
		{name: "nobody signed in",
			waiting: []Waiting{{Contact: "a", Queue: "nowhere", Since: at(0)}}, now: 10,
			why: map[string]Reason{"a": WhyNobody}},
		{name: "all are busy",
			waiting: []Waiting{{Contact: "a", Queue: "help", Since: at(0)}}, now: 10,
			why: map[string]Reason{"a": WhyBusy}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := Snapshot{Profiles: room, Waiting: tc.waiting, Free: tc.free, Signed: map[string]int{"help": 3, "volunteers": 3}}
			got := Match(s, at(tc.now))
			if !slices.Equal(got.Offers, tc.offers) {
				t.Errorf("offers %v, want %v", got.Offers, tc.offers)
			}
			for contact, want := range tc.why {
				if got.Why[contact] != want {
					t.Errorf("%s waits because %q, want %q", contact, got.Why[contact], want)
				}
			}
			if len(got.Why)+len(got.Offers) != len(tc.waiting) {
				t.Errorf("%d reasons and %d offers for %d contacts", len(got.Why), len(got.Offers), len(tc.waiting))
			}
			if !got.Next.Equal(tc.next) {
				t.Errorf("look again at %v, want %v", got.Next, tc.next)
			}
		})
	}
}

// TestMatchKeepsItsPromises states the rules independently of how Match works
// and tries them on many random rooms.
func TestMatchKeepsItsPromises(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		s, now := randomRoom(r)
		got := Match(s, now)
		if again := Match(shuffled(s, r), now); !slices.Equal(again.Offers, got.Offers) {
			t.Fatalf("seed %d: the order of the snapshot changed the offers: %v, %v", seed, got.Offers, again.Offers)
		}
		check(t, seed, s, now, got)
	}
}

func randomRoom(r *rand.Rand) (Snapshot, time.Time) {
	s := Snapshot{Profiles: map[string]Profile{}, Signed: map[string]int{}}
	queues := []string{"q1", "q2", "q3"}
	for p := range 1 + r.IntN(3) {
		profile := Profile{ID: fmt.Sprint("p", p)}
		for _, q := range queues {
			if r.IntN(3) > 0 {
				profile.Lines = append(profile.Lines, Line{q, r.IntN(3), time.Duration(r.IntN(3)*20) * time.Second})
			}
		}
		s.Profiles[profile.ID] = profile
	}
	for a := range r.IntN(6) {
		f := Free{fmt.Sprint("agent", a), fmt.Sprint("p", r.IntN(len(s.Profiles))), at(r.IntN(60))}
		s.Free = append(s.Free, f)
		for _, line := range s.Profiles[f.Profile].Lines {
			s.Signed[line.Queue]++
		}
	}
	for c := range r.IntN(8) {
		w := Waiting{Contact: fmt.Sprint("c", c), Queue: queues[r.IntN(3)], Since: at(r.IntN(60)), Priority: r.IntN(2)}
		if len(s.Free) > 0 && r.IntN(3) == 0 {
			w.NotTo = map[string]time.Time{s.Free[r.IntN(len(s.Free))].Agent: at(r.IntN(120))}
		}
		if len(s.Free) > 0 && r.IntN(5) == 0 {
			w.Only = s.Free[r.IntN(len(s.Free))].Agent
		}
		s.Waiting = append(s.Waiting, w)
	}
	return s, at(60)
}

func shuffled(s Snapshot, r *rand.Rand) Snapshot {
	s.Waiting, s.Free = slices.Clone(s.Waiting), slices.Clone(s.Free)
	r.Shuffle(len(s.Waiting), func(i, j int) { s.Waiting[i], s.Waiting[j] = s.Waiting[j], s.Waiting[i] })
	r.Shuffle(len(s.Free), func(i, j int) { s.Free[i], s.Free[j] = s.Free[j], s.Free[i] })
	return s
}

// sees reports whether the agent may be offered w now, and by which line.
func sees(s Snapshot, f Free, w Waiting, now time.Time) (Line, bool) {
	if w.Only != "" {
		return Line{Priority: -1}, w.Only == f.Agent && !w.NotTo[f.Agent].After(now)
	}
	for _, line := range s.Profiles[f.Profile].Lines {
		if line.Queue == w.Queue {
			return line, !w.NotTo[f.Agent].After(now) && !w.Since.Add(line.Delay).After(now)
		}
	}
	return Line{}, false
}

func check(t *testing.T, seed uint64, s Snapshot, now time.Time, d Decision) {
	t.Helper()
	given := map[string]Waiting{}
	served := map[string]bool{}
	for _, o := range d.Offers {
		i := slices.IndexFunc(s.Waiting, func(w Waiting) bool { return w.Contact == o.Contact })
		if _, twice := given[o.Agent]; twice || served[o.Contact] {
			t.Fatalf("seed %d: %v is one of two offers to an agent or for a contact", seed, o)
		}
		given[o.Agent], served[o.Contact] = s.Waiting[i], true
	}
	for _, f := range s.Free {
		mine, busy := given[f.Agent]
		for _, w := range s.Waiting {
			line, ok := sees(s, f, w, now)
			if busy && w.Contact == mine.Contact && !ok {
				t.Fatalf("seed %d: %s was offered %s, which it may not see", seed, f.Agent, w.Contact)
			}
			if !ok || served[w.Contact] {
				continue
			}
			if !busy {
				t.Fatalf("seed %d: %s is idle while %s, which it may see, waits", seed, f.Agent, w.Contact)
			}
			mineLine, _ := sees(s, f, mine, now)
			if line.Priority < mineLine.Priority {
				t.Fatalf("seed %d: %s was given %s of class %d while %s of class %d waits", seed, f.Agent, mine.Contact, mineLine.Priority, w.Contact, line.Priority)
			}
			if line.Priority == mineLine.Priority && w.Priority == mine.Priority && w.Since.Before(mine.Since) {
				t.Fatalf("seed %d: %s was given %s while %s has waited longer", seed, f.Agent, mine.Contact, w.Contact)
			}
		}
	}
	for _, w := range s.Waiting {
		if !served[w.Contact] && d.Why[w.Contact] == "" {
			t.Fatalf("seed %d: %s waits without a reason", seed, w.Contact)
		}
	}
}

func TestPositionCountsThoseServedBefore(t *testing.T) {
	waiting := []Waiting{{Contact: "a", Queue: "help", Since: at(9)}, {Contact: "b", Queue: "help", Since: at(1)},
		{Contact: "c", Queue: "volunteers", Since: at(0)}, {Contact: "d", Queue: "help", Since: at(20), Priority: -1}}
	for contact, want := range map[string]int{"d": 1, "b": 2, "a": 3, "c": 1, "gone": 0} {
		if got := Position(waiting, contact); got != want {
			t.Errorf("position of %s is %d, want %d", contact, got, want)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	s := Snapshot{Profiles: room, Signed: map[string]int{"help": 1000, "volunteers": 1000}}
	for i := range 10_000 {
		s.Waiting = append(s.Waiting, Waiting{Contact: fmt.Sprint(i), Queue: []string{"help", "volunteers"}[i%2], Since: at(i), Away: i%3 == 0})
	}
	b.Run("1000 agents free", func(b *testing.B) {
		for i := range 1000 {
			s.Free = append(s.Free, Free{fmt.Sprint("agent", i), []string{"both", "volunteers"}[i%2], at(i)})
		}
		for b.Loop() {
			Match(s, at(20_000))
		}
	})
	s.Free = s.Free[:1]
	b.Run("one agent free", func(b *testing.B) {
		for b.Loop() {
			Match(s, at(20_000))
		}
	})
}
