package acme

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/miekg/dns"

	"hotline/appliance/egress"
)

// update sets records by dynamic updates (RFC 2136) that are signed with a shared
// key (RFC 8945). Every question is signed, so that a wrong key is told before
// anything is changed.
type update struct {
	guard          egress.Guard
	answer         time.Duration
	server         string
	key, algorithm string
	secret         string
}

func (u update) set(ctx context.Context, name, value string) (string, func(context.Context) error, error) {
	zone, err := u.zone(ctx, name)
	if err != nil {
		return "", nil, err
	}
	txt := &dns.TXT{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: ttl}, Txt: []string{value}}
	m := new(dns.Msg)
	m.SetUpdate(zone)
	m.Insert([]dns.RR{txt})
	if err := u.done(ctx, m, name); err != nil {
		return zone, nil, err
	}
	return zone, func(ctx context.Context) error {
		m := new(dns.Msg)
		m.SetUpdate(zone)
		m.Remove([]dns.RR{dns.Copy(txt)})
		return u.done(ctx, m, name)
	}, nil
}

// zone is the one that the name is in. A server that answers for it says so also
// where there is no such name (RFC 2308 §3).
func (u update) zone(ctx context.Context, name string) (string, error) {
	for at, end := 0, false; !end; at, end = dns.NextLabel(name, at) {
		m := new(dns.Msg)
		m.SetQuestion(name[at:], dns.TypeSOA)
		m.RecursionDesired = false
		r, err := u.send(ctx, m)
		if err != nil {
			return "", err
		}
		for _, rr := range append(r.Answer, r.Ns...) {
			if soa, is := rr.(*dns.SOA); is && r.Authoritative && dns.IsSubDomain(soa.Hdr.Name, name) {
				return dns.CanonicalName(soa.Hdr.Name), nil
			}
		}
	}
	return "", &Failure{Code: FailedZone, Values: []string{"server", u.server, "record", strings.TrimSuffix(name, ".")}}
}

// done sends a change.
func (u update) done(ctx context.Context, m *dns.Msg, name string) error {
	r, err := u.send(ctx, m)
	if err != nil {
		return err
	}
	f := &Failure{Values: []string{"server", u.server, "record", strings.TrimSuffix(name, ".")}, Detail: dns.RcodeToString[r.Rcode]}
	switch r.Rcode {
	case dns.RcodeSuccess:
		return nil
	case dns.RcodeRefused:
		f.Code = FailedRefused
	case dns.RcodeNotAuth, dns.RcodeNotZone:
		f.Code = FailedZone
	default:
		f.Code = FailedRecord
	}
	return f
}

// send signs a message and reads what is said about the signature.
func (u update) send(ctx context.Context, m *dns.Msg) (*dns.Msg, error) {
	m.SetTsig(u.key, u.algorithm, 300, time.Now().Unix())
	client := &dns.Client{Net: "tcp", Timeout: u.answer, Dialer: u.guard.Dialer(u.answer), TsigSecret: map[string]string{u.key: u.secret}}
	r, _, err := client.ExchangeContext(ctx, m, u.server)
	f := &Failure{Values: []string{"server", u.server, "key", u.key}}
	if err != nil {
		f.Detail = err.Error()
	}
	if r != nil {
		if said := r.IsTsig(); said != nil && said.Error != dns.RcodeSuccess {
			f.Code, f.Detail = FailedKey, dns.RcodeToString[int(said.Error)]
			if said.Error == dns.RcodeBadTime {
				f.Code = FailedTime
			}
			return nil, f
		}
	}
	switch {
	case err == nil:
		return r, nil
	case errors.Is(err, egress.ErrPrivate):
		f.Code = FailedPrivate
		f.Values = append(f.Values, "host", u.server)
	case errors.Is(err, dns.ErrTime):
		f.Code = FailedTime
	case r != nil: // it answered, and its signature is not ours
		f.Code = FailedKey
	default:
		f.Code = FailedServer
	}
	return nil, f
}
