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
	for range 1000 {
		first := 61000 + 4*rand.IntN(1100)
		if _, taken := given.LoadOrStore(first, true); !taken && free(first) && free(first+1) && free(first+2) && free(first+3) {
			return first
		}
	}
	t.Fatal("there are no four free ports in a row")
	return 0
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
