package media

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"hotline/appliance/audio"
)

// This file is the far end of a leg in tests, and the leg: what it sends, and what
// has come to it.

// phone is a far end with a real socket.
type phone struct {
	*speaker
	t    testing.TB
	conn *net.UDPConn
	addr netip.AddrPort

	mu      sync.Mutex
	packets []heard
	more    chan struct{} // has room for one
}

func newPhone(t testing.TB) *phone {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ph := &phone{speaker: newSpeaker(audio.MuLaw), t: t, conn: conn, addr: conn.LocalAddr().(*net.UDPAddr).AddrPort(), more: make(chan struct{}, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2000)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			if n > 0 && buf[0]>>6 != 2 {
				continue // a straggler of another program that had this port before
			}
			var packet rtp.Packet
			if err := packet.Unmarshal(buf[:n]); err != nil {
				t.Errorf("not RTP: %v", err)
				continue
			}
			ph.mu.Lock()
			ph.packets = append(ph.packets, heard{time.Now(), packet.Header, bytes.Clone(packet.Payload)})
			ph.mu.Unlock()
			select {
			case ph.more <- struct{}{}:
			default:
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return ph
}

func (ph *phone) take() []heard {
	ph.mu.Lock()
	defer ph.mu.Unlock()
	packets := ph.packets
	ph.packets = nil
	return packets
}

// patience bounds the wait for what comes at once, if the machine does not stand
// still.
const patience = 30 * time.Second

// hears waits for a packet that came after the call.
func (ph *phone) hears() bool { return ph.within(patience) }

// deaf waits until nothing comes any more; what was sent before may come late.
func (ph *phone) deaf() bool {
	for limit := time.Now().Add(patience / 10); time.Now().Before(limit); {
		if !ph.within(300 * time.Millisecond) {
			return true
		}
	}
	return false
}

func (ph *phone) within(limit time.Duration) bool {
	ph.take()
	select {
	case <-ph.more:
	default:
	}
	select {
	case <-ph.more:
		return true
	case <-time.After(limit):
		return false
	}
}

func (ph *phone) send(to netip.AddrPort, b []byte) {
	ph.t.Helper()
	if _, err := ph.conn.WriteToUDPAddrPort(b, to); err != nil {
		ph.t.Fatal(err)
	}
}

var silentFrame = slices.Repeat([]byte{0xff}, 160)

func (ph *phone) say(to netip.AddrPort) { ph.t.Helper(); ph.send(to, ph.packet(silentFrame)) }

func (ph *phone) press(to netip.AddrPort, code byte) {
	ph.t.Helper()
	ph.ts += 1600
	ph.send(to, ph.event(code, ph.ts, 160, false))
}

func newUDPLeg(t testing.TB, p *Pacer, cfg UDPConfig) (*Endpoint, netip.AddrPort) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	cfg.DTMF = testDTMF
	e := NewUDP(p, conn, cfg)
	e.Start()
	t.Cleanup(func() { e.Close() })
	return e, conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// until waits for a condition that other goroutines bring about.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !holds(); {
		if time.Now().After(limit) {
			t.Fatalf("waited in vain for: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// bothWays runs a test with and without the kernel's help.
func bothWays(t *testing.T, test func(t *testing.T, plain bool)) {
	t.Run("kernel", func(t *testing.T) { test(t, false) })
	t.Run("plain", func(t *testing.T) { test(t, true) })
}

func key(t *testing.T, e *Endpoint) byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	k, err := e.Key(ctx)
	if err != nil {
		t.Fatalf("no key came: %v", err)
	}
	return k
}

func noKey(t *testing.T, e *Endpoint) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if k, err := e.Key(ctx); err == nil {
		t.Fatalf("key %q came from a stranger", k)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
