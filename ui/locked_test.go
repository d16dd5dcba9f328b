package ui

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// unlocks is a locked page that "right" opens.
func unlocks(t *testing.T, cfg LockedConfig) *Locked {
	t.Helper()
	var l *Locked
	cfg.Operation, cfg.Version, cfg.Log = "Flood", "test", slog.New(slog.DiscardHandler)
	if cfg.Since.IsZero() {
		cfg.Since = time.Now()
	}
	cfg.Calls = func() (int, int) { return 2, 17 }
	cfg.Unlock = func(_ context.Context, how string, secret []byte) error {
		switch string(secret) {
		case "right":
			l.Open()
			return nil
		case "damaged":
			return &RecordsError{errors.New("a record on disk is damaged")}
		}
		return errors.New("wrong")
	}
	l, err := NewLocked(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Passphrases are tried ever more slowly after wrong ones, for everybody. The
// recovery key and the key file cannot be guessed, and are never kept waiting.
func TestGuessingThePassphraseIsSlowAndKeepsNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := unlocks(t, LockedConfig{Why: "passphrase", Passphrase: true, Recovery: true})
		try := func(form url.Values) int {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/unlock", strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			l.Handler().ServeHTTP(w, r)
			return w.Code
		}
		guess := url.Values{"how": {"passphrase"}, "passphrase": {"guess"}}
		tried, begun := 0, time.Now()
		for time.Since(begun) < time.Hour {
			switch status := try(guess); status {
			case http.StatusForbidden:
				tried++
			case http.StatusTooManyRequests:
			default:
				t.Fatalf("a guess: %d", status)
			}
			time.Sleep(time.Second)
		}
		if tried < 40 || tried > 70 {
			t.Errorf("%d guesses in an hour", tried)
		}
		if status := try(url.Values{"how": {"passphrase"}, "passphrase": {"right"}}); status != http.StatusTooManyRequests {
			t.Errorf("the right one in the pause: %d", status)
		}
		if status := try(url.Values{"how": {"recovery"}, "recovery": {"nonsense"}}); status != http.StatusForbidden {
			t.Errorf("a wrong recovery key: %d", status)
		}
		if status := try(url.Values{"how": {"recovery"}, "recovery": {"damaged"}}); status != http.StatusInternalServerError || l.Opened() {
			t.Errorf("records that cannot be opened: %d", status)
		}
		if status := try(url.Values{"how": {"recovery"}, "recovery": {"right"}}); status != http.StatusSeeOther || !l.Opened() {
			t.Errorf("the recovery key in the pause: %d", status)
		}
	})
}

func TestAKeyFileUnlocks(t *testing.T) {
	l := unlocks(t, LockedConfig{Why: "stick", Path: "/media/stick/hotline-box.key"})
	for _, one := range []struct {
		content string
		status  int
	}{{"", http.StatusUnprocessableEntity}, {"wrong", http.StatusForbidden}, {strings.Repeat("x", maxForm), http.StatusBadRequest}, {"right", http.StatusSeeOther}} {
		var body strings.Builder
		form := multipart.NewWriter(&body)
		err := form.WriteField("how", "file")
		if err == nil {
			part, partErr := form.CreateFormFile("file", "hotline-box.key")
			if err = partErr; err == nil {
				_, err = part.Write([]byte(one.content))
			}
		}
		if err := errors.Join(err, form.Close()); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/unlock", strings.NewReader(body.String()))
		r.Header.Set("Content-Type", form.FormDataContentType())
		w := httptest.NewRecorder()
		l.Handler().ServeHTTP(w, r)
		if w.Code != one.status {
			t.Errorf("a file of %d bytes: %d, want %d", len(one.content), w.Code, one.status)
		}
	}
}

// Programs hear in words that they have to wait, whatever they ask, with a token or
// without one, and nothing of the hotline.
func TestProgramsAreToldThatTheHotlineIsLocked(t *testing.T) {
	l := unlocks(t, LockedConfig{Why: "passphrase", Passphrase: true, Path: "/media/stick/hotline-box.key"})
	for _, path := range []string{"/api/v1/contacts", "/api/v1/contacts/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/api/v1/events", "/api/v1/exports", "/api/v1/openapi.yaml", "/api/v1/modes", "/api/"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
			r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(`{"mode":"closed"}`))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer hotline_abc")
			w := httptest.NewRecorder()
			l.Handler().ServeHTTP(w, r)
			body := w.Body.String()
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Retry-After") == "" ||
				!strings.Contains(body, "its records cannot be reached until somebody unlocks it") {
				t.Errorf("%s %s: %d %v %s", method, path, w.Code, w.Header(), body)
			}
			for _, secret := range []string{"Flood", "stick", "passphrase", "17"} {
				if strings.Contains(body, secret) {
					t.Errorf("%s %s tells %q: %s", method, path, secret, body)
				}
			}
		}
	}
}

// The page of a locked hotline, looked at at every size, in each of its states.
func TestTheLockedPage(t *testing.T) {
	l := unlocks(t, LockedConfig{Why: "passphrase", Passphrase: true, Recovery: true})
	certificate, _ := lentCertificate()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		ended <- l.Run(ctx, listener, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	b := openBrowser(t, &site{url: "https://" + listener.Addr().String()})
	b.do(navigate(b.site.url + "/wall/abc"))
	b.still(`document.querySelector('[data-locked="passphrase"]') && !document.querySelector("form")`)
	b.fits("locked-wall")
	b.do(navigate(b.site.url + "/worklist"))
	b.until(`document.getElementById("passphrase")`)
	b.fits("locked")
	b.do(typeInto("passphrase", "wrong"))
	b.press(`form[action="/unlock"] button`)
	b.until(`document.querySelector('[role="alert"]')?.innerText.includes("does not open")`)
	b.press("summary")
	b.until(`document.getElementById("recovery").offsetParent !== null`)
	b.fits("locked-wrong")
	b.do(typeInto("recovery", "right"))
	b.press(`#recovery ~ button, form:has(#recovery) button`)
	b.still(`document.querySelector('[data-locked="open"]')`)
	b.fits("locked-open")
}
