package trunk

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"hotline/appliance/call"
)

// LineKind is how a line proves who we are.
type LineKind string

// The kinds of lines.
const (
	Static   LineKind = "static"   // a PBX or gateway beside us, no proof
	ByIP     LineKind = "ip"       // a carrier that knows our address
	Register LineKind = "register" // an account: we register and answer challenges
)

// Line is one way to the telephone network.
type Line struct {
	Name    string
	Kind    LineKind
	Servers []string // host, host:port; tried in this order. A name without port is looked up as SRV first (RFC 3263)

	User     string // the account; also of a ByIP or Static line that challenges
	AuthUser string // User when empty
	Password string
	Realm    string // when set, no other one is answered
	Domain   string // in From and To; the first server's host when empty

	From        call.Number    // caller ID of calls without one
	Plus        string         // what stands for the + of a number: "00", "9011"; "-" for nothing; "+" when empty
	Transport   string         // OverUDP when empty, OverTCP or OverTLS
	Encrypt     bool           // the sound of calls out is encrypted (SDES, RFC 4568) or there is no call
	Authorities *x509.CertPool // who vouches for the server's certificate; the system's when nil

	Accepts []netip.Prefix // calls are let in from there as well, besides the servers

	MaxCalls int           // both directions together; 0 is no limit. A tenth, five at most, is kept for those who must get through
	Expires  time.Duration // of a registration; ten minutes when 0
	Probe    time.Duration // between health checks; 30 s when 0, none when negative
}

// LogValue keeps the password out of logs.
func (l Line) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", l.Name), slog.String("kind", string(l.Kind)))
}

// LineState is how a line is.
type LineState struct {
	Name            string
	Kind            LineKind
	Up              bool
	Checked         bool      // false until the first check has an outcome; Up is a guess
	Reason          string    // a sentence for the health page
	Since           time.Time // of Up and Reason
	RegisteredUntil time.Time // zero when not registered
	Server          string    // the one that answered last
	Calls           int       // now, in both directions
	Limit           int       // of Calls; 0 is none

	Lets    []netip.Addr   // the addresses of its servers, as they were found: calls are let in from there
	Accepts []netip.Prefix // and from there
	CallIn  time.Time      // when the last call came over it; zero when none did
}

// Resolver finds servers by name; *net.Resolver is one.
type Resolver interface {
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// line is a Line in use.
type line struct {
	cfg     Line
	servers []server

	books *channels // of both directions
	stop  context.CancelFunc
	gone  chan struct{} // closed when its watch has ended; both are nil before Run

	mu      sync.Mutex
	state   LineState
	found   []target
	foundAt time.Time
	avoided map[netip.AddrPort]time.Time // until when
	failure *failure                     // on purpose; nil: none

	connecting sync.Mutex    // held while a connection is opened
	lost       chan struct{} // a connection of ours has ended
	look       chan struct{} // its watch shall look now
}

// transport is how the line's messages travel, as sipgo and Via write it.
func (l *line) transport() string {
	if l.cfg.Transport == "" {
		return "UDP"
	}
	return strings.ToUpper(l.cfg.Transport)
}

// channels counts calls. A line has those of the line that it takes the place
// of.
type channels struct {
	mu    sync.Mutex
	taken int
}

type server struct {
	host string
	port uint16 // 0: look for SRV
}

const (
	defaultExpires = 10 * time.Minute
	defaultProbe   = 30 * time.Second
	defaultPort    = 5060
	securePort     = 5061
	lookupFresh    = time.Minute
	avoidFor       = 30 * time.Second
	longestPause   = 5 * time.Minute
	statusLineFull = 0 // no SIP message was sent
)

func newLine(cfg Line) (*line, error) {
	for _, text := range append([]string{cfg.Name, cfg.User, cfg.AuthUser, cfg.Realm, cfg.Domain, string(cfg.From), cfg.Plus}, cfg.Servers...) {
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || strings.ContainsRune("<>\"", r) }) {
			return nil, errors.New("its settings contain a control character, quote or bracket")
		}
	}
	switch {
	case cfg.Name == "":
		return nil, errors.New("it has no name")
	case cfg.Kind != Static && cfg.Kind != ByIP && cfg.Kind != Register:
		return nil, fmt.Errorf("its kind is %q; it must be static, ip or register", cfg.Kind)
	case len(cfg.Servers) == 0:
		return nil, errors.New("it has no server")
	case cfg.Kind == Register && (cfg.User == "" || cfg.Password == ""):
		return nil, errors.New("it registers, so it needs a user and a password")
	}
	switch cfg.Transport {
	case "", OverUDP, OverTCP, OverTLS:
	default:
		return nil, fmt.Errorf("its transport is %q; it must be udp, tcp or tls", cfg.Transport)
	}
	l := &line{cfg: cfg, books: new(channels), lost: make(chan struct{}, 1), look: make(chan struct{}, 1), avoided: make(map[netip.AddrPort]time.Time),
		state: LineState{Name: cfg.Name, Kind: cfg.Kind, Up: cfg.Kind != Register, Reason: "not checked yet", Since: time.Now()}}
	for _, text := range cfg.Servers {
		s, err := parseServer(text, l.usualPort())
		if err != nil {
			return nil, err
		}
		l.servers = append(l.servers, s)
	}
	if l.cfg.AuthUser == "" {
		l.cfg.AuthUser = cfg.User
	}
	if l.cfg.Domain == "" {
		l.cfg.Domain = l.servers[0].host
	}
	if l.cfg.Expires <= 0 {
		l.cfg.Expires = defaultExpires
	}
	if l.cfg.Probe == 0 {
		l.cfg.Probe = defaultProbe
	}
	return l, nil
}

// parseServer reads "host", "host:port", "[2001:db8::1]:port" or a bare address.
func parseServer(text string, usual uint16) (server, error) {
	if ip, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return server{host: ip.String(), port: usual}, nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = text, "0"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" || strings.ContainsAny(host, " ;@/") || strings.HasPrefix(text, ":") {
		return server{}, fmt.Errorf("its server %q is not a host or host:port", text)
	}
	return server{host: host, port: uint16(n)}, nil
}

// chosen gives the lines named, or all.
func (t *Trunk) chosen(names []string) ([]*line, error) {
	all := t.inUse()
	var lines []*line
	if len(names) == 0 {
		lines = all
	}
	for _, name := range names {
		l := named(all, name)
		if l == nil {
			return nil, fmt.Errorf("there is no line %q; check the settings", name)
		}
		lines = append(lines, l)
	}
	// A line that is down is tried last: its state may be old, and it may be
	// all there is.
	slices.SortStableFunc(lines, func(a, b *line) int { return a.rank() - b.rank() })
	return lines, nil
}

func (l *line) rank() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.Up {
		return 0
	}
	return 1
}

// Lines is the state of each line.
func (t *Trunk) Lines() []LineState {
	var states []LineState
	for _, l := range t.inUse() {
		l.books.mu.Lock()
		calls := l.books.taken
		l.books.mu.Unlock()
		l.mu.Lock()
		s := l.state
		for _, f := range l.found {
			if !slices.Contains(s.Lets, f.addr.Addr()) {
				s.Lets = append(s.Lets, f.addr.Addr())
			}
		}
		l.mu.Unlock()
		s.Calls, s.Limit, s.Accepts = calls, l.cfg.MaxCalls, slices.Clone(l.cfg.Accepts)
		states = append(states, s)
	}
	return states
}

// mostReserved is how many channels of a line are kept at most for supervisors
// and for handing over people in danger.
const mostReserved = 5

// enter takes a channel of the line, false when there is none. No line, no
// limit.
func (l *line) enter(urgent bool) bool {
	if l == nil {
		return true
	}
	l.books.mu.Lock()
	defer l.books.mu.Unlock()
	limit := l.cfg.MaxCalls
	if limit > 0 && !urgent {
		limit -= min(mostReserved, limit/10)
	}
	if limit > 0 && l.books.taken >= limit {
		return false
	}
	l.books.taken++
	return true
}

func (l *line) left() {
	if l == nil {
		return
	}
	l.books.mu.Lock()
	l.books.taken--
	l.books.mu.Unlock()
}

// targets are the addresses of a line's servers, those that failed lately last.
func (t *Trunk) targets(ctx context.Context, l *line) ([]target, error) {
	l.mu.Lock()
	found, fresh := l.found, time.Since(l.foundAt) < lookupFresh
	l.mu.Unlock()
	if !fresh {
		looked, err := t.lookUp(ctx, l)
		switch {
		case len(looked) > 0:
			found = looked
			l.mu.Lock()
			l.found, l.foundAt = looked, time.Now()
			l.mu.Unlock()
			t.letIn()
		case len(found) == 0: // otherwise what was found before is better than nothing
			return nil, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(l.avoided, func(_ netip.AddrPort, until time.Time) bool { return now.After(until) })
	ordered := slices.Clone(found)
	slices.SortStableFunc(ordered, func(a, b target) int { return l.penalty(a) - l.penalty(b) })
	return ordered, nil
}

func (l *line) penalty(t target) int {
	if _, avoided := l.avoided[t.addr]; avoided {
		return 1
	}
	return 0
}

// avoid puts a server last for a while.
func (l *line) avoid(t target, pause time.Duration) {
	if l == nil || !t.addr.IsValid() {
		return
	}
	if pause <= 0 {
		pause = avoidFor
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.avoided[t.addr] = time.Now().Add(pause)
}

// usualPort is the one of a server that names none.
func (l *line) usualPort() uint16 {
	if l.transport() == "TLS" {
		return securePort
	}
	return defaultPort
}

// lookUp is RFC 3263 for one transport: SRV when there is no port, the port
// that the record names, otherwise the usual one.
func (t *Trunk) lookUp(ctx context.Context, l *line) ([]target, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	var found []target
	var last error
	add := func(s server, host string, port uint16) {
		ips := []netip.Addr{}
		if ip, err := netip.ParseAddr(host); err == nil {
			ips = append(ips, ip)
		} else if ips, err = t.cfg.Resolver.LookupNetIP(ctx, "ip", host); err != nil {
			last = fmt.Errorf("looking up %s: %w", host, err)
			return
		}
		for _, ip := range ips {
			if ip = ip.Unmap(); ip.Is4() == t.contact.Addr().Is4() {
				found = append(found, target{addr: netip.AddrPortFrom(ip, port), host: s.host, name: host, transport: l.transport()})
			}
		}
	}
	service, proto := "sip", "udp"
	switch l.transport() {
	case "TCP":
		proto = "tcp"
	case "TLS":
		service, proto = "sips", "tcp"
	}
	for _, s := range l.servers {
		if s.port != 0 {
			add(s, s.host, s.port)
			continue
		}
		_, records, err := t.cfg.Resolver.LookupSRV(ctx, service, proto, s.host) // sorted by priority and weight
		if err != nil || len(records) == 0 {
			add(s, s.host, l.usualPort())
			continue
		}
		for _, record := range records {
			if record.Target != "." {
				add(s, strings.TrimSuffix(record.Target, "."), record.Port)
			}
		}
	}
	if len(found) == 0 && last == nil {
		last = errors.New("its server has no address of the kind that the SIP socket uses (IPv4 or IPv6)")
	}
	return found, last
}

// route is how a call to a number goes over the line.
func (l *line) route(to target, number call.Number, o *Outgoing) route {
	own := o.From
	if own == "" {
		own = l.cfg.From
	}
	r := route{line: l, target: to, transport: l.transport(), encrypt: l.cfg.Encrypt, own: own, name: quotable(o.Display), to: string(number)}
	r.uri = sip.Uri{Scheme: "sip", User: l.dialled(number), Host: uriHost(l.cfg.Domain)}
	r.from = sip.Uri{Scheme: "sip", User: l.dialled(own), Host: uriHost(l.cfg.Domain)}
	if own == "" {
		r.from.User = "anonymous"
	}
	if l.cfg.Kind == Register {
		// The account must be in From; the number to show goes beside it (RFC 3325 §9.2).
		r.from.User = l.cfg.User
		if own != "" {
			preferred := sip.Uri{Scheme: "sip", User: l.dialled(own), Host: uriHost(l.cfg.Domain)}
			r.extra = append(r.extra, sip.NewHeader("P-Preferred-Identity", "<"+preferred.String()+">"))
		}
	}
	return r
}

// dialled writes a number as the line wants it.
func (l *line) dialled(n call.Number) string {
	rest, international := strings.CutPrefix(string(n), "+")
	if !international {
		return rest
	}
	switch l.cfg.Plus {
	case "", "+":
		return string(n)
	case "-":
		return rest
	}
	return l.cfg.Plus + rest
}

// quotable is a display name that ends no quoted string.
func quotable(name string) string {
	return clean(strings.NewReplacer(`"`, "", `\`, "").Replace(name))
}
