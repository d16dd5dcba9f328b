package audio

import (
	"bytes"
	"math"
	"sync"
	"time"
)

// Clip is a piece of sound that never changes, so any number of calls can
// play the same one at the same time without copying it.
type Clip struct {
	mu []byte

	aOnce sync.Once
	a     []byte
}

// NewClip makes a clip of µ-law bytes. The bytes are copied.
func NewClip(mulaw []byte) *Clip { return &Clip{mu: bytes.Clone(mulaw)} }

// FromPCM makes a clip of linear samples at 8 kHz.
func FromPCM(pcm []int16) *Clip { return &Clip{mu: Encode(pcm, MuLaw)} }

// MuLaw is the sound in µ-law. The caller must not change it.
func (c *Clip) MuLaw() []byte {
	if c == nil {
		return nil
	}
	return c.mu
}

// Encoded is the sound in the given law. The caller must not change it. The
// A-law form is computed when first asked for and kept.
func (c *Clip) Encoded(law Law) []byte {
	if c == nil {
		return nil
	}
	if law != ALaw {
		return c.mu
	}
	c.aOnce.Do(func() {
		c.a = bytes.Clone(c.mu)
		Translate(c.a, MuLaw, ALaw)
	})
	return c.a
}

// Duration is how long the clip sounds.
func (c *Clip) Duration() time.Duration {
	return time.Duration(len(c.MuLaw())) * time.Second / SampleRate
}

// PCM is the sound as linear samples at 8 kHz, in a new slice.
func (c *Clip) PCM() []int16 { return Decode(c.MuLaw(), MuLaw) }

// Concat joins clips. Nil clips count as empty.
func Concat(clips ...*Clip) *Clip {
	var mu []byte
	for _, c := range clips {
		mu = append(mu, c.MuLaw()...)
	}
	return &Clip{mu: mu}
}

// Silence is a clip without sound.
func Silence(d time.Duration) *Clip {
	return &Clip{mu: bytes.Repeat([]byte{MuLaw.Silence()}, samples(d))}
}

// Tone is a pure tone, its peak dBFS below full scale (0 is as loud as it
// goes, -20 is comfortable).
func Tone(hz float64, d time.Duration, dBFS float64) *Clip {
	pcm := make([]int16, samples(d))
	peak := math.MaxInt16 * math.Pow(10, min(dBFS, 0)/20)
	for i := range pcm {
		pcm[i] = int16(peak * math.Sin(2*math.Pi*hz*float64(i)/SampleRate))
	}
	return FromPCM(pcm)
}

func samples(d time.Duration) int {
	return int(max(d, 0) * SampleRate / time.Second)
}

// toneBlock is 50 ms: long enough to tell tones 20 Hz apart, short enough
// that a gap in the sound spoils one block and not the whole measurement.
const toneBlock = 400

// ToneLevel is the share (0 to 1) of the sound's energy that lies at hz. It
// runs the Goertzel algorithm over blocks of 50 ms.
func ToneLevel(pcm []int16, hz float64) float64 {
	var at, all float64
	for len(pcm) > 0 {
		block := pcm[:min(toneBlock, len(pcm))]
		pcm = pcm[len(block):]
		a, e := goertzel(block, hz)
		at += a
		all += e
	}
	if all == 0 {
		return 0
	}
	return min(at/all, 1)
}

func goertzel(block []int16, hz float64) (at, all float64) {
	omega := 2 * math.Pi * hz / SampleRate
	coefficient := 2 * math.Cos(omega)
	var s1, s2 float64
	for _, v := range block {
		x := float64(v)
		all += x * x
		s1, s2 = x+coefficient*s1-s2, s1
	}
	power := s1*s1 + s2*s2 - coefficient*s1*s2
	return 2 * power / float64(len(block)), all
}
