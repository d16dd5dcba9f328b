package ui

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/triage"
)

func (s *script) route(t *testing.T, what string, fn func(*triage.Routing) error) {
	t.Helper()
	if err := s.routes.Change(t.Context(), what, "", "Amal", "web", fn); err != nil {
		t.Fatal(err)
	}
}

func routed(pairs ...string) url.Values {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return form
}

// TestWhoHelpsWhomIsDecidedOnAPage goes through the page as a supervisor: every
// change holds at once, is kept with what was before, and comes back.
func TestWhoHelpsWhomIsDecidedOnAPage(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, supervisor)
	save := func(pairs ...string) answer { return s.post(t, client, "/admin/routing", routed(pairs...)) }
	saved := func(got answer) {
		t.Helper()
		if got.status != http.StatusSeeOther || !strings.HasPrefix(got.header.Get("Location"), "/admin/routing?done=") {
			t.Fatalf("not saved: %d %s", got.status, got.body)
		}
	}
	refused := func(got answer, words string) {
		t.Helper()
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, words) {
			t.Errorf("status %d, and the page does not say %q", got.status, words)
		}
	}

	saved(save("do", "profile", "name", "Night shift", "order:life", "1", "order:help", "2", "after:help", "45", "auto", "yes"))
	if got := s.routes.Routing().Profile("night-shift"); got.Name != "Night shift" || !got.Auto || !slices.Equal(got.Lines,
		[]triage.Line{{Queue: "life", Priority: 1}, {Queue: "help", Priority: 2, Delay: 45 * time.Second}}) {
		t.Errorf("the profile is %+v", got)
	}
	refused(save("do", "profile", "name", "Wrong", "order:life", "2", "order:help", "1"), "before all others")
	refused(save("do", "profile", "name", "Wrong", "order:life", "1", "order:help", "two"), "Write a number")
	refused(save("do", "profile", "name", "Told too much", "order:life", "1", "order:private", "2"), "Only an administrator")

	saved(save("do", "person", "id", s.ids[agent], "profile", "night-shift", "skills", "medical 4, Law"))
	account, err := s.accounts.Get(s.ids[agent])
	if err != nil || account.Profile != "night-shift" || account.Skills["medical"] != 4 || account.Skills["law"] != 3 {
		t.Errorf("the account is %+v (%v)", account, err)
	}
	if len(s.told) != 1 || s.told[0].Profile != "night-shift" || s.told[0].Can["medical"] != 4 {
		t.Errorf("the seat was told %+v", s.told)
	}
	refused(save("do", "person", "id", s.ids[agent], "profile", "private", "skills", ""), "Only an administrator")
	refused(save("do", "person", "id", s.ids[agent], "profile", "help", "skills", "very good doctor"), "one word each")
	refused(save("do", "profile", "id", "night-shift", "delete", "yes"), "Somebody has this profile")

	saved(save("do", "team", "name", "Partner & Co", "number", "+1 202 555 0199", "calls", "3"))
	saved(save("do", "team", "name", "Office", "member", s.ids[agent]))
	saved(save("do", "queue", "id", "help", "best", "yes", "again", "24", "most", "40", "warn", "12", "oldest", "90", "from", "08:00", "until", "20:30",
		"over", "300", "to", "promise", "team:0", "office", "after:0", "30", "order:0", "4", "team:1", "partner--co", "after:1", "120"))
	help := s.routes.Routing().Queue("help")
	if !help.Best || help.Again != 24*time.Hour || help.Most != 40 || help.WarnWaiting != 12 || help.WarnOldest != 90*time.Second || help.From != 480 || help.Until != 1230 ||
		help.Over != (triage.Overflow{After: 5 * time.Minute, To: triage.OverflowPromise}) ||
		!slices.Equal(help.Widen, []triage.Step{{Team: "office", After: 30 * time.Second, Priority: 4}, {Team: "partner--co", After: 2 * time.Minute, Priority: 1}}) {
		t.Errorf("the line is %+v", help)
	}
	refused(save("do", "team", "name", "No number", "number", "12", "calls", "3"), "not a full one")
	refused(save("do", "queue", "id", "private", "team:0", "office"), "in private")

	saved(save("do", "skill", "skill", "medical", "level", "3", "after:1", "20", "level:1", "1"))
	refused(save("do", "skill", "skill", "language", "level", "1"), "whatever the language")

	saved(save("do", "emergency", "name:0", "Control room", "number:0", "+1 202 555 0190", "name:2", "Fire", "number:2", "+12025550191"))
	if got := s.routes.Routing().Emergency; len(got) != 2 || got[1] != (triage.Service{Name: "Fire", Number: "+12025550191"}) {
		t.Errorf("the emergency services are %+v", got)
	}
	refused(save("do", "emergency", "name:0", "Police", "number:0", "911"), "cannot be called from here")

	body := s.get(t, client, "/admin/routing").body
	for _, words := range []string{"Night shift", "Partner &amp; Co", "2, after 45 s", "medical", "a team, by Amal supervisor"} {
		if !strings.Contains(body, words) {
			t.Errorf("the page does not show %q", words)
		}
	}
	history, err := s.routes.History(20)
	if err != nil || len(history) != 6 || history[0].What != "emergency" || history[5].What != "profile" {
		t.Fatalf("kept were %d versions (%v)", len(history), err)
	}
	saved(save("do", "back", "version", history[4].ID))
	if got := s.routes.Routing(); len(got.Skills) != 0 || len(got.Teams) != 1 || got.Queue("help").Best {
		t.Errorf("brought back: %+v", got)
	}
	refused(save("do", "back", "version", "nothing"), "no such version")

	again, err := triage.ReadRouting(s.store)
	if err != nil || len(again.Teams) != 1 || again.Profile("night-shift").Name != "Night shift" {
		t.Errorf("after a restart: %+v (%v)", again, err)
	}
}
