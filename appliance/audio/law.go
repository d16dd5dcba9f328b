// Package audio owns sound as this product keeps it: G.711 at 8 kHz, in
// immutable clips shared by all calls. It translates between the two G.711
// laws, reads and writes WAV files, makes test tones and finds them again. It
// knows nothing of RTP, calls or people.
package audio

import (
	"time"

	"github.com/zaf/g711"
)

// One frame is what a phone packet carries: 20 ms at 8 kHz.
const (
	SampleRate    = 8000
	FrameSamples  = 160
	FrameDuration = 20 * time.Millisecond
)

// Law is one of the two G.711 encodings. Its value is the static RTP payload
// type (RFC 3551 §6).
type Law uint8

// µ-law is spoken in North America, Japan and by every browser; A-law by the
// phone networks of the rest of the world.
const (
	MuLaw Law = 0
	ALaw  Law = 8
)

// String is the encoding name that SDP uses.
func (l Law) String() string {
	switch l {
	case MuLaw:
		return "PCMU"
	case ALaw:
		return "PCMA"
	}
	return "unknown"
}

// Silence is the byte that means "no sound" in this law.
func (l Law) Silence() byte {
	if l == ALaw {
		return 0xd5
	}
	return 0xff
}

// The tables are made once and never written again.
var (
	muToA   = byteTable(g711.Ulaw2AlawFrame)
	aToMu   = byteTable(g711.Alaw2UlawFrame)
	muToPCM = pcmTable(g711.DecodeUlawFrame)
	aToPCM  = pcmTable(g711.DecodeAlawFrame)
)

func byteTable(f func(byte) byte) *[256]byte {
	var t [256]byte
	for i := range t {
		t[i] = f(byte(i))
	}
	return &t
}

func pcmTable(f func(byte) int16) *[256]int16 {
	var t [256]int16
	for i := range t {
		t[i] = f(byte(i))
	}
	return &t
}

// Translate rewrites G.711 bytes in place from one law to the other. It is
// cheap enough to run on every packet of a call between two laws.
func Translate(encoded []byte, from, to Law) {
	if from == to {
		return
	}
	table := muToA
	if from == ALaw {
		table = aToMu
	}
	for i, b := range encoded {
		encoded[i] = table[b]
	}
}

// Decode turns G.711 bytes into linear samples.
func Decode(encoded []byte, law Law) []int16 {
	table := muToPCM
	if law == ALaw {
		table = aToPCM
	}
	pcm := make([]int16, len(encoded))
	for i, b := range encoded {
		pcm[i] = table[b]
	}
	return pcm
}

// Sample is one G.711 byte as a linear sample.
func (l Law) Sample(b byte) int16 {
	if l == ALaw {
		return aToPCM[b]
	}
	return muToPCM[b]
}

// Byte is one linear sample as a G.711 byte.
func (l Law) Byte(s int16) byte {
	if l == ALaw {
		return g711.EncodeAlawFrame(s)
	}
	return g711.EncodeUlawFrame(s)
}

// Encode turns linear samples into G.711 bytes.
func Encode(pcm []int16, law Law) []byte {
	encoded := make([]byte, len(pcm))
	for i, s := range pcm {
		if law == ALaw {
			encoded[i] = g711.EncodeAlawFrame(s)
		} else {
			encoded[i] = g711.EncodeUlawFrame(s)
		}
	}
	return encoded
}
