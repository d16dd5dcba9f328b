// Package softphone is the browser side of a call: it answers the WebRTC
// offers of agents' web pages and carries their sound over one UDP port for
// all of them. It is the only importer of pion/webrtc and knows nothing of
// SIP, of who the agent is, or of what is said.
//
// Rules of the house:
//
//  1. The box is an ICE-lite agent (RFC 8445 §2.5) with fixed addresses: the
//     browser does the checking, the answer is complete, nothing trickles.
//  2. What a browser sends as its offer never reaches pion. It is read here,
//     and pion gets an offer written here that holds only checked values.
//  3. PCMU only: the same encoding as on the telephone side, so a bridge
//     copies bytes.
//  4. A Phone is disposable. It ends with a call.Cause when the browser is
//     gone, and a new Connect takes its place.
package softphone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"hotline/appliance/call"
	"hotline/appliance/media"
)

// What Connect may answer besides a *BadOffer.
var (
	ErrNotRunning = errors.New("the box takes no browser calls at the moment; try again in a few seconds")
	ErrFull       = errors.New("too many browsers are connected; close pages that are not needed")
)

// Defaults of a Config.
const (
	DefaultSilence      = 4 * time.Second
	DefaultConnectLimit = 15 * time.Second
	DefaultMaxPhones    = 500
)

// Config describes a Gateway.
type Config struct {
	// IPs are the addresses to listen on and to offer to browsers. Empty means
	// all addresses of this machine, including loopback and those it gets
	// later: a box that is carried to another network goes on working.
	IPs  []netip.Addr
	Port int // UDP, the same on all addresses; 0 takes a free one

	Pacer     *media.Pacer  // the clock of the legs, run by the caller
	Silence   time.Duration // a browser that sends no sound for so long is gone
	Connect   time.Duration // how long a browser may take to connect
	MaxPhones int
	Log       *slog.Logger
}

// Gateway is where browsers connect.
type Gateway struct {
	cfg   Config
	ports *ports
	api   *webrtc.API

	mu      sync.Mutex
	running bool
	phones  map[*Phone]struct{}
	tending sync.WaitGroup
}

// New binds the UDP port. Nothing is answered before Run.
func New(cfg Config) (*Gateway, error) {
	if cfg.Silence == 0 {
		cfg.Silence = DefaultSilence
	}
	if cfg.Connect == 0 {
		cfg.Connect = DefaultConnectLimit
	}
	if cfg.MaxPhones == 0 {
		cfg.MaxPhones = DefaultMaxPhones
	}
	ports, err := bind(cfg.IPs, cfg.Port, cfg.Log)
	if err != nil {
		return nil, err
	}
	g := &Gateway{cfg: cfg, ports: ports, phones: map[*Phone]struct{}{}}
	if g.api, err = newAPI(ports, cfg); err != nil {
		return nil, errors.Join(err, ports.Close())
	}
	return g, nil
}

func newAPI(mux ice.UDPMux, cfg Config) (*webrtc.API, error) {
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: pcmu(), PayloadType: 0}, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, fmt.Errorf("registering the voice encoding: %w", err)
	}
	// Reports tell the browser how well it is heard; its page shows that.
	// Everything else pion could do (NACK, TWCC) is for video.
	registry := &interceptor.Registry{}
	if err := webrtc.ConfigureRTCPReports(registry); err != nil {
		return nil, fmt.Errorf("setting up reception reports: %w", err)
	}
	settings := webrtc.SettingEngine{LoggerFactory: logging{cfg.Log}}
	settings.SetLite(true)
	settings.SetICEUDPMux(mux)
	settings.SetIncludeLoopbackCandidate(true) // which addresses there are is up to the mux
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	settings.DisableActiveTCP(true)
	// Only a backstop: the sound tells sooner. Browsers repeat their checks
	// every 5 s (RFC 7675 §5.1), pages in the background more rarely.
	settings.SetICETimeouts(10*time.Second, 30*time.Second, 2*time.Second)
	if err := settings.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
		return nil, fmt.Errorf("setting the DTLS role: %w", err)
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings)), nil
}

func pcmu() webrtc.RTPCodecCapability {
	return webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}
}

// Addr is the first address browsers are told.
func (g *Gateway) Addr() netip.AddrPort { return g.ports.first() }

// Phones is the number of browsers connected or connecting.
func (g *Gateway) Phones() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.phones)
}

// Run takes browsers until ctx ends. When it returns, all phones are gone and
// the port is free.
func (g *Gateway) Run(ctx context.Context) error {
	g.ports.start()
	g.mu.Lock()
	g.running = true
	g.mu.Unlock()

	g.ports.follow(ctx)

	g.mu.Lock()
	g.running = false
	for p := range g.phones {
		p.end(call.Cause{By: call.BySystem, Reason: "the box is shutting down"})
	}
	g.mu.Unlock()
	g.tending.Wait()
	return g.ports.Close()
}

// Connect answers a browser's offer. The Phone is usable at once: what is
// played before the browser has connected waits. It lives until Close, until
// the browser is gone, or until the Gateway stops; ctx only limits the
// answering.
func (g *Gateway) Connect(ctx context.Context, offerSDP string) (*Phone, string, error) {
	o, err := readOffer(offerSDP)
	if err != nil {
		return nil, "", err
	}
	p, err := g.newPhone()
	if err != nil {
		return nil, "", err
	}
	answer, err := p.answer(ctx, o)
	if err != nil {
		p.end(call.Cause{By: call.BySystem, Reason: "the offer could not be answered"})
		<-p.gone
		return nil, "", fmt.Errorf("answering the browser's offer: %w", err)
	}
	return p, answer, nil
}

// newPhone makes a phone and starts the goroutine that tends it.
func (g *Gateway) newPhone() (*Phone, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.running {
		return nil, ErrNotRunning
	}
	if len(g.phones) >= g.cfg.MaxPhones {
		return nil, ErrFull
	}
	pc, err := g.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("preparing a browser connection: %w", err)
	}
	p := newPhone(g, pc)
	g.phones[p] = struct{}{}
	g.tending.Go(p.tend)
	return p, nil
}

func (g *Gateway) forget(p *Phone) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.phones, p)
}
