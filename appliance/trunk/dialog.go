package trunk

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"

	"hotline/appliance/audio"
	"hotline/appliance/call"
)

// dialog is RFC 3261 §12 with the state of offer and answer. Only the call's loop touches it.
type dialog struct {
	routes    []sip.Uri // Record-Route as received: nearest hop first
	target    sip.Uri   // the far end's Contact
	us        *sip.FromHeader
	them      *sip.ToHeader
	source    string  // where its messages come from
	transport string  // and how: UDP, TCP or TLS
	stream    *stream // its connection, nil for UDP
	secure    bool    // it called with sips
	natted    bool    // it named an address in Via that it does not send from
	theirSeq  uint32
	ourSeq    uint32
	conn      *net.UDPConn
	ours      local
	theirs    *session
	unacked   *unacked
	waiting   chan<- error // Answer, while the caller's answer to our offer is awaited
	soundFrom time.Time    // silence counts from here

	takesUpdate bool // the far end understands UPDATE
	wish        wish
	timer       sessionTimer
	provisional *provisional // a 18x that has not been confirmed
	rseq        uint32
	rung        bool   // a 18x to be confirmed was sent
	described   bool   // our offer went out in a 18x
	postponed   *order // Answer, until that 18x is confirmed
}

// unacked is a 200 to an INVITE that has not been acknowledged.
type unacked struct {
	message
	res      *sip.Response
	interval time.Duration
	next     time.Time // when it is sent again
	until    time.Time // when we stop believing in it
	offered  bool      // it carries our offer: the ACK must bring the answer
}

// open begins the dialog of an INVITE that came in; tag is ours.
func (d *dialog) open(r *sip.Request, tag string, conn *net.UDPConn, address netip.Addr) {
	us, them := r.To().AsFrom(), r.From().AsTo()
	us.Params.Add("tag", tag)
	d.us, d.them = &us, &them
	for _, h := range r.GetHeaders("record-route") {
		if route, ok := h.(*sip.RecordRouteHeader); ok {
			d.routes = append(d.routes, route.Address)
		}
	}
	d.target = r.Contact().Address
	d.source, d.transport = r.Source(), r.Transport()
	d.secure = r.Recipient.Scheme == "sips"
	if via, err := netip.ParseAddr(r.Via().Host); err == nil {
		d.natted = via.Unmap() != sourceOf(r)
	}
	d.takesUpdate = lists(r, "allow", "UPDATE")
	d.theirSeq = r.CSeq().SeqNo
	d.rseq = rand.Uint32N(1<<30) + 1
	d.begin(conn, address)
}

// begin prepares what we say about ourselves.
func (d *dialog) begin(conn *net.UDPConn, address netip.Addr) {
	d.ourSeq = rand.Uint32N(1 << 20)
	d.conn = conn
	d.ours = local{
		address: netip.AddrPortFrom(address, addrPort(conn.LocalAddr()).Port()),
		id:      uint64(rand.Uint32()), version: 1,
	}
}

// state is one situation of a call; it returns the next, nil at the end.
type state func(*Call) state

// setupLimit ends a call that the application neither answers nor refuses. It
// is RFC 3261's Timer C, after which proxies on the way give up as well.
const setupLimit = 3 * time.Minute

// live is the call's loop, from its first situation on.
func (c *Call) live(first state) {
	defer c.trunk.work.Done()
	defer c.leave()
	defer func() {
		if recovered := recover(); recovered != nil {
			c.trunk.fault(c.log, "running a dialog", recovered)
			c.rescue()
		}
	}()
	for next := first; next != nil; {
		next = next(c)
	}
}

// rescue ends a call whose loop has failed, as far as that is possible.
func (c *Call) rescue() {
	defer func() {
		if recovered := recover(); recovered != nil {
			c.trunk.fault(c.log, "ending a failed dialog", recovered)
		}
	}()
	c.over(faulty)
	if c.out != nil && c.answeredAt.IsZero() {
		for next := state((*Call).withdrawing); next != nil && c.out.tx != nil; {
			next = next(c)
		}
		return
	}
	if c.answeredAt.IsZero() {
		_ = c.reply(message{c.invite, c.tx}, 500)
		return
	}
	c.goodbye()
}

// leave takes the call out of the books. Its transactions live on in sipgo and
// answer repeated requests.
func (c *Call) leave() {
	c.over(call.Cause{By: call.BySystem, Reason: "unknown"})
	c.trunk.mu.Lock()
	delete(c.trunk.calls, c.id)
	if slices.Contains(c.trunk.parting, c.line) {
		c.trunk.let()
	}
	delete(c.trunk.invites, c.inviteKey)
	c.trunk.mu.Unlock()
	c.follow(nil)
	close(c.gone)
}

// ringing: the INVITE waits for the application.
func (c *Call) ringing() state {
	c.log.Info("call arrives", "from", c.from, "late_offer", c.theirs == nil)
	c.reply(message{c.invite, c.tx}, 100) // stops repetitions of the INVITE, and sipgo's own 100 that could overtake a refusal
	limit := time.NewTimer(setupLimit)
	defer limit.Stop()
	wake := time.NewTimer(0)
	defer wake.Stop()
	for {
		now := time.Now()
		if c.postponed != nil && c.provisional == nil {
			return c.answer(*c.postponed)
		}
		if !c.repeatProvisional(now) {
			c.decline(unprompted)
			return nil
		}
		wake.Reset(c.provisional.wait(now))
		select {
		case o := <-c.orders:
			switch o.kind {
			case orderRing:
				o.result <- c.ring()
			case orderAnswer:
				if c.postponed != nil {
					o.result <- ErrAnswered
					continue
				}
				if c.provisional != nil && c.provisional.offered { // RFC 3262 §3
					c.postponed = &o
					c.waiting = o.result
					continue
				}
				return c.answer(o)
			case orderReject:
				var headers []sip.Header
				if o.retry > 0 {
					headers = append(headers, retryAfter(o.retry))
				}
				c.decline(call.Cause{By: call.BySystem, Reason: "refused", Code: o.status}, headers...)
				o.result <- nil
				return nil
			case orderHangup:
				c.decline(o.cause)
				o.result <- nil
				return nil
			}
		case m := <-c.inbox:
			if c.early(m) {
				return nil
			}
		case <-c.gaveUp: // sipgo has sent the 487
			c.over(c.gaveUpCause())
			return nil
		case <-c.tx.Done():
			c.over(unreachable)
			return nil
		case <-wake.C:
		case <-limit.C:
			c.decline(unattended)
			return nil
		case <-c.trunk.base.Done():
			c.decline(call.CauseOf(c.trunk.base), retryAfter(0))
			return nil
		}
	}
}

// early handles a request that comes before our answer.
func (c *Call) early(m message) (ended bool) {
	if !c.inOrder(m) {
		return false
	}
	switch m.Method {
	case sip.BYE: // RFC 3261 §15: allowed for the caller
		_ = c.reply(m, 200)
		cause := ending(m.Request, call.Cause{By: call.ByCaller, Reason: hungUp.Reason, Code: 487})
		_ = c.reply(message{c.invite, c.tx}, 487)
		c.over(cause)
		return true
	case sip.OPTIONS:
		c.trunk.options(m.Request, m.tx)
	case sip.ACK:
		m.tx.Terminate()
	case sip.PRACK:
		if !c.prack(m) {
			c.decline(badAnswer)
			return true
		}
	default: // an INVITE or UPDATE while the first offer is open: RFC 3261 §14.2, RFC 3311 §5.2
		c.trunk.respond(m.tx, m.Request, refuse(500, retryAfter(0)))
	}
	return false
}

// decline refuses the INVITE with the cause's SIP status, 480 without one.
func (c *Call) decline(cause call.Cause, headers ...sip.Header) {
	status := cause.Code
	if status < 400 || status > 699 {
		status = 480
	}
	_ = c.reply(message{c.invite, c.tx}, status, append(headers, reasonHeader(cause))...)
	if status != 487 {
		c.trunk.mu.Lock()
		c.trunk.rejected[status]++
		c.trunk.mu.Unlock()
	}
	c.over(cause)
}

// answer sends the 200 and starts the sound.
func (c *Call) answer(o order) state {
	var body []byte
	var err error
	late := c.theirs == nil
	c.waiting = nil // it was there for an Answer that had to wait
	if c.described {
		// Offer and answer are done: RFC 3262 §5.
	} else if late {
		body, err = c.ours.offer([]audio.Law{audio.MuLaw, audio.ALaw}, 101)
	} else {
		body, err = c.ours.answer(c.theirs)
	}
	if err != nil {
		c.decline(faulty)
		o.result <- err
		return nil
	}
	m := message{c.invite, c.tx}
	if err := c.accept(m, body, late); err != nil {
		cause := unreachable
		if errors.Is(err, sip.ErrTransactionCanceled) {
			// The CANCEL was first and sipgo has sent the 487. It keeps the
			// last response it was given for repeating: give it that one.
			_ = c.reply(m, 487)
			cause = c.gaveUpCause()
		}
		c.over(cause)
		o.result <- fmt.Errorf("answering: %w: %w", ErrOver, cause)
		return nil
	}
	now := time.Now()
	c.mu.Lock()
	c.answeredAt = now
	c.mu.Unlock()
	c.trunk.answered.Add(1)
	if late {
		c.waiting = o.result
		return (*Call).talking
	}
	c.startSound()
	o.result <- nil
	return (*Call).talking
}

func (c *Call) startSound() {
	c.soundFrom = time.Now()
	if c.theirs.held {
		c.sound.Update(c.theirs.remote, true)
	}
	c.sound.Start()
	c.log.Info("call answered", "law", c.theirs.law.String(), "keys", c.theirs.dtmf, "took", time.Since(c.started).Round(time.Millisecond).String())
}

// accept sends a 200 to an INVITE and begins to repeat it.
func (c *Call) accept(m message, body []byte, offered bool) error {
	res := c.response(m, 200)
	res.AppendHeader(sip.NewHeader("Allow", allowed))
	res.AppendHeader(sip.NewHeader("Supported", supported))
	for _, h := range c.agree(c.wish) {
		res.AppendHeader(h)
	}
	if body != nil {
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	}
	res.SetBody(body)
	if err := m.tx.Respond(res); err != nil {
		return err
	}
	now, t1 := time.Now(), c.trunk.cfg.t1
	c.unacked = &unacked{message: m, res: res, interval: t1, next: now.Add(t1), until: now.Add(64 * t1), offered: offered}
	return nil
}
