package trunk_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"hotline/appliance/proof"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
)

// Strangers send 800 packets a second, to the signalling and to the sound of
// the calls, while the box has as many calls as it may. Nobody loses their
// sound, nothing is answered, and a new caller of the trunk still hears why
// there is no room. How long the longest gap in the sound is, is measured beside
// the gap without them: a busy machine has gaps of its own.
func TestAFloodOfStrangersIsNotHeard(t *testing.T) {
	calls, lasts := proof.Rounds(10, 200), time.Duration(proof.Rounds(1, 20))*time.Second
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+2*lasts)
	defer cancel()
	friend := netip.MustParseAddr("127.0.0.2")
	h := serve(t, "127.0.0.1", answering, func(cfg *trunk.Config) {
		cfg.Peers, cfg.MaxCalls = []netip.Prefix{netip.PrefixFrom(friend, 32)}, calls
	})
	local := func(cfg *phone.Config) { cfg.Local = friend }
	var up []*phone.Call
	for range calls {
		up = append(up, h.dial(ctx, local))
	}
	for _, c := range up {
		if err := c.WaitTone(ctx, 440); err != nil {
			t.Fatal(err)
		}
	}
	quiet := gapsOf(up, time.Now(), pauseFor(ctx, lasts))
	began := time.Now()
	flooded, stop := context.WithTimeout(ctx, lasts)
	defer stop()
	sent := flood(t, flooded, h, up)
	loud := gapsOf(up, began, time.Now())
	for _, c := range up {
		if c.FarHungUp() {
			t.Error("a call ended in the flood")
		}
		if err := c.WaitTone(ctx, 440); err != nil {
			t.Errorf("a call lost its sound in the flood: %v", err)
		}
	}
	if _, err := phone.Dial(ctx, h.phone(local)); err == nil {
		t.Error("there is room for one more call than there may be")
	}
	if dropped := h.Stats().Dropped; dropped < uint64(sent)/20 { // a busy machine reads little of it
		t.Errorf("%d packets of strangers were dropped, %d sent", dropped, sent)
	}
	// The control: a gap that is there is found.
	now := time.Now()
	if g := between([]phone.Packet{{At: now}, {At: now.Add(300 * time.Millisecond)}}, now, now.Add(time.Second)); len(g) != 1 || g[0] != 300*time.Millisecond {
		t.Errorf("a gap of 300 ms is measured as %v", g)
	}
	proof.Note(t, proof.Result{Promise: "flood", Figure: fmt.Sprintf("%d calls, all that may be, and %.0f packets of strangers a second for %v: gaps in the sound %v; without the flood %v",
		calls, float64(sent)/lasts.Seconds(), lasts, loud, quiet), Control: "a gap that is put in is found"})
}

// pauseFor waits and returns when it has.
func pauseFor(ctx context.Context, d time.Duration) time.Time {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return time.Now()
}

// flood sends until ctx ends and says how many packets it sent.
func flood(t *testing.T, ctx context.Context, h *hotline, up []*phone.Call) (sent int) {
	t.Helper()
	stranger, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 3)})
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	to := []netip.AddrPort{h.addr}
	for _, c := range up {
		to = append(to, c.FarRTP())
	}
	invite := []byte((&raw{t: t, conn: stranger}).fill(withSDP(inviteHead, offer)))
	voice := append([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7}, make([]byte, 160)...)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = stranger.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if n, err := stranger.Read(make([]byte, 2000)); err == nil {
				t.Errorf("a stranger was answered with %d bytes", n)
			}
			return sent
		case <-tick.C:
			for range 8 {
				packet, at := voice, to[1+sent%(len(to)-1)]
				if sent%2 == 0 {
					packet, at = invite, to[0]
				}
				if _, err := stranger.WriteToUDPAddrPort(packet, at); err == nil {
					sent++
				}
			}
		}
	}
}

// gaps are the times between packets, in order of their length.
type gaps []time.Duration

func (g gaps) String() string {
	if len(g) == 0 {
		return "none"
	}
	return fmt.Sprintf("99.9 %%: %v, longest: %v", g[len(g)*999/1000].Round(time.Millisecond), g[len(g)-1].Round(time.Millisecond))
}

func gapsOf(up []*phone.Call, from, to time.Time) gaps {
	var all gaps
	for _, c := range up {
		all = append(all, between(c.HeardPackets(), from, to)...)
	}
	slices.Sort(all)
	return all
}

func between(heard []phone.Packet, from, to time.Time) (all gaps) {
	var last time.Time
	for _, p := range heard {
		if p.At.Before(from) || p.At.After(to) {
			continue
		}
		if !last.IsZero() {
			all = append(all, p.At.Sub(last))
		}
		last = p.At
	}
	return all
}
