package pointer

import (
	"net"
	"strings"

	"github.com/miekg/dns"
)

// shortly is how long an answer counts, in seconds: a telephone that goes home
// must not look for its mail on the box.
const shortly = 5

// name answers one question.
func (p *Pointer) name(w dns.ResponseWriter, question *dns.Msg) {
	if err := w.WriteMsg(p.answer(question)); err != nil {
		p.cfg.Log.Debug("a name was not answered", "error", err) // whoever asked has gone, and asks again
	}
}

// answer says of every name that it is the box, by its one address. There are no
// other kinds of address and no other records; that a name were not there at all
// would end the search for its address, too (RFC 8020).
func (p *Pointer) answer(question *dns.Msg) *dns.Msg {
	m := new(dns.Msg)
	switch {
	case question.Opcode != dns.OpcodeQuery:
		return m.SetRcode(question, dns.RcodeNotImplemented)
	case len(question.Question) != 1:
		return m.SetRcode(question, dns.RcodeFormatError)
	case question.Question[0].Qclass != dns.ClassINET:
		return m.SetRcode(question, dns.RcodeRefused)
	}
	m.SetReply(question)
	m.Authoritative, m.RecursionAvailable = true, true // who asks wants somebody who looks further
	if question.IsEdns0() != nil {
		m.SetEdns0(dns.DefaultMsgSize, false)
	}
	asked := question.Question[0]
	switch {
	case strings.EqualFold(asked.Name, noNamesOverHTTPS):
		m.Rcode = dns.RcodeNameError
	case asked.Qtype == dns.TypeA || asked.Qtype == dns.TypeANY:
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: asked.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: shortly}, A: net.IP(p.cfg.At.AsSlice())}}
	}
	return m
}

// noNamesOverHTTPS is the name by which Firefox asks whether it may look up names
// elsewhere, past the network it is on. A name that is not there says no.
const noNamesOverHTTPS = "use-application-dns.net."
