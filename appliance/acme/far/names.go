// Package far is the other side of package acme, for tests: a name server that
// takes signed changes, and a real authority. It is in no hotline.
package far

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Names is a name server for the zones example.test and delegated.test, and the
// resolver of everybody.
type Names struct {
	Addr   string // host:port
	Key    string // name of the key that may change records
	Secret string // its secret, in base64

	mu      sync.Mutex
	records []dns.RR
	hide    bool
	refuse  bool
	late    bool
	sets    int
}

// NewNames starts one.
func NewNames(t testing.TB) *Names {
	t.Helper()
	n := &Names{Key: "hotline.", Secret: "dGhlIHNlY3JldCBvZiB0aGUgaG90bGluZSwgMzIgYnk="}
	for _, zone := range zones() {
		n.add(t, zone+" 60 IN SOA ns."+zone+" admin."+zone+" 1 60 60 60 5")
		n.add(t, zone+" 60 IN NS ns."+zone) // which has no address: the server is asked by its own
	}
	n.add(t, "_acme-challenge.other.example.test. 60 IN CNAME other.delegated.test.")
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.Addr = udp.LocalAddr().String()
	tcp, err := net.Listen("tcp", n.Addr)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(running.Wait) // after both have ended
	for _, server := range []*dns.Server{{PacketConn: udp}, {Listener: tcp}} {
		begun := make(chan struct{})
		server.Handler, server.TsigSecret = dns.HandlerFunc(n.serve), map[string]string{n.Key: n.Secret}
		server.MsgAcceptFunc = func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }
		server.NotifyStartedFunc = func() { close(begun) }
		running.Go(func() {
			if err := server.ActivateAndServe(); err != nil {
				t.Error(err)
			}
		})
		<-begun
		t.Cleanup(func() {
			if err := server.Shutdown(); err != nil {
				t.Error(err)
			}
		})
	}
	return n
}

func zones() []string { return []string{"example.test.", "delegated.test."} }

func (n *Names) add(t testing.TB, text string) {
	rr, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	n.records = append(n.records, rr)
}

// Hide says that records that are set are not shown, as by servers that are behind.
func (n *Names) Hide(hide bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hide = hide
}

// Refuse says that the key may change nothing.
func (n *Names) Refuse(refuse bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refuse = refuse
}

// Late says that its clock is another one.
func (n *Names) Late(late bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.late = late
}

// Left are the records that were set and are still there, and how many were set.
func (n *Names) Left() (left []string, sets int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, rr := range n.records {
		if _, is := rr.(*dns.TXT); is {
			left = append(left, rr.String())
		}
	}
	return left, n.sets
}

func (n *Names) serve(w dns.ResponseWriter, r *dns.Msg) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := new(dns.Msg)
	m.SetReply(r)
	if signed := r.IsTsig(); signed != nil {
		m.SetTsig(signed.Hdr.Name, signed.Algorithm, 300, time.Now().Unix())
		status := w.TsigStatus()
		if n.late {
			status = dns.ErrTime
		}
		switch status {
		case nil:
		case dns.ErrTime: // RFC 8945 §5.2.3
			m.Rcode, m.IsTsig().Error = dns.RcodeNotAuth, dns.RcodeBadTime
		case dns.ErrSecret, dns.ErrKey:
			m.Rcode, m.IsTsig().Error = dns.RcodeNotAuth, dns.RcodeBadKey
		default:
			m.Rcode, m.IsTsig().Error = dns.RcodeNotAuth, dns.RcodeBadSig
		}
	}
	if m.Rcode == dns.RcodeSuccess {
		zone := ""
		if i := slices.IndexFunc(zones(), func(z string) bool { return len(r.Question) == 1 && dns.IsSubDomain(z, r.Question[0].Name) }); i >= 0 {
			zone = zones()[i]
		}
		switch {
		case zone == "":
			m.Rcode = dns.RcodeRefused
		case r.Opcode == dns.OpcodeUpdate:
			m.Rcode = n.change(r, zone)
		default:
			n.answer(m, r.Question[0], zone)
		}
	}
	_ = w.WriteMsg(m) // who asked is gone
}

func (n *Names) change(r *dns.Msg, zone string) int {
	if r.IsTsig() == nil || n.refuse {
		return dns.RcodeRefused
	}
	if r.Question[0].Name != zone {
		return dns.RcodeNotAuth
	}
	for _, rr := range r.Ns {
		switch rr.Header().Class {
		case dns.ClassINET:
			n.records = append(n.records, rr)
			n.sets++
		case dns.ClassNONE: // this record (RFC 2136 §2.5.4)
			gone := dns.Copy(rr)
			gone.Header().Class = dns.ClassINET
			n.records = slices.DeleteFunc(n.records, func(have dns.RR) bool { return dns.IsDuplicate(have, gone) })
		}
	}
	return dns.RcodeSuccess
}

func (n *Names) answer(m *dns.Msg, q dns.Question, zone string) {
	m.Authoritative = true
	known := false
	for _, rr := range n.records {
		_, txt := rr.(*dns.TXT)
		if !strings.EqualFold(rr.Header().Name, q.Name) || txt && n.hide {
			continue
		}
		known = true
		if kind := rr.Header().Rrtype; kind == q.Qtype || kind == dns.TypeCNAME {
			m.Answer = append(m.Answer, rr)
			if alias, is := rr.(*dns.CNAME); is && q.Qtype != dns.TypeCNAME { // a resolver follows it
				follow := new(dns.Msg)
				n.answer(follow, dns.Question{Name: alias.Target, Qtype: q.Qtype}, zone)
				m.Answer = append(m.Answer, follow.Answer...)
			}
		}
	}
	if len(m.Answer) > 0 {
		return
	}
	if !known {
		m.Rcode = dns.RcodeNameError
	}
	for _, rr := range n.records {
		if rr.Header().Rrtype == dns.TypeSOA && rr.Header().Name == zone {
			m.Ns = append(m.Ns, rr)
		}
	}
}
