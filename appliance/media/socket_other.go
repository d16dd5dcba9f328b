//go:build !linux

package media

import (
	"net"
	"net/netip"
)

// socket is a UDP socket without the help that Linux gives: good enough to
// develop on, not for a thousand calls.
type socket struct {
	conn      *net.UDPConn
	to        netip.AddrPort
	connected bool // never
}

func newSocket(conn *net.UDPConn, _ bool) *socket { return &socket{conn: conn} }

func (s *socket) aim(to netip.AddrPort)  { s.to = to }
func (s *socket) lock(to netip.AddrPort) { s.to = to }
func (s *socket) open() error            { return nil }
func (s *socket) drain(bool) bool        { return false }

func (s *socket) send(b []byte) error {
	_, err := s.conn.WriteToUDPAddrPort(b, s.to)
	return err
}
