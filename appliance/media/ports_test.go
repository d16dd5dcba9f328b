package media

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"hotline/appliance/trunk/trunktest"
)

func TestPortsRestAfterACall(t *testing.T) {
	loopback := netip.MustParseAddr("127.0.0.1")
	first := trunktest.PortsInARow(t, 6)
	ports, err := NewPorts(loopback, first-1, first+4)
	if err != nil {
		t.Fatal(err)
	}
	p := startPacer(t)
	var legs []*Endpoint
	for range 3 { // of the even ones
		conn, err := ports.Open()
		if err != nil {
			t.Fatal(err)
		}
		if port := conn.LocalAddr().(*net.UDPAddr).Port; port%2 != 0 || port < first || port > first+4 {
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
	first := trunktest.FourPorts(t)
	other, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: first})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	ports, err := NewPorts(netip.MustParseAddr("127.0.0.1"), first, first+2)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := ports.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer ports.Release(conn)
	if port := conn.LocalAddr().(*net.UDPAddr).Port; port != first+2 {
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
