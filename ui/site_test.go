package ui

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/appliance/media"
	"hotline/appliance/softphone"
	"hotline/ui/words"
)

func startSite(t *testing.T, s *script, extra map[string]map[string]string) *site {
	t.Helper()
	catalogues, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	if extra != nil {
		all := map[string]map[string]string{"en": catalogues.Keys("en")}
		for tag, texts := range extra {
			all[tag] = texts
		}
		if catalogues, err = words.New(all); err != nil {
			t.Fatal(err)
		}
	}
	server, err := NewIn(s.config(t), catalogues)
	if err != nil {
		t.Fatal(err)
	}
	certificate, roots := lentCertificate()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := &cable{Listener: socket}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- server.Run(ctx, listener, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	}()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the server ended with: %v", err)
			}
		case <-time.After(limitOfAStep):
			t.Error("the server did not stop")
		}
		if n := server.Panics(); n != 0 {
			t.Errorf("%d requests ended in a fault of the program", n)
		}
	})
	return &site{script: s, server: server, url: "https://" + listener.Addr().String(), roots: roots, cable: listener}
}

// lentCertificate is httptest's, which it only lends for 127.0.0.1.
func lentCertificate() (tls.Certificate, *x509.CertPool) {
	lender := httptest.NewUnstartedServer(nil)
	lender.StartTLS()
	defer lender.Close()
	roots := x509.NewCertPool()
	roots.AddCert(lender.Certificate())
	return lender.TLS.Certificates[0], roots
}

// withSound runs the real browser side of the voice plane behind the script.
func (s *script) withSound(t *testing.T) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	pacer := media.NewPacer(log)
	gateway, err := softphone.New(softphone.Config{IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Pacer: pacer, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := pacer.Run(ctx); err != nil {
			t.Errorf("pacer: %v", err)
		}
	})
	running.Go(func() {
		if err := gateway.Run(ctx); err != nil {
			t.Errorf("gateway: %v", err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	s.gateway = gateway
}

func (s *site) client(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// as signs in; nobody stays outside.
func (s *site) as(t *testing.T, who role) *http.Client {
	t.Helper()
	client := s.client(t)
	if who == nobody {
		return client
	}
	s.admit(t, client, who)
	return client
}

// admit gives a client the session of somebody who has signed in. The form has
// tests of its own; here its password would only take time.
func (s *site) admit(t *testing.T, client *http.Client, who role) {
	t.Helper()
	home, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	client.Jar.SetCookies(home, []*http.Cookie{{Name: sessionCookie, Value: s.session(t, who), Path: "/", Secure: true}})
}

func (s *site) session(t *testing.T, who role) string {
	t.Helper()
	token, err := s.accounts.Begin(t.Context(), s.ids[who], "127.0.0.1")
	if err != nil {
		t.Fatalf("signing in as %s: %v", who, err)
	}
	return token
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (s *site) get(t *testing.T, client *http.Client, path string) answer {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s.send(t, client, request)
}

func (s *site) post(t *testing.T, client *http.Client, path string, form url.Values) answer {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return s.send(t, client, request)
}

func (s *site) send(t *testing.T, client *http.Client, request *http.Request) answer {
	t.Helper()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	// A live stream never ends: its beginning is enough.
	body, err := io.ReadAll(io.LimitReader(response.Body, liveLimit(response)))
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

func liveLimit(response *http.Response) int64 {
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		return 20
	}
	return 1 << 20
}
