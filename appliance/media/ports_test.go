package media

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

func TestPortsRestAfterACall(t *testing.T) {
	loopback := netip.MustParseAddr("127.0.0.1")
	ports, err := NewPorts(loopback, 21001, 21006)
	if err != nil {
		t.Fatal(err)
	}
	p := startPacer(t)
	var legs []*Endpoint
	for range 3 { // 21002, 21004, 21006
		conn, err := ports.Open()
		if err != nil {
			t.Fatal(err)
		}
		if port := conn.LocalAddr().(*net.UDPAddr).Port; port%2 != 0 || port < 21002 || port > 21006 {
			t.Errorf("port %d", port)
		}
		e := NewUDP(p, conn, UDPConfig{Ports: ports})
		e.Start()
		legs = append(legs, e)
	}
	for _, e := range append(legs, legs[0]) {
		if _, err := ports.Open(); !errors.Is(err, ErrNoPorts) {
			t.Errorf("all ports are in use or resting, Open = %v", err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	// Half a minute later all are free again.
	ports.mu.Lock()
	for i := range ports.free {
		ports.free[i].ready = ports.free[i].ready.Add(-portRest)
	}
	ports.mu.Unlock()
	for range 3 {
		conn, err := ports.Open()
		if err != nil {
			t.Fatal(err)
		}
		ports.Release(conn)
		ports.Release(conn)
	}
	if len(ports.free) != 3 {
		t.Errorf("%d ports after all came back", len(ports.free))
	}
}

func TestAPortOfAnotherProgramIsPassedOver(t *testing.T) {
	other, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 21010})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	ports, err := NewPorts(netip.MustParseAddr("127.0.0.1"), 21010, 21012)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := ports.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer ports.Release(conn)
	if port := conn.LocalAddr().(*net.UDPAddr).Port; port != 21012 {
		t.Errorf("port %d", port)
	}
	if _, err := ports.Open(); !errors.Is(err, ErrNoPorts) {
		t.Errorf("Open = %v", err)
	}
}

func TestNewPortsExplainsABadRange(t *testing.T) {
	ip := netip.MustParseAddr("127.0.0.1")
	for _, r := range [][2]int{{0, 100}, {30000, 20000}, {20000, 70000}, {20001, 20001}} {
		if _, err := NewPorts(ip, r[0], r[1]); err == nil {
			t.Errorf("the range %v was accepted", r)
		}
	}
	if _, err := NewPorts(netip.Addr{}, FirstPort, LastPort); err == nil {
		t.Error("no address was accepted")
	}
}
