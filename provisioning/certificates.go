package provisioning

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"hotline/appliance/durable"
)

// Times of certificates. Browsers refuse leaves of more than 398 days; a root
// that people install by hand must last the life of the box.
const (
	rootLife  = 20 * 365 * 24 * time.Hour
	leafLife  = 397 * 24 * time.Hour
	leafRenew = 30 * 24 * time.Hour
	backdate  = 48 * time.Hour // a box without a battery clock may be behind its browsers
)

// Certificates are the box's own certificate authority and the certificate it
// shows to browsers. A microphone needs HTTPS, and a box without internet can
// have no public certificate: people either accept the warning once, or
// install the root.
type Certificates struct {
	dir     string
	root    *x509.Certificate
	rootKey crypto.Signer

	mu      sync.Mutex
	names   []string
	leaf    tls.Certificate
	brought *tls.Certificate // by somebody, for the pages; nil: the box's own
	got     *tls.Certificate // from an authority, for the pages; nil: none
}

// aDayPast is before any box was set up. A box without a battery clock may be
// set up in the wrong year, and its root must be valid all the same.
func aDayPast() time.Time { return time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC) }

// OpenCertificates loads the authority and certificate in dir, making what is
// missing. The certificate is made anew when it does not cover names (host
// names and IP addresses) or is near its end at now.
func OpenCertificates(dir string, names []string, now time.Time) (*Certificates, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the certificates: %w", err)
	}
	c := &Certificates{dir: dir, names: slices.Compact(slices.Sorted(slices.Values(names)))}
	if err := c.openRoot(now); err != nil {
		return nil, err
	}
	if err := c.openLeaf(now); err != nil {
		return nil, err
	}
	c.openBrought()
	return c, nil
}

// TLS is the configuration of a server with the box's own certificate. It renews the certificate when a
// browser comes and it is near its end, or when the browser came to an address
// that the machine got later: neither time nor a new network needs a restart.
func (c *Certificates) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		var at net.Addr
		if hello.Conn != nil {
			at = hello.Conn.LocalAddr()
		}
		return c.serve(at, time.Now()), nil
	}}
}

// serve returns the certificate for a browser that came to the address at. The
// name that a browser asks for is not added: anybody can ask for any name.
func (c *Certificates) serve(at net.Addr, now time.Time) *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if tcp, ok := at.(*net.TCPAddr); ok && tcp.Zone == "" && !slices.Contains(c.names, tcp.IP.String()) {
		c.names = append(c.names, tcp.IP.String())
	}
	if !c.fits(c.leaf.Leaf, now) {
		// A failure leaves the old certificate, or a new one that is only in
		// memory. Both are better than no page.
		_ = c.issue(now)
	}
	leaf := c.leaf
	return &leaf
}

// Root is the authority's certificate in PEM form, for people to install.
func (c *Certificates) Root() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.root.Raw})
}

// Fingerprint is the SHA-256 of the root, in groups that can be read aloud and
// compared.
func (c *Certificates) Fingerprint() string { return Fingerprint(c.root) }

// Fingerprint is that of any authority.
func Fingerprint(root *x509.Certificate) string {
	sum := sha256.Sum256(root.Raw)
	groups := make([]string, 0, 8)
	for i := 0; i < 16; i += 2 {
		groups = append(groups, fmt.Sprintf("%02X%02X", sum[i], sum[i+1]))
	}
	return strings.Join(groups, " ")
}

// Sign signs a text with the key of the authority: ECDSA of its SHA-256.
func (c *Certificates) Sign(text []byte) ([]byte, error) {
	sum := sha256.Sum256(text)
	return c.rootKey.Sign(rand.Reader, sum[:], crypto.SHA256)
}

// Spoken is the fingerprint in syllables: every 16 bits are a word of two that
// can be read aloud in any language. It is as long as the fingerprint.
func (c *Certificates) Spoken() string {
	const consonants, vowels = "bdfghjklmnprstvz", "aiou"
	sum := sha256.Sum256(c.root.Raw)
	words := make([]string, 0, 8)
	for i := 0; i < 16; i += 2 {
		n := uint16(sum[i])<<8 | uint16(sum[i+1])
		words = append(words, string([]byte{consonants[n>>12], vowels[n>>10&3], consonants[n>>6&15], vowels[n>>4&3], consonants[n&15]}))
	}
	return strings.Join(words, " ")
}

// Names are what the certificate covers.
func (c *Certificates) Names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.names)
}

// Cover adds a name under which the box has come to be known. The next browser
// that comes is shown a certificate with it.
func (c *Certificates) Cover(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.names, name) {
		c.names = append(c.names, name)
	}
}

// Renew makes a new certificate at once. The authority stays: whoever has
// installed that is not asked again.
func (c *Certificates) Renew(now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.issue(now)
}

// Expires is when the certificate shown to browsers ends: the one that was
// brought, for nobody renews that by itself.
func (c *Certificates) Expires() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.brought != nil {
		return c.brought.Leaf.NotAfter
	}
	return c.leaf.Leaf.NotAfter
}

// OwnExpires is when the box's own certificate ends.
func (c *Certificates) OwnExpires() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leaf.Leaf.NotAfter
}

func (c *Certificates) openRoot(now time.Time) error {
	certPath, keyPath := filepath.Join(c.dir, "root.pem"), filepath.Join(c.dir, "root.key")
	pair, err := tls.LoadX509KeyPair(certPath, keyPath)
	if err == nil {
		c.root = pair.Leaf
		c.rootKey = pair.PrivateKey.(crypto.Signer)
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the box's own certificate authority in %s cannot be read: %w. Move the folder away to make a new one; people then have to accept it again", c.dir, err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	host, _ := os.Hostname() // only a hint in the name
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: strings.TrimSpace("Hotline authority " + host)},
		NotBefore: aDayPast(), NotAfter: latest(now, aDayPast()).Add(rootLife), IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("making the box's certificate authority: %w", err)
	}
	if c.root, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	c.rootKey = key
	return writePair(certPath, keyPath, der, key)
}

func (c *Certificates) openLeaf(now time.Time) error {
	pair, err := tls.LoadX509KeyPair(c.leafPaths())
	if err == nil && c.fits(pair.Leaf, now) {
		c.leaf = pair
		return nil
	}
	return c.issue(now)
}

func (c *Certificates) leafPaths() (cert, key string) {
	return filepath.Join(c.dir, "web.pem"), filepath.Join(c.dir, "web.key")
}

// issue makes a certificate for the present names and takes it into use.
func (c *Certificates) issue(now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Hotline"},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(leafLife - backdate), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range c.names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.root, key.Public(), c.rootKey)
	if err != nil {
		return fmt.Errorf("making the certificate of the pages: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("making the certificate of the pages: %w", err)
	}
	c.leaf = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	certPath, keyPath := c.leafPaths()
	return writePair(certPath, keyPath, der, key)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// fits reports whether a certificate is ours, covers all names and lasts.
func (c *Certificates) fits(leaf *x509.Certificate, now time.Time) bool {
	if leaf.CheckSignatureFrom(c.root) != nil || now.Before(leaf.NotBefore) || now.Add(leafRenew).After(leaf.NotAfter) {
		return false
	}
	for _, name := range c.names {
		if leaf.VerifyHostname(name) != nil {
			return false
		}
	}
	return true
}

func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	return new(big.Int).SetBytes(b)
}

func writePair(certPath, keyPath string, der []byte, key *ecdsa.PrivateKey) error {
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	// The key first: a certificate without its key would look finished.
	if err := durable.WriteFile(keyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600); err != nil {
		return fmt.Errorf("writing a key: %w", err)
	}
	if err := durable.WriteFile(certPath, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return fmt.Errorf("writing a certificate: %w", err)
	}
	return nil
}

// OwnNames are the names and addresses under which this machine may be
// reached: localhost, its host name (alone and under .local) and every address
// of its interfaces.
func OwnNames() []string {
	names := []string{"localhost", "127.0.0.1", "::1", "hotline.local"}
	if host, err := os.Hostname(); err == nil && host != "" && !strings.Contains(host, "_") {
		names = append(names, host, strings.TrimSuffix(host, ".local")+".local")
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return names
	}
	for _, a := range addrs {
		if ip, _, err := net.ParseCIDR(a.String()); err == nil && !ip.IsLinkLocalUnicast() {
			names = append(names, ip.String())
		}
	}
	return names
}

// Authorities reads a file of certificates that are believed, nil for no file:
// those that the system believes.
func Authorities(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate (a text that begins with BEGIN CERTIFICATE is expected)", path)
	}
	return pool, nil
}
