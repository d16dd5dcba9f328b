package trunk

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// How messages of a line travel.
const (
	OverUDP = "udp"
	OverTCP = "tcp"
	OverTLS = "tls"
)

const (
	connectLimit = 4 * time.Second  // for the connection and its TLS handshake
	signOfLife   = 30 * time.Second // routers forget a connection that is silent for longer
)

var (
	errStopping  = errors.New("the hotline is shutting down")
	errHandshake = errors.New("setting up TLS")
)

// outward hands sipgo the connections that we open as if they had come in, so
// that one reader with one set of limits serves both.
type outward struct {
	gate *gatekeeper // without a listener: the limits
	from net.Addr
	made chan net.Conn
	done chan struct{}
	once sync.Once
}

// Accept implements net.Listener.
func (o *outward) Accept() (net.Conn, error) {
	select {
	case conn := <-o.made:
		return conn, nil
	case <-o.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (o *outward) Close() error {
	o.once.Do(func() { close(o.done) })
	return nil
}

// Addr implements net.Listener.
func (o *outward) Addr() net.Addr { return o.from }

// prepareOutward makes what the lines need to open connections, and gives what
// it has made by transport. t.mu is held.
func (t *Trunk) prepareOutward(lines []*line) map[string]*outward {
	made := make(map[string]*outward)
	for _, l := range lines {
		transport := l.transport()
		if transport == "UDP" || t.outward[transport] != nil {
			continue
		}
		gate := &gatekeeper{wire: t.wire, streams: &t.streams, first: messageDeadline, idle: signOfLife}
		if t.cfg.patience > 0 {
			gate.first, gate.idle = t.cfg.patience, t.cfg.patience
		}
		made[transport] = &outward{gate: gate, from: t.cfg.Conn.LocalAddr(), made: make(chan net.Conn), done: make(chan struct{})}
		t.outward[transport] = made[transport]
	}
	return made
}

func (t *Trunk) outwardOf(l *line) *outward {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.outward[l.transport()]
}

// reach makes sure that there is a connection to a server of a line. It does
// nothing for UDP.
func (t *Trunk) reach(ctx context.Context, l *line, to target) error {
	if l == nil || l.transport() == "UDP" || t.streams.find(to.String()) != nil {
		return nil
	}
	l.connecting.Lock() // one connection is enough for all who wait
	defer l.connecting.Unlock()
	if t.streams.find(to.String()) != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	conn, err := t.connect(ctx, l, to)
	if err != nil {
		return err
	}
	out := t.outwardOf(l)
	s := &stream{Conn: conn, gate: out.gate, from: to.addr, opened: time.Now(), heard: true,
		ours: true, read: make(chan struct{}), lost: l.lost}
	if !t.streams.add(s) {
		_ = conn.Close()
		return errors.New("there are too many connections already")
	}
	select {
	case out.made <- s:
	case <-ctx.Done():
		_ = s.Close()
		return ctx.Err()
	case <-out.done:
		_ = s.Close()
		return errStopping
	}
	select { // sipgo knows the connection once it reads from it
	case <-s.read:
		return nil
	case <-out.done:
		return errStopping
	}
}

func (t *Trunk) connect(ctx context.Context, l *line, to target) (net.Conn, error) {
	var dialer net.Dialer
	if from := addrPort(t.cfg.Conn.LocalAddr()).Addr(); !from.IsUnspecified() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	conn, err := dialer.DialContext(ctx, "tcp", to.String())
	if err != nil || l.transport() != "TLS" {
		return conn, err
	}
	secure := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: to.host, RootCAs: l.cfg.Authorities})
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("%w: %w", errHandshake, err)
	}
	return secure, nil
}

// whyUnreached says in a sentence why a server did not answer.
func whyUnreached(err error, to target) string {
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errOnPurpose):
		return err.Error()
	case errors.As(err, &untrusted) && errors.As(err, new(x509.HostnameError)):
		return fmt.Sprintf("server %s shows a certificate that is made out to another name; write the server in the line's settings as its certificate names it", to.name)
	case errors.As(err, &untrusted):
		return fmt.Sprintf("server %s shows a certificate that nobody known vouches for; check the clock of this machine, or name the certificate's file in the line's settings", to.name)
	case errors.Is(err, errHandshake):
		return fmt.Sprintf("server %s does not speak TLS on this port; check the port and the transport in the line's settings", to.name)
	}
	return fmt.Sprintf("server %s does not answer; check the network and whether it is switched on", to.name)
}

// here is our address as the far end of a call is to use it: for a connection
// that we opened its own end, because nothing else may be let in to us.
func (c *Call) here() netip.AddrPort {
	if c.stream != nil && c.stream.ours {
		return netip.AddrPortFrom(c.trunk.contact.Addr(), streamAddr(c.stream.LocalAddr()).Port())
	}
	return c.trunk.contactFor(c.transport)
}

// reconnect opens the connection of a line's call again when it broke.
func (c *Call) reconnect() {
	if c.line == nil || c.line.transport() != c.via() {
		return
	}
	at, err := netip.ParseAddrPort(c.source)
	if err != nil {
		return
	}
	if c.stream != nil && c.trunk.streams.find(c.source) == c.stream {
		return
	}
	if c.stream != nil && !c.stream.ours {
		return // the server had opened it, from a port where nobody listens
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectLimit)
	defer cancel()
	if err := c.trunk.reach(ctx, c.line, target{addr: at, host: c.line.cfg.Domain, name: c.line.cfg.Domain}); err != nil {
		c.log.Warn("the connection of a call broke and cannot be opened again", "line", c.line.cfg.Name, "error", err)
		return
	}
	c.follow(c.trunk.streams.find(c.source))
}
