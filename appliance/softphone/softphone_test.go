package softphone_test

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/media"
	"hotline/appliance/softphone"
	"hotline/appliance/softphone/softphonetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open runs a gateway and its clock until the test ends.
func open(t *testing.T, change func(*softphone.Config)) *softphone.Gateway {
	t.Helper()
	log := slog.New(slog.DiscardHandler) // pion may still log after the test
	pacer := media.NewPacer(log)
	cfg := softphone.Config{IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Pacer: pacer, Log: log}
	if change != nil {
		change(&cfg)
	}
	g, err := softphone.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 2)
	go func() { stopped <- pacer.Run(ctx) }()
	go func() { stopped <- g.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		for range 2 {
			select {
			case err := <-stopped:
				if err != nil {
					t.Errorf("stopping: %v", err)
				}
			case <-time.After(time.Minute):
				t.Fatal("the gateway does not stop")
			}
		}
	})
	return g
}

// dial connects a browser; it begins to speak.
func dial(t *testing.T, g *softphone.Gateway, b *softphonetest.Browser, hz float64) *softphone.Phone {
	t.Helper()
	phone, answer := connect(t, g, b.Offer(t))
	b.Accept(t, answer)
	b.Speak(hz)
	within(t, phone.Connected(), "the browser connected")
	return phone
}

func connect(t *testing.T, g *softphone.Gateway, offer string) (*softphone.Phone, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		phone, answer, err := g.Connect(ctx, offer)
		if err == nil {
			return phone, answer
		}
		if err != softphone.ErrNotRunning || ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

func tone(hz float64) *audio.Clip { return audio.Tone(hz, time.Second, -10) }

// records returns the share of a tone in what the phone hears, the largest of some
// seconds: a browser on a busy machine speaks with gaps.
func records(t *testing.T, phone *softphone.Phone, hz float64) (level float64) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); level < 0.9 && time.Now().Before(limit); {
		clip, _, err := phone.Audio().Record(t.Context(), time.Second, "")
		if err != nil {
			t.Fatal(err)
		}
		pcm := clip.PCM()
		level = max(level, audio.ToneLevel(pcm[len(pcm)/4:], hz))
	}
	return level
}

func TestBrowserAndBoxHearEachOther(t *testing.T) {
	g := open(t, nil)
	b := softphonetest.Open(t)
	phone := dial(t, g, b, 1000)
	phone.Audio().Music(tone(440))
	b.Hears(t, 440)
	if level := records(t, phone, 1000); level < 0.9 {
		t.Errorf("the box hears the browser's tone at %.2f", level)
	}
	for limit := time.Now().Add(time.Minute); time.Since(phone.LastHeard()) > time.Second; <-time.After(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("LastHeard is %v ago although the browser speaks", time.Since(phone.LastHeard()))
		}
	}

	// One SSRC, and numbers and times as they were sent. What was lost on the way
	// leaves room in time.
	packets := b.Packets()
	for i := 1; i < len(packets); i++ {
		was, is := packets[i-1], packets[i]
		numbers, frames := is.SequenceNumber-was.SequenceNumber, (is.Timestamp-was.Timestamp)/audio.FrameSamples
		if is.SSRC != was.SSRC || is.PayloadType != 0 || numbers == 0 || numbers > 20 || uint32(numbers) > frames || (is.Timestamp-was.Timestamp)%audio.FrameSamples != 0 {
			t.Fatalf("packet %d does not follow the one before:\n%+v\n%+v", i, was, is)
		}
	}
}

func Test2b22TheAnswerIsCompleteAndPlain(t *testing.T) {
	g := open(t, nil)
	phone, answer := connect(t, g, softphonetest.Open(t).Offer(t))
	defer phone.Close()
	candidates := 0
	for line := range strings.Lines(answer) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "a=candidate:") {
			continue
		}
		candidates++
		f := strings.Fields(line)
		if at := f[4] + ":" + f[5]; at != g.Addr().String() || f[2] != "udp" {
			t.Errorf("candidate at %s, want only UDP at %s", at, g.Addr())
		}
	}
	if candidates == 0 {
		t.Errorf("no candidate in the answer:\n%s", answer)
	}
	for _, want := range []string{"a=ice-lite", "a=setup:passive", "a=rtpmap:0 PCMU/8000", "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", "a=sendrecv"} {
		if !strings.Contains(answer, want) {
			t.Errorf("the answer lacks %q:\n%s", want, answer)
		}
	}
}

func TestTwentyBrowsersOnOnePort(t *testing.T) {
	g := open(t, nil)
	const count = 20
	browsers := make([]*softphonetest.Browser, count)
	phones := make([]*softphone.Phone, count)
	for i := range count {
		browsers[i] = softphonetest.Open(t)
		phones[i] = dial(t, g, browsers[i], 400+50*float64(i))
		phones[i].Audio().Music(tone(500 + 50*float64(i)))
	}
	if n := g.Phones(); n != count {
		t.Errorf("%d phones, want %d", n, count)
	}
	for i, b := range browsers {
		b.Hears(t, 500+50*float64(i))
	}
	clips := make(chan int, count)
	for i, phone := range phones {
		go func() {
			if level := records(t, phone, 400+50*float64(i)); level < 0.8 {
				t.Errorf("phone %d hears its own browser at %.2f", i, level)
			}
			clips <- i
		}()
	}
	for range count {
		<-clips
	}
}

func TestAnAgentReconnects(t *testing.T) {
	g := open(t, nil)
	first := softphonetest.Open(t)
	old := dial(t, g, first, 600)
	old.Audio().Music(tone(500))
	first.Hears(t, 500)
	first.Close()
	within(t, old.Context().Done(), "the closed page was noticed")
	if cause := call.CauseOf(old.Context()); cause.By != call.ByAgent {
		t.Errorf("cause %v, want one that says the agent's page closed", cause)
	}
	second := softphonetest.Open(t)
	phone := dial(t, g, second, 700)
	phone.Audio().Music(tone(800))
	second.Hears(t, 800)
	if level := records(t, phone, 700); level < 0.9 {
		t.Errorf("after reconnecting the box hears %.2f of the tone", level)
	}
}

func Test2b11ADeadBrowserIsNoticedWithinFiveSeconds(t *testing.T) {
	g := open(t, nil)
	b := softphonetest.Open(t)
	phone := dial(t, g, b, 1000)
	_ = records(t, phone, 1000) // sound has arrived
	b.Silence()                 // the page still answers ICE checks, but nothing is said
	died := time.Now()
	stood := time.Duration(0) // the machine, meanwhile
	for looked := died; phone.Context().Err() == nil; looked = time.Now() {
		select {
		case <-phone.Context().Done():
		case <-time.After(50 * time.Millisecond):
		}
		stood += max(0, time.Since(looked)-100*time.Millisecond)
		if time.Since(died)-stood > 10*time.Second {
			t.Fatal("a browser without sound was not noticed")
		}
	}
	if took := time.Since(died) - stood; took > 5*time.Second {
		t.Errorf("noticed after %v", took)
	}
	if cause := call.CauseOf(phone.Context()); cause.By != call.ByNetwork || !strings.Contains(cause.Reason, "no sound") {
		t.Errorf("cause %v", cause)
	}
	select {
	case <-time.After(time.Minute):
		t.Errorf("%d phones are still held", g.Phones())
	case <-emptied(g):
	}
}

func emptied(g *softphone.Gateway) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for end := time.Now().Add(2 * time.Minute); g.Phones() > 0 && time.Now().Before(end); {
			<-time.After(10 * time.Millisecond)
		}
	}()
	return done
}

func TestABrowserThatNeverConnectsIsGivenUp(t *testing.T) {
	g := open(t, func(c *softphone.Config) { c.Connect = 300 * time.Millisecond })
	phone, _ := connect(t, g, softphonetest.Open(t).Offer(t))
	within(t, phone.Context().Done(), "the box gave up waiting")
	if cause := call.CauseOf(phone.Context()); cause.By != call.ByNetwork || !strings.Contains(cause.Reason, "did not connect") {
		t.Errorf("cause %v", cause)
	}
}

func TestCloseTellsTheBrowserAndFreesEverything(t *testing.T) {
	g := open(t, nil)
	b := softphonetest.Open(t)
	phone := dial(t, g, b, 1000)
	closed := make(chan struct{})
	go func() { b.Wait(); close(closed) }()
	b.Silence()
	phone.Close()
	phone.Close()
	if g.Phones() != 0 {
		t.Error("the phone is still held after Close")
	}
	if cause := call.CauseOf(phone.Context()); cause.By != call.BySystem {
		t.Errorf("cause %v", cause)
	}
	within(t, closed, "the browser learned that the connection is closed")
	if _, err := phone.Audio().Play(t.Context(), tone(440), false); err != media.ErrClosed {
		t.Errorf("playing to a closed phone gives %v", err)
	}
}

func TestLimits(t *testing.T) {
	g := open(t, func(c *softphone.Config) { c.MaxPhones = 1 })
	b := softphonetest.Open(t)
	phone, _ := connect(t, g, b.Offer(t))
	if _, _, err := g.Connect(t.Context(), b.Connection().LocalDescription().SDP); err != softphone.ErrFull {
		t.Errorf("the second browser of one allowed gives %v", err)
	}
	phone.Close()
	if again, _, err := g.Connect(t.Context(), b.Connection().LocalDescription().SDP); err != nil {
		t.Errorf("after one left: %v", err)
	} else {
		again.Close()
	}

	taken := int(g.Addr().Port())
	if _, err := softphone.New(softphone.Config{IPs: []netip.Addr{g.Addr().Addr()}, Port: taken, Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("a port in use was bound twice")
	}
	if _, err := softphone.New(softphone.Config{IPs: []netip.Addr{netip.IPv4Unspecified()}, Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("0.0.0.0 was accepted as an address for browsers")
	}
}

func TestWithoutAddressesAllOfThisMachineAreOffered(t *testing.T) {
	g := open(t, func(c *softphone.Config) { c.IPs = nil })
	b := softphonetest.Open(t)
	phone, answer := connect(t, g, b.Offer(t))
	if !strings.Contains(answer, " 127.0.0.1 ") {
		t.Errorf("the answer lacks loopback:\n%s", answer)
	}
	b.Accept(t, answer)
	b.Speak(1000)
	within(t, phone.Connected(), "the browser connected")
}

func within(t *testing.T, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatalf("it did not happen within a minute that %s", what)
	}
}
