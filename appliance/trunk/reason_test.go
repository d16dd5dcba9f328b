package trunk_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/media"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
)

// A call that the network lost is told from one that the caller ended.
func TestReasonOfTheEnd(t *testing.T) {
	for _, tc := range []struct {
		name    string
		headers []string
		want    call.Cause
	}{
		{"none", nil, call.Cause{By: call.ByCaller, Reason: "hung up"}},
		{"normal clearing", []string{`Reason: Q.850;cause=16;text="Normal call clearing"`}, call.Cause{By: call.ByCaller, Reason: "hung up", Code: 16}},
		{"network out of order", []string{"Reason: q.850 ; cause = 38"}, call.Cause{By: call.ByNetwork, Reason: "the telephone network is out of order", Code: 38}},
		{"in a list", []string{`Reason: SIP;cause=200;text="a, b", Q.850;cause=41`}, call.Cause{By: call.ByNetwork, Reason: "a passing fault in the telephone network", Code: 41}},
		{"no sound at the gateway", []string{"Reason: SIP;cause=408"}, call.Cause{By: call.ByNetwork, Reason: "the caller's side lost the call", Code: 408}},
		{"nonsense", []string{"Reason: ;;=,,Q.850;cause=99999, Q.850;cause=-3, Q.850"}, call.Cause{By: call.ByCaller, Reason: "hung up"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx := limit(t)
			handle, calls := handing()
			h := serve(t, "127.0.0.1", handle)
			p := h.dial(ctx)
			c := receive(t, "the call", calls)
			if res, err := p.Request(ctx, "BYE", "", nil, tc.headers...); err != nil || res.StatusCode != 200 {
				t.Fatal(res, err)
			}
			receive(t, "the end", c.Context().Done())
			if got := call.CauseOf(c.Context()); got != tc.want {
				t.Errorf("ended %+v, want %+v", got, tc.want)
			}
		})
	}
}

// The network is told why the hotline ends or refuses a call, in its own
// words: ours may name people.
func TestReasonIsTold(t *testing.T) {
	h := serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) {
		if c.To() == "busy" {
			_ = c.Reject(486, 0)
			return
		}
		if c.Answer() == nil {
			c.Hangup(call.Cause{By: call.ByAgent, Reason: "Sister Agnes hung up"})
		}
	})
	r := h.raw()
	r.send(r.fill(withSDP(inviteHead, offer)))
	answer := r.answer("raw-", patience)
	r.confirm(answer, "")
	if bye := r.expectBye(); !strings.Contains(bye, `Reason: Q.850;cause=16;text="Normal call clearing"`) || strings.Contains(bye, "Agnes") {
		t.Errorf("the BYE says\n%s", bye)
	}
	invite := r.fill(strings.ReplaceAll(withSDP(inviteHead, offer), "sip:100", "sip:busy"))
	r.send(invite)
	answer = r.answer("SIP/2.0 486", patience)
	r.acknowledge(invite, answer)
	if !strings.Contains(answer, `Reason: Q.850;cause=17;text="User busy"`) {
		t.Errorf("the refusal says\n%s", answer)
	}
}

func TestForwardedCalls(t *testing.T) {
	for _, tc := range []struct {
		name      string
		headers   []string
		untrusted bool
		want      call.Number
	}{
		{name: "not forwarded"},
		{name: "Diversion", headers: []string{"Diversion: <sip:+12024563333@a>;reason=unconditional;counter=1"}, want: "+12024563333"},
		{name: "forwarded twice, the oldest counts", headers: []string{"Diversion: \"a, b\" <sip:2024564444@a>, <tel:+12024563333>;reason=no-answer"}, want: "+12024563333"},
		{name: "forwarded twice, two headers", headers: []string{"Diversion: <sip:2024564444@a>", "Diversion: <sip:2024563333@a>"}, want: "+12024563333"},
		{name: "private", headers: []string{"Diversion: <sip:2024564444@a>;privacy=full"}},
		{name: "History-Info", headers: []string{"History-Info: <sip:+12024563333@a;user=phone?Reason=SIP%3Bcause%3D302>;index=1, <sip:100@b>;index=1.1;mp=1"}, want: "+12024563333"},
		{name: "History-Info, shuffled", headers: []string{"History-Info: <sip:100@b>;index=1.10", "History-Info: <sip:5@b>;index=1.2", "History-Info: <sip:+12024563333@a>;index=1"}, want: "+12024563333"},
		{name: "History-Info of a call that went straight", headers: []string{"History-Info: <sip:+12024563333@a>;index=1"}},
		{name: "History-Info, private", headers: []string{"History-Info: <sip:+12024563333@a?Privacy=history>;index=1, <sip:100@b>;index=1.1"}},
		{name: "nonsense", headers: []string{"Diversion: <<<>;;;,", "History-Info: ;index=;;=,<", "History-Info: <sip:a@b>;index=1.x..,a;index=-1"}},
		{name: "claimed by strangers", untrusted: true, headers: []string{"Diversion: <sip:+12024563333@a>"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx := limit(t)
			handle, calls := handing()
			h := serve(t, "127.0.0.1", handle, func(cfg *trunk.Config) { cfg.TrustIdentity = !tc.untrusted })
			h.dial(ctx, func(cfg *phone.Config) { cfg.Headers = tc.headers })
			if got := receive(t, "the call", calls).Redirected(); got != tc.want {
				t.Errorf("redirected from %q, want %q", string(got), string(tc.want))
			}
		})
	}
}

func TestForeignHeaders(t *testing.T) {
	ctx := limit(t)
	handle, calls := handing()
	h := serve(t, "127.0.0.1", handle)
	h.dial(ctx, func(cfg *phone.Config) {
		cfg.Headers = []string{"X-Language: fa", "x-ticket: 1\u202e2", "X-Ticket: 3", "Subject: private", "X-Long: " + strings.Repeat("y", 1000)}
	})
	c := receive(t, "the call", calls)
	if got := c.Header("x-language"); len(got) != 1 || got[0] != "fa" {
		t.Errorf("X-Language is %q", got)
	}
	if got := c.Header("X-TICKET"); len(got) != 2 || got[0] != "12" || got[1] != "3" {
		t.Errorf("X-Ticket is %q", got)
	}
	if got := c.Header("X-Long"); len(got) != 1 || len(got[0]) != 256 {
		t.Errorf("a long header is kept in full: %d values", len(got))
	}
	if c.Header("Subject") != nil || c.Header("X-None") != nil {
		t.Error("headers that were not asked to be kept are there")
	}
}

func TestReservedChannels(t *testing.T) {
	ctx := limit(t)
	handle, calls := handing()
	var strained atomic.Bool
	h := serve(t, "127.0.0.1", handle, func(cfg *trunk.Config) {
		cfg.MaxCalls, cfg.Reserved, cfg.Strained = 3, 1, strained.Load
		cfg.Privileged = func(called string) bool { return called == "911" }
	})
	supervisor := func(cfg *phone.Config) { cfg.To = "911" }
	refused := func(who string, change ...func(*phone.Config)) {
		t.Helper()
		var e *phone.RefusedError
		if _, err := phone.Dial(ctx, h.phone(change...)); !errors.As(err, &e) || e.Status != 503 {
			t.Fatalf("%s: %v, want 503", who, err)
		}
	}
	strained.Store(true)
	refused("a caller of a machine that can carry no more")
	h.dial(ctx, supervisor).Hangup()
	strained.Store(false)
	receive(t, "a call", calls)
	for h.Stats().Calls > 0 {
		if ctx.Err() != nil {
			t.Fatal("the supervisor's call does not end")
		}
		time.Sleep(10 * time.Millisecond)
	}
	first := h.dial(ctx)
	h.dial(ctx)
	refused("the third caller")
	h.dial(ctx, supervisor)
	refused("a second supervisor with every channel taken", supervisor)
	for range 3 {
		receive(t, "a call", calls)
	}
	first.Hangup()
	h.dial(ctx, supervisor)
	refused("a caller into the reserve")

	for _, reserved := range []int{-1, 3} {
		_, err := trunk.New(trunk.Config{
			Conn: unused(t), Ports: new(media.Ports), Pacer: media.NewPacer(slog.Default()), Log: slog.Default(),
			Serves: func(string) bool { return true }, Handle: answering, MaxCalls: 3, Reserved: reserved,
		})
		if err == nil || !strings.Contains(err.Error(), "reserve") {
			t.Errorf("%d of 3 channels reserved: %v", reserved, err)
		}
	}
}

// A line that has all its calls takes no further one, though the hotline has
// room: the caller is told to try again, and the hotline is told of them. A
// tenth of the line is for those who must get through.
func TestFullLineRefusesCallers(t *testing.T) {
	ctx := limit(t)
	turned := make(chan string, 10)
	line := static("gateway", station(t, phone.Config{}, func(_ context.Context, r *phone.Request) { _ = r.Reply(nil, 200, false) }))
	line.MaxCalls, line.Probe = 10, time.Minute
	h := serveLines(t, "127.0.0.1", []trunk.Line{line}, answering, func(cfg *trunk.Config) {
		cfg.Privileged = func(called string) bool { return called == "911" }
		cfg.Full = func(from call.Number, called string) { turned <- string(from) + " " + called }
	})
	h.became("the check", up) // from now on the line's server is known: phones at its address come over the line
	dial := func(to string) (*phone.Call, error) {
		c, err := phone.Dial(ctx, h.phone(func(cfg *phone.Config) { cfg.To, cfg.Mute = to, true }))
		if err == nil {
			t.Cleanup(c.Hangup)
		}
		return c, err
	}
	refused := func(who, to string) {
		t.Helper()
		_, err := dial(to)
		var e *phone.RefusedError
		if !errors.As(err, &e) || e.Status != 503 || e.RetryAfter < time.Second || e.RetryAfter > 5*time.Second {
			t.Fatalf("%s: %v, want 503 and Retry-After between 1 and 5 s", who, err)
		}
		if got := receive(t, "word of "+who, turned); got != "+12024561111 "+to {
			t.Errorf("%s is told as %q", who, got)
		}
	}
	taken := func(who, to string) *phone.Call {
		t.Helper()
		c, err := dial(to)
		if err != nil {
			t.Fatalf("%s: %v\n%s", who, err, h.log)
		}
		return c
	}
	first := taken("the first caller", "100")
	for range 8 {
		taken("a caller", "100")
	}
	refused("the tenth caller", "100")
	taken("a supervisor", "911")
	refused("a second supervisor", "911")
	if s := h.Lines()[0]; s.Calls != 10 || s.Limit != 10 {
		t.Errorf("the line shows %d calls of %d", s.Calls, s.Limit)
	}
	first.Hangup()
	refused("a caller, while the last channel is the supervisors'", "100")
	taken("a supervisor, when one has hung up", "911").Hangup()
	if got := h.Stats(); got.Turned != 3 || got.Rejected[503] != 3 || got.Answered != 11 || len(turned) != 0 {
		t.Errorf("stats %+v", got)
	}
}

func unused(t *testing.T) net.PacketConn {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// A hop count of 0 stops proxies, not the telephone that is called (RFC 3261
// §16.3, RFC 4475 §3.3.11): refusing would lose a caller.
func TestLastHop(t *testing.T) {
	h := serve(t, "127.0.0.1", answering)
	r := h.raw()
	r.send(r.fill(strings.Replace(withSDP(inviteHead, offer), "Max-Forwards: 70", "Max-Forwards: 0", 1)))
	answer := r.answer("raw-", patience)
	if status(answer) != "200" {
		t.Errorf("the call is answered\n%s", answer)
	}
	r.confirm(answer, "")
}
