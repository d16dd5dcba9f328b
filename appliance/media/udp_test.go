package media

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"hotline/appliance/audio"
)

func TestOneStreamFromPromptToPersonToMusic(t *testing.T) {
	bothWays(t, func(t *testing.T, plain bool) {
		p := startPacer(t)
		caller, agent := newPhone(t), newPhone(t)
		a, toA := newUDPLeg(t, p, UDPConfig{Remote: caller.addr, Plain: plain})
		b, toB := newUDPLeg(t, p, UDPConfig{Remote: agent.addr, Law: audio.ALaw, Plain: plain})
		agent.pt = 8
		caller.say(toA)
		agent.say(toB)
		a.Music(audio.Tone(2000, time.Second, -10))
		if _, err := a.Play(t.Context(), audio.Tone(440, time.Second, -10), false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		c := Bridge(a, b)
		ticker := time.NewTicker(20 * time.Millisecond)
		for _, f := range frames(audio.Tone(1000, time.Second, -10), audio.ALaw, 20*time.Millisecond) {
			<-ticker.C
			agent.send(toB, agent.packet(f))
			caller.say(toA)
		}
		ticker.Stop()
		c.Close()
		time.Sleep(500 * time.Millisecond)

		packets := caller.take()
		checkStream(t, packets, noisy)
		if got, want := tonesInTurn(packets, 440, 1000, 2000), []float64{440, 2000, 1000, 2000}; !slices.Equal(got, want) {
			t.Errorf("the caller heard %v, want %v", got, want)
		}
	})
}

// tonesInTurn says which tone followed which, each for a fifth of a second at
// least. A machine that stalls may stretch them, but not mix them up.
func tonesInTurn(packets []heard, tones ...float64) []float64 {
	var order []float64
	last, run := 0.0, 0
	for _, h := range packets {
		pcm := audio.Decode(h.payload, audio.Law(h.header.PayloadType))
		now := 0.0
		for _, hz := range tones {
			if audio.ToneLevel(pcm, hz) > 0.9 {
				now = hz
			}
		}
		if now != last {
			last, run = now, 0
		}
		if run++; run == 10 && now != 0 && (len(order) == 0 || order[len(order)-1] != now) {
			order = append(order, now)
		}
	}
	return order
}

func TestStrangersAreNotHeard(t *testing.T) {
	bothWays(t, func(t *testing.T, plain bool) {
		p := startPacer(t)
		caller, stranger := newPhone(t), newPhone(t)
		e, to := newUDPLeg(t, p, UDPConfig{Remote: caller.addr, Plain: plain})
		caller.say(to)
		until(t, "the caller's packet", func() bool { return e.Stats().PacketsIn == 1 })
		for range 10 {
			// Sent without checking: a connected socket answers strangers
			// with ICMP, which the stranger's kernel reports as an error.
			stranger.conn.WriteToUDPAddrPort(stranger.event(1, stranger.ts, 160, false), to)
			stranger.ts += 1600
		}
		noKey(t, e)
		caller.press(to, 2)
		if k := key(t, e); k != '2' {
			t.Errorf("the caller's key is %q", k)
		}
		if !stranger.deaf() {
			t.Error("the stranger hears the call")
		}
		if !caller.hears() {
			t.Error("the caller hears nothing any more")
		}
		s := e.Stats()
		if s.PacketsIn != 2 || s.Locked == plain || plain && s.DroppedForeign != 10 {
			t.Errorf("statistics: %+v", s)
		}
	})
}

func TestACallerBehindNATIsFound(t *testing.T) {
	bothWays(t, func(t *testing.T, plain bool) {
		p := startPacer(t)
		caller, stranger := newPhone(t), newPhone(t)
		// The address in the SDP is private: nobody is there.
		e, to := newUDPLeg(t, p, UDPConfig{Remote: netip.MustParseAddrPort("127.0.0.77:4000"), Plain: plain})
		stranger.press(to, 1) // a single packet convinces nobody
		until(t, "the stranger's packet", func() bool { return e.Stats().DroppedForeign == 1 })
		for range probation {
			caller.say(to)
		}
		until(t, "the caller's packets", func() bool { return e.Stats().PacketsIn > 0 })
		if !caller.hears() {
			t.Error("the caller hears nothing")
		}
		caller.press(to, 2)
		if k := key(t, e); k != '2' {
			t.Errorf("key %q", k)
		}
	})
}

func TestAnotherPortOfTheSameHostIsBelieved(t *testing.T) {
	p := startPacer(t)
	caller := newPhone(t)
	wrongPort := netip.AddrPortFrom(caller.addr.Addr(), caller.addr.Port()^1)
	e, to := newUDPLeg(t, p, UDPConfig{Remote: wrongPort})
	caller.press(to, 3)
	if k := key(t, e); k != '3' {
		t.Errorf("the very first packet had key 3, got %q", k)
	}
	if !caller.hears() {
		t.Error("the caller hears nothing")
	}
}

// Of a forked call the phone that lost may speak from the host of the one that
// answered, and sooner. The one that answered is believed as soon as it speaks
// from where it said it would, and nobody else after that.
func TestALosingForkIsNotKept(t *testing.T) {
	bothWays(t, func(t *testing.T, plain bool) {
		p := startPacer(t)
		first, winner, loser := newPhone(t), newPhone(t), newPhone(t)
		winner.ssrc, loser.ssrc = 8, 9
		e, to := newUDPLeg(t, p, UDPConfig{Remote: first.addr, Plain: plain})
		first.say(to) // an announcement before the answer
		until(t, "the announcement", func() bool { return e.Stats().PacketsIn == 1 })
		e.Update(winner.addr, false)
		loser.press(to, 1)
		if k := key(t, e); k != '1' {
			t.Fatalf("the loser is not heard at first: this test cannot fail (key %q)", k)
		}
		winner.press(to, 2)
		if k := key(t, e); k != '2' {
			t.Errorf("the winner's key is %q", k)
		}
		if !winner.hears() {
			t.Error("the winner hears nothing")
		}
		loser.conn.WriteToUDPAddrPort(loser.event(3, loser.ts+1600, 160, false), to)
		for range longProbation {
			first.say(to)
		}
		noKey(t, e)
		winner.press(to, 4)
		if k := key(t, e); k != '4' {
			t.Errorf("after the loser's last words the winner's key is %q", k)
		}
		if e.Stats().Locked == plain {
			t.Error("the leg is not locked to the winner")
		}
	})
}

func TestNoAddressAtAll(t *testing.T) {
	p := startPacer(t)
	caller := newPhone(t)
	e, to := newUDPLeg(t, p, UDPConfig{})
	for range probation {
		caller.say(to)
	}
	until(t, "the caller's packets", func() bool { return e.Stats().PacketsIn > 0 })
	if !caller.hears() {
		t.Error("the caller hears nothing")
	}
}

func TestTheFarEndMoves(t *testing.T) {
	bothWays(t, func(t *testing.T, plain bool) {
		p := startPacer(t)
		before, after := newPhone(t), newPhone(t)
		e, to := newUDPLeg(t, p, UDPConfig{Remote: before.addr, Plain: plain})
		before.say(to)
		until(t, "the first packet", func() bool { return e.Stats().PacketsIn == 1 })
		e.Update(after.addr, false)
		before.press(to, 1) // a straggler must not catch the leg again
		after.ssrc = 8
		after.press(to, 2)
		if k := key(t, e); k != '2' {
			t.Errorf("after the move key %q", k)
		}
		if !after.hears() {
			t.Error("the new address hears nothing")
		}
		if !before.deaf() {
			t.Error("the old address still hears the call")
		}
		before.conn.WriteToUDPAddrPort(before.event(1, before.ts, 160, false), to)
		noKey(t, e)
		// And back again, as after a hold.
		e.Update(before.addr, false)
		before.press(to, 4)
		if k := key(t, e); k != '4' {
			t.Errorf("after moving back key %q", k)
		}
	})
}

func TestOnlyListenersGetTheSound(t *testing.T) {
	p := startPacer(t)
	caller := newPhone(t)
	e, to := newUDPLeg(t, p, UDPConfig{Remote: caller.addr})
	caller.say(to)
	until(t, "the filter", func() bool { return e.Stats().Sampled })
	for range 1000 {
		caller.say(to)
	}
	caller.press(to, 5)
	if k := key(t, e); k != '5' {
		t.Errorf("key %q", k)
	}
	if s := e.Stats(); s.PacketsIn < 1000/sampleEvery || s.PacketsIn > 1000/sampleEvery+5 || s.LostIn != 0 || s.LastIn.IsZero() {
		t.Errorf("while nobody listens: %+v", s)
	}
	// Comfort noise tells that a caller who says nothing is alive.
	before := e.Stats().PacketsIn
	caller.pt = 13
	for range 10 {
		caller.say(to)
	}
	caller.pt = 0
	until(t, "all comfort noise", func() bool { return e.Stats().PacketsIn == before+10 })
	// Now somebody does.
	for range 2 {
		recorded := make(chan *audio.Clip)
		go func() {
			clip, _, _ := e.Record(context.Background(), 10*time.Second, "#")
			recorded <- clip
		}()
		until(t, "the recorder", func() bool {
			caller.say(to)
			e.in.mu.Lock()
			defer e.in.mu.Unlock()
			return e.in.recorder != nil && len(e.in.recorder.sound) > 0 && p.now() > e.in.settled
		})
		for _, f := range frames(audio.Tone(440, time.Second, -10), audio.MuLaw, 20*time.Millisecond) {
			caller.send(to, caller.packet(f))
		}
		caller.press(to, 11)
		pcm := (<-recorded).PCM()
		if level := audio.ToneLevel(pcm[max(0, len(pcm)-8000):], 440); level < 0.98 {
			t.Errorf("the recording has %.2f of the tone", level)
		}
		for range 100 {
			caller.say(to)
		}
	}
	if s := e.Stats(); s.LostIn != 0 {
		t.Errorf("what nobody listened to counts as lost: %d", s.LostIn)
	}
}

func TestRTCPAndJunkOnTheVoicePort(t *testing.T) {
	p := startPacer(t)
	caller := newPhone(t)
	e, to := newUDPLeg(t, p, UDPConfig{Remote: caller.addr, Plain: true})
	caller.send(to, []byte{0x80, 200, 0, 1, 0, 0, 0, 1}) // sender report
	caller.send(to, []byte{0x80, 203, 0, 1, 0, 0, 0, 1}) // bye: believed by nobody
	caller.send(to, []byte("hello"))
	caller.send(to, nil)
	caller.pt = 9
	caller.say(to)
	caller.pt = 0
	caller.press(to, 1)
	if k := key(t, e); k != '1' {
		t.Errorf("key %q", k)
	}
	if s := e.Stats(); s.PacketsIn != 1 || s.DroppedInvalid != 3 {
		t.Errorf("statistics: %+v", s)
	}
}

func TestAFarEndThatIsNotThere(t *testing.T) {
	p := startPacer(t)
	caller := newPhone(t)
	e, to := newUDPLeg(t, p, UDPConfig{Remote: caller.addr})
	caller.say(to)
	until(t, "the packet", func() bool { return e.Stats().PacketsIn == 1 })
	caller.conn.Close() // every packet is answered with ICMP now
	if _, err := e.Play(t.Context(), audio.Silence(300*time.Millisecond), false); err != nil {
		t.Fatal(err)
	}
	// Signalling decides what that means; the stream goes on.
	if s := e.Stats(); s.PacketsOut+s.FailedOut < 15 {
		t.Errorf("300 ms of a clip to nobody: %+v", s)
	}
}

func TestLossAndJitterAreCounted(t *testing.T) {
	p := startPacer(t)
	caller := newPhone(t)
	e, to := newUDPLeg(t, p, UDPConfig{Remote: caller.addr, Plain: true})
	for i := range 50 {
		b := caller.packet(silentFrame)
		if i%10 != 5 {
			caller.send(to, b)
		}
	}
	until(t, "45 packets", func() bool { return e.Stats().PacketsIn == 45 })
	s := e.Stats()
	if s.LostIn != 5 {
		t.Errorf("lost 5, counted %d", s.LostIn)
	}
	if s.Jitter < time.Millisecond {
		t.Errorf("packets of 20 ms came all at once, jitter %v", s.Jitter)
	}
}

func TestCloseIsQuickAndFinal(t *testing.T) {
	p := startPacer(t)
	caller := newPhone(t)
	e, to := newUDPLeg(t, p, UDPConfig{Remote: caller.addr, Plain: true})
	// A flood that keeps the reader busy.
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				caller.conn.WriteToUDPAddrPort(silentFrame, to)
			}
		}
	}()
	until(t, "the flood", func() bool { return e.Stats().DroppedInvalid > 100 })
	began := time.Now()
	e.Close()
	e.Close()
	if took := time.Since(began); took > patience/2 {
		t.Errorf("Close took %v", took)
	}
	close(stop)
	<-stopped
	e.Start() // too late, and harmless
	if n := p.Stats().Legs; n != 0 {
		t.Errorf("%d legs on the clock after Close", n)
	}
	never := NewUDP(p, must(net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})), UDPConfig{})
	never.Close()
}
