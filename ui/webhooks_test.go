package ui

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"hotline/appliance/switches"
	"hotline/ivr/mode"
	"hotline/triage/supervise"
)

// TestAnotherSystemIsTold: an administrator connects it on the page, tries it,
// and what happens arrives there, signed.
func TestAnotherSystemIsTold(t *testing.T) {
	type message struct {
		header http.Header
		body   string
	}
	arrived := make(chan message, 100)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			arrived <- message{r.Header, string(body)}
		}
	}))
	defer other.Close()
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	form := url.Values{"name": {"City map"}, "url": {other.URL}, "topic": {"hotline"}, "network": {"127.0.0.0/8"}}
	for wrong, change := range map[string]url.Values{
		"Choose what the system": {"topic": nil}, "no address that can be used": {"url": {"here"}}, "Without encryption": {"network": {""}},
		"no private network": {"network": {"0.0.0.0/0"}}, "is in a private network": {"url": {"https://10.0.0.1/"}}, "which system it is": {"name": {" "}},
	} {
		sent := url.Values{}
		for name, values := range form {
			sent[name] = values
		}
		for name, values := range change {
			sent[name] = values
		}
		if got := s.post(t, client, "/admin/webhooks", sent); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, wrong) {
			t.Errorf("%s: %d", wrong, got.status)
		}
	}
	got := s.post(t, client, "/admin/webhooks", form)
	found := regexp.MustCompile(`data-secret>(whsec_[^<]+)<`).FindStringSubmatch(got.body)
	if got.status != http.StatusOK || found == nil {
		t.Fatalf("%d: no secret on the page", got.status)
	}
	page := s.get(t, client, "/admin/webhooks").body
	if strings.Contains(page, found[1]) || !strings.Contains(page, "City map") {
		t.Error("the secret is shown again, or the page does not list the system")
	}
	id := regexp.MustCompile(`action="/admin/webhooks/([^"]+)"`).FindStringSubmatch(page)[1]
	verify, err := standardwebhooks.NewWebhook(found[1])
	if err != nil {
		t.Fatal(err)
	}
	wants := func(text string) {
		t.Helper()
		select {
		case m := <-arrived:
			if err := verify.Verify([]byte(m.body), m.header); err != nil || !strings.Contains(m.body, text) || strings.Contains(m.body, "Rosa") {
				t.Errorf("%v: %s, not %s", err, m.body, text)
			}
		case <-time.After(limitOfAStep):
			t.Fatalf("%s does not arrive", text)
		}
	}
	if got := s.post(t, client, "/admin/webhooks/"+id, url.Values{"do": {"test"}}); got.status != http.StatusOK || !strings.Contains(got.body, "City map: It was taken.") {
		t.Errorf("a test: %d", got.status)
	}
	wants(`"type":"webhook.test"`)
	if _, err := s.steer.SetMode(t.Context(), supervise.Who{ID: s.ids[supervisor], Name: "Rosa Blanco", Via: "web"}, mode.Change{Mode: mode.Busy, For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	wants(`"to":"busy"`)
	for _, do := range []string{"pause", "hurry", "resume", "remove"} {
		if got := s.post(t, client, "/admin/webhooks/"+id, url.Values{"do": {do}}); got.status != http.StatusSeeOther {
			t.Errorf("%s: %d", do, got.status)
		}
	}
	for do, status := range map[string]int{"test": http.StatusNotFound, "remove": http.StatusNotFound, "explode": http.StatusBadRequest} {
		if got := s.post(t, client, "/admin/webhooks/"+id, url.Values{"do": {do}}); got.status != status {
			t.Errorf("%s of one that is gone: %d", do, got.status)
		}
	}
	if err := s.parts.Turn(t.Context(), switches.Webhooks, false, s.ids[admin], "Amal", "web"); err != nil {
		t.Fatal(err)
	}
	if page := s.get(t, client, "/admin/webhooks").body; !strings.Contains(page, "switched off") {
		t.Error("the page does not say that the part is switched off")
	}
}
