package ui

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	redact "hotline/appliance/table"
	"hotline/ui/api"
	"hotline/volunteers/roster"
)

func (s *site) token(t *testing.T, scopes ...roster.Scope) string {
	t.Helper()
	text, _, err := s.accounts.NewToken(t.Context(), roster.Token{Name: "dashboard", Scopes: scopes, By: s.ids[admin]}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (s *site) ask(t *testing.T, token, verb, path, body string) answer {
	t.Helper()
	request, err := http.NewRequest(verb, s.url+api.Prefix+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return s.send(t, s.client(t), request)
}

func TestATokenIsMadeOnThePageAndShownOnce(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	for name, form := range map[string]url.Values{
		"no scope": {"name": {"map"}, "days": {"3"}, "to": {"inside"}},
		"no days":  {"name": {"map"}, "days": {"x"}, "scope": {"state"}, "to": {"inside"}},
		"no name":  {"name": {" "}, "days": {"3"}, "scope": {"state"}, "to": {"inside"}},
		"too much": {"name": {"map"}, "days": {"3"}, "scope": {"state"}, "to": {"inside"}, "level": {"L3"}},
		"for none": {"name": {"map"}, "days": {"3"}, "scope": {"state"}},
	} {
		if got := s.post(t, client, "/admin/tokens", form); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	got := s.post(t, client, "/admin/tokens", url.Values{"name": {"map"}, "days": {"3"}, "scope": {"state"}, "to": {"inside"}})
	found := regexp.MustCompile(`data-token>([^<]+)<`).FindStringSubmatch(got.body)
	if got.status != http.StatusOK || found == nil {
		t.Fatalf("%d: no token on the page", got.status)
	}
	if page := s.get(t, client, "/admin/access"); strings.Contains(page.body, found[1]) || !strings.Contains(page.body, ">map<") {
		t.Error("the token is shown again, or the page does not list it")
	}
	if got := s.ask(t, found[1], "GET", "/state", ""); got.status != http.StatusOK {
		t.Errorf("with the token: %d %s", got.status, got.body)
	}
	list, err := s.accounts.Tokens()
	if err != nil {
		t.Fatal(err)
	}
	if list[0].Sees() != redact.Coordination {
		t.Errorf("it sees %s", list[0].Sees())
	}
	// A person's cookie opens nothing there.
	if got := s.get(t, client, api.Prefix+"/state"); got.status != http.StatusUnauthorized {
		t.Errorf("with a cookie: %d", got.status)
	}
	if got := s.post(t, client, "/admin/tokens/"+list[0].ID, nil); got.status != http.StatusSeeOther {
		t.Errorf("revoking: %d", got.status)
	}
	if got := s.ask(t, found[1], "GET", "/state", ""); got.status != http.StatusUnauthorized {
		t.Errorf("revoked: %d", got.status)
	}
	if got := s.post(t, client, "/admin/tokens", url.Values{"name": {"partner"}, "days": {"3"}, "scope": {"records:read"}, "level": {"L2"}, "to": {"helpers"}}); got.status != http.StatusOK {
		t.Fatalf("with names: %d", got.status)
	}
	if list, err = s.accounts.Tokens(); err != nil || list[0].Sees() != redact.Referral || list[0].For() != "helpers" {
		t.Errorf("with names it is %+v, %v", list, err)
	}
}
