//go:build unix

package media

import (
	"errors"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"hotline/appliance/trunk/trunktest"
)

// TestAMomentWithoutSocketsCostsOneCall: when the program may open nothing more,
// the ports do not rest for it: the next caller is taken as soon as it may.
func TestAMomentWithoutSocketsCostsOneCall(t *testing.T) {
	one := trunktest.PortsInARow(t, 8)
	ports, err := NewPorts(netip.MustParseAddr("127.0.0.1"), one, one+6)
	if err != nil {
		t.Fatal(err)
	}
	first, err := ports.Open() // whatever the network needs for itself is open from here on
	if err != nil {
		t.Fatal(err)
	}
	defer ports.Release(first)
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	next, err := os.Open(os.DevNull) // has the lowest number that is free
	if err != nil {
		t.Fatal(err)
	}
	number := uint64(next.Fd())
	next.Close()
	for _, room := range []uint64{0, 1} { // for no socket, and for that of the sound alone
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: number + room, Max: was.Max}); err != nil {
			t.Fatal(err)
		}
		_, err = ports.Open()
		if e := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); e != nil {
			t.Fatal(e)
		}
		if !errors.Is(err, unix.EMFILE) || errors.Is(err, ErrNoPorts) {
			t.Errorf("with room for %d more files: %v", room, err)
		}
	}
	for range 3 {
		conn, err := ports.Open()
		if err != nil {
			t.Fatalf("a moment later: %v", err)
		}
		defer ports.Release(conn)
	}
}
