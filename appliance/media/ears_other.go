//go:build !linux

package media

import (
	"net"
	"net/netip"
)

// ears listens on the UDP sockets of a pacer's legs, each with a goroutine of
// its own.
type ears struct{}

type ear = lone

func (*ears) listen(conn *net.UDPConn, heard func(p *packet, n int, from netip.AddrPort)) *ear {
	return listenAlone(conn, heard)
}
