// Package pointer leads those who join the box's own Wi-Fi network to its pages.
// Every name is the box's there, and whatever is opened without encryption
// becomes one page that says where the pages are (a captive portal, as telephones
// call it). Once somebody has seen it, the telephone is told what it wants to
// hear, so that it stays on a network that leads nowhere else.
//
// RFC 8910 and 8908, by which a network names such a page itself, are not used:
// the interface must be asked over TLS, and no telephone trusts the box's own
// authority before somebody has installed it.
package pointer

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Config is what a Pointer is made of.
type Config struct {
	At   netip.Addr   // the box on its own network: nothing listens elsewhere
	Page http.Handler // draws the page, and serves what it is made of
	Log  *slog.Logger

	names, web int // ports; tests only
}

// Pointer answers for names and for the web.
type Pointer struct {
	cfg Config

	mu   sync.Mutex
	seen map[netip.Addr]time.Time // who has had the page before them
}

const (
	namesPort = 53
	webPort   = 80
	readIn    = 10 * time.Second
	writeIn   = 30 * time.Second
	idle      = time.Minute
	maxHeader = 16 << 10
	closeIn   = 2 * time.Second
)

// New prepares a Pointer; it starts nothing.
func New(cfg Config) *Pointer {
	if cfg.names == 0 {
		cfg.names = namesPort
	}
	if cfg.web == 0 {
		cfg.web = webPort
	}
	return &Pointer{cfg: cfg, seen: map[netip.Addr]time.Time{}}
}

// Run answers until ctx ends. It fails where the address is not the machine's,
// which is so until somebody has given it to the radio.
func (p *Pointer) Run(ctx context.Context) (err error) {
	var closes []func() error
	defer func() {
		for _, one := range closes {
			if end := one(); end != nil && !errors.Is(end, net.ErrClosed) {
				err = errors.Join(err, end)
			}
		}
	}()
	at := func(port int) string { return net.JoinHostPort(p.cfg.At.String(), strconv.Itoa(port)) }
	packets, err := net.ListenPacket("udp4", at(p.cfg.names))
	if err != nil {
		return err
	}
	closes = append(closes, packets.Close)
	streams, err := net.Listen("tcp4", at(p.cfg.names))
	if err != nil {
		return err
	}
	closes = append(closes, streams.Close)
	pages, err := net.Listen("tcp4", at(p.cfg.web))
	if err != nil {
		return err
	}
	closes = append(closes, pages.Close)

	names := dns.HandlerFunc(p.name)
	short := &dns.Server{PacketConn: packets, Handler: names}
	long := &dns.Server{Listener: streams, Handler: names, ReadTimeout: readIn, WriteTimeout: readIn}
	web := &http.Server{Handler: p, ReadHeaderTimeout: readIn, ReadTimeout: readIn, WriteTimeout: writeIn, IdleTimeout: idle, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(p.cfg.Log.Handler(), slog.LevelDebug)}
	ended := make(chan error, 3)
	go func() { ended <- short.ActivateAndServe() }()
	go func() { ended <- long.ActivateAndServe() }()
	go func() { ended <- web.Serve(pages) }()
	first, wait := error(nil), 3
	select {
	case <-ctx.Done():
	case first = <-ended:
		wait--
	}
	limit, stop := context.WithTimeout(context.WithoutCancel(ctx), closeIn)
	defer stop()
	if web.Shutdown(limit) != nil { // somebody's telephone is slower
		_ = web.Close()
	}
	_, _ = short.ShutdownContext(limit), long.ShutdownContext(limit) // both fail where they have not begun yet
	_, _ = packets.Close(), streams.Close()                          // which ends those, too
	for range wait {
		<-ended
	}
	if ctx.Err() != nil {
		return nil
	}
	return first
}
