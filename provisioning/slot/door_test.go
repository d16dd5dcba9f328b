package slot

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hotline/provisioning/door/doortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve lets a machine be asked over a socket; restarts are counted.
func serve(t *testing.T, m Machine) (d Door, restarts *atomic.Int32) {
	t.Helper()
	d = At(filepath.Join(t.TempDir(), "door"))
	restarts = new(atomic.Int32)
	doortest.Serve(t, d.Path, func(ctx context.Context, l *net.UnixListener) error {
		return Serve(ctx, l, m, func() error { restarts.Add(1); return nil }, time.Hour)
	})
	return d, restarts
}

// An update comes through the door as from a stick: whatever is wrong with it is
// said and changes nothing, the right one waits for the next start, and nothing
// starts before somebody asks for it.
func TestAnUpdateThroughTheDoor(t *testing.T) {
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m, key := disk(t)
	d, restarts := serve(t, m)
	if s, err := d.Look(t.Context()); err != nil || s != (State{Version: m.Version, Takes: true}) {
		t.Fatalf("the machine is %+v, %v", s, err)
	}
	system := strings.Repeat("new system ", 50000)
	whole := update(t, system, "amd64", 202701010000, key)
	for says, raw := range map[string][]byte{
		"not signed":    update(t, system, "amd64", 202701010000, stranger),
		"damaged":       whole[:len(whole)/2],
		"not newer":     update(t, system, "amd64", 202501010000, key),
		"not an update": bytes.Repeat([]byte("a photograph "), 100000),
	} {
		if s, err := d.Install(t.Context(), bytes.NewReader(raw)); err == nil || !strings.Contains(err.Error(), says) || s.Waiting != 0 {
			t.Errorf("%s: %+v, %v", says, s, err)
		}
	}
	if notes := m.notes(t); notes["ORDER"] != "A B" || notes["B_OK"] == "1" {
		t.Errorf("the boot loader would start something else: %v", notes)
	}

	// One that stops half-way, and another beside it.
	slow, feed := io.Pipe()
	stopped := make(chan error, 1)
	half, give := context.WithCancel(t.Context())
	go func() {
		_, err := d.Install(half, slow)
		stopped <- err
	}()
	if _, err := feed.Write(whole[:len(whole)/2]); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Install(t.Context(), bytes.NewReader(whole)); err == nil || !strings.Contains(err.Error(), "being written") {
		t.Errorf("two at a time: %v", err)
	}
	if err := d.Restart(t.Context()); err == nil || restarts.Load() != 0 {
		t.Errorf("a restart while an update is written: %v", err)
	}
	give()
	_ = feed.CloseWithError(io.ErrUnexpectedEOF)
	if err := <-stopped; err == nil {
		t.Error("half an update is taken")
	}
	for limit := time.Now().Add(30 * time.Second); ; {
		s, err := d.Install(t.Context(), bytes.NewReader(whole))
		if err == nil && s.Waiting == 202701010000 && s.Version == m.Version && s.Failed == 0 {
			break
		}
		if time.Now().After(limit) || err == nil || !strings.Contains(err.Error(), "being written") {
			t.Fatalf("the right one: %+v, %v", s, err)
		}
	}
	if got := m.holds(t, "B"); !strings.HasPrefix(got, system) {
		t.Error("slot B does not hold the new system")
	}
	if restarts.Load() != 0 {
		t.Error("the machine starts again before anybody asked for it")
	}
	if err := d.Restart(t.Context()); err != nil || restarts.Load() != 1 {
		t.Errorf("the restart: %v, %d", err, restarts.Load())
	}

	// It was tried and did not come up.
	if err := change(m.Env, func(e *env) { e.set("B_TRY", "3") }); err != nil {
		t.Fatal(err)
	}
	if err := m.Confirm(); err != nil {
		t.Fatal(err)
	}
	if s, err := d.Look(t.Context()); err != nil || s.Failed != 202701010000 || s.Waiting != 0 {
		t.Errorf("after the way back: %+v, %v", s, err)
	}
}
