package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Who may do what, written down a second time and independently of the table:
// a role slipped into a line there fails here.
func mayUse(who role, verb, pattern string) bool {
	switch pattern {
	case "/healthz", "/assets/{file}", "/favicon.svg", "/login", "/login/second", "/language", "/logout":
		return true
	}
	switch {
	case strings.HasPrefix(pattern, "/join"), pattern == "/call", pattern == "/ws/call":
		return true
	case strings.HasPrefix(pattern, "/trust"): // whoever is warned has not signed in
		return true
	case pattern == "/wall/{token}" || pattern == "/ev/wall/{token}": // the link itself lets in
		return true
	case who == nobody:
		return false
	case pattern == "/second":
		return who != agent
	case pattern == "/{$}" || pattern == "/places" || strings.HasPrefix(pattern, "/handbook") || pattern == "/closing":
		return true
	case pattern == "/rounds/{id}/results":
		return who == coordinator
	case pattern == "/worklist/quiet" || pattern == "/desk/try" || strings.HasPrefix(pattern, "/rounds"):
		return who == supervisor || who == coordinator
	case strings.HasPrefix(pattern, "/desk") || strings.HasPrefix(pattern, "/worklist") || strings.HasPrefix(pattern, "/ws/"):
		return who != admin
	case pattern == "/prompts/pack":
		return who == coordinator || who == admin
	case strings.HasPrefix(pattern, "/prompts") || strings.HasPrefix(pattern, "/floor") || strings.HasPrefix(pattern, "/ev/floor"):
		return who != agent
	case pattern == "/rehearsal" && verb == http.MethodPost:
		return who == coordinator || who == admin
	case strings.HasPrefix(pattern, "/rehearsal"):
		return who != agent
	case pattern == "/health":
		return who == supervisor || who == admin
	case pattern == "/records/match" && verb == http.MethodPost:
		return who == coordinator
	case strings.HasPrefix(pattern, "/records"), strings.HasPrefix(pattern, "/import"), strings.HasPrefix(pattern, "/admin/lists"), strings.HasPrefix(pattern, "/admin/close"):
		return who == coordinator || who == admin
	case pattern == "/recordings" || pattern == "/recordings/{id}" || pattern == "/recordings/{id}/sound.wav":
		return who != agent
	case strings.HasPrefix(pattern, "/recordings/"):
		return who == coordinator || who == admin
	case pattern == "/admin/routing" || pattern == "/admin/hours" || strings.HasPrefix(pattern, "/reports"):
		return who != agent
	case strings.HasPrefix(pattern, "/admin"):
		return who == admin
	}
	return false
}

func TestEveryRouteWithEveryRole(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	for _, who := range []role{nobody, agent, supervisor, coordinator, admin} {
		client := s.as(t, who)
		for _, rt := range table() {
			path := strings.NewReplacer("{$}", "", "{file}", strings.TrimPrefix(s.server.assets.Path("app.css"), "/assets/"), "{id}", s.ids[agent], "{sound}", "x.wav", "{table}", "days.csv", "{kind}", "directory").Replace(rt.pattern)
			var got answer
			if rt.verb == http.MethodGet {
				got = s.get(t, client, path)
			} else {
				got = s.post(t, client, path, url.Values{})
			}
			denied := got.status == http.StatusForbidden || got.status == http.StatusUnauthorized ||
				got.status == http.StatusSeeOther && got.header.Get("Location") == "/login"
			// These answer with exactly that to everybody, for their own reasons.
			switch {
			case rt.pattern == "/login" && rt.verb == http.MethodPost, rt.pattern == "/language" && who == nobody, rt.pattern == "/logout":
				denied = false
			case rt.pattern == "/call" && who == nobody: // shut by a switch, for strangers
				denied = !strings.Contains(got.body, "with a telephone")
			case strings.HasPrefix(rt.pattern, "/join"): // refused by the invitation, not by role
				denied = false
			case strings.HasPrefix(rt.pattern, "/ws/") && mayUse(who, rt.verb, rt.pattern):
				// No Origin header: refused as a foreign request, but not by role.
				denied = !strings.Contains(got.body, "another website")
			}
			if want := !mayUse(who, rt.verb, rt.pattern); denied != want {
				t.Errorf("%q %s %s: status %d, denied %v, want %v", who, rt.verb, path, got.status, denied, want)
			}
			if rt.pattern == "/logout" || rt.pattern == "/login" && rt.verb == http.MethodPost {
				client = s.as(t, who)
			}
			if got.status == http.StatusInternalServerError {
				t.Errorf("%q %s %s: broken: %s", who, rt.verb, path, got.body)
			}
			if csp := got.header.Get("Content-Security-Policy"); csp != contentPolicy {
				t.Errorf("%s %s: policy %q", rt.verb, path, csp)
			}
			if keep := got.header.Get("Cache-Control"); rt.pattern != "/assets/{file}" && rt.pattern != "/favicon.svg" && keep != "no-store" {
				t.Errorf("%s %s: may be kept: %q", rt.verb, path, keep)
			}
		}
	}
}

func TestAnAddressThatDoesNotExist(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, coordinator)
	for path, status := range map[string]int{"/nowhere": http.StatusNotFound, "/floor/../admin2": http.StatusNotFound, "/logout": http.StatusMethodNotAllowed} {
		got := s.get(t, client, path)
		if got.status == http.StatusTemporaryRedirect || got.status == http.StatusMovedPermanently { // cleaned by the router
			got = s.get(t, client, got.header.Get("Location"))
		}
		if got.status != status || !strings.Contains(got.body, "Callers are not affected") {
			t.Errorf("%s: %d %.200s", path, got.status, got.body)
		}
	}
}

func TestHomeAndMenuFollowTheRole(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	for who, want := range map[role]string{agent: "/desk", supervisor: "/floor", coordinator: "/floor", admin: "/admin"} {
		client := s.as(t, who)
		if got := s.get(t, client, "/"); got.header.Get("Location") != want {
			t.Errorf("%s goes to %q, want %q", who, got.header.Get("Location"), want)
		}
		body := s.get(t, client, want).body
		for _, entry := range []string{"/handbook", "/desk", "/worklist", "/rounds", "/floor", "/floor/mode", "/floor/scenario", "/health", "/records", "/import", "/reports", "/recordings", "/admin", "/admin/recording", "/admin/log"} {
			if has := strings.Contains(body, `<a href="`+entry+`"`); has != mayUse(who, http.MethodGet, entry) {
				t.Errorf("%s: menu has %s: %v", who, entry, has)
			}
		}
		if strings.Contains(body, ">menu:") {
			t.Errorf("%s: a page in the menu has no name", who)
		}
		body = strings.ReplaceAll(body, `<bdi dir="ltr">agent</bdi>`, "") // somebody's login name
		if strings.Contains(strings.ToLower(body), ">agent<") {
			t.Errorf("%s reads the word agent", who)
		}
	}
}
