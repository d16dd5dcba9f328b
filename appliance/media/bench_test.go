package media

import (
	"log/slog"
	"math/rand/v2"
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

// BenchmarkTones is one packet of a far end whose keys are tones: silence
// costs nothing, so this is speech.
func BenchmarkTones(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 1))
	pcm := make([]int16, frameTicks)
	for i := range pcm {
		pcm[i] = int16(3000 * random.NormFloat64())
	}
	payload := audio.Encode(pcm, audio.MuLaw)
	var d toneDetector
	b.ReportAllocs()
	for ts := uint32(0); b.Loop(); ts += frameTicks {
		if key, found := d.packet(ts, payload, audio.MuLaw); found {
			b.Fatalf("noise pressed %q", key)
		}
	}
}

// BenchmarkRelayEncrypted is BenchmarkRelay with encryption on both legs,
// that of the far end not counted.
func BenchmarkRelayEncrypted(b *testing.B) {
	const suite = "AES_CM_128_HMAC_SHA1_80"
	p := NewPacer(slog.New(slog.DiscardHandler))
	caller, agent := newPhone(b), newPhone(b)
	keys := &SRTP{Suite: suite, LocalKey: ourKey, RemoteKey: theirKey}
	from, _ := newUDPLeg(b, p, UDPConfig{Remote: caller.addr, SRTP: keys})
	to, _ := newUDPLeg(b, p, UDPConfig{Remote: agent.addr, Law: audio.ALaw, SRTP: keys})
	Bridge(from, to)
	far := newContext(b, suite, theirKey)
	h := new(rtp.Header)
	for now := int64(1); b.Loop(); now += frameLength {
		b.StopTimer()
		sealed, err := far.EncryptRTP(nil, caller.packet(silentFrame), nil)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		from.incoming(h, sealed, caller.addr, now)
	}
	if s := to.Stats(); s.PacketsOut == 0 {
		b.Error("nothing was relayed")
	}
}
