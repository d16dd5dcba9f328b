package trunk_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hotline/appliance/audio"
	"hotline/appliance/media"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// hotline is a running trunk with what it needs.
type hotline struct {
	*trunk.Trunk
	t    testing.TB
	addr netip.AddrPort
	log  *journal
	stop func() error // ends Run and gives its error

	faults uint64 // expected panics
}

// journal is a log that tests may read.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *journal) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *journal) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve starts a trunk on ip, port 0. Every test ends with no call left, no
// fault counted, and everything closed.
func serve(t testing.TB, ip string, handle func(context.Context, *trunk.Call), change ...func(*trunk.Config)) *hotline {
	t.Helper()
	return serveLines(t, ip, nil, handle, change...)
}

// serveLines is serve with lines for calls out.
func serveLines(t testing.TB, ip string, lines []trunk.Line, handle func(context.Context, *trunk.Call), change ...func(*trunk.Config)) *hotline {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		t.Fatal(err)
	}
	ports, err := media.NewPorts(netip.MustParseAddr(ip), media.FirstPort, media.LastPort)
	if err != nil {
		t.Fatal(err)
	}
	h := &hotline{t: t, log: new(journal)}
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	pacer := media.NewPacer(log)
	cfg := trunk.Config{
		Conn: conn, Ports: ports, Pacer: pacer, Handle: handle, Log: log, Region: "US",
		Serves: func(called string) bool { return !strings.HasPrefix(called, "999") },
	}
	for _, c := range change {
		c(&cfg)
	}
	if h.Trunk, err = trunk.New(cfg); err != nil {
		t.Fatal(err)
	}
	if err := h.UseLines(lines...); err != nil {
		t.Fatal(err)
	}
	h.addr = h.Addr()
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	ran := make(chan error, 1)
	work.Go(func() { _ = pacer.Run(ctx) })
	trunkCtx, stopTrunk := context.WithCancel(ctx)
	go func() { ran <- h.Run(trunkCtx) }()
	h.stop = sync.OnceValue(func() error {
		stopTrunk()
		select {
		case err := <-ran:
			return err
		case <-time.After(patience):
			return fmt.Errorf("Run does not return")
		}
	})
	t.Cleanup(func() {
		if err := h.stop(); err != nil && trunkCtx.Err() == nil {
			t.Errorf("Run: %v", err)
		}
		cancel()
		work.Wait()
		if s := h.Stats(); s.Panics != h.faults || s.Calls != 0 {
			t.Errorf("at the end %d faults (want %d) and %d calls\n%s", s.Panics, h.faults, s.Calls, h.log)
		}
	})
	return h
}

func (h *hotline) phone(change ...func(*phone.Config)) phone.Config {
	cfg := phone.Config{From: "+12024561111", To: "100", Server: h.addr}
	for _, c := range change {
		c(&cfg)
	}
	return cfg
}

// dial makes a call that must be answered.
func (h *hotline) dial(ctx context.Context, change ...func(*phone.Config)) *phone.Call {
	h.t.Helper()
	c, err := phone.Dial(ctx, h.phone(change...))
	if err != nil {
		h.t.Fatalf("%v\n%s", err, h.log)
	}
	h.t.Cleanup(c.Hangup)
	return c
}

// limit is the time a test may take.
func limit(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience) // for all that a test does
	t.Cleanup(cancel)
	return ctx
}

// answering answers and plays a tone of 440 Hz until the end.
func answering(ctx context.Context, c *trunk.Call) {
	if c.Answer() != nil {
		return
	}
	c.Audio().Music(audio.Tone(440, time.Second, -10))
	<-ctx.Done()
}

// handing answers calls and hands them to the test.
func handing() (func(context.Context, *trunk.Call), <-chan *trunk.Call) {
	calls := make(chan *trunk.Call, 100)
	return func(ctx context.Context, c *trunk.Call) {
		if c.Answer() != nil {
			return
		}
		calls <- c
		<-ctx.Done()
	}, calls
}

func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("waiting for %s in vain", what)
		panic("unreachable")
	}
}

// share is how much of the sound in a clip is mostly one tone, by pieces of 20 ms:
// on a busy machine there are gaps and jumps in what far ends say.
func share(clip *audio.Clip, hz float64) float64 {
	const piece = audio.FrameSamples
	with, loud := 0, 0
	for pcm := clip.PCM(); len(pcm) >= piece; pcm = pcm[piece:] {
		if slices.Max(pcm[:piece]) < 300 {
			continue // nobody speaks
		}
		if loud++; audio.ToneLevel(pcm[:piece], hz) > 0.6 {
			with++
		}
	}
	return float64(with) / float64(max(loud, 10)) // a fifth of a second at least
}
