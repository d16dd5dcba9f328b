package acme

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
	protocol "golang.org/x/crypto/acme"

	"hotline/appliance/egress"
)

// proof is a record that shows that a name is ours.
type proof struct {
	url, name string
	challenge *protocol.Challenge
	value     string
}

// setter sets a record where the names of a zone are kept, and says which zone it
// is and how the record goes away again.
type setter interface {
	set(ctx context.Context, name, value string) (zone string, undo func(context.Context) error, err error)
}

// setter is the way that was chosen.
func (t *try) setter(guard egress.Guard) setter {
	switch t.s.Way {
	case DeSEC:
		return &desec{client: guard.Client(t.k.limit.answer), base: desecAPI, token: t.s.Secret}
	case Cloudflare:
		return &cloudflare{client: guard.Client(t.k.limit.answer), base: cloudflareAPI, token: t.s.Secret}
	}
	return update{guard: guard, answer: t.k.limit.answer, server: t.s.Server, key: dns.Fqdn(t.s.Key), algorithm: dns.Fqdn(t.s.Algorithm), secret: t.s.Secret}
}

// ttl is how long others may remember a record, in seconds.
const ttl = 60

// show sets all records and waits until they are seen. Clear takes them away
// again, also after an error.
func (t *try) show(ctx context.Context, wanted []proof) (clear func(), err error) {
	var undo []func(context.Context) error
	clear = func() {
		end, stop := context.WithTimeout(context.WithoutCancel(ctx), t.k.limit.answer)
		defer stop()
		var stays []error
		for _, u := range undo {
			stays = append(stays, u(end))
		}
		switch err := errors.Join(stays...); {
		case err != nil:
			t.k.cfg.Log.Info("a record in the names could not be removed again; it does no harm", "error", err)
			t.note(Step{Code: "stays", Warn: true})
		case len(undo) > 0:
			t.say("cleared")
		}
	}
	guard, err := t.s.guard()
	if err != nil {
		return clear, err
	}
	guard.Roots = nil // those are of the authority
	where, names := t.setter(guard), t.names(guard)
	type shown struct{ zone, at, value string }
	var all []shown
	for _, p := range wanted {
		at := record(p.name)
		if target := names.leads(ctx, at); target != at {
			t.say("leads", "record", strings.TrimSuffix(at, "."), "target", strings.TrimSuffix(target, "."))
			at = target
		}
		zone, u, err := where.set(ctx, at, p.value)
		if u != nil {
			undo = append(undo, u)
		}
		if err != nil {
			return clear, err
		}
		t.say("set", "record", strings.TrimSuffix(at, "."), "zone", strings.TrimSuffix(zone, "."))
		all = append(all, shown{zone, at, p.value})
	}
	for _, s := range all {
		if err := t.seen(ctx, names, s.zone, s.at, s.value); err != nil {
			return clear, err
		}
	}
	return clear, nil
}

// seen waits until every server of the zone shows the record: the authority asks
// any of them. One that cannot be asked is left out.
func (t *try) seen(ctx context.Context, names names, zone, at, value string) error {
	servers := names.servers(ctx, zone)
	if t.s.Server != "" && !slices.Contains(servers, t.s.Server) {
		servers = append([]string{t.s.Server}, servers...)
	}
	begun, silent, behind := time.Now(), map[string]int{}, ""
	for {
		asked := 0
		behind = ""
		for _, server := range servers {
			if silent[server] >= 2 {
				continue
			}
			there, err := names.shows(ctx, server, at, value)
			if err != nil {
				silent[server]++
				continue
			}
			asked++
			if !there {
				behind = server
			}
		}
		switch {
		case asked > 0 && behind == "":
			t.say("seen", "record", strings.TrimSuffix(at, "."), "n", strconv.Itoa(asked))
			return nil
		case asked == 0 && !slices.ContainsFunc(servers, func(s string) bool { return silent[s] < 2 }):
			t.note(Step{Code: "blind", Values: []string{"zone", strings.TrimSuffix(zone, ".")}, Warn: true})
			return pause(ctx, t.k.limit.blind)
		case asked > 0 && time.Since(begun) > t.k.limit.visible:
			return &Failure{Code: FailedInvisible, Values: []string{"record", strings.TrimSuffix(at, "."), "server", behind}}
		}
		if err := pause(ctx, t.k.limit.pause); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// names asks the public system of names.
type names struct {
	guard     egress.Guard
	resolvers []string
	answer    time.Duration
}

func (t *try) names(guard egress.Guard) names {
	n := names{guard: guard, resolvers: t.k.cfg.Resolvers, answer: min(t.k.limit.answer, 5*time.Second)}
	if len(n.resolvers) == 0 {
		if cfg, err := dns.ClientConfigFromFile("/etc/resolv.conf"); err == nil {
			for _, server := range cfg.Servers {
				n.resolvers = append(n.resolvers, net.JoinHostPort(server, cfg.Port))
			}
		}
	}
	return n
}

// resolve asks the machine's own resolvers. They stand in its own network, as for
// everything else that it does, so no guard is asked.
func (n names) resolve(ctx context.Context, name string, kind uint16) (*dns.Msg, error) {
	err := errors.New("this machine has no server to ask for names")
	for _, server := range n.resolvers {
		var m *dns.Msg
		if m, err = ask(ctx, &net.Dialer{Timeout: n.answer}, n.answer, server, name, kind, true); err == nil {
			return m, nil
		}
	}
	return nil, err
}

// ask asks one server: in one packet, and where the answer does not fit over TCP.
func ask(ctx context.Context, dialer *net.Dialer, answer time.Duration, server, name string, kind uint16, recursive bool) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(name, kind)
	m.RecursionDesired = recursive
	m.SetEdns0(1232, false)
	for _, network := range []string{"udp", "tcp"} {
		client := &dns.Client{Net: network, Timeout: answer, Dialer: dialer}
		r, _, err := client.ExchangeContext(ctx, m, server)
		if err != nil {
			return nil, err
		}
		if !r.Truncated || network == "tcp" {
			return r, nil
		}
	}
	return nil, errors.New("no answer")
}

// leads follows a name that leads elsewhere (CNAME): then the record belongs
// there, and the zone of the hotline's name needs no key. What cannot be looked
// up leads nowhere.
func (n names) leads(ctx context.Context, name string) string {
	for range 8 {
		m, err := n.resolve(ctx, name, dns.TypeCNAME)
		if err != nil {
			return name
		}
		i := slices.IndexFunc(m.Answer, func(rr dns.RR) bool {
			_, is := rr.(*dns.CNAME)
			return is && strings.EqualFold(rr.Header().Name, name)
		})
		if i < 0 {
			return name
		}
		name = strings.ToLower(m.Answer[i].(*dns.CNAME).Target)
	}
	return name
}

// servers are the addresses of those that answer for a zone.
func (n names) servers(ctx context.Context, zone string) (out []string) {
	m, err := n.resolve(ctx, zone, dns.TypeNS)
	if err != nil {
		return nil
	}
	for _, rr := range m.Answer {
		ns, is := rr.(*dns.NS)
		if !is {
			continue
		}
		for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
			m, err := n.resolve(ctx, ns.Ns, kind)
			if err != nil {
				continue
			}
			for _, rr := range m.Answer {
				switch a := rr.(type) {
				case *dns.A:
					out = append(out, net.JoinHostPort(a.A.String(), "53"))
				case *dns.AAAA:
					out = append(out, net.JoinHostPort(a.AAAA.String(), "53"))
				}
			}
		}
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:min(len(out), 12)]
}

// shows says whether a server answers with the value under the name.
func (n names) shows(ctx context.Context, server, name, value string) (bool, error) {
	m, err := ask(ctx, n.guard.Dialer(n.answer), n.answer, server, name, dns.TypeTXT, false)
	if err != nil {
		return false, err
	}
	if m.Rcode == dns.RcodeRefused || m.Rcode == dns.RcodeServerFailure {
		return false, errors.New("the server does not answer for the name")
	}
	return slices.ContainsFunc(m.Answer, func(rr dns.RR) bool {
		txt, is := rr.(*dns.TXT)
		return is && strings.Join(txt.Txt, "") == value
	}), nil
}
