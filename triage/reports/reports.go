package reports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"hotline/appliance/store"
	"hotline/triage"
)

// Reports counts the event log as it grows. What was counted is kept, so that a
// restart does not read the whole log again.
type Reports struct {
	store *store.Store
	zone  *time.Location
	log   *slog.Logger

	mu    sync.Mutex
	t     *tally
	saved uint64 // up to where it is kept
	gauge gaugeKept
}

var (
	hours  = store.NewTable[hour]("report_hours")
	states = store.NewTable[tally]("report_state")
)

const (
	stateKey = "tally 2" // the number changes when the way of counting does: then everything is counted anew
	// readAtOnce is how many events are read in one look at the log: a longer
	// one would keep the file from using its space again.
	readAtOnce = 20_000
	saveEvery  = 20_000
	countEvery = time.Minute
)

// New counts the log of s by the clocks of zone; Run keeps it up to date.
func New(s *store.Store, zone *time.Location, log *slog.Logger) *Reports {
	return &Reports{store: s, zone: zone, log: log}
}

// Run counts what has come, so that nobody who looks has to wait for it.
func (r *Reports) Run(ctx context.Context) error {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		if err := r.CatchUp(ctx); err != nil && ctx.Err() == nil {
			r.log.Error("the figures could not be counted; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// CatchUp counts what is new in the log.
func (r *Reports) CatchUp(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.catchUp(ctx)
}

func (r *Reports) catchUp(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.read()
		if err != nil {
			r.t = nil // half counted: begin again from what is kept
			return fmt.Errorf("counting the event log: %w", err)
		}
		if r.t.Seq >= r.saved+saveEvery {
			if err := r.save(ctx); err != nil {
				return fmt.Errorf("keeping what was counted: %w", err)
			}
		}
		if n < readAtOnce {
			return nil
		}
	}
}

// read counts the next events, and returns how many.
func (r *Reports) read() (n int, err error) {
	err = r.store.View(func(tx *store.Tx) error {
		n = 0
		if r.t == nil {
			kept, err := states.Get(tx, stateKey)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			t := newTally(r.zone)
			if err == nil {
				kept.zone, kept.hours = t.zone, t.hours
				t = &kept
			}
			r.t, r.saved = t, t.Seq
		}
		t := r.t
		t.load = loader(tx, t.Seq > 0)
		defer func() { t.load = nil }()
		for ev := range tx.EventLog(t.Seq + 1) {
			t.apply(ev)
			if n++; n == readAtOnce {
				break
			}
		}
		return t.err
	})
	return n, err
}

// loader reads the hours that are kept; those of an older way of counting are
// not looked at.
func loader(tx *store.Tx, any bool) func(string) (hour, error) {
	return func(key string) (hour, error) {
		if !any {
			return nil, nil
		}
		h, err := hours.Get(tx, hourKey(key))
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		return h, err
	}
}

func hourKey(key string) string { return stateKey + " " + key }

// save keeps what was counted. Hours that nothing can change soon are not kept
// in memory.
func (r *Reports) save(ctx context.Context) error {
	err := r.store.Update(ctx, func(tx *store.Tx) error {
		for _, key := range slices.Sorted(maps.Keys(r.t.hours)) {
			if err := hours.Put(tx, hourKey(key), r.t.hours[key]); err != nil {
				return err
			}
		}
		return states.Put(tx, stateKey, *r.t)
	})
	if err == nil {
		r.saved = r.t.Seq
		clear(r.t.hours)
	}
	return err
}

// Report is the figures of a time.
type Report struct {
	From, To  time.Time
	Now       time.Time // what still runs was counted up to here
	Total     Figures
	Queues    []Row
	Agents    []Row
	Languages []Row
	Hours     []Period // of the time, oldest first
	Days      []Period
}

// For has the figures of people that a supervisor may see (S12); those of lines
// and languages are about nobody.
func (r Report) For(scope triage.Scope) Report {
	r.Agents = slices.DeleteFunc(slices.Clone(r.Agents), func(row Row) bool { return !scope.Has(row.ID) })
	return r
}

// Row is the figures of one queue, agent or language.
type Row struct {
	ID string
	Figures
}

// Period is the figures of one hour or day.
type Period struct {
	Begin time.Time
	Figures
}

// longestReport bounds what one report looks at.
const longestReport = 400 * 24 * time.Hour

// Report counts what is new and returns the figures of the hours that begin in
// [from, to), with what runs counted up to now.
func (r *Reports) Report(ctx context.Context, from, to, now time.Time) (Report, error) {
	if to.Sub(from) > longestReport {
		return Report{}, errors.New("a report covers at most 400 days")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.report(ctx, from, to, now)
}

func (r *Reports) report(ctx context.Context, from, to, now time.Time) (Report, error) {
	if err := r.catchUp(ctx); err != nil {
		return Report{}, err
	}
	out := Report{}
	err := r.store.View(func(tx *store.Tx) error {
		r.t.load = loader(tx, r.saved > 0)
		defer func() { r.t.load = nil }()
		t, err := r.t.sofar(now)
		if err != nil {
			return err
		}
		out, err = t.report(from, to, now)
		return err
	})
	return out, err
}

// report adds up the hours of a tally. Only looked-at hours stay out of it.
func (t *tally) report(from, to, now time.Time) (Report, error) {
	out := Report{From: from, To: to, Now: now}
	rows := map[string]*Figures{}
	days := map[string]*Period{}
	var order []string
	for at := t.begin(from); at.Before(to); at = at.Add(time.Hour) {
		p := Period{Begin: at}
		key := t.keyOf(at)
		h := t.hours[key]
		if h == nil && t.load != nil {
			found, err := t.load(key)
			if err != nil {
				return out, err
			}
			h = found
		}
		for scope, f := range h {
			if scope == scopeAll {
				p.Figures = *f
				continue
			}
			if rows[scope] == nil {
				rows[scope] = &Figures{}
			}
			rows[scope].add(*f)
		}
		out.Total.add(p.Figures)
		out.Hours = append(out.Hours, p)
		day := t.day(at)
		if days[day] == nil {
			days[day] = &Period{Begin: at}
			order = append(order, day)
		}
		days[day].add(p.Figures)
	}
	for _, day := range order {
		out.Days = append(out.Days, *days[day])
	}
	for scope, f := range rows {
		for prefix, list := range map[string]*[]Row{scopeQueue: &out.Queues, scopeAgent: &out.Agents, scopeLanguage: &out.Languages} {
			if id, ok := strings.CutPrefix(scope, prefix); ok {
				*list = append(*list, Row{id, *f})
			}
		}
	}
	for _, list := range [][]Row{out.Queues, out.Agents, out.Languages} {
		slices.SortFunc(list, func(a, b Row) int { return cmp.Compare(a.ID, b.ID) })
	}
	return out, nil
}
