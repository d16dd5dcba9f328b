package provisioning

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// authority is somebody who vouches for names.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func ellipticKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

// issues makes a certificate; by nil, one that vouches for itself.
func (by *authority) issues(t *testing.T, key crypto.Signer, change func(*x509.Certificate)) *authority {
	t.Helper()
	now := time.Now()
	c := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: "Somebody"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(90 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true}
	change(c)
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	must(t, err)
	made, err := x509.ParseCertificate(der)
	must(t, err)
	return &authority{cert: made, key: key}
}

func named(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames = names }
}

func authorityNamed(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject.CommonName, c.IsCA, c.KeyUsage = name, true, x509.KeyUsageCertSign
	}
}

func certPEM(of ...*authority) []byte {
	var text []byte
	for _, a := range of {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})...)
	}
	return text
}

func keyPEM(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// served is a web server with the pages' certificates.
func served(t *testing.T, c *Certificates) (address string) {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", c.Pages())
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { // what is said comes back, as long as the other side stays
				defer conn.Close()
				buf := make([]byte, 16)
				for {
					n, err := conn.Read(buf)
					if err != nil {
						return
					}
					if _, err := conn.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return ln.Addr().String()
}

// met is a connection, and what the server has shown.
func met(t *testing.T, address, name string) (*tls.Conn, []*x509.Certificate) {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", address, &tls.Config{InsecureSkipVerify: true, ServerName: name}) // looked at by the test
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn, conn.ConnectionState().PeerCertificates
}

// An own certificate is taken over without a restart: the next connection has
// it, with those who vouch for it, and one that is open goes on. Who comes by
// another name gets the box's own, and so does everybody after one press.
func TestACertificateThatWasBroughtIsUsedAtOnce(t *testing.T) {
	dir := t.TempDir()
	c, err := OpenCertificates(dir, []string{"127.0.0.1", "help.example.org"}, time.Now())
	must(t, err)
	root := (*authority)(nil).issues(t, ellipticKey(t), authorityNamed("Root"))
	middle := root.issues(t, ellipticKey(t), authorityNamed("Middle"))
	lower := middle.issues(t, ellipticKey(t), authorityNamed("Lower"))
	leaf := lower.issues(t, ellipticKey(t), named("help.example.org"))
	address := served(t, c)
	open, shown := met(t, address, "help.example.org")
	if shown[0].Issuer.CommonName == "Lower" {
		t.Fatal("the certificate is there before it was brought")
	}
	if _, is := c.Brought(); is {
		t.Error("a certificate is said to have been brought")
	}

	// In the wrong order, with the root among them, and the key in another file.
	must(t, c.Bring([][]byte{append(certPEM(root, middle), certPEM(leaf, lower)...), keyPEM(t, leaf.key)}, "", nil, time.Now()))
	_, shown = met(t, address, "help.example.org")
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root.cert)
	for _, one := range shown[1:] {
		between.AddCert(one)
	}
	if _, err := shown[0].Verify(x509.VerifyOptions{DNSName: "help.example.org", Roots: roots, Intermediates: between}); err != nil || len(shown) != 3 ||
		!shown[1].Equal(lower.cert) || !shown[2].Equal(middle.cert) {
		t.Errorf("a browser gets %d certificates: %v", len(shown), err)
	}
	if _, shown := met(t, address, ""); shown[0].Issuer.CommonName != c.root.Subject.CommonName {
		t.Errorf("who comes by the address gets the certificate of %s", shown[0].Issuer.CommonName)
	}
	if _, shown := met(t, address, "other.local"); shown[0].Issuer.CommonName != c.root.Subject.CommonName {
		t.Errorf("who comes by another name gets the certificate of %s", shown[0].Issuer.CommonName)
	}
	if _, err := open.Write([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	must(t, open.SetReadDeadline(time.Now().Add(10*time.Second)))
	if got := make([]byte, 10); true {
		if n, err := open.Read(got); err != nil || string(got[:n]) != "still here" {
			t.Errorf("the open connection says %q, %v", got[:n], err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "brought.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}
	if !c.Expires().Equal(leaf.cert.NotAfter) {
		t.Errorf("the health page looks at %v, the certificate ends %v", c.Expires(), leaf.cert.NotAfter)
	}

	// The next start has it, too.
	again, err := OpenCertificates(dir, []string{"127.0.0.1"}, time.Now())
	must(t, err)
	if b, is := again.Brought(); !is || b.By != "Lower" || b.Lonely || b.Signed || strings.Join(b.Names, " ") != "help.example.org" {
		t.Errorf("after a restart: %+v, %v", b, is)
	}
	if _, shown := met(t, served(t, again), "help.example.org"); len(shown) != 3 {
		t.Errorf("after a restart a browser gets %d certificates", len(shown))
	}
	// Telephones (SIP over TLS) keep the box's own.
	if own, err := c.TLS().GetCertificate(&tls.ClientHelloInfo{ServerName: "help.example.org"}); err != nil || own.Leaf.Issuer.CommonName == "Lower" {
		t.Errorf("telephones get it, too: %v", err)
	}

	must(t, c.Return())
	if _, shown := met(t, address, "help.example.org"); shown[0].Issuer.CommonName != c.root.Subject.CommonName {
		t.Errorf("after going back: the certificate of %s", shown[0].Issuer.CommonName)
	}
	must(t, c.Return()) // pressed twice
	again, err = OpenCertificates(dir, []string{"127.0.0.1"}, time.Now())
	must(t, err)
	if _, is := again.Brought(); is {
		t.Error("it is back after a restart")
	}
}

// Whatever a browser would refuse is refused before, with the reason, and
// nothing changes.
func TestACertificateThatBrowsersWouldRefuseIsNotUsed(t *testing.T) {
	c, err := OpenCertificates(t.TempDir(), []string{"127.0.0.1"}, time.Now())
	must(t, err)
	root := (*authority)(nil).issues(t, ellipticKey(t), authorityNamed("Root"))
	leaf := root.issues(t, ellipticKey(t), named("help.example.org"))
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	with := func(key crypto.Signer, change func(*x509.Certificate)) [][]byte {
		made := root.issues(t, key, change)
		return [][]byte{certPEM(made), keyPEM(t, key)}
	}
	locked := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("?")})
	archive, err := pkcs12.Modern.Encode(leaf.key, leaf.cert, []*x509.Certificate{root.cert}, "correct")
	must(t, err)
	for name, tried := range map[string]struct {
		files [][]byte
		phr   string
		want  string
	}{
		"no file":                {nil, "", "none"},
		"an empty file":          {[][]byte{[]byte("\n")}, "", "none"},
		"a picture":              {[][]byte{{0x89, 'P', 'N', 'G', 13, 10, 26, 10}}, "", "no_certificate"},
		"a key alone":            {[][]byte{keyPEM(t, leaf.key)}, "", "no_certificate"},
		"a certificate alone":    {[][]byte{certPEM(leaf, root)}, "", "no_key"},
		"a key that is locked":   {[][]byte{certPEM(leaf), locked}, "", "locked"},
		"the key of another":     {[][]byte{certPEM(leaf, root), keyPEM(t, ellipticKey(t))}, "", "other_key"},
		"PKCS #12, wrong phrase": {[][]byte{archive}, "wrong", "passphrase"},
		"from tomorrow": {with(ellipticKey(t), func(x *x509.Certificate) {
			x.DNSNames, x.NotBefore = []string{"help.example.org"}, time.Now().Add(24*time.Hour)
		}), "", "early"},
		"over": {with(ellipticKey(t), func(x *x509.Certificate) {
			x.DNSNames, x.NotBefore, x.NotAfter = []string{"help.example.org"}, time.Now().Add(-48*time.Hour), time.Now().Add(-time.Hour)
		}), "", "over"},
		"a short key":                 {with(small, named("help.example.org")), "", "weak"},
		"a key that no browser takes": {with(edwards, named("help.example.org")), "", "weak"},
		"for letters, not for websites": {with(ellipticKey(t), func(x *x509.Certificate) {
			x.DNSNames, x.ExtKeyUsage = []string{"help.example.org"}, []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
		}), "", "use"},
		"for another name":            {with(ellipticKey(t), named("shop.example.org")), "", "names"},
		"a name in the subject alone": {with(ellipticKey(t), func(x *x509.Certificate) { x.Subject.CommonName = "help.example.org" }), "", "names"},
	} {
		err := c.Bring(tried.files, tried.phr, []string{"help.example.org"}, time.Now())
		var refused CertificateRefusal
		if !errors.As(err, &refused) || refused.Code != tried.want {
			t.Errorf("%s is answered with %v, want %s", name, err, tried.want)
		}
		if _, is := c.Brought(); is {
			t.Fatalf("%s is used", name)
		}
	}
	must(t, c.Bring([][]byte{archive}, "correct", []string{"help.example.org"}, time.Now()))
	if b, is := c.Brought(); !is || b.By != "Root" {
		t.Errorf("from PKCS #12: %+v", b)
	}
	// The forms of old programs: a key of its own kind, a certificate without text.
	raw, err := x509.MarshalECPrivateKey(leaf.key.(*ecdsa.PrivateKey))
	must(t, err)
	must(t, c.Bring([][]byte{leaf.cert.Raw, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})}, "", []string{"help.example.org"}, time.Now()))
	if b, _ := c.Brought(); !b.Lonely {
		t.Error("the page would not say that nothing vouches for it")
	}
	// What was written is damaged: the box starts with its own.
	must(t, os.WriteFile(c.broughtPath(), bytes.Repeat([]byte("x"), 10), 0o600))
	again, err := OpenCertificates(c.dir, []string{"127.0.0.1"}, time.Now())
	must(t, err)
	if _, is := again.Brought(); is {
		t.Error("a damaged file is used")
	}
}

// A certificate from an authority is for those who come by a name of it; one that
// somebody has brought goes before it, and one that is over is shown to nobody.
func TestWhoGetsTheCertificateOfAnAuthority(t *testing.T) {
	c, err := OpenCertificates(t.TempDir(), []string{"127.0.0.1"}, time.Now())
	must(t, err)
	address := served(t, c)
	by := func(name string) string {
		t.Helper()
		_, shown := met(t, address, name)
		return shown[0].Issuer.CommonName
	}
	own := c.root.Subject.CommonName
	pair := func(who string, names []string, ends time.Duration) *tls.Certificate {
		t.Helper()
		leaf := (*authority)(nil).issues(t, ellipticKey(t), authorityNamed(who)).issues(t, ellipticKey(t), func(c *x509.Certificate) {
			c.DNSNames, c.NotBefore, c.NotAfter = names, time.Now().Add(-48*time.Hour), time.Now().Add(ends)
		})
		return &tls.Certificate{Certificate: [][]byte{leaf.cert.Raw}, PrivateKey: leaf.key, Leaf: leaf.cert}
	}
	c.Get(pair("First", []string{"help.example.org", "*.example.org"}, time.Hour))
	for name, want := range map[string]string{"help.example.org": "First", "other.example.org": "First", "": own, "127.0.0.1": own, "hotline.local": own, "example.org": own} {
		if got := by(name); got != want {
			t.Errorf("who comes by %q gets the certificate of %s", name, got)
		}
	}
	if sip, err := c.TLS().GetCertificate(&tls.ClientHelloInfo{ServerName: "help.example.org"}); err != nil || sip.Leaf.Issuer.CommonName != own {
		t.Errorf("telephones get it, too: %v", err)
	}
	c.Get(pair("Second", []string{"help.example.org"}, time.Hour))
	if got := by("help.example.org"); got != "Second" {
		t.Errorf("after it was renewed, the certificate of %s is shown", got)
	}
	c.Get(pair("Third", []string{"help.example.org"}, -time.Hour))
	_, shown := met(t, address, "help.example.org")
	if shown[0].Issuer.CommonName != own || shown[0].VerifyHostname("help.example.org") != nil {
		t.Errorf("after its end the certificate of %s is shown, for %v", shown[0].Issuer.CommonName, shown[0].DNSNames)
	}
	c.Get(pair("Fourth", []string{"help.example.org"}, time.Hour))
	brought := (*authority)(nil).issues(t, ellipticKey(t), authorityNamed("Brought")).issues(t, ellipticKey(t), named("help.example.org"))
	must(t, c.Bring([][]byte{certPEM(brought), keyPEM(t, brought.key)}, "", nil, time.Now()))
	if got := by("help.example.org"); got != "Brought" {
		t.Errorf("next to one that was brought, the certificate of %s is shown", got)
	}
	must(t, c.Return())
	c.Get(nil)
	if got := by("help.example.org"); got != own {
		t.Errorf("after it was taken away, the certificate of %s is shown", got)
	}
}
