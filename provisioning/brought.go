package provisioning

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"hotline/appliance/durable"
)

// A certificate that somebody brings for the pages stands beside the box's own.
// Browsers that come by a name that it covers get it, all others (by an
// address, by another name, telephones with SIP) get the box's own as before:
// those who have installed the authority are never warned anew. The pages only
// ask for a certificate when a connection begins, so one that changes touches
// no connection, and no call.

// CertificateRefusal says why a certificate cannot be used, as a code that
// pages put into words: none, no_certificate, no_key, locked, passphrase, other_key,
// early, over, weak, old, use, names.
type CertificateRefusal struct {
	Code   string
	Values []string // for the words: pairs of a name and a value
}

// Refusal is the code and what is filled into its words.
func (r CertificateRefusal) Refusal() (code string, values []string) { return r.Code, r.Values }

func (r CertificateRefusal) Error() string {
	return "the certificate cannot be used: " + strings.Join(append([]string{r.Code}, r.Values...), " ")
}

// Brought is the certificate that somebody has brought, as the page shows it.
type Brought struct {
	Names  []string
	By     string // the authority, in its own words
	Ends   time.Time
	Lonely bool // nothing in the files vouches for it: a browser may not find its authority
	Signed bool // by itself: no browser believes it before it is told to
}

// broughtPath is key and chain in one file, so that no power cut leaves half.
func (c *Certificates) broughtPath() string { return filepath.Join(c.dir, "brought.key") }

// Pages is the configuration of the web server: as TLS, with the certificate
// that was brought for those who come by a name of it, or else with the one that
// was got from an authority for those who come by a name of that. Somebody has
// chosen the first by hand. One that is over is shown to nobody: the box's own is
// known at least to those who have installed its authority.
func (c *Certificates) Pages() *tls.Config {
	own := c.TLS()
	return &tls.Config{MinVersion: own.MinVersion, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		c.mu.Lock()
		list := []*tls.Certificate{c.brought, c.got}
		c.mu.Unlock()
		name := hello.ServerName
		if name == "" && hello.Conn != nil { // browsers say no name when they come by an address (RFC 6066 §3)
			name, _, _ = net.SplitHostPort(hello.Conn.LocalAddr().String())
		}
		for _, pair := range list {
			if pair != nil && pair.Leaf.VerifyHostname(name) == nil && !time.Now().After(pair.Leaf.NotAfter) {
				return pair, nil
			}
		}
		return own.GetCertificate(hello)
	}}
}

// Get takes a certificate from an authority into use, for those who come by a
// name of it; nil ends that. It covers no address, so who comes by one on the
// box's own network gets the box's own. The names are covered by that as well,
// for the day on which the other could not be renewed.
func (c *Certificates) Get(pair *tls.Certificate) {
	c.mu.Lock()
	c.got = pair
	c.mu.Unlock()
	if pair != nil {
		for _, name := range pair.Leaf.DNSNames {
			c.Cover(name)
		}
	}
}

// Bring takes a certificate into use for the pages, after it was checked. The
// files hold the certificate, the certificates that vouch for it and its key,
// in PEM, DER or PKCS #12 form and any order; the passphrase is for PKCS #12.
// Among reached are names by which people come.
func (c *Certificates) Bring(files [][]byte, passphrase string, reached []string, now time.Time) error {
	pair, err := readPair(files, passphrase)
	if err != nil {
		return err
	}
	if err := c.suits(pair.Leaf, append(c.Names(), reached...), now); err != nil {
		return err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
	for _, der := range pair.Certificate {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := durable.WriteFile(c.broughtPath(), text, 0o600); err != nil {
		return fmt.Errorf("writing the certificate that was brought: %w", err)
	}
	c.brought = &pair
	return nil
}

// Return goes back to the box's own certificate for everybody.
func (c *Certificates) Return() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := os.Remove(c.broughtPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the certificate that was brought: %w", err)
	}
	c.brought = nil
	return durable.SyncDir(c.dir)
}

// Brought is the certificate that was brought, if one was.
func (c *Certificates) Brought() (Brought, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.brought == nil {
		return Brought{}, false
	}
	leaf := c.brought.Leaf
	signed := bytes.Equal(leaf.RawIssuer, leaf.RawSubject)
	return Brought{Names: namesOf(leaf), By: issuerOf(leaf), Ends: leaf.NotAfter, Signed: signed, Lonely: !signed && len(c.brought.Certificate) == 1}, true
}

// openBrought loads the certificate that was brought. One that is not there, or
// cannot be read any more, is none: pages with the box's own are better than a
// hotline that does not start.
func (c *Certificates) openBrought() {
	text, err := os.ReadFile(c.broughtPath())
	if err != nil {
		return
	}
	if pair, err := readPair([][]byte{text}, ""); err == nil {
		c.brought = &pair
	}
}

// readPair finds the key in the files, the certificate that belongs to it, and
// those that vouch for that, in the order in which browsers want them.
func readPair(files [][]byte, passphrase string) (tls.Certificate, error) {
	var found pile
	given := 0
	for _, file := range files {
		if len(bytes.TrimSpace(file)) == 0 {
			continue
		}
		given++
		if err := found.add(file, passphrase); err != nil {
			return tls.Certificate{}, err
		}
	}
	switch {
	case given == 0:
		return tls.Certificate{}, CertificateRefusal{Code: "none"}
	case len(found.certs) == 0:
		return tls.Certificate{}, CertificateRefusal{Code: "no_certificate"}
	case found.key == nil:
		return tls.Certificate{}, CertificateRefusal{Code: "no_key"}
	}
	i := slices.IndexFunc(found.certs, func(cert *x509.Certificate) bool {
		public, ok := found.key.Public().(interface{ Equal(crypto.PublicKey) bool })
		return ok && public.Equal(cert.PublicKey)
	})
	if i < 0 {
		return tls.Certificate{}, CertificateRefusal{Code: "other_key"}
	}
	leaf := found.certs[i]
	pair := tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: found.key, Leaf: leaf}
	// Everyone is vouched for by the next; who vouches for themselves is known
	// to browsers or not, and is not sent (RFC 8446 §4.4.2).
	for last := leaf; len(pair.Certificate) <= len(found.certs); {
		next := slices.IndexFunc(found.certs, func(cert *x509.Certificate) bool {
			return !bytes.Equal(cert.RawIssuer, cert.RawSubject) && last.CheckSignatureFrom(cert) == nil
		})
		if next < 0 || bytes.Equal(last.RawIssuer, last.RawSubject) {
			break
		}
		last = found.certs[next]
		pair.Certificate = append(pair.Certificate, last.Raw)
	}
	return pair, nil
}

// pile is what was found in the files.
type pile struct {
	certs []*x509.Certificate
	key   crypto.Signer
}

func (p *pile) add(file []byte, passphrase string) error {
	if bytes.Contains(file, []byte("-----BEGIN ")) {
		return p.addPEM(file)
	}
	if certs, err := x509.ParseCertificates(file); err == nil {
		p.certs = append(p.certs, certs...)
		return nil
	}
	if key, err := parseKey(file); err == nil {
		p.key = key
		return nil
	}
	key, leaf, chain, err := pkcs12.DecodeChain(file, passphrase)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return CertificateRefusal{Code: "passphrase"}
	case err != nil:
		return CertificateRefusal{Code: "no_certificate"}
	}
	if signer, ok := key.(crypto.Signer); ok {
		p.key = signer
	}
	p.certs = append(append(p.certs, leaf), chain...)
	return nil
}

func (p *pile) addPEM(text []byte) error {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "CERTIFICATE":
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return CertificateRefusal{Code: "no_certificate"}
			}
			p.certs = append(p.certs, cert)
		case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
			return CertificateRefusal{Code: "locked"}
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			key, err := parseKey(block.Bytes)
			if err != nil {
				return CertificateRefusal{Code: "no_key"}
			}
			p.key = key
		}
	}
	return nil
}

// parseKey reads a key in any of the forms that there are.
func parseKey(der []byte) (crypto.Signer, error) {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
		return nil, errors.New("this key cannot sign")
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	return x509.ParsePKCS1PrivateKey(der)
}

// suits checks what browsers would find wrong, and whether anybody comes by a
// name of it.
func (c *Certificates) suits(leaf *x509.Certificate, reached []string, now time.Time) error {
	switch {
	case now.Before(leaf.NotBefore):
		return CertificateRefusal{Code: "early", Values: []string{"date", leaf.NotBefore.Local().Format(time.DateOnly)}}
	case now.After(leaf.NotAfter):
		return CertificateRefusal{Code: "over", Values: []string{"date", leaf.NotAfter.Local().Format(time.DateOnly)}}
	case weak(leaf.PublicKey):
		return CertificateRefusal{Code: "weak"}
	case slices.Contains([]x509.SignatureAlgorithm{x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1}, leaf.SignatureAlgorithm):
		return CertificateRefusal{Code: "old"}
	case len(leaf.ExtKeyUsage) > 0 && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny):
		return CertificateRefusal{Code: "use"}
	}
	for _, name := range reached {
		if leaf.VerifyHostname(name) == nil {
			return nil
		}
	}
	return CertificateRefusal{Code: "names", Values: []string{"names", strings.Join(namesOf(leaf), ", ")}}
}

// weak says whether browsers refuse a key for its kind or size.
func weak(key any) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() < 2048
	case *ecdsa.PublicKey:
		return key.Curve.Params().BitSize < 256
	}
	return true // Ed25519 and others: no browser takes them
}

// namesOf are those that a certificate covers, as browsers read them: the
// subject does not count.
func namesOf(leaf *x509.Certificate) []string {
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return []string{"–"}
	}
	return names
}

// issuerOf is the name of who has signed a certificate.
func issuerOf(leaf *x509.Certificate) string {
	for _, name := range append([]string{leaf.Issuer.CommonName}, leaf.Issuer.Organization...) {
		if name != "" {
			return name
		}
	}
	return leaf.Issuer.String()
}
