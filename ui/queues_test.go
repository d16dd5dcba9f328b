package ui

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"hotline/triage"
)

// TestLinesAreAddedOnAPage: a coordinator adds a line with one name and sees at
// once who answers it and that no caller can reach it; it is called so on every
// page, in every language, and can be switched off only when nothing leads
// there.
func TestLinesAreAddedOnAPage(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, coordinator)
	save := func(pairs ...string) answer { return s.post(t, client, "/admin/queues", routed(pairs...)) }
	saved := func(got answer, to string) {
		t.Helper()
		if got.status != http.StatusSeeOther || got.header.Get("Location") != to {
			t.Fatalf("status %d, to %q, want %q\n%s", got.status, got.header.Get("Location"), to, got.body)
		}
	}
	refused := func(got answer, words ...string) {
		t.Helper()
		for _, one := range words {
			if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, one) {
				t.Errorf("status %d, and the page does not say %q", got.status, one)
			}
		}
	}
	shows := func(path string, words ...string) {
		t.Helper()
		body := s.get(t, client, path).body
		for _, one := range words {
			if !strings.Contains(body, one) {
				t.Errorf("%s does not show %q", path, one)
			}
		}
	}

	saved(save("do", "add", "name", "Medical advice", "profile", "all"), "/admin/queues?done=add#line-medical-advice")
	shows("/admin/queues", "No caller can reach this line yet", "queue: medical-advice", "The dialogue main leads here, in the step")
	saved(save("do", "add", "name", "Shelter"), "/admin/queues?done=add#line-shelter") // nobody was chosen
	shows("/admin/queues", "Nobody: callers would wait in vain", "The number +12025550133 leads here")
	refused(save("do", "add", "name", "medical ADVICE"), "There is a line with this name already.", "medical ADVICE")
	refused(save("do", "add", "name", ""), "A line needs a name.")

	// Everywhere at once, under its name.
	saved(save("do", "name", "id", "medical-advice", "name", "Medical advice", "name.ar", "مشورة طبية", "name.es", "Consejo médico"), "/admin/queues?done=name#line-medical-advice")
	refused(save("do", "name", "id", "medical-advice", "name", "Medical advice", "prompt", "line.none"), "There is no prompt with this name")
	refused(save("do", "name", "id", "life", "name", "Urgent"), "keep their names")
	for _, path := range []string{"/admin/routing", "/admin/hours", "/floor/scripts"} {
		shows(path, "Medical advice")
	}
	for path, one := range map[string]string{"/admin/flow/main/text": "queue: medical-advice", "/admin/flow/main/step/person": `<option value="medical-advice"`} {
		if body := s.get(t, s.as(t, admin), path).body; !strings.Contains(body, one) {
			t.Errorf("%s does not offer the line", path)
		}
	}
	if texts := s.routes.Routing().Texts("ar"); texts["queue.medical-advice"] != "مشورة طبية" || texts["queue.shelter"] != "Shelter" {
		t.Errorf("in Arabic the lines are called %v", texts)
	}
	if got := s.post(t, client, "/admin/routing", routed("do", "profile", "id", "help", "name", "Help first", "order:life", "1", "order:help", "2", "order:medical-advice", "3")); got.status != http.StatusSeeOther {
		t.Errorf("a profile with the line: %d", got.status)
	}

	// Off only when nothing leads there or leans on it.
	refused(save("do", "off", "id", "shelter"), "The number +12025550133 leads here", "What keeps the line Shelter")
	refused(save("do", "off", "id", "medical-advice"), "The people of the profile Help first answer it", "The people of the profile All lines answer it")
	refused(save("do", "off", "id", triage.QueueFamily), "The dialogue")
	s.route(t, "profile", func(r *triage.Routing) error {
		for i := range r.Profiles {
			r.Profiles[i].Lines = slices.DeleteFunc(r.Profiles[i].Lines, func(l triage.Line) bool { return l.Queue == "medical-advice" })
		}
		return nil
	})
	saved(save("do", "off", "id", "medical-advice"), "/admin/queues?done=off")
	shows("/admin/queues", "Lines that are off", "Switch the line Medical advice on again")
	if s.routes.Routing().Has("medical-advice") {
		t.Error("callers still come in")
	}
	refused(save("do", "add", "name", strings.Repeat("x", 70)), "Give a name of up to 64 letters.")
	saved(save("do", "on", "id", "medical-advice"), "/admin/queues?done=on#line-medical-advice")
	if got := save("do", "on", "id", "nothing"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("switching on what there is not: %d", got.status)
	}
}
