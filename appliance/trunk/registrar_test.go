package trunk_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
)

// desks are the users who may register.
type desks struct {
	mu      sync.Mutex
	secrets map[string]string
}

func (d *desks) Proof(user string) (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	password, ok := d.secrets[user]
	return trunk.PhoneProof(user, password), ok
}

// switchboard is a hotline with a registrar for amina and boris.
func switchboard(t *testing.T, handle func(context.Context, *trunk.Call), change ...func(*trunk.Config)) *hotline {
	t.Helper()
	return serve(t, "127.0.0.1", handle, append([]func(*trunk.Config){func(cfg *trunk.Config) {
		cfg.Phones = &desks{secrets: map[string]string{"amina": "a-secret", "boris": "b-secret"}}
	}}, change...)...)
}

// desk is a phone that proves itself.
type desk struct {
	*phone.Station
	h              *hotline
	user, password string
	nonce          string
	nc, seq        int
	id             string
}

func (h *hotline) desk(t *testing.T, user, password string, script phone.Script) *desk {
	if script == nil {
		script = func(_ context.Context, r *phone.Request) { _ = r.Reply(nil, 486, false) }
	}
	return &desk{Station: station(t, phone.Config{From: user}, script), h: h, user: user, password: password, id: user + "-registration"}
}

func challengeIn(res *sip.Response, algorithm string) *digest.Challenge {
	for _, h := range res.GetHeaders("WWW-Authenticate") {
		if c, err := digest.ParseChallenge(h.Value()); err == nil && c.Algorithm == algorithm {
			return c
		}
	}
	return nil
}

// proof is an Authorization line.
func (d *desk) proof(method, uri string, c *digest.Challenge) string {
	d.h.t.Helper()
	answer, err := digest.Digest(c, digest.Options{Method: method, URI: uri, Username: d.user, Password: d.password, Count: d.nc})
	if err != nil {
		d.h.t.Fatal(err)
	}
	return "Authorization: " + answer.String()
}

// register sends REGISTER, with a proof when the phone has a nonce.
func (d *desk) register(headers ...string) *sip.Response {
	d.h.t.Helper()
	d.seq++
	lines := append([]string{"Call-ID: " + d.id, fmt.Sprintf("CSeq: %d REGISTER", d.seq),
		"Contact: <sip:" + d.user + "@" + d.Addr().String() + ">"}, headers...)
	if d.nonce != "" {
		d.nc++
		lines = append(lines, d.proof("REGISTER", "sip:"+d.h.addr.String(), &digest.Challenge{Realm: "hotline", Nonce: d.nonce, Algorithm: "MD5", QOP: []string{"auth"}}))
	}
	res, err := d.Send(limit(d.h.t), "REGISTER", d.user, d.h.addr, lines...)
	if err != nil {
		d.h.t.Fatalf("%v\n%s", err, d.h.log)
	}
	return res
}

// enrol registers after the challenge.
func (d *desk) enrol() {
	d.h.t.Helper()
	res := d.register()
	c := challengeIn(res, "MD5")
	if res.StatusCode != 401 || c == nil {
		d.h.t.Fatalf("the first REGISTER is answered %v", res)
	}
	d.nonce, d.nc = c.Nonce, 0
	if res = d.register(); res.StatusCode != 200 {
		d.h.t.Fatalf("REGISTER is answered %v\n%s", res, d.h.log)
	}
}

func TestPhoneRegistersAnswersAndCalls(t *testing.T) {
	ctx := limit(t)
	arrived := make(chan *trunk.Call, 1)
	h := switchboard(t, func(ctx context.Context, c *trunk.Call) {
		arrived <- c
		_ = c.Reject(486, 0)
	})
	calls := make(chan *phone.Call, 1)
	d := h.desk(t, "amina", "a-secret", picked(t, calls))
	if h.Registered("amina") {
		t.Error("registered before it registered")
	}
	if _, err := h.Dial(ctx, trunk.Outgoing{To: "sip:amina@registered"}); err == nil || !strings.Contains(err.Error(), "registered") {
		t.Errorf("calling a phone that is not there: %v", err)
	}
	d.enrol()
	if !h.Registered("amina") || h.Registered("boris") {
		t.Error("who is registered is wrong")
	}
	if res := d.register(); res.StatusCode != 200 || len(res.GetHeaders("Contact")) != 1 {
		t.Errorf("a refresh with the same nonce: %v", res)
	}

	// Nothing may be dialled outside, but the house may be.
	c, err := h.Dial(ctx, trunk.Outgoing{To: "sip:amina@registered", From: "+12024561111", Display: `The "desk"`})
	if err != nil {
		t.Fatalf("%v\n%s", err, h.log)
	}
	p := receive(t, "the phone", calls)
	c.Audio().Music(audio.Tone(440, time.Second, -10))
	if err := p.WaitTone(ctx, 440); err != nil {
		t.Error(err)
	}
	if c.Phone() != "amina" || !c.Outgoing() || c.Line() != "" {
		t.Errorf("phone %q, line %q", c.Phone(), c.Line())
	}
	c.Hangup(call.Cause{By: call.BySystem})
	receive(t, "the end", p.Done())

	// The phone calls: challenged, then known.
	uri := "sip:*1@" + h.addr.String()
	res, err := d.Send(ctx, "INVITE", "*1", h.addr)
	if err != nil || res.StatusCode != 401 {
		t.Fatalf("an INVITE without proof: %v %v", res, err)
	}
	res, err = d.Send(ctx, "INVITE", "*1", h.addr, d.proof("INVITE", uri, challengeIn(res, "MD5")))
	if err != nil || res.StatusCode != 486 {
		t.Fatalf("an INVITE with proof: %v %v", res, err)
	}
	if in := receive(t, "the call", arrived); in.Phone() != "amina" || in.To() != "*1" || in.Outgoing() {
		t.Errorf("phone %q dialled %q", in.Phone(), in.To())
	}

	if res := d.register("Expires: 0"); res.StatusCode != 200 || h.Registered("amina") {
		t.Errorf("signing off: %v", res)
	}
}

func TestRegistrarBelievesNobody(t *testing.T) {
	h := switchboard(t, answering)
	good := h.desk(t, "amina", "a-secret", nil)
	good.enrol()

	t.Run("wrong password and unknown user look alike", func(t *testing.T) {
		var answers []string
		for _, d := range []*desk{h.desk(t, "amina", "guess", nil), h.desk(t, "nobody", "guess", nil)} {
			d.nonce = challengeIn(d.register(), "MD5").Nonce
			res := d.register()
			names := []string{fmt.Sprint(res.StatusCode)}
			for _, header := range res.Headers() {
				names = append(names, header.Name())
			}
			answers = append(answers, strings.Join(names, " "))
		}
		if answers[0] != answers[1] || !strings.HasPrefix(answers[0], "401") {
			t.Errorf("wrong password: %s\nunknown user: %s", answers[0], answers[1])
		}
	})
	t.Run("what was overheard proves nothing", func(t *testing.T) {
		d := h.desk(t, "amina", "a-secret", nil)
		d.nonce = good.nonce
		d.nc = good.nc - 1 // a count that was used
		res := d.register()
		if c := challengeIn(res, "MD5"); res.StatusCode != 401 || c == nil || !c.Stale {
			t.Errorf("%v", res)
		}
	})
	t.Run("a nonce of somebody else's", func(t *testing.T) {
		d := h.desk(t, "amina", "a-secret", nil)
		d.nonce = strings.Repeat("A", 43)
		if res := d.register(); res.StatusCode != 401 || !challengeIn(res, "MD5").Stale {
			t.Errorf("%v", res)
		}
	})
	t.Run("nobody registers for another", func(t *testing.T) {
		d := h.desk(t, "amina", "a-secret", nil)
		d.nonce = challengeIn(d.register(), "MD5").Nonce
		if res := d.register("To: <sip:boris@127.0.0.1>"); res.StatusCode != 403 || h.Registered("boris") {
			t.Errorf("%v", res)
		}
	})
	t.Run("too short", func(t *testing.T) {
		if res := good.register("Expires: 5"); res.StatusCode != 423 || res.GetHeader("Min-Expires") == nil {
			t.Errorf("%v", res)
		}
	})
	t.Run("all contacts go only at once", func(t *testing.T) {
		if res := good.register("Contact: *"); res.StatusCode != 400 {
			t.Errorf("%v", res)
		}
		if res := good.register("Contact: *", "Expires: 0"); res.StatusCode != 200 || h.Registered("amina") {
			t.Errorf("%v", res)
		}
	})
	t.Run("who guesses gets no answer", func(t *testing.T) {
		d := h.desk(t, "boris", "guess", nil)
		d.nonce = challengeIn(d.register(), "MD5").Nonce
		for range 10 {
			if res := d.register(); res.StatusCode != 401 {
				t.Errorf("%v", res)
			}
		}
		ctx, cancel := context.WithTimeout(limit(t), time.Second)
		defer cancel()
		d.nc++
		last := d.proof("REGISTER", "sip:"+h.addr.String(), &digest.Challenge{Realm: "hotline", Nonce: d.nonce, Algorithm: "MD5", QOP: []string{"auth"}})
		if res, err := d.Send(ctx, "REGISTER", "boris", h.addr, last); err == nil {
			t.Errorf("answered %v after ten wrong passwords", res)
		}
		neighbour := h.desk(t, "amina", "a-secret", nil)
		neighbour.enrol() // at the same address, with the right one
		if !strings.Contains(h.log.String(), "phone-password") {
			t.Error("nothing is logged")
		}
	})
	if strings.Contains(h.log.String(), "a-secret") {
		t.Error("a password is in the log")
	}
}

// With networks for phones, what is not there is not answered, and what is
// there has to prove itself.
func TestPhoneNetworks(t *testing.T) {
	elsewhere := netip.MustParsePrefix("192.0.2.0/24")
	here := netip.MustParsePrefix("127.0.0.0/8")
	silent := func(h *hotline, method string) bool {
		s := station(t, phone.Config{}, func(context.Context, *phone.Request) {})
		ctx, cancel := context.WithTimeout(limit(t), time.Second)
		defer cancel()
		_, err := s.Send(ctx, method, "amina", h.addr)
		return err != nil
	}
	strangers := switchboard(t, answering, func(cfg *trunk.Config) { cfg.Peers = []netip.Prefix{elsewhere} })
	if !silent(strangers, "REGISTER") || !silent(strangers, "OPTIONS") {
		t.Error("a stranger is answered")
	}
	peer := switchboard(t, answering, func(cfg *trunk.Config) { cfg.PhoneNets = []netip.Prefix{elsewhere} })
	if !silent(peer, "REGISTER") {
		t.Error("a REGISTER from outside the phones' network is answered")
	}
	phones := switchboard(t, answering, func(cfg *trunk.Config) {
		cfg.Peers, cfg.PhoneNets = []netip.Prefix{elsewhere}, []netip.Prefix{here}
	})
	s := station(t, phone.Config{}, func(context.Context, *phone.Request) {})
	if res, err := s.Send(limit(t), "INVITE", "100", phones.addr); err != nil || res.StatusCode != 401 {
		t.Errorf("an INVITE from the phones' network: %v %v", res, err)
	}
	if res, err := s.Send(limit(t), "REGISTER", "amina", phones.addr); err != nil || res.StatusCode != 401 {
		t.Errorf("a REGISTER from the phones' network: %v %v", res, err)
	}
	none := serve(t, "127.0.0.1", answering)
	if res, err := s.Send(limit(t), "REGISTER", "amina", none.addr); err != nil || res.StatusCode != 405 {
		t.Errorf("a REGISTER without a registrar: %v %v", res, err)
	}
}

// When callers have taken every channel, those who could help them are rung.
func TestAgentsAreRungWhenEveryChannelIsTaken(t *testing.T) {
	ctx := limit(t)
	h := switchboard(t, answering, func(cfg *trunk.Config) { cfg.MaxCalls = 1 })
	calls := make(chan *phone.Call, 1)
	d := h.desk(t, "amina", "a-secret", picked(t, calls))
	d.enrol()
	caller, err := phone.Dial(ctx, phone.Config{From: "+12024561111", To: "100", Server: h.addr})
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Hangup()
	if _, err := h.Dial(ctx, trunk.Outgoing{To: "sip:amina@registered"}); err == nil {
		t.Error("an ordinary call goes beyond the limit")
	}
	c, err := h.Dial(ctx, trunk.Outgoing{To: "sip:amina@registered", Beyond: true})
	if err != nil {
		t.Fatalf("the agent is not rung: %v\n%s", err, h.log)
	}
	c.Hangup(call.Cause{By: call.BySystem, Reason: "done"})
	receive(t, "the phone", calls)
}

// A phone that is set to sips registers over TLS, and is called with sips; over
// UDP it could not be.
func TestSecurePhoneIsCalledSecurely(t *testing.T) {
	ctx := limit(t)
	server, client := certificate(t)
	change, addrs := streaming(t, server)
	h := switchboard(t, answering, change)
	conn := tls.Client(connect(t, addrs["tls"]), client)
	_ = conn.SetDeadline(time.Now().Add(patience))
	in := bufio.NewReader(conn)
	next := func() string { // one message without its body
		t.Helper()
		var b strings.Builder
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatalf("%v after %q\n%s", err, b.String(), h.log)
			}
			if b.WriteString(line); line == "\r\n" {
				return b.String()
			}
		}
	}
	register := strings.NewReplacer("OPTIONS sip:hotline@", "REGISTER sips:", "OPTIONS", "REGISTER", "hotline@", "amina@", "sip:", "sips:",
		"Max-Forwards", "Contact: <sips:amina@127.0.0.1:5061>\nMax-Forwards").Replace(optionsMessage)
	send := func(n int, message string) {
		t.Helper()
		if _, err := conn.Write([]byte(strings.Replace(streamMessage(message, n), "/TCP", "/TLS", 1))); err != nil {
			t.Fatal(err)
		}
	}
	send(401, register)
	_, asked, _ := strings.Cut(next(), "WWW-Authenticate: ")
	asked, _, _ = strings.Cut(asked, "\r\n")
	challenge, err := digest.ParseChallenge(asked)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := digest.Digest(challenge, digest.Options{Method: "REGISTER", URI: "sips:127.0.0.1", Username: "amina", Password: "a-secret", Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	send(402, strings.Replace(strings.Replace(register, "1 REGISTER", "2 REGISTER", 1), "Max-Forwards", "Authorization: "+proof.String()+"\nMax-Forwards", 1))
	if got := next(); !strings.HasPrefix(got, "SIP/2.0 200") || !h.Registered("amina") {
		t.Fatalf("the registration is answered\n%s\n%s", got, h.log)
	}

	outcome := make(chan error, 1)
	go func() {
		_, err := h.Dial(ctx, trunk.Outgoing{To: "sip:amina@registered", From: "+12024561111"})
		outcome <- err
	}()
	invite := next()
	if !strings.HasPrefix(invite, "INVITE sips:amina@") || !strings.Contains(invite, "Contact: <sips:") || !strings.Contains(invite, "From: <sips:") {
		t.Errorf("the phone is called with\n%s", invite)
	}
	var busy strings.Builder
	busy.WriteString("SIP/2.0 486 Busy Here\r\n")
	for line := range strings.Lines(invite) {
		switch name, _, _ := strings.Cut(line, ":"); name {
		case "Via", "From", "Call-ID", "CSeq":
			busy.WriteString(line)
		case "To":
			busy.WriteString(strings.TrimSpace(line) + ";tag=phone\r\n")
		}
	}
	busy.WriteString("Content-Length: 0\r\n\r\n")
	if _, err := conn.Write([]byte(busy.String())); err != nil {
		t.Fatal(err)
	}
	var refused *trunk.DialError
	if err := receive(t, "the end of dialling", outcome); !errors.As(err, &refused) || refused.Status != 486 {
		t.Errorf("%v, want busy", err)
	}

	d := h.desk(t, "boris", "b-secret", nil)
	d.nonce = challengeIn(d.register(), "MD5").Nonce
	if res := d.register("Contact: <sips:boris@127.0.0.1>"); res.StatusCode != 400 || h.Registered("boris") {
		t.Errorf("sips over UDP is answered %v", res)
	}
}
