package phone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// request is a request of ours with everything but what its method needs.
func (c *Call) request(method sip.RequestMethod, target sip.Uri, to *sip.ToHeader, seq uint32) *sip.Request {
	r := sip.NewRequest(method, target)
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: c.cfg.Transport,
		Host: c.local.Addr().String(), Port: int(c.local.Port()), Params: sip.NewParams()}
	via.Params.Add("branch", sip.GenerateBranchN(16))
	via.Params.Add("rport", "")
	r.AppendHeader(via)
	hops := sip.MaxForwardsHeader(70)
	r.AppendHeader(&hops)
	from := &sip.FromHeader{DisplayName: c.cfg.Display, Params: sip.NewParams(),
		Address: sip.Uri{Scheme: "sip", User: c.cfg.From, Host: bracketed(c.local.Addr())}}
	from.Params.Add("tag", c.fromTag)
	r.AppendHeader(from)
	r.AppendHeader(to)
	id := sip.CallIDHeader(c.callID)
	r.AppendHeader(&id)
	r.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: method})
	contact := "<sip:" + c.local.String() + ">"
	r.SetTransport(c.cfg.Transport)
	if c.cfg.Transport == "UDP" {
		r.Laddr = sip.Addr{IP: c.line.conn.LocalAddr().(*net.UDPAddr).IP, Port: int(c.local.Port())}
	} else {
		contact = "<sip:" + c.local.String() + ";transport=" + strings.ToLower(c.cfg.Transport) + ">"
	}
	r.AppendHeader(sip.NewHeader("Contact", contact))
	r.SetBody(nil) // for the Content-Length, without which a connection cannot be read
	return r
}

func bracketed(ip netip.Addr) string {
	if ip.Is6() {
		return "[" + ip.String() + "]"
	}
	return ip.String()
}

func (c *Call) called() sip.Uri {
	return sip.Uri{Scheme: "sip", User: c.cfg.To, Host: bracketed(c.cfg.Server.Addr()), Port: int(c.cfg.Server.Port())}
}

func (c *Call) buildInvite() (*sip.Request, error) {
	target := c.called()
	r := c.request(sip.INVITE, target, &sip.ToHeader{Address: target, Params: sip.NewParams()}, c.seq)
	if err := appendLines(r, c.cfg.Headers); err != nil {
		return nil, err
	}
	if !c.cfg.LateOffer {
		r.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		r.SetBody(c.describe("sendrecv", netip.Addr{}, c.cfg.DTMFPayload))
	}
	return r, nil
}

func appendLines(r *sip.Request, lines []string) error {
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return fmt.Errorf("%q is no header line", line)
		}
		r.AppendHeader(sip.NewHeader(strings.TrimSpace(name), strings.TrimSpace(value)))
	}
	return nil
}

// cancel withdraws the INVITE; its transaction ends with 487.
func (c *Call) cancel() error {
	r := sip.NewRequest(sip.CANCEL, c.invite.Recipient)
	for _, h := range []sip.Header{c.invite.Via(), c.invite.MaxForwards(), c.invite.From(), c.invite.To(), c.invite.CallID()} {
		r.AppendHeader(sip.HeaderClone(h))
	}
	r.AppendHeader(&sip.CSeqHeader{SeqNo: c.invite.CSeq().SeqNo, MethodName: sip.CANCEL})
	r.SetTransport(c.cfg.Transport)
	r.Laddr = c.invite.Laddr
	if err := c.line.carrier.WriteMsg(r); err != nil {
		return fmt.Errorf("cancelling the call: %w", err)
	}
	return nil
}

// inDialog starts a request within the call.
func (c *Call) inDialog(method sip.RequestMethod) (*sip.Request, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answer == nil {
		return nil, errors.New("the call is not up")
	}
	c.seq++
	return c.dialogRequest(method, c.seq), nil
}

// dialogRequest needs mu held and an answer.
func (c *Call) dialogRequest(method sip.RequestMethod, seq uint32) *sip.Request {
	target := c.called()
	if contact := c.answer.Contact(); contact != nil {
		target = contact.Address
	}
	r := c.request(method, target, sip.HeaderClone(c.answer.To()).(*sip.ToHeader), seq)
	routes := c.answer.GetHeaders("record-route")
	for i := len(routes) - 1; i >= 0; i-- {
		if route, ok := routes[i].(*sip.RecordRouteHeader); ok {
			r.AppendHeader(&sip.RouteHeader{Address: route.Address})
		}
	}
	r.SetDestination(c.cfg.Server.String()) // an outbound proxy is what phones have
	return r
}

// acknowledge confirms the last 200; again when that is repeated.
func (c *Call) acknowledge(body []byte) {
	c.mu.Lock()
	r := c.dialogRequest(sip.ACK, c.answer.CSeq().SeqNo)
	if body != nil {
		r.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		r.SetBody(body)
	}
	c.ack = r
	c.mu.Unlock()
	_ = c.line.carrier.WriteMsg(r)
}

func (c *Call) acknowledgeAgain() {
	c.mu.Lock()
	r := c.ack
	c.mu.Unlock()
	if r != nil {
		_ = c.line.carrier.WriteMsg(r.Clone())
	}
}

// Request sends a request of any method within the call, with further header
// lines ("Name: value"), and waits for its final answer.
func (c *Call) Request(ctx context.Context, method, contentType string, body []byte, headers ...string) (*sip.Response, error) {
	r, err := c.inDialog(sip.RequestMethod(method))
	if err != nil {
		return nil, fmt.Errorf("sending %s: %w", method, err)
	}
	if err := appendLines(r, headers); err != nil {
		return nil, fmt.Errorf("sending %s: %w", method, err)
	}
	if body != nil {
		r.AppendHeader(sip.NewHeader("Content-Type", contentType))
		r.SetBody(body)
	}
	tx, err := c.line.layer.Request(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("sending %s: %w", method, err)
	}
	defer func() {
		if method != "INVITE" { // an INVITE's still confirms repeated answers
			tx.Terminate()
		}
	}()
	if method == "INVITE" {
		tx.OnRetransmission(func(*sip.Response) { c.acknowledgeAgain() })
	}
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

// Hold is a way to say hold.
type Hold string

// The three ways in use.
const (
	SendOnly    Hold = "sendonly" // music plays towards the held side
	Inactive    Hold = "inactive"
	ZeroAddress Hold = "0.0.0.0" // RFC 2543
)

// Hold puts the far end on hold by a re-INVITE.
func (c *Call) Hold(ctx context.Context, how Hold) error {
	if how == ZeroAddress {
		zero := netip.IPv4Unspecified()
		if c.local.Addr().Is6() {
			zero = netip.IPv6Unspecified()
		}
		return c.reinvite(ctx, "sendrecv", zero)
	}
	return c.reinvite(ctx, string(how), netip.Addr{})
}

// Resume ends a hold.
func (c *Call) Resume(ctx context.Context) error {
	return c.reinvite(ctx, "sendrecv", netip.Addr{})
}

func (c *Call) reinvite(ctx context.Context, direction string, address netip.Addr) error {
	c.mu.Lock()
	dtmf := c.cfg.DTMFPayload
	c.mu.Unlock()
	offer := c.describe(direction, address, dtmf)
	if c.cfg.LateOffer {
		offer = nil
	}
	res, err := c.Request(ctx, "INVITE", "application/sdp", offer)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.status = res.StatusCode
	c.mu.Unlock()
	if !res.IsSuccess() {
		return refused(res)
	}
	there, err := readSDP(res.Body())
	c.remember(res, there)
	var answer []byte
	if c.cfg.LateOffer {
		answer = c.describe(direction, address, there.dtmf)
	}
	c.acknowledge(answer)
	if err == nil {
		err = c.sound.start(there)
	}
	return err
}

// incoming answers what the far end asks.
func (c *Call) incoming(r *sip.Request, tx *sip.ServerTx) {
	status, reason := 405, "Method Not Allowed"
	switch r.Method {
	case sip.ACK, sip.CANCEL:
		tx.Terminate()
		return
	case sip.BYE, sip.OPTIONS:
		status, reason = 200, "OK"
	case sip.INVITE:
		status, reason = 488, "Not Acceptable Here"
	}
	_ = tx.Respond(sip.NewResponseFromRequest(r, status, reason, nil))
	if r.Method == sip.BYE {
		c.ended()
	}
}
