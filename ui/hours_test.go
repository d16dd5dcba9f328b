package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"hotline/triage"
)

// A week, a holiday and what holds for now, as a coordinator types them, count
// for the next caller; what nobody can mean is refused and changes nothing.
func TestHoursOfALine(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, coordinator)
	help := func() triage.Queue { return s.routes.Routing().Queue(triage.QueueHelp) }
	say := func(form url.Values) answer {
		t.Helper()
		form.Set("line", triage.QueueHelp)
		return s.post(t, client, "/admin/hours", form)
	}
	if !help().Open(time.Now()) {
		t.Fatal("a line without hours is not open")
	}
	body := s.get(t, client, "/admin/hours").body
	if !strings.Contains(body, "Open now, day and night") || !strings.Contains(body, "This line is closed at this hour") && !strings.Contains(body, "Esta línea") {
		t.Errorf("the page does not say how it is, and what callers hear: %.3000s", body)
	}
	week := url.Values{"do": {"week"}, "from.1.0": {"08:00"}, "until.1.0": {"12:00"}, "from.1.1": {"13:00"}, "until.1.1": {"18:00"}, "from.5.0": {"22:00"}, "until.5.0": {"06:00"}}
	if got := say(week); got.status != http.StatusSeeOther {
		t.Fatalf("saving the week: %d", got.status)
	}
	at := func(day time.Weekday, hour int) bool {
		monday := time.Date(2026, 11, 23, hour, 0, 0, 0, time.Local)
		return help().Open(monday.AddDate(0, 0, int(day)-1))
	}
	for _, c := range []struct {
		day  time.Weekday
		hour int
		open bool
	}{{time.Monday, 7, false}, {time.Monday, 8, true}, {time.Monday, 12, false}, {time.Monday, 17, true}, {time.Tuesday, 9, false}, {time.Friday, 23, true}, {time.Saturday, 5, true}, {time.Saturday, 6, false}} {
		if at(c.day, c.hour) != c.open {
			t.Errorf("%s at %d: open is not %v", c.day, c.hour, c.open)
		}
	}
	for name, wrong := range map[string]url.Values{
		"half":        {"do": {"week"}, "from.1.0": {"08:00"}},
		"overlapping": {"do": {"week"}, "from.1.0": {"08:00"}, "until.1.0": {"12:00"}, "from.1.1": {"11:00"}, "until.1.1": {"18:00"}},
		"no date":     {"do": {"date"}, "first": {"soon"}},
		"a night":     {"do": {"date"}, "first": {"2026-12-24"}, "from": {"20:00"}, "until": {"02:00"}},
		"nothing":     {"do": {"undate"}, "at": {"3"}},
		"who knows":   {"do": {"burn"}},
	} {
		if got := say(wrong); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `role="alert"`) {
			t.Errorf("%s is answered with %d", name, got.status)
		}
	}
	if got := s.post(t, client, "/admin/hours", url.Values{"line": {triage.QueueLife}, "do": {"closed"}}); got.status != http.StatusUnprocessableEntity || !s.routes.Routing().Queue(triage.QueueLife).Open(time.Now()) {
		t.Errorf("the line for danger: %d", got.status)
	}
	if !at(time.Monday, 8) || at(time.Tuesday, 9) {
		t.Error("what was refused has changed the week")
	}
	say(url.Values{"do": {"date"}, "first": {"2026-11-23"}, "name": {"Day of the founders"}})
	if at(time.Monday, 8) {
		t.Error("a holiday is open")
	}
	if body := s.get(t, client, "/admin/hours?line=help").body; !strings.Contains(body, "Day of the founders") || !strings.Contains(body, "Closed now. Opens:") && !strings.Contains(body, "Open now. Closes:") {
		t.Errorf("the page says neither holiday nor what comes next")
	}
	say(url.Values{"do": {"undate"}, "at": {"0"}, "from": {"2026-11-23"}})
	say(url.Values{"do": {"closed"}})
	if at(time.Monday, 8) {
		t.Error("closed until I open it is open")
	}
	say(url.Values{"do": {"open"}})
	if !at(time.Tuesday, 9) {
		t.Error("open until I close it is closed")
	}
	say(url.Values{"do": {"table"}})
	if !at(time.Monday, 8) || at(time.Tuesday, 9) {
		t.Error("the timetable is lost")
	}
	say(url.Values{"do": {"same"}, "from.1.0": {"09:00"}, "until.1.0": {"00:00"}})
	if !at(time.Sunday, 23) || at(time.Sunday, 8) {
		t.Error("the days have not got Monday's hours")
	}
	if history, err := s.routes.History(20); err != nil || len(history) < 7 || history[0].What != "hours" {
		t.Errorf("what was before is not kept: %d versions, %v", len(history), err)
	}
}
