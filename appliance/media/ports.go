package media

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

// The usual range: even ports (RFC 3550 §11) below the range from which the
// kernel hands out ports of its own accord.
const (
	FirstPort = 16384
	LastPort  = 32766
)

// portRest is how long a port stays unused after a call: late packets of the
// dead call find nobody instead of the next caller.
const portRest = 30 * time.Second

// ErrNoPorts means that every port for voice is in use or resting. Callers
// are refused until one is free; a larger range lets in more.
var ErrNoPorts = errors.New("no free port for voice: all are in use or resting")

// Ports hands out UDP ports for voice, in random order.
type Ports struct {
	ip netip.Addr

	mu   sync.Mutex
	free []restingPort // oldest first
	used map[*net.UDPConn]pair
}

// pair is a port for sound and the one above it for reports (RFC 3550 §11).
type pair struct {
	port    int
	control *net.UDPConn
}

type restingPort struct {
	port  int
	ready time.Time
}

// NewPorts uses the even ports from first to last on ip.
func NewPorts(ip netip.Addr, first, last int) (*Ports, error) {
	if !ip.IsValid() {
		return nil, errors.New("voice ports: no IP address given")
	}
	first += first % 2
	if first < 1024 || last > 65534 || first > last {
		return nil, fmt.Errorf("voice ports: the range %d to %d is not usable; choose even ports between 1024 and 65534, usually %d to %d",
			first, last, FirstPort, LastPort)
	}
	p := &Ports{ip: ip, used: make(map[*net.UDPConn]pair)}
	for port := first; port <= last; port += 2 {
		p.free = append(p.free, restingPort{port: port})
	}
	// A stranger must not be able to guess the port of the next call.
	rand.Shuffle(len(p.free), func(i, j int) { p.free[i], p.free[j] = p.free[j], p.free[i] })
	return p, nil
}

// Open binds a free port, and the one above it for reports. ErrNoPorts when
// there is none; any other error means that the machine gives no socket now.
func (p *Ports) Open() (*net.UDPConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var busy error
	for range len(p.free) {
		next := p.free[0]
		if time.Now().Before(next.ready) {
			break // the others were released later
		}
		p.free = p.free[1:]
		network := "udp4"
		if p.ip.Is6() && !p.ip.Is4In6() {
			network = "udp6"
		}
		conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(p.ip, uint16(next.port))))
		if err == nil {
			var control *net.UDPConn
			control, err = net.ListenUDP(network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(p.ip, uint16(next.port+1))))
			if err == nil {
				p.used[conn] = pair{next.port, control}
				return conn, nil
			}
			conn.Close() // nothing can be done about an error of a socket nobody used
		}
		if !errors.Is(err, syscall.EADDRINUSE) { // no fault of this port: all others would end the same way, and then rest
			p.free = slices.Insert(p.free, 0, next)
			return nil, fmt.Errorf("opening a port for voice: %w", err)
		}
		// Another program has this port. Ask again later.
		busy = err
		p.free = append(p.free, restingPort{next.port, time.Now().Add(portRest)})
	}
	if busy != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoPorts, busy)
	}
	return nil, ErrNoPorts
}

// Used is the number of ports that carry a call now.
func (p *Ports) Used() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.used)
}

// control is the socket for reports of one that Open returned.
func (p *Ports) control(conn *net.UDPConn) *net.UDPConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used[conn].control
}

// Release closes the socket and lets its port rest. Releasing twice, or a
// socket that did not come from Open, only closes it.
func (p *Ports) Release(conn *net.UDPConn) {
	conn.Close() // nothing can be done about an error of a socket nobody uses
	p.mu.Lock()
	defer p.mu.Unlock()
	if used, ok := p.used[conn]; ok {
		used.control.Close()
		delete(p.used, conn)
		p.free = append(p.free, restingPort{used.port, time.Now().Add(portRest)})
	}
}
