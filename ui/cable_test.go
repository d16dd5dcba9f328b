package ui

import (
	"net"
	"sync/atomic"
)

// cable is the network between browser and server. When it is cut nothing
// arrives any more and nobody is told: connections stay open and silent, as
// they do when a laptop loses its Wi-Fi.
type cable struct {
	net.Listener
	cut atomic.Bool
}

func (c *cable) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &strand{Conn: conn, cable: c}, nil
}

// strand is one connection. One that was open during a cut stays dead.
type strand struct {
	net.Conn
	cable *cable
	dead  atomic.Bool
}

func (s *strand) lost() bool {
	if s.cable.cut.Load() {
		s.dead.Store(true)
	}
	return s.dead.Load()
}

func (s *strand) Read(p []byte) (int, error) {
	for {
		n, err := s.Conn.Read(p)
		if err != nil || !s.lost() {
			return n, err
		}
	}
}

func (s *strand) Write(p []byte) (int, error) {
	if s.lost() {
		return len(p), nil
	}
	return s.Conn.Write(p)
}
