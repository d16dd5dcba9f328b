package trunk

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// response builds an answer within the call: our tag, our contact.
func (c *Call) response(m message, status int) *sip.Response {
	res := c.trunk.response(m.Request, status)
	if status == 100 {
		res.Reason = "Trying"
		return res
	}
	res.To().Params.Add("tag", c.id)
	if status < 300 {
		res.AppendHeader(c.contactHeader())
	}
	return res
}

func (c *Call) reply(m message, status int, headers ...sip.Header) error {
	res := c.response(m, status)
	for _, h := range headers {
		res.AppendHeader(h)
	}
	return m.tx.Respond(res)
}

// contactHeader is where the far end's requests shall go.
func (c *Call) contactHeader() sip.Header {
	scheme, params := "sip:", ""
	if c.secure {
		scheme = "sips:"
	}
	if c.via() != "UDP" {
		params = ";transport=" + strings.ToLower(c.via())
	}
	return sip.NewHeader("Contact", "<"+scheme+c.here().String()+params+">")
}

// contactFor is our address for a transport.
func (t *Trunk) contactFor(transport string) netip.AddrPort {
	if at, ok := t.contacts[transport]; ok {
		return at
	}
	return t.contact
}

// newRequest builds a request of ours within the dialog (RFC 3261 §12.2.1.1).
func (c *Call) newRequest(method sip.RequestMethod) *sip.Request {
	c.ourSeq++
	return c.numbered(method, c.ourSeq)
}

// numbered is newRequest with a sequence number that is used already: an ACK
// has that of its INVITE.
func (c *Call) numbered(method sip.RequestMethod, seq uint32) *sip.Request {
	target, routes := c.target, c.routes
	var loose bool
	if len(routes) > 0 {
		if _, loose = routes[0].UriParams.Get("lr"); !loose {
			// A strict router of RFC 2543 wants itself as the Request-URI.
			target, routes = routes[0], append(append([]sip.Uri(nil), routes[1:]...), target)
		}
	}
	r := sip.NewRequest(method, target)
	r.SipVersion = "SIP/2.0"
	c.reconnect()
	here := c.here()
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: c.via(),
		Host: here.Addr().String(), Port: int(here.Port()), Params: sip.NewParams()}
	via.Params.Add("branch", sip.GenerateBranchN(16))
	via.Params.Add("rport", "")
	r.AppendHeader(via)
	for _, route := range routes {
		r.AppendHeader(&sip.RouteHeader{Address: route})
	}
	hops := sip.MaxForwardsHeader(70)
	r.AppendHeader(&hops)
	r.AppendHeader(sip.HeaderClone(c.us))
	r.AppendHeader(sip.HeaderClone(c.them))
	id := sip.CallIDHeader(c.callID)
	r.AppendHeader(&id)
	r.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: method})
	r.SetBody(nil)
	c.route(r, loose)
	return r
}

func hostPort(uri sip.Uri) string {
	port := uri.Port
	if port == 0 {
		port = sip.DefaultUdpPort
	}
	return fmt.Sprintf("%s:%d", uri.Host, port)
}

const lookupLimit = 3 * time.Second

// request sends a request of ours from the listening socket.
func (t *Trunk) request(r *sip.Request) (*sip.ClientTx, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupLimit) // for a name in the far end's Contact
	defer cancel()
	tx, err := t.layer.Request(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("sending %s: %w", r.Method, err)
	}
	return tx, nil
}
