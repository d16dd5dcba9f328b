package trunk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

// wire stands between the socket and sipgo's reader, for what sipgo leaves
// open:
//
//  1. Datagrams from an address that is no peer, or that cannot be SIP, are
//     dropped before sipgo's reader sees them: it remembers every source
//     address for as long as it reads.
//  2. CR, LF or NUL inside a header never gets in, so that nothing we repeat
//     from a request can be read as a second header.
//  3. A passing read error (an ICMP port unreachable, a full buffer) does not
//     end the reader, which stops for good at the first one.
//  4. After maxSources addresses another reader takes over on the same socket
//     and the old one, told that the socket is closed, forgets them.
type wire struct {
	net.PacketConn
	self    netip.Addr
	peers   []netip.Prefix
	phones  []netip.Prefix
	dropped atomic.Uint64

	reading chan struct{} // closed when the library knows the socket
	once    sync.Once
	guests  atomic.Pointer[guests] // of our own lines

	stopped atomic.Bool
	ended   chan struct{}         // closed by stop
	fault   atomic.Pointer[error] // why the socket can be read no more
}

// reader is one of sipgo's readers of the wire, and the addresses that it has
// seen. Only one reads at a time.
type reader struct {
	*wire
	sources map[netip.AddrPort]struct{}
	full    chan struct{} // closed when the next one shall read
}

// lingering is how long a reader that was relieved keeps its addresses: an
// answer to what it read last must find them.
const lingering = 2 * time.Second

func (w *wire) reader() *reader {
	return &reader{wire: w, sources: make(map[netip.AddrPort]struct{}), full: make(chan struct{})}
}

const (
	maxSources    = 10_000
	maxReadErrors = 100
)

// ReadFrom implements net.PacketConn.
func (w *reader) ReadFrom(p []byte) (int, net.Addr, error) {
	if len(w.sources) > maxSources {
		close(w.full)
		linger := time.NewTimer(lingering)
		defer linger.Stop()
		select {
		case <-linger.C:
		case <-w.ended:
		}
		return 0, nil, net.ErrClosed
	}
	w.once.Do(func() { close(w.reading) })
	failures := 0
	for {
		n, from, err := w.PacketConn.ReadFrom(p)
		if w.stopped.Load() {
			return 0, nil, net.ErrClosed
		}
		if err != nil {
			failures++
			if errors.Is(err, net.ErrClosed) || failures == maxReadErrors {
				w.fault.Store(&err)
				return 0, nil, net.ErrClosed
			}
			time.Sleep(time.Duration(failures) * time.Millisecond)
			continue
		}
		failures = 0
		source := addrPort(from)
		if !w.welcome(source.Addr()) || !plausible(p[:n]) {
			w.dropped.Add(1)
			continue
		}
		w.sources[source] = struct{}{}
		return n, from, nil
	}
}

// Close implements net.PacketConn. The socket is Run's to close, not sipgo's.
func (w *wire) Close() error { return nil }

// stop makes the reader return. Sending goes on working.
func (w *wire) stop() {
	w.stopped.Store(true)
	close(w.ended)
	_ = w.SetReadDeadline(time.Unix(1, 0))
}

// guests are let in besides the peers.
type guests struct {
	addrs map[netip.Addr]struct{} // servers
	nets  []netip.Prefix          // whatever else of theirs calls
}

func (w *wire) welcome(source netip.Addr) bool {
	if w.always(source) {
		return true
	}
	if g := w.guests.Load(); g != nil {
		_, known := g.addrs[source]
		return known || within(g.nets, source)
	}
	return false
}

// always reports an address that is let in whatever the lines are.
func (w *wire) always(source netip.Addr) bool {
	return len(w.peers) == 0 || source == w.self || within(w.peers, source) || within(w.phones, source)
}

func within(nets []netip.Prefix, ip netip.Addr) bool {
	return slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// plausible reports whether a datagram can be a SIP message with headers that
// are safe to repeat: every CR is followed by LF, every LF follows a CR, and
// there is no NUL before the body.
func plausible(p []byte) bool {
	head, _, _ := bytes.Cut(p, []byte("\r\n\r\n"))
	first, _, _ := bytes.Cut(head, []byte("\r\n"))
	if !bytes.Contains(first, []byte("SIP/")) {
		return false
	}
	for i, c := range head {
		switch c {
		case 0:
			return false
		case '\r':
			if i+1 < len(head) && head[i+1] != '\n' {
				return false
			}
		case '\n':
			if i == 0 || head[i-1] != '\r' {
				return false
			}
		}
	}
	return true
}

func addrPort(a net.Addr) netip.AddrPort {
	if udp, ok := a.(*net.UDPAddr); ok {
		ap := udp.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	ap, _ := netip.ParseAddrPort(a.String())
	return ap
}

// quiet is the log that sipgo gets. sipgo logs whole messages and URIs, so only
// its own words and our own addresses pass, and only so many a minute: a flood
// of damaged packets must not fill the disk.
type quiet struct {
	log  *slog.Logger
	gate *gate
}

type gate struct {
	mu      sync.Mutex
	minute  time.Time
	passed  int
	dropped int
}

const quietPerMinute = 10

func (q quiet) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	dropped, pass := q.gate.allow(r.Time)
	if !pass {
		return nil
	}
	attrs := []slog.Attr{slog.String("said", r.Message)}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "laddr" || a.Key == "raddr" {
			attrs = append(attrs, a)
		}
		return true
	})
	if dropped > 0 {
		attrs = append(attrs, slog.Int("not_logged", dropped))
	}
	q.log.LogAttrs(ctx, slog.LevelWarn, "sip library", attrs...)
	return nil
}

func (q quiet) WithAttrs([]slog.Attr) slog.Handler { return q }
func (q quiet) WithGroup(string) slog.Handler      { return q }

func (g *gate) allow(now time.Time) (dropped int, pass bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.minute) >= time.Minute {
		g.minute, g.passed = now, 0
	}
	if g.passed == quietPerMinute {
		g.dropped++
		return 0, false
	}
	g.passed++
	dropped, g.dropped = g.dropped, 0
	return dropped, true
}

// prepareLibrary lets sipgo send answers larger than 1300 bytes over UDP: a
// carrier with a long Record-Route would get no answer at all otherwise
// (RFC 3261 §18.1.1 restricts requests only). The limit is a variable of the
// library, so it is set once, before any socket is served.
//
// Some of its words go to a logger of its own rather than to the one it is
// given; they are about its book-keeping and help nobody.
var prepareLibrary = sync.OnceFunc(func() {
	sip.UDPMTUSize = 65_000
	sip.SetDefaultLogger(slog.New(slog.DiscardHandler))
})

// PrepareLibrary does it early: where phones of tests speak before there is a
// trunk, which would set the variable while they read it.
func PrepareLibrary() { prepareLibrary() }

// contactAddress is the address that callers are told to send to.
func contactAddress(conn net.PacketConn, advertise netip.Addr) (netip.AddrPort, error) {
	bound := addrPort(conn.LocalAddr())
	if !bound.IsValid() {
		return netip.AddrPort{}, fmt.Errorf("the SIP socket has no address (%v): callers could not reach the hotline; listen on a UDP port", conn.LocalAddr())
	}
	if !advertise.IsValid() {
		advertise = bound.Addr()
	}
	if advertise.IsUnspecified() {
		return netip.AddrPort{}, errors.New("the SIP socket listens on every address and none is named to tell callers: they would hear nothing; set the address that the trunk reaches")
	}
	return netip.AddrPortFrom(advertise.Unmap(), bound.Port()), nil
}
