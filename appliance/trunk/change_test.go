package trunk_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
)

// line waits until the line of that name is as wished.
func (h *hotline) line(name, what string, is func(trunk.LineState) bool) trunk.LineState {
	h.t.Helper()
	ctx := limit(h.t)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, s := range h.Lines() {
			if s.Name == name && is(s) {
				return s
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			h.t.Fatalf("waiting for %s of line %s: %+v\n%s", what, name, h.Lines(), h.log)
		}
	}
}

func (h *hotline) use(lines ...trunk.Line) {
	h.t.Helper()
	if err := h.UseLines(lines...); err != nil {
		h.t.Fatal(err)
	}
}

// stationAt is a station on an address of its own, so that letting it in can
// be told from letting others in.
func stationAt(t testing.TB, ip string, cfg phone.Config, script phone.Script) *phone.Station {
	t.Helper()
	s, err := phone.Listen(context.Background(), netip.MustParseAddr(ip), cfg, script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// unheard sends an OPTIONS from an address that must not be let in: it is
// dropped, and nothing comes back.
func (h *hotline) unheard(who *phone.Station) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(limit(h.t))
	defer cancel()
	before := h.Stats().Dropped
	answered := make(chan bool, 1)
	go func() {
		_, err := who.Send(ctx, "OPTIONS", "100", h.addr)
		answered <- err == nil
	}()
	err := eventually(ctx, func() bool { return h.Stats().Dropped > before })
	cancel()
	if got := <-answered; got || err != nil {
		h.t.Errorf("%s must not be let in: answered %v, dropped: %v", who.Addr(), got, err)
	}
}

func (h *hotline) heardFrom(who *phone.Station) {
	h.t.Helper()
	if res, err := who.Send(limit(h.t), "OPTIONS", "100", h.addr); err != nil || res.StatusCode != 200 {
		h.t.Errorf("%s is let in and got %v (%v)\n%s", who.Addr(), res, err, h.log)
	}
}

// A line comes and another goes while a call is up: the call goes on and ends
// in order, the new line is let in at once, and the old one no longer than its
// call.
func TestLinesComeAndGoWhileACallRuns(t *testing.T) {
	ctx := limit(t)
	calls := make(chan *phone.Call, 10)
	here := stationAt(t, "127.0.0.2", phone.Config{}, picked(t, calls))
	p := newProvider(t)
	there := stationAt(t, "127.0.0.3", phone.Config{}, p.script)
	rings := stationAt(t, "127.0.0.4", phone.Config{}, picked(t, calls)) // calls for the provider from another address of it
	pbx, provider := static("pbx", here), account(there)
	pbx.Probe, pbx.MaxCalls = 0, 4
	provider.Accepts = []netip.Prefix{netip.MustParsePrefix("127.0.0.4/32")}
	h := calling(t, func(cfg *trunk.Config) { cfg.Peers = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} }, pbx)
	h.line("pbx", "an answer", up)
	h.heardFrom(here)
	h.unheard(there)
	h.unheard(rings)

	c, err := h.Dial(ctx, trunk.Outgoing{To: outside, Lines: []string{"pbx"}})
	if err != nil {
		t.Fatal(err)
	}
	far := receive(t, "the call", calls)
	far.SayLoop(audio.Tone(1000, time.Second, -10))

	h.use(pbx, provider)
	s := h.line("provider", "registration", up)
	if len(s.Lets) != 1 || s.Lets[0] != there.Addr().Addr() || len(s.Accepts) != 1 {
		t.Errorf("the provider is let in from %v and %v", s.Lets, s.Accepts)
	}
	h.heardFrom(there)
	h.heardFrom(rings)
	if s := h.line("pbx", "its call", func(s trunk.LineState) bool { return s.Calls == 1 }); !s.CallIn.IsZero() {
		t.Error("a call out is taken for one that came in")
	}

	// The same line with another limit counts the call that runs.
	pbx.MaxCalls = 1
	h.use(pbx, provider)
	if s := h.line("pbx", "an answer", up); s.Calls != 1 || s.Limit != 1 {
		t.Errorf("changed during a call, the line shows %d of %d calls", s.Calls, s.Limit)
	}
	if _, err := h.Dial(ctx, trunk.Outgoing{To: outside, Lines: []string{"pbx"}}); err == nil {
		t.Error("a second call goes over a line with one channel")
	}

	// It goes, its call stays. Nobody rings over it any more.
	h.use(provider)
	if c.Context().Err() != nil {
		t.Fatalf("the call ended with its line: %v", context.Cause(c.Context()))
	}
	if res, err := here.Send(ctx, "INVITE", "100", h.addr); err != nil || res.StatusCode != 403 {
		t.Errorf("a new call over a line that is given up got %v (%v)", res, err)
	}
	c.Audio().Music(audio.Tone(440, time.Second, -10))
	if err := far.WaitTone(ctx, 440); err != nil {
		t.Error(err)
	}
	far.Hangup()
	receive(t, "the end of the call", c.Context().Done())
	if cause := call.CauseOf(c.Context()); cause.By != call.ByCaller {
		t.Errorf("the call ended by %v", cause)
	}
	if err := eventually(ctx, func() bool { return h.Stats().Calls == 0 }); err != nil {
		t.Fatal(err)
	}
	h.unheard(here)
	h.heardFrom(rings)

	// Only what was changed was signed on and off.
	h.use()
	if _, err := there.Await(ctx, "REGISTER", 4); err != nil { // a challenge each
		t.Error(err)
	}
	if err := eventually(ctx, func() bool { p.mu.Lock(); defer p.mu.Unlock(); return strings.Join(p.granted, " ") == "100 0" }); err != nil {
		t.Errorf("registrations for %q seconds, want one of 100 and at the end 0", p.granted)
	}
	if err := eventually(ctx, func() bool { return !h.lets(there) }); err != nil {
		t.Error("the provider is let in after its line has gone")
	}
	h.unheard(rings)
	if strings.Contains(h.log.String(), secret) {
		t.Error("the password is in the log")
	}
}

// lets reports whether the hotline answers who.
func (h *hotline) lets(who *phone.Station) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 150*time.Millisecond)
	defer cancel()
	_, err := who.Send(ctx, "OPTIONS", "100", h.addr)
	return err == nil
}

func eventually(ctx context.Context, is func() bool) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("in vain")
		}
	}
	return nil
}

// A wrong password is mended without a restart; the old registration ends
// before the new one begins, or it would end that one.
func TestAnAccountIsMendedWhileTheHotlineRuns(t *testing.T) {
	p := newProvider(t)
	far := station(t, phone.Config{}, p.script)
	l := account(far)
	l.Password = "wrong horse"
	h := calling(t, nil, l)
	if s := h.became("the refusal", down); !strings.Contains(s.Reason, "refuses the user and password") {
		t.Errorf("reason %q", s.Reason)
	}
	l.Password = secret
	h.use(l)
	h.became("registration", up)
	l.MaxCalls = 7
	h.use(l)
	h.became("registration with another limit", func(s trunk.LineState) bool { return up(s) && s.Limit == 7 })
	if err := eventually(limit(t), func() bool { p.mu.Lock(); defer p.mu.Unlock(); return strings.Join(p.granted, " ") == "100 0 100" }); err != nil {
		t.Errorf("registrations for %q seconds, want one, its end, and one", p.granted)
	}
	l.Servers = []string{"not a host"}
	if err := h.UseLines(l); err == nil || h.Lines()[0].Limit != 7 {
		t.Errorf("a line that cannot be used replaces one that can (%v)", err)
	}
}

// The first line over a connection is opened by a trunk that runs already, and
// its connection ends with it.
func TestALineOverTCPComesWhileTheHotlineRuns(t *testing.T) {
	ctx := limit(t)
	server, _ := certificate(t)
	change, addrs := streaming(t, server)
	serve(t, "127.0.0.1", answering, change)
	h := calling(t, func(cfg *trunk.Config) { cfg.Peers = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	l := trunk.Line{Name: "carrier", Kind: trunk.Static, Servers: []string{addrs[trunk.OverTCP].String()}, Transport: trunk.OverTCP}
	h.use(l)
	h.became("an answer", up)
	c, err := h.Dial(ctx, trunk.Outgoing{To: outside})
	if err != nil {
		t.Fatal(err)
	}
	h.use()
	if c.Context().Err() != nil || h.Stats().Connections != 1 {
		t.Errorf("the call lost its connection with its line: %v", context.Cause(c.Context()))
	}
	c.Hangup(call.Cause{By: call.BySystem})
	if err := eventually(ctx, func() bool { return h.Stats().Connections == 0 }); err != nil {
		t.Error("the connection outlives the line and its call")
	}
}
