package ivr_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hotline/ivr"
)

func TestAskingOtherMachines(t *testing.T) {
	release := make(chan struct{})
	var got map[string]string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			_ = json.NewDecoder(r.Body).Decode(&got)
			_, _ = io.WriteString(w, `{"name": "School"}`)
		case "/long":
			_, _ = io.WriteString(w, `"`+strings.Repeat("x", 1<<20)+`"`)
		case "/elsewhere":
			http.Redirect(w, r, "/good", http.StatusTemporaryRedirect)
		case "/page":
			_, _ = io.WriteString(w, "<html>")
		case "/error":
			w.WriteHeader(http.StatusInternalServerError)
		case "/slow":
			<-release
		}
	}))
	defer server.Close()
	defer close(release)
	allowed := ivr.Fetch([]string{"127.0.0.1"})
	answer, err := allowed(t.Context(), server.URL+"/good", map[string]string{"area": "46"})
	if err != nil || string(answer) != `{"name": "School"}` || got["area"] != "46" {
		t.Errorf("answer %s, %v; sent %v", answer, err, got)
	}
	for path, want := range map[string]string{
		"/long": "is longer than", "/elsewhere": "status 307", "/page": "is no JSON", "/error": "status 500", "/slow": "did not answer",
	} {
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		_, err := allowed(ctx, server.URL+path, nil)
		stop()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	for name, tc := range map[string]struct {
		cfg  []string
		url  string
		want string
	}{
		"a host that is not named":   {[]string{"board.example.org"}, server.URL + "/good", "flows may not ask 127.0.0.1"},
		"a name for such an address": {[]string{"localhost"}, strings.Replace(server.URL, "127.0.0.1", "localhost", 1) + "/good", "private network"},
	} {
		if _, err := ivr.Fetch(tc.cfg)(t.Context(), tc.url, nil); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
