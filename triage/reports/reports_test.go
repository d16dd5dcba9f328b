package reports

import (
	"errors"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/triage/erlang"
)

// write puts events into a real log, which stamps its own time: when they were,
// they say themselves.
func write(t testing.TB, s *store.Store, all []events.Event) {
	t.Helper()
	for len(all) > 0 {
		n := min(len(all), 20_000)
		err := s.Update(t.Context(), func(tx *store.Tx) error {
			for _, ev := range all[:n] {
				at := map[string]string{"at": ev.At.Format(time.RFC3339Nano)}
				for k, v := range ev.Data {
					at[k] = v
				}
				ev.Data = at
				tx.Emit(ev)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		all = all[n:]
	}
}

// TestFromTheLog counts a real log piece by piece, over restarts of the program,
// and once from the beginning.
func TestFromTheLog(t *testing.T) {
	s := storetest.Open(t)
	d := world(t, 7, 3000)
	// The stopped program is known by the time of the log, which is another one
	// here.
	all := d.all[:0]
	for _, ev := range d.all {
		if ev.Kind != "hotline.started" {
			all = append(all, ev)
		}
	}
	from, to := on(t, "00:00:00"), all[len(all)-1].At.Add(time.Hour)
	r := New(s, time.UTC, slog.New(slog.DiscardHandler))
	for i := 0; i < len(all); i += 500 {
		write(t, s, all[i:min(i+500, len(all))])
		if _, err := r.Report(t.Context(), from, to, to); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 0 {
			if err := r.save(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if i == 1500 { // the program is started again
			r = New(s, time.UTC, slog.New(slog.DiscardHandler))
		}
	}
	live, err := r.Report(t.Context(), from, to, to)
	if err != nil {
		t.Fatal(err)
	}
	once := newTally(time.UTC)
	if err := s.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(1) {
			once.apply(ev)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	ended, err := once.sofar(to)
	if err != nil {
		t.Fatal(err)
	}
	ended.load = func(key string) (hour, error) { return once.hours[key], nil }
	want, err := ended.report(from, to, to)
	if err != nil {
		t.Fatal(err)
	}
	if text(t, live) != text(t, want) {
		t.Errorf("live\n%s\nfrom the beginning\n%s", text(t, live), text(t, want))
	}
	if live.Total.Handled == 0 || live.Total.BusyMS == 0 {
		t.Errorf("nothing was counted: %+v", live.Total)
	}
}

// TestWhatRunsCountsUpToNow: Ana has talked for two minutes.
func TestWhatRunsCountsUpToNow(t *testing.T) {
	s := storetest.Open(t)
	d := &diary{t: t}
	d.rings("09:00:00", "c1", "P1")
	d.add("09:00:00", "queue.entered", "c1", "", "help", "language", "en")
	d.state("09:00:00", "ana", "on_call", "c1")
	d.add("09:00:00", "contact.connected", "c1", "ana", "help")
	write(t, s, d.all)
	r := New(s, time.UTC, slog.New(slog.DiscardHandler))
	for _, now := range []string{"09:02:00", "09:03:00"} {
		got, err := r.Report(t.Context(), on(t, "09:00:00"), on(t, "10:00:00"), on(t, now))
		want := on(t, now).Sub(on(t, "09:00:00")).Milliseconds()
		if err != nil || got.Total.TalkMS != want || got.Total.BusyMS != want || len(got.Agents) != 1 || got.Agents[0].BusyMS != want {
			t.Errorf("at %s: %+v, %v", now, got.Total, err)
		}
	}
	if _, err := r.Report(t.Context(), on(t, "09:00:00"), on(t, "09:00:00").AddDate(3, 0, 0), on(t, "09:00:00")); err == nil {
		t.Error("a report of three years is made")
	}
}

// TestGauge: forty Spanish and six English calls came in the last hour, of eight
// minutes. Those who speak Spanish are short by what the formula says; English
// is served by those who speak both as well.
func TestGauge(t *testing.T) {
	s := storetest.Open(t)
	d := &diary{t: t}
	for i := range 46 {
		language := "es"
		if i%8 == 7 || i == 0 {
			language = "en"
		}
		at := on(t, "09:00:00").Add(time.Duration(i) * 77 * time.Second)
		id := "c" + at.Format("150405")
		d.write(at, "contact.started", id, "", "", "direction", "in", "person", id)
		d.write(at, "queue.entered", id, "", "help", "language", language)
	}
	write(t, s, d.all)
	r := New(s, time.UTC, slog.New(slog.DiscardHandler))
	agents := []erlang.Speakers{{Languages: []string{"es"}, Agents: 2}, {Languages: []string{"en"}, Agents: 6}, {Languages: []string{AllLanguages}, Agents: 1}}
	g, err := r.Gauge(t.Context(), on(t, "10:00:00"), agents)
	if err != nil {
		t.Fatal(err)
	}
	es := (erlang.Line{PerHour: 40, Handle: g.Handle, Patience: 20 * time.Minute}).Needed(g.Target)
	if g.Handle != 8*time.Minute || g.Agents != 9 || g.PerHour < 44 || g.PerHour > 46 || g.More["en"] != 0 || g.More["es"] < es-4 || g.More["es"] > es-2 {
		t.Errorf("%+v; %d are needed for Spanish alone", g, es)
	}
	if again, err := r.Gauge(t.Context(), on(t, "10:00:00"), append(agents, erlang.Speakers{Languages: []string{"es"}, Agents: g.More["es"]})); err != nil || !again.Enough() {
		t.Errorf("with them: %+v, %v", again, err)
	}
	// While the log is being counted, the screens have what was said last, or
	// nothing; they do not wait.
	r.mu.Lock()
	if last, err := r.Gauge(t.Context(), on(t, "11:00:00"), nil); err != nil || !last.Enough() || last.Agents == 0 {
		t.Errorf("while others count: %+v, %v", last, err)
	}
	fresh := New(s, time.UTC, slog.New(slog.DiscardHandler))
	fresh.mu.Lock()
	if _, err := fresh.Gauge(t.Context(), on(t, "11:00:00"), nil); !errors.Is(err, ErrCounting) {
		t.Errorf("before anything was counted: %v", err)
	}
	r.mu.Unlock()
	if later, err := r.Gauge(t.Context(), on(t, "13:00:00"), nil); err != nil || !later.Enough() || later.PerHour != 0 {
		t.Errorf("hours later nobody calls: %+v, %v", later, err)
	}
}

// busyDay is a day of n events: calls that wait, most of them answered by one of
// 200 agents.
func busyDay(t testing.TB, n int) *diary {
	d := &diary{t: t}
	calls := n / 9
	for i := range calls {
		at := on(t, "00:00:00").Add(time.Duration(i) * 20 * time.Hour / time.Duration(calls))
		id, who := "c"+strconv.Itoa(i), "agent"+strconv.Itoa(i%200)
		d.write(at, "contact.started", id, "", "", "direction", "in", "person", "p"+strconv.Itoa(i%(calls/2)))
		d.write(at, "queue.entered", id, "", "help", "language", []string{"en", "es", "ar"}[i%3])
		if i%5 == 4 {
			d.write(at.Add(time.Minute), "queue.abandoned", id, "", "help")
			d.write(at.Add(time.Minute), "contact.ended", id, "", "help", "outcome", "abandoned_queue")
			continue
		}
		d.write(at.Add(30*time.Second), "agent.state", id, who, "", "state", "offered")
		d.write(at.Add(40*time.Second), "agent.state", id, who, "", "state", "on_call")
		d.write(at.Add(40*time.Second), "contact.connected", id, who, "help")
		d.write(at.Add(5*time.Minute), "agent.state", id, who, "", "state", "wrap")
		d.write(at.Add(5*time.Minute), "contact.ended", id, who, "help", "outcome", "answered")
		d.write(at.Add(6*time.Minute), "acw.ended", id, who, "help", "disposition", "info_given")
		d.write(at.Add(6*time.Minute), "agent.state", "", who, "", "state", "ready")
	}
	return d
}

// BenchmarkApply counts events without a disk.
func BenchmarkApply(b *testing.B) {
	d := busyDay(b, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		t := newTally(time.UTC)
		for _, ev := range d.all {
			t.apply(ev)
		}
	}
	b.ReportMetric(float64(len(d.all))*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

const million = 1_000_000

// BenchmarkMillion counts a log of a million events on disk from the beginning,
// and then makes the report of a day of it.
func BenchmarkMillion(b *testing.B) {
	s := storetest.Open(b)
	d := busyDay(b, million)
	write(b, s, d.all)
	end := d.all[len(d.all)-1].At
	b.Run("from the beginning", func(b *testing.B) {
		for b.Loop() {
			r := New(s, time.UTC, slog.New(slog.DiscardHandler))
			b.StopTimer()
			if err := s.Update(b.Context(), func(tx *store.Tx) error { return states.Delete(tx, stateKey) }); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			if _, err := r.Report(b.Context(), end.Add(-24*time.Hour), end, end); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(d.all))*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("a day", func(b *testing.B) {
		r := New(s, time.UTC, slog.New(slog.DiscardHandler))
		for b.Loop() {
			if _, err := r.Report(b.Context(), end.Add(-24*time.Hour), end, end); err != nil {
				b.Fatal(err)
			}
		}
	})
}
