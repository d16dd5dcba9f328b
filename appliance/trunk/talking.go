package trunk

import (
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"

	"hotline/appliance/audio"
	"hotline/appliance/call"
)

// talking: our 200 is out.
func (c *Call) talking() state {
	wake := time.NewTimer(0)
	defer wake.Stop()
	for {
		now := time.Now()
		if next := c.unless(c.due(now)); next != nil {
			return next
		}
		wake.Reset(c.nextWake(now))
		var acks <-chan *sip.Request
		if c.unacked != nil {
			acks = c.unacked.tx.Acks() // an ACK that wrongly repeats the INVITE's branch
		}
		select {
		case res := <-c.timer.answers():
			if next := c.unless(c.refreshed(res)); next != nil {
				return next
			}
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
			if next := c.unless(c.acknowledged(ack)); next != nil {
				return next
			}
		case m := <-c.inbox:
			if next := c.unless(c.inDialog(m)); next != nil {
				if m.Method == sip.BYE {
					return nil // both sides know
				}
				return next
			}
		case <-wake.C:
		case <-c.trunk.base.Done():
			c.over(call.CauseOf(c.trunk.base))
			return (*Call).goodbye
		}
	}
}

// unless ends the leg when something ended it, and is nil when it goes on.
func (c *Call) unless(cause call.Cause, ended bool) state {
	if !ended {
		return nil
	}
	return c.hangup(cause)
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
	return c.dueTimer(now)
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
	if at, counts := c.timer.wakeAt(); counts {
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
	if c.provisional == nil {
		c.invite, c.tx = nil, nil // nobody asks for them any more, and a call may be long
	}
	if !u.offered {
		return call.Cause{}, false
	}
	body, refused := description(ack)
	if refused != nil || body == nil {
		return badAnswer, true
	}
	s, err := c.answerOf(body, sourceOf(ack))
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

// answerOf reads the answer to an offer of ours, which encrypts as the offer
// did (RFC 4568 §5.1.3).
func (c *Call) answerOf(body []byte, source netip.Addr) (*session, error) {
	s, err := readSession(body, source, c.trunk.contact.Addr(), c.theirs)
	if err != nil {
		return nil, err
	}
	ours := c.ours.sealing
	if (s.sealing != nil) != (ours != nil) || ours != nil && (s.sealing.suite != ours.suite || s.sealing.tag != ours.tag) {
		return nil, errNoCommon
	}
	return s, nil
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
		cause := ending(m.Request, hungUp)
		c.over(cause) // first, so that who hears the answer finds the channel free
		_ = c.reply(m, 200)
		return cause, true
	case sip.OPTIONS:
		c.trunk.options(m.Request, m.tx)
	case sip.INVITE, sip.UPDATE:
		c.renegotiate(m)
	case sip.INFO:
		c.info(m)
	case sip.PRACK:
		c.prack(m)
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
	c.heardFrom(m.Request)
	return true
}

// reachable reports a Contact that requests can be sent to.
func reachable(contact *sip.ContactHeader) bool {
	return contact != nil && !contact.Address.Wildcard && contact.Address.Host != "" && (contact.Address.Scheme == "sip" || contact.Address.Scheme == "sips")
}

// renegotiate answers a re-INVITE or UPDATE: hold, resume, a moved phone. What
// cannot be taken is refused and the call goes on as it was.
func (c *Call) renegotiate(m message) {
	// An ACK that is still under way is no obstacle: who changes the call has
	// read our answer. Only an offer of ours must be answered first (RFC 3264 §4).
	if c.unacked != nil && c.unacked.offered || c.timer.changing() {
		c.trunk.respond(m.tx, m.Request, refuse(491))
		return
	}
	asked, refused := c.trunk.wishOf(m.Request)
	if refused != nil {
		c.trunk.respond(m.tx, m.Request, refused)
		return
	}
	c.wish = asked
	body, refused := description(m.Request)
	if refused != nil {
		c.trunk.respond(m.tx, m.Request, refused)
		return
	}
	if contact := m.Contact(); reachable(contact) {
		c.target = contact.Address // target refresh, RFC 3261 §12.2.2
	}
	if body == nil && m.Method == sip.UPDATE { // a sign of life
		_ = c.reply(m, 200, c.agree(asked)...)
		return
	}
	if body == nil {
		// Everything we speak, as in a first offer (RFC 6337 §5.2.1), so that
		// a transferred caller's new phone finds something it knows.
		offer, err := c.ours.offer(lawsFrom(c.theirs.law), c.keysOffered())
		if err == nil {
			err = c.accept(m, offer, true)
		}
		if err != nil {
			c.trunk.respond(m.tx, m.Request, refuse(500))
		}
		return
	}
	s, err := readSession(body, sourceOf(m.Request), c.trunk.contact.Addr(), c.theirs)
	if err != nil {
		c.trunk.respond(m.tx, m.Request, refusedOffer(err))
		return
	}
	c.ours.seal(s.sealing)
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
		for _, h := range c.agree(asked) {
			res.AppendHeader(h)
		}
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		res.SetBody(answer)
		err = m.tx.Respond(res)
	}
	if err != nil {
		c.log.Warn("answering a change of the call", "error", err)
	}
}

// lawsFrom is what we speak, first what the call speaks already.
func lawsFrom(running audio.Law) []audio.Law {
	if running == audio.ALaw {
		return []audio.Law{audio.ALaw, audio.MuLaw}
	}
	return []audio.Law{audio.MuLaw, audio.ALaw}
}

// keysOffered is the payload type for keys in an offer of ours.
func (c *Call) keysOffered() uint8 {
	if c.theirs.dtmf != 0 {
		return c.theirs.dtmf
	}
	return 101
}

// apply takes over a new description of a running call.
func (c *Call) apply(s *session) {
	if c.theirs.held && !s.held {
		c.soundFrom = time.Now()
	}
	if s.law != c.theirs.law || s.dtmf != c.theirs.dtmf {
		c.sound.Retune(s.law, s.dtmf)
		c.log.Info("call changed", "law", s.law.String(), "keys", s.dtmf)
	}
	if keys := c.keys(s); keys != nil {
		if err := c.sound.Rekey(*keys); err != nil {
			c.log.Warn("the new key of a call cannot be used; the caller may not be heard", "error", err)
		}
	}
	c.theirs = s
	c.sound.Update(s.remote, s.held)
	c.setHeld(s.held)
}
