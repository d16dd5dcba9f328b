package media

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"hotline/appliance/audio"
)

// What the calls of an Endpoint may answer.
var (
	ErrClosed   = errors.New("the audio connection is closed")
	ErrReplaced = errors.New("something else is playing now")
	ErrNoKeys   = errors.New("the far end did not offer to take key presses")
	errNotKeys  = errors.New("only the keys 0 to 9, *, # and A to D can be sent")
)

// UDPConfig describes a leg that speaks RTP over a UDP socket.
type UDPConfig struct {
	Law    audio.Law
	DTMF   uint8          // payload type of telephone events, 0 when not agreed
	Remote netip.AddrPort // where the far end said it listens; may be zero
	Ptime  time.Duration  // what the far end prefers to send; 0 means 20 ms
	Ports  *Ports         // where Close returns the socket; nil closes it
	Plain  bool           // do not let the kernel filter (see socket)
	SRTP   *SRTP          // nil sends and receives in the clear
	// RTCPMux: reports travel with the sound (RFC 5761). Otherwise they use the
	// port above it, which only a socket that Ports opened has.
	RTCPMux bool
	// InBand: the far end has no other way to send keys than as tones in the
	// sound. They are looked for until a key comes another way.
	InBand bool
	Log    *slog.Logger
}

// Config describes a leg whose packets somebody else carries.
type Config struct {
	Law  audio.Law
	DTMF uint8
	Log  *slog.Logger
}

// PacketWriter sends one RTP packet. It must not block and must not keep
// header or payload: all legs of a pacer wait for it.
type PacketWriter interface {
	WriteRTP(header *rtp.Header, payload []byte) error
}

// Endpoint is the audio side of one leg. From Start to Close it always sends:
// a clip, music, what another leg says, or silence.
type Endpoint struct {
	pacer *Pacer
	slot  int // of the pacer
	log   *slog.Logger

	format atomic.Uint32 // what was agreed: law, and payload type of keys << 8

	socket  *socket      // one of the two
	writer  PacketWriter //
	ports   *Ports
	control *net.UDPConn // for reports, or
	mux     bool         // the reports use the socket

	name        [16]byte // of this end in reports (RFC 7022)
	reportEvery int64
	reportAt    int64 // of the clock

	keys   keyQueue
	in     input
	out    output
	bridge atomic.Pointer[Connection]
	member atomic.Pointer[Member] // of a room; goes before a bridge

	start sync.Once
	close sync.Once
	done  chan struct{} // closed by Close
	ears  [2]*ear       // of the sockets; nil where there is none
}

func newEndpoint(p *Pacer, law audio.Law, dtmf uint8, ptime time.Duration, log *slog.Logger) *Endpoint {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	e := &Endpoint{pacer: p, log: log, done: make(chan struct{})}
	e.agree(law, dtmf)
	e.reportEvery = reportEvery
	e.reportAt = p.now() + reportEvery/4 + rand.Int64N(reportEvery/2)
	for i := range e.name {
		e.name[i] = "abcdefghijklmnopqrstuvwxyz234567"[rand.IntN(32)]
	}
	e.out = output{
		// Unpredictable beginnings, RFC 3550 §5.1.
		ssrc: rand.Uint32(), seq: uint16(rand.Uint32()), base: rand.Uint32(),
		patience: int64(max(fillAfter, ptime*5/2)),
		relayed:  never,
	}
	return e
}

// NewUDP makes the leg of a UDP socket, which it owns from now on. Nothing is
// sent or received before Start.
func NewUDP(p *Pacer, conn *net.UDPConn, cfg UDPConfig) *Endpoint {
	e := newEndpoint(p, cfg.Law, cfg.DTMF, cfg.Ptime, cfg.Log)
	e.ports = cfg.Ports
	e.socket = newSocket(conn, cfg.Plain)
	if e.mux = cfg.RTCPMux; !e.mux && cfg.Ports != nil {
		e.control = cfg.Ports.control(conn)
	}
	e.in.signalled = unmap(cfg.Remote)
	e.in.latching = true
	if cfg.InBand {
		e.in.tones = new(toneDetector)
	}
	if cfg.SRTP != nil {
		e.secure(cfg.SRTP)
	}
	e.out.aimed = usable(cfg.Remote)
	if e.out.aimed {
		e.socket.aim(unmap(cfg.Remote))
	}
	return e
}

// NewEndpoint makes the leg of a carrier such as a WebRTC track: the owner
// passes what arrives to Receive, and w sends. A carrier that may be slow
// deserves a Pacer of its own.
func NewEndpoint(p *Pacer, w PacketWriter, cfg Config) *Endpoint {
	e := newEndpoint(p, cfg.Law, cfg.DTMF, 0, cfg.Log)
	e.writer = w
	e.out.aimed = true
	return e
}

// Law is the encoding of this leg.
func (e *Endpoint) Law() audio.Law { return audio.Law(e.format.Load()) }

// dtmf is the payload type of key presses, 0 when none was agreed.
func (e *Endpoint) dtmf() uint8 { return uint8(e.format.Load() >> 8) }

func (e *Endpoint) agree(law audio.Law, dtmf uint8) {
	e.format.Store(uint32(dtmf)<<8 | uint32(law))
}

// Retune follows a renegotiation of payload types: from now on the leg speaks
// law, and keys travel as dtmf (0 = not at all). The stream goes on with the
// same source, numbers and time line, in the middle of whatever plays.
func (e *Endpoint) Retune(law audio.Law, dtmf uint8) {
	e.out.mu.Lock()
	music, play := e.out.music, e.out.play
	e.out.mu.Unlock()
	// Translated here, so that the clock does not have to.
	music.Encoded(law)
	if play != nil {
		play.clip.Encoded(law)
	}
	e.in.mu.Lock()
	defer e.in.mu.Unlock()
	if e.in.tones != nil && dtmf != 0 {
		e.in.tones = nil
		e.adjustFilter()
	}
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	e.agree(law, dtmf)
	if d := e.out.dial; d != nil && dtmf == 0 {
		e.out.dial = nil
		d.finish(ErrNoKeys)
	}
}

// Start begins to send and receive.
func (e *Endpoint) Start() {
	e.start.Do(func() {
		select {
		case <-e.done:
			return
		default:
		}
		if e.socket != nil {
			e.ears[0] = e.pacer.ears.listen(e.socket.conn, e.heard)
			if e.control != nil {
				e.ears[1] = e.pacer.ears.listen(e.control, e.heardReport)
			}
		}
		e.slot = e.pacer.add(e)
	})
}

// Close ends the leg: output stops, a bridge comes apart, the socket closes
// and its port goes to rest. When it returns, nothing of the leg runs.
func (e *Endpoint) Close() error {
	e.close.Do(func() {
		e.start.Do(func() {}) // a Start from now on does nothing
		close(e.done)
		e.pacer.remove(e, e.slot)
		e.out.shut()
		if m := e.member.Load(); m != nil {
			m.Leave()
		}
		if c := e.bridge.Load(); c != nil {
			c.Close()
		}
		for _, ear := range e.ears {
			if ear != nil {
				ear.close()
			}
		}
		if e.socket != nil {
			if e.ports != nil {
				e.ports.Release(e.socket.conn)
			} else if err := e.socket.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				e.log.Warn("closing a voice socket", "err", err)
			}
		}
	})
	return nil
}

// Update follows a renegotiation: the far end listens at remote now (a zero
// address leaves it where it was), and held means that it does not want to
// hear anything.
func (e *Endpoint) Update(remote netip.AddrPort, held bool) {
	remote = unmap(remote)
	e.in.mu.Lock() // until the end: the receiver must not latch in between
	defer e.in.mu.Unlock()
	moved := e.socket != nil && usable(remote) && remote != e.in.signalled
	if moved {
		e.in.previous, e.in.latched = e.in.latched, netip.AddrPort{}
		if !e.in.previous.IsValid() { // it moved before it was heard: a forked call, answered by another phone
			e.in.previous = e.in.signalled
		}
		e.in.signalled = remote
		e.in.reports.from = netip.AddrPort{}
		e.in.latching = true
		e.in.candidate, e.in.settleAt = candidate{}, 0
		e.adjustFilter()
	}
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	if e.out.closed {
		return
	}
	if moved {
		if err := e.socket.open(); err != nil {
			e.log.Warn("the voice socket stays bound to the old address of the far end; the caller may not be heard", "err", err)
		}
		e.socket.aim(remote)
		e.out.aimed = true
	}
	e.out.held = held
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// usable excludes the addresses that say "nowhere", such as the 0.0.0.0 of
// an old-style hold (RFC 3264 §8.4).
func usable(a netip.AddrPort) bool {
	return a.IsValid() && a.Port() != 0 && !a.Addr().IsUnspecified()
}

// Stats counts what a leg sent and received.
type Stats struct {
	PacketsOut uint64
	LateOut    uint64 // left more than 40 ms after the one before
	SkippedOut uint64 // never left: the box was stalled
	FailedOut  uint64 // the system refused to send
	LateRelay  uint64 // came over the bridge when silence had already taken its place

	PacketsIn      uint64
	LostIn         uint64
	Jitter         time.Duration // RFC 3550 §6.4.1
	DroppedForeign uint64        // from an address that is not the far end's
	DroppedInvalid uint64        // not RTP, or of a format not agreed
	LastIn         time.Time     // zero when nothing came yet
	SRTPErrors     uint64        // packets that the key does not vouch for, or that came twice

	// From the reports (RTCP): zero until the first came.
	RTT       time.Duration
	LostOut   uint64        // of what we sent
	JitterOut time.Duration // of what we sent, where it arrived
	MOS       float64       // 1 (bad) to 4.5: how the last seconds sounded; 0 = nothing to judge

	Silent bool // packets came, but never a sound above -50 dBFS

	// Sampled: while nobody listens, the kernel passes on one sound packet in
	// 32 and everything else. PacketsIn counts only what was passed on, LostIn
	// and Jitter only the times when somebody listened, and LastIn is 0.6 s
	// behind, or more when the far end sends pauses as nothing.
	Sampled bool
	// Locked: the kernel itself refuses packets from other addresses, so
	// DroppedForeign stands still.
	Locked bool
}

// Stats is the state of the counters now.
func (e *Endpoint) Stats() Stats {
	var s Stats
	e.in.mu.Lock()
	e.in.stats(&s)
	if at := e.in.lastIn; at != 0 {
		s.LastIn = e.pacer.epoch.Add(time.Duration(at))
	}
	e.in.mu.Unlock()
	e.out.mu.Lock()
	s.PacketsOut, s.LateOut, s.SkippedOut = e.out.sent, e.out.late, e.out.skipped
	s.FailedOut, s.LateRelay = e.out.failed, e.out.lateRelay
	if e.socket != nil {
		s.Locked = e.socket.connected
	}
	e.out.mu.Unlock()
	return s
}
