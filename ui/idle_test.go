package ui

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hotline/triage"
)

// stream is a browser that only listens.
type stream struct{ *httptest.ResponseRecorder }

func (stream) SetWriteDeadline(time.Time) error { return nil }

func (s *script) watchFloor(t *testing.T, who role) (token string, ended <-chan struct{}) {
	t.Helper()
	server, err := New(s.config(t))
	if err != nil {
		t.Fatal(err)
	}
	token, account, err := s.accounts.SignIn(t.Context(), string(who), secret, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://hotline.test/ev/floor", nil)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		server.floorStream(stream{httptest.NewRecorder()}, request, visit{account: account, role: who, token: token})
	}()
	t.Cleanup(func() { stop(); <-over })
	return token, over
}

func isOver(ended <-chan struct{}) bool {
	synctest.Wait()
	select {
	case <-ended:
		return true
	default:
		return false
	}
}

// An administrator's session runs out after 15 minutes without use. A floor
// page left open must not go on telling about callers, nor keep it alive.
func TestAnIdleFloorPageStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := newScript(t)
		_, idle := far.watchFloor(t, admin)
		used, working := far.watchFloor(t, admin)
		_, shift := far.watchFloor(t, supervisor)
		time.Sleep(14 * time.Minute)
		if _, err := far.accounts.Visit(t.Context(), used); err != nil {
			t.Fatal(err)
		}
		if isOver(idle) {
			t.Error("stopped before the session had run out")
		}
		time.Sleep(3 * time.Minute)
		if !isOver(idle) {
			t.Error("the page of a session that has run out still shows callers")
		}
		if isOver(working) || isOver(shift) {
			t.Error("the page of somebody whose session goes on has stopped")
		}
		time.Sleep(16 * time.Minute)
		if !isOver(working) {
			t.Error("the page kept its own session alive")
		}
		if isOver(shift) {
			t.Error("a supervisor's floor page stops in the middle of the shift")
		}
	})
}

func TestPagesAreSmallOnTheWire(t *testing.T) {
	far := newScript(t)
	first := far.called(t, triage.Contact{Caller: "+12025550147", Queue: "help", Outcome: triage.OutcomeAnswered})
	far.wrote(t, first.ID, map[string]any{"place": "Santa Clara"})
	s := startSite(t, far, nil)
	client := s.as(t, coordinator)
	ask := func(verb, path, accept string) answer {
		request, err := http.NewRequest(verb, s.url+path, strings.NewReader(url.Values{"set": {"x"}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept-Encoding", accept)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Sec-Fetch-Site", "same-origin")
		return s.send(t, client, request)
	}
	packed := ask(http.MethodGet, "/records", "br, gzip;q=0.8")
	if packed.header.Get("Content-Encoding") != "gzip" || !strings.Contains(strings.Join(packed.header.Values("Vary"), ","), "Accept-Encoding") {
		t.Fatalf("not packed: %v", packed.header)
	}
	unpack, err := gzip.NewReader(bytes.NewReader([]byte(packed.body)))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(unpack)
	if err != nil {
		t.Fatal(err)
	}
	plain := ask(http.MethodGet, "/records", "gzip;q=0")
	if plain.body != string(whole) {
		t.Errorf("the packed page is another one: %d bytes against %d", len(whole), len(plain.body))
	}
	t.Logf("records: %d bytes, %d on the wire", len(whole), len(packed.body))
	// What repeats the request's own words keeps its length to itself.
	for name, got := range map[string]answer{"not asked for": plain, "a search": ask(http.MethodGet, "/records?q=0147", "gzip"), "a form": ask(http.MethodPost, "/records/export", "gzip")} {
		if got.header.Get("Content-Encoding") != "" || !strings.Contains(got.body, "</html>") {
			t.Errorf("%s: %d %v", name, got.status, got.header)
		}
	}
}
