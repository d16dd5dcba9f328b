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
	"hotline/appliance/media"
	"hotline/appliance/proof"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
	"hotline/appliance/trunk/trunktest"
)

func TestCallIsHeardAndHangsUp(t *testing.T) {
	for _, tc := range []struct {
		name, ip string
		law      audio.Law
	}{
		{"IPv4 PCMU", "127.0.0.1", audio.MuLaw},
		{"IPv4 PCMA", "127.0.0.1", audio.ALaw},
		{"IPv6 PCMU", "::1", audio.MuLaw},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx := limit(t)
			heard := make(chan float64, 1)
			calls := make(chan *trunk.Call, 1)
			h := serve(t, tc.ip, func(ctx context.Context, c *trunk.Call) {
				calls <- c
				if err := c.Answer(); err != nil {
					t.Error(err)
					return
				}
				c.Audio().Music(audio.Tone(440, time.Second, -10))
				clip, _, err := c.Audio().Record(ctx, time.Second, "")
				if err != nil {
					t.Error(err)
					return
				}
				heard <- share(clip, 1000)
				<-ctx.Done()
			})
			p := h.dial(ctx, func(cfg *phone.Config) {
				cfg.Law = tc.law
				cfg.Display = "Ana \u202eLima\u0007"
			})
			p.SayLoop(audio.Tone(1000, time.Second, -10))
			if err := p.WaitTone(ctx, 440); err != nil {
				t.Fatalf("%v\n%s", err, h.log)
			}
			if level := receive(t, "what the hotline heard", heard); level < 0.8 {
				t.Errorf("the hotline hears %.2f of the caller's tone", level)
			}
			c := <-calls
			if c.From() != "+12024561111" || c.To() != "100" || c.FromDisplay() != "Ana Lima" || c.Audio().Law() != tc.law {
				t.Errorf("call from %q (%q) to %q with %v", string(c.From()), c.FromDisplay(), c.To(), c.Audio().Law())
			}
			p.Hangup()
			receive(t, "the end of the leg", c.Context().Done())
			if cause := call.CauseOf(c.Context()); cause.By != call.ByCaller {
				t.Errorf("ended %+v, want by the caller", cause)
			}
			if s := c.Summary(); s.Answered.IsZero() || s.Ended.Before(s.Answered) || s.Sound.PacketsOut == 0 {
				t.Errorf("summary %+v", s)
			}
			if strings.Contains(h.log.String(), "2024561111") {
				t.Error("the caller's number is in the log")
			}
		})
	}
}

func TestHangupReachesTheCaller(t *testing.T) {
	for how, ip := range map[string]string{"hang-up": "127.0.0.1", "end of the handler": "::1"} {
		t.Run(how, func(t *testing.T) {
			ctx := limit(t)
			h := serve(t, ip, func(ctx context.Context, c *trunk.Call) {
				if err := c.Answer(); err != nil {
					t.Error(err)
				}
				if how == "hang-up" {
					c.Hangup(call.Cause{By: call.ByAgent, Reason: "done"})
					if got := call.CauseOf(ctx); got.By != call.ByAgent {
						t.Errorf("ended %+v", got)
					}
				}
			})
			p := h.dial(ctx)
			receive(t, "the BYE", p.Done())
			if !p.FarHungUp() {
				t.Error("the hotline did not hang up")
			}
		})
	}
}

func TestKeysOnEveryPayloadType(t *testing.T) {
	for _, payload := range []uint8{96, 101, 127} {
		for _, zero := range []bool{false, true} {
			ctx := limit(t)
			handle, calls := handing()
			h := serve(t, "127.0.0.1", handle)
			p := h.dial(ctx, func(cfg *phone.Config) { cfg.DTMFPayload, cfg.ZeroFirstEvent = payload, zero })
			c := receive(t, "the call", calls)
			if err := p.Press(ctx, "12#*0"); err != nil {
				t.Fatalf("payload type %d: %v", payload, err)
			}
			var got []byte
			for range 5 {
				key, err := c.Audio().Key(ctx)
				if err != nil {
					t.Fatalf("payload type %d, zero first %v: after %q: %v", payload, zero, got, err)
				}
				got = append(got, key)
			}
			if string(got) != "12#*0" {
				t.Errorf("payload type %d, zero first %v: heard %q", payload, zero, got)
			}
			if strings.Contains(h.log.String(), "12#*0") {
				t.Error("the keys are in the log")
			}
			p.Hangup()
		}
	}
}

func TestPreferenceOfTheCaller(t *testing.T) {
	ctx := limit(t)
	handle, calls := handing()
	h := serve(t, "127.0.0.1", handle)
	for _, want := range []audio.Law{audio.ALaw, audio.MuLaw} {
		p := h.dial(ctx, func(cfg *phone.Config) { cfg.Laws = []audio.Law{want, audio.MuLaw, audio.ALaw} })
		if got := receive(t, "the call", calls).Audio().Law(); got != want {
			t.Errorf("answered with %v, the caller prefers %v", got, want)
		}
		p.Hangup()
	}
}

func TestLateOffer(t *testing.T) {
	for _, law := range []audio.Law{audio.MuLaw, audio.ALaw} {
		ctx := limit(t)
		keys := make(chan byte, 1)
		h := serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) {
			if c.Audio() != nil {
				t.Error("there is sound before anything is known of it")
			}
			if err := c.Answer(); err != nil {
				t.Error(err)
				return
			}
			c.Audio().Music(audio.Tone(440, time.Second, -10))
			if key, err := c.Audio().Key(ctx); err == nil {
				keys <- key
			}
			<-ctx.Done()
		})
		p := h.dial(ctx, func(cfg *phone.Config) { cfg.LateOffer, cfg.Law = true, law })
		if err := p.WaitTone(ctx, 440); err != nil {
			t.Fatalf("%v: %v", law, err)
		}
		if err := p.Press(ctx, "7"); err != nil {
			t.Fatal(err)
		}
		if key := receive(t, "the key", keys); key != '7' {
			t.Errorf("heard %q", key)
		}
		for _, packet := range p.HeardPackets() {
			if packet.PT != uint8(law) {
				t.Fatalf("payload type %d in a call of %v", packet.PT, law)
			}
		}
		p.Hangup()
	}
}

func TestRingingThenRefused(t *testing.T) {
	ctx := limit(t)
	rang := make(chan int, 1)
	h := serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) {
		if err := c.Ringing(); err != nil {
			t.Error(err)
		}
		if status := receive(t, "ringing", rang); status != 180 {
			t.Errorf("progress %d", status)
		}
		if err := c.Reject(486, 3*time.Second); err != nil {
			t.Error(err)
		}
		if err := c.Answer(); !errors.Is(err, trunk.ErrOver) {
			t.Errorf("answering a refused call: %v", err)
		}
	})
	_, err := phone.Dial(ctx, h.phone(func(cfg *phone.Config) { cfg.Progress = func(status int) { rang <- status } }))
	var refused *phone.RefusedError
	if !errors.As(err, &refused) || refused.Status != 486 || refused.RetryAfter != 3*time.Second {
		t.Errorf("%v, want 486 with Retry-After 3", err)
	}
}

func TestCancel(t *testing.T) {
	ended := make(chan call.Cause, 1)
	h := serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) {
		_ = c.Ringing()
		<-ctx.Done()
		ended <- call.CauseOf(ctx)
	})
	ctx, cancel := context.WithCancel(limit(t))
	_, err := phone.Dial(ctx, h.phone(func(cfg *phone.Config) { cfg.Progress = func(int) { cancel() } }))
	var refused *phone.RefusedError
	if !errors.As(err, &refused) || refused.Status != 487 {
		t.Errorf("%v, want 487", err)
	}
	if cause := receive(t, "the end", ended); cause.By != call.ByCaller || cause.Code != 487 {
		t.Errorf("cause %+v", cause)
	}
}

// A caller cancels in the very moment of the answer: either the call is up and
// then hung up, or it never was. Nothing is left in either case.
func TestCancelRacesTheAnswer(t *testing.T) {
	outcomes := map[int]int{}
	h := serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) {
		_ = c.Ringing()
		if err := c.Answer(); err != nil && !errors.Is(err, trunk.ErrOver) {
			t.Error(err)
		}
		<-ctx.Done()
		if cause := call.CauseOf(ctx); cause.By != call.ByCaller {
			t.Errorf("cause %+v", cause)
		}
	})
	for range 40 {
		ctx, cancel := context.WithCancel(limit(t))
		p, err := phone.Dial(ctx, h.phone(func(cfg *phone.Config) { cfg.Progress = func(int) { cancel() } }))
		var refused *phone.RefusedError
		switch {
		case err == nil:
			p.Hangup()
			outcomes[200]++
		case errors.As(err, &refused):
			outcomes[refused.Status]++
		case errors.Is(err, context.Canceled):
			outcomes[200]++
		default:
			t.Error(err)
		}
		cancel()
	}
	t.Logf("outcomes %v", outcomes)
	if outcomes[200]+outcomes[487] != 40 {
		t.Errorf("outcomes %v, want only answered and cancelled", outcomes)
	}
}

func TestUnconfirmedAnswerEndsTheCall(t *testing.T) {
	ctx := limit(t)
	ended := make(chan call.Cause, 1)
	h := serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) {
		if err := c.Answer(); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
		ended <- call.CauseOf(ctx)
	}, func(cfg *trunk.Config) { cfg.Hurry(20 * time.Millisecond) })
	p := h.dial(ctx, func(cfg *phone.Config) { cfg.NoACK = true })
	receive(t, "the BYE", p.Done())
	if cause := receive(t, "the end", ended); cause.By != call.ByNetwork || cause.Code != 408 {
		t.Errorf("cause %+v", cause)
	}
	if h.Stats().Unacknowledged != 1 {
		t.Errorf("stats %+v", h.Stats())
	}
}

func TestRefusals(t *testing.T) {
	ctx := limit(t)
	handle, calls := handing()
	full := make(chan string, 4)
	h := serve(t, "127.0.0.1", handle, func(cfg *trunk.Config) {
		cfg.MaxCalls = 1
		cfg.Full = func(from call.Number, called string) { full <- string(from) + " " + called }
	})
	expect := func(status int, change ...func(*phone.Config)) *phone.RefusedError {
		t.Helper()
		_, err := phone.Dial(ctx, h.phone(change...))
		var refused *phone.RefusedError
		if !errors.As(err, &refused) || refused.Status != status {
			t.Fatalf("%v, want %d", err, status)
		}
		return refused
	}
	expect(404, func(cfg *phone.Config) { cfg.To = "999123" })
	expect(420, func(cfg *phone.Config) { cfg.Headers = []string{"Require: 100rel, unheard-of"} })
	p := h.dial(ctx)
	receive(t, "the call", calls)
	if full := expect(503); full.RetryAfter < time.Second || full.RetryAfter > 5*time.Second {
		t.Errorf("Retry-After %v, want 1 to 5 s", full.RetryAfter)
	}
	if told, want := receive(t, "word of the refused caller", full), "+12024561111 100"; told != want {
		t.Errorf("the refused caller is told as %q, want %q", told, want)
	}
	if len(full) > 0 {
		t.Errorf("somebody who was refused for another reason is counted: %q", <-full)
	}
	p.Hangup()
	h.dial(ctx).Hangup()
	if got := h.Stats(); got.Rejected[404] != 1 || got.Rejected[503] != 1 || got.Answered != 2 {
		t.Errorf("stats %+v", got)
	}
}

func TestNoPortLeft(t *testing.T) {
	ctx := limit(t)
	h := serve(t, "127.0.0.1", answering, func(cfg *trunk.Config) {
		var err error
		port := trunktest.FourPorts(t)
		if cfg.Ports, err = media.NewPorts(netip.MustParseAddr("127.0.0.1"), port, port); err != nil {
			t.Fatal(err)
		}
	})
	h.dial(ctx)
	_, err := phone.Dial(ctx, h.phone())
	var refused *phone.RefusedError
	if !errors.As(err, &refused) || refused.Status != 503 || refused.RetryAfter == 0 {
		t.Errorf("%v, want 503 with Retry-After", err)
	}
}

func TestCallerIdentity(t *testing.T) {
	for _, tc := range []struct {
		name, from, display string
		headers             []string
		trusted             bool
		number              call.Number
		shown               string
	}{
		{name: "national", from: "2024561111", number: "+12024561111"},
		{name: "withheld", from: "anonymous", display: "Anonymous"},
		{name: "asserted, not trusted", from: "2024561111", headers: []string{"P-Asserted-Identity: <sip:+12024562222@a>"}, number: "+12024561111"},
		{name: "asserted, trusted", from: "2024561111", trusted: true, headers: []string{`P-Asserted-Identity: "B, Bob" <tel:+12024562222;cpc=x>, <sip:1@a>`}, number: "+12024562222", shown: "B, Bob"},
		{name: "asserted for nobody", from: "anonymous", trusted: true, headers: []string{"P-Asserted-Identity: <sip:+12024562222@a>", "Privacy: id"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx := limit(t)
			handle, calls := handing()
			h := serve(t, "127.0.0.1", handle, func(cfg *trunk.Config) { cfg.TrustIdentity = tc.trusted })
			h.dial(ctx, func(cfg *phone.Config) { cfg.From, cfg.Display, cfg.Headers = tc.from, tc.display, tc.headers })
			c := receive(t, "the call", calls)
			if c.From() != tc.number || c.FromDisplay() != tc.shown {
				t.Errorf("caller %q %q, want %q %q", string(c.From()), c.FromDisplay(), string(tc.number), tc.shown)
			}
			if c.From().Withheld() != (tc.number == "") {
				t.Error("withheld is wrong")
			}
		})
	}
}

func TestSilentLineEnds(t *testing.T) {
	ctx := limit(t)
	handle, calls := handing()
	h := serve(t, "127.0.0.1", handle, func(cfg *trunk.Config) { cfg.Silence = 5 * time.Second })
	talking, held, mute := h.dial(ctx), h.dial(ctx), h.dial(ctx, func(cfg *phone.Config) { cfg.Mute = true })
	if err := held.Hold(ctx, phone.Inactive); err != nil {
		t.Fatal(err)
	}
	receive(t, "the end of the silent call", mute.Done())
	for range 3 {
		c := receive(t, "the calls", calls)
		if c.Context().Err() != nil {
			if cause := call.CauseOf(c.Context()); cause.By != call.ByNetwork || cause.Reason != "no sound arrives" {
				t.Errorf("cause %+v", cause)
			}
		}
	}
	_ = eventually(ctx, func() bool { return h.Stats().Calls == 2 }) // its end was confirmed a moment ago
	if got := h.Stats(); got.Silent != 1 || got.Calls != 2 {
		t.Errorf("stats %+v, want one silent call ended and two up", got)
	}
	for _, p := range []*phone.Call{talking, held} {
		select {
		case <-p.Done():
			t.Error("a talking or held call ended")
		default:
		}
		p.Hangup()
	}
	proof.Note(t, proof.Result{Promise: "dead", Figure: "of three calls the one from which no sound comes is ended, with its cause on record",
		Control: "the one that talks and the one on hold go on"})
}

func TestFaultEndsOneCallOnly(t *testing.T) {
	ctx := limit(t)
	h := serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) {
		if c.To() == "13" {
			panic("a mistake")
		}
		_ = c.Answer()
		if c.To() == "14" {
			var nobody *trunk.Call
			_ = nobody.From()
		}
		c.Audio().Music(audio.Tone(440, time.Second, -10))
		<-ctx.Done()
	})
	h.faults = 2
	other := h.dial(ctx)
	_, err := phone.Dial(ctx, h.phone(func(cfg *phone.Config) { cfg.To = "13" }))
	var refused *phone.RefusedError
	if !errors.As(err, &refused) || refused.Status != 500 {
		t.Errorf("%v, want 500", err)
	}
	p := h.dial(ctx, func(cfg *phone.Config) { cfg.To = "14" })
	receive(t, "the BYE", p.Done())
	if err := other.WaitTone(ctx, 440); err != nil {
		t.Errorf("the other call: %v", err)
	}
	_ = eventually(ctx, func() bool { return h.Stats().Calls == 1 })
	if got := h.Stats(); got.Panics != 2 || got.Calls != 1 {
		t.Errorf("stats %+v", got)
	}
	if !strings.Contains(h.log.String(), "a mistake") {
		t.Error("the fault is not logged")
	}
}
