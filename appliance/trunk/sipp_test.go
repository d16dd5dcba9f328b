package trunk_test

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/trunktest"
)

// sipp runs a scenario of SIPp (Debian package sip-tester) against the trunk.
func (h *hotline) sipp(scenario string, args ...string) {
	h.t.Helper()
	h.sippTo(h.addr, scenario, args...)
}

func (h *hotline) sippTo(addr netip.AddrPort, scenario string, args ...string) {
	h.t.Helper()
	run := startSipp(h.t, addr.Addr().String(), scenario, append([]string{addr.String(), "-s", "100"}, args...)...)
	if err := run.Wait(); err != nil {
		h.t.Fatalf("sipp %s: %v\n%s\n%s", scenario, err, run.out, h.log)
	}
}

// sippRun is SIPp at work, and what it writes.
type sippRun struct {
	*exec.Cmd
	out *journal
}

func startSipp(t testing.TB, ip, scenario string, args ...string) sippRun {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("testdata", scenario))
	if err != nil {
		t.Fatal(err)
	}
	run := sippRun{out: new(journal)}
	run.Cmd = exec.CommandContext(limit(t), "sipp", append([]string{"-sf", file, "-i", ip, "-mi", ip,
		"-mp", strconv.Itoa(trunktest.FourPorts(t)), "-nostdin", "-timeout", "55s", "-timeout_error"}, args...)...)
	run.Dir = t.TempDir()
	run.Stdout, run.Stderr = run.out, run.out
	if err := run.Start(); err != nil {
		t.Fatalf("sipp is missing: run make test, which installs it: %v", err)
	}
	return run
}

// sippListens starts SIPp as somebody who is called, and gives its address once
// it listens: what is sent before is lost.
func sippListens(t testing.TB, scenario string, args ...string) (sippRun, string) {
	t.Helper()
	port := trunktest.FourPorts(t)
	run := startSipp(t, "127.0.0.1", scenario, append([]string{"-p", strconv.Itoa(port)}, args...)...)
	ctx := limit(t)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		sockets, err := os.ReadFile("/proc/net/udp")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(sockets), fmt.Sprintf(" 0100007F:%04X ", port)) {
			return run, fmt.Sprintf("127.0.0.1:%d", port)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("sipp does not listen\n%s", run.out)
		}
	}
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

// echoed plays a tone until the caller presses a key, then gives how much of it
// comes back from a caller who echoes, and hangs up.
func echoed() (func(context.Context, *trunk.Call), <-chan float64) {
	levels := make(chan float64, 10)
	return func(ctx context.Context, c *trunk.Call) {
		if c.Answer() != nil {
			return
		}
		c.Audio().Music(audio.Tone(440, time.Second, -10))
		if _, err := c.Audio().Key(ctx); err != nil {
			return
		}
		level := -1.0 // held, or dead
		if clip, _, err := c.Audio().Record(ctx, time.Second, ""); err == nil && !c.Held() {
			level = share(clip, 440)
		}
		levels <- level
	}, levels
}

// What a caller may do to a call, and what they are refused, leaves a call with
// sound both ways that ends as it should.
func TestSippCallGoesOn(t *testing.T) {
	for scenario, refused := range map[string]map[int]uint64{
		"hold":        {},
		"hold-update": {},
		"refused":     {405: 2, 415: 2, 420: 1},
		"multipart":   {},
		"cancel-late": {},
	} {
		t.Run(scenario, func(t *testing.T) {
			handle, levels := echoed()
			h := serve(t, "127.0.0.1", handle)
			h.sipp(scenario+".xml", "-m", "1", "-rtp_echo")
			if level := receive(t, "the key at the end", levels); level < 0.5 {
				t.Errorf("at the end the hotline hears %.2f of its echo\n%s", level, h.log)
			}
			if got := h.Stats(); got.Answered != 1 || !maps.Equal(got.Rejected, refused) {
				t.Errorf("stats %+v, want one call and %v refused", got, refused)
			}
		})
	}
}

func TestSippRefusedOutsideOfCalls(t *testing.T) {
	h := serve(t, "127.0.0.1", answering)
	h.sipp("refused-outside.xml", "-m", "1")
	if got := h.Stats(); got.Answered != 0 || !maps.Equal(got.Rejected, map[int]uint64{405: 2, 415: 1, 420: 1}) {
		t.Errorf("stats %+v", got)
	}
}

// A machine without the IPv6 loopback address fails here, as it would fail its
// callers: that is a setting of the machine, not a choice of the test.
func TestSippOverIPv6(t *testing.T) {
	handle, levels := echoed()
	h := serve(t, "::1", handle)
	h.sipp("talk.xml", "-m", "1", "-rtp_echo")
	if level := receive(t, "the key", levels); level < 0.5 {
		t.Errorf("the hotline hears %.2f of its echo", level)
	}
}

// A line of ours registers at SIPp: challenged, taken, refreshed, and given
// back at the end.
func TestSippAsRegistrar(t *testing.T) {
	run, addr := sippListens(t, "registrar.xml", "-m", "1")
	line := account()
	line.Servers = []string{addr}
	h := serveLines(t, "127.0.0.1", []trunk.Line{line}, answering)
	short := h.became("the registration", up)
	if left := time.Until(short.RegisteredUntil); left > 10*time.Second {
		t.Errorf("registered for %v, want the ten seconds granted", left)
	}
	h.became("the refresh", func(s trunk.LineState) bool {
		return up(s) && time.Until(s.RegisteredUntil) > 50*time.Minute
	})
	if err := h.stop(); err != nil {
		t.Error(err)
	}
	if err := run.Wait(); err != nil {
		t.Errorf("sipp: %v\n%s\n%s", err, run.out, h.log)
	}
}

// SIPp, as a network that is not ours, is called, and holds us.
func TestDialSipp(t *testing.T) {
	run, addr := sippListens(t, "answer.xml", "-m", "5")
	h := serveLines(t, "127.0.0.1", []trunk.Line{{Name: "sipp", Kind: trunk.ByIP, Servers: []string{addr}, Probe: -1}}, answering,
		func(cfg *trunk.Config) { cfg.Allow = func(call.Number, string) error { return nil } })
	for range 5 {
		c, err := h.Dial(limit(t), trunk.Outgoing{To: outside})
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, run.out, h.log)
		}
		if c.Summary().Law != audio.ALaw {
			t.Errorf("law %v", c.Summary().Law)
		}
		// The hold comes after our ACK: the BYE cannot overtake that any more,
		// which UDP allows and the scenario would not forgive.
		if !receive(t, "the hold", c.Holds()) {
			t.Error("not held")
		}
		c.Hangup(call.Cause{By: call.BySystem, Reason: "done"})
	}
	if err := run.Wait(); err != nil {
		t.Errorf("sipp: %v\n%s\n%s", err, run.out, h.log)
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
	handle, _ := echoed()
	h := serve(t, "127.0.0.1", handle, change)
	h.sippTo(addrs["tcp"], "short.xml", "-m", "60", "-r", "30", "-l", "60", "-t", "t1")
	h.sippTo(addrs["tcp"], "short.xml", "-m", "60", "-r", "30", "-l", "60", "-t", "tn", "-max_socket", "100")
	h.sippTo(addrs["tcp"], "hold.xml", "-m", "1", "-t", "t1")
	if got := h.Stats(); got.Answered != 121 || len(got.Rejected) != 0 {
		t.Errorf("stats %+v, want 121 calls answered and none refused", got)
	}
}
