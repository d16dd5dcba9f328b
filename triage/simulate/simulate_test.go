package simulate

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"hotline/triage/erlang"
)

// sized is one row of the sizing table (domain): six hours, 33 % served by the
// dialogue of 75 seconds, log-normal handling. Waits are in minutes.
type sized struct {
	name             string
	perHour          float64
	agents           int
	handle, patience int
	answered         float64
	abandoned        float64
	wait50, wait95   float64
	waiting50, w95   float64
	chan95, chan99   float64
}

func sizes() []sized {
	return []sized{
		{"S typical", 60, 8, 10, 15, 38, 0.05, 0, 5.5, 0, 5, 14, 18},
		{"S peak", 200, 12, 10, 15, 74, 0.41, 7, 10.5, 13, 18, 35, 38},
		{"M typical", 250, 30, 10, 20, 163, 0.02, 0, 2, 0, 7, 44, 48},
		{"M peak", 600, 40, 10, 20, 246, 0.38, 9.5, 12.5, 50, 69, 122, 126},
		{"M peak, full intake", 600, 40, 14, 20, 179, 0.53, 16, 18.5, 73, 88, 141, 149},
		{"M crisis", 1000, 40, 10, 30, 245, 0.61, 29, 31, 205, 225, 287, 298},
		{"L typical", 700, 80, 10, 20, 459, 0.03, 0, 3, 0, 24, 119, 126},
		{"L peak", 1500, 100, 10, 30, 600, 0.37, 14, 17, 193, 218, 349, 355},
		{"L crisis", 2500, 100, 10, 30, 613, 0.61, 30, 32, 529, 568, 723, 745},
	}
}

func (s sized) plan(seed uint64) Plan {
	p := Shipped()
	p.Seed, p.Length, p.PerHour = seed, 6*time.Hour, []float64{s.perHour}
	p.Crews = []Crew{{Agents: s.agents}}
	p.Handle.Mean, p.Patience = time.Duration(s.handle)*time.Minute, time.Duration(s.patience)*time.Minute
	return p
}

// play runs a plan that must be right.
func play(t testing.TB, p Plan) Result {
	t.Helper()
	r, err := Run(p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSizingTable plays the rows of a town and a city; BenchmarkDay plays those
// that take longer.
func TestSizingTable(t *testing.T) {
	for _, row := range sizes()[:small] {
		days := uint64(1)
		if row.abandoned < 0.1 || row.agents < 20 { // chance has a hand in small lines and in those nearly enough
			days = 4
		}
		row.reproduced(t, days)
	}
}

// small is how many rows are quickly played.
const small = 5

// reproduced plays a row a few times: the table's figure must lie among what
// such days bring, with a tenth of room, for it comes from days of its own.
func (s sized) reproduced(t testing.TB, days uint64) {
	t.Helper()
	var seen []Result
	for seed := range days {
		seen = append(seen, play(t, s.plan(seed+1)))
	}
	for _, figure := range []struct {
		name string
		want float64
		room float64 // besides a tenth
		of   func(Result) float64
	}{
		{"answered an hour", s.answered, 2, func(r Result) float64 { return float64(r.Handled) / 6 }},
		{"abandoned", s.abandoned, 0.02, func(r Result) float64 { return r.Abandonment }},
		{"wait p50", s.wait50, 0.75, func(r Result) float64 { return r.Wait.P50.Minutes() }},
		{"wait p95", s.wait95, 1, func(r Result) float64 { return r.Wait.P95.Minutes() }},
		{"waiting p50", s.waiting50, 3, func(r Result) float64 { return float64(r.Waiting.P50) }},
		{"waiting p95", s.w95, 3, func(r Result) float64 { return float64(r.Waiting.P95) }},
		{"channels p95", s.chan95, 2, func(r Result) float64 { return float64(r.Channels.P95) }},
		{"channels p99", s.chan99, 2, func(r Result) float64 { return float64(r.Channels.P99) }},
	} {
		low, high := math.Inf(1), math.Inf(-1)
		for _, r := range seen {
			low, high = min(low, figure.of(r)), max(high, figure.of(r))
		}
		room := figure.want/10 + figure.room
		if low-room > figure.want || high+room < figure.want {
			t.Errorf("%s, %s: %.2f to %.2f in %d days, the table has %.2f", s.name, figure.name, low, high, days, figure.want)
		}
	}
}

// TestErlang compares with the formulas where their assumptions hold.
func TestErlang(t *testing.T) {
	p := Shipped()
	p.Length, p.PerHour, p.SelfServed, p.Dialogue = 4*24*time.Hour, []float64{60}, 0, 0
	p.Handle, p.Crews = Time{Mean: 8 * time.Minute, Random: true}, []Crew{{Agents: 10}}
	for _, patience := range []time.Duration{0, 10 * time.Minute} {
		p.Patience = patience
		r := play(t, p)
		// Of the calls as they came: six days are not for ever.
		s := (erlang.Line{PerHour: float64(r.Offered) / p.Length.Hours(), Handle: r.AHT, Patience: patience, Agents: 10}).Steady()
		for _, figure := range []struct {
			name      string
			got, want float64
			room      float64
		}{
			{"callers who give up", r.Abandonment, s.Abandoned, 0.01},
			{"occupancy", r.Occupancy, s.Occupancy, 0.02},
			{"who must wait", float64(r.Estimator.Told) / float64(r.Offered), s.Waits, 0.05},
		} {
			if math.Abs(figure.got-figure.want) > figure.room {
				t.Errorf("patience %s, %s: %.3f, by the formula %.3f", patience, figure.name, figure.got, figure.want)
			}
		}
		// The mean wait of all callers, those who gave up included.
		all := (r.ASA*time.Duration(r.Handled) + r.AbandonTime*time.Duration(r.Abandoned)) / time.Duration(r.Handled+r.Abandoned)
		if off := float64(all-s.Wait) / float64(s.Wait); math.Abs(off) > 0.15 {
			t.Errorf("patience %s: callers wait %s on average, by the formula %s", patience, all, s.Wait)
		}
	}
}

// TestSpokenRangeIsHonest: of all who were told a range, at least eight of ten
// find an agent within it, over quiet and overrun days, with calls much longer
// or shorter than what is assumed at first, with danger that goes before, with
// shifts that change, and with people who are called back. The mean is not far
// off either, and the range says something.
func TestSpokenRangeIsHonest(t *testing.T) {
	days := map[string]Plan{}
	for _, row := range sizes()[:small] {
		days[row.name] = row.plan(11)
	}
	for name, change := range map[string]func(*Plan){
		"long calls":   func(p *Plan) { p.Handle.Mean = 25 * time.Minute },
		"short calls":  func(p *Plan) { p.Handle.Mean = 2 * time.Minute; p.PerHour = []float64{500} },
		"uneven calls": func(p *Plan) { p.Handle.Spread = 1.5 },
		"danger first": func(p *Plan) { p.Danger = 0.15 },
		"call-backs":   func(p *Plan) { p.CallBacks = 0.5; p.PerHour = []float64{110} },
		"trying again": func(p *Plan) { p.Redials = 0.7 },
		"languages": func(p *Plan) {
			p.Languages = []Share{{"en", 6}, {"es", 4}}
			p.Crews = []Crew{{Agents: 7, Languages: []string{"en"}}, {Agents: 5}}
		},
		"shifts change":  func(p *Plan) { p.Crews = []Crew{{Agents: 12, To: 3 * time.Hour}, {Agents: 12, From: 3 * time.Hour}} },
		"rush and quiet": func(p *Plan) { p.PerHour = []float64{40, 300, 300, 40, 40, 40} },
	} {
		p := sizes()[1].plan(12)
		change(&p)
		days[name] = p
	}
	for name, p := range days {
		e := play(t, p).Estimator
		t.Logf("%-20s told %5d, bias %6s, error p50 %s p90 %s, covered %.2f, width %s", name, e.Told, e.Bias.Round(time.Second), e.P50.Round(time.Second), e.P90.Round(time.Second), e.Covered, e.Width.Round(time.Second))
		if e.Covered < 0.8 {
			t.Errorf("%s: %.0f %% of %d waits were in the range that was spoken", name, 100*e.Covered, e.Told)
		}
	}
}

func TestSameSeedSameDay(t *testing.T) {
	p := sizes()[1].plan(3)
	p.Languages = []Share{{"en", 0.6}, {"es", 0.3}, {"ar", 0.1}}
	p.Crews = []Crew{{Agents: 6, Languages: []string{"en"}}, {Agents: 4, Languages: []string{"en", "es"}}, {Agents: 2}}
	p.Danger, p.CallBacks, p.Redials = 0.05, 0.3, 0.5
	text := func(r Result, err error) string {
		t.Helper()
		out, jsonErr := json.Marshal(r)
		if err != nil || jsonErr != nil {
			t.Fatal(err, jsonErr)
		}
		return string(out)
	}
	first := text(Run(p))
	if again := text(Run(p)); again != first {
		t.Errorf("the same plan gives another day:\n%s\n%s", first, again)
	}
	// The policy sees only those who can be first: that must not change anything.
	if whole := text(run(p, true)); whole != first {
		t.Errorf("with everybody shown to the policy the day is another one:\n%s\n%s", first, whole)
	}
	p.Seed++
	if other := text(Run(p)); other == first {
		t.Error("another seed gives the same day")
	}
}

// TestNobodyIsLost: every caller who entered the queue is somewhere.
func TestNobodyIsLost(t *testing.T) {
	p := sizes()[1].plan(5)
	p.Languages, p.Crews = []Share{{"en", 0.6}, {"es", 0.4}}, []Crew{{Agents: 8, Languages: []string{"en"}}, {Agents: 3, Languages: []string{"es"}, To: 3 * time.Hour}}
	p.CallBacks, p.Redials, p.Danger = 0.4, 0.5, 0.1
	p.AnyLanguage = 0
	r := play(t, p)
	if sum := r.Handled + r.Abandoned + r.CalledBack + r.Held + r.StillWaiting; sum != r.Offered {
		t.Errorf("%d entered the queue and %d are accounted for: %+v", r.Offered, sum, r)
	}
	if r.CalledBack == 0 || r.Promised != r.CalledBack+r.Held {
		t.Errorf("%d call-backs promised, %d made, %d left", r.Promised, r.CalledBack, r.Held)
	}
	p.AnyLanguage = 30 * time.Second // anybody answers who does not speak it
	if es := play(t, p).Languages[1]; es.Abandonment > 0.7 || es.Understood > 0.9 || es.Understood < 0.2 {
		t.Errorf("with an interpreter: %+v", es)
	}
	es := r.Languages[1]
	if es.Language != "es" || es.Handled == 0 || es.Abandonment < r.Languages[0].Abandonment {
		t.Errorf("with nobody who speaks Spanish in the afternoon: %+v", r.Languages)
	}
}

// TestStaffingFormulaAgreesWithTheSimulation: the number of agents by the
// formula is within a fifth of (or one from) the smallest number with which the
// target is reached when the day is played.
func TestStaffingFormulaAgreesWithTheSimulation(t *testing.T) {
	target := erlang.Target{Within: 2 * time.Minute, Share: 0.8}
	for _, tc := range []struct {
		perHour  float64
		handle   time.Duration
		patience time.Duration
	}{{20, 8 * time.Minute, 15 * time.Minute}, {60, 10 * time.Minute, 20 * time.Minute}} {
		formula := (erlang.Line{PerHour: tc.perHour, Handle: tc.handle, Patience: tc.patience}).Needed(target)
		reached := func(agents int) bool {
			p := Shipped()
			p.Length, p.PerHour, p.SelfServed, p.Dialogue = 48*time.Hour, []float64{tc.perHour}, 0, 0
			p.Handle.Mean, p.Patience, p.Crews, p.Target = tc.handle, tc.patience, []Crew{{Agents: agents}}, target.Within
			return play(t, p).ServiceLevel >= target.Share
		}
		played := max(formula*2/3, 1)
		for !reached(played) {
			played++
		}
		if room := max(float64(played)/5, 1); math.Abs(float64(formula-played)) > room {
			t.Errorf("%v calls an hour of %s: %d agents by the formula, %d when played", tc.perHour, tc.handle, formula, played)
		}
	}
}

func TestPlansThatCannotBePlayed(t *testing.T) {
	for name, change := range map[string]func(*Plan){
		"calls per hour":  func(p *Plan) { p.PerHour = []float64{-1} },
		"how many calls":  func(p *Plan) { p.PerHour = nil },
		"at most 1000000": func(p *Plan) { p.PerHour = []float64{1e6} },
		"31 times":        func(p *Plan) { p.Length = 0 },
		"a second":        func(p *Plan) { p.Handle.Mean = 0 },
		"crew":            func(p *Plan) { p.Crews = []Crew{{Agents: 1, From: 2, To: 1}} },
		"5000":            func(p *Plan) { p.Crews = []Crew{{Agents: 6000}} },
		"language":        func(p *Plan) { p.Languages = []Share{{"en", 0}} },
		"between 0 and 1": func(p *Plan) { p.CallBacks = 2 },
	} {
		p := Shipped()
		change(&p)
		if _, err := Run(p); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// BenchmarkDay plays the larger rows of the sizing table, three days of 4,200 to
// 15,000 calls each.
func BenchmarkDay(b *testing.B) {
	for _, row := range sizes()[small:] {
		b.Run(row.name, func(b *testing.B) {
			for b.Loop() {
				row.reproduced(b, 3)
			}
		})
	}
}
