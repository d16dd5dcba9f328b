package acme

import (
	"crypto/x509"
	"encoding/base64"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"hotline/appliance/egress"
)

// LetsEncrypt is the directory that is asked when no other one is chosen.
const LetsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

// Way is how the record is set that the authority looks for.
type Way string

// Ways.
const (
	Update     Way = "update" // dynamic updates (RFC 2136), signed with a key (RFC 8945)
	DeSEC      Way = "desec"
	Cloudflare Way = "cloudflare"
)

// Ways are all of them, for the form.
func Ways() []Way { return []Way{Update, DeSEC, Cloudflare} }

// Algorithms are those of keys for updates, the usual one first.
func Algorithms() []string { return []string{"hmac-sha256", "hmac-sha384", "hmac-sha512"} }

// Settings are for which names a certificate is got, from whom, and how.
type Settings struct {
	Names     []string `json:"names"`
	Email     string   `json:"email,omitempty"`
	Directory string   `json:"directory,omitempty"` // address; none: Let's Encrypt
	Roots     string   `json:"roots,omitempty"`     // PEM: by whom the directory's own certificate is vouched for
	Way       Way      `json:"way"`
	Server    string   `json:"server,omitempty"` // that takes updates, as host:port
	Key       string   `json:"key,omitempty"`    // name of the key of updates
	Algorithm string   `json:"algorithm,omitempty"`
	Secret    string   `json:"secret,omitempty"`  // of the key, in base64, or the token; never told again
	Network   string   `json:"network,omitempty"` // of one's own, in which directory and server may be
	Agreed    bool     `json:"agreed"`            // to the terms of the authority

	Changed time.Time `json:"changed,omitzero"`
	Held    bool      `json:"held,omitempty"` // a first certificate waits until somebody asks for it
}

// Mistake is why settings are refused: the name of a text of the pages.
type Mistake string

func (m Mistake) Error() string { return "the settings for a certificate were refused: " + string(m) }

// Mistakes.
const (
	WrongNames     = Mistake("names")
	WrongEmail     = Mistake("email")
	WrongDirectory = Mistake("directory")
	WrongRoots     = Mistake("roots")
	WrongWay       = Mistake("way")
	WrongServer    = Mistake("server")
	WrongKey       = Mistake("key")
	WrongSecret    = Mistake("secret")
	WrongNetwork   = Mistake("network")
	NotAgreed      = Mistake("agreed")
)

// Mistakes are all of them, for texts.
func Mistakes() []Mistake {
	return []Mistake{WrongNames, WrongEmail, WrongDirectory, WrongRoots, WrongWay, WrongServer, WrongKey, WrongSecret, WrongNetwork, NotAgreed}
}

const mostNames = 10

var (
	nameForm  = regexp.MustCompile(`^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	keyForm   = regexp.MustCompile(`^[a-z0-9_]([a-z0-9._-]{0,200}[a-z0-9_])?\.?$`)
	tokenForm = regexp.MustCompile(`^[!-~]{8,500}$`)
)

// tidy brings what was typed into one form.
func (s *Settings) tidy() {
	var names []string
	for _, name := range s.Names {
		name = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(name)), ".")
		if ascii, err := idna.Lookup.ToASCII(strings.TrimPrefix(name, "*.")); err == nil { // names in other scripts (RFC 5891)
			name = name[:len(name)-len(strings.TrimPrefix(name, "*."))] + ascii
		}
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	s.Names = names
	for _, text := range []*string{&s.Email, &s.Directory, &s.Roots, &s.Server, &s.Key, &s.Secret, &s.Network} {
		*text = strings.TrimSpace(*text)
	}
	s.Key = strings.ToLower(s.Key)
	if s.Directory == LetsEncrypt {
		s.Directory = ""
	}
	if s.Directory == "" {
		s.Roots = ""
	}
	if s.Way != Update {
		s.Server, s.Key, s.Algorithm = "", "", ""
		return
	}
	if s.Algorithm == "" {
		s.Algorithm = Algorithms()[0]
	}
	if _, _, err := net.SplitHostPort(s.Server); err != nil && s.Server != "" {
		s.Server = net.JoinHostPort(strings.Trim(s.Server, "[]"), "53")
	}
}

func (s Settings) check() error {
	if len(s.Names) == 0 || len(s.Names) > mostNames || slices.ContainsFunc(s.Names, func(n string) bool { return len(n) > 230 || !nameForm.MatchString(n) || local(n) }) {
		return WrongNames
	}
	if s.Email != "" {
		if a, err := mail.ParseAddress(s.Email); err != nil || a.Address != s.Email {
			return WrongEmail
		}
	}
	guard, err := s.guard()
	if err != nil {
		return err
	}
	if s.Directory != "" {
		u, err := url.Parse(s.Directory)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || len(s.Directory) > 500 {
			return WrongDirectory
		}
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil && guard.Check(ip) != nil {
			return WrongNetwork
		}
	}
	switch s.Way {
	case Update:
		host, _, err := net.SplitHostPort(s.Server)
		if err != nil || host == "" || len(s.Server) > 260 || strings.ContainsAny(host, "/@ ") {
			return WrongServer
		}
		if ip, err := netip.ParseAddr(host); err == nil && guard.Check(ip) != nil {
			return WrongNetwork
		}
		if !keyForm.MatchString(s.Key) || !slices.Contains(Algorithms(), s.Algorithm) {
			return WrongKey
		}
		if raw, err := base64.StdEncoding.DecodeString(s.Secret); err != nil || len(raw) == 0 {
			return WrongSecret
		}
	case DeSEC, Cloudflare:
		if !tokenForm.MatchString(s.Secret) {
			return WrongSecret
		}
	default:
		return WrongWay
	}
	if !s.Agreed {
		return NotAgreed
	}
	return nil
}

// local reports names that no authority vouches for.
func local(name string) bool {
	return slices.ContainsFunc([]string{".local", ".localhost", ".internal", ".lan", ".home.arpa"}, func(end string) bool { return strings.HasSuffix(name, end) })
}

// guard is which machines may be asked. An administrator chooses the authority
// and the name server, and a government may have both in its own network; so
// that network is said by hand, as for webhooks. Without that a name that
// somebody else controls could lead into the network of the box.
func (s Settings) guard() (egress.Guard, error) {
	guard := egress.Guard{Keep: true}
	if s.Network != "" {
		p, err := egress.ParseNetwork(s.Network)
		if err != nil {
			return guard, WrongNetwork
		}
		guard.Allowed = []netip.Prefix{p}
	}
	if s.Roots != "" {
		guard.Roots = x509.NewCertPool()
		if !guard.Roots.AppendCertsFromPEM([]byte(s.Roots)) {
			return guard, WrongRoots
		}
	}
	return guard, nil
}

// directory is the address of the authority.
func (s Settings) directory() string {
	if s.Directory == "" {
		return LetsEncrypt
	}
	return s.Directory
}

// host is the machine of the authority.
func (s Settings) host() string {
	u, err := url.Parse(s.directory())
	if err != nil {
		return s.directory()
	}
	return u.Host
}

// record is the name of the record that proves a name (RFC 8555 §8.4).
func record(name string) string { return "_acme-challenge." + strings.TrimPrefix(name, "*.") + "." }
