package media

import (
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// lone listens on one socket with a goroutine of its own: where the system
// offers nothing better.
type lone struct {
	conn   *net.UDPConn
	closed atomic.Bool
	done   chan struct{}
}

func listenAlone(conn *net.UDPConn, heard func(p *packet, n int, from netip.AddrPort)) *lone {
	l := &lone{conn: conn, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		p := new(packet)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(p.buf[:])
			if l.closed.Load() {
				return
			}
			if err == nil {
				heard(p, n, unmap(from))
			} // otherwise the ICMP answer to a packet of ours
		}
	}()
	return l
}

// close ends the listening. When it returns, no packet is being handled.
func (l *lone) close() {
	l.closed.Store(true)
	l.conn.SetReadDeadline(time.Unix(1, 0)) // fails when it is closed, which wakes the goroutine as well
	<-l.done
}
