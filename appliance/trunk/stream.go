package trunk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Limits on SIP over TCP and TLS, where a stranger can hold on to something of
// ours by doing nothing.
const (
	maxStreams        = 1024            // connections in all
	maxStreamsPerHost = 64              // and from one address
	messageDeadline   = 5 * time.Second // for a message to arrive whole, the first with its TLS handshake
	idleLimit         = 2 * time.Minute // between messages, unless a call uses the connection
	writeLimit        = 5 * time.Second // for a far end that does not read
	maxMessage        = 60_000          // bytes, below what the library takes
	acceptPause       = 50 * time.Millisecond
)

// gatekeeper is a listener that lets in peers only, and only so many. What it
// hands on are streams: connections that read whole messages.
type gatekeeper struct {
	net.Listener
	wire    *wire // knows who is welcome and counts who is not
	streams *streams
	first   time.Duration // messageDeadline
	idle    time.Duration // idleLimit
}

// streams are the connections that are open, by their far end.
type streams struct {
	mu     sync.Mutex
	open   map[string]*stream
	byHost map[netip.Addr]int
}

// Accept implements net.Listener. A passing failure (too many open files) does
// not end it.
func (g *gatekeeper) Accept() (net.Conn, error) {
	failures := 0
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			failures++
			if errors.Is(err, net.ErrClosed) || failures == maxReadErrors {
				return nil, err
			}
			time.Sleep(acceptPause)
			continue
		}
		failures = 0
		from := streamAddr(conn.RemoteAddr())
		s := &stream{Conn: conn, gate: g, from: from, opened: time.Now()}
		if !g.wire.welcome(from.Addr()) || !g.streams.add(s) {
			g.wire.dropped.Add(1)
			_ = conn.Close()
			continue
		}
		return s, nil
	}
}

func streamAddr(a net.Addr) netip.AddrPort {
	ap, _ := netip.ParseAddrPort(a.String())
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

func (all *streams) add(s *stream) bool {
	all.mu.Lock()
	defer all.mu.Unlock()
	if len(all.open) >= maxStreams || all.byHost[s.from.Addr()] >= maxStreamsPerHost {
		return false
	}
	if all.open == nil {
		all.open, all.byHost = make(map[string]*stream), make(map[netip.Addr]int)
	}
	all.open[s.RemoteAddr().String()] = s
	all.byHost[s.from.Addr()]++
	return true
}

func (all *streams) remove(s *stream) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.open[s.RemoteAddr().String()] != s {
		return
	}
	delete(all.open, s.RemoteAddr().String())
	if all.byHost[s.from.Addr()]--; all.byHost[s.from.Addr()] == 0 {
		delete(all.byHost, s.from.Addr())
	}
}

// find is the open connection from an address, nil when there is none.
func (all *streams) find(source string) *stream {
	all.mu.Lock()
	defer all.mu.Unlock()
	return all.open[source]
}

// of are the connections of such addresses.
func (all *streams) of(such func(netip.Addr) bool) []*stream {
	all.mu.Lock()
	defer all.mu.Unlock()
	var out []*stream
	for _, s := range all.open {
		if such(s.from.Addr()) {
			out = append(out, s)
		}
	}
	return out
}

func (all *streams) count() int {
	all.mu.Lock()
	defer all.mu.Unlock()
	return len(all.open)
}

// stream is a connection that hands on whole messages only, each inspected as
// a datagram would be.
type stream struct {
	net.Conn
	gate   *gatekeeper
	from   netip.AddrPort
	opened time.Time
	calls  atomic.Int32 // that use it; those may be silent for hours
	closed sync.Once

	buf   []byte    // read, not yet a whole message
	since time.Time // when the message in buf began
	ready []byte    // whole, not yet handed on
	heard bool      // a whole message has come

	ours bool            // we opened it
	read chan struct{}   // closed when sipgo reads from one of ours for the first time
	once sync.Once       // of that
	lost chan<- struct{} // told when one of ours has ended
}

// Read implements net.Conn. Only sipgo's one reader calls it.
func (s *stream) Read(p []byte) (int, error) {
	if s.ours {
		s.once.Do(func() { close(s.read) })
	}
	for len(s.ready) == 0 {
		whole, err := s.message()
		if err != nil {
			s.gate.wire.dropped.Add(1)
			return 0, io.EOF
		}
		if whole != nil {
			s.ready, s.heard = whole, true
			break
		}
		if err := s.fill(); err != nil {
			return 0, io.EOF // who goes, and why, is of no interest
		}
	}
	n := copy(p, s.ready)
	s.ready = s.ready[n:]
	return n, nil
}

// fill reads more, within the limits of time.
func (s *stream) fill() error {
	for {
		deadline := time.Now().Add(s.gate.idle)
		switch {
		case len(s.buf) > 0:
			deadline = s.since.Add(s.gate.first)
		case !s.heard:
			deadline = s.opened.Add(s.gate.first)
		}
		if err := s.SetReadDeadline(deadline); err != nil {
			return err
		}
		var piece [4096]byte
		n, err := s.Conn.Read(piece[:])
		if n > 0 {
			if len(s.buf) == 0 {
				s.since = time.Now()
			}
			s.buf = append(s.buf, piece[:n]...)
			return nil
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && s.heard && len(s.buf) == 0 {
			if s.ours { // RFC 5626 §3.5.1: a router on the way must not forget it
				if _, err := s.Write([]byte("\r\n\r\n")); err == nil {
					continue
				}
			} else if s.calls.Load() > 0 {
				continue
			}
		}
		if err != nil {
			return err
		}
	}
}

var (
	errMessageSize   = errors.New("a message that is too long")
	errMessageLength = errors.New("a message that does not say where it ends")
	errImplausible   = errors.New("something that is not SIP")
)

// message takes one whole message out of buf, nil when there is none yet.
func (s *stream) message() ([]byte, error) {
	for len(s.buf) > 0 && (s.buf[0] == '\r' || s.buf[0] == '\n') { // RFC 5626 §3.5.1: a sign of life between messages
		if s.ours { // the answer to one
			s.buf = s.buf[1:]
			continue
		}
		if len(s.buf) >= 4 && string(s.buf[:4]) == "\r\n\r\n" {
			s.buf = s.buf[4:]
			if _, err := s.Write([]byte("\r\n")); err != nil {
				return nil, err
			}
			continue
		}
		if len(s.buf) < 4 && strings.HasPrefix("\r\n\r\n", string(s.buf)) {
			return nil, nil
		}
		s.buf = s.buf[1:]
	}
	end := bytes.Index(s.buf, []byte("\r\n\r\n"))
	if end < 0 {
		if len(s.buf) > maxMessage {
			return nil, errMessageSize
		}
		return nil, nil
	}
	end += 4
	length, ok := bodyLength(s.buf[:end])
	switch {
	case !ok:
		return nil, errMessageLength
	case end+length > maxMessage:
		return nil, errMessageSize
	case len(s.buf) < end+length:
		return nil, nil
	}
	whole := s.buf[:end+length]
	if !plausible(whole) {
		return nil, errImplausible
	}
	if s.buf = s.buf[end+length:]; len(s.buf) == 0 {
		s.buf = nil
	} else {
		s.since = time.Now()
	}
	return whole, nil
}

// bodyLength is the Content-Length of a header, which must be there on a
// connection (RFC 3261 §18.3), and only once.
func bodyLength(header []byte) (int, bool) {
	length, found := 0, false
	for line := range bytes.SplitSeq(header, []byte("\r\n")) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		switch strings.ToLower(string(bytes.TrimSpace(name))) {
		case "content-length", "l":
			n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 31)
			if err != nil || found {
				return 0, false
			}
			length, found = int(n), true
		}
	}
	return length, found
}

// Write implements net.Conn. A far end that does not read is cut off.
func (s *stream) Write(p []byte) (int, error) {
	if err := s.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return 0, err
	}
	n, err := s.Conn.Write(p)
	if err != nil {
		_ = s.Close()
	}
	return n, err
}

// Close implements net.Conn.
func (s *stream) Close() error {
	s.closed.Do(func() {
		s.gate.streams.remove(s)
		if s.ours {
			select {
			case s.lost <- struct{}{}:
			default: // it knows already
			}
		}
	})
	return s.Conn.Close()
}

// follow notes which connection the far end uses now; nil for none.
func (c *Call) follow(s *stream) {
	if s == c.stream {
		return
	}
	if c.stream != nil {
		c.stream.calls.Add(-1)
	}
	if c.stream = s; s != nil {
		s.calls.Add(1)
	}
}

// heardFrom follows a far end whose connection was renewed, or whose router
// gave it another port.
func (c *Call) heardFrom(r *sip.Request) {
	c.source, c.transport = r.Source(), r.Transport()
	c.follow(c.trunk.streams.find(r.Source()))
}

// via is the transport of the call.
func (c *Call) via() string {
	if c.transport == "" {
		return "UDP"
	}
	return c.transport
}

// route says how a request of ours travels: back over the connection of a far
// end that has one, and otherwise where its addresses lead.
func (c *Call) route(r *sip.Request, loose bool) {
	r.SetTransport(c.via())
	if c.via() != "UDP" {
		if c.stream != nil && c.trunk.streams.find(c.source) == c.stream {
			r.SetDestination(c.source)
		} else if len(c.routes) > 0 && !loose {
			r.SetDestination(hostPort(r.Recipient))
		}
		return
	}
	r.Laddr = c.trunk.laddr
	if c.natted && len(c.routes) == 0 {
		r.SetDestination(c.source) // a router's inside address in Contact leads nowhere
	} else if len(c.routes) > 0 && !loose {
		r.SetDestination(hostPort(r.Recipient))
	}
}

// listenStream reads from a listener until it is closed or fails.
func (t *Trunk) listenStream(network string, l net.Listener) error {
	serve := t.carrier.ServeTCP
	if network == "TLS" {
		serve = t.carrier.ServeTLS
	}
	if err := serve(l); !t.wire.stopped.Load() {
		return fmt.Errorf("listening with %s: %w", network, err)
	}
	return nil
}
