package trunk

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/emiago/sipgo/sip"

	"hotline/appliance/call"
)

// receive is called by sipgo for every new request, in a goroutine of its own,
// and returns at once: what takes time happens in the call's goroutine.
func (t *Trunk) receive(r *sip.Request, tx *sip.ServerTx) {
	defer func() {
		if recovered := recover(); recovered != nil {
			t.fault(t.log, "reading a request", recovered)
			t.respond(tx, r, refuse(500))
		}
	}()
	if refused := check(r); refused != nil {
		if r.Method == sip.ACK { // never answered
			tx.Terminate()
			return
		}
		t.respond(tx, r, refused)
		return
	}
	t.hear(sourceOf(r))
	if c := t.dialogOf(r); c != nil {
		c.deliver(message{r, tx})
		return
	}
	tagged := r.To().Params.Has("tag")
	switch r.Method {
	case sip.ACK:
		tx.Terminate() // for an answer whose call is gone
	case sip.CANCEL:
		t.rememberCancel(r)
		t.respond(tx, r, refuse(481))
	case sip.OPTIONS:
		t.options(r, tx)
	case sip.INVITE:
		if tagged {
			t.respond(tx, r, refuse(481))
			return
		}
		t.invite(r, tx)
	case sip.REGISTER:
		switch {
		case t.registrar == nil:
			t.respond(tx, r, refuse(405, sip.NewHeader("Allow", allowed)))
		case len(t.cfg.PhoneNets) > 0 && !within(t.cfg.PhoneNets, sourceOf(r)):
			tx.Terminate() // no phone can be there
		default:
			t.registration(r, tx)
		}
	default: // the others belong to a dialog
		t.respond(tx, r, refuse(481))
	}
}

// dialogOf finds the call whose dialog the request belongs to (RFC 3261 §12.2.2).
func (t *Trunk) dialogOf(r *sip.Request) *Call {
	ours, tagged := r.To().Params.Get("tag")
	if !tagged {
		return nil
	}
	theirs, _ := r.From().Params.Get("tag")
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.calls[ours]
	if c == nil || c.callID != r.CallID().Value() || c.theirTag != theirs {
		return nil
	}
	return c
}

func (t *Trunk) options(r *sip.Request, tx *sip.ServerTx) {
	t.mu.Lock()
	draining := t.draining
	t.mu.Unlock()
	if draining {
		t.respond(tx, r, refuse(503, retryAfter(0)))
		return
	}
	res := t.response(r, 200)
	res.AppendHeader(sip.NewHeader("Allow", allowed))
	res.AppendHeader(sip.NewHeader("Supported", supported))
	res.AppendHeader(sip.NewHeader("Accept", "application/sdp"))
	res.AppendHeader(sip.NewHeader("Accept-Encoding", "identity"))
	t.send(tx, res)
}

// invite admits a new call or says why not.
func (t *Trunk) invite(r *sip.Request, tx *sip.ServerTx) {
	t.offered.Add(1)
	key := inviteKey(r)
	t.mu.Lock()
	_, merged := t.invites[key]
	draining := t.draining
	t.mu.Unlock()

	called, phone := t.calledNumber(r), ""
	fromPhone := t.isPhone(r)
	switch {
	case merged: // the same call by two ways through a proxy
		t.respond(tx, r, refuse(482))
		return
	case t.hasParted(sourceOf(r)):
		t.respond(tx, r, refuse(403))
		return
	case draining:
		t.noRoom(r, called)
		t.respond(tx, r, refuse(503, retryAfter(0)))
		return
	case !fromPhone && !t.cfg.Serves(called):
		t.respond(tx, r, refuse(404))
		return
	case !t.room(called):
		t.noRoom(r, called)
		t.respond(tx, r, refuse(503, retryAfter(0)))
		return
	}
	if fromPhone { // what it may dial is for Handle to say
		var proven bool
		if phone, proven = t.demand(r, tx); !proven {
			return
		}
	}
	body, refused := description(r)
	if refused != nil {
		t.respond(tx, r, refused)
		return
	}
	asked, refused := t.wishOf(r)
	if refused != nil {
		t.respond(tx, r, refused)
		return
	}
	c, refused := t.newCall(r, tx, called, body)
	if refused != nil {
		if refused.status == 503 {
			t.noRoom(r, called)
		}
		t.respond(tx, r, refused)
		return
	}
	c.wish, c.phone = asked, phone
	if refused := t.admit(c, key, tx); refused != nil {
		c.abandon()
		if refused.status == 503 {
			t.noRoom(r, called)
		}
		t.respond(tx, r, refused)
		return
	}
	go c.live((*Call).ringing)
	go t.handle(c)
}

// limit is how many calls there may be for one more to this number. The last
// Reserved are kept for those who must get through.
func (t *Trunk) limit(called string) int {
	if t.cfg.Reserved > 0 && !t.privileged(called) {
		return t.cfg.MaxCalls - t.cfg.Reserved
	}
	return t.cfg.MaxCalls
}

func (t *Trunk) privileged(called string) bool {
	return t.cfg.Privileged != nil && t.cfg.Privileged(called)
}

// noRoom tells of a caller who is turned away: somebody must know of the person.
func (t *Trunk) noRoom(r *sip.Request, called string) {
	t.turned.Add(1)
	if t.cfg.Full == nil || !t.cfg.Serves(called) {
		return
	}
	from, _ := caller(r, t.cfg.Region, t.cfg.TrustIdentity)
	t.cfg.Full(from, called)
}

func (t *Trunk) room(called string) bool {
	if t.cfg.Strained != nil && t.cfg.Strained() && !t.privileged(called) {
		return false
	}
	limit := t.limit(called)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.active < limit
}

// admit enters the call in the books. From here on its own goroutine answers.
func (t *Trunk) admit(c *Call, key string, tx *sip.ServerTx) *refusal {
	limit := t.limit(c.to)
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, merged := t.invites[key]; merged {
		return refuse(482)
	}
	if t.active >= limit || t.draining {
		return refuse(503, retryAfter(0))
	}
	if at, early := t.gaveUp[branchKey(c.invite)]; early && time.Since(at) < cancelMemory {
		return refuse(487)
	}
	if !tx.OnCancel(c.cancelled) {
		return refuse(487)
	}
	line := t.owner(sourceOf(c.invite))
	if !line.enter(t.privileged(c.to)) {
		return refuse(503, retryAfter(0))
	}
	line.rang()
	t.active++
	c.line = line
	t.calls[c.id] = c
	t.invites[key] = c
	c.inviteKey = key
	c.follow(t.streams.find(c.source))
	t.work.Add(2) // its loop and its handler
	return nil
}

// handle runs the story of one call.
func (t *Trunk) handle(c *Call) {
	defer t.work.Done()
	defer c.Hangup(call.Cause{By: call.BySystem, Reason: "the call was finished"})
	defer func() {
		if recovered := recover(); recovered != nil {
			t.fault(c.log, "handling a call", recovered)
			c.Hangup(faulty)
		}
	}()
	t.cfg.Handle(c.ctx, c)
}

const (
	cancelMemory = 5 * time.Second
	maxCancels   = 1000
)

// rememberCancel keeps a CANCEL that found no INVITE: sipgo handles every
// message in its own goroutine, so one can overtake the other.
func (t *Trunk) rememberCancel(r *sip.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if len(t.gaveUp) >= maxCancels {
		for key, at := range t.gaveUp {
			if now.Sub(at) > cancelMemory {
				delete(t.gaveUp, key)
			}
		}
		if len(t.gaveUp) >= maxCancels {
			return
		}
	}
	t.gaveUp[branchKey(r)] = now
}

// branchKey names a transaction apart from its method (RFC 3261 §17.2.3).
func branchKey(r *sip.Request) string {
	branch, _ := r.Via().Params.Get("branch")
	return branch + " " + r.Via().SentBy()
}

func inviteKey(r *sip.Request) string {
	tag, _ := r.From().Params.Get("tag")
	return fmt.Sprintf("%s %s %d", r.CallID().Value(), tag, r.CSeq().SeqNo)
}

// retryAfter asks to come back soon, and not everybody in the same second:
// RFC 3261 §21.5.4 stops all calls of that peer for as long.
func retryAfter(d time.Duration) sip.Header {
	seconds := 1 + rand.IntN(5)
	if d > 0 {
		seconds = max(1, int(d.Round(time.Second)/time.Second))
	}
	return sip.NewHeader("Retry-After", strconv.Itoa(seconds))
}

var reasons = map[int]string{
	180: "Ringing", 200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
	408: "Request Timeout", 413: "Request Entity Too Large", 415: "Unsupported Media Type", 416: "Unsupported URI Scheme",
	420: "Bad Extension", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected",
	486: "Busy Here", 423: "Interval Too Brief", 422: "Session Interval Too Small", 469: "Bad Info Package", 483: "Too Many Hops", 487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending",
	500: "Server Internal Error", 503: "Service Unavailable", 504: "Server Time-out", 505: "Version Not Supported", 600: "Busy Everywhere", 603: "Decline",
}

func (t *Trunk) response(r *sip.Request, status int) *sip.Response {
	reason := reasons[status]
	if reason == "" {
		reason = "Refused"
	}
	res := sip.NewResponseFromRequest(r, status, reason, nil)
	res.SipVersion = "SIP/2.0" // not the one asked in
	return res
}

// respond refuses a request. sipgo repeats and absorbs as RFC 3261 §17.2 says.
func (t *Trunk) respond(tx *sip.ServerTx, r *sip.Request, refused *refusal) {
	t.mu.Lock()
	t.rejected[refused.status]++
	t.mu.Unlock()
	res := t.response(r, refused.status)
	for _, h := range refused.headers {
		res.AppendHeader(h)
	}
	t.send(tx, res)
}

func (t *Trunk) send(tx *sip.ServerTx, res *sip.Response) {
	if err := tx.Respond(res); err != nil {
		t.log.Debug("a SIP answer could not be sent", "status", res.StatusCode, "error", err)
	}
}
