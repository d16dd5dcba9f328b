package trunk

import (
	"context"
	"fmt"
	"time"

	"github.com/emiago/sipgo/sip"

	"hotline/appliance/call"
)

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
	bye := c.newRequest(sip.BYE)
	bye.AppendHeader(reasonHeader(call.CauseOf(c.ctx)))
	tx, err := c.trunk.request(bye)
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
