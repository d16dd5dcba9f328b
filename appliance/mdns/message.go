package mdns

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// message is what a packet says about one name.
type message struct {
	id       uint16
	response bool
	asked    bool         // for addresses of the name
	alone    bool         // the answer is wanted by whoever asks alone
	question asked        // the first one about the name
	claims   []netip.Addr // what somebody says are its addresses
	known    []netip.Addr // what whoever asks knows already
}

type asked struct{ dnsmessage.Question }

const (
	hostTTL   = 120 // seconds (RFC 6762, 10)
	legacyTTL = 10  // 6.7
	topBit    = 1 << 15
	mostParts = 64 // of a packet that are looked at
)

// read takes a packet apart: what is asked about name (with its dot at the end),
// and which addresses somebody claims for it, in an answer or a probe.
func read(raw []byte, name string) (m message, err error) {
	var p dnsmessage.Parser
	head, err := p.Start(raw)
	if err != nil {
		return m, err
	}
	m.id, m.response = head.ID, head.Response
	if head.OpCode != 0 || head.RCode != 0 { // 18.3, 18.11
		return m, nil
	}
	for range mostParts {
		q, err := p.Question()
		if err == dnsmessage.ErrSectionDone {
			break
		}
		if err != nil {
			return m, err
		}
		about := strings.EqualFold(q.Name.String(), name) && (q.Class&^topBit == dnsmessage.ClassINET || q.Class&^topBit == dnsmessage.ClassANY)
		if about && !m.asked && (q.Type == dnsmessage.TypeA || q.Type == dnsmessage.TypeAAAA || q.Type == dnsmessage.TypeALL) {
			m.asked, m.alone, m.question = true, q.Class&topBit != 0, asked{q}
		}
	}
	if err := p.SkipAllQuestions(); err != nil {
		return m, err
	}
	if m.response {
		m.claims, err = addresses(&p, name, p.AnswerHeader, p.SkipAnswer, 1) // 0 is a farewell
		return m, err
	}
	if m.known, err = addresses(&p, name, p.AnswerHeader, p.SkipAnswer, hostTTL/2); err != nil {
		return m, err
	}
	m.claims, err = addresses(&p, name, p.AuthorityHeader, p.SkipAuthority, 0)
	return m, err
}

// addresses reads those of a name from one section of a packet, as far as they
// hold for some time yet.
func addresses(p *dnsmessage.Parser, name string, header func() (dnsmessage.ResourceHeader, error), skip func() error, ttl uint32) (all []netip.Addr, err error) {
	for range mostParts {
		h, err := header()
		if err == dnsmessage.ErrSectionDone {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		of := strings.EqualFold(h.Name.String(), name) && h.Class&^topBit == dnsmessage.ClassINET && h.TTL >= ttl
		switch {
		case of && h.Type == dnsmessage.TypeA:
			r, err := p.AResource()
			if err != nil {
				return nil, err
			}
			all = append(all, netip.AddrFrom4(r.A))
		case of && h.Type == dnsmessage.TypeAAAA:
			r, err := p.AAAAResource()
			if err != nil {
				return nil, err
			}
			all = append(all, netip.AddrFrom16(r.AAAA))
		default:
			if err := skip(); err != nil {
				return nil, err
			}
		}
	}
	return all, skipRest(skip)
}

// skipRest passes over the parts of a section beyond those that are looked at.
func skipRest(skip func() error) error {
	for {
		switch err := skip(); err {
		case nil:
		case dnsmessage.ErrSectionDone:
			return nil
		default:
			return err
		}
	}
}

// compare is the order of two that want one name: by their records, sorted (8.2.1).
func compare(a, b []netip.Addr) int {
	order := func(x, y netip.Addr) int {
		if x.Is4() != y.Is4() { // A is 1, AAAA is 28
			if x.Is4() {
				return -1
			}
			return 1
		}
		return bytes.Compare(x.AsSlice(), y.AsSlice())
	}
	return slices.CompareFunc(slices.SortedFunc(slices.Values(a), order), slices.SortedFunc(slices.Values(b), order), order)
}

func record(name dnsmessage.Name, a netip.Addr, class dnsmessage.Class, ttl uint32) dnsmessage.Resource {
	head := dnsmessage.ResourceHeader{Name: name, Class: class, TTL: ttl}
	if a.Is4() {
		return dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: a.As4()}}
	}
	return dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}}
}

// probe asks everybody whether a name is free, and says what for.
func probe(name string, addrs []netip.Addr) []byte {
	n := dnsmessage.MustNewName(name)
	m := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: n, Type: dnsmessage.TypeALL, Class: dnsmessage.ClassINET}}}
	for _, a := range addrs {
		m.Authorities = append(m.Authorities, record(n, a, dnsmessage.ClassINET, hostTTL))
	}
	return packed(m)
}

// reply tells the addresses of a name, and that there are no others (6.1).
// question is repeated to who knows nothing of Multicast DNS.
func reply(name string, addrs []netip.Addr, id uint16, question *asked, ttl uint32) []byte {
	n := dnsmessage.MustNewName(name)
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: id, Response: true, Authoritative: true}}
	class := dnsmessage.ClassINET | topBit // nobody else has any (10.2)
	if question != nil {
		q := question.Question
		q.Class &^= topBit
		m.Questions, class = []dnsmessage.Question{q}, dnsmessage.ClassINET
	}
	for _, a := range addrs {
		m.Answers = append(m.Answers, record(n, a, class, ttl))
	}
	if question == nil {
		m.Additionals = append(m.Additionals, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: n, Class: class, TTL: ttl},
			Body: &dnsmessage.UnknownResource{Type: typeNSEC, Data: nsec(name, addrs)}})
	}
	return packed(m)
}

const typeNSEC = 47

// nsec says which kinds of addresses there are (RFC 4034, 4.1; 6.1 here).
func nsec(name string, addrs []netip.Addr) []byte {
	var data, bits []byte
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		data = append(append(data, byte(len(label))), label...)
	}
	bits = make([]byte, 4)
	for _, a := range addrs {
		if a.Is4() {
			bits[0] |= 0x80 >> 1
		} else {
			bits[3] |= 0x80 >> (28 - 24)
		}
	}
	if bits[3] == 0 {
		bits = bits[:1]
	}
	return append(append(data, 0, 0, byte(len(bits))), bits...)
}

// packed is the packet of a message. It is made of our own name and addresses,
// which always fit.
func packed(m dnsmessage.Message) []byte {
	raw, err := m.Pack()
	if err != nil {
		return nil
	}
	return raw
}
