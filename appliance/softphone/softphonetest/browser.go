// Package softphonetest is a browser's sound without a browser: a WebRTC client
// as a page would be one, for tests of whatever stands behind a softphone.
package softphonetest

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"hotline/appliance/audio"
)

// Browser is a WebRTC client as a web page would be one: full ICE, an offer
// with many encodings, a microphone that always sends.
type Browser struct {
	pc    *webrtc.PeerConnection
	voice *webrtc.TrackLocalStaticRTP

	mu      sync.Mutex
	heard   []rtp.Header
	sound   []int16
	more    chan struct{} // closed and made anew at each packet
	stop    context.CancelFunc
	running sync.WaitGroup
}

// Open makes a browser that is closed at the end of the test.
func Open(t testing.TB) *Browser {
	t.Helper()
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	voice, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}, "mic", "page")
	if err != nil {
		t.Fatal(err)
	}
	sender, err := pc.AddTrack(voice)
	if err != nil {
		t.Fatal(err)
	}
	b := &Browser{pc: pc, voice: voice, more: make(chan struct{}), stop: func() {}}
	b.running.Go(func() { readAll(sender.Read) })
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { b.running.Go(func() { b.listen(track) }) })
	t.Cleanup(b.Close)
	return b
}

func readAll[A any](read func([]byte) (int, A, error)) {
	buf := make([]byte, 1500)
	for {
		if _, _, err := read(buf); err != nil {
			return
		}
	}
}

func (b *Browser) listen(track *webrtc.TrackRemote) {
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.heard = append(b.heard, packet.Header)
		b.sound = append(b.sound, audio.Decode(packet.Payload, audio.MuLaw)...)
		close(b.more)
		b.more = make(chan struct{})
		b.mu.Unlock()
	}
}

// Offer is the complete offer, as a page sends it after gathering.
func (b *Browser) Offer(t testing.TB) string {
	t.Helper()
	offer, err := b.pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(b.pc)
	if err := b.pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	within(t, gathered, "the browser collected its addresses")
	return b.pc.LocalDescription().SDP
}

// Accept takes the answer to the offer.
func (b *Browser) Accept(t testing.TB, answer string) {
	t.Helper()
	if err := b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatalf("the browser refuses the answer: %v\n%s", err, answer)
	}
}

// Speak sends a tone until the browser closes or is silenced.
func (b *Browser) Speak(hz float64) {
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	sound := audio.Tone(hz, time.Second, -10).MuLaw()
	b.running.Go(func() {
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
			// Errors end with the connection; the other side's view is tested.
			_ = b.voice.WriteRTP(&rtp.Packet{
				Header:  rtp.Header{Version: 2, SequenceNumber: uint16(i), Timestamp: uint32(i * audio.FrameSamples)},
				Payload: sound[at : at+audio.FrameSamples],
			})
		}
	})
}

// Hears waits until the last half second is the tone.
func (b *Browser) Hears(t testing.TB, hz float64) {
	t.Helper()
	const half = audio.SampleRate / 2
	limit := time.After(10 * time.Second)
	for {
		b.mu.Lock()
		n, more := len(b.sound), b.more
		var level float64
		if n >= half {
			level = audio.ToneLevel(b.sound[n-half:], hz)
		}
		b.mu.Unlock()
		if level > 0.9 {
			return
		}
		select {
		case <-more:
		case <-limit:
			t.Fatalf("the browser does not hear %v Hz: level %.2f after %d samples", hz, level, n)
		}
	}
}

// Packets are the headers of all packets heard so far.
func (b *Browser) Packets() []rtp.Header {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]rtp.Header(nil), b.heard...)
}

// Close hangs up as a closed page does.
func (b *Browser) Close() {
	b.stop()
	// Closing twice is an error to pion and none to a test.
	if err := b.pc.GracefulClose(); err != nil && err != io.EOF {
		return
	}
	b.running.Wait()
}

// Levels are the shares of the last half second's energy at each frequency.
func (b *Browser) Levels(hz ...float64) []float64 {
	const half = audio.SampleRate / 2
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]float64, len(hz))
	if len(b.sound) < half {
		return out
	}
	for i, f := range hz {
		out[i] = audio.ToneLevel(b.sound[len(b.sound)-half:], f)
	}
	return out
}

// Silence stops the microphone: the page is still there, but nothing is said.
func (b *Browser) Silence() { b.stop() }

// Wait returns when nothing more is heard or said: the other side has closed
// the connection, and Silence or Close has been called.
func (b *Browser) Wait() { b.running.Wait() }

// Peer is the connection itself.
func (b *Browser) Peer() *webrtc.PeerConnection { return b.pc }

func within(t testing.TB, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		t.Fatalf("it did not happen within 15 s that %s", what)
	}
}
