package trunk_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/proof"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
)

const outside = call.Number("+12024561414")

// station is a telephone network that does what the script says.
func station(t testing.TB, cfg phone.Config, script phone.Script) *phone.Station {
	t.Helper()
	s, err := phone.Listen(context.Background(), netip.MustParseAddr("127.0.0.1"), cfg, script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// calling starts a hotline that may dial anything over lines to the stations.
func calling(t testing.TB, change func(*trunk.Config), lines ...trunk.Line) *hotline {
	t.Helper()
	return serveLines(t, "127.0.0.1", lines, answering, func(cfg *trunk.Config) {
		cfg.Allow = func(call.Number, string) error { return nil }
		if change != nil {
			change(cfg)
		}
	}, func(cfg *trunk.Config) { cfg.Hurry(250 * time.Millisecond) }) // T1 is 500 ms: a far end may be slow
}

func static(name string, stations ...*phone.Station) trunk.Line {
	l := trunk.Line{Name: name, Kind: trunk.Static, Probe: -1}
	for _, s := range stations {
		l.Servers = append(l.Servers, s.Addr().String())
	}
	return l
}

func picked(t *testing.T, calls chan *phone.Call) phone.Script {
	return func(_ context.Context, r *phone.Request) {
		if r.Method != sip.INVITE {
			_ = r.Reply(nil, 200, false)
			return
		}
		c, err := r.Answer()
		if err != nil {
			t.Error(err)
			return
		}
		calls <- c
	}
}

func TestDialAnsweredAndHungUpByEitherSide(t *testing.T) {
	for _, law := range []audio.Law{audio.MuLaw, audio.ALaw} {
		t.Run(law.String(), func(t *testing.T) {
			ctx := limit(t)
			calls := make(chan *phone.Call, 1)
			far := station(t, phone.Config{Law: law}, picked(t, calls))
			h := calling(t, nil, static("pbx", far))

			for _, weHangUp := range []bool{true, false} {
				c, err := h.Dial(ctx, trunk.Outgoing{To: "(202) 456-1414", From: "+12025550147", Headers: []string{"X-Case: 17"}})
				if err != nil {
					t.Fatalf("%v\n%s", err, h.log)
				}
				p := receive(t, "the phone", calls)
				c.Audio().Music(audio.Tone(440, time.Second, -10))
				p.SayLoop(audio.Tone(1000, time.Second, -10))
				if err := p.WaitTone(ctx, 440); err != nil {
					t.Error(err)
				}
				clip, _, err := c.Audio().Record(ctx, 400*time.Millisecond, "")
				if err != nil || share(clip, 1000) < 0.6 {
					t.Errorf("the far end is not heard (%v)", err)
				}
				if s := c.Summary(); !s.Outgoing || s.Line != "pbx" || s.To != string(outside) || s.Law != law || s.Answered.IsZero() {
					t.Errorf("summary %+v", s)
				}
				if weHangUp {
					c.Hangup(call.Cause{By: call.ByAgent, Reason: "done"})
					receive(t, "the end", p.Done())
					if !p.FarHungUp() {
						t.Error("the phone was not told")
					}
				} else {
					p.Hangup()
					receive(t, "the end", c.Context().Done())
					if cause := call.CauseOf(c.Context()); cause.By != call.ByCaller {
						t.Errorf("cause %+v", cause)
					}
				}
			}
			invites, err := far.Await(ctx, "INVITE", 2)
			if err != nil {
				t.Fatal(err)
			}
			if got := invites[0].Recipient.User; got != string(outside) {
				t.Errorf("dialled %q", got)
			}
			if got := invites[0].From().Address.User; got != "+12025550147" {
				t.Errorf("caller ID %q", got)
			}
			if got := invites[0].GetHeader("X-Case"); got == nil || got.Value() != "17" {
				t.Errorf("header %v", got)
			}
			if s := h.Stats(); s.Dialled != 2 || s.Connected != 2 || s.Offered != 0 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

func TestDialEarlySound(t *testing.T) {
	ctx := limit(t)
	answer := make(chan struct{})
	calls := make(chan *phone.Call, 1)
	far := station(t, phone.Config{}, func(ctx context.Context, r *phone.Request) {
		c, err := r.Pick("one")
		if err != nil {
			t.Error(err)
			return
		}
		c.SayLoop(audio.Tone(620, time.Second, -10))
		_ = r.Reply(c, 183, true)
		select {
		case <-answer:
		case <-ctx.Done():
			return
		}
		_ = r.Reply(c, 200, false) // the description of the 183 counts
		calls <- c
	})
	h := calling(t, nil, static("pbx", far))
	var early bool
	c, err := h.Dial(ctx, trunk.Outgoing{To: outside, Progress: func(c *trunk.Call, status int) {
		if status != 183 {
			t.Errorf("progress %d", status)
		}
		clip, _, err := c.Audio().Record(ctx, 400*time.Millisecond, "")
		early = err == nil && share(clip, 620) > 0.6
		close(answer)
	}})
	if err != nil {
		t.Fatal(err)
	}
	p := receive(t, "the phone", calls)
	if !early {
		t.Error("the announcement before the answer was not heard")
	}
	c.Audio().Music(audio.Tone(440, time.Second, -10))
	if err := p.WaitTone(ctx, 440); err != nil {
		t.Error(err)
	}
	c.Hangup(call.Cause{By: call.BySystem, Reason: "done"})
}

// Two phones ring; both pick up. The first wins, the second is told at once.
func TestDialForked(t *testing.T) {
	ctx := limit(t)
	type pair struct{ first, second *phone.Call }
	pairs, announced := make(chan pair, 1), make(chan struct{})
	far := station(t, phone.Config{}, func(_ context.Context, r *phone.Request) {
		a, err := r.Pick("a")
		if err != nil {
			t.Error(err)
			return
		}
		b, err := r.Pick("b")
		if err != nil {
			t.Error(err)
			return
		}
		a.SayLoop(audio.Tone(620, time.Second, -10))
		b.SayLoop(audio.Tone(1000, time.Second, -10))
		_ = r.Reply(a, 183, true) // announcement of one branch
		<-announced
		_ = r.Reply(b, 180, false)
		_ = r.Reply(b, 200, true) // another one answers
		if _, err := r.Station().Await(limit(t), "ACK", 1); err != nil {
			t.Error(err)
		}
		_ = r.Reply(a, 200, true)
		_ = r.Reply(b, 200, true) // the ACK was lost
		pairs <- pair{b, a}
	})
	h := calling(t, nil, static("pbx", far))
	announce := sync.OnceFunc(func() { close(announced) })
	c, err := h.Dial(ctx, trunk.Outgoing{To: outside, Progress: func(*trunk.Call, int) { announce() }})
	if err != nil {
		t.Fatal(err)
	}
	p := receive(t, "the phones", pairs)
	receive(t, "the end of the second phone's call", p.second.Done())
	if !p.second.FarHungUp() {
		t.Error("the second phone was not hung up on")
	}
	acks, err := far.Await(ctx, "ACK", 3)
	if err != nil {
		t.Fatal(err)
	}
	tags := make(map[string]int)
	for _, ack := range acks {
		tag, _ := ack.To().Params.Get("tag")
		tags[tag]++
	}
	if tags["a"] != 1 || tags["b"] != 2 {
		t.Errorf("ACKs by phone: %v", tags)
	}
	c.Audio().Music(audio.Tone(440, time.Second, -10))
	if err := p.first.WaitTone(ctx, 440); err != nil {
		t.Errorf("the phone that won: %v", err)
	}
	if c.Context().Err() != nil {
		t.Error("the call ended")
	}
	c.Hangup(call.Cause{By: call.BySystem, Reason: "done"})
	receive(t, "the end", p.first.Done())
}

func TestDialRefused(t *testing.T) {
	for _, tc := range []struct {
		status  int
		headers []string
		check   func(e *trunk.DialError) bool
	}{
		{486, nil, func(e *trunk.DialError) bool { return e.Busy() && e.Q850 == 17 }},
		{480, []string{`Reason: Q.850;cause=19;text="no answer"`}, func(e *trunk.DialError) bool { return e.NoAnswer() && !e.Busy() }},
		{503, []string{"Reason: SIP;cause=200, Q.850;cause=34", "Retry-After: 30"}, func(e *trunk.DialError) bool { return e.Status == 503 }},
		{404, nil, func(e *trunk.DialError) bool { return e.Q850 == 1 }},
		{603, nil, func(e *trunk.DialError) bool { return e.Q850 == 21 }},
		{302, []string{"Contact: <sip:premium@192.0.2.1>"}, func(e *trunk.DialError) bool { return strings.Contains(e.Error(), "never follows") }},
		{407, []string{`Proxy-Authenticate: Digest realm="r", nonce="n"`}, func(e *trunk.DialError) bool { return strings.Contains(e.Error(), "password") }},
	} {
		far := station(t, phone.Config{}, func(_ context.Context, r *phone.Request) {
			_ = r.Reply(nil, 180, false)
			_ = r.Reply(nil, tc.status, false, tc.headers...)
		})
		h := calling(t, nil, static("pbx", far))
		_, err := h.Dial(limit(t), trunk.Outgoing{To: outside})
		var refused *trunk.DialError
		if !errors.As(err, &refused) || refused.Status != tc.status || refused.Line != "pbx" || !tc.check(refused) {
			t.Errorf("%d: %+v", tc.status, err)
		}
		if got, _ := far.Await(limit(t), "INVITE", 1); len(got) != 1 {
			t.Errorf("%d: %d INVITEs", tc.status, len(got))
		}
	}
}

func TestDialGivenUp(t *testing.T) {
	ctx := limit(t)
	cancelled := make(chan struct{}, 2)
	far := station(t, phone.Config{}, func(ctx context.Context, r *phone.Request) {
		_ = r.Reply(nil, 180, false)
		select {
		case <-r.Cancelled:
			cancelled <- struct{}{}
		case <-ctx.Done():
		}
	})
	h := calling(t, nil, static("pbx", far))
	_, err := h.Dial(ctx, trunk.Outgoing{To: outside, RingFor: 300 * time.Millisecond})
	var refused *trunk.DialError
	if !errors.As(err, &refused) || !refused.NoAnswer() || refused.Status != 480 || !refused.Rang {
		t.Errorf("%+v", err)
	}
	receive(t, "the CANCEL", cancelled)

	ringing, stop := context.WithCancel(ctx)
	_, err = h.Dial(ringing, trunk.Outgoing{To: outside, Progress: func(*trunk.Call, int) { stop() }})
	if !errors.As(err, &refused) || refused.Status != 487 || !errors.Is(err, context.Canceled) {
		t.Errorf("%+v", err)
	}
	receive(t, "the CANCEL", cancelled)
}

// The CANCEL crosses the 200: whichever comes first, nobody stays in a call
// that the other side has left.
func TestDialCancelCrossesAnswer(t *testing.T) {
	ctx := limit(t)
	calls := make(chan *phone.Call, 100)
	far := station(t, phone.Config{Mute: true}, func(_ context.Context, r *phone.Request) {
		c, err := r.Pick(sip.GenerateTagN(8))
		if err != nil {
			t.Error(err)
			return
		}
		_ = r.Reply(c, 180, false)
		if r.Reply(c, 200, true) != nil { // the CANCEL was first
			c = nil
		}
		calls <- c
	})
	h := calling(t, nil, static("pbx", far))
	for range 40 {
		ringing, stop := context.WithCancel(ctx)
		c, err := h.Dial(ringing, trunk.Outgoing{To: outside, Progress: func(*trunk.Call, int) { stop() }})
		stop()
		p := receive(t, "the phone", calls)
		if err == nil { // the answer was first
			c.Hangup(call.Cause{By: call.BySystem, Reason: "given up"})
		}
		if p != nil {
			select {
			case <-p.Done():
			case <-ctx.Done():
				t.Fatalf("a phone is left in a call that nobody is in (dial: %v)\n%s", err, h.log)
			}
		}
	}
}

// Nothing answers at all: the next server is tried after a few seconds, not
// after RFC 3261's 32.
func TestDialSilenceAndUnreachable(t *testing.T) {
	ctx := limit(t)
	calls := make(chan *phone.Call, 1)
	dead := station(t, phone.Config{}, func(context.Context, *phone.Request) {})
	mute := station(t, phone.Config{}, func(_ context.Context, r *phone.Request) { _ = r.Reply(nil, 503, false, "Retry-After: 60") })
	good := station(t, phone.Config{}, picked(t, calls))
	_ = dead
	gone := trunk.Line{Name: "gone", Kind: trunk.Static, Servers: []string{"127.0.0.1:9", mute.Addr().String()}, Probe: -1}
	h := calling(t, nil, gone, static("good", good))
	c, err := h.Dial(ctx, trunk.Outgoing{To: outside, Lines: []string{"gone", "good"}})
	if err != nil {
		t.Fatalf("%v\n%s", err, h.log)
	}
	if c.Line() != "good" {
		t.Errorf("line %q", c.Line())
	}
	receive(t, "the phone", calls)
	c.Hangup(call.Cause{By: call.BySystem, Reason: "done"})
	_, err = h.Dial(ctx, trunk.Outgoing{To: outside, Lines: []string{"gone"}})
	var refused *trunk.DialError
	if !errors.As(err, &refused) || refused.Line != "gone" || refused.Rang {
		t.Errorf("%+v", err)
	}
	if _, err := h.Dial(ctx, trunk.Outgoing{To: outside, Lines: []string{"nowhere"}}); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a line that does not exist: %v", err)
	}
}

func TestDialDeniedByDefault(t *testing.T) {
	far := station(t, phone.Config{}, func(_ context.Context, r *phone.Request) { _ = r.Reply(nil, 486, false) })
	policy := &trunk.OutboundPolicy{PerHour: 2, Rules: []trunk.DialRule{
		{Roles: []string{"agent"}, Prefixes: []string{"+1202"}},
		{Roles: []string{"supervisor"}, Prefixes: []string{"+1", "+34", "+49"}, Numbers: []call.Number{"201"}},
	}}
	nothing := calling(t, func(cfg *trunk.Config) { cfg.Allow = nil }, static("pbx", far))
	some := calling(t, func(cfg *trunk.Config) { cfg.Allow = policy.Allow }, static("pbx", far))
	attempts := []struct {
		h       *hotline
		to      call.Number
		role    string
		headers []string
		from    call.Number
		status  int
	}{
		{h: nothing, to: outside, status: 403},
		{h: some, to: outside, role: "", status: 403},
		{h: some, to: "+34912345678", role: "agent", status: 403},
		{h: some, to: "911", role: "supervisor", status: 403},
		{h: some, to: "112", role: "supervisor", status: 403},
		{h: some, to: "+19002345678", role: "supervisor", status: 403}, // premium rate
		{h: some, to: "0900 1234567", role: "supervisor", status: 403},
		{h: some, to: "*72", role: "supervisor", status: 403},
		{h: some, to: "sip:evil@192.0.2.1", role: "supervisor", status: 403},
		{h: some, to: "+1202456\r\nX: y", role: "supervisor"},
		{h: some, to: outside, role: "supervisor", from: "1\r\nVia: x"},
		{h: some, to: outside, role: "supervisor", headers: []string{"X: a\nVia: b"}},
		{h: some, to: outside, role: "supervisor", headers: []string{"Route: <sip:192.0.2.1;lr>"}},
		{h: some, to: "202 456 1414", role: "agent", status: 486},
		{h: some, to: "201", role: "supervisor", status: 486},
		{h: some, to: outside, role: "agent", status: 403}, // the third of this hour
	}
	made := 0 // as is wanted
	for _, tc := range attempts {
		_, err := tc.h.Dial(limit(t), trunk.Outgoing{To: tc.to, Role: tc.role, Headers: tc.headers, From: tc.from})
		var refused *trunk.DialError
		if !errors.As(err, &refused) || refused.Status != tc.status {
			t.Errorf("%q for %q: %+v, want %d", string(tc.to), tc.role, err, tc.status)
		}
		if tc.status == 486 { // of the far end: it was made
			made++
		}
	}
	invites, _ := far.Await(limit(t), "INVITE", 2)
	if len(invites) != 2 {
		t.Errorf("%d INVITEs, want 2", len(invites))
	}
	proof.Note(t, proof.Result{Promise: "fraud", Figure: fmt.Sprintf("%d of %d calls that nobody has allowed were not made (premium rates, emergency numbers, other countries, one too many in an hour, addresses and headers in the number)", len(attempts)-len(invites), len(attempts)-made),
		Control: fmt.Sprintf("the %d that are allowed reach the far end", made)})
}

// The one who was called puts us on hold, as a caller can.
func TestDialHeldByTheFarEnd(t *testing.T) {
	ctx := limit(t)
	calls := make(chan *phone.Call, 1)
	far := station(t, phone.Config{}, picked(t, calls))
	h := calling(t, nil, static("pbx", far))
	c, err := h.Dial(ctx, trunk.Outgoing{To: outside})
	if err != nil {
		t.Fatal(err)
	}
	p := receive(t, "the phone", calls)
	c.Audio().Music(audio.Tone(440, time.Second, -10))
	if err := p.Hold(ctx, phone.SendOnly); err != nil {
		t.Fatal(err)
	}
	if !receive(t, "the hold", c.Holds()) {
		t.Error("not held")
	}
	if err := p.WaitSilence(ctx); err != nil {
		t.Error(err)
	}
	if err := p.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	if err := p.WaitTone(ctx, 440); err != nil {
		t.Error(err)
	}
	c.Hangup(call.Cause{By: call.BySystem, Reason: "done"})
	receive(t, "the end", p.Done())
}

func TestDialEndsWithTheTrunk(t *testing.T) {
	ctx := limit(t)
	calls := make(chan *phone.Call, 1)
	far := station(t, phone.Config{}, picked(t, calls))
	h := calling(t, nil, static("pbx", far))
	c, err := h.Dial(ctx, trunk.Outgoing{To: outside})
	if err != nil {
		t.Fatal(err)
	}
	p := receive(t, "the phone", calls)
	if err := h.stop(); err != nil {
		t.Error(err)
	}
	receive(t, "the end", p.Done())
	if c.Context().Err() == nil {
		t.Error("the call outlived the trunk")
	}
	if _, err := h.Dial(ctx, trunk.Outgoing{To: outside}); err == nil {
		t.Error("a stopped trunk dials")
	}
}
