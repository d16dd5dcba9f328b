//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pion/mdns/v2"
	"golang.org/x/net/ipv4"
)

// named asks on the cable for the machine's name, as a laptop there does when
// somebody types it, and wants it to lead to an address: with another implementation of Multicast DNS than the box's.
func named(ctx context.Context, want string) error {
	cable, err := net.InterfaceByName("tap0")
	if err != nil {
		return err
	}
	socket, err := net.ListenPacket("udp4", mdns.DefaultAddressIPv4)
	if err != nil {
		return err
	}
	asks, err := mdns.NewServer(ipv4.NewPacketConn(socket), nil, mdns.WithInterfaces(*cable))
	if err != nil {
		return err
	}
	defer asks.Close()
	ctx, over := context.WithTimeout(ctx, time.Minute)
	defer over()
	_, at, err := asks.QueryAddr(ctx, "hotline.local")
	if err != nil {
		return fmt.Errorf("nobody on the cable answers for hotline.local: %w", err)
	}
	if at.Unmap() != netip.MustParseAddr(want) {
		return fmt.Errorf("hotline.local is %s", at)
	}
	browser, err := tls.Dial("tcp", want+":8443", &tls.Config{InsecureSkipVerify: true}) // nobody has installed its authority yet
	if err != nil {
		return err
	}
	defer browser.Close()
	return browser.ConnectionState().PeerCertificates[0].VerifyHostname("hotline.local")
}
