package ui

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"hotline/triage"
	"hotline/triage/desk"
)

// steerableFloor has somebody to steer and two who wait, one in private.
func steerableFloor(view *desk.FloorView) {
	now := time.Now()
	*view = desk.FloorView{
		Agents: []desk.FloorAgent{{ID: "b", Name: "Beatriz", State: triage.Ready, Since: now.Add(-time.Minute)},
			{ID: "d", Name: "Dolores", State: triage.OnCall, Since: now, Queue: "help", Contact: "c2", Next: "offline"},
			{ID: "e", Name: "Emeka", State: triage.OnBreak, Reason: "rest", By: "Amal", Since: now}},
		Waiting: []desk.FloorWaiting{{Contact: "w1", Queue: "help", Language: "es", Since: now.Add(-time.Minute), Position: 1, First: "Amal", Why: triage.Why{Reason: triage.WhyBusy}},
			{Contact: "w2", Queue: triage.QueuePrivate, Language: "es", Since: now, Position: 1, Private: true, Why: triage.Why{Reason: triage.WhyBusy}},
			{Contact: "w3", Queue: triage.QueueLife, Language: "es", Since: now, Position: 1, Why: triage.Why{Reason: triage.WhyBusy}}},
		Lines: []desk.FloorLine{{ID: "help", Waiting: 1}},
	}
}

func TestSteeringFromTheFloor(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	s.setFloor(steerableFloor)
	client := s.as(t, supervisor)
	sees(t, s.get(t, client, "/floor"), []string{`href="/floor/agents/b"`, `href="/floor/waiting/w1"`, "Then phone off", "On a break: You need a rest (by Amal)", "Put first by Amal"})
	sees(t, s.get(t, client, "/floor/agents/b"), []string{"Beatriz", "Your shift is over"})
	sees(t, s.get(t, client, "/floor/waiting/w2"), []string{"Only people who were trained"})
	sees(t, s.get(t, client, "/floor/waiting/w3"), []string{"Whoever waits longest goes first"}, `value="first"`)
	for _, one := range []struct {
		path string
		form url.Values
		to   string
	}{
		{"/floor/agents/b", url.Values{"state": {"break"}, "reason": {"rest"}}, "/floor?done=changed"},
		{"/floor/agents/d", url.Values{"state": {"offline"}, "reason": {"shift_over"}}, "/floor?done=later"},
		{"/floor/waiting/w1", url.Values{"do": {"take"}}, "/floor?done=taken"},
		{"/floor/waiting/w1", url.Values{"do": {"first"}, "reason": {"worse"}}, "/floor?done=first"},
	} {
		if got := s.post(t, client, one.path, one.form); got.header.Get("Location") != one.to {
			t.Errorf("%s %v: %d to %q", one.path, one.form, got.status, got.header.Get("Location"))
		}
	}
	me := s.ids[supervisor]
	if want := []string{me + " agent b break rest", me + " agent d offline shift_over", me + " take w1", me + " first w1 worse"}; !slices.Equal(s.steers, want) {
		t.Errorf("asked for %q, want %q", s.steers, want)
	}
	sees(t, s.get(t, client, "/floor?done=later"), []string{"It counts afterwards."})
	s.refuseWith(desk.UserError("Somebody in danger waits in this line and goes first."))
	for path, form := range map[string]url.Values{"/floor/waiting/w1": {"do": {"first"}, "reason": {"worse"}}, "/floor/agents/b": {"state": {"break"}, "reason": {"rest"}}} {
		if got := s.post(t, client, path, form); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s refused: %d", path, got.status)
		} else {
			sees(t, got, []string{"Somebody in danger waits in this line"})
		}
	}
	for _, path := range []string{"/floor/agents/nobody", "/floor/waiting/nobody"} {
		if got := s.get(t, client, path); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}
