package media

import (
	"log/slog"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/pion/rtp"

	"hotline/appliance/audio"
)

// nowhere takes packets and forgets them.
type nowhere struct{}

func (nowhere) WriteRTP(*rtp.Header, []byte) error { return nil }

// TestNothingIsAllocatedPerPacket covers the clock, the receiver and the
// relay: garbage there would stall a thousand calls.
func TestNothingIsAllocatedPerPacket(t *testing.T) {
	p := NewPacer(slog.New(slog.DiscardHandler)) // not running: this test is the clock
	caller := newPhone(t)
	clip := audio.Tone(440, time.Hour/10, -10)
	for _, plain := range []bool{true, false} {
		e, _ := newUDPLeg(t, p, UDPConfig{Remote: caller.addr, Plain: plain})
		slot := int64(0)
		tick := func() { slot = p.tick(slot, slot*int64(slotLength)) + 1 }
		for _, from := range []string{"silence", "music", "clip"} {
			switch from {
			case "music":
				e.Music(clip)
			case "clip":
				e.out.play = &playback{clip: clip, done: make(chan struct{})}
			}
			if n := testing.AllocsPerRun(1000, tick); n != 0 {
				t.Errorf("plain %v, %s: a tick allocates %v times", plain, from, n)
			}
		}
		e.out.play = nil

		other := NewEndpoint(p, nowhere{}, Config{Law: audio.ALaw})
		sound := caller.packet(silentFrame)
		event := caller.event(1, caller.ts, 160, false)
		h, now := new(rtp.Header), int64(0)
		receive := func() {
			now += int64(10 * time.Millisecond)
			for _, b := range [][]byte{sound, event} {
				b[3]++ // the next sequence number
				b[0], b[1] = 0x80, b[1]&0x7f
				e.incoming(h, b, caller.addr, now)
			}
		}
		if n := testing.AllocsPerRun(1000, receive); n != 0 {
			t.Errorf("plain %v: receiving allocates %v times", plain, n)
		}
		Bridge(e, other)
		other.out.aimed = true
		if n := testing.AllocsPerRun(1000, receive); n != 0 {
			t.Errorf("plain %v: relaying allocates %v times", plain, n)
		}
		if s := other.Stats(); s.PacketsOut == 0 {
			t.Error("nothing was relayed")
		}
		e.Close()
	}
}

// TestReadingAllocatesNothing goes through the real socket.
func TestReadingAllocatesNothing(t *testing.T) {
	p := NewPacer(slog.New(slog.DiscardHandler))
	caller := newPhone(t)
	e, to := newUDPLeg(t, p, UDPConfig{Remote: caller.addr, Plain: true})
	sound := caller.packet(silentFrame)
	got := uint64(0)
	n := testing.AllocsPerRun(100, func() {
		sound[3]++
		caller.conn.WriteToUDPAddrPort(sound, to)
		got++
		for e.in.count() < got {
			runtime.Gosched() // AllocsPerRun leaves one processor for both
		}
	})
	if n != 0 {
		t.Errorf("reading a packet allocates %v times", n)
	}
}

func (in *input) count() uint64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.packets
}

func FuzzIncoming(f *testing.F) {
	say := newSpeaker(audio.MuLaw)
	f.Add(say.packet(silentFrame), say.packet(silentFrame), uint16(20))
	f.Add(say.event(1, 5, 0, false), say.event(1, 5, 480, true), uint16(0))
	f.Add([]byte{0xb0, 0x80, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0x10, 1, 2, 3, 9, 9, 2}, []byte{0x8f, 0}, uint16(900))
	f.Fuzz(func(t *testing.T, one, two []byte, ms uint16) {
		p := NewPacer(slog.New(slog.DiscardHandler))
		tr := &track{}
		a := NewEndpoint(p, &track{}, Config{DTMF: testDTMF})
		b := NewEndpoint(p, tr, Config{Law: audio.ALaw, DTMF: testDTMF})
		a.in.latching = false
		a.in.recorder = &recorder{longest: 8000}
		a.in.tones = new(toneDetector)
		Bridge(a, b)
		var buf [headerLength + audio.FrameSamples]byte
		now := int64(time.Second)
		for i, packet := range [][]byte{one, two, one, two} {
			a.incoming(new(rtp.Header), append([]byte(nil), packet...), netip.AddrPort{}, now)
			now += int64(ms) * int64(time.Millisecond)
			if i%2 == 1 {
				b.tick(now-now%frameLength, now, &buf)
			}
		}
		if n := len(a.in.recorder.sound); n > 8000 {
			t.Errorf("recorded %d samples, more than asked for", n)
		}
		for i, h := range tr.packets {
			if !sound(h) || len(h.payload) == 0 || h.header.SSRC != tr.packets[0].header.SSRC {
				t.Errorf("packet %d went out as %+v", i, h.header)
			}
		}
		a.Close()
		b.Close()
	})
}
