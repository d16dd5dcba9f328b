package gallery

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hotline/appliance/audio/foreign"
	"hotline/ui"
)

func TestMain(m *testing.M) {
	foreign.Intercept()
	goleak.VerifyTestMain(m)
}

// notPages are addresses that browsers open and nobody looks at: files, live
// channels, and those that lead on.
var notPages = []string{"/health/support.zip", "/admin/bundle/file", "/healthz", "/trust/authority.crt", "/assets/{file}", "/favicon.svg", "/{$}", "/places", "/desk/directory", "/ws/call", "/ws/agent", "/ws/practice", "/ev/floor", "/ev/wall/{token}", "/worklist/{id}/message/{contact}/{n}",
	"/floor/mode/announcement.wav", "/floor/mode/pending.wav", "/floor/bulletins/{sound}", "/prompts/{language}/pack.zip", "/prompts/{language}/{id}/sound.wav", "/records/export/{id}/file",
	"/records/registrants/{id}/{sound}", "/import/check/{id}/report", "/reports/{table}", "/rehearsal/{id}/{sound}", "/recordings/{id}/sound.wav", "/admin/lists/case_form.xlsx", "/admin/flows/export",
	"/handbook/file/{language}", "/handbook/picture/{name}", "/admin/close/{id}/file"}

// Every page of the map is in the gallery, every picture opens for everybody
// who may see it, says that it is made up, and nothing can be done to it.
func TestEveryPageIsInTheGallery(t *testing.T) {
	g, err := New(t.Context(), t.TempDir(), slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- g.Run(ctx, listener, func() { close(ready) }) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-done:
		done <- nil
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	base := "http://" + listener.Addr().String()
	get := func(path string) (int, string, string) {
		t.Helper()
		got, err := client.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = got.Body.Close() }()
		body, err := io.ReadAll(got.Body)
		if err != nil {
			t.Fatal(err)
		}
		return got.StatusCode, string(body), got.Request.URL.RequestURI()
	}
	seen := map[string]bool{}
	for _, p := range g.pictures {
		roles := g.others(p)
		if len(roles) == 0 {
			roles = []string{""}
		}
		for n, role := range roles {
			l := Look{Picture: p.Name, Language: []string{"en", "es", "fr", "ar", "pt", "id", "ar-XB"}[n]}
			if role != p.As {
				l.As = role
			}
			status, body, at := get(l.Address())
			if at != g.Path(p) || strings.Contains(at, "{") {
				t.Errorf("%s as %q leads to %s, not to %s", p.Name, role, at, g.Path(p))
			}
			wrong := strings.Contains(p.Name, "wrong") || strings.HasPrefix(p.Name, "problem-") || p.Name == "wall-unknown" || p.Name == "call-shut" || p.Scene == lockScene
			if wrong != (status >= 400) {
				t.Errorf("%s as %q answers %d: %.300s", p.Name, role, status, body)
			}
			if !strings.Contains(body, `class="made-up"`) {
				t.Errorf("%s as %q does not say that it is made up: %.300s", p.Name, role, body)
			}
		}
		if p.Form == nil && p.Scene != firstScene && p.Scene != lockScene && p.Scene != pointScene {
			path, _, _ := strings.Cut(g.Path(p), "?")
			for _, way := range ui.Ways() {
				if fits(way.Pattern, path) {
					seen[way.Pattern] = true
					break
				}
			}
		}
	}
	for _, way := range ui.Ways() {
		if !seen[way.Pattern] && !slices.Contains(notPages, way.Pattern) {
			t.Errorf("no picture of %s", way.Pattern)
		}
	}
	if status, body, _ := get("/gallery?language=es&colours=dark"); status != http.StatusOK || strings.Count(body, "<tr>") != len(g.pictures)+1 || !strings.Contains(body, "colours=dark") {
		t.Errorf("the list: %d %.300s", status, body)
	}
	got, err := client.Post(base+"/floor/mode/clear", "application/x-www-form-urlencoded", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	if got.StatusCode != http.StatusForbidden {
		t.Errorf("something is done: %d", got.StatusCode)
	}
}
