package far

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Authority is Pebble, the authority that the makers of Let's Encrypt test
// clients with, as a program of its own.
type Authority struct {
	Directory string         // its address
	Roots     string         // PEM: by whom its own pages are vouched for
	Issues    *x509.CertPool // by whom its certificates are vouched for

	stop func()
}

// NewAuthority builds and starts one that asks the names. It makes certificates
// of 90 days for everything but blocked.test.
func NewAuthority(t testing.TB, names *Names) *Authority {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	found, err := exec.CommandContext(t.Context(), "go", "-C", filepath.Join(filepath.Dir(here), "..", "..", "..", "tools", "acme"), "tool", "-n", "pebble").Output() // what is said of downloads goes elsewhere
	if err != nil {
		t.Fatalf("the authority could not be built: %v", err)
	}
	dir := t.TempDir()
	roots := pages(t, dir)
	for range 5 { // somebody else may take a port meanwhile
		a, err := begin(t, strings.TrimSpace(string(found)), dir, roots, names)
		if err == nil {
			return a
		}
		t.Log(err)
	}
	t.Fatal("the authority does not begin")
	return nil
}

func begin(t testing.TB, program, dir, roots string, names *Names) (*Authority, error) {
	listen, manage := free(t), free(t)
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": listen, "managementListenAddress": manage, "certificate": filepath.Join(dir, "pages.pem"), "privateKey": filepath.Join(dir, "pages.key"),
		"httpPort": 1, "tlsPort": 1, "domainBlocklist": []string{"blocked.test"}, "retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles": map[string]any{"default": map[string]any{"description": "usual", "validityPeriod": 90 * 24 * 3600}},
	}})
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(path, config, 0o600); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "-config", path, "-dnsserver", names.Addr)
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0")
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		stop()
		return nil, err
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	a := &Authority{Directory: "https://" + listen + "/dir", Roots: roots, stop: func() { stop(); <-ended }}
	if err := a.ready(t, "https://"+manage+"/roots/0", ended); err != nil {
		a.stop()
		return nil, fmt.Errorf("%w: %s", err, said.String())
	}
	t.Cleanup(func() {
		a.stop()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	return a, nil
}

// Stop ends it: it cannot be reached any more.
func (a *Authority) Stop() { a.stop() }

// ready waits until it answers, and fetches its root.
func (a *Authority) ready(t testing.TB, roots string, ended <-chan struct{}) error {
	believed := x509.NewCertPool()
	believed.AppendCertsFromPEM([]byte(a.Roots))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: believed, MinVersion: tls.VersionTLS12}}, Timeout: 10 * time.Second}
	limit, tick := time.NewTimer(time.Minute), time.NewTicker(50*time.Millisecond)
	defer limit.Stop()
	defer tick.Stop()
	for {
		if root, err := fetch(client, roots); err == nil {
			if _, err := fetch(client, a.Directory); err == nil {
				a.Issues = x509.NewCertPool()
				if !a.Issues.AppendCertsFromPEM(root) {
					return fmt.Errorf("no root: %s", root)
				}
				return nil
			}
		}
		select {
		case <-ended:
			return fmt.Errorf("the authority has ended")
		case <-limit.C:
			return fmt.Errorf("the authority does not answer")
		case <-t.Context().Done():
			return t.Context().Err()
		case <-tick.C:
		}
	}
}

func fetch(client *http.Client, address string) ([]byte, error) {
	res, err := client.Get(address)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(res.Body)
}

// free is an address at which nothing listens.
func free(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// pages makes the certificate of the authority's own pages.
func pages(t testing.TB, dir string) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority of the test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, text := range map[string][]byte{"pages.pem": cert, "pages.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return string(cert)
}
