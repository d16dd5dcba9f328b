package ui

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// Bug 23: no page asks for anything from elsewhere. The browser tests fail as
// well when a request leaves the box; this looks at every page that is there.
func Test2b23NoPageAsksForAnythingElsewhere(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	elsewhere := regexp.MustCompile(`(?i)(src|href|action|data-[a-z]+|content)="(https?:)?//[^"]*`)
	pages := 0
	for _, who := range []role{nobody, agent, supervisor, coordinator, admin} {
		client := s.as(t, who)
		for _, rt := range table() {
			if rt.verb != http.MethodGet || strings.Contains(rt.pattern, "{id}") || !rt.allows(who) || strings.HasPrefix(rt.pattern, "/ev/") || strings.HasPrefix(rt.pattern, "/ws/") {
				continue
			}
			got := s.get(t, client, strings.NewReplacer("{$}", "", "{file}", strings.TrimPrefix(s.server.assets.Path("app.css"), "/assets/")).Replace(rt.pattern))
			if !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
				continue
			}
			pages++
			for _, found := range elsewhere.FindAllString(got.body, -1) {
				t.Errorf("%s as %q asks for %s", rt.pattern, who, found)
			}
			if policy := got.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "http") {
				t.Errorf("%s lets the browser ask elsewhere: %s", rt.pattern, policy)
			}
		}
	}
	if pages < 30 {
		t.Errorf("only %d pages were looked at", pages)
	}
}
