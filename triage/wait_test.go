package triage

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

func TestExpectedWaitIsMonotone(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 20_000 {
		before, agents, free := r.IntN(300), 1+r.IntN(40), r.IntN(3)
		p := Pace{Handle: time.Duration(30+r.IntN(1200)) * time.Second, Patience: time.Duration(60+r.IntN(3600)) * time.Second}
		wait := func(before, agents int, p Pace) time.Duration {
			d, known := ExpectedWait(before, agents, free, p)
			if !known || d < 0 {
				t.Fatalf("%d before, %d agents: %v, %v", before, agents, d, known)
			}
			return d
		}
		now := wait(before, agents, p)
		if wait(before+1, agents, p) < now {
			t.Fatal("one more before makes it shorter")
		}
		if wait(before, agents+1, p) > now {
			t.Fatal("one more agent makes it longer")
		}
		if wait(before, agents, Pace{p.Handle + time.Minute, p.Patience}) < now {
			t.Fatal("longer calls make it shorter")
		}
		if wait(before, agents, Pace{p.Handle, p.Patience + time.Minute}) < now {
			t.Fatal("more patient people make it shorter")
		}
	}
}

// TestExpectedWaitAgainstASimulation lets the queue run as it would and looks
// at how long the last caller really waited.
func TestExpectedWaitAgainstASimulation(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, tc := range []struct{ before, agents int }{{0, 1}, {5, 2}, {20, 4}, {60, 8}, {150, 12}} {
		p := Pace{Handle: 8 * time.Minute, Patience: 20 * time.Minute}
		const rounds = 3000
		var sum float64
		for range rounds {
			left := tc.before
			var at float64
			for ; left >= 0; left-- {
				// The next of all that may happen comes first.
				served := r.ExpFloat64() * p.Handle.Seconds() / float64(tc.agents)
				next := served
				if left > 0 {
					next = min(served, r.ExpFloat64()*p.Patience.Seconds()/float64(left))
				}
				at += next
			}
			sum += at
		}
		really := time.Duration(sum / rounds * float64(time.Second))
		said, _ := ExpectedWait(tc.before, tc.agents, 0, p)
		if off := float64(said-really) / float64(really); off < -0.08 || off > 0.08 {
			t.Errorf("%d before and %d agents: said %s, really %s", tc.before, tc.agents, said, really)
		}
	}
}

func TestExpectedWaitAtTheEdges(t *testing.T) {
	if _, known := ExpectedWait(3, 0, 0, firstPace); known {
		t.Error("it knows how long nobody takes")
	}
	if d, known := ExpectedWait(1, 3, 2, firstPace); d != 0 || !known {
		t.Errorf("with a free agent left: %s", d)
	}
	if d, _ := ExpectedWait(0, 1, 0, firstPace); d != 8*time.Minute {
		t.Errorf("behind the one call that runs: %s", d)
	}
	if d, known := ExpectedWait(1_000, 1, 0, Pace{}); d <= 0 || !known {
		t.Errorf("with a pace of nothing: %s", d)
	}
}

func TestTheDispatcherLearnsThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		signIn(t, d, "ana", "both")
		if l := d.Load("help", time.Now()); l.Agents != 1 || l.Ready != 1 || l.Wait != 0 || l.Waiting != 0 {
			t.Errorf("an idle line: %+v", l)
		}
		if l := d.Load("help", time.Now()); l.Wait < 0 {
			t.Error("somebody works and the wait is not known")
		}
		for range 60 { // calls of two minutes and one of notes
			p := enter(t, d, "c", "help")
			expect(t, p, PlaceOffered, "ana")
			must(t, d.Accept("ana", "c"))
			<-time.After(2 * time.Minute)
			must(t, d.Set("ana", WrapUp, ""))
			<-time.After(time.Minute)
			must(t, d.Set("ana", Ready, ""))
			p.Leave()
		}
		p := enter(t, d, "c", "help")
		expect(t, p, PlaceOffered, "ana")
		must(t, d.Accept("ana", "c"))
		l := d.Load("help", time.Now())
		if l.Waiting != 0 || l.Agents != 1 || l.Ready != 0 || l.Wait < 3*time.Minute || l.Wait > 4*time.Minute {
			t.Errorf("after sixty calls of three minutes: %+v", l)
		}
		for range 40 { // people who give up after one minute
			q := enter(t, d, "q", "help")
			<-time.After(time.Minute)
			q.Leave()
		}
		if got := d.paces.of("help").Patience; got > 5*time.Minute {
			t.Errorf("the patience of people who give up after a minute counts as %s", got)
		}
		first := enter(t, d, "q", "help")
		<-time.After(30 * time.Second)
		if l := d.Load("help", time.Now()); l.Waiting != 1 || l.Longest != 30*time.Second {
			t.Errorf("with one who waits: %+v", l)
		}
		first.Leave()
		must(t, d.Set("ana", WrapUp, ""))
		must(t, d.Set("ana", Offline, ""))
		if l := d.Load("help", time.Now()); l.Agents != 0 || l.Wait >= 0 {
			t.Errorf("without anybody: %+v", l)
		}
	})
}

func TestUnderAHeavyLoadNobodyWaitsForTheRightTeam(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		signIn(t, d, "vic", "volunteers") // helps only after a delay
		p := enter(t, d, "c", "help")
		quiet(t, p)
		d.Overflow("help", true)
		expect(t, p, PlaceOffered, "vic")
		must(t, d.Decline("vic", "c"))
		expect(t, p, PlaceDeclined, "vic")
		p.Leave()
		d.Overflow("help", false)
		must(t, d.Set("vic", Ready, ""))
		q := enter(t, d, "e", "help")
		quiet(t, q)
	})
}

func TestTheRangeAsItIsSpoken(t *testing.T) {
	for _, tc := range []struct {
		low, high time.Duration
		from, to  int
	}{
		{0, 20 * time.Second, 1, 1},
		{90 * time.Second, 3*time.Minute + time.Second, 1, 4},
		{4 * time.Minute, 10 * time.Minute, 4, 10},
		{8 * time.Minute, 12 * time.Minute, 5, 15},
		{2 * time.Minute, 11 * time.Minute, 1, 15},
		{58 * time.Minute, 93 * time.Minute, 55, 95},
	} {
		if from, to := (Outlook{Low: tc.low, High: tc.high}).Minutes(); from != tc.from || to != tc.to {
			t.Errorf("%s to %s is told as %d to %d minutes", tc.low, tc.high, from, to)
		}
	}
}

// TestWhoGoesBeforeCounts: for the volunteers' line, whom agents serve after
// people who need help, those people wait in front, and those who keep coming
// take the agents' time.
func TestWhoGoesBeforeCounts(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	rules := newRules(ShippedRouting())
	staff := func(profiles ...string) (busy []Free) {
		for i, profile := range profiles {
			busy = append(busy, Free{Agent: string(rune('A' + i)), Profile: profile, Skills: Speaks(nil)})
		}
		return busy
	}
	all := staff("all", "all", "all", "all")
	me := Waiting{Contact: "me", Queue: QueueVolunteers, Priority: 5, Since: now}
	wait := func(w Waiting, waiting []Waiting, busy []Free, paces *Paces) time.Duration {
		t.Helper()
		o, known := Expect(w, Snapshot{Profiles: rules.profiles, Queues: rules.queues, Skills: rules.skills, Waiting: waiting, Busy: busy}, paces, now)
		if !known || o.Low > o.Mean || o.High < o.Mean {
			t.Fatalf("%+v, %v", o, known)
		}
		return o.Mean
	}
	alone := wait(me, []Waiting{me}, all, NewPaces())
	if alone != 2*time.Minute { // four agents, eight minutes each
		t.Errorf("first in line behind four calls: %s", alone)
	}
	help := []Waiting{me}
	for range 4 {
		help = append(help, Waiting{Contact: string(rune('a' + len(help))), Queue: QueueHelp, Priority: 5, Since: now.Add(time.Second), Skills: "language.es"})
	}
	behind := wait(me, help, all, NewPaces())
	if behind < 4*alone {
		t.Errorf("with four people in front who need help: %s", behind)
	}
	if first := wait(help[1], help, all, NewPaces()); first != alone {
		t.Errorf("who needs help does not wait for volunteers' calls: %s", first)
	}
	// Half of those who serve help do not serve volunteers: they take half of
	// the people in front.
	if shared := wait(me, help, append(staff("private", "private", "private", "private"), all...), NewPaces()); shared >= behind {
		t.Errorf("when others help: %s, without: %s", shared, behind)
	}
	coming := NewPaces()
	for i := range 20 {
		coming.Arrives(QueueHelp, now.Add(time.Duration(i-20)*time.Minute))
	}
	if more := wait(me, []Waiting{me}, all, coming); more < 4*alone {
		t.Errorf("with one call for help a minute: %s", more)
	}
	if _, known := Expect(me, Snapshot{Profiles: rules.profiles, Queues: rules.queues, Busy: staff("private")}, NewPaces(), now); known {
		t.Error("a wait is known in a line that nobody serves")
	}
	// Where nobody else may ever take it, only those who can count.
	skilled := all[0]
	skilled.Skills = []Skill{{"medical", 3}}
	strict := Snapshot{Profiles: rules.profiles, Queues: rules.queues, Skills: map[string]SkillRule{"medical": {Skill: "medical", Level: 2}}, Busy: append([]Free{skilled}, all[1:]...)}
	if o, known := Expect(Waiting{Contact: "m", Queue: QueueHelp, Priority: 5, Since: now, Skills: "medical"}, strict, NewPaces(), now); !known || o.Mean != 8*time.Minute {
		t.Errorf("behind the one call of the one who can: %s, %v", o.Mean, known)
	}
}
