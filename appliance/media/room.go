package media

import (
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"hotline/appliance/audio"
)

// Room is a conversation of more than two legs. It has one place on a Pacer:
// every 20 ms it adds up what its members say and sends each the sum without
// its own voice. The stream of a leg goes on as it was: joining and leaving
// change what it carries and nothing else.
type Room struct {
	pacer *Pacer
	log   *slog.Logger

	mu      sync.Mutex // before any lock of a leg
	members []*Member
	slot    int // of the pacer, while there are members
	closed  bool

	sum [frameTicks]int32
	mix [frameTicks]int16
}

// NewRoom makes an empty room on the clock p. Its members may have other clocks.
func NewRoom(p *Pacer, log *slog.Logger) *Room {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Room{pacer: p, log: log}
}

// mode is who hears a member.
type mode uint8

const (
	talking mode = iota
	listening
	whispering
	holding
)

// Member is one leg in a room. A Play on the leg is heard instead of the room,
// keys work as always.
type Member struct {
	room  *Room
	leg   *Endpoint
	apart atomic.Bool // on hold

	sound jitterBuffer // under the lock of the leg's input

	// Under the lock of the room.
	mode  mode
	to    []*Member // of a whisper
	heard bool      // there is something in frame
	frame [frameTicks]int16
	gain  limiter
}

// Join brings a leg in. It leaves the room or bridge where it was; the leg on
// the other side of that bridge hears silence for half a second, time enough
// to join as well.
func (r *Room) Join(e *Endpoint) *Member {
	m := &Member{room: r, leg: e, gain: limiter{level: 1}}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		r.log.Warn("a leg came to a conversation that had ended; it stays by itself")
		return m
	}
	if len(r.members) == 0 {
		r.slot = r.pacer.add(r)
	}
	r.members = append(r.members, m)
	e.out.mu.Lock()
	e.out.relayed = e.pacer.now() // the room sends next
	old := e.member.Swap(m)
	e.out.mu.Unlock()
	r.mu.Unlock()

	if old != nil {
		old.Leave()
	}
	if c := e.bridge.Load(); c != nil {
		c.part(e)
	}
	e.refilter()
	select {
	case <-e.done:
		m.Leave() // it closed meanwhile and could not see us
	default:
	}
	return m
}

// Leave takes the leg out: it goes back to its music or silence.
func (m *Member) Leave() {
	r := m.room
	r.mu.Lock()
	if i := slices.Index(r.members, m); i >= 0 {
		r.members = slices.Delete(r.members, i, i+1)
		if len(r.members) == 0 {
			r.pacer.remove(r, r.slot)
		}
	}
	for _, other := range r.members {
		if i := slices.Index(other.to, m); i >= 0 {
			other.to = slices.Delete(other.to, i, i+1)
		}
	}
	r.mu.Unlock()
	if m.leg.member.CompareAndSwap(m, nil) {
		m.leg.refilter()
	}
}

// Close sends all members away.
func (r *Room) Close() {
	r.mu.Lock()
	r.closed = true
	members := slices.Clone(r.members)
	r.mu.Unlock()
	for _, m := range members {
		m.Leave()
	}
}

// Talk: hears everybody, heard by everybody. So begins every member.
func (m *Member) Talk() { m.become(talking, nil) }

// Listen: hears everybody, heard by nobody.
func (m *Member) Listen() { m.become(listening, nil) }

// Whisper: hears everybody, heard only by the members named.
func (m *Member) Whisper(to ...*Member) { m.become(whispering, slices.Clone(to)) }

// Hold: hears the leg's Music, heard by nobody.
func (m *Member) Hold() { m.become(holding, nil) }

func (m *Member) become(mode mode, to []*Member) {
	m.room.mu.Lock()
	was := m.mode
	m.mode, m.to = mode, to
	if was == holding && mode != holding {
		o := &m.leg.out
		o.mu.Lock()
		o.relayed = m.leg.pacer.now() // the room sends next
		o.mu.Unlock()
	}
	m.apart.Store(mode == holding)
	m.room.mu.Unlock()
	if was == holding || mode == holding {
		m.leg.in.mu.Lock()
		m.sound = jitterBuffer{}
		m.leg.adjustFilter()
		m.leg.in.mu.Unlock()
	}
}

// tick collects a frame of every member and sends each what it should hear.
func (r *Room) tick(deadline, now int64, buf *[headerLength + audio.FrameSamples]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.sum[:])
	talkers := 0
	for _, m := range r.members {
		m.heard = false
		if m.mode == holding {
			continue
		}
		in := &m.leg.in
		in.mu.Lock()
		m.heard = m.sound.frame(&m.frame, m.leg.pacer.now()) && m.mode != listening
		in.mu.Unlock()
		if m.heard && m.mode == talking {
			talkers++
			for i, s := range m.frame {
				r.sum[i] += int32(s)
			}
		}
	}
	for _, m := range r.members {
		if m.mode == holding {
			continue
		}
		var mix *[frameTicks]int16
		if r.mixFor(m, talkers) {
			mix = &r.mix
		}
		m.leg.sendMix(m, mix, now-deadline, buf)
	}
}

// mixFor adds up what one member hears. It reports false when nobody speaks.
func (r *Room) mixFor(m *Member, talkers int) bool {
	own := m.heard && m.mode == talking
	if own {
		talkers--
	}
	sum := r.sum
	if own && talkers > 0 {
		for i, s := range m.frame {
			sum[i] -= int32(s)
		}
	} else if own {
		sum = [frameTicks]int32{}
	}
	for _, other := range r.members {
		if other != m && other.heard && other.mode == whispering && slices.Contains(other.to, m) {
			talkers++
			for i, s := range other.frame {
				sum[i] += int32(s)
			}
		}
	}
	if talkers == 0 {
		return false
	}
	m.gain.apply(&sum, &r.mix)
	return true
}

// sendMix sends 20 ms of the room; nil is silence.
func (e *Endpoint) sendMix(m *Member, mix *[frameTicks]int16, late int64, buf *[headerLength + audio.FrameSamples]byte) {
	o := &e.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.play != nil || o.dial != nil || e.member.Load() != m {
		return
	}
	law, now := e.Law(), e.pacer.now()
	payload := buf[headerLength:]
	if mix == nil {
		pad(payload, law)
	} else {
		for i, s := range mix {
			payload[i] = law.Byte(s)
		}
	}
	ts := o.timestamp(now - late)
	o.relay.running = false
	if o.last != fromRoom {
		o.last, o.mark = fromRoom, true
	} else if o.lastSent != 0 && now-o.lastSent > lateAfter {
		o.late++
	}
	e.transmit(buf[:], uint8(law), ts, now)
	o.next = ts + frameTicks
	o.relayed = now
}

// limiter turns a sum of voices back into 16 bits. When it would overflow the
// whole sum gets softer at once and slowly loud again: clipped peaks would
// crackle.
type limiter struct{ level float32 }

// limiterRise brings the level back within about a second.
const limiterRise = 0.02

func (l *limiter) apply(sum *[frameTicks]int32, pcm *[frameTicks]int16) {
	peak := int32(0)
	for _, s := range sum {
		peak = max(peak, s, -s)
	}
	const loudest = 32000
	level := min(1, l.level+limiterRise)
	if float32(peak)*level > loudest {
		level = loudest / float32(peak)
	}
	if level == 1 && l.level == 1 {
		for i, s := range sum {
			pcm[i] = int16(s)
		}
		return
	}
	from := min(l.level, level)
	slope := (level - from) / frameTicks
	for i, s := range sum {
		pcm[i] = int16(float32(s) * (from + slope*float32(i)))
	}
	l.level = level
}
