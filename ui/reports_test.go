package ui

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/volunteers/roster"
)

// aMorning writes events into the log as the hotline does: one caller in Spanish
// who waited half a minute for Ana and talked for five minutes, ten callers in
// English who gave up after two minutes, an hour ago.
func (s *site) aMorning(t *testing.T) {
	t.Helper()
	began := time.Now().Add(-40 * time.Minute)
	add := func(after time.Duration, kind, contact, agent, queue string, data ...string) events.Event {
		ev := events.Event{Kind: kind, Contact: contact, Agent: agent, Queue: queue, Data: map[string]string{"at": began.Add(after).Format(time.RFC3339Nano)}}
		for i := 0; i+1 < len(data); i += 2 {
			ev.Data[data[i]] = data[i+1]
		}
		return ev
	}
	ana := s.ids[agent]
	all := []events.Event{
		add(0, "contact.started", "c1", "", "", "direction", "in", "person", "P1"),
		add(0, "queue.entered", "c1", "", "help", "language", "es"),
		add(30*time.Second, "agent.state", "c1", ana, "", "state", "on_call"),
		add(30*time.Second, "contact.connected", "c1", ana, "help"),
		add(330*time.Second, "agent.state", "c1", ana, "", "state", "wrap"),
		add(330*time.Second, "contact.ended", "c1", ana, "help", "outcome", "answered"),
		add(390*time.Second, "agent.state", "", ana, "", "state", "offline"),
	}
	for _, id := range strings.Fields("d1 d2 d3 d4 d5 d6 d7 d8 d9 d10") {
		all = append(all, add(10*time.Minute, "contact.started", id, "", "", "direction", "in", "person", id),
			add(10*time.Minute, "queue.entered", id, "", "help", "language", "en"),
			add(12*time.Minute, "queue.abandoned", id, "", "help"),
			add(12*time.Minute, "contact.ended", id, "", "help", "outcome", "abandoned_queue"))
	}
	if err := s.store.Update(t.Context(), func(tx *store.Tx) error {
		for _, ev := range all {
			tx.Emit(ev)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// days are the days of the morning: it may have begun before midnight.
func days() url.Values {
	return url.Values{"from": {time.Now().Add(-40 * time.Minute).Format(time.DateOnly)}, "until": {time.Now().Format(time.DateOnly)}}
}

func TestFiguresForProgramsAndFiles(t *testing.T) {
	far := newScript(t)
	far.view = desk.FloorView{Agents: []desk.FloorAgent{{ID: "x", Name: "Ana", State: triage.Ready, Languages: []string{"es"}}}}
	s := startSite(t, far, nil)
	s.aMorning(t)
	token := s.token(t, roster.ScopeState)
	type row struct {
		ID string `json:"id"`
	}
	var report struct {
		Total struct {
			Offered, Handled, People, Reached int
			ASA                               *float64 `json:"asa_s"`
			AHT                               *float64 `json:"aht_s"`
			AbandonTime                       *float64 `json:"abandon_time_s"`
			ServiceLevel                      *float64 `json:"service_level"`
			Abandonment                       *float64 `json:"abandonment_rate"`
			Occupancy, Containment            *float64
		}
		Queues, Languages, Agents []row
	}
	got := s.ask(t, token, "GET", "/reports?"+days().Encode(), "")
	if err := json.Unmarshal([]byte(got.body), &report); err != nil || got.status != http.StatusOK {
		t.Fatalf("%d %v %s", got.status, err, got.body)
	}
	f := report.Total
	if f.Offered != 11 || f.Handled != 1 || f.People != 11 || f.Reached != 1 || *f.ASA != 30 || *f.AHT != 360 || *f.AbandonTime != 120 || *f.ServiceLevel != 1.0/11 || *f.Abandonment != 10.0/11 || *f.Occupancy != 1 || *f.Containment != 0 {
		t.Errorf("%s", got.body)
	}
	if len(report.Queues) != 1 || report.Queues[0].ID != "help" || len(report.Languages) != 2 || len(report.Agents) != 1 || report.Agents[0].ID != s.ids[agent] {
		t.Errorf("%+v %+v %+v", report.Queues, report.Languages, report.Agents)
	}
	for _, wrong := range []string{"from=x", "from=2026-02-02&until=2026-02-01", "from=2020-01-01&until=2026-01-01"} {
		if got := s.ask(t, token, "GET", "/reports?"+wrong, ""); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", wrong, got.status)
		}
	}
	var staffing struct {
		Agents int            `json:"agents"`
		Calls  float64        `json:"calls_per_hour"`
		More   map[string]int `json:"more"`
	}
	got = s.ask(t, token, "GET", "/staffing", "")
	if err := json.Unmarshal([]byte(got.body), &staffing); err != nil || staffing.Agents != 1 || staffing.Calls != 11 || staffing.More["en"] < 2 || staffing.More["es"] != 0 {
		t.Errorf("%d %v %s", got.status, err, got.body)
	}

	// The same as a file, with the name of the person; that is written down.
	boss := s.as(t, supervisor)
	got = s.get(t, boss, "/reports/agents.csv?"+days().Encode())
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(got.body, "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 2 || rows[0][0] != "id" || rows[1][0] != s.ids[agent] || rows[1][1] == "" {
		t.Fatalf("%d %v %q", got.status, err, rows)
	}
	if book := s.get(t, boss, "/reports/days.xlsx?"+days().Encode()); book.status != http.StatusOK || !strings.HasPrefix(book.body, "PK") || !strings.Contains(book.header.Get("Content-Disposition"), "report-days-") {
		t.Errorf("the workbook: %d", book.status)
	}
	if missing := s.get(t, boss, "/reports/callers.csv"); missing.status != http.StatusNotFound {
		t.Errorf("a table that does not exist: %d", missing.status)
	}
	if noted := s.noted(t, "report.carried_away"); len(noted) != 2 || noted[0].By != s.ids[supervisor] {
		t.Errorf("noted: %v", noted)
	}
	if got := s.get(t, boss, "/reports?from=2026-02-02&until=2026-02-01"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "cannot be shown") {
		t.Errorf("wrong days: %d", got.status)
	}
}

// The page says in words who is missing, has every figure with what it means,
// and fits every screen without anything for axe to find. The floor says who is
// missing, too.
func TestTheFiguresOnThePage(t *testing.T) {
	far := newScript(t)
	far.view = desk.FloorView{Agents: []desk.FloorAgent{{ID: "x", Name: "Ana", State: triage.Ready, Languages: []string{"es"}}}}
	s := startSite(t, far, nil)
	s.aMorning(t)
	b := openBrowser(t, s)
	b.signIn(supervisor)
	b.do(navigate(s.url + "/reports?" + days().Encode()))
	b.until(`document.querySelector("[data-figure=reach] dd")?.innerText == "9\u00a0%"`)
	b.until(`document.querySelector("[data-missing]").innerText.includes("more phone volunteers who speak English would keep waits under 2 minutes")`)
	b.until(`document.querySelectorAll("[data-chart=calls] rect.part-abandoned").length > 0 && document.querySelector("[data-chart=calls] title").textContent.includes("Gave up")`)
	b.until(`document.querySelector("[data-table=agents]").innerText.includes("6 min 0 s")`)
	b.do(evaluate(`document.querySelector("main details").open = true`))
	b.until(`document.querySelector("main details").innerText.includes("1 of 11 people")`)
	b.fits("reports")
	b.do(navigate(s.url + "/floor"))
	b.until(`document.querySelector("[data-missing]").innerText.includes("who speak English")`)
}
