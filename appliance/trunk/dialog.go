package trunk

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"

	"hotline/appliance/audio"
	"hotline/appliance/call"
)

// dialog is RFC 3261 §12 on the side that was called, with the state of offer
// and answer. Only the call's loop touches it.
type dialog struct {
	routes    []sip.Uri // Record-Route as received: nearest hop first
	target    sip.Uri   // the far end's Contact
	source    string    // where its messages come from
	natted    bool      // it named an address in Via that it does not send from
	theirSeq  uint32
	ourSeq    uint32
	conn      *net.UDPConn
	ours      local
	theirs    *session
	unacked   *unacked
	waiting   chan<- error // Answer, while the caller's answer to our offer is awaited
	soundFrom time.Time    // silence counts from here
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

func (d *dialog) open(r *sip.Request, conn *net.UDPConn, address netip.Addr) {
	for _, h := range r.GetHeaders("record-route") {
		if route, ok := h.(*sip.RecordRouteHeader); ok {
			d.routes = append(d.routes, route.Address)
		}
	}
	d.target = r.Contact().Address
	d.source = r.Source()
	if via, err := netip.ParseAddr(r.Via().Host); err == nil {
		d.natted = via.Unmap() != sourceOf(r)
	}
	d.theirSeq = r.CSeq().SeqNo
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

// live is the call's loop.
func (c *Call) live() {
	defer c.trunk.work.Done()
	defer c.leave()
	defer func() {
		if recovered := recover(); recovered != nil {
			c.trunk.fault(c.log, "running a dialog", recovered)
			c.rescue()
		}
	}()
	c.log.Info("call arrives", "from", c.from, "late_offer", c.theirs == nil)
	for next := state((*Call).ringing); next != nil; {
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
	delete(c.trunk.invites, c.inviteKey)
	c.trunk.mu.Unlock()
	close(c.gone)
}

// ringing: the INVITE waits for the application.
func (c *Call) ringing() state {
	c.reply(message{c.invite, c.tx}, 100) // stops repetitions of the INVITE, and sipgo's own 100 that could overtake a refusal
	limit := time.NewTimer(setupLimit)
	defer limit.Stop()
	for {
		select {
		case o := <-c.orders:
			switch o.kind {
			case orderRing:
				o.result <- c.reply(message{c.invite, c.tx}, 180)
			case orderAnswer:
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
			c.over(gaveUp)
			return nil
		case <-c.tx.Done():
			c.over(unreachable)
			return nil
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
		c.decline(call.Cause{By: call.ByCaller, Reason: hungUp.Reason, Code: 487})
		return true
	case sip.OPTIONS:
		c.trunk.options(m.Request, m.tx)
	case sip.ACK:
		m.tx.Terminate()
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
	_ = c.reply(message{c.invite, c.tx}, status, headers...)
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
	if late {
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
			cause = gaveUp
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
	res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	res.SetBody(body)
	if err := m.tx.Respond(res); err != nil {
		return err
	}
	now, t1 := time.Now(), c.trunk.cfg.t1
	c.unacked = &unacked{message: m, res: res, interval: t1, next: now.Add(t1), until: now.Add(64 * t1), offered: offered}
	return nil
}

// talking: our 200 is out.
func (c *Call) talking() state {
	wake := time.NewTimer(0)
	defer wake.Stop()
	for {
		now := time.Now()
		if cause, failed := c.due(now); failed {
			return c.hangup(cause)
		}
		wake.Reset(c.nextWake(now))
		var acks <-chan *sip.Request
		if c.unacked != nil {
			acks = c.unacked.tx.Acks() // an ACK that wrongly repeats the INVITE's branch
		}
		select {
		case o := <-c.orders:
			switch o.kind {
			case orderHangup:
				next := c.hangup(o.cause)
				o.result <- nil
				return next
			default:
				o.result <- ErrAnswered
			}
		case ack := <-acks:
			if cause, failed := c.acknowledged(ack); failed {
				return c.hangup(cause)
			}
		case m := <-c.inbox:
			cause, ended := c.inDialog(m)
			if !ended {
				continue
			}
			if cause.By == call.ByCaller {
				c.over(cause)
				return nil
			}
			return c.hangup(cause)
		case <-wake.C:
		case <-c.trunk.base.Done():
			c.over(call.CauseOf(c.trunk.base))
			return (*Call).goodbye
		}
	}
}

// due does what the clock asks for: repeats the 200, or ends the call.
func (c *Call) due(now time.Time) (cause call.Cause, failed bool) {
	if u := c.unacked; u != nil {
		if !now.Before(u.until) {
			c.unacked = nil
			c.trunk.unacknowledged.Add(1)
			return unconfirmed, true
		}
		if !now.Before(u.next) { // RFC 3261 §13.3.1.4
			_ = u.tx.Respond(u.res)
			u.interval = min(2*u.interval, t2)
			u.next = now.Add(u.interval)
		}
	}
	if at, counts := c.silenceAt(); counts && !now.Before(at) {
		c.trunk.silent.Add(1)
		return noSound, true
	}
	return call.Cause{}, false
}

// silenceAt is when the call ends if no sound comes before.
func (c *Call) silenceAt() (time.Time, bool) {
	if c.trunk.cfg.Silence < 0 || c.theirs == nil || c.soundFrom.IsZero() || c.theirs.held || c.theirs.direction == recvonly {
		return time.Time{}, false
	}
	since := c.soundFrom
	if last := c.sound.Stats().LastIn; last.After(since) {
		since = last
	}
	return since.Add(c.trunk.cfg.Silence), true
}

func (c *Call) nextWake(now time.Time) time.Duration {
	wait := time.Hour
	if u := c.unacked; u != nil {
		wait = min(wait, u.next.Sub(now), u.until.Sub(now))
	}
	if at, counts := c.silenceAt(); counts {
		wait = min(wait, at.Sub(now))
	}
	return max(wait, 0)
}

// acknowledged handles the ACK to our last 200.
func (c *Call) acknowledged(ack *sip.Request) (cause call.Cause, failed bool) {
	u := c.unacked
	if u == nil || ack.CSeq() == nil || ack.CSeq().SeqNo != u.CSeq().SeqNo {
		return call.Cause{}, false
	}
	c.unacked = nil
	if !u.offered {
		return call.Cause{}, false
	}
	body, refused := description(ack)
	if refused != nil || body == nil {
		return badAnswer, true
	}
	var only *audio.Law
	if c.theirs != nil {
		only = &c.theirs.law
	}
	s, err := readSession(body, sourceOf(ack), c.trunk.contact.Addr(), only)
	if err != nil {
		return badAnswer, true
	}
	if c.theirs != nil { // a re-INVITE without offer
		c.apply(s)
		return call.Cause{}, false
	}
	c.take(s)
	c.startSound()
	if c.waiting != nil {
		c.waiting <- nil
		c.waiting = nil
	}
	return call.Cause{}, false
}

// inDialog handles one request of the running call.
func (c *Call) inDialog(m message) (cause call.Cause, ended bool) {
	if m.Method == sip.ACK {
		m.tx.Terminate()
		return c.acknowledged(m.Request)
	}
	if !c.inOrder(m) {
		return call.Cause{}, false
	}
	switch m.Method {
	case sip.BYE:
		_ = c.reply(m, 200)
		return hungUp, true
	case sip.OPTIONS:
		c.trunk.options(m.Request, m.tx)
	case sip.INVITE, sip.UPDATE:
		c.renegotiate(m)
	default: // CANCEL of a transaction that is over
		c.trunk.respond(m.tx, m.Request, refuse(481))
	}
	return call.Cause{}, false
}

// inOrder checks the sequence number (RFC 3261 §12.2.2).
func (c *Call) inOrder(m message) bool {
	if m.Method == sip.ACK || m.Method == sip.CANCEL {
		return true
	}
	seq := m.CSeq().SeqNo
	if seq <= c.theirSeq {
		c.trunk.respond(m.tx, m.Request, refuse(500))
		return false
	}
	c.theirSeq = seq
	return true
}

// renegotiate answers a re-INVITE or UPDATE: hold, resume, a moved phone. What
// cannot be taken is refused and the call goes on as it was.
func (c *Call) renegotiate(m message) {
	// An ACK that is still under way is no obstacle: who changes the call has
	// read our answer. Only an offer of ours must be answered first (RFC 3264 §4).
	if c.unacked != nil && c.unacked.offered {
		c.trunk.respond(m.tx, m.Request, refuse(491))
		return
	}
	body, refused := description(m.Request)
	if refused != nil {
		c.trunk.respond(m.tx, m.Request, refused)
		return
	}
	if contact := m.Contact(); contact != nil && contact.Address.Host != "" && contact.Address.Scheme == "sip" {
		c.target = contact.Address // target refresh, RFC 3261 §12.2.2
	}
	if body == nil && m.Method == sip.UPDATE { // a sign of life
		_ = c.reply(m, 200)
		return
	}
	if body == nil {
		offer, err := c.ours.offer([]audio.Law{c.theirs.law}, c.theirs.dtmf)
		if err == nil {
			err = c.accept(m, offer, true)
		}
		if err != nil {
			c.trunk.respond(m.tx, m.Request, refuse(500))
		}
		return
	}
	s, err := readSession(body, sourceOf(m.Request), c.trunk.contact.Addr(), &c.theirs.law)
	if err != nil {
		c.trunk.respond(m.tx, m.Request, refusedOffer(err))
		return
	}
	answer, err := c.ours.answer(s)
	if err != nil {
		c.trunk.respond(m.tx, m.Request, refuse(500))
		return
	}
	c.apply(s)
	if m.Method == sip.INVITE {
		err = c.accept(m, answer, false)
	} else {
		res := c.response(m, 200)
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		res.SetBody(answer)
		err = m.tx.Respond(res)
	}
	if err != nil {
		c.log.Warn("answering a change of the call", "error", err)
	}
}

// apply takes over a new description of a running call.
func (c *Call) apply(s *session) {
	if c.theirs.held && !s.held {
		c.soundFrom = time.Now()
	}
	c.theirs = s
	c.sound.Update(s.remote, s.held)
	c.setHeld(s.held)
}

// hangup ends the leg from our side. A BYE may not be sent before the ACK
// (RFC 3261 §15), so the 200 is repeated until then.
func (c *Call) hangup(cause call.Cause) state {
	c.over(cause)
	if c.unacked != nil && c.unacked.Request == c.invite {
		return (*Call).closing
	}
	return (*Call).goodbye
}

// closing: the leg is over for us, the caller's side has yet to confirm that
// it began.
func (c *Call) closing() state {
	for {
		u := c.unacked
		now := time.Now()
		if !now.Before(u.until) {
			return (*Call).goodbye
		}
		if !now.Before(u.next) {
			_ = u.tx.Respond(u.res)
			u.interval = min(2*u.interval, t2)
			u.next = now.Add(u.interval)
		}
		wake := time.NewTimer(max(min(u.next.Sub(now), u.until.Sub(now)), 0))
		select {
		case o := <-c.orders:
			o.result <- c.overError()
		case <-u.tx.Acks():
			wake.Stop()
			return (*Call).goodbye
		case m := <-c.inbox:
			if m.Method == sip.ACK && m.CSeq().SeqNo == u.CSeq().SeqNo {
				m.tx.Terminate()
				wake.Stop()
				return (*Call).goodbye
			}
			if c.last(m) {
				wake.Stop()
				return nil
			}
		case <-c.trunk.base.Done():
			wake.Stop()
			return (*Call).goodbye
		case <-wake.C:
		}
		wake.Stop()
	}
}

// goodbye: the BYE is sent and its answer awaited.
func (c *Call) goodbye() state {
	ctx, cancel := context.WithTimeout(context.Background(), 64*c.trunk.cfg.t1)
	defer cancel()
	tx, err := c.trunk.request(ctx, c.bye())
	if err != nil {
		c.log.Warn("the caller's side could not be told that the call has ended", "error", err)
		return nil
	}
	defer tx.Terminate()
	draining := c.trunk.base.Done()
	for {
		select {
		case res := <-tx.Responses():
			if res != nil && !res.IsProvisional() {
				return nil
			}
		case <-tx.Done():
			return nil
		case <-ctx.Done():
			return nil
		case o := <-c.orders:
			o.result <- c.overError()
		case m := <-c.inbox:
			c.last(m)
		case <-draining:
			draining = nil
			time.AfterFunc(goodbyeLimit, cancel)
		}
	}
}

// last answers a request that crosses our hanging up.
func (c *Call) last(m message) (ended bool) {
	switch m.Method {
	case sip.ACK:
		m.tx.Terminate()
	case sip.BYE: // both hung up at once
		_ = c.reply(m, 200)
		return true
	default:
		c.trunk.respond(m.tx, m.Request, refuse(481))
	}
	return false
}

func (c *Call) overError() error { return fmt.Errorf("%w: %w", ErrOver, context.Cause(c.ctx)) }
