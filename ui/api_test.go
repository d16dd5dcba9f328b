package ui

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hotline/ivr/mode"
	"hotline/volunteers/roster"
)

func (s *site) token(t *testing.T, scopes ...roster.Scope) string {
	t.Helper()
	text, _, err := s.accounts.NewToken(t.Context(), "dashboard", scopes, time.Hour, s.ids[admin])
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (s *site) ask(t *testing.T, token, verb, path, body string) answer {
	t.Helper()
	request, err := http.NewRequest(verb, s.url+apiPrefix+path, strings.NewReader(body))
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
		"no scope": {"name": {"map"}, "days": {"3"}},
		"no days":  {"name": {"map"}, "days": {"x"}, "scope": {"state"}},
		"no name":  {"name": {" "}, "days": {"3"}, "scope": {"state"}},
	} {
		if got := s.post(t, client, "/admin/tokens", form); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	got := s.post(t, client, "/admin/tokens", url.Values{"name": {"map"}, "days": {"3"}, "scope": {"state"}})
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
	if got := s.post(t, client, "/admin/tokens/"+list[0].ID, nil); got.status != http.StatusSeeOther {
		t.Errorf("revoking: %d", got.status)
	}
	if got := s.ask(t, found[1], "GET", "/state", ""); got.status != http.StatusUnauthorized {
		t.Errorf("revoked: %d", got.status)
	}
}

func TestProgramsDoWhatTheirScopesSay(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	bodies := map[string]string{"/mode": `{"mode":"busy"}`, "/bulletins": `{"language":"en","text":"Water at the school"}`, "/queues/{id}": `{"closed":true}`}
	for _, rt := range apiTable() {
		path := strings.Replace(rt.path, "{id}", "help", 1)
		others := slices.DeleteFunc(roster.Scopes(), func(sc roster.Scope) bool { return sc == rt.scope })
		if got := s.ask(t, s.token(t, others...), rt.verb, path, bodies[rt.path]); got.status != http.StatusForbidden || !strings.Contains(got.body, string(rt.scope)) {
			t.Errorf("%s %s with all other scopes: %d %s", rt.verb, path, got.status, got.body)
		}
		if got := s.ask(t, "", rt.verb, path, ""); got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s %s without a token: %d", rt.verb, path, got.status)
		}
	}
	if s.mode.Current(time.Now()).Active || len(s.board.List()) != 0 || s.closures.Closed("help") {
		t.Error("something was changed")
	}
	// A person's cookie opens nothing here.
	if got := s.get(t, s.as(t, admin), apiPrefix+"/state"); got.status != http.StatusUnauthorized {
		t.Errorf("with a cookie: %d", got.status)
	}
}

func TestProgramsSteerTheHotline(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	token := s.token(t, roster.Scopes()...)
	do := func(verb, path, body string, status int) (out map[string]any) {
		t.Helper()
		got := s.ask(t, token, verb, path, body)
		if got.status != status {
			t.Fatalf("%s %s: %d %s", verb, path, got.status, got.body)
		}
		if strings.HasPrefix(got.body, "{") {
			if err := json.Unmarshal([]byte(got.body), &out); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	if got := do("PUT", "/mode", `{"mode":"redirect","hours":2,"partner":"+12025550147"}`, 200); got["mode"] != "redirect" || got["undo_possible"] != true || got["via"] != "api" {
		t.Errorf("%v", got)
	}
	if now := s.mode.Current(time.Now()); now.Mode != mode.Redirect || now.Name != "dashboard" || now.By != s.ids[admin] {
		t.Errorf("it is %+v", now)
	}
	do("PUT", "/mode", `{"mode":"party"}`, 422)
	do("PUT", "/mode", `{"modus":"busy"}`, 400)
	do("PUT", "/mode", ``, 400)
	do("PUT", "/mode", `{"mode":"`+strings.Repeat("x", maxAPI)+`"}`, 413)
	do("POST", "/undo", ``, 200)
	do("POST", "/undo", ``, 409)
	b := do("POST", "/bulletins", `{"language":"en","text":"Water at the school","hours":3}`, 201)
	do("POST", "/bulletins", `{"language":"xx","text":"Water"}`, 422)
	if got := s.ask(t, token, "GET", "/bulletins", ""); !strings.Contains(got.body, "Water at the school") {
		t.Errorf("the list: %s", got.body)
	}
	do("PUT", "/queues/help", `{"closed":true}`, 200)
	do("PUT", "/queues/help", `{}`, 400)
	do("PUT", "/queues/life", `{"closed":true}`, 422)
	state := do("GET", "/state", "", 200)
	if state["bulletins_playing"] != 1.0 || !s.closures.Closed("help") {
		t.Errorf("%v", state)
	}
	do("DELETE", "/bulletins/"+b["id"].(string), "", 204)
	do("DELETE", "/bulletins/"+b["id"].(string), "", 404)
	do("GET", "/nothing", "", 404)
}

func TestTooManyRequestsAreToldWhenToComeBack(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	for name, token := range map[string]string{"a token": s.token(t, roster.ScopeState), "guessing": "hotline_WRONG"} {
		var got answer
		for range 3 * apiBurst {
			if got = s.ask(t, token, "GET", "/mode", ""); got.status == http.StatusTooManyRequests {
				break
			}
		}
		seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
		if got.status != http.StatusTooManyRequests || err != nil || seconds < 1 {
			t.Errorf("%s: %d, Retry-After %q", name, got.status, got.header.Get("Retry-After"))
		}
	}
	var l limits
	now := time.Unix(1_700_000_000, 0)
	for range apiBurst {
		if l.wait("a", now, true) != 0 {
			t.Fatal("the first requests have to wait")
		}
	}
	if wait := l.wait("a", now, true); wait <= 0 || wait > time.Second {
		t.Errorf("it waits %s", wait)
	}
	if l.wait("a", now.Add(time.Second), true) != 0 || l.wait("b", now, true) != 0 {
		t.Error("it waits for too long, or for others")
	}
}

// TestTheDescriptionIsTrue: everything that the programming interface can do is
// in its description, and nothing else.
func TestTheDescriptionIsTrue(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	got := s.ask(t, "", "GET", "/openapi.json", "")
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			Security []map[string][]string `json:"security"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(got.body), &doc); err != nil || doc.OpenAPI != "3.1.0" {
		t.Fatalf("%d %q %v", got.status, doc.OpenAPI, err)
	}
	var described, real []string
	for path, verbs := range doc.Paths {
		for verb, op := range verbs {
			described = append(described, strings.ToUpper(verb)+" "+path+" "+op.Security[0]["token"][0])
		}
	}
	for _, rt := range apiTable() {
		real = append(real, rt.verb+" "+rt.path+" "+string(rt.scope))
	}
	slices.Sort(described)
	slices.Sort(real)
	if !slices.Equal(described, real) {
		t.Errorf("described:\n%s\nreal:\n%s", strings.Join(described, "\n"), strings.Join(real, "\n"))
	}
}
