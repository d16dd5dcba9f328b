package triage

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/store/storetest"
)

// withTeam is the shipped routing with a team outside that joins in on help.
func withTeam(calls int) Routing {
	r := ShippedRouting().clone()
	r.Teams = []Team{{ID: "partner", Name: "Partner", Number: "+12025550195", Calls: calls}}
	for i := range r.Queues {
		if r.Queues[i].ID == QueueHelp {
			r.Queues[i].Widen = []Step{{Team: "partner", After: 30 * time.Second, Priority: 3}}
		}
	}
	return r
}

// TestATeamOutsideTakesWhatItCan: as many calls as it has room for, in its turn;
// one that nobody took is tried again after a minute; nobody is called back by
// it; and when the team is taken away its calls go on.
func TestATeamOutsideTakesWhatItCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		d.Use(withTeam(1))
		back, err := d.Enter(Waiting{Contact: "back", Queue: "help", Since: time.Now().Add(-time.Hour), Away: true})
		must(t, err)
		first, second := enter(t, d, "c1", "help"), enter(t, d, "c2", "help")
		quiet(t, first)
		time.Sleep(30 * time.Second)
		const team = "outside partner 1"
		expect(t, first, PlaceOffered, team)
		quiet(t, second)
		quiet(t, back)
		if d.OutsideNumber(team) != "+12025550195" {
			t.Errorf("the desk is to dial %q", d.OutsideNumber(team))
		}
		must(t, d.Miss(team, "c1"))
		expect(t, first, PlaceMissed, team)
		time.Sleep(59 * time.Second)
		quiet(t, first)
		time.Sleep(time.Second)
		expect(t, first, PlaceOffered, team)
		must(t, d.Accept(team, "c1"))
		expect(t, first, PlaceAccepted, team)
		if _, waiting := d.View(); waiting[len(waiting)-1].Why.Reason != WhyBusy {
			t.Errorf("the second one waits because %+v", waiting[len(waiting)-1].Why)
		}
		d.Use(ShippedRouting())
		state(t, d, team, OnCall)
		d.Release(team, "c1", true)
		synctest.Wait()
		if a := d.Agent(team); a.ID != "" {
			t.Errorf("the team that was taken away is still %s", a.State)
		}
		quiet(t, second)
		second.Leave()
		back.Leave()
	})
}

// TestANewProfileCountsForTheNextOffer, and what rings goes on ringing.
func TestANewProfileCountsForTheNextOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		signIn(t, d, "ana", "both")
		first := enter(t, d, "c1", "help")
		expect(t, first, PlaceOffered, "ana")
		d.SignIn("ana", "Ana", "volunteers") // as another profile would
		routing := ShippedRouting()
		routing.Profiles = []Profile{{ID: "volunteers", Lines: []Line{{Queue: "volunteers", Priority: 1}}}}
		d.Use(routing)
		state(t, d, "ana", Offered)
		must(t, d.Accept("ana", "c1"))
		expect(t, first, PlaceAccepted, "ana")
		must(t, d.Set("ana", WrapUp, ""))
		must(t, d.Set("ana", Ready, ""))
		help := enter(t, d, "c2", "help")
		quiet(t, help)
		expect(t, enter(t, d, "c3", "volunteers"), PlaceOffered, "ana")
	})
}

func TestALineIsOpenAtItsHours(t *testing.T) {
	clock := func(h, m int) time.Time { return time.Date(2026, 3, 1, h, m, 0, 0, time.UTC) }
	for _, tc := range []struct {
		from, until int
		at          time.Time
		open        bool
	}{
		{0, 0, clock(3, 0), true}, {480, 1200, clock(8, 0), true}, {480, 1200, clock(7, 59), false}, {480, 1200, clock(20, 0), false},
		{1200, 480, clock(23, 0), true}, {1200, 480, clock(7, 59), true}, {1200, 480, clock(8, 0), false},
	} {
		if got := (Queue{From: tc.from, Until: tc.until}).Open(tc.at); got != tc.open {
			t.Errorf("from %d to %d, at %s: open %v", tc.from, tc.until, tc.at.Format("15:04"), got)
		}
	}
}

// TestNoRoutingKeepsSomebodyFromHelp tries what must be refused, whoever wants
// it, and that a refusal changes nothing.
func TestNoRoutingKeepsSomebodyFromHelp(t *testing.T) {
	d := hall(t)
	routes := NewRoutes(storetest.Open(t), d)
	d.Use(withTeam(2))
	queue := func(r *Routing, id string) *Queue {
		for i := range r.Queues {
			if r.Queues[i].ID == id {
				return &r.Queues[i]
			}
		}
		return nil
	}
	for words, change := range map[string]func(*Routing){
		"before all others":         func(r *Routing) { r.Profiles[0].Lines[0].Priority = 5 },
		"has no delay":              func(r *Routing) { r.Profiles[0].Lines[0].Delay = time.Second },
		"always open":               func(r *Routing) { queue(r, QueueLife).Most = 3 },
		"waits for a skill":         func(r *Routing) { queue(r, QueueLife).Urgent = false },
		"in private goes to people": func(r *Routing) { queue(r, QueuePrivate).Widen = []Step{{Team: "partner", Priority: 1}} },
		"to another line or to the promise": func(r *Routing) {
			queue(r, QueuePrivate).Over = Overflow{After: time.Minute, To: QueueHelp}
		},
		"whatever the language": func(r *Routing) { r.Skills = []SkillRule{{Skill: "language.ar", Level: 1}} },
		"asks for less":         func(r *Routing) { r.Skills = []SkillRule{{Skill: "law", Level: 2, Relax: []Relax{{time.Minute, 3}}}} },
		"no such team":          func(r *Routing) { r.Teams = nil },
		"full number":           func(r *Routing) { r.Emergency = []Service{{Name: "Police", Number: "911"}} },
	} {
		err := routes.Change(t.Context(), "queue", "rosa", "Rosa", "web", func(r *Routing) error { change(r); return nil })
		var refused FieldError
		if !errors.As(err, &refused) || !strings.Contains(refused.Text, words) {
			t.Errorf("%q: %v", words, err)
		}
	}
	if all, err := routes.History(9); err != nil || len(all) != 0 {
		t.Errorf("refused changes left %d versions (%v)", len(all), err)
	}
	if got := routes.Routing(); got.Profiles[0].Lines[0].Priority != 1 || !got.Queue(QueueLife).Urgent {
		t.Errorf("a refused change counts: %+v", got)
	}
}
