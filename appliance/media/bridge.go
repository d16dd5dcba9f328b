package media

import (
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"hotline/appliance/audio"
)

// Connection is two legs that hear each other. What one receives goes out of
// the other at once, in the same goroutine: there is no queue that could fill
// up and become delay.
type Connection struct {
	a, b   *Endpoint
	parted atomic.Int64 // when one of them went into a room, Unix time in ns; 0 = not
}

// Bridge connects two legs until Close. A leg that was connected with a third
// one, or was in a room, leaves it without a break in its stream.
func Bridge(a, b *Endpoint) *Connection {
	c := &Connection{a: a, b: b}
	for _, e := range []*Endpoint{a, b} {
		if old := e.bridge.Swap(c); old != nil && old != c {
			old.Close()
		}
		if m := e.member.Load(); m != nil {
			m.Leave()
		}
		e.refilter()
		select {
		case <-e.done:
			c.Close() // it closed meanwhile and could not see us
		default:
		}
	}
	return c
}

// Close separates the legs. Both go back to their music or silence.
func (c *Connection) Close() {
	for _, e := range []*Endpoint{c.a, c.b} {
		if e.bridge.CompareAndSwap(c, nil) {
			e.refilter()
		}
	}
}

// partedGrace is how long the leg that a bridge left behind hears silence, so
// that it can follow into the room without a scrap of music in between.
const partedGrace = 500 * time.Millisecond

// part takes one leg out. The other one waits for what comes.
func (c *Connection) part(e *Endpoint) {
	if e.bridge.CompareAndSwap(c, nil) {
		c.parted.Store(time.Now().UnixNano())
	}
}

// holds reports that the legs still hear each other, or that one of them is
// about to hear something else.
func (c *Connection) holds() bool {
	at := c.parted.Load()
	return at == 0 || time.Now().UnixNano()-at < int64(partedGrace)
}

func (c *Connection) other(e *Endpoint) *Endpoint {
	if e == c.a {
		return c.b
	}
	return c.a
}

// relayState is where the stream of the other leg lies in ours.
type relayState struct {
	conn   *Connection
	ssrc   uint32
	offset uint32 // to add to its timestamps

	running bool   // nothing else was sent since its last packet
	first   uint16 // its sequence number when the run began
	high    uint16 // its highest sequence number so far
	out     uint16 // our number of that packet
	late    int64  // since when its packets come too late, 0 if they do not
}

const (
	// reorderWindow is how far a packet may be overtaken or how many may be
	// lost in a row and still be numbered as part of one run.
	reorderWindow = 16
	// relayResync: a source that is late for so long is not catching up after
	// a stall of the network; its clock stood still (a phone on hold).
	relayResync = int64(150 * time.Millisecond)
	// relayJump: a source whose clock is that far from ours began anew.
	relayJump = audio.SampleRate
)

// relayAudio sends a packet of the other leg. The packet has headerLength
// bytes of room in front of its payload.
func (e *Endpoint) relayAudio(c *Connection, h *rtp.Header, packet []byte, law audio.Law, now int64) {
	o := &e.out
	o.mu.Lock()
	defer o.mu.Unlock()
	r := &o.relay
	own := e.Law()
	if o.closed || e.bridge.Load() != c || e.member.Load() != nil {
		return
	}
	if o.play != nil || o.dial != nil || o.held {
		r.running = false
		return
	}
	if r.conn != c || r.ssrc != h.SSRC {
		*r = relayState{conn: c, ssrc: h.SSRC, offset: o.timestamp(now) - h.Timestamp}
	}
	if r.running {
		if d := int16(h.SequenceNumber - r.high); d <= 0 && d > -reorderWindow {
			// Sent twice, or overtaken. The latter takes the place that was
			// left for it, unless that lies before this run.
			if d < 0 && int16(h.SequenceNumber-r.first) > 0 {
				audio.Translate(packet[headerLength:], law, own)
				e.send(packet, uint8(own), r.out+uint16(d), h.Timestamp+r.offset, false)
			}
			return
		}
	}
	ts, ok := o.placeRelayed(h.Timestamp, now)
	if !ok {
		o.lateRelay++
		return
	}
	if r.running {
		if d := h.SequenceNumber - r.high; d <= reorderWindow {
			o.seq = r.out + d // what was lost on the way stays visible
		}
	} else {
		r.running, r.first = true, h.SequenceNumber
		o.mark = true
	}
	r.high, r.out, r.late = h.SequenceNumber, o.seq, 0
	o.last = fromRelay
	audio.Translate(packet[headerLength:], law, own)
	e.transmit(packet, uint8(own), ts, now)
	o.next = ts + uint32(len(packet)-headerLength)
	o.relayed = now
}

// placeRelayed finds the place on our time line for a packet of the source.
// Gaps in the source's time line stay gaps in ours. It reports false when
// silence has taken the place already.
func (o *output) placeRelayed(sourceTime uint32, now int64) (ts uint32, ok bool) {
	r := &o.relay
	ts = sourceTime + r.offset
	covered := int32(o.next - ts)
	if o.last == fromNowhere {
		covered = 0 // the very first packet of this leg
	}
	ahead := int32(ts - o.wall(now))
	switch {
	case ahead > relayJump, ahead < -10*relayJump, r.running && covered > relayJump/2:
		// The source's clock jumped, or ran too fast for hours.
	case r.running || covered <= 0:
		return ts, true
	case covered <= frameTicks:
		// Silence took a part of the place. The stream moves up by that much;
		// it can never add up to more than one frame.
		r.offset += uint32(covered)
		return o.next, true
	case r.late == 0:
		r.late = now
		return 0, false
	case now-r.late < relayResync:
		// A stalled network delivers all it held back at once. Playing it
		// would delay the rest of the call by that much.
		return 0, false
	}
	r.running = false
	ts = o.timestamp(now)
	r.offset = ts - sourceTime
	return ts, true
}

// relayOther takes note of a packet of the other leg that is not sound, so
// that leaving it out does not look like a loss.
func (e *Endpoint) relayOther(c *Connection, h *rtp.Header) {
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	r := &e.out.relay
	if r.running && r.conn == c && r.ssrc == h.SSRC && h.SequenceNumber == r.high+1 {
		r.high++
	}
}
