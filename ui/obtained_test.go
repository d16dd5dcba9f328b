package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"hotline/appliance/acme"
	"hotline/ui/words"
)

// What is wrong with the settings is said in words, with what was typed; what is
// secret is never shown again; and every reason and step has its words.
func TestTheFormOfACertificateThatIsGot(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	form := url.Values{"names": {"help.example.org"}, "authority": {"other"}, "directory": {"https://127.0.0.1:1/dir"}, "network": {"127.0.0.1"},
		"way": {"desec"}, "token": {"a-secret-token"}, "agreed": {"yes"}, "do": {"look"}}
	for wrong, change := range map[string]url.Values{
		"one in each line": {"names": {"hotline.local"}}, "begins with https://": {"directory": {""}}, "no certificate in this text": {"roots": {"x"}}, "Enter the token": {"token": {""}},
		"Without agreeing": {"agreed": nil}, "Enter that network": {"network": {""}}, "Enter the name server": {"way": {"update"}}, "no e-mail address": {"email": {"x"}}, "Choose who keeps": {"way": {""}},
	} {
		sent := url.Values{}
		for name, values := range form {
			sent[name] = values
		}
		for name, values := range change {
			sent[name] = values
		}
		if got := s.post(t, client, "/admin/certificate", sent); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, wrong) || strings.Contains(got.body, "a-secret-token") {
			t.Errorf("%s: %d", wrong, got.status)
		}
	}
	if got := s.post(t, client, "/admin/certificate/do", url.Values{"do": {"try"}}); got.status != http.StatusNotFound {
		t.Errorf("a certificate that nobody wants is asked for: %d", got.status)
	}
	if got := s.post(t, client, "/admin/certificate", form); got.status != http.StatusSeeOther {
		t.Fatalf("the settings are answered with %d: %s", got.status, got.body)
	}
	if page := s.get(t, client, "/admin/certificate").body; strings.Contains(page, "a-secret-token") || !strings.Contains(page, "help.example.org") {
		t.Error("the page shows the token, or not the name")
	}
	texts, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	var wanted []string
	for _, f := range acme.Failures() {
		wanted = append(wanted, "auto.failed."+string(f))
	}
	for _, m := range acme.Mistakes() {
		wanted = append(wanted, "auto.wrong."+string(m))
	}
	for _, step := range acme.Steps() {
		wanted = append(wanted, "auto.step."+step)
	}
	known := texts.Keys("en")
	for _, key := range wanted {
		if known[key] == "" {
			t.Errorf("there are no words for %s", key)
		}
	}
}
