package phone

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtp"

	"hotline/appliance/audio"
)

// sound is the phone's RTP: one socket, one goroutine that sends a packet each
// 20 ms, one that listens.
type sound struct {
	cfg       Config
	conn      *net.UDPConn
	spare     *net.UDPConn // the socket announced by a phone with a wrong port
	local     netip.AddrPort
	announced netip.AddrPort
	ctx       context.Context
	work      *sync.WaitGroup

	mu     sync.Mutex // guards what follows
	cipher *cipher    // nil for a call in the clear
	there  remote
	once   bool
	clip   *speech
	under  []byte // looped beneath, encoded
	at     int    // position in under
	keys   []*key
	record record
}

// speech is a clip being said.
type speech struct {
	rest   []byte
	spoken chan struct{}
}

// key is a key being pressed.
type key struct {
	event   byte
	start   uint32 // timestamp
	begun   bool
	elapsed int // samples
	total   int
	gap     int // frames of silence after it
	done    chan struct{}
}

// ErrOver is returned when the call ends while the phone speaks or presses.
var ErrOver = errors.New("the call is over")

func openSound(ctx context.Context, cfg Config, work *sync.WaitGroup) (*sound, error) {
	here := net.UDPAddrFromAddrPort(netip.AddrPortFrom(cfg.Local, 0))
	conn, err := net.ListenUDP("udp", here)
	if err != nil {
		return nil, fmt.Errorf("opening the RTP socket: %w", err)
	}
	s := &sound{cfg: cfg, conn: conn, ctx: ctx, work: work, local: localAddr(conn)}
	s.announced = s.local
	if cfg.SRTP != "" {
		if s.cipher, err = newCipher(cfg.SRTP, cfg.KeySuffix); err != nil {
			conn.Close()
			return nil, err
		}
	}
	s.record.keep = int(cfg.Keep.Seconds() * audio.SampleRate)
	if cfg.WrongPort {
		if s.spare, err = net.ListenUDP("udp", here); err != nil {
			conn.Close()
			return nil, fmt.Errorf("opening the spare RTP socket: %w", err)
		}
		s.announced = localAddr(s.spare)
	}
	work.Go(s.listen)
	work.Go(func() {
		<-ctx.Done()
		conn.Close()
		if s.spare != nil {
			s.spare.Close()
		}
	})
	return s, nil
}

func localAddr(conn *net.UDPConn) netip.AddrPort {
	a := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// start begins to send, to where the answer says.
func (s *sound) start(there remote) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cipher != nil {
		if err := s.cipher.far(there); err != nil {
			return err
		}
	}
	if s.cfg.Near {
		there.sound = netip.AddrPortFrom(s.cfg.Server.Addr(), there.sound.Port())
	}
	s.there = there
	if s.once || s.cfg.Mute {
		return nil
	}
	s.once = true
	s.work.Go(s.send)
	return nil
}

func (s *sound) far() netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.there.sound
}

func (s *sound) send() {
	header := rtp.Header{Version: 2, SSRC: rand.Uint32(), SequenceNumber: uint16(rand.Uint32()), Timestamp: rand.Uint32(), Marker: true}
	begun := time.Now()
	clock := time.NewTimer(0)
	defer clock.Stop()
	for frame := 0; ; frame++ {
		clock.Reset(time.Until(begun.Add(time.Duration(frame) * audio.FrameDuration))) // absolute: no drift
		select {
		case <-clock.C:
		case <-s.ctx.Done():
			s.silenceWaiters()
			return
		}
		s.mu.Lock()
		to := s.there.sound
		var wire [][]byte
		for _, p := range s.next(&header) {
			if raw, err := s.seal(&p); err == nil {
				wire = append(wire, raw)
			}
		}
		s.mu.Unlock()
		for _, raw := range wire {
			_, _ = s.conn.WriteToUDPAddrPort(raw, to) // a far end that is gone shows in the signalling
		}
	}
}

func (s *sound) silenceWaiters() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clip, s.keys = nil, nil // who waits also watches the context
}

// next builds the packets of one 20 ms step. Needs mu.
func (s *sound) next(h *rtp.Header) []rtp.Packet {
	defer func() { h.Timestamp += audio.FrameSamples }()
	if len(s.keys) > 0 {
		k := s.keys[0]
		if k.elapsed < k.total || !k.begun {
			return s.press1(h, k)
		}
		if k.gap--; k.gap <= 0 {
			close(k.done)
			s.keys = s.keys[1:]
			s.record.words, s.record.still = false, 0
		}
	}
	payload := make([]byte, audio.FrameSamples)
	for i := range payload {
		payload[i] = s.there.law.Silence()
	}
	if s.clip != nil {
		n := copy(payload, s.clip.rest)
		s.clip.rest = s.clip.rest[n:]
		if len(s.clip.rest) == 0 {
			close(s.clip.spoken)
			s.clip = nil
		}
	} else if len(s.under) > 0 {
		for i := range payload {
			payload[i] = s.under[s.at]
			s.at = (s.at + 1) % len(s.under)
		}
	}
	return []rtp.Packet{s.packet(h, uint8(s.there.law), h.Timestamp, payload)}
}

func (s *sound) packet(h *rtp.Header, payloadType uint8, timestamp uint32, payload []byte) rtp.Packet {
	h.SequenceNumber++
	p := rtp.Packet{Header: *h, Payload: payload}
	p.PayloadType, p.Timestamp = payloadType, timestamp
	h.Marker = false
	return p
}

// press1 is one step of a key: RFC 4733 §2.5.1. All packets of a key have its
// first timestamp, the last is sent three times with the end bit.
func (s *sound) press1(h *rtp.Header, k *key) []rtp.Packet {
	if !k.begun {
		k.begun, k.start = true, h.Timestamp
		h.Marker = true
		if s.cfg.ZeroFirstEvent {
			return []rtp.Packet{s.packet(h, s.there.dtmf, k.start, []byte{k.event, 10, 0, 0})}
		}
	}
	k.elapsed += audio.FrameSamples
	payload := []byte{k.event, 10, byte(k.elapsed >> 8), byte(k.elapsed)}
	if k.elapsed < k.total {
		return []rtp.Packet{s.packet(h, s.there.dtmf, k.start, payload)}
	}
	payload[1] |= 0x80
	var packets []rtp.Packet
	for range 3 {
		packets = append(packets, s.packet(h, s.there.dtmf, k.start, payload))
	}
	return packets
}

const keyNames = "0123456789*#ABCD"

func (s *sound) press(ctx context.Context, keys string) error {
	s.mu.Lock()
	if s.there.dtmf == 0 || s.cfg.Mute {
		s.mu.Unlock()
		return errors.New("pressing keys: the far end does not take keys as events")
	}
	var last chan struct{}
	for _, name := range strings.ToUpper(keys) {
		event := strings.IndexRune(keyNames, name)
		if event < 0 {
			s.mu.Unlock()
			return fmt.Errorf("pressing keys: %q is no key", name)
		}
		last = make(chan struct{})
		s.keys = append(s.keys, &key{event: byte(event), gap: 4, done: last,
			total: int(s.cfg.KeyLength/audio.FrameDuration) * audio.FrameSamples})
	}
	s.mu.Unlock()
	return s.wait(ctx, last)
}

func (s *sound) say(ctx context.Context, clip *audio.Clip) error {
	s.mu.Lock()
	if s.cfg.Mute || len(clip.MuLaw()) == 0 {
		s.mu.Unlock()
		return nil
	}
	spoken := make(chan struct{})
	s.clip = &speech{rest: clip.Encoded(s.there.law), spoken: spoken}
	s.mu.Unlock()
	return s.wait(ctx, spoken)
}

func (s *sound) wait(ctx context.Context, done chan struct{}) error {
	if done == nil {
		return nil
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ctx.Done():
		return ErrOver
	}
}

func (s *sound) loop(clip *audio.Clip) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.under, s.at = nil, 0
	if clip != nil {
		s.under = clip.Encoded(s.there.law)
	}
}
