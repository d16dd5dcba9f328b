package phone

import (
	"testing"
	"time"

	"github.com/pion/rtp"

	"hotline/appliance/audio"
)

func packet(seq uint16, ts, ssrc uint32, value byte) *rtp.Packet {
	payload := make([]byte, audio.FrameSamples)
	for i := range payload {
		payload[i] = value
	}
	return &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: ts, SSRC: ssrc}, Payload: payload}
}

func TestRecordFollowsTimestamps(t *testing.T) {
	loud := audio.Decode([]byte{0x80}, audio.MuLaw)[0]
	r := record{keep: 100 * audio.FrameSamples}
	first := uint32(1<<32 - 160) // wraps
	r.add(packet(1, first, 7, 0x80), time.Now())
	r.add(packet(4, first+3*160, 7, 0x80), time.Now())
	r.add(packet(3, first+2*160, 7, 0x80), time.Now()) // late, and the one before it lost
	r.add(packet(9, first+1<<30, 7, 0x80), time.Now()) // out of nowhere
	r.add(packet(1, 5000, 8, 0x80), time.Now())        // another source
	if len(r.pcm) != 5*160 {
		t.Fatalf("%d samples, want 5 frames", len(r.pcm))
	}
	for i, want := range []int16{loud, 0, loud, loud, loud} {
		if got := r.pcm[i*160+80]; got != want {
			t.Errorf("frame %d is %d, want %d", i, got, want)
		}
	}
}

func TestRecordForgets(t *testing.T) {
	r := record{keep: 10 * audio.FrameSamples}
	for i := range 1000 {
		r.add(packet(uint16(i), uint32(i*160), 7, 0x80), time.Now())
	}
	if len(r.pcm) > 20*160 || len(r.pcm) < 10*160 || len(r.packets) > 200 {
		t.Errorf("%d samples and %d packets are kept", len(r.pcm), len(r.packets))
	}
	for i, v := range r.pcm {
		if v == 0 {
			t.Fatalf("sample %d got lost in forgetting", i)
		}
	}
}
