package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"time"

	"hotline/appliance/config"
	"hotline/appliance/proof"
	"hotline/appliance/trunk/trunktest"
)

// leftovers is what a process holds on to.
type leftovers struct {
	goroutines, files, ports, calls int
	heap                            uint64
}

func (l leftovers) String() string {
	return fmt.Sprintf("%d goroutines, %d open files, %d voice ports, %d calls, %.1f MB of heap", l.goroutines, l.files, l.ports, l.calls, float64(l.heap)/(1<<20))
}

// holdsMore tells whether more is held than before: a connection that the
// runtime or the test harness opens meanwhile is no leak.
func (l leftovers) holdsMore(before leftovers) bool {
	const few = 5
	return l.goroutines > before.goroutines+few || l.files > before.files+few || l.ports > 0 || l.calls > 0
}

func (b *box) leftovers() leftovers {
	b.t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.h.backups.Now(b.t.Context()); err != nil { // what changed since the last backup is noted in memory until the next
		b.t.Error(err)
	}
	for range 3 { // pools keep what they have for two rounds
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s := b.h.trunk.Stats()
	return leftovers{goroutines: runtime.NumGoroutine(), files: len(open), ports: s.Ports, calls: s.Calls, heap: m.HeapAlloc}
}

// TestNothingIsLeftOfManyCalls: callers ring the finished program, listen and
// hang up, hundreds at a time. All are answered, all are on record, and
// afterwards the program holds no more than before. It runs alone: what other
// tests hold would be counted. SOAK_CALLS makes it longer (make soak).
func TestNothingIsLeftOfManyCalls(t *testing.T) {
	const warm = 50
	calls, rate := 500, 25
	if n, err := strconv.Atoi(os.Getenv("SOAK_CALLS")); err == nil {
		calls, rate = n, 100
	}
	b := startBoxWith(t, func(c *config.Config) { c.LogAll = false })
	b.shortCalls(warm, rate)
	b.untilEnded()
	before := b.leftovers()
	b.shortCalls(calls, rate)
	b.untilForgotten()
	after := b.leftovers()
	t.Logf("before %d calls: %v", calls, before)
	t.Logf("after them:      %v", after)

	if after.holdsMore(before) {
		t.Errorf("something is left: before %v, after %v", before, after)
	}
	// The index for searching keeps some 200 bytes of each contact; another
	// hundred for each call would be a leak that a long disaster finds.
	if grown := int64(after.heap) - int64(before.heap); grown > 1<<20+int64(calls)*300 {
		t.Errorf("the heap has grown by %d bytes in %d calls", grown, calls)
	}
	if rows := len(b.export("contacts")); rows != warm+calls {
		t.Errorf("%d calls were made, %d are on record", warm+calls, rows)
	}
	// The control: what ten calls hold is seen while they are up.
	for i := range 10 {
		b.dial(fmt.Sprintf("+1202456%04d", 1000+i), "100")
	}
	during := b.leftovers()
	for _, held := range []leftovers{{goroutines: during.goroutines}, {files: during.files}, {ports: during.ports}, {calls: during.calls}} {
		if !held.holdsMore(before) {
			t.Errorf("%v is not noticed while ten calls are up: before %v, meanwhile %v", held, before, during)
		}
	}
	proof.Note(t, proof.Result{Promise: "leak", Figure: fmt.Sprintf("after %d calls: %v (before: %v); all on record", calls, after, before),
		Control: fmt.Sprintf("while ten calls are up, each of the figures shows it: %v", during)})
}

// shortCalls makes calls with SIPp; each must be answered and ended in order.
func (b *box) shortCalls(n, rate int) {
	b.t.Helper()
	limit := time.Duration(n/rate)*time.Second*4 + time.Minute
	sipp := exec.CommandContext(b.t.Context(), "sipp", b.h.trunk.Addr().String(), "-sf", "testdata/short-call.xml", "-s", "100",
		"-m", strconv.Itoa(n), "-r", strconv.Itoa(rate), "-l", "500", "-i", "127.0.0.1", "-mp", strconv.Itoa(trunktest.FourPorts(b.t)), "-rtp_echo",
		"-nostdin", "-timeout", fmt.Sprintf("%.0fs", limit.Seconds()), "-timeout_error")
	if out, err := sipp.CombinedOutput(); err != nil {
		b.t.Fatalf("not every call was answered: %v\n%s", err, out)
	}
}

// untilEnded waits until the last calls are closed.
func (b *box) untilEnded() {
	b.t.Helper()
	limit := time.Now().Add(time.Minute)
	for b.h.trunk.Stats().Calls > 0 {
		if time.Now().After(limit) {
			b.t.Fatalf("%d calls do not end", b.h.trunk.Stats().Calls)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// untilForgotten waits until SIP has forgotten the last calls as well: it keeps
// their transactions for 32 s (RFC 3261 §17.2).
func (b *box) untilForgotten() {
	b.t.Helper()
	b.untilEnded()
	kept := time.NewTimer(34 * time.Second)
	defer kept.Stop()
	<-kept.C
}
