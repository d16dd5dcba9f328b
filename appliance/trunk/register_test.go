package trunk_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"hotline/appliance/call"
	"hotline/appliance/media"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
)

// provider is a registrar and exchange of a telephone company.
type provider struct {
	t *testing.T

	mu      sync.Mutex
	nonce   string
	down    int // what every request is answered with; 0: all is well
	least   string
	granted []string // Expires of accepted registrations
	calls   chan *phone.Call
}

func newProvider(t *testing.T) *provider {
	return &provider{t: t, nonce: "first", calls: make(chan *phone.Call, 10)}
}

func (p *provider) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

const secret = "correct horse"

func (p *provider) script(_ context.Context, r *phone.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down != 0 {
		_ = r.Reply(nil, p.down, false)
		return
	}
	if r.Method != sip.REGISTER && r.Method != sip.INVITE {
		_ = r.Reply(nil, 200, false)
		return
	}
	proof := r.GetHeader("Authorization")
	if proof == nil {
		_ = r.Reply(nil, 401, false, `WWW-Authenticate: Digest realm="tel", nonce="`+p.nonce+`", algorithm=SHA-256, qop="auth-int, auth"`,
			`WWW-Authenticate: Digest realm="tel", nonce="`+p.nonce+`", algorithm=MD5, qop="auth"`)
		return
	}
	given, err := digest.ParseCredentials(proof.Value())
	if err != nil {
		p.t.Error(err)
		return
	}
	wanted, err := digest.Digest(&digest.Challenge{Realm: "tel", Nonce: given.Nonce, Algorithm: given.Algorithm, QOP: []string{"auth"}},
		digest.Options{Method: string(r.Method), URI: r.Recipient.String(), Username: "account", Password: secret, Cnonce: given.Cnonce, Count: given.Nc})
	if err != nil || wanted.Response != given.Response || given.Algorithm != "SHA-256" {
		_ = r.Reply(nil, 401, false, `WWW-Authenticate: Digest realm="tel", nonce="`+p.nonce+`", algorithm=SHA-256, qop="auth"`)
		return
	}
	if given.Nonce != p.nonce {
		_ = r.Reply(nil, 401, false, `WWW-Authenticate: Digest realm="tel", nonce="`+p.nonce+`", algorithm=SHA-256, qop="auth", stale=TRUE`)
		return
	}
	if r.Method == sip.INVITE {
		c, err := r.Answer()
		if err != nil {
			p.t.Error(err)
			return
		}
		p.calls <- c
		return
	}
	expires := r.GetHeader("Expires").Value()
	if p.least != "" && expires != "0" && len(expires) < len(p.least) {
		_ = r.Reply(nil, 423, false, "Min-Expires: "+p.least)
		return
	}
	p.granted = append(p.granted, expires)
	_ = r.Reply(nil, 200, false, "Contact: "+r.GetHeader("Contact").Value()+";expires="+expires)
}

// became waits until a line is as wished.
func (h *hotline) became(what string, is func(trunk.LineState) bool) trunk.LineState {
	h.t.Helper()
	ctx := limit(h.t)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if s := h.Lines()[0]; is(s) {
			return s
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			h.t.Fatalf("waiting for %s: %+v\n%s", what, h.Lines(), h.log)
		}
	}
}

func up(s trunk.LineState) bool   { return s.Checked && s.Up }
func down(s trunk.LineState) bool { return s.Checked && !s.Up }

func account(servers ...*phone.Station) trunk.Line {
	l := static("provider", servers...)
	l.Kind, l.User, l.Password, l.Expires = trunk.Register, "account", secret, 100*time.Second
	return l
}

func TestRegisteringLine(t *testing.T) {
	ctx := limit(t)
	p := newProvider(t)
	p.set(func() { p.least = "3600" })
	far := station(t, phone.Config{}, p.script)
	arrived := make(chan *trunk.Call, 1)
	h := serveLines(t, "127.0.0.1", []trunk.Line{account(far)}, func(ctx context.Context, c *trunk.Call) {
		arrived <- c
		_ = c.Reject(486, 0)
	}, func(cfg *trunk.Config) {
		cfg.Hurry(100 * time.Millisecond)
		cfg.Allow = func(call.Number, string) error { return nil }
		cfg.Peers = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // the provider is let in all the same
	})
	s := h.became("registration", up)
	if left := time.Until(s.RegisteredUntil); left < 59*time.Minute || left > time.Hour {
		t.Errorf("registered for %v, want the hour that the provider insists on", left)
	}

	// A call out: the account in From, our number beside it, digest on INVITE.
	c, err := h.Dial(ctx, trunk.Outgoing{To: outside, From: "+12025550147"})
	if err != nil {
		t.Fatal(err)
	}
	answered := receive(t, "the call", p.calls)
	c.Hangup(call.Cause{By: call.BySystem})
	receive(t, "the end", answered.Done())
	acks, err := far.Await(ctx, "ACK", 1)
	if err != nil || acks[0].GetHeader("Authorization") == nil {
		t.Errorf("the ACK lacks the credentials of its INVITE (%v)", err)
	}
	invites, _ := far.Await(ctx, "INVITE", 2)
	if last := invites[1]; last.From().Address.User != "account" || !strings.Contains(last.GetHeader("P-Preferred-Identity").Value(), "+12025550147") {
		t.Errorf("From %v", last.From())
	}

	// A call in: to the account, the number is in To.
	res, err := far.Send(ctx, "INVITE", "account", h.addr, "To: <sip:+12025550199@tel>")
	if err != nil || res.StatusCode != 486 {
		t.Fatalf("%v %v", res, err)
	}
	if in := receive(t, "the call", arrived); in.To() != "+12025550199" || in.Line() != "provider" || in.Outgoing() {
		t.Errorf("to %q over line %q", in.To(), in.Line())
	}

	if err := h.stop(); err != nil {
		t.Error(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if got := strings.Join(p.granted, " "); got != "3600 0" {
		t.Errorf("registrations for %q seconds, want 3600 and at the end 0", got)
	}
}

func TestRegistrationIsKeptAndTakenUpAgain(t *testing.T) {
	p := newProvider(t)
	p.set(func() { p.down = 503 })
	far := station(t, phone.Config{}, p.script)
	l := account(far)
	h := calling(t, nil, l)
	if s := h.became("the failure", down); !strings.Contains(s.Reason, "503") || !s.RegisteredUntil.IsZero() {
		t.Errorf("state %+v", s)
	}
	p.set(func() { p.down = 0 })
	h.became("registration", up)
}

func TestRegistrationIsRefreshed(t *testing.T) {
	p := newProvider(t)
	far := station(t, phone.Config{}, p.script)
	l := account(far)
	l.Expires = 2 * time.Second // taken for ten; refreshed after eight at the latest
	h := calling(t, nil, l)
	first := h.became("registration", up)
	p.set(func() { p.nonce = "second" }) // the refresh meets an expired nonce
	h.became("the refresh", func(s trunk.LineState) bool { return up(s) && s.RegisteredUntil.After(first.RegisteredUntil) })
}

func TestWrongPasswordIsNotInsistedOn(t *testing.T) {
	p := newProvider(t)
	far := station(t, phone.Config{}, p.script)
	l := account(far)
	l.Password = "wrong"
	h := calling(t, nil, l)
	if s := h.became("the refusal", down); !strings.Contains(s.Reason, "password") {
		t.Errorf("state %+v", s)
	}
	// Another realm than the one set gets no hash at all.
	l = account(far)
	l.Realm = "another"
	h = calling(t, nil, l)
	if s := h.became("the refusal", down); !strings.Contains(s.Reason, "no answer was given") {
		t.Errorf("state %+v", s)
	}
	registers, _ := far.Await(limit(t), "REGISTER", 3)
	if len(registers) != 3 {
		t.Errorf("%d REGISTERs, want two with a wrong password and one", len(registers))
	}
}

// zone is a resolver with a small part of the world.
type zone struct {
	mu      sync.Mutex
	records map[string][]*net.SRV
}

func (z *zone) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if service != "sip" || proto != "udp" || z.records[name] == nil {
		return "", nil, errors.New("no such host")
	}
	return "", z.records[name], nil
}

func (z *zone) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if !strings.HasSuffix(host, ".tel") {
		return nil, errors.New("no such host")
	}
	return []netip.Addr{netip.MustParseAddr("::1"), netip.MustParseAddr("127.0.0.1")}, nil
}

func TestServersByName(t *testing.T) {
	ctx := limit(t)
	p, q := newProvider(t), newProvider(t)
	first, second := station(t, phone.Config{}, p.script), station(t, phone.Config{}, q.script)
	names := &zone{records: map[string][]*net.SRV{"provider.example": {
		{Target: "a.tel.", Port: first.Addr().Port(), Priority: 10},
		{Target: "b.tel.", Port: second.Addr().Port(), Priority: 20},
	}}}
	p.set(func() { p.down = 503 })
	l := account()
	l.Servers = []string{"provider.example"}
	h := calling(t, func(cfg *trunk.Config) { cfg.Resolver = names }, l)
	if s := h.became("registration", up); s.Server != second.Addr().String() {
		t.Errorf("registered at %s, want the second server of the record", s.Server)
	}
	c, err := h.Dial(ctx, trunk.Outgoing{To: outside})
	if err != nil {
		t.Fatal(err)
	}
	answered := receive(t, "the call at the second server", q.calls)
	if from := answered.FarRTP(); !from.IsValid() {
		t.Error("no sound was agreed")
	}
	c.Hangup(call.Cause{By: call.BySystem})
	receive(t, "the end", answered.Done())
	invites, _ := second.Await(ctx, "INVITE", 1)
	if host := invites[0].Recipient.Host; host != "provider.example" {
		t.Errorf("the call is addressed to %q, want the provider's name", host)
	}

	l.Servers = []string{"nowhere.example"}
	h = calling(t, func(cfg *trunk.Config) { cfg.Resolver = names }, l)
	if s := h.became("the failure", down); !strings.Contains(s.Reason, "cannot be found") {
		t.Errorf("state %+v", s)
	}
}

func TestLineHealth(t *testing.T) {
	p := newProvider(t)
	far := station(t, phone.Config{}, p.script)
	l := static("pbx", far)
	l.Probe = 200 * time.Millisecond
	h := calling(t, nil, l)
	h.became("the answer", up)
	p.set(func() { p.down = 503 })
	if s := h.became("the failure", down); !strings.Contains(s.Reason, "503") || time.Since(s.Since) > time.Minute {
		t.Errorf("state %+v", s)
	}
	p.set(func() { p.down = 404 }) // alive, though it does not know OPTIONS
	h.became("the answer", up)
	far.Close()
	if s := h.became("the failure", down); !strings.Contains(s.Reason, "does not answer") {
		t.Errorf("state %+v", s)
	}
}

func TestLinesThatCannotBe(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ports, err := media.NewPorts(netip.MustParseAddr("127.0.0.1"), media.FirstPort, media.LastPort)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	unstarted, err := trunk.New(trunk.Config{Conn: conn, Ports: ports, Pacer: media.NewPacer(log), Log: log,
		Serves: func(string) bool { return true }, Handle: answering})
	if err != nil {
		t.Fatal(err)
	}
	good := trunk.Line{Name: "a", Kind: trunk.ByIP, Servers: []string{"192.0.2.1", "[2001:db8::1]:5061", "host.example", "host.example:5080"}}
	if err := unstarted.UseLines(good); err != nil {
		t.Error(err)
	}
	if err := unstarted.UseLines(good, good); err == nil {
		t.Error("two lines of one name are taken")
	}
	for _, l := range []trunk.Line{
		{Kind: trunk.Static, Servers: []string{"127.0.0.1"}},
		{Name: "a", Servers: []string{"127.0.0.1"}},
		{Name: "a", Kind: trunk.Static},
		{Name: "a", Kind: trunk.Static, Servers: []string{"host:port"}},
		{Name: "a", Kind: trunk.Static, Servers: []string{"sip:user@host"}},
		{Name: "a", Kind: trunk.Static, Servers: []string{":5060"}},
		{Name: "a", Kind: trunk.Register, Servers: []string{"127.0.0.1"}, User: "u"},
		{Name: "a", Kind: trunk.Static, Servers: []string{"127.0.0.1"}, From: "1\r\nX: y"},
	} {
		if err := unstarted.UseLines(l); err == nil {
			t.Errorf("%+v is taken", l)
		}
	}
}
