package ui

import (
	"bufio"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/volunteers/roster"
)

// firstDrawing is what a live page is sent first.
func (s *site) firstDrawing(t *testing.T, client *http.Client, path string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var drawn strings.Builder
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() && lines.Text() != "" {
		drawn.WriteString(lines.Text() + "\n")
	}
	return drawn.String()
}

// A supervisor of a team meets nobody of another team behind any door of the
// pages, and does nothing to them (S12). Every page that a supervisor can open is
// opened, so a new one is tried, too; who sees everybody meets them there, so the
// walk would notice. Whoever may be in danger is there all the same.
func TestASupervisorOfATeamSeesItsPeopleAlone(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	other, err := s.accounts.Add(t.Context(), roster.Account{Login: "dolores", Name: "Dolores", Role: roster.RoleAgent, Profile: "help", Languages: []string{"es"}}, secret, "")
	if err != nil {
		t.Fatal(err)
	}
	s.route(t, "team", func(r *triage.Routing) error {
		r.Teams = append(r.Teams, triage.Team{ID: "north", Name: "Team North", Members: []string{s.ids[agent]}}, triage.Team{ID: "south", Name: "Team South", Members: []string{other.ID}})
		return nil
	})
	s.aMorning(t)
	now := time.Now()
	began := now.Add(-20 * time.Minute)
	if day := now.UTC().Truncate(24 * time.Hour); began.Before(day) {
		began = day // the reports are of today
	}
	if err := s.store.Update(t.Context(), func(tx *store.Tx) error {
		for i, state := range []string{"on_call", "wrap", "offline"} {
			tx.Emit(events.Event{Kind: "agent.state", Agent: other.ID, Data: map[string]string{"state": state, "at": began.Add(time.Duration(i) * now.Sub(began) / 4).Format(time.RFC3339Nano)}})
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	_, mine := s.tapedOf(t, "+12025550147", s.ids[agent], "Amal agent")
	_, theirs := s.tapedOf(t, "+12025550148", other.ID, "Dolores")
	view := func(v *desk.FloorView) {
		*v = desk.FloorView{Now: now, Lines: []desk.FloorLine{{ID: "help"}},
			Agents: []desk.FloorAgent{{ID: s.ids[agent], Name: "Amal agent", State: triage.Ready, Since: now},
				{ID: other.ID, Name: "Dolores", State: triage.OnCall, Since: now, Contact: "c3", Queue: "help"}},
			Waiting: []desk.FloorWaiting{{Contact: "w1", Queue: "help", Since: now, Position: 1, Why: triage.Why{Reason: triage.WhyRinging, Agent: "Dolores"}}}}
	}
	s.setFloor(view)
	client := s.as(t, supervisor)
	doors := []string{"/floor/agents/" + other.ID, "/recordings/" + theirs, "/floor/waiting/w1", "/reports/agents.csv"}
	for _, way := range Ways() {
		if slices.Contains(way.Roles, string(supervisor)) && !strings.Contains(way.Pattern, "{") && !strings.HasPrefix(way.Pattern, "/ws/") {
			doors = append(doors, way.Pattern)
		}
	}
	met := func() (where []string) {
		for _, door := range doors {
			body := ""
			if strings.HasPrefix(door, "/ev/") {
				body = s.firstDrawing(t, client, door)
			} else {
				body = s.get(t, client, door).body
			}
			if strings.Contains(body, "Dolores") || strings.Contains(body, other.ID) || strings.Contains(body, theirs) {
				where = append(where, door)
			}
		}
		return where
	}
	everywhere := met()
	for _, door := range []string{"/floor", "/ev/floor", "/floor/agents/" + other.ID, "/floor/waiting/w1", "/recordings", "/recordings/" + theirs, "/reports", "/reports/agents.csv", "/admin/routing"} {
		if !slices.Contains(everywhere, door) {
			t.Errorf("who sees everybody does not meet Dolores at %s", door)
		}
	}

	lead, err := s.accounts.Get(s.ids[supervisor])
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"do": {"change"}, "name": {lead.Name}, "role": {"supervisor"}, "profile": {"help"}, "languages": {"es"}, "team": {"north"}}
	if got := s.post(t, s.as(t, admin), "/admin/accounts/"+lead.ID, form); got.status != http.StatusSeeOther {
		t.Fatalf("giving a team: %d %s", got.status, got.body)
	}
	if where := met(); len(where) > 0 { // in the session that was open already
		t.Errorf("a supervisor of another team meets Dolores at %v", where)
	}
	sees(t, s.get(t, client, "/floor"), []string{"Amal agent", "Team North", "Calls in danger", "Rings at a phone volunteer"})
	sees(t, s.get(t, client, "/recordings"), []string{mine, "You hear calls of: Team North"})
	for _, path := range []string{"/floor/agents/" + other.ID, "/recordings/" + theirs, "/recordings/" + theirs + "/sound.wav"} {
		if got := s.get(t, client, path); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	for _, change := range []url.Values{routed("do", "person", "id", other.ID, "profile", "volunteers"), routed("do", "team", "id", "north", "name", "Team North", "member", other.ID), routed("do", "back", "version", "")} {
		if got := s.post(t, client, "/admin/routing", change); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d", change, got.status)
		}
	}
	if got := s.post(t, client, "/admin/routing", routed("do", "person", "id", s.ids[agent], "profile", "volunteers")); got.status != http.StatusSeeOther {
		t.Errorf("the own people cannot be changed: %d %s", got.status, got.body)
	}
	if got := s.post(t, client, "/floor/notices", url.Values{"text": {"North meets at noon"}, "minutes": {"60"}}); got.status != http.StatusSeeOther {
		t.Errorf("a notice: %d %s", got.status, got.body)
	}
	for account, want := range map[string]int{s.ids[agent]: 1, other.ID: 0} {
		a, err := s.accounts.Get(account)
		if got := s.server.noticesFor(visit{account: a}, now.Add(time.Second)); err != nil || len(got) != want {
			t.Errorf("%s reads %v, %v", a.Name, got, err)
		}
	}
	if got := s.post(t, s.as(t, coordinator), "/admin/routing", routed("do", "team", "id", "north", "delete", "yes")); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a team that a supervisor leads is taken away: %d", got.status)
	}

	if a, err := s.accounts.Get(lead.ID); err != nil || !slices.Equal(a.Teams, []string{"north"}) {
		t.Errorf("the account has %v, %v", a.Teams, err)
	}

	// Somebody is in danger in Dolores's call.
	s.setFloor(func(v *desk.FloorView) {
		view(v)
		v.Alarms = []desk.FloorAlarm{{Contact: "c3", Agent: "Dolores", Queue: "help", Kind: "danger", Level: triage.Red, Since: now}}
	})
	sees(t, s.get(t, client, "/floor"), []string{"Danger now", "Dolores", "/desk?mode=listen&amp;monitor=c3"})
}
