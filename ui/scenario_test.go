package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestTheKindOfDisasterIsChosenOnAPage(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, supervisor)
	if body := s.get(t, client, "/floor/scenario").body; !strings.Contains(body, `value="general" checked`) {
		t.Errorf("before anybody chose: %s", body)
	}
	if got := s.post(t, client, "/floor/scenario", url.Values{"scenario": {"volcano"}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Nothing was changed") {
		t.Errorf("an unknown kind: %d", got.status)
	}
	if got := s.post(t, client, "/floor/scenario", url.Values{"scenario": {"flood.during"}}); got.status != http.StatusSeeOther {
		t.Errorf("choosing: %d", got.status)
	}
	if at := s.scenario.Current(); at.Attribute() != "flood.during" || at.By != s.ids[supervisor] {
		t.Errorf("in force is %+v", at)
	}
	body := s.get(t, client, "/floor/scenario?done=1").body
	for _, want := range []string{`value="flood.during" checked`, "How deep is the water", "Every new call follows it", "Chosen by"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for field, wrong := range map[string]string{"glide": "haiti", "country": "Atlantis"} {
		if got := s.post(t, client, "/floor/scenario/operation", url.Values{field: {wrong}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `value="`+wrong) {
			t.Errorf("%s %q: %d", field, wrong, got.status)
		}
	}
	if got := s.post(t, client, "/floor/scenario/operation", url.Values{"glide": {"eq-2010-000009-hti"}, "country": {"ht"}, "organisation": {"Red Cross"}}); got.status != http.StatusSeeOther {
		t.Errorf("what is known of the operation: %d", got.status)
	}
	body = s.get(t, client, "/floor/scenario?kept=1").body
	for _, want := range []string{`value="EQ-2010-000009-HTI"`, `value="HTI"`, `value="Red Cross"`, "It stands in the next export"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}
