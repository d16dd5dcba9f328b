package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"hotline/appliance/call"
	"hotline/volunteers"
)

// The same is done for several people at once where each of them allows it;
// the others stay as they are and are named with the reason.
func TestTheSameForSeveralVolunteers(t *testing.T) {
	far := newScript(t)
	var ids []string
	for n, name := range []string{"Ana", "Bea", "Cleo"} {
		g, err := far.registry.Save(t.Context(), volunteers.Registrant{Source: "phone", Phone: call.Number("+1202555017" + string(rune('1'+n))), GivenName: name, Age: volunteers.Adult,
			Area: map[bool]string{true: "06700", false: "09900"}[name != "Cleo"], Consent: volunteers.Consent{Given: true, How: "key"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, g.ID)
	}
	s := startSite(t, far, nil)
	client := s.as(t, coordinator)
	status := func(want ...volunteers.Status) {
		t.Helper()
		for n, id := range ids {
			if g, err := s.registry.Get(id); err != nil || g.Status != want[n] {
				t.Errorf("%s stands at %q, not at %q (%v)", g.GivenName, g.Status, want[n], err)
			}
		}
	}
	do := func(path string, form url.Values, want int, says ...string) {
		t.Helper()
		got := s.post(t, client, path, form)
		for _, text := range says {
			if got.status != want || !strings.Contains(got.body, text) {
				t.Errorf("%v: %d, not %d with %q", form, got.status, want, text)
			}
		}
	}
	const list = "/records?tab=registrants"
	sees(t, s.get(t, client, list), []string{`form="several"`, `value="` + ids[0] + `"`, "Do the same for several"})
	if page := s.get(t, client, list).body; strings.Contains(page, "All who were found") || strings.Contains(page, `value="withdraw"`) {
		t.Error("without a search everybody can be moved, or people are withdrawn in a row")
	}

	// What is not said clearly changes nobody.
	const refused = http.StatusUnprocessableEntity
	do(list, url.Values{"do": {"move"}, "step": {"contacted"}}, refused, "Nobody is chosen")
	do(list, url.Values{"do": {"move"}, "step": {"contacted"}, "whom": {"all"}}, refused, "Nobody is chosen")
	do(list, url.Values{"do": {"move"}, "who": ids}, refused, "Choose what is done")
	do(list, url.Values{"do": {"move"}, "who": ids, "step": {"withdraw"}}, refused, "Choose what is done")
	do(list, url.Values{"do": {"move"}, "who": ids, "step": {"decline"}}, refused, "Say in a few words why")
	do(list, url.Values{"do": {"erase"}, "who": ids, "step": {"contacted"}}, refused, "does not know this button")
	do("/records?tab=cases", url.Values{"do": {"move"}, "who": ids, "step": {"contacted"}}, http.StatusNotFound, "")
	status(volunteers.StatusRegistered, volunteers.StatusRegistered, volunteers.StatusRegistered)

	// Ticked: one of them twice, and one who is gone.
	do(list, url.Values{"do": {"move"}, "who": {ids[0], ids[0], "nobody"}, "step": {"contacted"}}, http.StatusOK, "Done for 1.")
	// All whom the filter finds: for Ana it is not possible any more.
	const near = list + "&area=067"
	sees(t, s.get(t, client, near), []string{"All who were found: 2"})
	do(near, url.Values{"do": {"move"}, "whom": {"all"}, "step": {"contacted"}}, http.StatusOK, "Done for 1.", "Left as they are: 1", "Ana", "Not possible from where this person stands")
	status(volunteers.StatusContacted, volunteers.StatusContacted, volunteers.StatusRegistered)
	for _, step := range []string{"approve", "brief", "ready"} {
		do(near, url.Values{"do": {"move"}, "whom": {"all"}, "step": {step}}, http.StatusOK, "Done for 2.")
	}
	// A guard holds for each: only Ana has agreed to the code of conduct.
	if _, err := s.registry.Agree(t.Context(), ids[0], "conduct", "paper", s.ids[coordinator]); err != nil {
		t.Fatal(err)
	}
	do(near, url.Values{"do": {"move"}, "whom": {"all"}, "step": {"assign"}}, http.StatusOK, "Done for 1.", "Left as they are: 1", "Bea", "Nobody is sent to work without both")
	status(volunteers.StatusAssigned, volunteers.StatusAvailable, volunteers.StatusRegistered)

	// Each has an event of their own, with who did it.
	moved := map[string]int{}
	log, _, err := far.store.LogAfter(0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range log {
		if e.Kind == volunteers.EventMoved && e.By == s.ids[coordinator] {
			moved[e.Data["registrant"]]++
		}
	}
	if moved[ids[0]] != 5 || moved[ids[1]] != 4 || moved[ids[2]] != 0 {
		t.Errorf("events of steps: %v", moved)
	}

	// A list to call them, for coordinators.
	do(list, url.Values{"do": {"call"}, "who": ids}, refused, "Give the round a name")
	got := s.post(t, client, list, url.Values{"do": {"call"}, "who": ids[1:], "name": {"Sandbags"}})
	if got.status != http.StatusSeeOther {
		t.Fatalf("a list to call: %d", got.status)
	}
	sees(t, s.get(t, client, got.header.Get("Location")), []string{"Sandbags"})
	client = s.as(t, admin)
	do(list, url.Values{"do": {"call"}, "who": ids, "name": {"Sandbags"}}, refused, "does not know this button")
	client = s.as(t, supervisor)
	do(list, url.Values{"do": {"move"}, "who": ids[2:], "step": {"contacted"}}, http.StatusForbidden, "")
	status(volunteers.StatusAssigned, volunteers.StatusAvailable, volunteers.StatusRegistered)
}
