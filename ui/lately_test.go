package ui

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/volunteers/roster"
)

// counting is the log, and how often it was read from the beginning.
type counting struct {
	Journal
	whole int
}

func (c *counting) Latest(limit int, keep func(events.Event) bool) ([]events.Event, error) {
	c.whole++
	return c.Journal.Latest(limit, keep)
}

// A page that looks every few seconds reads the log once, and then what is new.
func TestTheLogIsReadOnce(t *testing.T) {
	s := storetest.Open(t)
	happens := func(kind, by string) {
		t.Helper()
		if err := s.Update(t.Context(), func(tx *store.Tx) error { tx.Emit(events.Event{Kind: kind, By: by}); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	log := &counting{Journal: FromStore(s)}
	l := lately{keep: func(ev events.Event) bool { return ev.Kind == "mode.changed" }, most: 2}
	look := func() (by string) {
		t.Helper()
		found, err := l.events(log, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range found {
			by += ev.By
		}
		return by
	}
	happens("mode.changed", "a")
	happens("contact.ended", "x")
	if got := look(); got != "a" {
		t.Errorf("at first %q", got)
	}
	if got := look(); got != "a" {
		t.Errorf("again %q", got)
	}
	happens("mode.changed", "b")
	happens("mode.changed", "c")
	if got := look(); got != "cb" || log.whole != 1 {
		t.Errorf("then %q, want the two newest, and the log was read %d times from its beginning", got, log.whole)
	}
}

// Programs learn who waits and who is free, and why, and neither a number nor a
// name.
func TestTheRoomForPrograms(t *testing.T) {
	far := newScript(t)
	until := time.Date(2026, 3, 1, 12, 0, 30, 0, time.Local)
	far.view = desk.FloorView{
		Waiting: []desk.FloorWaiting{{Contact: "c1", Number: "+12025550147", Queue: "help", Language: "ar", Position: 1,
			Why: triage.Why{Reason: triage.WhySkill, Skill: triage.Language("ar"), Until: until}},
			{Contact: "c2", Queue: "help", Why: triage.Why{Reason: triage.WhyPrefers, Agent: "Dolores", Until: until}}},
		Agents: []desk.FloorAgent{{ID: "a1", Name: "Dolores", State: triage.Ready, Why: triage.Why{Reason: triage.IdleNobody}}, {ID: "a2", Name: "Amal", State: triage.OnCall}}}
	s := startSite(t, far, nil)
	got := s.ask(t, s.token(t, roster.ScopeState), "GET", "/room", "")
	type why struct {
		Reason   triage.Reason
		Sentence string
	}
	var room struct {
		Waiting []struct{ Why *why }
		Agents  []struct{ Why *why }
	}
	if err := json.Unmarshal([]byte(got.body), &room); err != nil || got.status != http.StatusOK || len(room.Waiting) != 2 || len(room.Agents) != 2 {
		t.Fatalf("%d %v %s", got.status, err, got.body)
	}
	if want := "Needs Arabic. At 12:00:30 others may take it"; room.Waiting[0].Why.Sentence != want || room.Waiting[0].Why.Reason != triage.WhySkill {
		t.Errorf("the caller waits because %+v, want %q", room.Waiting[0].Why, want)
	}
	if room.Agents[0].Why == nil || room.Agents[0].Why.Sentence != "Nobody waits in these lines" || room.Agents[1].Why != nil {
		t.Errorf("the agents are %+v", room.Agents)
	}
	for _, secret := range []string{"5550147", "Dolores", "Amal"} {
		if strings.Contains(got.body, secret) {
			t.Errorf("a program is told %s", secret)
		}
	}
}
