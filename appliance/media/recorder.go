package media

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"hotline/appliance/audio"
)

// Recorder writes a conversation as stereo µ-law at 8 kHz, two bytes for each
// moment: what one far end says on the left, what the others say on the right
// (audio.StereoWAV makes of it what players open). Sound is placed by its
// timestamps and aligned by the clock. The legs only leave copies of their
// packets; a goroutine of the recorder writes. A disk that stands still for
// longer than the copies last costs sound, never a caller's time.
type Recorder struct {
	w     io.Writer
	epoch time.Time

	mu     sync.Mutex // start, stop, and who is recorded
	sides  []*side
	closed bool
	stop   chan struct{}
	done   chan struct{} // nil while nobody was recorded

	// Of the writing goroutine, and of Stop when that has ended.
	at     int64 // samples written
	failed chan struct{}
	err    error
	buffer []byte

	once sync.Once
}

const (
	sideLength   = 1 << 15 // 4 s, a power of two
	settleAfter  = audio.SampleRate / 4
	recordEvery  = 250 * time.Millisecond
	stereoSample = 2
)

// side is what one leg says, on the time line of the recorder.
type side struct {
	right bool
	leg   *Endpoint // under the lock of the recorder; nil when the place is free

	mu      sync.Mutex // the last one taken
	ring    []byte     // µ-law; made with the first packet
	from    int64      // what was before has been written
	dropped uint64     // packets that found no room

	placed bool
	source uint32 // timestamp at sample base
	base   int64
	off    int64 // average distance to the clock, in 1/16 samples
	offset int64 // from the leg's clock to the recorder's, in ns
}

// NewRecorder makes a recorder that writes to w. The time line begins now.
func NewRecorder(w io.Writer) *Recorder {
	return &Recorder{w: w, epoch: time.Now(), stop: make(chan struct{}), failed: make(chan struct{})}
}

// Left records what these far ends say on the left and nobody else there;
// none is silence. It may be called again when others take their place.
func (r *Recorder) Left(legs ...*Endpoint) { r.listen(false, legs) }

// Right is Left for the other side.
func (r *Recorder) Right(legs ...*Endpoint) { r.listen(true, legs) }

// Failed is closed when nothing more can be written.
func (r *Recorder) Failed() <-chan struct{} { return r.failed }

func (r *Recorder) listen(right bool, legs []*Endpoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return // too late
	}
	for _, s := range r.sides {
		if s.right == right && s.leg != nil && !slices.Contains(legs, s.leg) {
			s.release()
		}
	}
	for _, e := range legs {
		if e != nil && !slices.ContainsFunc(r.sides, func(s *side) bool { return s.right == right && s.leg == e }) {
			r.take(right, e)
		}
	}
	if r.done == nil && len(r.sides) > 0 {
		r.buffer = make([]byte, stereoSample*settleAfter)
		r.done = make(chan struct{})
		go r.write()
	}
}

// take gives a leg a place, one that another leg has left where there is one.
func (r *Recorder) take(right bool, e *Endpoint) {
	at := slices.IndexFunc(r.sides, func(s *side) bool { return s.right == right && s.leg == nil })
	if at < 0 {
		r.sides = append(r.sides, &side{right: right, from: r.now()})
		at = len(r.sides) - 1
	}
	s := r.sides[at]
	s.leg = e
	s.mu.Lock()
	s.placed = false
	s.offset = int64(e.pacer.epoch.Sub(r.epoch))
	s.mu.Unlock()
	e.in.mu.Lock()
	e.in.taps = append(e.in.taps, s)
	e.adjustFilter()
	e.in.mu.Unlock()
}

// release frees the place. What the leg has said is still written.
func (s *side) release() {
	e := s.leg
	s.leg = nil
	e.in.mu.Lock()
	defer e.in.mu.Unlock()
	if at := slices.Index(e.in.taps, s); at >= 0 {
		e.in.taps = slices.Delete(e.in.taps, at, at+1)
	}
	e.adjustFilter()
}

// How far sound may be from where the clock says before the source's time
// line counts as a new one: late packets are normal, early ones are not.
const (
	tapLate  = audio.SampleRate / 2
	tapEarly = audio.SampleRate / 4
	tapDrift = 16 * audio.SampleRate / 100 // 10 ms on average
)

// restart forgets the source's time line.
func (s *side) restart() {
	s.mu.Lock()
	s.placed = false
	s.mu.Unlock()
}

// put keeps a copy of a packet.
func (s *side) put(ts uint32, payload []byte, law audio.Law, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ring == nil {
		s.ring = make([]byte, sideLength)
		pad(s.ring, audio.MuLaw)
	}
	// A packet comes when its last sample has been said.
	due := (now+s.offset)/tickLength - int64(len(payload))
	at := s.base + int64(int32(ts-s.source))
	if early := at - due; !s.placed || early > tapEarly || early < -tapLate {
		s.placed = true
		at = due
		s.off = 0
	} else if s.off += early - s.off/16; s.off > tapDrift || s.off < -tapDrift {
		// Its clock is a little faster or slower than ours: follow by a
		// sample. Nobody hears one missing or one said twice.
		if s.off > 0 {
			at--
		} else {
			if at >= s.from && len(payload) > 0 {
				s.ring[at%sideLength] = mulaw(payload[0], law)
			}
			at++
		}
	}
	s.source, s.base = ts, at
	if skip := s.from - at; skip > 0 {
		skip = min(skip, int64(len(payload))) // written already, as silence
		at, payload = at+skip, payload[skip:]
	}
	if at+int64(len(payload)) > s.from+sideLength {
		s.dropped++ // the disk does not follow
		return
	}
	for i, b := range payload {
		s.ring[(at+int64(i))%sideLength] = mulaw(b, law)
	}
}

func mulaw(b byte, law audio.Law) byte {
	one := [1]byte{b}
	audio.Translate(one[:], law, audio.MuLaw)
	return one[0]
}

// take moves the sound up to a moment into the side's half of the stereo bytes,
// which hold silence or what others on that side say.
func (s *side) take(stereo []byte, from, to int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.from = to }()
	if s.ring == nil {
		return
	}
	silence := audio.MuLaw.Silence()
	half := 0
	if s.right {
		half = 1
	}
	for i := max(from, s.from); i < to; i++ {
		b := &s.ring[i%sideLength]
		if *b == silence {
			continue
		}
		if at := &stereo[int(i-from)*stereoSample+half]; *at == silence {
			*at = *b
		} else {
			sum := int(audio.MuLaw.Sample(*at)) + int(audio.MuLaw.Sample(*b))
			*at = audio.MuLaw.Byte(int16(max(-32768, min(32767, sum))))
		}
		*b = silence
	}
}

// write is the goroutine of a recorder.
func (r *Recorder) write() {
	defer close(r.done)
	ticker := time.NewTicker(recordEvery)
	defer ticker.Stop()
	for r.err == nil {
		select {
		case <-r.stop:
			return
		case <-ticker.C:
			r.flush(r.now() - settleAfter)
		}
	}
}

func (r *Recorder) now() int64 { return int64(time.Since(r.epoch)) / tickLength }

// flush writes everything up to a moment.
func (r *Recorder) flush(to int64) {
	if r.err != nil || r.at >= to {
		return
	}
	r.mu.Lock()
	sides := slices.Clone(r.sides)
	r.mu.Unlock()
	for r.at < to {
		until := min(to, r.at+int64(len(r.buffer)/stereoSample))
		part := r.buffer[:int(until-r.at)*stereoSample]
		pad(part, audio.MuLaw)
		for _, s := range sides {
			s.take(part, r.at, until)
		}
		if _, err := r.w.Write(part); err != nil {
			r.err = fmt.Errorf("writing the recording: %w; what was said after %v is not in it", err, r.length().Round(time.Second))
			close(r.failed)
			return
		}
		r.at = until
	}
}

func (r *Recorder) length() time.Duration {
	return time.Duration(r.at) * time.Second / audio.SampleRate
}

// Stop ends the recording, writes what is left and returns how long it is. An
// error says that sound is missing; what was written before can be played.
func (r *Recorder) Stop() (time.Duration, error) {
	r.once.Do(func() {
		r.mu.Lock()
		r.closed = true
		close(r.stop)
		for _, s := range r.sides {
			if s.leg != nil {
				s.release()
			}
		}
		done := r.done
		r.mu.Unlock()
		if done != nil {
			<-done
			r.flush(r.now())
		}
	})
	return r.length(), r.err
}

// Dropped counts packets that are missing because the disk was too slow.
func (r *Recorder) Dropped() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var n uint64
	for _, s := range r.sides {
		s.mu.Lock()
		n += s.dropped
		s.mu.Unlock()
	}
	return n
}
