// Package egress is the one door through which the box asks other machines over
// HTTP of its own accord: steps of flows, webhooks, authorities that give
// certificates, and the name servers for those. Whoever may name an address
// must not reach into the network of the box with it, so the address that is
// really connected to is looked at, after every name was resolved: a name that
// leads elsewhere a moment later (DNS rebinding) gains nothing. It does not know
// what is sent.
package egress

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// mostHeader bounds the head of an answer.
const mostHeader = 16 << 10

// ErrPrivate says that an address is not one of the open internet.
var ErrPrivate = errors.New("this is an address of a private network, which may not be asked")

// Guard decides which machines may be connected to: those of the open internet,
// and those in Allowed, which somebody has chosen by hand.
type Guard struct {
	Allowed []netip.Prefix
	Only    bool           // no others than those in Allowed
	Keep    bool           // connections for the next question: whoever asks closes them at the end
	Roots   *x509.CertPool // that are believed; nil: those that the system believes
}

// Dialer connects under the guard.
func (g Guard) Dialer(patience time.Duration) *net.Dialer {
	return &net.Dialer{Timeout: patience, Control: g.control}
}

// Client asks other machines under the guard, and waits as long as patience for
// an answer. It follows to no other address and uses no proxy.
func (g Guard) Client(patience time.Duration) *http.Client {
	dialer := g.Dialer(patience / 2)
	var believed *tls.Config
	if g.Roots != nil {
		believed = &tls.Config{RootCAs: g.Roots, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{
		Timeout: patience,
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: believed, DisableKeepAlives: !g.Keep, MaxResponseHeaderBytes: mostHeader,
			TLSHandshakeTimeout: patience, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: g.Keep},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// control looks at the address that is about to be connected to.
func (g Guard) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	return g.Check(at.Addr())
}

// Check reports why an address may not be connected to.
func (g Guard) Check(ip netip.Addr) error {
	ip = ip.Unmap().WithZone("")
	allowed := slices.ContainsFunc(g.Allowed, func(p netip.Prefix) bool { return p.Contains(ip) })
	switch {
	case nobody(ip):
		return ErrPrivate
	case allowed:
		return nil
	case g.Only:
		return errors.New("this address is not in the network that was chosen")
	case !open(ip) || own(ip):
		return ErrPrivate
	}
	return nil
}

// nobody reports addresses that are never one machine's.
func nobody(ip netip.Addr) bool { return !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() }

// open reports an address of the open internet, also where another address is
// inside of it.
func open(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || slices.ContainsFunc(special(), func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return false
	}
	inner, there := inside(ip)
	return !there || open(inner) && !own(inner)
}

// inside is the IPv4 address that an IPv6 address leads to: by NAT64 (RFC 6052)
// or 6to4 (RFC 3056).
func inside(ip netip.Addr) (netip.Addr, bool) {
	if !ip.Is6() {
		return ip, false
	}
	b := ip.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:])), true
	case netip.MustParsePrefix("2002::/16").Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return ip, false
}

// special are the networks of the registries of special addresses (RFC 6890)
// that net/netip does not know by name.
func special() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),       // this network
		netip.MustParsePrefix("100.64.0.0/10"),   // providers behind one address (RFC 6598)
		netip.MustParsePrefix("192.0.0.0/24"),    // protocols
		netip.MustParsePrefix("192.0.2.0/24"),    // examples
		netip.MustParsePrefix("198.18.0.0/15"),   // measurements
		netip.MustParsePrefix("198.51.100.0/24"), // examples
		netip.MustParsePrefix("203.0.113.0/24"),  // examples
		netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and all of a network
		netip.MustParsePrefix("::/96"),           // IPv4 inside, of old
		netip.MustParsePrefix("64:ff9b:1::/48"),  // NAT64 of one's own (RFC 8215)
		netip.MustParsePrefix("100::/64"),        // nowhere
		netip.MustParsePrefix("2001::/23"),       // protocols, Teredo among them
		netip.MustParsePrefix("2001:db8::/32"),   // examples
		netip.MustParsePrefix("3fff::/20"),       // examples
		netip.MustParsePrefix("5f00::/16"),       // segment routing
		netip.MustParsePrefix("fec0::/10"),       // sites, of old
	}
}

// own reports an address of this machine: a box on the open internet must not be
// asked by itself either.
func own(ip netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false // then it has none
	}
	return slices.ContainsFunc(addrs, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap() == ip
	})
}

// ParseNetwork reads a network of one's own that may be asked although it is
// private: "192.168.1.0/24", or one address. It must be private as a whole:
// what is open needs no leave.
func ParseNetwork(text string) (netip.Prefix, error) {
	text = strings.TrimSpace(text)
	p, err := netip.ParsePrefix(text)
	if err != nil {
		ip, wrong := netip.ParseAddr(text)
		if wrong != nil || ip.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%q is no network: write it like 192.168.1.0/24", text)
		}
		p = netip.PrefixFrom(ip, ip.BitLen())
	}
	for _, wide := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10", "fc00::/7", "fe80::/10", "::1/128"} {
		if w := netip.MustParsePrefix(wide); w.Contains(p.Addr()) && p.Bits() >= w.Bits() {
			return p.Masked(), nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("%s is not a private network as a whole: write it like 192.168.1.0/24", p)
}
