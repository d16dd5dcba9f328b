package media

import (
	"net/netip"
	"sync"
	"time"

	"github.com/pion/rtp"

	"hotline/appliance/audio"
)

// input is what one leg receives.
type input struct {
	mu sync.Mutex

	// Where packets may come from. Only UDP legs latch.
	signalled netip.AddrPort
	latching  bool           // still looking
	latched   netip.AddrPort // the one and only source, once found
	previous  netip.AddrPort // the source before the far end moved
	candidate candidate
	settleAt  int64 // until then the signalled address may still take over; 0: latched for good

	attended int   // who wants all of the sound without keeping it
	draining bool  // the kernel drops the sound
	sampled  bool  // it did so at some time
	settled  int64 // when no packet of the time before can be in the socket

	cipher     cipher
	srtpErrors uint64

	decoder  keyDecoder
	tones    *toneDetector // nil unless keys come as tones
	recorder *recorder
	taps     []*side // of Recorders

	ssrc    uint32
	known   bool // ssrc is
	counter counter
	reports reports

	sound bool // there was some
	loud  bool // above silence

	lastIn  int64
	packets uint64
	foreign uint64
	invalid uint64
}

// candidate is a source that is not where the far end said it would be.
type candidate struct {
	from  netip.AddrPort
	next  uint16
	count int
}

// probation is how many packets in sequence an address other than the
// signalled one must send before it is believed to be the caller behind a
// NAT. It makes a stranger's single packet worthless. The address from which
// the far end has just moved away sends on for a moment and has to last longer.
const (
	probation     = 4
	longProbation = 25
)

// settle is how long the signalled address may still take over from another
// one that was believed first. A phone of a forked call that lost may speak
// from the host of the one that won, and sooner.
const settle = int64(5 * time.Second)

// packet is the working space for one received packet. Carriers share a pool.
type packet struct {
	header rtp.Header
	buf    [1600]byte // more than an Ethernet frame
}

var packets = sync.Pool{New: func() any { return new(packet) }}

// Receive takes one RTP packet from the owner of an endpoint made with
// NewEndpoint. It may overwrite the bytes, and keeps none of them.
func (e *Endpoint) Receive(b []byte) {
	p := packets.Get().(*packet)
	e.incoming(&p.header, b, netip.AddrPort{}, e.pacer.now())
	packets.Put(p)
}

// heard takes what came to the socket of the leg.
func (e *Endpoint) heard(p *packet, n int, from netip.AddrPort) {
	e.incoming(&p.header, p.buf[:n], from, e.pacer.now())
}

// incoming handles one datagram. Header is working space.
func (e *Endpoint) incoming(h *rtp.Header, b []byte, from netip.AddrPort, now int64) {
	in := &e.in
	in.mu.Lock()
	late := false
	if !in.latching && in.latched.IsValid() && from != in.latched {
		if late = from == in.signalled && now < in.settleAt; !late {
			in.foreign++
			in.mu.Unlock()
			return
		}
	}
	// RTCP on the RTP port (RFC 5761 §4); without agreement it is welcome and
	// of no interest.
	if len(b) >= 2 && b[1]&0x7f >= 64 && b[1]&0x7f <= 95 {
		if e.mux && !in.latching && !late {
			e.reported(b, from, now)
		}
		in.mu.Unlock()
		return
	}
	if in.cipher.on {
		if b = in.open(h, b); b == nil {
			in.mu.Unlock()
			return
		}
	}
	payload, ok := parse(h, b)
	kind := e.kind(h.PayloadType)
	if !ok || kind == kindUnknown {
		in.invalid++
		in.mu.Unlock()
		return
	}
	if (in.latching || late) && !e.latch(h, from, now) {
		in.foreign++
		in.mu.Unlock()
		return
	}
	if in.settleAt != 0 && now >= in.settleAt {
		e.settled(from)
	}
	in.packets++
	in.lastIn = now
	member := e.member.Load()
	if !in.known || in.ssrc != h.SSRC {
		// A new stream of the same source: a transfer or a re-INVITE.
		in.ssrc, in.known = h.SSRC, true
		in.counter.restart()
		in.decoder = keyDecoder{}
		if in.recorder != nil {
			in.recorder.restart()
		}
		if member != nil {
			member.sound.restart()
		}
		if in.tones != nil {
			*in.tones = toneDetector{}
		}
		for _, s := range in.taps {
			s.restart()
		}
	}
	if in.draining || now < in.settled {
		in.counter.restart()
	} else {
		in.counter.packet(h.SequenceNumber, h.Timestamp, now, kind == kindSound)
	}
	var key byte
	var pressed bool
	switch kind {
	case kindKey:
		key, pressed = in.decoder.packet(h.Timestamp, payload)
		in.tones = nil // the same key would come twice
	case kindSound:
		if !in.loud {
			in.listen(payload, audio.Law(h.PayloadType))
		}
		if in.tones != nil {
			key, pressed = in.tones.packet(h.Timestamp, payload, audio.Law(h.PayloadType))
		}
		if in.recorder != nil {
			in.recorder.packet(h.Timestamp, payload, audio.Law(h.PayloadType), now)
		}
		for _, s := range in.taps {
			s.put(h.Timestamp, payload, audio.Law(h.PayloadType), now)
		}
		if member != nil && !member.apart.Load() {
			member.sound.put(h.Timestamp, payload, audio.Law(h.PayloadType), now)
		}
	}
	in.mu.Unlock()

	if pressed {
		e.keys.push(key)
	}
	if c := e.bridge.Load(); c != nil && member == nil {
		if kind != kindSound {
			c.other(e).relayOther(c, h)
		} else if len(payload) > 0 {
			// There is room for our header: the one that came was no shorter.
			start := len(b) - len(payload) - int(h.PaddingSize) - headerLength
			c.other(e).relayAudio(c, h, b[start:start+headerLength+len(payload)], audio.Law(h.PayloadType), now)
		}
	}
}

// listen looks for the first sound louder than -50 dBFS.
func (in *input) listen(payload []byte, law audio.Law) {
	const quiet = 104 // of 32768
	in.sound = in.sound || len(payload) > 0
	for _, b := range payload {
		if s := law.Sample(b); s > quiet || s < -quiet {
			in.loud = true
			return
		}
	}
}

// open decrypts a packet in its place; nil is one that is not to be believed.
func (in *input) open(h *rtp.Header, b []byte) []byte {
	if in.cipher.context != nil && len(b) >= headerLength {
		if plain, err := in.cipher.context.DecryptRTP(b, b, h); err == nil {
			return plain
		}
	}
	in.srtpErrors++
	return nil
}

// parse checks and splits a packet.
func parse(h *rtp.Header, b []byte) (payload []byte, ok bool) {
	if len(b) < headerLength || b[0]>>6 != 2 {
		return nil, false
	}
	n, err := h.Unmarshal(b)
	if err != nil || n > len(b) {
		return nil, false
	}
	payload = b[n:]
	h.PaddingSize = 0
	if h.Padding {
		if len(payload) == 0 {
			return nil, false
		}
		h.PaddingSize = payload[len(payload)-1]
		if h.PaddingSize == 0 || int(h.PaddingSize) > len(payload) {
			return nil, false
		}
		payload = payload[:len(payload)-int(h.PaddingSize)]
	}
	return payload, true
}

type kind uint8

const (
	kindUnknown kind = iota
	kindSound
	kindKey
	kindNoise // comfort noise: means silence
)

// kind sorts payload types. Both G.711 laws are understood whichever was
// agreed, because some gateways do not keep to the agreement. Comfort noise
// is 13 (RFC 3389) or, from old equipment, 19.
func (e *Endpoint) kind(payloadType uint8) kind {
	switch {
	case payloadType == uint8(audio.MuLaw), payloadType == uint8(audio.ALaw):
		return kindSound
	case payloadType != 0 && payloadType == e.dtmf():
		return kindKey
	case payloadType == 13, payloadType == 19:
		return kindNoise
	}
	return kindUnknown
}

// latch decides whether a packet comes from the far end, and if so believes
// nobody else from now on, but for the signalled address. A packet from the signalled address, or from its
// host, convinces at once; another address has to send several in sequence.
func (e *Endpoint) latch(h *rtp.Header, from netip.AddrPort, now int64) bool {
	in := &e.in
	if e.kind(h.PayloadType) == kindNoise {
		return false // anybody could guess that type
	}
	needed := probation
	switch {
	case from == in.signalled, in.cipher.on: // the key has proved it
		needed = 1
	case from == in.previous:
		needed = longProbation
	case from.Addr() == in.signalled.Addr():
		needed = 1
	}
	c := &in.candidate
	if c.from != from || c.next != h.SequenceNumber {
		*c = candidate{from: from}
	}
	c.next = h.SequenceNumber + 1
	if c.count++; c.count < needed {
		return false
	}
	in.latching = false
	in.latched, in.settleAt = from, 0
	if from != in.signalled && !in.cipher.on {
		in.settleAt = now + settle
		e.out.mu.Lock()
		if !e.out.closed {
			e.out.aimed = true
			e.socket.aim(from)
		}
		e.out.mu.Unlock()
	} else {
		e.settled(from)
	}
	e.adjustFilter()
	return true
}

// settled has the kernel refuse everybody but the far end.
func (e *Endpoint) settled(from netip.AddrPort) {
	e.in.settleAt = 0
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	if !e.out.closed {
		e.out.aimed = true
		e.socket.lock(from)
	}
}

// Attend has all of the far end's sound looked at until stop is called, for those
// who judge by Stats what a call is like: otherwise, while nobody listens, one
// packet in 32 is, and a word that was said falls between two of them.
func (e *Endpoint) Attend() (stop func()) {
	e.in.mu.Lock()
	defer e.in.mu.Unlock()
	e.in.attended++
	e.adjustFilter()
	return sync.OnceFunc(func() {
		e.in.mu.Lock()
		defer e.in.mu.Unlock()
		e.in.attended--
		e.adjustFilter()
	})
}

// refilter lets the sound of the far end in when somebody listens to it, and
// has the kernel drop it otherwise.
func (e *Endpoint) refilter() {
	e.in.mu.Lock()
	e.adjustFilter()
	e.in.mu.Unlock()
}

func (e *Endpoint) adjustFilter() {
	in := &e.in
	if e.socket == nil {
		return
	}
	m := e.member.Load()
	heard := in.attended > 0 || in.recorder != nil || in.tones != nil || len(in.taps) > 0 || m != nil && !m.apart.Load() || m == nil && e.bridge.Load() != nil
	want := !in.latching && !heard
	if want == in.draining {
		return
	}
	was := in.draining
	in.draining = e.socket.drain(want)
	in.sampled = in.sampled || in.draining
	if was {
		in.settled = e.pacer.now() + settling
	}
}

// sampleEvery: one sound packet in 32 gets through the kernel's filter, so
// that the far end can be seen to be alive.
const sampleEvery = 32

// settling is how long sampled packets may wait in the socket after the
// filter is gone.
const settling = int64(100 * time.Millisecond)

func (in *input) stats(s *Stats) {
	s.PacketsIn = in.packets
	s.LostIn = in.counter.total()
	s.Jitter = time.Duration(in.counter.jitter/16) * time.Second / audio.SampleRate
	s.DroppedForeign, s.DroppedInvalid = in.foreign, in.invalid
	s.Sampled = in.sampled
	s.SRTPErrors = in.srtpErrors
	s.Silent = in.sound && !in.loud
	in.reports.stats(s)
}

// counter keeps the receiver statistics of RFC 3550 appendix A.3 and A.8.
type counter struct {
	running  bool
	base     uint16 // first sequence number
	high     uint16 // highest so far
	wraps    uint32
	received uint32
	got      uint64 // in all runs
	lost     uint64 // in runs before this one
	transit  int64
	timed    bool
	jitter   int64 // in 1/16 RTP ticks
}

// restart ends a run: what comes next is not compared with what was.
func (c *counter) restart() {
	c.lost = c.total()
	c.running, c.timed = false, false
}

func (c *counter) total() uint64 {
	if !c.running {
		return c.lost
	}
	expected := int64(c.wraps)<<16 + int64(c.high) - int64(c.base) + 1
	return c.lost + uint64(max(0, expected-int64(c.received)))
}

// maxDropout is how far the sequence may jump before it counts as a new run.
const maxDropout = 3000

func (c *counter) packet(seq uint16, ts uint32, now int64, sound bool) {
	if c.running {
		switch d := int16(seq - c.high); {
		case d > maxDropout || d < -maxDropout:
			c.restart()
		case d > 0:
			if seq < c.high {
				c.wraps++
			}
			c.high = seq
		}
	}
	if !c.running {
		c.running = true
		c.base, c.high, c.wraps, c.received = seq, seq, 0, 0
	}
	c.received++
	c.got++
	if !sound {
		return // events keep one timestamp for many packets
	}
	transit := now/tickLength - int64(ts)
	if c.timed {
		d := int64(int32(transit - c.transit))
		if d < 0 {
			d = -d
		}
		c.jitter += d - (c.jitter+8)>>4
	}
	c.transit, c.timed = transit, true
}
