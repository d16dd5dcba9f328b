package media

import (
	"context"
	"encoding/binary"
	"math"
	"sync"
	"time"

	"github.com/pion/rtp"

	"hotline/appliance/audio"
)

const (
	headerLength = 12 // RTP without extras, RFC 3550 §5.1
	frameTicks   = audio.FrameSamples
	tickLength   = int64(time.Second / audio.SampleRate) // of the RTP clock, in ns
	frameLength  = int64(audio.FrameDuration)
	lateAfter    = 2 * frameLength
	runaway      = 4 * frameTicks // 80 ms
	never        = math.MinInt64 / 2

	// fillAfter is how long a bridged leg may bring nothing before silence
	// goes out instead, which keeps NAT bindings and jitter buffers alive.
	fillAfter = 100 * time.Millisecond
)

// source is where the sound of a packet comes from. When it changes, the
// packet carries a marker: receivers may then adapt to a new beginning.
type source uint8

const (
	fromNowhere source = iota
	fromSilence
	fromClip
	fromMusic
	fromRelay
	fromRoom
	fromKeys
)

// output is what one leg sends. The pacer and the receiver of a bridged leg
// take turns under its lock.
type output struct {
	mu     sync.Mutex
	closed bool
	held   bool // the far end does not want to hear us
	aimed  bool // we know where to send

	// The stream. base is the RTP time at the pacer's epoch; next is the
	// first RTP time not yet covered by a packet.
	ssrc uint32
	seq  uint16
	base uint32
	next uint32
	last source
	mark bool // the next packet begins something new

	play    *playback
	music   *audio.Clip
	musicAt int
	dial    *dialling

	relay    relayState
	relayed  int64 // when the last packet of another leg went out
	patience int64

	header rtp.Header // for a PacketWriter or the cipher
	cipher cipher

	lastTick  int64
	lastSent  int64
	sent      uint64
	octets    uint64 // of sound
	late      uint64
	skipped   uint64
	failed    uint64
	lateRelay uint64
}

// playback is one clip on its way out.
type playback struct {
	clip *audio.Clip
	at   int
	done chan struct{}
	err  error
}

func (p *playback) finish(err error) {
	p.err = err
	close(p.done)
}

// shut stops all output and wakes whoever waits for it.
func (o *output) shut() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if o.play != nil {
		o.play.finish(ErrClosed)
		o.play = nil
	}
	if o.dial != nil {
		o.dial.finish(ErrClosed)
		o.dial = nil
	}
}

// Play sends a clip and returns when its last packet has left. With bargeIn it
// returns as soon as a key is waiting; the key stays in the queue. A later
// Play takes over, and the earlier one returns ErrReplaced. On a bridged leg
// the clip is heard instead of the other side.
func (e *Endpoint) Play(ctx context.Context, clip *audio.Clip, bargeIn bool) (interrupted bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	var pressed <-chan struct{}
	if bargeIn {
		var waiting bool
		if waiting, pressed = e.keys.peek(); waiting {
			return true, nil
		}
	}
	if len(clip.Encoded(e.Law())) == 0 {
		return false, nil
	}
	p := &playback{clip: clip, done: make(chan struct{})}
	o := &e.out
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return false, ErrClosed
	}
	if o.play != nil {
		o.play.finish(ErrReplaced)
	}
	o.play = p
	o.mark = true
	o.mu.Unlock()

	select {
	case <-p.done:
		return false, p.err
	case <-pressed:
		interrupted = true
	case <-ctx.Done():
		err = ctx.Err()
	}
	o.mu.Lock()
	if o.play == p {
		o.play = nil
	}
	o.mu.Unlock()
	return interrupted, err
}

// Music sets what goes out whenever nothing else does, round and round; nil
// is silence. It pauses during a Play or a bridge and goes on where it was.
func (e *Endpoint) Music(clip *audio.Clip) {
	if len(clip.Encoded(e.Law())) == 0 {
		clip = nil
	}
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	if e.out.music != clip {
		e.out.music, e.out.musicAt = clip, 0
		e.out.mark = true
	}
}

// tick sends the packet that is due at deadline, if the pacer is the one to
// send it.
func (e *Endpoint) tick(deadline, now int64, buf *[headerLength + audio.FrameSamples]byte) {
	if now >= e.reportAt {
		e.report(now)
	}
	o := &e.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	if o.lastTick != 0 {
		o.skipped += uint64(max(0, (deadline-o.lastTick)/frameLength-1))
	}
	o.lastTick = deadline

	bridged := o.play == nil && e.inCompany()
	if bridged && o.dial == nil && now-o.relayed < o.patience {
		return // the other leg, or the room, is sending
	}
	// What a bridge or room sent last may reach beyond this tick.
	if ahead := int32(o.next - o.wall(deadline)); o.dial == nil && (o.last == fromRelay || o.last == fromRoom) && ahead >= frameTicks/2 && ahead <= runaway {
		return
	}
	ts := o.timestamp(deadline)
	law := e.Law()
	payload := buf[headerLength:]

	if o.dial != nil {
		n, first, ok := o.dial.packet(ts, payload)
		eventTime := o.dial.ts
		if o.dial.advance() {
			o.dial.finish(nil)
			o.dial = nil
		}
		if ok {
			o.relay.running = false
			o.mark = first
			o.last = fromKeys
			e.transmit(buf[:headerLength+n], e.dtmf(), eventTime, now)
			o.next = ts + frameTicks
			return
		}
	}

	from := fromSilence
	var finished *playback
	switch {
	case o.play != nil:
		from = fromClip
		p := o.play
		sound := p.clip.Encoded(law)
		n := copy(payload, sound[p.at:])
		pad(payload[n:], law)
		if p.at += n; p.at == len(sound) {
			o.play, finished = nil, p
		}
	case !bridged && o.music != nil:
		from = fromMusic
		sound := o.music.Encoded(law)
		for n := 0; n < len(payload); {
			c := copy(payload[n:], sound[o.musicAt:])
			n += c
			o.musicAt = (o.musicAt + c) % len(sound)
		}
	default:
		pad(payload, law)
	}
	o.relay.running = false
	if o.lastSent != 0 && o.last != fromRelay && now-o.lastSent > lateAfter {
		o.late++
	}
	if from != o.last {
		o.last, o.mark = from, true
	}
	e.transmit(buf[:], uint8(law), ts, now)
	o.next = ts + frameTicks
	if finished != nil {
		finished.finish(nil)
	}
}

// inCompany reports that others decide what this leg hears.
func (e *Endpoint) inCompany() bool {
	if m := e.member.Load(); m != nil {
		return !m.apart.Load()
	}
	c := e.bridge.Load()
	return c != nil && c.holds()
}

func pad(payload []byte, law audio.Law) {
	silence := law.Silence()
	for i := range payload {
		payload[i] = silence
	}
}

// wall is the RTP time of a moment.
func (o *output) wall(at int64) uint32 { return o.base + uint32(at/tickLength) }

// timestamp is the RTP time of a packet that begins at the given moment. If
// that time is already covered, it is the first one that is not. When that
// lies far ahead, a source with a fast clock has run away from ours, and the
// whole time line follows.
func (o *output) timestamp(at int64) uint32 {
	ts := o.wall(at)
	if o.last == fromNowhere {
		return ts
	}
	if covered := int32(o.next - ts); covered > 0 {
		if covered > runaway {
			o.base += uint32(covered)
		}
		return o.next
	}
	return ts
}

// transmit sends one packet with the next sequence number.
func (e *Endpoint) transmit(packet []byte, payloadType uint8, ts uint32, now int64) {
	o := &e.out
	if o.held || !o.aimed {
		// Time passes, nothing leaves; what comes after is a new beginning.
		o.mark = true
		o.lastSent = 0
		return
	}
	e.send(packet, payloadType, o.seq, ts, o.mark)
	o.seq++
	o.mark = false
	o.lastSent = now
}

// send writes the header in front of the payload and sends both.
func (e *Endpoint) send(packet []byte, payloadType uint8, seq uint16, ts uint32, marker bool) {
	o := &e.out
	octets := len(packet) - headerLength
	var err error
	if e.socket != nil {
		packet[0] = 2 << 6 // version
		packet[1] = payloadType
		if marker {
			packet[1] |= 0x80
		}
		binary.BigEndian.PutUint16(packet[2:], seq)
		binary.BigEndian.PutUint32(packet[4:], ts)
		binary.BigEndian.PutUint32(packet[8:], o.ssrc)
		if o.cipher.on {
			packet, err = o.cipher.seal(o, packet)
		}
		if err == nil {
			err = e.socket.send(packet)
		}
	} else {
		o.header = rtp.Header{Version: 2, Marker: marker, PayloadType: payloadType, SequenceNumber: seq, Timestamp: ts, SSRC: o.ssrc}
		err = e.writer.WriteRTP(&o.header, packet[headerLength:])
	}
	if err != nil {
		o.failed++ // often an ICMP answer to an earlier packet; the stream goes on
		return
	}
	o.sent++
	o.octets += uint64(octets)
}
