package phone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/emiago/sipgo/sip"
)

// Station is a phone, or a whole telephone network, that is called: each
// request that belongs to no call of its own is handed to a script.
type Station struct {
	cfg    Config
	line   *line
	script Script
	stop   context.CancelFunc
	ctx    context.Context
	work   sync.WaitGroup
	ready  chan struct{} // line is set

	mu       sync.Mutex
	calls    map[string]*Call // by Call-ID and our tag
	received []*sip.Request   // all of them, ACK and CANCEL too
	changed  chan struct{}
}

// Script answers one request, in a goroutine of its own.
type Script func(ctx context.Context, r *Request)

// Request is a request that came to a Station.
type Request struct {
	*sip.Request
	Cancelled <-chan struct{} // closed by a CANCEL

	station  *Station
	tx       *sip.ServerTx
	answered atomic.Bool
}

// Listen opens a station at local. Config.Server and To are not used.
func Listen(ctx context.Context, local netip.Addr, cfg Config, script Script) (*Station, error) {
	cfg.Local, cfg.Server, cfg.To = local, netip.AddrPortFrom(local, 1), "nobody"
	cfg, err := cfg.complete()
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	running, stop := context.WithCancel(ctx)
	s := &Station{cfg: cfg, script: script, stop: stop, ctx: running, calls: make(map[string]*Call), changed: make(chan struct{}), ready: make(chan struct{})}
	if s.line, err = openLine(running, cfg, s.incoming, &s.work); err != nil {
		stop()
		s.work.Wait()
		return nil, fmt.Errorf("listening: %w", err)
	}
	close(s.ready)
	return s, nil
}

// Addr is where the station is called.
func (s *Station) Addr() netip.AddrPort { return s.line.local }

// Close ends the station and its calls, without telling anybody.
func (s *Station) Close() {
	s.stop()
	s.mu.Lock()
	var calls []*Call
	for _, c := range s.calls {
		calls = append(calls, c)
	}
	s.mu.Unlock()
	for _, c := range calls {
		c.close()
	}
	s.work.Wait()
}

func (s *Station) incoming(r *sip.Request, tx *sip.ServerTx) {
	if r.CallID() == nil || r.To() == nil || r.From() == nil {
		return
	}
	select {
	case <-s.ready:
	case <-s.ctx.Done():
		return
	}
	tag, _ := r.To().Params.Get("tag")
	s.mu.Lock()
	s.received = append(s.received, r)
	close(s.changed)
	s.changed = make(chan struct{})
	c := s.calls[r.CallID().Value()+" "+tag]
	s.mu.Unlock()
	switch {
	case c != nil:
		c.incoming(r, tx)
	case r.Method == sip.ACK || r.Method == sip.CANCEL:
		tx.Terminate()
	default:
		cancelled := make(chan struct{})
		var once sync.Once
		tx.OnCancel(func(*sip.Request) { once.Do(func() { close(cancelled) }) })
		s.work.Go(func() { s.script(s.ctx, &Request{Request: r, Cancelled: cancelled, station: s, tx: tx}) })
	}
}

// Await waits until n requests of a method have come and gives them. CANCELs
// that found their INVITE are not among them.
func (s *Station) Await(ctx context.Context, method string, n int) ([]*sip.Request, error) {
	for {
		s.mu.Lock()
		var found []*sip.Request
		for _, r := range s.received {
			if string(r.Method) == method {
				found = append(found, r)
			}
		}
		changed := s.changed
		s.mu.Unlock()
		if len(found) >= n {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return found, fmt.Errorf("waiting for %d %s requests, %d came: %w", n, method, len(found), ctx.Err())
		}
	}
}

// Send sends a request of the station's own, outside any call, and waits for
// the final answer.
func (s *Station) Send(ctx context.Context, method, to string, server netip.AddrPort, headers ...string) (*sip.Response, error) {
	c := s.newCall(sip.GenerateTagN(12)+"@station", sip.GenerateTagN(12))
	c.cfg.Server = server
	target := sip.Uri{Scheme: "sip", User: to, Host: bracketed(server.Addr()), Port: int(server.Port())}
	if to == "" || method == "REGISTER" {
		target.User = ""
	}
	address := sip.Uri{Scheme: "sip", User: to, Host: target.Host, Port: target.Port}
	r := c.request(sip.RequestMethod(method), target, &sip.ToHeader{Address: address, Params: sip.NewParams()}, rand.Uint32N(1<<20)+1)
	c.work.Wait()
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ":")
		r.RemoveHeader(name)
		r.AppendHeader(sip.NewHeader(name, strings.TrimSpace(value)))
	}
	r.SetDestination(server.String())
	tx, err := s.line.layer.Request(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("sending %s: %w", method, err)
	}
	defer tx.Terminate()
	for {
		select {
		case res := <-tx.Responses():
			if res != nil && !res.IsProvisional() {
				return res, nil
			}
		case <-tx.Done():
			return nil, fmt.Errorf("sending %s: %w", method, tx.Err())
		case <-ctx.Done():
			return nil, fmt.Errorf("sending %s: %w", method, ctx.Err())
		}
	}
}

func (s *Station) newCall(id, tag string) *Call {
	return &Call{cfg: s.cfg, log: slog.New(slog.DiscardHandler), line: s.line, local: s.line.local, done: make(chan struct{}),
		callID: id, fromTag: tag, seq: 1, stop: func() {}}
}

// Pick prepares to answer as one phone among those that the call reaches: a
// forked call is picked more than once, by tags of their own.
func (r *Request) Pick(tag string) (*Call, error) {
	there, err := readSDP(r.Body())
	if err != nil {
		return nil, fmt.Errorf("picking up: %w", err)
	}
	c := r.station.newCall(r.CallID().Value(), tag)
	c.cfg.From = r.To().Address.User
	c.cfg.Server, _ = netip.ParseAddrPort(r.Source())
	running, stop := context.WithCancel(r.station.ctx)
	c.stop = stop
	if c.sound, err = openSound(running, c.cfg, &c.work); err != nil {
		stop()
		return nil, fmt.Errorf("picking up: %w", err)
	}
	there.law = c.cfg.Law
	// The dialog, as an answer to a call of ours would have described it.
	them := sip.NewResponse(200, "OK")
	to := r.From().AsTo()
	them.AppendHeader(&to)
	if contact := r.Contact(); contact != nil {
		them.AppendHeader(sip.HeaderClone(contact))
	}
	them.AppendHeader(&sip.CSeqHeader{SeqNo: 1, MethodName: sip.INVITE})
	c.remember(them, there)
	c.sound.mu.Lock()
	c.sound.there = there
	c.sound.mu.Unlock()
	r.station.mu.Lock()
	r.station.calls[c.callID+" "+tag] = c
	r.station.mu.Unlock()
	return c, nil
}

// Reply sends an answer with a status; for a call that was picked, with its
// tag and, when sounding, its description. The call then speaks.
func (r *Request) Reply(c *Call, status int, sounding bool, headers ...string) error {
	res := sip.NewResponseFromRequest(r.Request, status, "Scripted", nil)
	if c != nil {
		res.To().Params.Add("tag", c.fromTag)
		res.AppendHeader(sip.NewHeader("Contact", "<sip:"+c.local.String()+">"))
	}
	for _, header := range headers {
		name, value, ok := strings.Cut(header, ":")
		if !ok {
			return errors.New("answering: a header has no colon")
		}
		res.AppendHeader(sip.NewHeader(name, strings.TrimSpace(value)))
	}
	if sounding {
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		res.SetBody(c.describe("sendrecv", netip.Addr{}, c.cfg.DTMFPayload))
	}
	again := r.answered.Swap(status >= 200)
	if again && status < 300 && r.Method == sip.INVITE {
		// Beside the transaction, which sends one answer only.
		if err := r.station.line.carrier.WriteMsg(res); err != nil {
			return fmt.Errorf("answering: %w", err)
		}
	} else if err := r.tx.Respond(res); err != nil {
		return fmt.Errorf("answering: %w", err)
	}
	if sounding {
		c.sound.mu.Lock()
		there := c.sound.there
		c.sound.mu.Unlock()
		if err := c.sound.start(there); err != nil {
			return fmt.Errorf("answering: %w", err)
		}
	}
	return nil
}

// Station is where the request came to.
func (r *Request) Station() *Station { return r.station }

// Answer picks up and answers.
func (r *Request) Answer() (*Call, error) {
	c, err := r.Pick(sip.GenerateTagN(12))
	if err != nil {
		return nil, err
	}
	return c, r.Reply(c, 200, true)
}
