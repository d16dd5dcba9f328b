package trunk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/media"
)

// Config is what a Trunk needs. Conn, Ports, Pacer, Serves, Handle and Log
// must be set.
type Config struct {
	Conn      net.PacketConn // UDP, bound by the caller; Run closes it
	TCP       net.Listener   // SIP over TCP when set; Run closes it
	TLS       net.Listener   // SIP over TLS when set, with the handshake inside (crypto/tls); Run closes it
	Advertise netip.Addr     // the address callers are told; the one of Conn when not set
	Ports     *media.Ports   // where sound arrives
	Pacer     *media.Pacer
	Peers     []netip.Prefix // whose messages are read; everybody's when empty
	Self      netip.Addr     // this machine, which may call itself whoever the peers are; nobody else can send from there
	MaxCalls  int            // refused with 503 above it; 1000 when 0
	Reserved  int            // how many of MaxCalls only Privileged numbers may use

	// Privileged says which dialled numbers may use the reserved channels, such
	// as the supervisors' line.
	Privileged func(called string) bool

	// Serves says whether a dialled number is ours; others get 404.
	Serves func(called string) bool
	// Full is told of each call to a number of ours that was refused with 503
	// because there was no room or the hotline is ending. It must return at
	// once; nobody is told when it is nil.
	Full func(from call.Number, called string)
	// Handle is the story of one call, in a goroutine of its own. When it
	// returns the call ends; when it panics only this call does.
	Handle func(ctx context.Context, c *Call)

	Region        string // country of numbers without a country code (ISO 3166)
	TrustIdentity bool   // the peers vouch for P-Asserted-Identity (RFC 3325)
	// Allow says whether a number may be dialled for a role. Nothing may when
	// it is nil; see OutboundPolicy.
	Allow func(to call.Number, role string) error
	// Phones are those that may register; nil takes no registration. With
	// PhoneNets they are believed from there alone, and whatever comes from
	// there and from no peer has to prove itself.
	Phones    Phones
	PhoneNets []netip.Prefix
	Resolver  Resolver // finds the servers of lines; net.DefaultResolver when nil

	Silence  time.Duration // no sound at all for so long ends a call; 60 s when 0, never when negative
	Strained func() bool   // no more ordinary callers can be carried now; nil: only MaxCalls counts
	Drain    time.Duration // how long running calls go on after Run's context ends
	Log      *slog.Logger

	patience time.Duration // how long a connection may be silent; tests shorten it
	t1       time.Duration // RFC 3261 T1; tests shorten it
	interval time.Duration // the smallest and usual session interval; tests shorten it
}

// Stats is a snapshot of a Trunk's counters.
type Stats struct {
	Calls          int            // up or being set up now
	Offered        uint64         // INVITEs for a new call
	Answered       uint64         //
	Dialled        uint64         // INVITEs of ours for a new call
	Connected      uint64         // calls of ours that were answered
	Rejected       map[int]uint64 // refused requests by SIP status
	Unacknowledged uint64         // calls ended because the caller never confirmed our answer
	Turned         uint64         // callers refused because there was no room
	Limit          int            // of Calls
	Reserved       int            // of Limit, for those who must get through
	Silent         uint64         // calls ended because no sound arrived
	Panics         uint64         // faults of ours that ended one call or one request
	Dropped        uint64         // datagrams and connections from strangers, or that cannot be SIP
	Connections    int            // TCP and TLS, open now
	Ports          int            // for sound, in use now
}

// Trunk takes calls from one UDP socket, and from TCP and TLS listeners if
// there are.
type Trunk struct {
	cfg      Config
	log      *slog.Logger
	contact  netip.AddrPort
	contacts map[string]netip.AddrPort // by transport, where it is not contact
	laddr    sip.Addr
	wire     *wire
	gates    map[string]*gatekeeper // by transport
	outward  map[string]*outward    // for connections of ours, by transport
	streams  streams
	carrier  *sip.TransportLayer
	layer    *sip.TransactionLayer

	work sync.WaitGroup // call loops and handlers
	base context.Context

	mu       sync.Mutex
	serving  bool
	draining bool
	calls    map[string]*Call     // by our tag
	invites  map[string]*Call     // by Call-ID, From tag and CSeq of the first INVITE (RFC 3261 §8.2.2.2)
	gaveUp   map[string]time.Time // CANCELs that came before their INVITE, by transaction
	active   int
	rejected map[int]uint64

	registrar *registrar // nil without Phones

	lines    []*line // replaced, never changed
	parting  []*line // used no more, with calls that still go on, or still signing off
	watching sync.WaitGroup
	watched  context.Context // of the watches; nil before Run
	deaf     chan error      // ends of what is read
	readers  int             // that will say so in deaf

	heard []atomic.Int64 // by peer: when, in Unix nanoseconds

	dialled, connected, offered, answered, unacknowledged, silent, turned, panics atomic.Uint64
}

const (
	defaultMaxCalls = 1000
	defaultSilence  = time.Minute
	defaultT1       = 500 * time.Millisecond
	t2              = 4 * time.Second
	goodbyeLimit    = 3 * time.Second // for BYEs and handlers at shutdown
)

// New makes a trunk. Nothing is read or sent before Run.
func New(cfg Config) (*Trunk, error) {
	prepareLibrary()
	if cfg.Conn == nil || cfg.Ports == nil || cfg.Pacer == nil || cfg.Serves == nil || cfg.Handle == nil || cfg.Log == nil {
		return nil, errors.New("making the trunk: Conn, Ports, Pacer, Serves, Handle and Log must be set")
	}
	contact, err := contactAddress(cfg.Conn, cfg.Advertise)
	if err != nil {
		return nil, fmt.Errorf("making the trunk: %w", err)
	}
	if cfg.MaxCalls == 0 {
		cfg.MaxCalls = defaultMaxCalls
	}
	if cfg.Reserved < 0 || cfg.Reserved >= cfg.MaxCalls {
		return nil, fmt.Errorf("making the trunk: %d of %d channels are reserved, which leaves none for callers; reserve fewer", cfg.Reserved, cfg.MaxCalls)
	}
	if cfg.Silence == 0 {
		cfg.Silence = defaultSilence
	}
	if cfg.Resolver == nil {
		cfg.Resolver = net.DefaultResolver
	}
	if cfg.t1 == 0 {
		cfg.t1 = defaultT1
	}
	bound := addrPort(cfg.Conn.LocalAddr())
	t := &Trunk{
		cfg:      cfg,
		log:      cfg.Log,
		contact:  contact,
		laddr:    sip.Addr{IP: bound.Addr().AsSlice(), Port: int(bound.Port())},
		wire:     &wire{PacketConn: cfg.Conn, self: cfg.Self, peers: cfg.Peers, phones: cfg.PhoneNets, reading: make(chan struct{}), ended: make(chan struct{})},
		calls:    make(map[string]*Call),
		invites:  make(map[string]*Call),
		gaveUp:   make(map[string]time.Time),
		rejected: make(map[int]uint64),
		outward:  make(map[string]*outward),
		deaf:     make(chan error, mostReaders),
	}
	t.heard = make([]atomic.Int64, len(cfg.Peers))
	if cfg.Phones != nil {
		t.registrar = newRegistrar(cfg.Phones, cfg.Log)
	}
	if udp, ok := cfg.Conn.LocalAddr().(*net.UDPAddr); ok {
		t.laddr.IP = udp.IP // as printed by the socket: sipgo finds the socket by that text
	}
	t.contacts, t.gates = make(map[string]netip.AddrPort), make(map[string]*gatekeeper)
	for transport, l := range map[string]net.Listener{"TCP": cfg.TCP, "TLS": cfg.TLS} {
		if l == nil {
			continue
		}
		t.contacts[transport] = netip.AddrPortFrom(contact.Addr(), streamAddr(l.Addr()).Port())
		t.gates[transport] = &gatekeeper{Listener: l, wire: t.wire, streams: &t.streams, first: messageDeadline, idle: idleLimit}
		if cfg.patience > 0 {
			t.gates[transport].first, t.gates[transport].idle = cfg.patience, 2*cfg.patience
		}
	}
	return t, nil
}

// Addr is where callers reach the trunk.
func (t *Trunk) Addr() netip.AddrPort { return t.contact }

// Run serves until ctx ends, then takes no new call, lets running ones go on
// for Config.Drain, says farewell to those that are left, hangs up and returns
// when every call is gone. It returns nil after such an orderly end. It never
// stays up deaf: when the socket fails it ends the calls and returns the error.
func (t *Trunk) Run(ctx context.Context) error {
	calls, stopCalls := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopCalls(nil)

	t.mu.Lock()
	if t.serving {
		t.mu.Unlock()
		return errors.New("running the trunk: it runs already")
	}
	t.serving, t.base = true, calls
	t.mu.Unlock()

	library := slog.New(quiet{log: t.log, gate: new(gate)})
	t.carrier = sip.NewTransportLayer(net.DefaultResolver, sip.NewParser(), nil, sip.WithTransportLayerLogger(library))
	t.layer = sip.NewTransactionLayer(t.carrier, sip.WithTransactionLayerLogger(library),
		sip.WithTransactionLayerUnhandledResponseHandler(func(*sip.Response) {}))
	t.layer.OnRequest(t.receive)

	watched, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	t.begin(watched)

	var fault error
	ended := 0
	select {
	case fault = <-t.deaf:
		ended++
	case <-ctx.Done():
	}
	t.mu.Lock()
	t.draining = true // from here on nothing is added to what is read and watched
	t.mu.Unlock()
	stopWatching()
	left := t.finish(fault, stopCalls)
	t.watching.Wait()

	t.wire.stop()
	for _, gate := range t.gates {
		_ = gate.Close()
	}
	for _, out := range t.outward {
		_ = out.Close()
	}
	for ; ended < t.readers; ended++ {
		if err := <-t.deaf; fault == nil {
			fault = err
		}
	}
	t.layer.Close()
	closing := t.carrier.Close()
	// Messages are handled in goroutines of sipgo that cannot be waited for: an
	// answer that comes now makes it open a socket of its own.
	time.Sleep(lateAnswers)
	closing = errors.Join(closing, t.carrier.Close())
	if err := t.cfg.Conn.Close(); err != nil && fault == nil {
		closing = errors.Join(closing, err)
	}
	if fault != nil {
		return fmt.Errorf("the SIP socket failed, no caller can get through; check the network and restart: %w", fault)
	}
	if left != nil {
		return left
	}
	if closing != nil {
		return fmt.Errorf("closing the SIP socket: %w", closing)
	}
	return nil
}

// lateAnswers is how long the end of a trunk waits for answers that nobody
// will hear.
const lateAnswers = 150 * time.Millisecond

// mostReaders are the socket, two listeners, and two for connections of ours.
const mostReaders = 5

// begin reads and watches.
func (t *Trunk) begin(watched context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.read(t.listen)
	for transport, gate := range t.gates {
		t.read(func() error { return t.listenStream(transport, gate) })
	}
	for transport, out := range t.outward {
		t.read(func() error { return t.listenStream(transport, out) })
	}
	t.watched = watched
	for _, l := range t.lines {
		t.beginWatch(l, nil)
	}
}

// read starts a reader, whose end deaf tells. t.mu is held.
func (t *Trunk) read(reader func() error) {
	t.readers++
	go func() { t.deaf <- reader() }()
}

// listen reads until stop or a failure of the socket.
func (t *Trunk) listen() error {
	var relieved sync.WaitGroup
	defer relieved.Wait()
	for {
		reader, left := t.wire.reader(), make(chan error, 1)
		relieved.Go(func() { left <- t.carrier.ServeUDP(reader) })
		select {
		case err := <-left:
			if fault := t.wire.fault.Load(); fault != nil && err == nil {
				err = *fault
			}
			return err
		case <-reader.full: // sipgo knows the socket all the time: the next reader enters it before this one leaves
			t.log.Info("sip socket read anew: many addresses were seen", "addresses", maxSources)
		}
	}
}

// finish waits for running calls, then hangs up on them.
func (t *Trunk) finish(fault error, stopCalls context.CancelCauseFunc) error {
	gone := make(chan struct{})
	go func() {
		t.work.Wait()
		close(gone)
	}()
	if fault == nil && t.cfg.Drain > 0 {
		select {
		case <-gone:
			return nil
		case <-time.After(t.cfg.Drain):
			t.sayFarewell()
		}
	}
	cause := shuttingDown
	if fault != nil {
		cause = lineFailed
	}
	stopCalls(cause)
	select {
	case <-gone:
		return nil
	case <-time.After(goodbyeLimit + 2*time.Second):
		return errors.New("stopping the trunk: some calls did not end in time; their callers were sent a hang-up")
	}
}

// farewellLimit is how long the last words to all callers may take together.
const farewellLimit = 15 * time.Second

// sayFarewell lets every caller hear why the call ends, all at the same time.
func (t *Trunk) sayFarewell() {
	ctx, cancel := context.WithTimeout(context.Background(), farewellLimit)
	defer cancel()
	t.mu.Lock()
	calls := slices.Collect(maps.Values(t.calls))
	t.mu.Unlock()
	var saying sync.WaitGroup
	for _, c := range calls {
		clip, sound := c.farewell.Load(), c.Audio()
		if clip == nil || sound == nil {
			continue
		}
		saying.Go(func() {
			// What is said to this caller at the same moment takes over: say it again.
			for errors.Is(playTo(ctx, sound, clip), media.ErrReplaced) {
			}
		})
	}
	saying.Wait()
}

func playTo(ctx context.Context, sound *media.Endpoint, clip *audio.Clip) error {
	_, err := sound.Play(ctx, clip, false)
	return err
}

// Stats is a snapshot.
func (t *Trunk) Stats() Stats {
	t.mu.Lock()
	active, rejected := t.active, maps.Clone(t.rejected)
	t.mu.Unlock()
	return Stats{
		Calls:          active,
		Offered:        t.offered.Load(),
		Answered:       t.answered.Load(),
		Dialled:        t.dialled.Load(),
		Connected:      t.connected.Load(),
		Rejected:       rejected,
		Unacknowledged: t.unacknowledged.Load(),
		Turned:         t.turned.Load(),
		Limit:          t.cfg.MaxCalls,
		Reserved:       t.cfg.Reserved,
		Silent:         t.silent.Load(),
		Panics:         t.panics.Load(),
		Dropped:        t.wire.dropped.Load(),
		Connections:    t.streams.count(),
		Ports:          t.cfg.Ports.Used(),
	}
}

// fault counts and logs a panic. The stack names our code; the value may quote
// a stranger and is cut short.
func (t *Trunk) fault(log *slog.Logger, where string, recovered any) {
	t.panics.Add(1)
	text := fmt.Sprint(recovered)
	if len(text) > 200 {
		text = text[:200]
	}
	log.Error("a fault in the software ended one call; the others go on", "where", where, "panic", text, "stack", string(debug.Stack()))
}
