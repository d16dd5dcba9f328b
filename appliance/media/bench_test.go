package media

import (
	"log/slog"
	"strconv"
	"testing"

	"github.com/pion/rtp"

	"hotline/appliance/audio"
)

// BenchmarkPrompt is one packet of a prompt: what the clock does 50 times a
// second for every waiting caller, the system call included.
func BenchmarkPrompt(b *testing.B) {
	p := NewPacer(slog.New(slog.DiscardHandler))
	caller := newPhone(b)
	e, _ := newUDPLeg(b, p, UDPConfig{Remote: caller.addr})
	e.Music(audio.Tone(440, 10*1e9, -10))
	for slot := int64(0); b.Loop(); slot += slotCount {
		p.tick(slot, slot*int64(slotLength))
	}
}

// BenchmarkRelay is one packet of a conversation, from the bytes received to
// the packet sent, with a change of law on the way.
func BenchmarkRelay(b *testing.B) {
	p := NewPacer(slog.New(slog.DiscardHandler))
	caller, agent := newPhone(b), newPhone(b)
	from, _ := newUDPLeg(b, p, UDPConfig{Remote: caller.addr})
	to, _ := newUDPLeg(b, p, UDPConfig{Remote: agent.addr, Law: audio.ALaw})
	Bridge(from, to)
	h := new(rtp.Header)
	packet := caller.packet(silentFrame)
	for now := int64(1); b.Loop(); now += frameLength {
		say := rtp.Header{Version: 2, SequenceNumber: caller.seq, Timestamp: caller.ts, SSRC: caller.ssrc}
		if _, err := say.MarshalTo(packet); err != nil {
			b.Fatal(err)
		}
		caller.seq++
		caller.ts += frameTicks
		from.incoming(h, packet, caller.addr, now)
	}
	if s := to.Stats(); s.PacketsOut == 0 {
		b.Error("nothing was relayed")
	}
}

// BenchmarkRoom is 20 ms of a conversation in which all talk at once: every
// packet received, the mixing, every packet sent.
func BenchmarkRoom(b *testing.B) {
	for _, n := range []int{3, 6} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			c := newCrowd(b, n)
			b.ReportAllocs()
			for b.Loop() {
				c.step()
			}
		})
	}
}

// BenchmarkRelayRecorded is BenchmarkRelay with a recorder on.
func BenchmarkRelayRecorded(b *testing.B) {
	c := newCrowd(b, 2)
	c.room.Close()
	Bridge(c.legs[0], c.legs[1])
	r := NewRecorder(&disk{})
	r.Left(c.legs[0])
	r.Right(c.legs[1])
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.receive(i % 2)
		c.now += frameLength / 2
	}
	if _, err := r.Stop(); err != nil {
		b.Error(err)
	}
}
