package trunk

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"

	"hotline/appliance/audio"
	"hotline/appliance/call"
)

// outgoing is the side of a call that only one we make has. Where nothing else
// is said only the call's loop touches it.
type outgoing struct {
	route
	headers []sip.Header

	tx       *sip.ClientTx
	request  *sip.Request // the last INVITE
	proceeds bool         // something answered it
	tried    int          // INVITEs with credentials
	heard    *session     // the sound before the answer
	heardTag string

	progress chan int      // for Dial; a slow one misses some
	answered chan struct{} // closed by the loop
	failure  *DialError    // set before the context ends
	rang     atomic.Bool

	mu     sync.Mutex // guards what follows: repeated answers come in goroutines of sipgo
	winner string     // the tag of the dialog that was answered first
	ack    *sip.Request
}

// unansweredFor is how many T1 a server may stay silent before the next one is
// tried: long enough for three repetitions of the INVITE.
const unansweredFor = 8

// dialling: our INVITE is out.
func (c *Call) dialling() state {
	out := c.out
	c.log.Info("call goes out", "to", call.Number(c.to), "line", out.lineName(), "server", out.route.target.String())
	if err := c.sendInvite(nil); err != nil {
		return c.fail(&DialError{Status: 503, Q850: 38, Reason: "the server cannot be reached; check the network", elsewhere: true, cause: err})
	}
	silence := time.NewTimer(unansweredFor * c.trunk.cfg.t1)
	defer silence.Stop()
	for {
		select {
		case res := <-out.tx.Responses():
			if res == nil {
				continue
			}
			silence.Stop()
			if next, done := c.told(res); done {
				return next
			}
		case <-silence.C:
			out.failure = &DialError{Status: 408, Q850: 102, Reason: "the server does not answer; check the line and the network", elsewhere: true, Line: out.lineName()}
			c.over(call.Cause{By: call.ByNetwork, Reason: out.failure.Reason, Code: 408})
			return (*Call).withdrawing
		case <-out.tx.Done():
			return c.fail(&DialError{Status: 408, Q850: 102, Reason: "the server does not answer; check the line and the network", elsewhere: true, cause: out.tx.Err()})
		case o := <-c.orders:
			if o.kind != orderHangup {
				o.result <- fmt.Errorf("answering a call that we make: %w", ErrAnswered)
				continue
			}
			out.failure = &DialError{Status: 487, Q850: 16, Reason: o.cause.Reason, Rang: out.rang.Load(), Line: out.lineName(), cause: o.cause}
			c.over(o.cause)
			o.result <- nil
			return (*Call).withdrawing
		case m := <-c.inbox:
			c.last(m)
		case <-c.trunk.base.Done():
			cause := call.CauseOf(c.trunk.base)
			out.failure = &DialError{Status: 487, Q850: 16, Reason: cause.Reason, Line: out.lineName(), cause: cause}
			c.over(cause)
			return (*Call).withdrawing
		}
	}
}

// sendInvite sends the INVITE, again with credentials when they are asked for.
func (c *Call) sendInvite(credentials sip.Header) error {
	body, err := c.ours.offer([]audio.Law{audio.MuLaw, audio.ALaw}, 101)
	if err != nil {
		return err
	}
	r := c.newRequest(sip.INVITE)
	r.AppendHeader(c.contactHeader())
	r.AppendHeader(sip.NewHeader("Allow", allowed))
	for _, h := range c.out.headers {
		r.AppendHeader(sip.HeaderClone(h))
	}
	if credentials != nil {
		r.AppendHeader(credentials)
	}
	r.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	r.SetBody(body)
	r.SetDestination(c.out.route.target.String())
	tx, err := c.trunk.request(r)
	if err != nil {
		return err
	}
	seq := r.CSeq().SeqNo
	tx.OnRetransmission(func(res *sip.Response) { c.answeredAgain(res, seq) })
	c.out.tx, c.out.request = tx, r
	return nil
}

// told handles one answer to the INVITE.
func (c *Call) told(res *sip.Response) (next state, done bool) {
	out := c.out
	out.proceeds = true
	switch {
	case res.StatusCode == 100:
	case res.IsProvisional():
		out.rang.Store(true)
		c.early18x(res)
		select {
		case out.progress <- res.StatusCode:
		default:
		}
	case res.IsSuccess():
		return c.connected(res), true
	case res.StatusCode == 401 || res.StatusCode == 407:
		credentials, err := out.line.credentials(res, out.request, out.tried)
		if err == nil {
			out.tried++
			if err = c.sendInvite(credentials); err == nil {
				return nil, false
			}
		}
		return c.fail(&DialError{Status: res.StatusCode, Q850: 57, Reason: err.Error(), elsewhere: true, cause: err}), true
	default:
		return c.fail(refusedBy(res, out.rang.Load())), true
	}
	return nil, false
}

// early18x takes the sound that comes before the answer. When the call forks
// on its way, the first one with sound is heard until somebody answers.
func (c *Call) early18x(res *sip.Response) {
	if len(res.Body()) == 0 || c.out.heard != nil {
		return
	}
	s, err := c.readAnswer(res)
	if err != nil {
		return // the answer may bring a better one
	}
	c.out.heard, c.out.heardTag = s, toTag(res)
	c.take(s)
	c.Audio().Start()
}

func (c *Call) readAnswer(res *sip.Response) (*session, error) {
	body, refused := description(res)
	if refused != nil || body == nil {
		return nil, errBadSDP
	}
	return c.answerOf(body, addrOf(res.Source()))
}

// connected takes the first 200 (RFC 3261 §13.2.2.4).
func (c *Call) connected(res *sip.Response) state {
	out := c.out
	c.join(res)
	c.confirmAnswer(toTag(res))

	s := out.heard
	if len(res.Body()) > 0 || s == nil || out.heardTag != toTag(res) {
		var err error
		if s, err = c.readAnswer(res); err != nil {
			out.failure = &DialError{Status: 488, Q850: 88, Reason: badAnswer.Reason, Rang: true, Line: out.lineName(), cause: err}
			c.over(badAnswer)
			return (*Call).goodbye
		}
	}
	if out.heard == nil {
		c.take(s)
	} else {
		c.theirs = s // another phone than the one that sounded first may speak differently
		c.sound.Retune(s.law, s.dtmf)
		if keys := c.keys(s); keys != nil {
			if err := c.sound.Rekey(*keys); err != nil {
				c.log.Warn("the key of the phone that answered cannot be used; it may not be heard", "error", err)
			}
		}
		c.sound.Update(s.remote, s.held)
		c.setHeld(s.held)
	}
	now := time.Now()
	c.mu.Lock()
	c.answeredAt = now
	c.mu.Unlock()
	c.trunk.connected.Add(1)
	c.startSound()
	close(out.answered)
	return (*Call).talking
}

// join makes the early dialog of an answer the dialog of the call.
func (c *Call) join(res *sip.Response) {
	tag := toTag(res)
	c.trunk.mu.Lock()
	c.theirTag = tag
	c.trunk.mu.Unlock()
	if to := res.To(); to != nil {
		c.them = sip.HeaderClone(to).(*sip.ToHeader)
	}
	c.routes, c.target = routesOf(res), c.out.uri
	if contact := res.Contact(); contact != nil && contact.Address.Host != "" && !contact.Address.Wildcard {
		c.target = *contact.Address.Clone()
	}
	c.source = res.Source()
	c.natted = c.out.phone != "" || behindRouter(c.target.Host, addrOf(c.source))
}

// confirmAnswer sends the ACK and keeps it for repetitions of the answer.
func (c *Call) confirmAnswer(tag string) {
	out := c.out
	ack := c.acknowledgement(out.request)
	out.mu.Lock()
	out.winner, out.ack = tag, ack
	out.mu.Unlock()
	c.write(ack.Clone())
}

// acknowledgement is the ACK to a 200, with the credentials of its INVITE
// (RFC 3261 §22.1).
func (c *Call) acknowledgement(invite *sip.Request) *sip.Request {
	ack := c.numbered(sip.ACK, invite.CSeq().SeqNo)
	for _, name := range []string{"authorization", "proxy-authorization"} {
		if h := invite.GetHeader(name); h != nil {
			ack.AppendHeader(sip.HeaderClone(h))
		}
	}
	return ack
}

func (c *Call) write(r *sip.Request) {
	if err := c.trunk.carrier.WriteMsg(r); err != nil {
		c.log.Debug("a SIP request could not be sent", "method", string(r.Method), "error", err)
	}
}

// answeredAgain is called by sipgo for each 200 after the first: a repetition,
// whose ACK was lost, or another phone of a forked call, which is told that it
// came too late (RFC 3261 §13.2.2.4).
func (c *Call) answeredAgain(res *sip.Response, seq uint32) {
	out := c.out
	out.mu.Lock()
	winner, ack := out.winner, out.ack
	out.mu.Unlock()
	if ack == nil {
		return // the first is being handled; it repeats itself
	}
	if toTag(res) == winner {
		c.write(ack.Clone())
		return
	}
	late := &Call{trunk: c.trunk, callID: c.callID, log: c.log, out: out}
	late.us, late.ourSeq = c.us, seq
	late.target = out.uri
	if to := res.To(); to != nil {
		late.them = sip.HeaderClone(to).(*sip.ToHeader)
	}
	if contact := res.Contact(); contact != nil && contact.Address.Host != "" {
		late.target = *contact.Address.Clone()
	}
	late.routes, late.source, late.transport = routesOf(res), res.Source(), res.Transport()
	late.stream = c.trunk.streams.find(late.source)
	late.natted = behindRouter(late.target.Host, addrOf(late.source))
	late.write(late.numbered(sip.ACK, seq))
	bye := late.newRequest(sip.BYE)
	if !c.trunk.aside(func() { _, _ = c.trunk.exchange(context.Background(), bye) }) {
		late.write(bye)
	}
}

// withdrawing: nobody waits for the answer any more. A CANCEL may be sent only
// after a first answer (RFC 3261 §9.1), and the 200 may have crossed it.
func (c *Call) withdrawing() state {
	out := c.out
	limit := time.NewTimer(64 * c.trunk.cfg.t1)
	defer limit.Stop()
	cancelled := out.proceeds
	if cancelled {
		c.withdraw()
	}
	draining := c.trunk.base.Done()
	for {
		select {
		case res := <-out.tx.Responses():
			switch {
			case res == nil:
			case res.IsProvisional():
				if !cancelled {
					cancelled = true
					c.withdraw()
				}
			case res.IsSuccess():
				c.join(res)
				c.confirmAnswer(toTag(res))
				return (*Call).goodbye
			default:
				return nil
			}
		case <-out.tx.Done():
			return nil
		case <-limit.C:
			out.tx.Terminate()
			return nil
		case o := <-c.orders:
			o.result <- c.overError()
		case m := <-c.inbox:
			c.last(m)
		case <-draining:
			draining = nil
			limit.Reset(goodbyeLimit)
			if !cancelled {
				limit.Reset(0)
			}
		}
	}
}

// withdraw cancels the INVITE: same branch, same number (RFC 3261 §9.1).
func (c *Call) withdraw() {
	invite := c.out.request
	r := sip.NewRequest(sip.CANCEL, *invite.Recipient.Clone())
	r.SipVersion = "SIP/2.0"
	for _, h := range []sip.Header{invite.Via(), invite.MaxForwards(), invite.From(), invite.To(), invite.CallID()} {
		r.AppendHeader(sip.HeaderClone(h))
	}
	r.AppendHeader(&sip.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: sip.CANCEL})
	r.SetBody(nil)
	r.SetTransport(invite.Transport())
	r.SetDestination(c.out.route.target.String())
	r.Laddr = invite.Laddr
	c.trunk.work.Go(func() { _, _ = c.trunk.exchange(context.Background(), r) })
}

// fail ends a call that was not answered.
func (c *Call) fail(e *DialError) state {
	e.Line = c.out.lineName()
	c.out.failure = e
	c.over(call.Cause{By: call.ByNetwork, Reason: e.Reason, Code: e.Status})
	return nil
}

// refusedBy reads a refusal.
func refusedBy(res *sip.Response, rang bool) *DialError {
	e := &DialError{Status: res.StatusCode, Q850: reasonOf(res).q850, Rang: rang}
	if e.Q850 == 0 {
		e.Q850 = q850OfStatus(e.Status)
	}
	e.Reason = refusals[e.Status]
	switch {
	case e.Reason != "":
	case e.Status < 400:
		e.Reason = "the call was sent elsewhere, which the hotline never follows"
	case e.Status < 500:
		e.Reason = "the call was refused"
	case e.Status < 600:
		e.Reason = "the telephone network failed"
	default:
		e.Reason = "the called person refused the call"
	}
	switch e.Status {
	case 403, 408, 500, 502, 503, 504:
		e.elsewhere = !rang
	}
	if h := res.GetHeader("retry-after"); h != nil {
		text, _, _ := strings.Cut(h.Value(), ";")
		text, _, _ = strings.Cut(text, "(")
		if seconds, err := strconv.Atoi(strings.TrimSpace(text)); err == nil && seconds > 0 {
			e.pause = min(time.Duration(seconds)*time.Second, longestPause)
		}
	}
	return e
}

var refusals = map[int]string{
	403: "the line's provider does not allow this call",
	404: "the number does not exist",
	408: "the far end does not answer",
	410: "the number is no longer in use",
	480: "the called person cannot be reached",
	484: "the number is not complete",
	486: "the called person is busy",
	488: "the far end does not speak a sound the hotline knows",
	503: "the line is overloaded or out of service",
	600: "the called person is busy",
	603: "the called person refused the call",
	604: "the number does not exist",
}

func toTag(res *sip.Response) string {
	if res.To() == nil {
		return ""
	}
	tag, _ := res.To().Params.Get("tag")
	return tag
}

// routesOf is the route set of an answer: the nearest hop comes last in it
// (RFC 3261 §12.1.2).
func routesOf(res *sip.Response) []sip.Uri {
	var routes []sip.Uri
	headers := res.GetHeaders("record-route")
	for i := len(headers) - 1; i >= 0; i-- {
		if route, ok := headers[i].(*sip.RecordRouteHeader); ok {
			routes = append(routes, route.Address)
		}
	}
	return routes
}
