package trunk

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"hotline/appliance/call"
)

// Session timers, RFC 4028: both sides agree on an interval, one of them shows
// a sign of life before half of it has passed, and who hears none ends the
// call. They find a dead far end where silence proves nothing: on hold.
const (
	smallestInterval = 90 * time.Second // RFC 4028 §4: nobody may ask for more
	usualInterval    = 30 * time.Minute
	largestInterval  = 24 * time.Hour
)

var unrefreshed = call.Cause{By: call.ByNetwork, Reason: "the caller's side stopped saying that the call goes on", Code: 408}

// session timer of a call. Only the call's loop touches it.
type sessionTimer struct {
	interval time.Duration // 0: none agreed
	ours     bool          // we refresh
	next     time.Time     // when to refresh, or when to believe no more
	expires  time.Time
	min      time.Duration // the far end's Min-SE

	refresh *refresh
	again   time.Time // when a refused refresh is tried once more
}

// wish is what a request says about session timers.
type wish struct {
	supported bool
	interval  time.Duration // 0: nothing said
	min       time.Duration
	refresher string // "uac", "uas" or ""
}

// wishOf reads the wish of a request. A refusal is owed for an interval that
// is too small or cannot be read.
func (t *Trunk) wishOf(m sip.Message) (wish, *refusal) {
	w := wish{supported: lists(m, "supported", "timer") || lists(m, "k", "timer") || lists(m, "require", "timer")}
	if h := firstHeader(m, "session-expires", "x"); h != nil {
		text, params, _ := strings.Cut(h.Value(), ";")
		seconds, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
		if err != nil {
			return w, refuse(400)
		}
		w.interval = min(time.Duration(seconds)*time.Second, largestInterval)
		for p := range strings.SplitSeq(params, ";") {
			name, value, _ := strings.Cut(p, "=")
			value = strings.ToLower(strings.TrimSpace(value))
			if strings.EqualFold(strings.TrimSpace(name), "refresher") && (value == "uac" || value == "uas") {
				w.refresher = value
			}
		}
		if w.interval < t.smallest() {
			if w.supported {
				return w, refuse(422, sip.NewHeader("Min-SE", strconv.Itoa(int(t.smallest()/time.Second))))
			}
			w.interval = t.smallest() // a proxy's wish; the caller could not raise it
		}
	}
	w.min = min(minimum(m), largestInterval)
	return w, nil
}

func (t *Trunk) smallest() time.Duration {
	if t.cfg.interval > 0 {
		return t.cfg.interval
	}
	return smallestInterval
}

// agree settles the timer as the side that answers (RFC 4028 §9, table 2) and
// gives the headers of the 2xx.
func (c *Call) agree(w wish) []sip.Header {
	s := &c.timer
	s.min = w.min
	interval, ours := w.interval, true
	switch {
	case w.interval == 0 && !w.supported: // nobody would understand
		s.stop()
		return nil
	case w.interval == 0:
		interval = max(usualInterval, w.min)
		if c.trunk.cfg.interval > 0 {
			interval = max(c.trunk.cfg.interval, w.min)
		}
	case w.supported && (w.refresher == "uac" || w.refresher == "" && s.interval > 0 && !s.ours):
		ours = false // as asked for, or as it was
	}
	s.start(interval, ours)
	who := "uac"
	if ours {
		who = "uas"
	}
	headers := []sip.Header{sip.NewHeader("Session-Expires", strconv.Itoa(int(interval/time.Second))+";refresher="+who)}
	if w.supported {
		headers = append(headers, sip.NewHeader("Require", "timer"))
	}
	return headers
}

func (s *sessionTimer) start(interval time.Duration, ours bool) {
	now := time.Now()
	s.interval, s.ours, s.again = interval, ours, time.Time{}
	s.expires = now.Add(interval - min(32*time.Second, interval/3)) // RFC 4028 §10
	s.next = s.expires
	if ours {
		s.next = now.Add(interval / 2)
	}
}

func (s *sessionTimer) stop() { s.interval, s.next, s.again = 0, time.Time{}, time.Time{} }

// wakeAt is when the timer next asks for something.
func (s *sessionTimer) wakeAt() (time.Time, bool) {
	switch {
	case s.interval == 0:
		return time.Time{}, false
	case s.refresh != nil:
		return s.refresh.until, true
	case !s.again.IsZero():
		return s.again, true
	}
	return s.next, true
}

// dueTimer refreshes, or ends a call whose far end does not.
func (c *Call) dueTimer(now time.Time) (cause call.Cause, failed bool) {
	s := &c.timer
	at, running := s.wakeAt()
	if !running || now.Before(at) {
		return call.Cause{}, false
	}
	if s.refresh != nil || !s.ours {
		return unrefreshed, true
	}
	if c.unacked != nil { // their INVITE is under way: a sign of life by itself
		s.again = now.Add(glareWait(c.trunk.cfg.t1))
		return call.Cause{}, false
	}
	if err := c.sendRefresh(now); err != nil {
		c.log.Warn("the caller's side could not be asked whether the call goes on", "error", err)
		if !now.Before(s.expires) {
			return unrefreshed, true
		}
		s.again = now.Add(4 * c.trunk.cfg.t1)
	}
	return call.Cause{}, false
}

// refresh is a request of ours that asks whether the far end is still there.
type refresh struct {
	tx      *sip.ClientTx
	request *sip.Request
	until   time.Time
}

// sendRefresh sends an UPDATE where the far end takes it, because that leaves
// the sound alone, and a re-INVITE with our last description otherwise.
func (c *Call) sendRefresh(now time.Time) error {
	s := &c.timer
	var r *sip.Request
	if c.takesUpdate {
		r = c.newRequest(sip.UPDATE)
	} else {
		if c.ours.last == nil {
			return errNoCommon
		}
		r = c.newRequest(sip.INVITE)
		r.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		r.SetBody(c.ours.last)
	}
	r.AppendHeader(c.contactHeader())
	r.AppendHeader(sip.NewHeader("Allow", allowed))
	r.AppendHeader(sip.NewHeader("Supported", supported))
	r.AppendHeader(sip.NewHeader("Session-Expires", strconv.Itoa(int(s.interval/time.Second))+";refresher=uac"))
	if s.min > 0 {
		r.AppendHeader(sip.NewHeader("Min-SE", strconv.Itoa(int(s.min/time.Second))))
	}
	tx, err := c.trunk.request(r)
	if err != nil {
		return err
	}
	s.again = time.Time{}
	s.refresh = &refresh{tx: tx, request: r, until: now.Add(64 * c.trunk.cfg.t1)}
	return nil
}

// refreshed handles an answer to our refresh.
func (c *Call) refreshed(res *sip.Response) (cause call.Cause, failed bool) {
	s := &c.timer
	r := s.refresh
	if res == nil || res.IsProvisional() || r == nil {
		return call.Cause{}, false
	}
	s.refresh = nil
	if r.request.Method != sip.INVITE { // an INVITE's still confirms repeated answers
		defer r.tx.Terminate()
	}
	switch status := res.StatusCode; {
	case status < 300:
		if r.request.Method == sip.INVITE {
			c.confirm(r, res)
		}
		c.extend(res)
	case status == 408 || status == 481:
		return call.Cause{By: call.ByNetwork, Reason: unrefreshed.Reason, Code: status}, true
	case status == 422 && minimum(res) >= s.interval && minimum(res) <= largestInterval/2:
		// Half as much again as it asks for, so that this comes to an end.
		s.min = minimum(res)
		s.interval = s.min * 3 / 2
		s.again = time.Now()
	case status == 491: // both asked at once
		s.again = time.Now().Add(glareWait(c.trunk.cfg.t1))
	case (status == 405 || status == 501) && r.request.Method == sip.UPDATE:
		c.takesUpdate = false
		s.again = time.Now()
	default: // it refuses, so it is there (RFC 5057 §5.1)
		s.start(s.interval, true)
	}
	return call.Cause{}, false
}

// answers is where the answer to our refresh arrives, nil when none is awaited.
func (s *sessionTimer) answers() <-chan *sip.Response {
	if s.refresh == nil {
		return nil
	}
	return s.refresh.tx.Responses()
}

// changing reports that a description of ours waits for its answer.
func (s *sessionTimer) changing() bool {
	return s.refresh != nil && s.refresh.request.Method == sip.INVITE
}

// extend begins a new interval after the far end's 2xx to our refresh.
func (c *Call) extend(res *sip.Response) {
	s := &c.timer
	h := firstHeader(res, "session-expires", "x")
	if h == nil { // it does not do timers; asking goes on, ending does not depend on it
		s.start(s.interval, true)
		return
	}
	text, params, _ := strings.Cut(h.Value(), ";")
	interval := s.interval
	if seconds, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32); err == nil && seconds > 0 {
		interval = min(max(time.Duration(seconds)*time.Second, c.trunk.smallest()), largestInterval)
	}
	s.start(interval, !strings.Contains(strings.ToLower(strings.ReplaceAll(params, " ", "")), "refresher=uas"))
}

// confirm acknowledges the far end's 200 to our re-INVITE, now and when it is
// repeated, and takes over what it says about its sound.
func (c *Call) confirm(r *refresh, res *sip.Response) {
	if contact := res.Contact(); reachable(contact) {
		c.target = contact.Address
	}
	ack := c.numbered(sip.ACK, r.request.CSeq().SeqNo)
	carrier := c.trunk.carrier
	_ = carrier.WriteMsg(ack)
	r.tx.OnRetransmission(func(*sip.Response) { _ = carrier.WriteMsg(ack.Clone()) })
	if len(res.Body()) == 0 {
		return
	}
	s, err := c.answerOf(res.Body(), c.sourceAddr())
	if err != nil {
		c.log.Warn("the caller's side confirmed the call with a description that cannot be used; the sound goes on as it was", "error", err)
		return
	}
	c.apply(s)
}

// glareWait is how long who was called waits after 491 (RFC 3261 §14.1): up to 2 s.
func glareWait(t1 time.Duration) time.Duration { return rand.N(4*t1 + 1) }

// minimum is the Min-SE of a message.
func minimum(m sip.Message) time.Duration {
	h := firstHeader(m, "min-se")
	if h == nil {
		return 0
	}
	text, _, _ := strings.Cut(h.Value(), ";")
	seconds, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

func firstHeader(m sip.Message, names ...string) sip.Header {
	for _, name := range names {
		if all := m.GetHeaders(name); len(all) > 0 {
			return all[0]
		}
	}
	return nil
}

// lists reports whether a header names an option.
func lists(m sip.Message, header, option string) bool {
	for _, h := range m.GetHeaders(header) {
		for value := range strings.SplitSeq(h.Value(), ",") {
			if strings.EqualFold(strings.TrimSpace(value), option) {
				return true
			}
		}
	}
	return false
}
