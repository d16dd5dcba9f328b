package trunk

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"hotline/appliance/audio"
)

// provisional is a 18x that the caller's side must confirm with a PRACK
// (RFC 3262). It is repeated until then, as a 200 is until its ACK.
type provisional struct {
	res      *sip.Response
	rseq     uint32
	interval time.Duration
	next     time.Time
	until    time.Time
	offered  bool // it carries our offer: the PRACK must bring the answer
}

func (p *provisional) wait(now time.Time) time.Duration {
	if p == nil {
		return time.Hour
	}
	return max(min(p.next.Sub(now), p.until.Sub(now)), 0)
}

// ring lets the caller hear the ring tone, with confirmation when the caller's
// side insists on it.
func (c *Call) ring() error {
	m := message{c.invite, c.tx}
	if !lists(c.invite, "require", "100rel") {
		return c.reply(m, 180)
	}
	if c.rung { // a second would say the same
		return nil
	}
	res := c.response(m, 180)
	c.rseq++
	res.AppendHeader(sip.NewHeader("Require", "100rel"))
	res.AppendHeader(sip.NewHeader("RSeq", strconv.FormatUint(uint64(c.rseq), 10)))
	offering := c.theirs == nil && !c.described
	if offering { // RFC 3262 §5: the first confirmed answer to an INVITE without offer must make it
		body, err := c.ours.offer([]audio.Law{audio.MuLaw, audio.ALaw}, 101)
		if err != nil {
			return err
		}
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		res.SetBody(body)
	}
	if err := m.tx.Respond(res); err != nil {
		return err
	}
	c.rung, c.described = true, c.described || offering
	now, t1 := time.Now(), c.trunk.cfg.t1
	c.provisional = &provisional{res: res, rseq: c.rseq, interval: t1, next: now.Add(t1), until: now.Add(64 * t1), offered: offering}
	return nil
}

// repeatProvisional repeats what has not been confirmed; false when it never was.
func (c *Call) repeatProvisional(now time.Time) bool {
	p := c.provisional
	if p == nil {
		return true
	}
	if !now.Before(p.until) {
		return false
	}
	if !now.Before(p.next) {
		_ = c.tx.Respond(p.res)
		p.interval *= 2 // without the limit that a 200 has, RFC 3262 §3
		p.next = now.Add(p.interval)
	}
	return true
}

// prack handles a confirmation. It returns false when it should have brought
// an answer and did not.
func (c *Call) prack(m message) bool {
	p := c.provisional
	if p == nil || !p.confirmedBy(m.Request, c.invite.CSeq().SeqNo) {
		c.trunk.respond(m.tx, m.Request, refuse(481))
		return true
	}
	body, refused := description(m.Request)
	if refused != nil {
		c.trunk.respond(m.tx, m.Request, refused)
		return !p.offered
	}
	c.provisional = nil
	if !p.offered {
		if body != nil { // an offer, where only a second one would be allowed
			c.trunk.respond(m.tx, m.Request, refuse(488))
			return true
		}
		_ = c.reply(m, 200)
		return true
	}
	s, err := c.answerOf(body, sourceOf(m.Request))
	if err != nil {
		c.trunk.respond(m.tx, m.Request, refusedOffer(err))
		return false
	}
	_ = c.reply(m, 200)
	c.take(s)
	return true
}

// confirmedBy checks the RAck of a PRACK: the RSeq, and the CSeq of the INVITE.
func (p *provisional) confirmedBy(r *sip.Request, invite uint32) bool {
	h := r.GetHeader("rack")
	if h == nil {
		return false
	}
	fields := strings.Fields(h.Value())
	return len(fields) == 3 && fields[0] == strconv.FormatUint(uint64(p.rseq), 10) &&
		fields[1] == strconv.FormatUint(uint64(invite), 10) && fields[2] == "INVITE"
}
