package mdns

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// This file is the networks of the machine, and the sockets by which everybody in
// them is heard and told.

// link is a network that the machine is on, and its addresses there.
type link struct {
	net.Interface
	prefixes []netip.Prefix
}

func (l link) same(o link) bool {
	return l.Index == o.Index && slices.Equal(l.prefixes, o.prefixes)
}

func (l link) has(a netip.Addr) bool {
	return slices.ContainsFunc(l.prefixes, func(p netip.Prefix) bool { return p.Addr() == a.WithZone("") })
}

// own4 is an address of the machine on this network; without one, another's is
// chosen by the kernel.
func (l link) own4() netip.Addr {
	for _, p := range l.prefixes {
		if p.Addr().Is4() {
			return p.Addr()
		}
	}
	return netip.Addr{}
}

// reaches reports that an address is of this network.
func (l link) reaches(a netip.Addr) bool {
	a = a.WithZone("")
	return a.IsLinkLocalUnicast() || slices.ContainsFunc(l.prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// networks are those that the machine is on, without itself and without lines
// that lead to one other machine.
func networks() ([]link, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var all []link
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagMulticast == 0 || i.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 {
			continue
		}
		if l := linkOf(i); len(l.prefixes) > 0 {
			all = append(all, l)
		}
	}
	return all, nil
}

func linkOf(i net.Interface) link {
	l := link{Interface: i}
	addrs, err := i.Addrs()
	if err != nil {
		return l // it is gone meanwhile
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			l.prefixes = append(l.prefixes, p)
		}
	}
	slices.SortFunc(l.prefixes, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	return l
}

// door is the sockets.
type door struct {
	v4      *ipv4.PacketConn
	v6      *ipv6.PacketConn // nil on a machine without IPv6
	packets chan packet
	ended   chan struct{}
	readers sync.WaitGroup
}

type packet struct {
	raw     []byte
	from    netip.AddrPort
	network int // index of the interface
}

var (
	group4 = netip.MustParseAddr("224.0.0.251")
	group6 = netip.MustParseAddr("ff02::fb")
)

// openDoor opens the sockets beside those of whoever else on this machine does
// the same: an address of a group is shared (net.ListenPacket).
func openDoor(port int) (*door, error) {
	d := &door{packets: make(chan packet, 64), ended: make(chan struct{})}
	four, err := net.ListenPacket("udp4", netip.AddrPortFrom(group4, uint16(port)).String())
	if err != nil {
		return nil, err
	}
	d.v4 = ipv4.NewPacketConn(four)
	if err := errors.Join(d.v4.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true), d.v4.SetMulticastLoopback(true), d.v4.SetMulticastTTL(255)); err != nil {
		return nil, errors.Join(err, four.Close())
	}
	if six, err := net.ListenPacket("udp6", netip.AddrPortFrom(group6, uint16(port)).String()); err == nil {
		v6 := ipv6.NewPacketConn(six)
		if err := errors.Join(v6.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst, true), v6.SetMulticastLoopback(true), v6.SetMulticastHopLimit(255)); err != nil {
			_ = six.Close() // IPv4 is enough
		} else {
			d.v6 = v6
		}
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		d.receive(func(buf []byte) (int, int, net.IP, net.Addr, error) {
			n, about, from, err := d.v4.ReadFrom(buf)
			if about == nil {
				return n, 0, nil, from, err
			}
			return n, about.IfIndex, about.Dst, from, err
		})
	})
	if d.v6 != nil {
		reading.Go(func() {
			d.receive(func(buf []byte) (int, int, net.IP, net.Addr, error) {
				n, about, from, err := d.v6.ReadFrom(buf)
				if about == nil {
					return n, 0, nil, from, err
				}
				return n, about.IfIndex, about.Dst, from, err
			})
		})
	}
	d.readers.Go(func() {
		reading.Wait()
		close(d.packets)
	})
	return d, nil
}

// receive hands on what comes for the group until the socket is closed.
func (d *door) receive(read func([]byte) (n, network int, to net.IP, from net.Addr, err error)) {
	buf := make([]byte, 9000) // RFC 6762, 17
	for {
		n, network, to, from, err := read(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			select { // a network that went away; not at full speed
			case <-time.After(100 * time.Millisecond):
				continue
			case <-d.ended:
				return
			}
		}
		udp, ok := from.(*net.UDPAddr)
		if !ok || !to.IsMulticast() {
			continue
		}
		at := udp.AddrPort()
		select {
		case d.packets <- packet{raw: slices.Clone(buf[:n]), from: netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), network: network}:
		case <-d.ended:
			return
		}
	}
}

func (d *door) close() {
	close(d.ended)
	_ = d.v4.Close()
	if d.v6 != nil {
		_ = d.v6.Close()
	}
	d.readers.Wait()
}

// join listens on a network. Having joined before is no error to whoever asks.
func (d *door) join(i net.Interface) error {
	err := d.v4.JoinGroup(&i, &net.UDPAddr{IP: group4.AsSlice()})
	if d.v6 != nil {
		if err6 := d.v6.JoinGroup(&i, &net.UDPAddr{IP: group6.AsSlice()}); err6 == nil {
			err = nil
		}
	}
	return err
}

// everybody sends to all who listen on a network.
func (d *door) everybody(l link, raw []byte, port int) error {
	var err4, err6 error = errors.New("no IPv4"), errors.New("no IPv6")
	if own := l.own4(); own.IsValid() {
		_, err4 = d.v4.WriteTo(raw, &ipv4.ControlMessage{IfIndex: l.Index, Src: own.AsSlice()}, &net.UDPAddr{IP: group4.AsSlice(), Port: port})
	}
	if d.v6 != nil && slices.ContainsFunc(l.prefixes, func(p netip.Prefix) bool { return p.Addr().Is6() }) {
		_, err6 = d.v6.WriteTo(raw, &ipv6.ControlMessage{IfIndex: l.Index}, &net.UDPAddr{IP: group6.AsSlice(), Port: port, Zone: l.Name})
	}
	if err4 == nil || err6 == nil {
		return nil
	}
	return errors.Join(err4, err6)
}

// one sends to somebody.
func (d *door) one(l link, to netip.AddrPort, raw []byte) (err error) {
	if own := l.own4(); to.Addr().Is4() && own.IsValid() {
		_, err = d.v4.WriteTo(raw, &ipv4.ControlMessage{IfIndex: l.Index, Src: own.AsSlice()}, net.UDPAddrFromAddrPort(to))
		return err
	}
	if d.v6 == nil || to.Addr().Is4() {
		return errors.New("the box cannot speak to it")
	}
	_, err = d.v6.WriteTo(raw, &ipv6.ControlMessage{IfIndex: l.Index}, net.UDPAddrFromAddrPort(to))
	return err
}
