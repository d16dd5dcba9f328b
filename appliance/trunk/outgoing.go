package trunk

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"hotline/appliance/call"
)

// Outgoing is a call that we make.
type Outgoing struct {
	To      call.Number   // a telephone number, or "sip:USER@registered" for a phone that is registered here
	From    call.Number   // what the called person is shown; the line's own number when empty
	Display string        // the name shown beside it
	Role    string        // who wants the call; Config.Allow decides by it
	Lines   []string      // names of lines, tried in this order; every line when empty
	RingFor time.Duration // two minutes when 0
	Urgent  bool          // may use the channels that are reserved
	Headers []string      // further header lines of the INVITE, "Name: value"
	Beyond  bool          // may be more than MaxCalls: somebody is rung for a caller who waits already

	// Progress is told in Dial's goroutine of each answer from 180 to 199.
	// The call's Audio plays what the far end sends before it answers, once
	// there is any.
	Progress func(c *Call, status int)
}

const defaultRinging = 2 * time.Minute

// ownHeaders may not be written by those who dial.
var ownHeaders = map[string]bool{
	"via": true, "v": true, "from": true, "f": true, "to": true, "t": true, "call-id": true, "i": true, "cseq": true,
	"contact": true, "m": true, "route": true, "record-route": true, "max-forwards": true, "content-length": true, "l": true,
	"content-type": true, "c": true, "content-encoding": true, "e": true, "require": true, "proxy-require": true,
	"supported": true, "k": true, "authorization": true, "proxy-authorization": true, "allow": true,
	"replaces": true, "refer-to": true, "r": true, "referred-by": true, "b": true,
}

// check refuses what could be read as something else on the way.
func (o *Outgoing) check() error {
	for _, text := range append([]string{string(o.To), string(o.From), o.Display}, o.Headers...) {
		if strings.ContainsAny(text, "\r\n\x00") {
			return errors.New("a line break or zero byte cannot be sent in a SIP message")
		}
	}
	if strings.ContainsAny(string(o.From), "<>\"@;:,? ") {
		return errors.New("the caller ID is no number")
	}
	for _, header := range o.Headers {
		name, _, ok := strings.Cut(header, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return fmt.Errorf("%q is no header line", name)
		}
		if ownHeaders[strings.ToLower(name)] {
			return fmt.Errorf("the header %s is written by the trunk alone", name)
		}
	}
	return nil
}

// DialError is a call that was not answered.
type DialError struct {
	Status int    // SIP status; 408 when nothing answered at all, 487 when the one who dialled gave up
	Q850   int    // cause of ITU-T Q.850: the one sent, or what Status stands for (RFC 3398 §7.2)
	Reason string // a sentence for whoever dialled
	Line   string // the last line that was tried
	Rang   bool   // the far end had been reached

	elsewhere bool // another server or line may do better
	pause     time.Duration
	cause     error
}

func (e *DialError) Error() string {
	if e.Status == 0 {
		return "calling: " + e.Reason
	}
	return fmt.Sprintf("calling: %s (%d)", e.Reason, e.Status)
}

// otherSound reports that the far end does not speak what it was offered.
func (e *DialError) otherSound() bool { return e.Status == 415 || e.Status == 488 || e.Status == 606 }

func (e *DialError) Unwrap() error { return e.cause }

// Busy reports that the called side is in another call.
func (e *DialError) Busy() bool { return e.Status == 486 || e.Status == 600 || e.Q850 == 17 }

// NoAnswer reports that it rang and nobody answered.
func (e *DialError) NoAnswer() bool { return e.Q850 == 18 || e.Q850 == 19 }

var errRangOut = errors.New("nobody answered in time")

// Dial calls and waits for the answer; ctx governs the dialling only. The
// call's context then ends as that of a call that came in, with call.ByCaller
// for "the far end". Whoever dials hangs up; Run's end does so as well.
func (t *Trunk) Dial(ctx context.Context, o Outgoing) (*Call, error) {
	if err := o.check(); err != nil {
		return nil, &DialError{Reason: err.Error(), cause: err}
	}
	if o.RingFor <= 0 {
		o.RingFor = defaultRinging
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.RingFor, errRangOut)
	defer cancel()
	if err := t.listening(ctx); err != nil {
		return nil, err
	}
	if user, ok := registeredUser(o.To); ok {
		return t.dialPhone(ctx, user, &o)
	}
	return t.dialNumber(ctx, &o)
}

// dialNumber asks the policy and tries the lines in their order.
func (t *Trunk) dialNumber(ctx context.Context, o *Outgoing) (*Call, error) {
	to, err := t.permitted(o)
	if err != nil {
		return nil, &DialError{Status: 403, Q850: 21, Reason: err.Error(), cause: err}
	}
	lines, err := t.chosen(o.Lines)
	if err != nil {
		return nil, &DialError{Reason: err.Error(), cause: err}
	}
	last := &DialError{Status: 503, Q850: 34, Reason: "no line to the telephone network is set up; calls out are not possible"}
	for _, l := range lines {
		targets, err := t.targets(ctx, l)
		if err != nil {
			last = &DialError{Status: 503, Q850: 27, Line: l.cfg.Name, cause: err,
				Reason: fmt.Sprintf("the server of line %s cannot be found; check its name and the network", l.cfg.Name)}
		}
		for _, target := range targets {
			c, failed := t.attempt(ctx, l.route(target, to, o), o)
			if failed == nil {
				return c, nil
			}
			last = failed
			if failed.elsewhere {
				l.avoid(target, failed.pause)
				t.log.Info("a line did not take a call; the next one is tried", "line", l.cfg.Name, "status", failed.Status, "reason", failed.Reason)
			}
			if !failed.elsewhere || failed.Status == statusLineFull {
				break
			}
		}
		if len(targets) > 0 && !last.elsewhere || ctx.Err() != nil {
			break
		}
	}
	if ctx.Err() != nil && last.cause == nil {
		last = gaveUpDialling(ctx, last.Rang, last.Line)
	}
	return nil, last
}

// route is where and how one attempt goes.
type route struct {
	line      *line // nil for a registered phone
	target    target
	uri       sip.Uri // Request-URI and To
	from      sip.Uri
	name      string
	own       call.Number
	to        string
	phone     string // the registered user
	transport string // empty is UDP
	encrypt   bool   // the sound, or there is no call
	extra     []sip.Header
}

// attempt makes one call to one server and follows it to its answer.
func (t *Trunk) attempt(ctx context.Context, r route, o *Outgoing) (*Call, *DialError) {
	if ctx.Err() != nil {
		return nil, gaveUpDialling(ctx, false, r.lineName())
	}
	if err := t.reachFor(ctx, r.line, r.target, o.Role); err != nil {
		if ctx.Err() != nil {
			return nil, gaveUpDialling(ctx, false, r.lineName())
		}
		return nil, &DialError{Status: 503, Q850: 38, Reason: whyUnreached(err, r.target), Line: r.lineName(), elsewhere: true, cause: err}
	}
	c, failed := t.newOutgoing(r, o)
	if failed != nil {
		return nil, failed
	}
	go c.live((*Call).dialling)
	out := c.out
	for {
		select {
		case status := <-out.progress:
			if o.Progress != nil {
				o.Progress(c, status)
			}
		case <-out.answered:
			return c, nil
		case <-c.ctx.Done():
			select {
			case <-out.answered: // and over already: the context says why
				return c, nil
			default:
				return nil, out.failure
			}
		case <-ctx.Done():
			failed := gaveUpDialling(ctx, out.rang.Load(), r.lineName())
			c.Hangup(call.Cause{By: call.BySystem, Reason: failed.Reason, Code: failed.Status})
			return nil, failed
		}
	}
}

func (r *route) lineName() string {
	if r.line == nil {
		return ""
	}
	return r.line.cfg.Name
}

// gaveUpDialling says why the one who dialled stopped waiting.
func gaveUpDialling(ctx context.Context, rang bool, line string) *DialError {
	e := &DialError{Status: 487, Q850: 16, Reason: "the call was given up before the answer", Rang: rang, Line: line, cause: context.Cause(ctx)}
	if errors.Is(e.cause, errRangOut) {
		e.Status, e.Q850, e.Reason = 480, 19, errRangOut.Error()
		if !rang {
			e.Status, e.Q850 = 408, 102
		}
	}
	return e
}

// newOutgoing enters a call that we make in the books.
func (t *Trunk) newOutgoing(r route, o *Outgoing) (*Call, *DialError) {
	if !r.line.enter(o.Urgent) {
		return nil, &DialError{Status: statusLineFull, Q850: 34, Line: r.lineName(), elsewhere: true,
			Reason: fmt.Sprintf("all channels of line %s are taken", r.lineName())}
	}
	conn, err := t.cfg.Ports.Open()
	if err != nil {
		r.line.left()
		return nil, &DialError{Status: 503, Q850: 47, Reason: portless(err), cause: err}
	}
	var random [12]byte
	rand.Read(random[:])
	id := hex.EncodeToString(random[:8])
	c := &Call{
		trunk: t, id: id, callID: hex.EncodeToString(random[:]), line: r.line, phone: r.phone,
		from: r.own, display: r.name, to: r.to, started: time.Now(),
		log:   t.log.With("call", id),
		inbox: make(chan message), orders: make(chan order), gone: make(chan struct{}), gaveUp: make(chan struct{}),
		holds: make(chan bool, 1),
		out: &outgoing{route: r, headers: append(o.extraHeaders(), r.extra...),
			progress: make(chan int, 8), answered: make(chan struct{})},
	}
	c.dialog.begin(conn, t.contact.Addr())
	c.us = &sip.FromHeader{DisplayName: r.name, Address: r.from, Params: sip.NewParams()}
	c.us.Params.Add("tag", id)
	c.them = &sip.ToHeader{Address: *r.uri.Clone(), Params: sip.NewParams()}
	c.target, c.secure = r.uri, r.uri.Scheme == "sips"
	if r.encrypt {
		c.ours.sealing = newSealing("1", strongest)
	}
	if r.transport != "" && r.transport != "UDP" { // over the connection that there is
		c.source, c.transport = r.target.String(), r.transport
		c.follow(t.streams.find(c.source))
	}

	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.draining:
		err = errors.New("the hotline is shutting down")
	case o.Beyond: // helps those who are on the line
	case t.active >= t.cfg.MaxCalls, t.active >= t.cfg.MaxCalls-t.cfg.Reserved && !o.Urgent:
		err = errors.New("the hotline has as many calls as it can carry")
	}
	if err != nil {
		r.line.left()
		t.cfg.Ports.Release(conn)
		return nil, &DialError{Status: 503, Q850: 42, Reason: err.Error(), cause: err}
	}
	c.ctx, c.end = context.WithCancelCause(context.WithoutCancel(t.base))
	t.active++
	t.calls[id] = c
	t.work.Add(1)
	t.dialled.Add(1)
	return c, nil
}

func (o *Outgoing) extraHeaders() []sip.Header {
	var headers []sip.Header
	for _, line := range o.Headers {
		name, value, _ := strings.Cut(line, ":")
		headers = append(headers, sip.NewHeader(name, strings.TrimSpace(value)))
	}
	return headers
}

// listening waits until the SIP socket is read: a request sent before would
// make sipgo open another one.
func (t *Trunk) listening(ctx context.Context) error {
	select {
	case <-t.wire.reading:
		return nil
	case <-ctx.Done():
		return &DialError{Status: 503, Q850: 38, Reason: "the telephone side of the hotline is not running", cause: ctx.Err()}
	}
}

// Outgoing reports a call that we made.
func (c *Call) Outgoing() bool { return c.out != nil }

// Line is the name of the line that the call goes over, empty when it belongs
// to none.
func (c *Call) Line() string {
	if c.line == nil {
		return ""
	}
	return c.line.cfg.Name
}

// Phone is the user of our registrar whose phone the call is with, proven by
// its password; empty for every other call.
func (c *Call) Phone() string { return c.phone }
