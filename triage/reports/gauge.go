package reports

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"hotline/triage/erlang"
)

// Gauge says who is missing so that callers do not wait long.
type Gauge struct {
	Target  erlang.Target
	PerHour float64        // calls that need a person, as of late
	Handle  time.Duration  // of one call, notes included
	Agents  int            // at work
	More    map[string]int // agents who are missing, by language; "" where no language is known
}

// Enough reports that nobody is missing.
func (g Gauge) Enough() bool { return len(g.More) == 0 }

// Languages are those of which somebody is missing, most missing first.
func (g Gauge) Languages() []string {
	return slices.SortedFunc(maps.Keys(g.More), func(a, b string) int { return cmp.Or(cmp.Compare(g.More[b], g.More[a]), cmp.Compare(a, b)) })
}

// AllLanguages is what agents speak who have not said which languages.
const AllLanguages = "*"

// aim is what the gauge aims at: eight of ten callers reach a person within two
// minutes.
func aim() erlang.Target { return erlang.Target{Within: 2 * time.Minute, Share: 0.8} }

const (
	// gaugeHolds is how long a gauge is shown before it is computed again.
	gaugeHolds = 10 * time.Second
	// What is assumed until enough was seen (domain: model inputs), and as how
	// many contacts it counts.
	assumedHandle   = 8 * time.Minute
	assumedPatience = 20 * time.Minute
	assumed         = 4
	// A rush shows in the last quarter of an hour, once so many have called.
	rush     = 15 * time.Minute
	rushFrom = 10
)

// ErrCounting means that a long log is being counted, after a first start: the
// screens that callers depend on do not wait for that.
var ErrCounting = errors.New("the figures are still being counted")

// gaugeKept is the gauge that was computed last.
type gaugeKept struct {
	mu  sync.Mutex
	at  time.Time
	who string
	Gauge
}

func (k *gaugeKept) get() (at time.Time, who string, g Gauge) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.at, k.who, k.Gauge
}

// Gauge looks at the calls of the last hour and at how long they took in the
// last day, and says who is missing among agents. While others count it says
// what it said last, or ErrCounting.
func (r *Reports) Gauge(ctx context.Context, now time.Time, agents []erlang.Speakers) (Gauge, error) {
	who := speakersKey(agents)
	at, before, g := r.gauge.get()
	if before == who && !at.IsZero() && now.Sub(at).Abs() < gaugeHolds {
		return g, nil
	}
	if !r.mu.TryLock() {
		if at.IsZero() {
			return Gauge{}, ErrCounting
		}
		return g, nil
	}
	defer r.mu.Unlock()
	g, err := r.measure(ctx, now, agents)
	if err != nil {
		return Gauge{}, err
	}
	r.gauge.mu.Lock()
	r.gauge.at, r.gauge.who, r.gauge.Gauge = now, who, g
	r.gauge.mu.Unlock()
	return g, nil
}

func (r *Reports) measure(ctx context.Context, now time.Time, agents []erlang.Speakers) (Gauge, error) {
	report, err := r.report(ctx, now.Add(-24*time.Hour), now.Add(time.Second), now)
	if err != nil {
		return Gauge{}, err
	}
	g := Gauge{Target: aim()}
	f := report.Total
	g.Handle = time.Duration((f.TalkMS+f.HoldMS+f.WrapMS+assumed*assumedHandle.Milliseconds())/int64(f.Handled+assumed)) * time.Millisecond
	// Of people who may give up, the mean patience is all their waiting over the
	// number of those who did.
	patience := time.Duration((f.QueueMS+f.LeftMS+assumed*assumedPatience.Milliseconds())/int64(f.Abandoned+assumed)) * time.Millisecond
	calls := map[string]erlang.Line{}
	for language, perHour := range r.t.perHour(now) {
		calls[language] = erlang.Line{PerHour: perHour, Handle: g.Handle, Patience: patience}
		g.PerHour += perHour
	}
	var there []erlang.Speakers
	for _, group := range agents {
		g.Agents += group.Agents
		if slices.Contains(group.Languages, AllLanguages) {
			group.Languages = nil
			for language := range calls {
				group.Languages = append(group.Languages, language)
			}
		}
		// Whoever has not chosen a language can be answered by anybody.
		there = append(there, erlang.Speakers{Languages: append(slices.Clone(group.Languages), ""), Agents: group.Agents})
	}
	g.More = erlang.More(calls, there, g.Target)
	return g, nil
}

func speakersKey(agents []erlang.Speakers) string {
	var parts []string
	for _, group := range agents {
		parts = append(parts, strings.Join(group.Languages, "+")+" "+strings.Repeat("i", group.Agents))
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// perHour is how many contacts an hour come in each language.
func (t *tally) perHour(now time.Time) map[string]float64 {
	hourly, lastly := map[string]float64{}, map[string]float64{}
	var inRush float64
	for _, a := range t.Recent {
		age := now.Sub(a.At)
		if age > lately {
			continue
		}
		hourly[a.Language]++
		if age <= rush {
			lastly[a.Language]++
			inRush++
		}
	}
	if inRush < rushFrom {
		return hourly
	}
	for language, n := range lastly {
		hourly[language] = max(hourly[language], n*float64(lately/rush))
	}
	return hourly
}
