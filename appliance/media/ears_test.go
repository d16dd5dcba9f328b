package media

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// TestLegsComeAndGoWhileOthersAreHeard: all legs share one goroutine that
// listens. A caller who stays must not miss a packet while others arrive, are
// bombarded and leave, and who has left must not be heard any more.
func TestLegsComeAndGoWhileOthersAreHeard(t *testing.T) {
	p := NewPacer(slog.New(slog.DiscardHandler))
	caller := newPhone(t)
	stays, at := newUDPLeg(t, p, UDPConfig{Remote: caller.addr, Plain: true})

	var crowd sync.WaitGroup
	for range 4 {
		crowd.Go(func() {
			for range 100 {
				conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
				if err != nil {
					t.Error(err)
					return
				}
				far, err := net.DialUDP("udp4", nil, conn.LocalAddr().(*net.UDPAddr))
				if err != nil {
					t.Error(err)
					return
				}
				leg := NewUDP(p, conn, UDPConfig{Remote: far.LocalAddr().(*net.UDPAddr).AddrPort(), Plain: true})
				leg.Start()
				say := newSpeaker(0)
				for range 5 {
					far.Write(say.packet(silentFrame))
				}
				for limit := time.Now().Add(10 * time.Second); leg.Stats().PacketsIn == 0; {
					if time.Now().After(limit) {
						t.Error("a new leg hears nothing")
						break
					}
					far.Write(say.packet(silentFrame))
				}
				far.Write(say.packet(silentFrame))
				leg.Close()
				before := leg.Stats().PacketsIn
				far.Write(say.packet(silentFrame))
				if after := leg.Stats().PacketsIn; after != before {
					t.Errorf("a closed leg heard %d more packets", after-before)
				}
				far.Close()
			}
		})
	}
	gone := make(chan struct{})
	go func() {
		crowd.Wait()
		close(gone)
	}()
	sent := uint64(0)
	for busy := true; busy; {
		select {
		case <-gone:
			busy = false
		default:
		}
		caller.send(at, caller.packet(silentFrame))
		sent++
		for limit := time.Now().Add(10 * time.Second); stays.Stats().PacketsIn < sent; {
			if time.Now().After(limit) {
				t.Fatalf("the caller who stayed said %d packets, %d were heard", sent, stays.Stats().PacketsIn)
			}
		}
	}
	if sent < 10 {
		t.Errorf("only %d packets were said while others came and went", sent)
	}
}

// TestListeningAlone is what happens where the system has no epoll to give.
func TestListeningAlone(t *testing.T) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	far, err := net.DialUDP("udp4", nil, conn.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	got := make(chan string, 10)
	sources := make(chan netip.AddrPort, 10)
	l := listenAlone(conn, func(p *packet, n int, from netip.AddrPort) {
		got <- string(p.buf[:n])
		sources <- from
	})
	far.Write([]byte("hello"))
	select {
	case text := <-got:
		if from := <-sources; text != "hello" || from != far.LocalAddr().(*net.UDPAddr).AddrPort() {
			t.Errorf("heard %q from %v", text, from)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nothing is heard")
	}
	l.close()
	far.Write([]byte("too late"))
	select {
	case text := <-got:
		t.Errorf("heard %q after the end", text)
	default:
	}
}
