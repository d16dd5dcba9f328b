package lines_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/lines"
	"hotline/appliance/media"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// telephones is a telephone network: what a number does stands in its last
// digits, which are a status, or 200 and a manner.
func telephones(t *testing.T, manners phone.Config) *phone.Station {
	t.Helper()
	s, err := phone.Listen(context.Background(), netip.MustParseAddr("127.0.0.1"), manners, func(ctx context.Context, r *phone.Request) {
		user := "000" + r.Recipient.User
		switch status := user[len(user)-3:]; {
		case r.Method != "INVITE":
			_ = r.Reply(nil, 200, false)
		case status == "200":
			c, err := r.Answer()
			if err != nil {
				t.Error(err)
				return
			}
			if err := c.WaitTone(ctx, 440); err != nil { // the sentence is heard
				t.Error(err)
			}
			if err := c.Say(ctx, audio.Tone(1000, 60*time.Millisecond, -12)); err != nil { // the shortest of words, and silence
				t.Error(err)
			}
			if err := c.Press(ctx, "5"); err != nil {
				t.Error(err)
			}
			if err := c.WaitTone(ctx, 660); err != nil { // and the thanks
				t.Error(err)
			}
		case status == "201":
			c, err := r.Answer()
			if err != nil {
				t.Error(err)
				return
			}
			c.SayLoop(audio.Tone(1000, time.Second, -12))
		case status == "203": // whose microphone is off, or who is mute
			if _, err := r.Answer(); err != nil {
				t.Error(err)
			}
		case status == "202": // hangs up in the middle of the sentence
			c, err := r.Answer()
			if err != nil {
				t.Error(err)
				return
			}
			if err := c.WaitTone(ctx, 440); err != nil { // and not before our ACK (RFC 3261 §15)
				t.Error(err)
			}
			c.Hangup()
		case status == "401":
			_ = r.Reply(nil, 401, false, `WWW-Authenticate: Digest realm="tel", nonce="x", algorithm=MD5, qop="auth"`)
		default:
			code := map[string]int{"403": 403, "404": 404, "484": 484, "486": 486, "488": 488, "503": 503}[status]
			_ = r.Reply(nil, code, false)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// switchboard is a running trunk that may dial +1 202 555.
func switchboard(t *testing.T) *trunk.Trunk {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ports, err := media.NewPorts(netip.MustParseAddr("127.0.0.1"), media.FirstPort, media.LastPort)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	pacer := media.NewPacer(log)
	policy := &trunk.OutboundPolicy{PerHour: 1000, Rules: []trunk.DialRule{{Prefixes: []string{"+1202555"}}}}
	h, err := trunk.New(trunk.Config{Conn: conn, Ports: ports, Pacer: pacer, Log: log, Region: "US", Allow: policy.Allow,
		Serves: func(string) bool { return false }, Handle: func(context.Context, *trunk.Call) {}, Resolver: nowhere{}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- pacer.Run(ctx) }()
	go func() { ended <- h.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	})
	return h
}

// nowhere knows no name.
type nowhere struct{}

func (nowhere) LookupSRV(context.Context, string, string, string) (string, []*net.SRV, error) {
	return "", nil, errors.New("no such name")
}

func (nowhere) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, errors.New("no such name")
}

// Every usual failure is told by what is wrong, and a test call ends by itself.
func TestTestCalls(t *testing.T) {
	s := storetest.Open(t)
	b := open(t, s)
	h := switchboard(t)
	if err := b.Follow(func(ways []trunk.Line, _ []lines.Number) error { return h.UseLines(ways...) }); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	here := telephones(t, phone.Config{}).Addr().String()
	mute := telephones(t, phone.Config{Mute: true}).Addr().String()             // its sound is lost on the way
	deaf, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}) // nobody reads it
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	for _, l := range []lines.Line{{Name: "one", Kind: lines.GSM, Servers: []string{here}}, {Name: "switched off", Kind: lines.PBX, Servers: []string{deaf.LocalAddr().String()}},
		{Name: "one way", Kind: lines.GSM, Servers: []string{mute}}, {Name: "misspelt", Kind: lines.Address, Servers: []string{"sip.exmaple.org"}}} {
		if err := b.Add(ctx, l, "", "ana"); err != nil {
			t.Fatal(err)
		}
	}
	cfg := lines.TrialConfig{Dial: h.Dial, Role: "line_test", Book: b, Log: slog.New(slog.DiscardHandler),
		Clip: func(_, prompt string) (*audio.Clip, error) {
			if prompt == lines.PromptBye {
				return audio.Tone(660, time.Second, -12), nil
			}
			return audio.Tone(440, time.Second, -12), nil
		}}
	cfg.Hasty(3 * time.Second)
	trials := lines.NewTrials(cfg)
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- trials.Run(running) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	if _, any := trials.Last(); any {
		t.Error("there was a test call already")
	}
	for _, tc := range []struct {
		line, to string
		want     lines.Outcome
		status   int
		steps    []string
	}{
		{"one", "+12025550200", lines.Good, 0, lines.Steps()},
		{"one", "+12025550201", lines.NoKey, 0, lines.Steps()[:4]},
		{"one", "+12025550202", lines.HungUp, 0, lines.Steps()[:3]},
		{"one", "+12025550203", lines.Quiet, 0, lines.Steps()[:3]},
		{"one way", "+12025550203", lines.OneWay, 0, lines.Steps()[:3]},
		{"one", "+12025550401", lines.Password, 401, lines.Steps()[:1]},
		{"one", "+12025550403", lines.Refused, 403, lines.Steps()[:1]},
		{"one", "+12025550404", lines.NoNumber, 404, lines.Steps()[:1]},
		{"one", "+12025550484", lines.NoNumber, 484, lines.Steps()[:1]},
		{"one", "+12025550486", lines.Busy, 486, lines.Steps()[:1]},
		{"one", "+12025550488", lines.NoCodec, 488, lines.Steps()[:1]},
		{"one", "+12025550503", lines.Overloaded, 503, lines.Steps()[:1]},
		{"one", "+442079460018", lines.Forbidden, 403, nil},
		{"misspelt", "+12025550200", lines.NotFound, 503, nil},
		{"switched off", "+12025550200", lines.Silent, 408, nil},
	} {
		if err := trials.Start(tc.line, call.Number(tc.to), "en", "ana"); err != nil {
			t.Fatal(err)
		}
		if tc.want == lines.Silent { // which takes seconds
			if err := trials.Start("one", call.Number(tc.to), "en", "ana"); !errors.Is(err, lines.ErrRunning) {
				t.Errorf("two test calls run at a time: %v", err)
			}
		}
		last := over(t, ctx, trials)
		if last.Outcome != tc.want || last.Status != tc.status || !same(last.Steps, tc.steps) {
			t.Errorf("%s over %s: %s (%d, %q), got through %v", tc.to, tc.line, last.Outcome, last.Status, last.Reason, last.Steps)
		}
	}
	noted := 0
	if err := s.View(func(tx *store.Tx) error {
		for e := range tx.EventLog(0) {
			if e.Kind == lines.EventLineTested && e.By == "ana" && e.Data["came"] != "" {
				noted++
			}
		}
		return nil
	}); err != nil || noted != 15 {
		t.Errorf("%d test calls are in the log (%v)", noted, err)
	}
	// The last one ends with the hotline.
	if err := trials.Start("one", "+12025550201", "en", "ana"); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	ended <- nil
	if err := eventually(ctx, func() bool { return h.Stats().Calls == 0 }); err != nil {
		t.Error("a test call outlives the hotline")
	}
}

func same(a, b []string) bool { return len(a) == len(b) && (len(a) == 0 || slices.Equal(a, b)) }

// over waits until the test call has ended.
func over(t *testing.T, ctx context.Context, trials *lines.Trials) lines.Trial {
	t.Helper()
	if err := eventually(ctx, func() bool { last, any := trials.Last(); return any && !last.Running }); err != nil {
		t.Fatal("a test call does not end")
	}
	last, _ := trials.Last()
	return last
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
