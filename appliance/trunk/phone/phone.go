package phone

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"hotline/appliance/audio"
)

// Config describes one phone and the number it dials.
type Config struct {
	From    string // number or "anonymous"
	Display string
	To      string
	Server  netip.AddrPort
	Local   netip.Addr // own address; the one that leads to Server when not set
	Near    bool       // its sound goes to Server's address, whatever address the answer names: both are on one machine, which is told about by another name

	Transport string      // udp, tcp or tls; udp when empty
	TLS       *tls.Config // for tls
	SRTP      string      // suite to encrypt the sound with, such as AES_CM_128_HMAC_SHA1_80; in the clear when empty
	KeySuffix string      // what follows the key in the description, such as |2^31

	Law         audio.Law   // what it speaks
	Laws        []audio.Law // what it offers, in order; Law alone when empty
	DTMFPayload uint8       // payload type of telephone-event; 101 when 0
	KeyLength   time.Duration

	// Manners of less perfect phones.
	LateOffer      bool // the INVITE describes no sound; the ACK answers
	NoACK          bool // never confirms the answer
	WrongPort      bool // announces another RTP port than it sends from
	Mute           bool // sends no sound at all
	ZeroFirstEvent bool // the first packet of a key has duration 0
	NoEvents       bool // offers no telephone-event: its keys are tones in the sound

	Headers  []string      // further header lines of the INVITE, "Name: value"
	Progress func(int)     // told of 18x answers, from another goroutine
	Keep     time.Duration // how much of what it heard is kept; ten minutes when 0
	Log      *slog.Logger  // nothing is logged when nil
}

// RefusedError is a call that was not answered.
type RefusedError struct {
	Status     int
	RetryAfter time.Duration
}

func (e *RefusedError) Error() string { return fmt.Sprintf("the call was refused with %d", e.Status) }

// Call is a running call. The context given to Dial governs it: when that ends
// before the answer the call is cancelled, afterwards it is hung up.
type Call struct {
	cfg     Config
	log     *slog.Logger
	line    *line
	local   netip.AddrPort // of the SIP socket
	sound   *sound
	invite  *sip.Request
	fromTag string
	callID  string

	stop context.CancelFunc
	work sync.WaitGroup
	done chan struct{}
	over sync.Once

	mu        sync.Mutex // guards what follows
	status    int
	seq       uint32
	answer    *sip.Response
	ack       *sip.Request
	direction string
	far       bool // the far end hung up
	version   uint64
}

// Dial calls and waits for the answer.
func Dial(ctx context.Context, cfg Config) (*Call, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, fmt.Errorf("dialling: %w", err)
	}
	c := &Call{cfg: cfg, log: cfg.Log, done: make(chan struct{}), fromTag: sip.GenerateTagN(12), seq: 1}
	c.callID = c.fromTag + "@phone"
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	if err := c.open(running); err != nil {
		stop()
		c.work.Wait()
		return nil, fmt.Errorf("dialling: %w", err)
	}
	if err := c.dial(ctx); err != nil {
		c.close()
		return nil, fmt.Errorf("dialling: %w", err)
	}
	c.work.Go(func() {
		select {
		case <-ctx.Done():
			c.hangup()
		case <-running.Done():
		}
	})
	return c, nil
}

func (cfg Config) complete() (Config, error) {
	if !cfg.Server.IsValid() || cfg.To == "" {
		return cfg, errors.New("the configuration must name Server and To")
	}
	for _, s := range append([]string{cfg.From, cfg.To, cfg.Display}, cfg.Headers...) {
		if strings.ContainsAny(s, "\r\n\x00") {
			return cfg, errors.New("line breaks cannot be sent in a header")
		}
	}
	switch cfg.Transport = strings.ToUpper(cfg.Transport); cfg.Transport {
	case "":
		cfg.Transport = "UDP"
	case "UDP", "TCP", "TLS":
	default:
		return cfg, fmt.Errorf("%q is no transport; choose udp, tcp or tls", cfg.Transport)
	}
	if len(cfg.Laws) == 0 {
		cfg.Laws = []audio.Law{cfg.Law}
	}
	if cfg.DTMFPayload == 0 && !cfg.NoEvents {
		cfg.DTMFPayload = 101
	}
	if cfg.KeyLength == 0 {
		cfg.KeyLength = 100 * time.Millisecond
	}
	if cfg.Keep == 0 {
		cfg.Keep = 10 * time.Minute
	}
	if cfg.From == "" {
		cfg.From = "anonymous"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if !cfg.Local.IsValid() {
		probe, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(cfg.Server))
		if err != nil {
			return cfg, fmt.Errorf("finding the way to the server: %w", err)
		}
		cfg.Local = probe.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
		probe.Close()
	}
	return cfg, nil
}

// open takes the sockets and starts their goroutines.
func (c *Call) open(ctx context.Context) error {
	var err error
	if c.line, err = openLine(ctx, c.cfg, c.incoming, &c.work); err != nil {
		return err
	}
	c.local = c.line.local
	if c.sound, err = openSound(ctx, c.cfg, &c.work); err != nil {
		return err
	}
	return nil
}

// cancelledAfter is how long a call that was given up waits for the far end to
// say so (RFC 3261 §9.1 allows 64*T1; people put the phone down earlier).
const cancelledAfter = 10 * time.Second

// dial sends the INVITE and follows it to its final answer.
func (c *Call) dial(ctx context.Context) error {
	invite, err := c.buildInvite()
	if err != nil {
		return err
	}
	c.invite = invite
	tx, err := c.line.layer.Request(ctx, invite)
	if err != nil {
		return fmt.Errorf("sending INVITE: %w", err)
	}
	tx.OnRetransmission(func(*sip.Response) { c.acknowledgeAgain() })
	giveUp := ctx.Done()
	var deaf <-chan time.Time // a far end that died while it rang
	for {
		select {
		case res := <-tx.Responses():
			if res == nil {
				continue
			}
			if res.IsProvisional() {
				if res.StatusCode > 100 && c.cfg.Progress != nil {
					c.cfg.Progress(res.StatusCode)
				}
				continue
			}
			if !res.IsSuccess() {
				return refused(res)
			}
			if err := c.established(res); err != nil {
				return err
			}
			if ctx.Err() != nil { // the answer crossed our CANCEL
				c.hangup()
				return fmt.Errorf("answered as it was cancelled: %w", ctx.Err())
			}
			return nil
		case <-tx.Done():
			return fmt.Errorf("no answer: %w", tx.Err())
		case <-giveUp:
			giveUp = nil
			if err := c.cancel(); err != nil {
				return err
			}
			timer := time.NewTimer(cancelledAfter)
			defer timer.Stop()
			deaf = timer.C
		case <-deaf:
			return fmt.Errorf("no answer to CANCEL: %w", context.Cause(ctx))
		}
	}
}

func refused(res *sip.Response) error {
	e := &RefusedError{Status: res.StatusCode}
	if h := res.GetHeader("retry-after"); h != nil {
		if seconds, err := strconv.Atoi(strings.TrimSpace(h.Value())); err == nil {
			e.RetryAfter = time.Duration(seconds) * time.Second
		}
	}
	return e
}

// established reads the answer, confirms it and starts the sound.
func (c *Call) established(res *sip.Response) error {
	there, err := readSDP(res.Body())
	if err != nil {
		c.remember(res, there)
		c.acknowledge(nil)
		c.hangup()
		return err
	}
	c.remember(res, there)
	if !c.cfg.NoACK {
		var body []byte
		if c.cfg.LateOffer {
			body = c.describe("sendrecv", netip.Addr{}, there.dtmf)
		}
		c.acknowledge(body)
	}
	if err := c.sound.start(there); err != nil {
		c.hangup()
		return err
	}
	return nil
}

func (c *Call) remember(res *sip.Response, there remote) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status, c.answer, c.direction = res.StatusCode, res, there.direction
}

// Status is the last final status of the call's INVITEs.
func (c *Call) Status() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// Direction is the direction attribute of the last answer.
func (c *Call) Direction() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.direction
}

// FarHungUp reports that the other side ended the call.
func (c *Call) FarHungUp() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.far
}

// Done is closed when the call has ended, from either side, and every
// goroutine of it is about to.
func (c *Call) Done() <-chan struct{} { return c.done }

// Hangup ends the call and waits until everything is closed.
func (c *Call) Hangup() {
	c.hangup()
	c.work.Wait()
}

func (c *Call) hangup() {
	c.over.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if _, err := c.Request(ctx, "BYE", "", nil); err != nil {
			c.log.Debug("the far end did not confirm the end of the call", "error", err)
		}
		c.shut()
	})
}

// ended is the far end's BYE.
func (c *Call) ended() {
	c.over.Do(func() {
		c.mu.Lock()
		c.far = true
		c.mu.Unlock()
		c.shut()
	})
}

func (c *Call) shut() {
	c.stop()
	close(c.done)
}

// Die ends the call without a word to anybody, like a phone without power.
func (c *Call) Die() { c.close() }

// close ends a call that never was one.
func (c *Call) close() {
	c.over.Do(c.shut)
	c.work.Wait()
}

// Press presses keys one after the other, as RFC 4733 events.
func (c *Call) Press(ctx context.Context, keys string) error { return c.sound.press(ctx, keys) }

// Speak changes what the next offer of the phone says: its law, and the payload
// type of its keys. Resume sends one.
func (c *Call) Speak(law audio.Law, dtmf uint8) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cfg.Laws, c.cfg.DTMFPayload = []audio.Law{law}, dtmf
}

// Say speaks a clip and returns when it is spoken.
func (c *Call) Say(ctx context.Context, clip *audio.Clip) error { return c.sound.say(ctx, clip) }

// SayLoop speaks a clip again and again beneath everything else; nil ends it.
func (c *Call) SayLoop(clip *audio.Clip) { c.sound.loop(clip) }

// Heard is all sound received so far; gaps in the timestamps are silence.
func (c *Call) Heard() []int16 { return c.sound.heard() }

// HeardPackets are the packets received so far.
func (c *Call) HeardPackets() []Packet { return c.sound.packets() }

// RTP is where the phone sends its sound from.
func (c *Call) RTP() netip.AddrPort { return c.sound.local }

// FarRTP is where the phone sends its sound to.
func (c *Call) FarRTP() netip.AddrPort { return c.sound.far() }

// WaitTone waits until what is heard for a moment is mostly one tone. None is
// missed, however short and however late a busy machine looks.
func (c *Call) WaitTone(ctx context.Context, hz float64) error {
	at := c.sound.place()
	return c.waitFor(ctx, fmt.Sprintf("a tone of %.0f Hz", hz), func() (heard bool) {
		heard, at = c.sound.hears(hz, at)
		return heard
	})
}

// WaitSilence waits until nothing is heard.
func (c *Call) WaitSilence(ctx context.Context) error {
	return c.waitFor(ctx, "silence", c.sound.quiet)
}

// WaitWords waits until something was said since the last key was pressed, or
// since the call began, and a pause tells that it is over.
func (c *Call) WaitWords(ctx context.Context) error {
	return c.waitFor(ctx, "the end of what is said", c.sound.spoken)
}

func (c *Call) waitFor(ctx context.Context, what string, happened func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-c.done:
			return fmt.Errorf("waiting for %s: the call ended", what)
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		}
	}
	return nil
}
