package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/appliance/acme/far"
	"hotline/appliance/config"
)

// A hotline gets a certificate for its name by itself, from a real authority and
// with a record at a real name server. Who comes by the name gets it, who comes by
// an address gets the hotline's own; a renewal needs no restart and ends no
// connection; and whatever goes wrong is said in words while the certificate that
// is there stays in use.
func TestTheHotlineGetsItsCertificateByItself(t *testing.T) {
	const name = "hotline.example.test"
	names := far.NewNames(t)
	authority := far.NewAuthority(t, names)
	b := startBoxIn(t, manner{names: []string{names.Addr}}, func(*config.Config) {}, func(*hotline) {})
	own := x509.NewCertPool()
	own.AppendCertsFromPEM(b.h.certs.Root())
	// meets connects as a browser does that believes only those roots.
	meets := func(host string, roots *x509.CertPool) (*tls.Conn, error) {
		return tls.DialWithDialer(&net.Dialer{Timeout: 20 * time.Second}, "tcp", b.h.web.Addr().String(), &tls.Config{ServerName: host, RootCAs: roots})
	}
	serial := func() string {
		t.Helper()
		conn, err := meets(name, authority.Issues)
		if err != nil {
			t.Fatalf("a browser that knows the authority does not believe %s: %v", name, err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	byAddress := func() {
		t.Helper()
		conn, err := meets("127.0.0.1", own)
		if err != nil {
			t.Fatalf("who comes by the address does not get the hotline's own certificate: %v", err)
		}
		conn.Close()
	}
	byAddress()
	if conn, err := meets(name, authority.Issues); err == nil {
		conn.Close()
		t.Fatal("the certificate is there before it was got")
	}

	admin := b.web("admin")
	const page = "admin/certificate"
	goes := func(what, marked string, said ...string) {
		t.Helper()
		shown := ""
		b.until(what, func() bool {
			shown = b.shown(admin, page)
			return strings.Contains(shown, marked) && !strings.Contains(shown, `data-steps="running"`) // also written down
		})
		for _, text := range said {
			if !strings.Contains(shown, text) {
				t.Errorf("when %s, the page does not say %q", what, text)
			}
		}
		if strings.Contains(shown, names.Secret) {
			t.Error("the page tells the secret")
		}
	}
	form := url.Values{"names": {name}, "authority": {"other"}, "directory": {authority.Directory}, "roots": {authority.Roots}, "way": {"update"}, "server": {names.Addr},
		"key": {names.Key}, "algorithm": {"hmac-sha256"}, "secret": {"d3Jvbmc="}, "network": {"127.0.0.1"}, "agreed": {"yes"}, "do": {"look"}}
	b.post(admin, page, form)
	goes("the name server refuses a wrong key", `data-failed="dns.key"`, "refuses the key hotline", "BADSIG")
	form.Set("secret", names.Secret)
	b.post(admin, page, form)
	goes("everything was looked at", `data-step="looked"`, "Everything that can be looked at beforehand is right", "Nothing is asked for until you press")
	b.post(admin, page+"/do", url.Values{"do": {"try"}})
	goes("the certificate is there", `data-step="got"`, "is there and in use", "Pebble Intermediate")
	first := serial()
	byAddress()

	// One connection stays, and what is asked over it is answered.
	open, err := meets(name, authority.Issues)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	answers := bufio.NewReader(open)
	answered := func() {
		t.Helper()
		if err := open.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(open, "GET /trust HTTP/1.1\r\nHost: %s\r\n\r\n", name)
		res, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("the connection that was open is answered with %v", err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("the connection that was open is answered with %s, %v", res.Status, err)
		}
	}
	answered()
	b.post(admin, page+"/do", url.Values{"do": {"try"}})
	b.until("the certificate is renewed", func() bool { return serial() != first })
	goes("the renewal is written down", `data-steps="done"`)
	answered()
	renewed := serial()
	if health := b.shown(admin, "health"); !strings.Contains(health, `data-check="got.good"`) {
		t.Error("the page Health does not say that it is renewed")
	}

	authority.Stop()
	b.post(admin, page+"/do", url.Values{"do": {"try"}})
	goes("the authority cannot be reached", `data-failed="offline"`, "cannot be reached", "stays in use")
	if serial() != renewed {
		t.Error("the certificate changed although there is no other")
	}
	byAddress()
	if health := b.shown(admin, "health"); !strings.Contains(health, `data-check="got.failing"`) || !strings.Contains(health, "could not be renewed since") {
		t.Error("the page Health does not say that it could not be renewed")
	}
	b.post(admin, page+"/do", url.Values{"do": {"remove"}})
	if conn, err := meets(name, own); err != nil {
		t.Errorf("after it was removed: %v", err)
	} else {
		conn.Close()
	}
	for _, said := range []string{"How a certificate is got was set", "Certificate got from an authority", "A certificate could not be got", "Certificate from an authority removed"} {
		if !strings.Contains(b.shown(admin, "admin/log?all"), said) {
			t.Errorf("the log does not say %q", said)
		}
	}
	if text, err := os.ReadFile(filepath.Join(t.ArtifactDir(), "hotline.log")); err != nil || strings.Contains(string(text), names.Secret) {
		t.Errorf("the log file tells the secret, or cannot be read: %v", err)
	}
	if left, _ := names.Left(); len(left) != 0 {
		t.Errorf("records are left in the names: %v", left)
	}
}
