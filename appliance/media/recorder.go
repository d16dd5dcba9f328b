package media

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"hotline/appliance/audio"
)

// Recorder writes a conversation into a stereo WAV file, 16 bits at 8 kHz: what
// one far end says on the left, what the other says on the right. Sound is
// placed by its timestamps and aligned by the clock. The legs only leave copies
// of their packets; a goroutine of the recorder writes. A disk that stands
// still for longer than the copies last costs sound, never a caller's time.
type Recorder struct {
	w     io.WriteSeeker
	epoch time.Time
	sides [2]side

	mu   sync.Mutex // start, stop, and who is recorded
	legs [2]*Endpoint
	stop chan struct{}
	done chan struct{}

	// Of the writing goroutine, and of Stop when that has ended.
	at     int64 // samples written
	patch  int64 // samples that the header speaks of
	err    error
	buffer []byte

	once sync.Once
}

const (
	sideLength   = 1 << 15 // 4 s, a power of two
	settleAfter  = audio.SampleRate / 4
	recordEvery  = 250 * time.Millisecond
	patchEvery   = audio.SampleRate
	wavHeader    = 44
	stereoSample = 4
)

// side is what one leg says, on the time line of the recorder.
type side struct {
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

// NewRecorder makes a recorder. The time line begins now; the file stays the
// caller's to close after Stop.
func NewRecorder(w io.WriteSeeker) *Recorder {
	return &Recorder{w: w, epoch: time.Now(), stop: make(chan struct{}), done: make(chan struct{})}
}

// Left records what the far end of e says on the left; nil is silence. It may
// be called again: another leg takes the place.
func (r *Recorder) Left(e *Endpoint) { r.listen(0, e) }

// Right is Left for the other side.
func (r *Recorder) Right(e *Endpoint) { r.listen(1, e) }

func (r *Recorder) listen(i int, e *Endpoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.stop:
		return // too late
	default:
	}
	if r.buffer == nil {
		r.buffer = make([]byte, stereoSample*settleAfter)
		go r.write()
	}
	r.attach(i, e)
}

// attach changes who is recorded on a side, under the lock.
func (r *Recorder) attach(i int, e *Endpoint) {
	s, old := &r.sides[i], r.legs[i]
	if old == e {
		return
	}
	if old != nil {
		old.in.mu.Lock()
		if at := slices.Index(old.in.taps, s); at >= 0 {
			old.in.taps = slices.Delete(old.in.taps, at, at+1)
		}
		old.adjustFilter()
		old.in.mu.Unlock()
	}
	r.legs[i] = e
	if e == nil {
		return
	}
	s.mu.Lock()
	s.placed = false
	s.offset = int64(e.pacer.epoch.Sub(r.epoch))
	s.mu.Unlock()
	e.in.mu.Lock()
	e.in.taps = append(e.in.taps, s)
	e.adjustFilter()
	e.in.mu.Unlock()
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

// take moves the sound up to a moment into every other sample of pcm.
func (s *side) take(pcm []byte, to int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := s.from; i < to; i++ {
		at := int(i-s.from) * stereoSample
		if s.ring == nil {
			pcm[at], pcm[at+1] = 0, 0
			continue
		}
		b := &s.ring[i%sideLength]
		binary.LittleEndian.PutUint16(pcm[at:], uint16(audio.MuLaw.Sample(*b)))
		*b = audio.MuLaw.Silence()
	}
	s.from = to
}

// write is the goroutine of a recorder.
func (r *Recorder) write() {
	defer close(r.done)
	r.header()
	ticker := time.NewTicker(recordEvery)
	defer ticker.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-ticker.C:
			r.flush(r.now() - settleAfter)
			if r.at-r.patch >= patchEvery {
				r.header()
			}
		}
	}
}

func (r *Recorder) now() int64 { return int64(time.Since(r.epoch)) / tickLength }

// flush writes everything up to a moment.
func (r *Recorder) flush(to int64) {
	for r.err == nil && r.at < to {
		until := min(to, r.at+int64(len(r.buffer)/stereoSample))
		part := r.buffer[:int(until-r.at)*stereoSample]
		r.sides[0].take(part, until)
		r.sides[1].take(part[2:], until)
		if _, err := r.w.Write(part); err != nil {
			r.fail(err)
			return
		}
		r.at = until
	}
}

// header writes the beginning of the file with the sizes of now, so that what
// is there can be played even if the end never comes.
func (r *Recorder) header() {
	if r.err != nil {
		return
	}
	bytes := min(r.at*stereoSample, 1<<32-1-wavHeader)
	var h [wavHeader]byte
	copy(h[:], "RIFF")
	binary.LittleEndian.PutUint32(h[4:], uint32(bytes+wavHeader-8))
	copy(h[8:], "WAVEfmt ")
	binary.LittleEndian.PutUint32(h[16:], 16)
	binary.LittleEndian.PutUint16(h[20:], 1) // PCM
	binary.LittleEndian.PutUint16(h[22:], 2) // channels
	binary.LittleEndian.PutUint32(h[24:], audio.SampleRate)
	binary.LittleEndian.PutUint32(h[28:], audio.SampleRate*stereoSample)
	binary.LittleEndian.PutUint16(h[32:], stereoSample)
	binary.LittleEndian.PutUint16(h[34:], 16) // bits
	copy(h[36:], "data")
	binary.LittleEndian.PutUint32(h[40:], uint32(bytes))
	if _, err := r.w.Seek(0, io.SeekStart); err != nil {
		r.fail(err)
		return
	}
	if _, err := r.w.Write(h[:]); err != nil {
		r.fail(err)
		return
	}
	if _, err := r.w.Seek(wavHeader+r.at*stereoSample, io.SeekStart); err != nil {
		r.fail(err)
		return
	}
	r.patch = r.at
}

func (r *Recorder) fail(err error) {
	r.err = fmt.Errorf("writing the recording: %w; what was said after %v is not in it", err,
		(time.Duration(r.at) * time.Second / audio.SampleRate).Round(time.Second))
}

// Stop ends the recording, writes what is left and returns how long it is. An
// error says that sound is missing; what was written before can be played.
func (r *Recorder) Stop() (time.Duration, error) {
	r.once.Do(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		close(r.stop)
		if r.buffer == nil { // nobody was recorded
			r.header()
			return
		}
		<-r.done
		r.attach(0, nil)
		r.attach(1, nil)
		r.flush(r.now())
		r.header()
	})
	return time.Duration(r.at) * time.Second / audio.SampleRate, r.err
}

// Dropped counts packets that are missing because the disk was too slow.
func (r *Recorder) Dropped() uint64 {
	var n uint64
	for i := range r.sides {
		r.sides[i].mu.Lock()
		n += r.sides[i].dropped
		r.sides[i].mu.Unlock()
	}
	return n
}
