package trunktest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// FourPorts is the first of four ports in a row that nobody uses, an even one:
// programs that are given a port take its neighbours too without asking. They
// lie above those that the system hands out by itself, so that no socket of
// another test gets one of them before the program does. No two tests of a program
// get the same.
func FourPorts(t testing.TB) int {
	t.Helper()
	return PortsInARow(t, 4)
}

// PortsInARow is FourPorts for another number of them.
func PortsInARow(t testing.TB, n int) int {
	t.Helper()
	for range 1000 {
		first := 61000 + 4*rand.IntN(1100)
		if take(first, n) {
			return first
		}
	}
	t.Fatalf("there are no %d free ports in a row", n)
	return 0
}

func take(first, n int) bool {
	for port := first; port < first+n; port++ {
		if _, taken := given.LoadOrStore(port, true); taken || !free(port) {
			return false
		}
	}
	return true
}

// given are the ports that were told to somebody, who may not have them yet.
var given sync.Map

func free(port int) bool {
	packets, err := net.ListenPacket("udp", fmt.Sprintf(":%d", port))
	if err != nil {
		return false
	}
	defer packets.Close()
	connections, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return false
	}
	connections.Close()
	return true
}
