package media

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"

	"hotline/appliance/audio"
)

// Reports about the sound (RFC 3550 §6): every five seconds each side tells
// the other what it sent and how it arrived.
const (
	reportEvery  = int64(5 * time.Second)
	reportLength = 28 + 24 + 28 // one sender report with a block, and the name
	ntpEpoch     = 2208988800   // 1900 to 1970, in seconds

	typeSR   = 200
	typeRR   = 201
	typeSDES = 202
)

// reports is what a leg knows from its reports and from the far end's.
type reports struct {
	from netip.AddrPort // of the far end's reports, once one came

	// The last sender report of the far end: the middle of its NTP time, and
	// when it came.
	lsr   uint32
	lsrAt int64

	rtt       time.Duration
	lostOut   uint32
	jitterOut time.Duration
	shareOut  float64 // lost of what we sent lately

	priorLost, priorGot uint64
	shareIn             float64 // lost of what the far end sent lately

	sentBefore uint64 // packets, up to our last report
	buf        [reportLength + 2*srtpRoom]byte
}

// controlPort is where a far end takes reports: one above its sound.
func controlPort(a netip.AddrPort) netip.AddrPort {
	if !usable(a) || a.Port() == 65535 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Addr(), a.Port()+1)
}

// report closes a window of the statistics and tells the far end. It runs on
// the clock, before anything else of the tick.
func (e *Endpoint) report(now int64) {
	// Not in step with others (RFC 3550 §6.2): half to one and a half times.
	e.reportAt = now + e.reportEvery/2 + rand.Int64N(e.reportEvery+1)
	in, o := &e.in, &e.out
	in.mu.Lock()
	defer in.mu.Unlock()
	r, c := &in.reports, &in.counter
	lost, got := c.total(), c.got
	lostNow, gotNow := max(0, int64(lost-r.priorLost)), got-r.priorGot
	r.priorLost, r.priorGot = lost, got
	r.shareIn = 0
	measured := c.running && !in.draining && gotNow > 0
	if measured {
		r.shareIn = float64(lostNow) / float64(uint64(lostNow)+gotNow)
	}
	to := r.from
	if !to.IsValid() {
		if to = in.latched; !to.IsValid() {
			to = in.signalled
		}
		if !e.mux {
			to = controlPort(to)
		}
	}

	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || !o.aimed || !usable(to) || !e.mux && e.control == nil {
		return
	}
	b := r.buf[:0]
	blocks := byte(0)
	if measured {
		blocks = 1
	}
	if o.sent != r.sentBefore {
		r.sentBefore = o.sent
		seconds, fraction := e.ntp(now)
		b = append(b, 2<<6|blocks, typeSR, 0, 6+6*blocks)
		b = binary.BigEndian.AppendUint32(b, o.ssrc)
		b = binary.BigEndian.AppendUint32(b, seconds)
		b = binary.BigEndian.AppendUint32(b, fraction)
		b = binary.BigEndian.AppendUint32(b, o.wall(now))
		b = binary.BigEndian.AppendUint32(b, uint32(o.sent))
		b = binary.BigEndian.AppendUint32(b, uint32(o.octets))
	} else {
		b = append(b, 2<<6|blocks, typeRR, 0, 1+6*blocks)
		b = binary.BigEndian.AppendUint32(b, o.ssrc)
	}
	if measured {
		delay := uint32(0)
		if r.lsrAt != 0 {
			delay = uint32((now - r.lsrAt) * 65536 / int64(time.Second))
		}
		b = binary.BigEndian.AppendUint32(b, in.ssrc)
		b = binary.BigEndian.AppendUint32(b, uint32(min(r.shareIn*256, 255))<<24|uint32(min(lost, 0x7fffff)))
		b = binary.BigEndian.AppendUint32(b, c.wraps<<16|uint32(c.high))
		b = binary.BigEndian.AppendUint32(b, uint32(c.jitter/16))
		b = binary.BigEndian.AppendUint32(b, r.lsr)
		b = binary.BigEndian.AppendUint32(b, delay)
	}
	b = append(b, 2<<6|1, typeSDES, 0, 6)
	b = binary.BigEndian.AppendUint32(b, o.ssrc)
	b = append(b, 1, byte(len(e.name))) // CNAME
	b = append(b, e.name[:]...)
	b = append(b, 0, 0) // the end, to a multiple of four
	e.sendReport(b, to)
}

// sendReport sends one compound packet under the locks of the leg.
func (e *Endpoint) sendReport(b []byte, to netip.AddrPort) {
	if o := &e.out; o.cipher.on {
		if o.cipher.context == nil {
			return
		}
		sealed, err := o.cipher.context.EncryptRTCP(nil, b, nil)
		if err != nil {
			return
		}
		b = sealed
	}
	// Nobody misses a report that cannot be sent.
	if e.mux {
		_ = e.socket.send(b)
	} else {
		_, _ = e.control.WriteToUDPAddrPort(b, to)
	}
}

// heardReport takes what came to the port for reports.
func (e *Endpoint) heardReport(p *packet, n int, from netip.AddrPort) {
	e.in.mu.Lock()
	defer e.in.mu.Unlock()
	e.reported(p.buf[:n], from, e.pacer.now())
}

// ReceiveReports takes a compound RTCP packet from the owner of an endpoint
// made with NewEndpoint. It keeps none of the bytes.
func (e *Endpoint) ReceiveReports(b []byte) {
	e.in.mu.Lock()
	defer e.in.mu.Unlock()
	e.reported(b, netip.AddrPort{}, e.pacer.now())
}

// reported reads what the far end reports, under the lock of the input. Only
// numbers are taken from it; a farewell (BYE) is believed from nobody.
func (e *Endpoint) reported(b []byte, from netip.AddrPort, now int64) {
	in := &e.in
	r := &in.reports
	if e.socket != nil {
		far := in.latched
		if !far.IsValid() {
			far = in.signalled
		}
		if from.Addr() != far.Addr() || r.from.IsValid() && from != r.from || e.mux && from != in.latched {
			in.foreign++
			return
		}
	}
	if in.cipher.on {
		if in.cipher.context == nil {
			in.srtpErrors++
			return
		}
		plain, err := in.cipher.context.DecryptRTCP(nil, b, nil)
		if err != nil {
			in.srtpErrors++
			return
		}
		b = plain
	}
	// A compound packet begins with a report (RFC 3550 §6.1).
	if len(b) < 8 || b[0]>>6 != 2 || b[1] != typeSR && b[1] != typeRR {
		in.invalid++
		return
	}
	for len(b) >= 8 && b[0]>>6 == 2 {
		length := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if length < 8 || length > len(b) {
			in.invalid++
			return
		}
		part, blocks := b[:length], b[:0]
		switch part[1] {
		case typeSR:
			if length >= 28 {
				blocks = part[28:]
				if in.known && binary.BigEndian.Uint32(part[4:]) == in.ssrc {
					r.lsr, r.lsrAt = binary.BigEndian.Uint32(part[10:]), now
				}
			}
		case typeRR:
			blocks = part[8:]
		}
		for n := int(part[0] & 0x1f); n > 0 && len(blocks) >= 24; n-- {
			e.heardOf(blocks[:24], now)
			blocks = blocks[24:]
		}
		b = b[length:]
	}
	r.from = from
}

// heardOf takes one block: how what we sent arrived.
func (e *Endpoint) heardOf(b []byte, now int64) {
	r := &e.in.reports
	// The owner of a carrier may have given the stream another number.
	if e.socket != nil && binary.BigEndian.Uint32(b) != e.out.ssrc {
		return
	}
	lost := binary.BigEndian.Uint32(b[4:])
	r.shareOut = float64(lost>>24) / 256
	if r.lostOut = lost & 0xffffff; r.lostOut >= 0x800000 {
		r.lostOut = 0 // negative: some came twice
	}
	r.jitterOut = time.Duration(min(binary.BigEndian.Uint32(b[12:]), 10*audio.SampleRate)) * time.Second / audio.SampleRate
	lsr, delay := binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])
	if lsr == 0 {
		return // it has had no report of ours
	}
	seconds, fraction := e.ntp(now)
	middle := seconds<<16 | fraction>>16
	trip := int32(middle - lsr - delay)
	if trip > 10<<16 || trip < -1<<16 {
		return // somebody's clock jumped
	}
	r.rtt = time.Duration(max(trip, 0)) * time.Second / 65536
}

// ntp is the time of a moment in 32.32 bits. Our own reports use a clock that
// never jumps; those of a carrier use that of the machine.
func (e *Endpoint) ntp(now int64) (seconds, fraction uint32) {
	at := e.pacer.epoch.UnixNano() + now
	if e.socket == nil {
		at = time.Now().UnixNano()
	}
	return uint32(at/int64(time.Second) + ntpEpoch), uint32(at % int64(time.Second) << 32 / int64(time.Second))
}

// stats is what the reports say.
func (r *reports) stats(s *Stats) {
	s.RTT, s.LostOut, s.JitterOut = r.rtt, uint64(r.lostOut), r.jitterOut
	if s.PacketsIn > 0 {
		s.MOS = mos(r.rtt, max(s.Jitter, s.JitterOut), max(r.shareIn, r.shareOut))
	}
}

// mos estimates how good a call sounds, from 1 to 4.5, by the simplified
// E-model: what delays costs little at first and much later, and every per
// cent lost costs as much as 25 ms of a long delay.
func mos(rtt, jitter time.Duration, lost float64) float64 {
	delay := float64(rtt+2*jitter)/float64(time.Millisecond) + 10
	r := 94.8
	if delay < 160 {
		r -= delay / 40
	} else {
		r -= (delay - 120) / 10
	}
	r = min(max(r-250*lost, 0), 100)
	return max(1, 1+0.035*r+7e-6*r*(r-60)*(100-r)) // the curve dips below for a while
}
