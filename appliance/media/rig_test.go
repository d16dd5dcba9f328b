package media

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"hotline/appliance/audio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// heard is one packet as the far end got it.
type heard struct {
	at      time.Time
	header  rtp.Header
	payload []byte
}

// track is the far end of an endpoint without a socket: it keeps everything.
type track struct {
	mu      sync.Mutex
	packets []heard
	before  func(n int) // called before packet n is taken; set before Start
}

func (tr *track) WriteRTP(h *rtp.Header, payload []byte) error {
	at := time.Now()
	if tr.before != nil {
		tr.before(tr.count())
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.packets = append(tr.packets, heard{at, *h, slices.Clone(payload)})
	return nil
}

func (tr *track) count() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return len(tr.packets)
}

// last is the newest packet.
func (tr *track) last() heard {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.packets[len(tr.packets)-1]
}

// take returns what came since the last take.
func (tr *track) take() []heard {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	packets := tr.packets
	tr.packets = nil
	return packets
}

// startPacer runs a pacer until the test ends.
func startPacer(t testing.TB) *Pacer {
	t.Helper()
	p := NewPacer(slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("pacer: %v", err)
		}
	})
	return p
}

const testDTMF = 101

func newLeg(t testing.TB, p *Pacer, law audio.Law) (*Endpoint, *track) {
	t.Helper()
	tr := &track{}
	e := NewEndpoint(p, tr, Config{Law: law, DTMF: testDTMF})
	e.Start()
	t.Cleanup(func() { e.Close() })
	return e, tr
}

// speaker is the stream a far end sends.
type speaker struct {
	pt   uint8
	seq  uint16
	ts   uint32
	ssrc uint32
}

func newSpeaker(law audio.Law) *speaker {
	return &speaker{pt: uint8(law), seq: 65530, ts: 0xfffffc00, ssrc: 7} // both about to wrap
}

// packet is the next packet of the stream.
func (s *speaker) packet(payload []byte) []byte {
	h := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: s.pt, SequenceNumber: s.seq, Timestamp: s.ts, SSRC: s.ssrc}, Payload: payload}
	b, err := h.Marshal()
	if err != nil {
		panic(err)
	}
	s.seq++
	s.ts += uint32(len(payload))
	return b
}

// event is a telephone-event packet at the current time of the stream.
func (s *speaker) event(code byte, ts uint32, duration uint16, end bool) []byte {
	flags := byte(10)
	if end {
		flags |= 0x80
	}
	h := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: testDTMF, SequenceNumber: s.seq, Timestamp: ts, SSRC: s.ssrc},
		Payload: []byte{code, flags, byte(duration >> 8), byte(duration)}}
	b, err := h.Marshal()
	if err != nil {
		panic(err)
	}
	s.seq++
	return b
}

// frames cuts a clip into packets of the given length.
func frames(c *audio.Clip, law audio.Law, length time.Duration) [][]byte {
	n := int(length * audio.SampleRate / time.Second)
	var out [][]byte
	for chunk := range slices.Chunk(c.Encoded(law), n) {
		out = append(out, chunk)
	}
	return out
}

// noisy is the tolerance of a test with real sockets: how well time is kept, those
// without them look at.
const noisy = 10 * time.Second

// checkStream asserts what every receiver relies on: one source, numbers
// without gaps, time that never goes back over what was sent, and time that
// follows the wall clock within tolerance. Over real sockets of a noisy machine
// packets may come late or be lost: then time has room for them.
func checkStream(t *testing.T, packets []heard, tolerance time.Duration) {
	t.Helper()
	for i := 1; i < len(packets); i++ {
		a, b := packets[i-1], packets[i]
		if a.header.SSRC != b.header.SSRC {
			t.Fatalf("packet %d: the source changed from %x to %x", i, a.header.SSRC, b.header.SSRC)
		}
		lost := int32(b.header.SequenceNumber - a.header.SequenceNumber - 1)
		if lost != 0 && (tolerance < noisy || lost > 10 || int32(b.header.Timestamp-a.header.Timestamp) < (lost+1)*frameTicks) {
			t.Fatalf("packet %d: sequence number %d after %d", i, b.header.SequenceNumber, a.header.SequenceNumber)
		}
		step := int32(b.header.Timestamp - a.header.Timestamp)
		if sound(a) && sound(b) && step < int32(len(a.payload)) {
			t.Fatalf("packet %d (marker %v): time advanced by %d over a packet of %d", i, b.header.Marker, step, len(a.payload))
		}
		rtpTime := time.Duration(int32(b.header.Timestamp-packets[0].header.Timestamp)) * time.Second / audio.SampleRate
		wall := b.at.Sub(packets[0].at)
		if off := rtpTime - wall; sound(b) && off.Abs() > tolerance {
			t.Fatalf("packet %d: its time is %v, the clock says %v", i, rtpTime, wall)
		}
	}
}

var noAddr netip.AddrPort

func sound(h heard) bool { return h.header.PayloadType == 0 || h.header.PayloadType == 8 }

// listen joins what was sent to one sound, gaps filled by timestamp.
func listen(packets []heard) []int16 {
	var pcm []int16
	if len(packets) == 0 {
		return nil
	}
	base := packets[0].header.Timestamp
	for _, p := range packets {
		if !sound(p) {
			continue
		}
		at := int(int32(p.header.Timestamp - base))
		part := audio.Decode(p.payload, audio.Law(p.header.PayloadType))
		for len(pcm) < at+len(part) {
			pcm = append(pcm, 0)
		}
		copy(pcm[at:], part)
	}
	return pcm
}
