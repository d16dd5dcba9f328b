// Package peer is a page's sound without a page: a WebRTC client as a browser
// would be one, with full ICE, an offer of many encodings and a microphone that
// speaks a tone. It answers calls in rehearsals and is the far end in tests, so
// it shares nothing with the softphone it talks to.
package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"hotline/appliance/audio"
)

// Peer is one such client.
type Peer struct {
	pc    *webrtc.PeerConnection
	voice *webrtc.TrackLocalStaticRTP

	mu      sync.Mutex    // guards what follows
	heard   []rtp.Header  // of the last minute at least
	count   int           // of all packets
	sound   []int16       // of the last second at least
	more    chan struct{} // closed and made anew at each packet
	stop    context.CancelFunc
	running sync.WaitGroup
}

// Open makes a peer; Close ends it.
func Open() (*Peer, error) {
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		return nil, fmt.Errorf("making a page's sound: %w", err)
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("making a page's sound: %w", err)
	}
	p := &Peer{pc: pc, more: make(chan struct{}), stop: func() {}}
	p.voice, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}, "mic", "page")
	var sender *webrtc.RTPSender
	if err == nil {
		sender, err = pc.AddTrack(p.voice)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making a page's microphone: %w", err), pc.Close())
	}
	p.running.Go(func() { readAll(sender.Read) })
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { p.running.Go(func() { p.listen(track) }) })
	return p, nil
}

func readAll[A any](read func([]byte) (int, A, error)) {
	buf := make([]byte, 1500)
	for {
		if _, _, err := read(buf); err != nil {
			return
		}
	}
}

func (p *Peer) listen(track *webrtc.TrackRemote) {
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.count++
		p.heard = append(latest(p.heard, minute), packet.Header)
		p.sound = append(latest(p.sound, 2*half), audio.Decode(packet.Payload, audio.MuLaw)...)
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
}

// Offer is the complete offer, as a page sends it after gathering.
func (p *Peer) Offer(ctx context.Context) (string, error) {
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return "", fmt.Errorf("offering a page's sound: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(offer); err != nil {
		return "", fmt.Errorf("offering a page's sound: %w", err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", fmt.Errorf("collecting the addresses of a page: %w", context.Cause(ctx))
	}
	return p.pc.LocalDescription().SDP, nil
}

// Accept takes the answer to the offer.
func (p *Peer) Accept(answer string) error {
	return p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
}

// Speak sends a tone until the peer closes or is silenced.
func (p *Peer) Speak(hz float64) {
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	sound := audio.Tone(hz, time.Second, -10).MuLaw()
	p.running.Go(func() {
		begun := time.Now()
		clock := time.NewTimer(0)
		defer clock.Stop()
		for i := 0; ; i++ {
			clock.Reset(time.Until(begun.Add(time.Duration(i) * audio.FrameDuration))) // absolute: as a sound card, it does not slow down with the machine
			select {
			case <-clock.C:
			case <-ctx.Done():
				return
			}
			at := i * audio.FrameSamples % len(sound)
			// Errors end with the connection; the other side's view counts.
			_ = p.voice.WriteRTP(&rtp.Packet{
				Header:  rtp.Header{Version: 2, SequenceNumber: uint16(i), Timestamp: uint32(i * audio.FrameSamples)},
				Payload: sound[at : at+audio.FrameSamples],
			})
		}
	})
}

// minute is how many packets a minute has.
const minute = int(time.Minute / audio.FrameDuration)

// latest keeps the last n of what has grown to twice as many: a page may listen
// for a whole day.
func latest[A any](all []A, n int) []A {
	if len(all) < 2*n {
		return all
	}
	return append(all[:0], all[len(all)-n:]...)
}

// half is the piece of sound that a judgement rests on.
const half = audio.SampleRate / 2

// WaitTone waits until the last half second is the tone.
func (p *Peer) WaitTone(ctx context.Context, hz float64) error {
	for {
		p.mu.Lock()
		n, more := len(p.sound), p.more
		var level float64
		if n >= half {
			level = audio.ToneLevel(p.sound[n-half:], hz)
		}
		p.mu.Unlock()
		if level > 0.9 {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("the page does not hear %v Hz: level %.2f after %d samples: %w", hz, level, n, context.Cause(ctx))
		}
	}
}

// Count is how many packets were heard so far.
func (p *Peer) Count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// Packets are the headers of what was heard lately, of a minute at least.
func (p *Peer) Packets() []rtp.Header {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]rtp.Header(nil), p.heard...)
}

// Levels are the shares of the last half second's energy at each frequency.
func (p *Peer) Levels(hz ...float64) []float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]float64, len(hz))
	if len(p.sound) < half {
		return out
	}
	for i, f := range hz {
		out[i] = audio.ToneLevel(p.sound[len(p.sound)-half:], f)
	}
	return out
}

// Silence stops the microphone: the page is still there, but nothing is said.
func (p *Peer) Silence() { p.stop() }

// Wait returns when nothing more is heard or said: the other side has closed
// the connection, and Silence or Close has been called.
func (p *Peer) Wait() { p.running.Wait() }

// Connection is the connection itself.
func (p *Peer) Connection() *webrtc.PeerConnection { return p.pc }

// Close hangs up as a closed page does.
func (p *Peer) Close() {
	p.stop()
	// Closing twice is an error to pion and none to whoever closes.
	if err := p.pc.GracefulClose(); err != nil && !errors.Is(err, io.EOF) {
		return
	}
	p.running.Wait()
}
