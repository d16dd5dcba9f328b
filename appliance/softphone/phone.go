package softphone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/media"
)

const (
	// gatherLimit bounds the collection of our own addresses, which needs no
	// network.
	gatherLimit = 5 * time.Second
	// closeLimit bounds the farewell to a browser that does not answer.
	closeLimit = 5 * time.Second
	watchEvery = 200 * time.Millisecond
	receiveMTU = 1500
)

// Phone is one browser's audio connection.
type Phone struct {
	gateway *Gateway
	pc      *webrtc.PeerConnection
	sender  *sender
	audio   *media.Endpoint

	ctx  context.Context
	end  func(call.Cause)
	gone chan struct{} // nothing of the phone runs any more

	connect   sync.Once
	connected chan struct{}
	since     time.Time // of connected

	mu      sync.Mutex
	closing bool // no new readers
	readers sync.WaitGroup
}

func newPhone(g *Gateway, pc *webrtc.PeerConnection) *Phone {
	ctx, cancel := context.WithCancelCause(context.Background())
	p := &Phone{
		gateway: g, pc: pc, sender: &sender{},
		ctx: ctx, end: func(c call.Cause) { cancel(c) },
		gone: make(chan struct{}), connected: make(chan struct{}),
	}
	p.audio = media.NewEndpoint(g.cfg.Pacer, p.sender, media.Config{Law: audio.MuLaw, Log: g.cfg.Log})
	pc.OnTrack(p.hear)
	pc.OnConnectionStateChange(p.changed)
	return p
}

// Audio is the sound of this leg.
func (p *Phone) Audio() *media.Endpoint { return p.audio }

// Context ends with a call.Cause when the connection is gone.
func (p *Phone) Context() context.Context { return p.ctx }

// Connected closes when sound can flow.
func (p *Phone) Connected() <-chan struct{} { return p.connected }

// LastHeard is when the last sound arrived; zero before the first.
func (p *Phone) LastHeard() time.Time { return p.audio.Stats().LastIn }

// Close hangs up and waits until nothing of the phone runs.
func (p *Phone) Close() {
	p.end(call.Cause{By: call.BySystem, Reason: "the connection was closed"})
	<-p.gone
}

// answer makes pion agree to the offer and returns the complete answer.
func (p *Phone) answer(ctx context.Context, o offer) (string, error) {
	rtpSender, err := p.pc.AddTrack(p.sender)
	if err != nil {
		return "", err
	}
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: o.String()}); err != nil {
		return "", err
	}
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(answer); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, gatherLimit)
	defer cancel()
	select {
	case <-gathered:
	case <-p.ctx.Done():
		return "", context.Cause(p.ctx)
	case <-ctx.Done():
		return "", fmt.Errorf("collecting the addresses of the box: %w", ctx.Err())
	}
	p.read(func() { drain(rtpSender.Read) })
	return p.pc.LocalDescription().SDP, nil
}

// changed follows the connection. Pion calls it in goroutines of its own, so
// the states may arrive in any order.
func (p *Phone) changed(state webrtc.PeerConnectionState) {
	switch state {
	case webrtc.PeerConnectionStateConnected:
		p.connect.Do(func() {
			p.since = time.Now()
			close(p.connected)
		})
	case webrtc.PeerConnectionStateFailed:
		p.end(call.Cause{By: call.ByNetwork, Reason: "the connection to the browser failed"})
	case webrtc.PeerConnectionStateClosed:
		p.end(call.Cause{By: call.ByAgent, Reason: "the browser closed the connection"})
	}
}

// hear passes on what the browser sends.
func (p *Phone) hear(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	p.read(func() { drain(receiver.Read) })
	p.read(func() {
		buf := make([]byte, receiveMTU)
		for {
			n, _, err := track.Read(buf)
			if err != nil {
				return // the connection is gone, its state says why
			}
			p.audio.Receive(buf[:n])
		}
	})
}

// read runs f in a goroutine that the end of the phone waits for.
func (p *Phone) read(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closing {
		p.readers.Go(f)
	}
}

// drain reads reports until there is nothing to read any more. The reports
// matter to the interceptors below, which work only while somebody reads.
func drain[A any](read func([]byte) (int, A, error)) {
	buf := make([]byte, receiveMTU)
	for {
		if _, _, err := read(buf); err != nil {
			return
		}
	}
}

// tend is the goroutine of a phone: it waits for its end and cleans up.
func (p *Phone) tend() {
	defer close(p.gone)
	defer p.gateway.forget(p)
	p.watch()
	log := p.gateway.cfg.Log
	log.Debug("browser audio ended", "cause", call.CauseOf(p.ctx))

	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	_ = p.audio.Close() // documented to return nil; it only waits
	closed := make(chan error, 1)
	go func() {
		err := p.pc.GracefulClose()
		p.readers.Wait()
		closed <- err
	}()
	select {
	case err := <-closed:
		if err != nil && !errors.Is(err, io.EOF) {
			log.Debug("closing a browser connection", "err", err)
		}
	case <-time.After(closeLimit):
		log.Warn("a browser connection does not close; its memory stays in use until the program restarts")
	}
}

// watch returns when the phone has ended.
func (p *Phone) watch() {
	limit := time.NewTimer(p.gateway.cfg.Connect)
	defer limit.Stop()
	select {
	case <-p.connected:
	case <-limit.C:
		p.end(call.Cause{By: call.ByNetwork, Reason: fmt.Sprintf("the browser did not connect within %v", p.gateway.cfg.Connect)})
		return
	case <-p.ctx.Done():
		return
	}
	p.audio.Start()

	// A browser sends a packet every 20 ms even while its microphone is muted.
	// An ICE-lite agent does no checks of its own, so the sound is the first
	// thing that tells that the far end is gone.
	check := time.NewTicker(watchEvery)
	defer check.Stop()
	for {
		select {
		case <-check.C:
		case <-p.ctx.Done():
			return
		}
		last := p.LastHeard()
		if last.IsZero() {
			last = p.since
		}
		if time.Since(last) > p.gateway.cfg.Silence {
			p.end(call.Cause{By: call.ByNetwork, Reason: fmt.Sprintf("no sound came from the browser for %v", p.gateway.cfg.Silence)})
			return
		}
	}
}
