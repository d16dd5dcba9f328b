package triage

import (
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var worldSeed = flag.Uint64("world", 0, "try only the random world with this seed")

// Test2b09MatchKeepsItsPromises states the rules independently of how Match works
// and tries them on random rooms, new ones in every run. A world that breaks
// one is tried again with -world=SEED.
func Test2b09MatchKeepsItsPromises(t *testing.T) {
	first, worlds := rand.Uint64()>>1, uint64(10_000)
	if *worldSeed != 0 {
		first, worlds = *worldSeed, 1
	}
	t.Logf("worlds %d to %d", first, first+worlds-1)
	for seed := first; seed < first+worlds; seed++ {
		r := rand.New(rand.NewPCG(seed, 1))
		w := world{t, seed, randomRoom(r), at(60)}
		got := Match(w.s, w.now)
		if again := Match(shuffled(w.s, r), w.now); !reflect.DeepEqual(again, got) {
			t.Fatalf("world %d: the order of the snapshot changed the decision:\n%+v\n%+v", seed, got, again)
		}
		w.check(got)
		if t.Failed() {
			return
		}
	}
}

// world is a random room and what must be true of every decision in it.
type world struct {
	*testing.T
	seed uint64
	s    Snapshot
	now  time.Time
}

func (w world) fail(format string, args ...any) {
	w.Helper()
	w.Errorf("world %d: "+format, append([]any{w.seed}, args...)...)
}

var (
	someQueues = []string{"q1", "q2", "q3"}
	someSkills = []string{"", "", Wants("es", nil), Wants("ar", nil), Wants("es", []string{"medical"}), "law"}
)

func randomRoom(r *rand.Rand) Snapshot {
	seconds := func(n int) time.Duration { return time.Duration(r.IntN(n)*20) * time.Second }
	s := Snapshot{Profiles: map[string]Profile{}, Queues: map[string]Queue{}, Signed: map[string]int{}, Skills: map[string]SkillRule{
		"medical": {Level: 3, Relax: []Relax{{20 * time.Second, 1}, {80 * time.Second, 0}}},
		"law":     {Level: 2, Relax: []Relax{{40 * time.Second, 1}}}}}
	for p := range 1 + r.IntN(3) {
		profile := Profile{ID: fmt.Sprint("p", p)}
		for _, q := range someQueues {
			if r.IntN(3) > 0 {
				profile.Lines = append(profile.Lines, Line{q, r.IntN(3), seconds(3)})
			}
		}
		s.Profiles[profile.ID] = profile
	}
	for _, q := range someQueues {
		queue := Queue{ID: q, Best: r.IntN(2) == 0, Urgent: r.IntN(6) == 0}
		for _, team := range []string{"t1", "t2"} {
			if r.IntN(4) == 0 {
				queue.Widen = append(queue.Widen, Step{team, seconds(5), r.IntN(4)})
			}
		}
		s.Queues[q] = queue
	}
	if r.IntN(4) == 0 {
		s.Overflow = map[string]bool{someQueues[r.IntN(3)]: true}
	}
	var people []string
	for a := range r.IntN(7) {
		f := Free{Agent: fmt.Sprint("agent", a), Profile: fmt.Sprint("p", r.IntN(len(s.Profiles))), Since: at(r.IntN(60)), OnLine: r.IntN(8) == 0}
		for _, team := range []string{"t1", "t2"} {
			if r.IntN(4) == 0 {
				f.Teams = append(f.Teams, team)
			}
		}
		var skills []Skill
		for _, name := range []string{Language("es"), Language("ar"), anyLanguage, "medical", "law"} {
			if r.IntN(3) == 0 {
				skills = append(skills, Skill{name, 1 + r.IntN(MaxLevel)})
			}
		}
		f.Skills = sortSkills(skills)
		people = append(people, f.Agent)
		if r.IntN(3) == 0 {
			s.Busy = append(s.Busy, f)
		} else {
			s.Free = append(s.Free, f)
		}
		for _, q := range someQueues {
			if slices.ContainsFunc(s.lines(f.Profile, f.Teams), func(l Line) bool { return l.Queue == q }) {
				s.Signed[q]++
			}
		}
	}
	for c := range r.IntN(9) {
		w := Waiting{Contact: fmt.Sprint("c", c), Queue: someQueues[r.IntN(3)], Since: at(r.IntN(60)), Priority: r.IntN(2), Away: r.IntN(3) == 0, Skills: someSkills[r.IntN(len(someSkills))]}
		if len(people) > 0 {
			someone := func() string { return people[r.IntN(len(people))] }
			for range r.IntN(3) {
				w.NotTo = map[string]time.Time{someone(): at(r.IntN(120))}
			}
			switch r.IntN(12) {
			case 0, 1:
				w.Only = someone()
			case 2, 3:
				w.Prefer, w.PreferUntil = someone(), at(r.IntN(120))
			case 4:
				w.Offered = "somebody else"
			}
		}
		s.Waiting = append(s.Waiting, w)
	}
	return s
}

func shuffled(s Snapshot, r *rand.Rand) Snapshot {
	s.Waiting, s.Free, s.Busy = slices.Clone(s.Waiting), slices.Clone(s.Free), slices.Clone(s.Busy)
	r.Shuffle(len(s.Waiting), func(i, j int) { s.Waiting[i], s.Waiting[j] = s.Waiting[j], s.Waiting[i] })
	r.Shuffle(len(s.Free), func(i, j int) { s.Free[i], s.Free[j] = s.Free[j], s.Free[i] })
	r.Shuffle(len(s.Busy), func(i, j int) { s.Busy[i], s.Busy[j] = s.Busy[j], s.Busy[i] })
	return s
}

// lines of somebody for a queue, as the rules have them.
func (w world) lines(f Free, queue string) (out []Line) {
	for _, line := range w.s.Profiles[f.Profile].Lines {
		if line.Queue == queue {
			if w.s.Overflow[queue] {
				line.Delay = 0
			}
			out = append(out, line)
		}
	}
	for _, step := range w.s.Queues[queue].Widen {
		if slices.Contains(f.Teams, step.Team) {
			out = append(out, Line{queue, step.Priority, step.After})
		}
	}
	return out
}

// takes reports whether f takes contacts like c at all.
func (w world) takes(f Free, c Waiting) bool {
	return len(w.lines(f, c.Queue)) > 0 && !(c.Away && f.OnLine)
}

// able reports whether the skills of f do for c at an age.
func (w world) able(f Free, c Waiting, age time.Duration) bool {
	if w.s.Queues[c.Queue].Urgent {
		return true
	}
	for _, name := range strings.Fields(c.Skills) {
		rule, ok := w.s.Skills[name]
		if !ok {
			rule = usualLanguage
		}
		most := 0
		for _, other := range slices.Concat(w.s.Free, w.s.Busy) {
			if len(w.lines(other, c.Queue)) > 0 {
				most = max(most, level(other.Skills, name))
			}
		}
		wanted := rule.Level
		for _, step := range rule.Relax {
			if age >= step.After || most < wanted {
				wanted = step.Level
			}
		}
		if level(f.Skills, name) < wanted {
			return false
		}
	}
	return true
}

// sees reports whether f may be offered c at a time, and in which class.
func (w world) sees(f Free, c Waiting, now time.Time) (class int, ok bool) {
	class = math.MaxInt
	others := func(agent string) bool {
		return slices.ContainsFunc(slices.Concat(w.s.Free, w.s.Busy), func(o Free) bool { return o.Agent == agent && w.takes(o, c) })
	}
	switch {
	case c.Offered != "" || c.NotTo[f.Agent].After(now):
		return class, false
	case c.Away && f.OnLine && c.Only == "":
		return class, false
	case c.Only != "":
		return math.MinInt, c.Only == f.Agent
	case c.Prefer != "" && c.Prefer != f.Agent && c.PreferUntil.After(now) && others(c.Prefer):
		return class, false
	}
	age := now.Sub(c.Since)
	for _, line := range w.lines(f, c.Queue) {
		if age >= line.Delay && w.able(f, c, age) {
			class = min(class, line.Priority)
		}
	}
	return class, class != math.MaxInt
}

func (w world) check(d Decision) {
	w.Helper()
	given, taken := map[string]Waiting{}, map[string]bool{}
	for _, o := range d.Offers {
		i := slices.IndexFunc(w.s.Waiting, func(c Waiting) bool { return c.Contact == o.Contact })
		j := slices.IndexFunc(w.s.Free, func(f Free) bool { return f.Agent == o.Agent })
		if _, twice := given[o.Agent]; twice || taken[o.Contact] || i < 0 || j < 0 {
			w.fail("%v is one of two offers, or of somebody who is not free or does not wait", o)
			return
		}
		given[o.Agent], taken[o.Contact] = w.s.Waiting[i], true
		if _, ok := w.sees(w.s.Free[j], w.s.Waiting[i], w.now); !ok {
			w.fail("%v may not be", o)
		}
	}
	for _, f := range w.s.Free {
		mine, busy := given[f.Agent]
		for _, c := range w.s.Waiting {
			class, ok := w.sees(f, c, w.now)
			if !ok || taken[c.Contact] {
				continue
			}
			if !busy {
				w.fail("%s is idle while %s, which it may see, waits", f.Agent, c.Contact)
				continue
			}
			mineClass, _ := w.sees(f, mine, w.now)
			if class < mineClass || class == mineClass && inOrder(&c, &mine) < 0 {
				w.fail("%s was given %s of class %d while %s of class %d waits", f.Agent, mine.Contact, mineClass, c.Contact, class)
			}
		}
		if why, said := d.Idle[f.Agent]; said == busy {
			w.fail("%s: busy %v, idle because %+v", f.Agent, busy, why)
		} else if !busy {
			w.checkIdle(f, why, taken)
		}
	}
	for _, c := range w.s.Waiting {
		if why, said := d.Why[c.Contact]; said == taken[c.Contact] {
			w.fail("%s: offered %v, waits because %+v", c.Contact, taken[c.Contact], why)
		} else if said {
			w.checkWhy(c, why, given)
		}
	}
	w.checkNext(d, taken, given)
}

// checkWhy tries the explanation of a contact that waits.
func (w world) checkWhy(c Waiting, why Why, given map[string]Waiting) {
	w.Helper()
	any := func(all []Free, holds func(Free) bool) bool { return slices.ContainsFunc(all, holds) }
	later := func(at time.Time) bool { // if it waited alone until then; who has said not now is not asked again
		return any(w.s.Free, func(f Free) bool { _, ok := w.sees(f, c, at); return ok && !c.NotTo[f.Agent].After(w.now) })
	}
	year := w.now.Add(365 * 24 * time.Hour)
	ok := false
	switch why.Reason {
	case WhyRinging:
		ok = c.Offered != ""
	case WhyNobody:
		ok = w.s.Signed[c.Queue] == 0
	case WhyHigher:
		ok = any(w.s.Free, func(f Free) bool { _, sees := w.sees(f, c, w.now); _, busy := given[f.Agent]; return sees && busy })
	case WhyDeclined:
		ok = any(w.s.Free, func(f Free) bool {
			_, busy := given[f.Agent]
			return !busy && c.NotTo[f.Agent].After(w.now) && (c.Only == f.Agent || w.takes(f, c))
		})
	case WhyDelay, WhySkill:
		ok = why.Until.IsZero() && why.Skill != "" && !later(year) || why.Until.After(w.now) && later(why.Until)
	case WhyUnable:
		ok = !any(slices.Concat(w.s.Free, w.s.Busy), func(f Free) bool {
			return w.takes(f, c) && w.able(f, c, never)
		})
	case WhyPrefers:
		ok = c.Prefer == why.Agent && c.PreferUntil.After(w.now) && c.PreferUntil.Equal(why.Until)
	case WhyBusy:
		ok = c.Only != "" || !any(w.s.Free, func(f Free) bool {
			return w.takes(f, c) && !c.NotTo[f.Agent].After(w.now)
		})
	}
	if !ok {
		w.fail("%+v waits because %+v, which is not so", c, why)
	}
}

// checkIdle tries the explanation of an agent who is free and got nobody.
func (w world) checkIdle(f Free, why Why, taken map[string]bool) {
	w.Helper()
	waits := slices.ContainsFunc(w.s.Waiting, func(c Waiting) bool {
		return c.Offered == "" && !taken[c.Contact] && (c.Only == "" && w.takes(f, c) || c.Only == f.Agent)
	})
	serves := slices.ContainsFunc(someQueues, func(q string) bool { return len(w.lines(f, q)) > 0 })
	switch why.Reason {
	case IdleNoLine:
		if serves {
			w.fail("%s serves a line and is said not to", f.Agent)
		}
	case IdleNobody:
		if waits {
			w.fail("somebody waits in the lines of %s, which is said not to be so", f.Agent)
		}
	case IdleDelay, IdleDeclined, IdlePrefers:
		if !waits || !why.Until.After(w.now) {
			w.fail("%s is idle because %+v, which is not so", f.Agent, why)
		}
	case IdleSkill:
		if !waits || why.Skill == "" {
			w.fail("%s is idle because %+v, which is not so", f.Agent, why)
		}
	default:
		w.fail("%s is idle because %+v", f.Agent, why)
	}
}

// checkNext looks that nothing changes before the time at which it is to be
// looked again.
func (w world) checkNext(d Decision, taken map[string]bool, given map[string]Waiting) {
	w.Helper()
	s := w.s
	s.Waiting, s.Free, s.Busy = slices.Clone(s.Waiting), nil, slices.Clone(s.Busy)
	for i := range s.Waiting {
		if taken[s.Waiting[i].Contact] {
			s.Waiting[i].Offered = "somebody"
		}
	}
	for _, f := range w.s.Free {
		if _, busy := given[f.Agent]; busy {
			s.Busy = append(s.Busy, f)
		} else {
			s.Free = append(s.Free, f)
		}
	}
	until := d.Next.Add(-1)
	if d.Next.IsZero() {
		until = w.now.Add(24 * time.Hour)
	} else if !d.Next.After(w.now) {
		w.fail("it is to be looked again at %v, which is over", d.Next)
	}
	if more := Match(s, until).Offers; len(more) > 0 {
		w.fail("looked at too late: %v could be made before %v", more, d.Next)
	}
}

// TestTheBestIsRung: of those who could take a contact, the one with the highest
// level gets it where the queue wants that, the longest available elsewhere.
func TestTheBestIsRung(t *testing.T) {
	s := Snapshot{Profiles: room, Signed: map[string]int{"help": 3}, Queues: map[string]Queue{"help": {Best: true}},
		Skills:  map[string]SkillRule{"medical": {Level: 1}},
		Waiting: []Waiting{{Contact: "a", Queue: "help", Since: at(0), Skills: "medical"}},
		Free: []Free{{Agent: "nurse", Profile: "both", Since: at(0), Skills: []Skill{{"medical", 2}}},
			{Agent: "doctor", Profile: "both", Since: at(5), Skills: []Skill{{"medical", 5}}},
			{Agent: "other doctor", Profile: "both", Since: at(4), Skills: []Skill{{"medical", 5}}}}}
	if got := Match(s, at(10)).Offers; !slices.Equal(got, []Offer{{"a", "other doctor"}}) {
		t.Errorf("offers %v, want the doctor who is available longer", got)
	}
	s.Queues = nil
	if got := Match(s, at(10)).Offers; !slices.Equal(got, []Offer{{"a", "nurse"}}) {
		t.Errorf("offers %v, want whoever is available longest", got)
	}
}

// TestSkillsAreWantedLessAndLess goes through the life of one caller who wants a
// language and a skill.
func TestSkillsAreWantedLessAndLess(t *testing.T) {
	rules := map[string]SkillRule{"medical": {Level: 3, Relax: []Relax{{20 * time.Second, 1}, {90 * time.Second, 0}}}, "law": {Level: 1}}
	agent := func(id string, skills ...Skill) Free {
		return Free{Agent: id, Profile: "both", Skills: sortSkills(skills)}
	}
	arabic, english := Speaks([]string{"ar"})[0], Speaks([]string{"en"})[0]
	for _, tc := range []struct {
		name       string
		wants      string
		free, busy []Free
		age        int
		gets       string
		why        Why
	}{
		{"who speaks the language", Wants("ar", nil), []Free{agent("en", english), agent("ar", arabic)}, nil, 0, "ar", Why{}},
		{"is waited for while busy", Wants("ar", nil), []Free{agent("en", english)}, []Free{agent("ar", arabic)}, 29, "", Why{Reason: WhySkill, Skill: "language.ar", Until: at(30)}},
		{"but not for ever", Wants("ar", nil), []Free{agent("en", english)}, []Free{agent("ar", arabic)}, 30, "en", Why{}},
		{"and not at all when not there", Wants("ar", nil), []Free{agent("en", english)}, nil, 0, "en", Why{}},
		{"who has named no language speaks all", Wants("ar", nil), []Free{agent("any", Speaks(nil)...)}, []Free{agent("ar", arabic)}, 0, "any", Why{}},
		{"a level at first", "medical", []Free{agent("aid", Skill{"medical", 1})}, []Free{agent("doctor", Skill{"medical", 5})}, 19, "", Why{Reason: WhySkill, Skill: "medical", Until: at(20)}},
		{"then a lower one", "medical", []Free{agent("aid", Skill{"medical", 1})}, []Free{agent("doctor", Skill{"medical", 5})}, 20, "aid", Why{}},
		{"a lower one at once when that is the best there is", "medical", []Free{agent("aid", Skill{"medical", 1})}, nil, 0, "aid", Why{}},
		{"a rule that never lets go", "law", []Free{agent("en", english)}, nil, 10_000, "", Why{Reason: WhyUnable, Skill: "law"}},
		{"nor while the one who can is busy", "law", []Free{agent("en", english)}, []Free{agent("lawyer", Skill{"law", 1})}, 10_000, "", Why{Reason: WhySkill, Skill: "law"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Match(Snapshot{Profiles: room, Skills: rules, Signed: map[string]int{"help": 2}, Free: tc.free, Busy: tc.busy,
				Waiting: []Waiting{{Contact: "a", Queue: "help", Since: at(0), Skills: tc.wants}}}, at(tc.age))
			who := ""
			if len(got.Offers) > 0 {
				who = got.Offers[0].Agent
			}
			if who != tc.gets || got.Why["a"] != tc.why {
				t.Errorf("offered to %q because %+v, want %q because %+v", who, got.Why["a"], tc.gets, tc.why)
			}
		})
	}
}

// TestTeamsJoinStepByStep: a queue is seen by one team more after every step.
func TestTeamsJoinStepByStep(t *testing.T) {
	s := Snapshot{Signed: map[string]int{"help": 2}, Profiles: map[string]Profile{"office": {}},
		Queues:  map[string]Queue{"help": {Widen: []Step{{Team: "office", After: 30 * time.Second, Priority: 5}, {Team: "partner", After: time.Minute, Priority: 1}}}},
		Waiting: []Waiting{{Contact: "a", Queue: "help", Since: at(0)}},
		Free:    []Free{{Agent: "partner 1", Teams: []string{"partner"}, Since: at(0)}, {Agent: "clerk", Profile: "office", Teams: []string{"office"}, Since: at(5)}}}
	for age, want := range map[int][]Offer{29: nil, 30: {{"a", "clerk"}}, 60: {{"a", "partner 1"}}} {
		if got := Match(s, at(age)); !slices.Equal(got.Offers, want) {
			t.Errorf("after %d s: %v, want %v", age, got.Offers, want)
		}
	}
	if got := Match(s, at(0)); got.Why["a"] != (Why{Reason: WhyDelay, Until: at(30)}) || got.Idle["clerk"] != (Why{Reason: IdleDelay, Until: at(30)}) || !got.Next.Equal(at(30)) {
		t.Errorf("at first %+v", got)
	}
}

// TestWhoHelpedBeforeIsWaitedForAMoment and then everybody may.
func TestWhoHelpedBeforeIsWaitedForAMoment(t *testing.T) {
	s := Snapshot{Profiles: room, Signed: map[string]int{"help": 2},
		Waiting: []Waiting{{Contact: "a", Queue: "help", Since: at(0), Prefer: "ana", PreferUntil: at(20)}},
		Free:    []Free{{Agent: "bea", Profile: "both"}}, Busy: []Free{{Agent: "ana", Profile: "both"}}}
	if got := Match(s, at(19)); len(got.Offers) != 0 || got.Why["a"] != (Why{Reason: WhyPrefers, Agent: "ana", Until: at(20)}) || got.Idle["bea"].Reason != IdlePrefers || !got.Next.Equal(at(20)) {
		t.Errorf("while ana is busy: %+v", got)
	}
	if got := Match(s, at(20)); !slices.Equal(got.Offers, []Offer{{"a", "bea"}}) {
		t.Errorf("then: %+v", got)
	}
	s.Free, s.Busy = append(s.Free, s.Busy[0]), nil
	s.Free[1].Since = at(3)
	if got := Match(s, at(5)); !slices.Equal(got.Offers, []Offer{{"a", "ana"}}) {
		t.Errorf("when ana is free, though shorter: %+v", got)
	}
	s.Free = s.Free[:1]
	if got := Match(s, at(5)); !slices.Equal(got.Offers, []Offer{{"a", "bea"}}) {
		t.Errorf("when ana has gone home: %+v", got)
	}
}

func BenchmarkMatch(b *testing.B) {
	crowd := func(skills bool) Snapshot {
		s := Snapshot{Profiles: maps.Clone(room), Signed: map[string]int{"help": 1000, "volunteers": 1000}}
		for i := range 10_000 {
			w := Waiting{Contact: fmt.Sprint(i), Queue: []string{"help", "volunteers"}[i%2], Since: at(i * 7919 % 10_000), Away: i%3 == 0}
			if skills {
				w.Skills = Wants([]string{"es", "en", "ar", "fr", "pt", "id"}[i%6], [][]string{nil, nil, nil, {"medical"}}[i%4])
			}
			s.Waiting = append(s.Waiting, w)
		}
		for i := range 1000 {
			f := Free{Agent: fmt.Sprint("agent", i), Profile: []string{"both", "volunteers"}[i%2], Since: at(i)}
			if skills {
				f.Skills = sortSkills(append(Speaks([][]string{{"es"}, {"en"}, {"es", "en"}, {"ar", "fr"}, {"pt"}, {"id", "en"}}[i%6]), []Skill{{"medical", i % 5}}[:i%5/4]...))
			}
			s.Free = append(s.Free, f)
		}
		return s
	}
	for _, bc := range []struct {
		name string
		of   func() Snapshot
	}{
		{"1000 agents free", func() Snapshot { return crowd(false) }},
		{"one agent free", func() Snapshot { s := crowd(false); s.Busy, s.Free = s.Free[1:], s.Free[:1]; return s }},
		{"1000 agents free, languages and skills", func() Snapshot { return crowd(true) }},
		{"1000 agents free, the best is rung", func() Snapshot {
			s := crowd(true)
			s.Queues = map[string]Queue{"help": {Best: true}, "volunteers": {Best: true}}
			return s
		}},
		{"one agent free, languages and skills", func() Snapshot { s := crowd(true); s.Busy, s.Free = s.Free[1:], s.Free[:1]; return s }},
	} {
		b.Run(bc.name, func(b *testing.B) {
			s := bc.of()
			for b.Loop() {
				Match(s, at(20_000))
			}
		})
	}
}
