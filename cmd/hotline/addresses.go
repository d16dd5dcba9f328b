package main

import (
	"cmp"
	"net"
	"net/netip"

	"hotline/appliance/config"
)

// This file is the numbers and addresses at which others find this machine.

// callTo is the number that the caller page calls: the first one for help.
func callTo(cfg config.Config) string {
	return first(cfg.SIP.Help)
}

func first(numbers []string) string {
	if len(numbers) == 0 {
		return ""
	}
	return numbers[0]
}

// phoneServer is what people type into a desk phone as its server.
func (h *hotline) phoneServer(cfg config.Config) string {
	if len(cfg.SIP.Phones) == 0 {
		return ""
	}
	return h.trunk.Addr().String()
}

// browserAddrs are the addresses that browsers may send their sound to: the
// one the pages are on, or all of this machine's.
func browserAddrs(cfg config.Config) []netip.Addr {
	at := netip.MustParseAddrPort(cfg.Web.Listen).Addr() // checked by config
	if at.IsUnspecified() {
		return nil
	}
	return []netip.Addr{at}
}

// outwardAddr is the address of this machine that leads to other machines, or
// loopback when it has none. Nothing is sent.
func outwardAddr() netip.Addr {
	conn, err := net.Dial("udp4", "192.0.2.1:9") // TEST-NET-1 (RFC 5737)
	if err == nil {
		defer conn.Close()
		if at, err := netip.ParseAddrPort(conn.LocalAddr().String()); err == nil {
			return at.Addr()
		}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	var found netip.Addr
	for _, a := range addrs {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && prefix.Addr().Is4() && !prefix.Addr().IsLoopback() {
			found = prefix.Addr()
		}
	}
	return cmp.Or(found, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
}
