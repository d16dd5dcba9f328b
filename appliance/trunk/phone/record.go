package phone

import (
	"errors"
	"math"
	"net"
	"slices"
	"time"

	"github.com/pion/rtp"

	"hotline/appliance/audio"
)

// Packet is what is remembered of a packet that was received.
type Packet struct {
	At      time.Time
	Seq     uint16
	TS      uint32
	SSRC    uint32
	PT      uint8
	Marker  bool
	Payload int // bytes
}

// record is what the phone has heard.
type record struct {
	keep    int // samples
	packets []Packet
	pcm     []int16
	origin  uint32 // timestamp of pcm[0]
	before  int    // samples that were forgotten
	ssrc    uint32
	begun   bool
	last    time.Time
	// Since the last key was pressed: whether something was heard, and how many
	// samples of silence came after it.
	words bool
	still int
}

func (s *sound) listen() {
	buffer := make([]byte, 2048)
	for {
		n, err := s.conn.Read(buffer)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue // an ICMP answer to a packet of ours
		}
		var p rtp.Packet
		s.mu.Lock()
		if raw, ok := s.open(buffer[:n]); ok && p.Unmarshal(raw) == nil {
			s.record.add(&p, time.Now())
		}
		s.mu.Unlock()
	}
}

// add puts a packet at the place its timestamp says.
func (r *record) add(p *rtp.Packet, now time.Time) {
	r.packets = append(r.packets, Packet{At: now, Seq: p.SequenceNumber, TS: p.Timestamp, SSRC: p.SSRC,
		PT: p.PayloadType, Marker: p.Marker, Payload: len(p.Payload)})
	if limit := max(r.keep/audio.FrameSamples, 100); len(r.packets) > 2*limit {
		r.packets = slices.Clone(r.packets[len(r.packets)-limit:])
	}
	if p.PayloadType != uint8(audio.MuLaw) && p.PayloadType != uint8(audio.ALaw) {
		return
	}
	r.last = now
	if !r.begun || p.SSRC != r.ssrc {
		r.begun, r.ssrc = true, p.SSRC
		r.origin = p.Timestamp - uint32(len(r.pcm))
	}
	at := int(int32(p.Timestamp - r.origin))
	end := at + len(p.Payload)
	if at < 0 || end > len(r.pcm)+r.keep {
		return // older than what is kept, or a timestamp out of nowhere
	}
	if end > len(r.pcm) {
		r.pcm = append(r.pcm, make([]int16, end-len(r.pcm))...)
	}
	heard := audio.Decode(p.Payload, audio.Law(p.PayloadType))
	copy(r.pcm[at:], heard)
	if rms(heard) > audible {
		r.words, r.still = true, 0
	} else {
		r.still += len(heard)
	}
	if excess := len(r.pcm) - 2*r.keep; excess > 0 {
		r.pcm = slices.Clone(r.pcm[len(r.pcm)-r.keep:])
		r.origin += uint32(excess + r.keep)
		r.before += excess + r.keep
	}
}

func (s *sound) heard() []int16 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.record.pcm)
}

func (s *sound) packets() []Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.record.packets)
}

// window is how much of the recent sound a judgement rests on.
const window = 240 * time.Millisecond

// audible is the level, as RMS of 16-bit samples, above which there is sound.
const audible = 100

// windowSamples are those of a window.
var windowSamples = int(window.Seconds() * audio.SampleRate)

func (s *sound) recent() (pcm []int16, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.record.pcm) < windowSamples {
		return nil, false
	}
	return slices.Clone(s.record.pcm[len(s.record.pcm)-windowSamples:]), time.Since(s.record.last) < window
}

// place is where the window begins that the next packet completes.
func (s *sound) place() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record.before + max(0, len(s.record.pcm)+audio.FrameSamples-windowSamples)
}

// hears looks for a tone in every window from a place on, and says where the next
// one begins.
func (s *sound) hears(hz float64, at int) (heard bool, next int) {
	s.mu.Lock()
	at = max(at, s.record.before)
	pcm := slices.Clone(s.record.pcm[min(at-s.record.before, len(s.record.pcm)):])
	s.mu.Unlock()
	for ; len(pcm) >= windowSamples; at, pcm = at+audio.FrameSamples, pcm[audio.FrameSamples:] {
		if part := pcm[:windowSamples]; rms(part) > audible && audio.ToneLevel(part, hz) > 0.6 {
			return true, at
		}
	}
	return false, at
}

func (s *sound) quiet() bool {
	pcm, fresh := s.recent()
	return !fresh || rms(pcm) < audible
}

// pauseAfterWords is longer than any pause inside what is said, and shorter
// than a dialogue waits for a key.
const pauseAfterWords = time.Second

// spoken tells whether words were heard since the last key and have ended. It
// counts the sound itself: a machine that is late makes nobody impatient.
func (s *sound) spoken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record.words && s.record.still >= int(pauseAfterWords.Seconds()*audio.SampleRate)
}

func rms(pcm []int16) float64 {
	var sum float64
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(max(len(pcm), 1)))
}
