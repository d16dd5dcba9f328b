package softphone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

const (
	// lookAgain is how soon a new address of the machine is offered.
	lookAgain = 10 * time.Second
	// socketBuffer holds half a second of 200 browsers.
	socketBuffer = 1 << 20
	freePorts    = 20 // attempts to find a port that is free on all addresses
)

var errNoAddress = errors.New("this machine has no network address to listen on")

// ports is one UDP port on several addresses, shared by all browsers. It
// implements ice.UDPMux. The addresses are explicit ones: on the unspecified
// address the answer to a browser could leave from another one than it asked.
type ports struct {
	fixed bool // the addresses were chosen by the operator
	port  int
	log   *slog.Logger

	mu    sync.Mutex
	order []netip.AddrPort
	conns map[netip.AddrPort]*net.UDPConn
	muxes map[netip.AddrPort]ice.UDPMux // made by start
}

func bind(ips []netip.Addr, port int, log *slog.Logger) (*ports, error) {
	for _, ip := range ips {
		if !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() {
			return nil, fmt.Errorf("browsers cannot connect to the address %v: name the addresses of this machine, or none for all of them", ip)
		}
	}
	fixed := len(ips) > 0
	if !fixed {
		var err error
		if ips, err = localIPs(); err != nil {
			return nil, err
		}
	}
	attempts := 1
	if port == 0 {
		attempts = freePorts
	}
	var p *ports
	var err error
	for range attempts {
		p = &ports{fixed: fixed, port: port, log: log, conns: map[netip.AddrPort]*net.UDPConn{}, muxes: map[netip.AddrPort]ice.UDPMux{}}
		if err = p.openAll(ips); err == nil {
			return p, nil
		}
		err = errors.Join(err, p.Close())
	}
	return nil, err
}

func (p *ports) openAll(ips []netip.Addr) error {
	for _, ip := range ips {
		if err := p.open(ip); err != nil {
			return err
		}
	}
	return nil
}

// open binds one more address.
func (p *ports) open(ip netip.Addr) error {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, uint16(p.port))))
	if err != nil {
		return fmt.Errorf("opening UDP port %d of %v for the sound of browsers: %w", p.port, ip, err)
	}
	if err := conn.SetReadBuffer(socketBuffer); err != nil {
		p.log.Debug("a larger buffer for browser sound was refused", "err", err)
	}
	at := conn.LocalAddr().(*net.UDPAddr).AddrPort() // net.ListenUDP gives nothing else
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	p.port = int(at.Port())
	p.order = append(p.order, at)
	p.conns[at] = conn
	return nil
}

// localIPs are the addresses under which this machine can be reached.
func localIPs() ([]netip.Addr, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("listing the network addresses of this machine: %w", err)
	}
	var ips []netip.Addr
	for _, a := range addrs {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue // not an IP network
		}
		// Link-local IPv6 needs a zone that means nothing to the browser.
		if ip := prefix.Addr().Unmap(); !ip.IsMulticast() && !(ip.Is6() && ip.IsLinkLocalUnicast()) {
			ips = append(ips, ip)
		}
	}
	if len(ips) == 0 {
		return nil, errNoAddress
	}
	// What other machines can reach comes first.
	slices.SortStableFunc(ips, func(a, b netip.Addr) int { return rank(a) - rank(b) })
	return slices.Compact(ips), nil
}

func rank(ip netip.Addr) int {
	switch {
	case ip.IsLoopback():
		return 2
	case ip.Is6():
		return 1
	}
	return 0
}

func (p *ports) first() netip.AddrPort {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.order[0]
}

// start begins to read from all sockets.
func (p *ports) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for at, conn := range p.conns {
		if p.muxes[at] == nil {
			p.muxes[at] = webrtc.NewICEUDPMux(logging{p.log}.NewLogger("ice"), conn)
		}
	}
}

// follow waits for the end of ctx. Meanwhile it takes up addresses that the
// machine gets: its cable was moved, or DHCP came up late.
func (p *ports) follow(ctx context.Context) {
	if p.fixed {
		<-ctx.Done()
		return
	}
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.look()
		case <-ctx.Done():
			return
		}
	}
}

func (p *ports) look() {
	ips, err := localIPs()
	if err != nil {
		p.log.Warn("the addresses of this machine are unknown; browsers on a new network may have no sound", "err", err)
		return
	}
	if p.take(ips) {
		p.start()
	}
}

// take closes the addresses that are gone and opens new ones.
func (p *ports) take(ips []netip.Addr) (opened bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var kept []netip.AddrPort
	for _, at := range p.order {
		if slices.Contains(ips, at.Addr()) {
			kept = append(kept, at)
			continue
		}
		p.log.Info("a network address is gone; browsers that used it have to connect again", "address", at)
		p.shut(at)
	}
	p.order = kept
	for _, ip := range ips {
		if slices.ContainsFunc(p.order, func(at netip.AddrPort) bool { return at.Addr() == ip }) {
			continue
		}
		if err := p.open(ip); err != nil {
			p.log.Warn("browsers cannot use a new address of this machine", "err", err)
			continue
		}
		p.log.Info("browsers can use a new address of this machine", "address", ip)
		opened = true
	}
	slices.SortStableFunc(p.order, func(a, b netip.AddrPort) int { return rank(a.Addr()) - rank(b.Addr()) })
	return opened
}

// shut closes the socket of an address.
func (p *ports) shut(at netip.AddrPort) {
	var err error
	if mux := p.muxes[at]; mux != nil {
		err = mux.Close()
	} else if conn := p.conns[at]; conn != nil {
		err = conn.Close()
	}
	if err != nil {
		p.log.Debug("closing a port for browsers", "err", err)
	}
	delete(p.muxes, at)
	delete(p.conns, at)
}

// Close implements ice.UDPMux.
func (p *ports) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.order {
		p.shut(at)
	}
	return nil
}

// GetConn implements ice.UDPMux.
func (p *ports) GetConn(ufrag string, addr net.Addr) (net.PacketConn, error) {
	udp, ok := addr.(*net.UDPAddr)
	if !ok {
		return nil, fmt.Errorf("%v is not a UDP address", addr)
	}
	at := udp.AddrPort()
	p.mu.Lock()
	mux := p.muxes[netip.AddrPortFrom(at.Addr().Unmap(), at.Port())]
	p.mu.Unlock()
	if mux == nil {
		return nil, fmt.Errorf("the box does not listen on %v", addr)
	}
	return mux.GetConn(ufrag, addr)
}

// RemoveConnByUfrag implements ice.UDPMux.
func (p *ports) RemoveConnByUfrag(ufrag string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, mux := range p.muxes {
		mux.RemoveConnByUfrag(ufrag)
	}
}

// GetListenAddresses implements ice.UDPMux.
func (p *ports) GetListenAddresses() []net.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	addrs := make([]net.Addr, 0, len(p.order))
	for _, at := range p.order {
		if p.muxes[at] != nil {
			addrs = append(addrs, p.conns[at].LocalAddr())
		}
	}
	return addrs
}
