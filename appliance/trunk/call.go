package trunk

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/media"
)

// Errors that Answer, Ringing and Reject return. The call's context tells why.
var (
	ErrOver     = errors.New("the call is over")
	ErrAnswered = errors.New("the call has been answered already")
)

// Endings.
var (
	shuttingDown = call.Cause{By: call.BySystem, Reason: "the hotline is shutting down", Code: 503}
	faulty       = call.Cause{By: call.BySystem, Reason: "a fault in the software", Code: 500}
	gaveUp       = call.Cause{By: call.ByCaller, Reason: "gave up before the answer", Code: 487}
	hungUp       = call.Cause{By: call.ByCaller, Reason: "hung up"}
	unconfirmed  = call.Cause{By: call.ByNetwork, Reason: "the caller's side never confirmed the answer", Code: 408}
	lineFailed   = call.Cause{By: call.ByNetwork, Reason: "the line to the telephone network failed", Code: 503}
	noSound      = call.Cause{By: call.ByNetwork, Reason: "no sound arrives"}
	unreachable  = call.Cause{By: call.ByNetwork, Reason: "the caller's side cannot be reached"}
	badAnswer    = call.Cause{By: call.ByNetwork, Reason: "the caller's side does not speak a sound the hotline knows", Code: 488}
	unprompted   = call.Cause{By: call.ByNetwork, Reason: "the caller's side never confirmed that it rings", Code: 504}
	unattended   = call.Cause{By: call.BySystem, Reason: "nobody answered the call in time", Code: 480}
)

// Call is one call from the trunk: a leg. Its context ends, with a call.Cause,
// when the leg does; its methods may be called from any goroutine.
type Call struct {
	trunk             *Trunk
	id                string // also our tag in the dialog
	callID            string
	theirTag          string // guarded by the trunk's mu
	inviteKey         string
	log               *slog.Logger
	from              call.Number
	display, to       string
	redirected        call.Number
	headers           map[string][]string
	line              *line        // nil when it belongs to none
	phone             string       // user of our registrar
	out               *outgoing    // nil for a call that came in
	invite            *sip.Request // of a call that came in, until it is confirmed
	tx                *sip.ServerTx
	started           time.Time
	ctx               context.Context
	end               context.CancelCauseFunc
	inbox             chan message // unbuffered: what is sent has been taken
	orders            chan order
	gone              chan struct{} // the loop has ended
	gaveUp            chan struct{}
	gaveUpOnce, ended sync.Once
	cancel            *sip.Request // readable once gaveUp is closed
	holds             chan bool

	farewell atomic.Pointer[audio.Clip]

	mu         sync.Mutex
	sound      *media.Endpoint
	held       bool
	sealed     bool
	answeredAt time.Time
	endedAt    time.Time

	dialog // only the loop touches it
}

// message is a request of this dialog with its transaction.
type message struct {
	*sip.Request
	tx *sip.ServerTx
}

// order is what the application wants of the loop.
type order struct {
	kind   orderKind
	status int
	retry  time.Duration
	cause  call.Cause
	result chan error // buffered
}

type orderKind uint8

const (
	orderRing orderKind = iota
	orderAnswer
	orderReject
	orderHangup
)

// newCall prepares a call from an INVITE: reads the offer, opens the port for
// the sound. Nothing runs yet.
func (t *Trunk) newCall(r *sip.Request, tx *sip.ServerTx, called string, body []byte) (*Call, *refusal) {
	var offer *session
	if body != nil {
		var err error
		offer, err = readSession(body, sourceOf(r), t.contact.Addr(), nil)
		if err != nil {
			return nil, refusedOffer(err)
		}
	}
	conn, err := t.cfg.Ports.Open()
	if err != nil {
		t.log.Warn("a caller was asked to try again: "+portless(err), "error", err)
		return nil, refuse(503, retryAfter(0))
	}
	var random [8]byte
	rand.Read(random[:])
	id := hex.EncodeToString(random[:])
	number, name := caller(r, t.cfg.Region, t.cfg.TrustIdentity)
	theirTag, _ := r.From().Params.Get("tag")
	t.mu.Lock()
	base := t.base
	t.mu.Unlock()
	ctx, end := context.WithCancelCause(context.WithoutCancel(base))
	c := &Call{
		trunk: t, id: id, callID: r.CallID().Value(), theirTag: theirTag,
		log:  t.log.With("call", id),
		from: number, display: name, to: called,
		redirected: redirected(r, t.cfg.Region, t.cfg.TrustIdentity), headers: foreignHeaders(r),
		invite: r, tx: tx, started: time.Now(),
		ctx: ctx, end: end,
		inbox: make(chan message), orders: make(chan order), gone: make(chan struct{}), gaveUp: make(chan struct{}),
		holds: make(chan bool, 1),
	}
	c.dialog.open(r, id, conn, t.contact.Addr())
	if offer != nil {
		c.ours.seal(offer.sealing)
		c.take(offer)
	}
	return c, nil
}

// portless says why there is no port for the sound of a call, and what to do.
func portless(err error) string {
	if errors.Is(err, media.ErrNoPorts) {
		return "no port is free for the sound; give the hotline a wider port range"
	}
	return "this machine gives no more connections; close other programs, or let the hotline open more files"
}

// refusedOffer is the answer to an offer that cannot be taken.
func refusedOffer(err error) *refusal {
	if errors.Is(err, errBadSDP) {
		return refuse(400)
	}
	return refuse(488)
}

// take makes the endpoint from the first description of the far end.
func (c *Call) take(s *session) {
	c.theirs = s
	sound := media.NewUDP(c.trunk.cfg.Pacer, c.conn, media.UDPConfig{
		Law: s.law, DTMF: s.dtmf, Remote: s.remote, Ptime: s.ptime,
		SRTP: c.keys(s), RTCPMux: s.mux, InBand: s.dtmf == 0,
		Ports: c.trunk.cfg.Ports, Log: c.log,
	})
	c.mu.Lock()
	c.sound, c.held, c.sealed = sound, s.held, s.sealing != nil
	c.mu.Unlock()
}

// ID names the call in logs and records. It is ours, not the caller's.
func (c *Call) ID() string { return c.id }

// From is the caller's number: a claim, unless the trunk vouches for it.
func (c *Call) From() call.Number { return c.from }

// FromDisplay is the name the caller's side sent, cleaned of what is not text.
func (c *Call) FromDisplay() string { return c.display }

// To is the user part that was dialled.
func (c *Call) To() string { return c.to }

// Redirected is the number that the caller dialled, when a forwarding sent the
// call on to To and the peers are trusted to tell (Config.TrustIdentity); it is
// empty otherwise.
func (c *Call) Redirected() call.Number { return c.redirected }

// Header gives the values of a header of the INVITE whose name begins with X-,
// for systems in front of the hotline that pass something on. They are claims
// of whoever sent the call, cleaned of what is not text and cut at 256 letters.
func (c *Call) Header(name string) []string { return c.headers[strings.ToLower(name)] }

// Context ends with a call.Cause when the leg does.
func (c *Call) Context() context.Context { return c.ctx }

// Audio is the leg's sound: from the start when the caller's INVITE described
// it, otherwise nil until Answer has returned.
func (c *Call) Audio() *media.Endpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sound
}

// SetFarewell is what the caller hears before the trunk itself ends the call,
// because Config.Drain is over.
func (c *Call) SetFarewell(clip *audio.Clip) { c.farewell.Store(clip) }

// Held reports that the caller has put the hotline on hold.
func (c *Call) Held() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held
}

// Holds gives the newest state of Held each time it changes. A reader that is
// slow misses states in between, never the last one.
func (c *Call) Holds() <-chan bool { return c.holds }

// Ringing lets the caller hear the ring tone.
func (c *Call) Ringing() error { return c.ask(order{kind: orderRing}) }

// Answer takes the call and starts its sound. A caller who left the sound to
// us (an INVITE without description) confirms it first; Answer waits for that.
func (c *Call) Answer() error { return c.ask(order{kind: orderAnswer}) }

// Reject refuses a call that has not been answered with a SIP status from 400
// to 699, and says when to try again if retryAfter is not 0.
func (c *Call) Reject(status int, retryAfter time.Duration) error {
	if status < 400 || status > 699 {
		return fmt.Errorf("rejecting a call: %d is no SIP refusal", status)
	}
	return c.ask(order{kind: orderReject, status: status, retry: retryAfter})
}

// Hangup ends the leg. The first cause counts. It returns when the context has
// ended; telling the caller's side goes on behind it.
func (c *Call) Hangup(cause call.Cause) { _ = c.ask(order{kind: orderHangup, cause: cause}) }

func (c *Call) ask(o order) error {
	o.result = make(chan error, 1)
	select {
	case c.orders <- o:
	case <-c.gone:
		return fmt.Errorf("%w: %w", ErrOver, context.Cause(c.ctx))
	}
	select {
	case err := <-o.result:
		return err
	case <-c.gone:
		select {
		case err := <-o.result:
			return err
		default:
			return fmt.Errorf("%w: %w", ErrOver, context.Cause(c.ctx))
		}
	}
}

// Summary is what is known of a call; complete when its context has ended.
type Summary struct {
	ID          string
	From        call.Number
	FromDisplay string
	To          string
	Outgoing    bool
	Line        string // empty when it belongs to none
	Phone       string // the user of a registered phone
	Started     time.Time
	Answered    time.Time // zero when it was not
	Ended       time.Time // zero while it is up
	Cause       call.Cause
	Law         audio.Law
	Sound       media.Stats
}

// Summary is a snapshot.
func (c *Call) Summary() Summary {
	c.mu.Lock()
	s := Summary{ID: c.id, From: c.from, FromDisplay: c.display, To: c.to,
		Outgoing: c.out != nil, Line: c.Line(), Phone: c.phone, Started: c.started, Answered: c.answeredAt, Ended: c.endedAt}
	sound := c.sound
	c.mu.Unlock()
	s.Cause = call.CauseOf(c.ctx)
	if sound != nil {
		s.Law, s.Sound = sound.Law(), sound.Stats()
	}
	return s
}

// cancelled is called by sipgo when a CANCEL has ended the INVITE's transaction.
func (c *Call) cancelled(r *sip.Request) {
	c.gaveUpOnce.Do(func() {
		c.cancel = r
		close(c.gaveUp)
	})
}

// gaveUpCause is why the caller cancelled.
func (c *Call) gaveUpCause() call.Cause {
	if c.cancel == nil {
		return gaveUp
	}
	return ending(c.cancel, gaveUp)
}

// deliver puts a request into the mailbox and waits until it is taken.
func (c *Call) deliver(m message) {
	select {
	case c.inbox <- m:
	case <-c.gone:
		if m.Method == sip.ACK {
			m.tx.Terminate()
			return
		}
		c.trunk.respond(m.tx, m.Request, refuse(481))
	}
}

// setHeld notes hold or resume and tells who listens.
func (c *Call) setHeld(held bool) {
	c.mu.Lock()
	changed := c.held != held
	c.held = held
	c.mu.Unlock()
	if !changed {
		return
	}
	select {
	case <-c.holds:
	default:
	}
	c.holds <- held // room: only the loop sends
}

// over ends the leg for the application: the context, the sound, the place in
// the count. The first cause stays.
func (c *Call) over(cause call.Cause) {
	c.ended.Do(func() {
		c.mu.Lock()
		c.endedAt = time.Now()
		c.mu.Unlock()
		c.end(cause)
		if c.waiting != nil {
			c.waiting <- c.overError()
			c.waiting = nil
		}
		c.closeSound()
		c.trunk.mu.Lock()
		c.trunk.active--
		c.trunk.mu.Unlock()
		c.line.left()
		c.log.Info("call ended", "by", string(cause.By), "reason", cause.Reason, "code", cause.Code)
	})
}

// closeSound ends the sound and lets the port rest.
func (c *Call) closeSound() {
	c.mu.Lock()
	sound := c.sound
	c.mu.Unlock()
	if sound == nil {
		c.trunk.cfg.Ports.Release(c.conn)
		return
	}
	if err := sound.Close(); err != nil {
		c.log.Warn("closing the sound of a call", "error", err)
	}
}

// abandon undoes newCall for a call that was never admitted.
func (c *Call) abandon() {
	c.end(shuttingDown)
	c.closeSound()
}

// sourceAddr is where the far end's messages come from.
func (c *Call) sourceAddr() netip.Addr { return addrOf(c.source) }

func sourceOf(r *sip.Request) netip.Addr { return addrOf(r.Source()) }
