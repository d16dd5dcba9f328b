package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"hotline/appliance/proof"
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
	case pattern == "/{$}" || pattern == "/places" || pattern == "/me" || strings.HasPrefix(pattern, "/handbook") || pattern == "/closing":
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
	case strings.HasPrefix(pattern, "/records"), strings.HasPrefix(pattern, "/import"), pattern == "/admin/queues", strings.HasPrefix(pattern, "/admin/lists"), strings.HasPrefix(pattern, "/admin/close"):
		return who == coordinator || who == admin
	case pattern == "/recordings" || pattern == "/recordings/{id}" || pattern == "/recordings/{id}/sound.wav":
		return who != agent
	case strings.HasPrefix(pattern, "/recordings/"):
		return who == coordinator || who == admin
	case pattern == "/admin/routing" || pattern == "/admin/hours" || strings.HasPrefix(pattern, "/reports"):
		return who != agent
	case strings.HasPrefix(pattern, "/admin") || pattern == "/health/support.zip":
		return who == admin
	}
	return false
}

func TestEveryRouteWithEveryRole(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	asked, open, wrong := 0, 0, 0
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
			if asked++; !denied {
				open++
			}
			if want := !mayUse(who, rt.verb, rt.pattern); denied != want {
				wrong++
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
	proof.Note(t, proof.Result{Promise: "roles", Figure: fmt.Sprintf("%d requests (every address, each way to ask, as each role and as nobody): %d are let in that are not for them, or refused that are", asked, wrong),
		Control: fmt.Sprintf("%d of them are let in", open)})
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

// Every task of the plan of the pages has one, and everybody for whom it is
// finds it: in the menu, or from a page that is there.
func TestThePageMap(t *testing.T) {
	inMenu := func(who role, path string) bool {
		for _, group := range menu(who) {
			if slices.Contains(group.paths, path) {
				return true
			}
		}
		return false
	}
	floors, recorders := []role{supervisor, coordinator, admin}, []role{coordinator, admin}
	for _, page := range []struct {
		task, path string
		who        []role // nil: everybody, also who has not signed in
		menu       bool
	}{
		{"one's own first page", "/{$}", []role{agent, supervisor, coordinator, admin}, false},
		{"one's own account", "/me", []role{agent, supervisor, coordinator, admin}, false},
		{"signing in", "/login", nil, false},
		{"joining by invitation", "/join/{invite}", nil, false},
		{"joining by six digits", "/join", nil, false},
		{"help with the certificate", "/trust", nil, false},
		{"calling with a browser", "/call", nil, false},
		{"the screen on the wall", "/wall/{token}", nil, false},
		{"calls", "/desk", []role{agent, supervisor, coordinator}, true},
		{"the sound check", "/desk/test", []role{agent, supervisor, coordinator}, false},
		{"a practice call", "/desk/practice", []role{agent, supervisor, coordinator}, false},
		{"one's own calls", "/desk/history", []role{agent, supervisor, coordinator}, true},
		{"a contact without a call", "/desk/history/new", []role{agent, supervisor, coordinator}, false},
		{"the guide", "/handbook", []role{agent, supervisor, coordinator, admin}, true},
		{"call-backs and other open items", "/worklist", []role{agent, supervisor, coordinator}, true},
		{"the floor", "/floor", floors, true},
		{"a caller who waits", "/floor/waiting/{id}", floors, false},
		{"closing a line now", "/floor/lines", floors, true},
		{"the mode", "/floor/mode", floors, true},
		{"short notices", "/floor/notices", floors, true},
		{"what callers are told", "/floor/bulletins", floors, true},
		{"cases, contacts, registered volunteers", "/records", recorders, true},
		{"one case", "/records/cases/{id}", recorders, false},
		{"one registered volunteer", "/records/registrants/{id}", recorders, false},
		{"files that leave the box", "/records/export", recorders, false},
		{"files that come in", "/import", recorders, true},
		{"recordings", "/recordings", floors, true},
		{"reports", "/reports", floors, true},
		{"health", "/health", []role{supervisor, admin}, true},
		{"people and roles", "/admin", []role{admin}, true},
		{"invitations", "/floor/invites", floors, true},
		{"lines, profiles and who takes what", "/admin/routing", floors, true},
		{"opening hours", "/admin/hours", floors, true},
		{"what the telephone says and asks", "/admin/flows", []role{admin}, true},
		{"prompts, by language", "/prompts", floors, true},
		{"case questions and lists", "/admin/lists", recorders, true},
		{"backups", "/admin/backup", []role{admin}, true},
		{"certificate, version, limits", "/admin/system", []role{admin}, true},
		{"who did what", "/admin/log", []role{admin}, true},
	} {
		i := slices.IndexFunc(table(), func(rt route) bool { return rt.verb == http.MethodGet && rt.pattern == page.path })
		if i < 0 {
			t.Errorf("there is no page for %s", page.task)
			continue
		}
		who := page.who
		if who == nil {
			who = []role{nobody, agent, supervisor, coordinator, admin}
		}
		for _, one := range who {
			if !table()[i].allows(one) || page.menu && !inMenu(one, page.path) {
				t.Errorf("%q does not find the page for %s", one, page.task)
			}
		}
	}
}
