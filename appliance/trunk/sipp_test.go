package trunk_test

import (
	"context"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"hotline/appliance/call"
	"hotline/appliance/trunk"
)

// sipp runs a scenario of SIPp (Debian package sip-tester) against the trunk.
func (h *hotline) sipp(scenario string, args ...string) {
	h.t.Helper()
	h.sippTo(h.addr, scenario, args...)
}

func (h *hotline) sippTo(addr netip.AddrPort, scenario string, args ...string) {
	h.t.Helper()
	file, err := filepath.Abs(filepath.Join("testdata", scenario))
	if err != nil {
		h.t.Fatal(err)
	}
	command := exec.CommandContext(limit(h.t), "sipp", append([]string{addr.String(), "-sf", file, "-s", "100", "-i", "127.0.0.1",
		"-mp", strconv.Itoa(freePort(h.t)), "-nostdin", "-timeout", "15s", "-timeout_error"}, args...)...)
	command.Dir = h.t.TempDir()
	if out, err := command.CombinedOutput(); err != nil {
		h.t.Fatalf("sipp %s: %v\n%s\n%s", scenario, err, out, h.log)
	}
}

func freePort(t testing.TB) int {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).Port &^ 1
}

func TestSippKeys(t *testing.T) {
	keys := make(chan byte, 10)
	h := serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) {
		if err := c.Answer(); err != nil {
			t.Error(err)
			return
		}
		for {
			key, err := c.Audio().Key(ctx)
			if err != nil {
				return
			}
			keys <- key
		}
	})
	h.sipp("keys.xml", "-m", "1")
	if len(keys) != 1 || <-keys != '1' {
		t.Error("the key 1 was not heard once")
	}
}

func TestSippCancel(t *testing.T) {
	ended := make(chan call.Cause, 1)
	h := serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) {
		if err := c.Ringing(); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
		ended <- call.CauseOf(ctx)
	})
	h.sipp("cancel.xml", "-m", "1")
	if cause := receive(t, "the end", ended); cause.By != call.ByCaller || cause.Code != 487 {
		t.Errorf("cause %+v", cause)
	}
}

func TestSippHold(t *testing.T) {
	held := make(chan bool, 10)
	h := serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) {
		if err := c.Answer(); err != nil {
			t.Error(err)
			return
		}
		for {
			select {
			case state := <-c.Holds():
				held <- state
			case <-ctx.Done():
				close(held)
				return
			}
		}
	})
	h.sipp("hold.xml", "-m", "1")
	var got []bool
	for state := range held {
		got = append(got, state)
	}
	if len(got) != 3 || !got[0] || got[1] || !got[2] {
		t.Errorf("hold states %v, want held, resumed, held", got)
	}
}

func TestSippManyCalls(t *testing.T) {
	h := serve(t, "127.0.0.1", answering)
	h.sipp("short.xml", "-m", "150", "-r", "50", "-l", "100")
	if got := h.Stats(); got.Answered != 150 || len(got.Rejected) != 0 {
		t.Errorf("stats %+v, want 150 calls answered and none refused", got)
	}
}

// The same callers over TCP: one connection for all calls, and one for each.
func TestSippOverTCP(t *testing.T) {
	server, _ := certificate(t)
	change, addrs := streaming(t, server)
	h := serve(t, "127.0.0.1", answering, change)
	h.sippTo(addrs["tcp"], "short.xml", "-m", "60", "-r", "30", "-l", "60", "-t", "t1")
	h.sippTo(addrs["tcp"], "short.xml", "-m", "60", "-r", "30", "-l", "60", "-t", "tn", "-max_socket", "100")
	h.sippTo(addrs["tcp"], "hold.xml", "-m", "1", "-t", "t1")
	if got := h.Stats(); got.Answered != 121 || len(got.Rejected) != 0 {
		t.Errorf("stats %+v, want 121 calls answered and none refused", got)
	}
}
