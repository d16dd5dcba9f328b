package slot

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// disk is a machine with two slots of a megabyte that runs from slot A.
func disk(t *testing.T) (Machine, ed25519.PrivateKey) {
	t.Helper()
	dir := t.TempDir()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, slot := range []string{"A", "B"} {
		if err := os.WriteFile(filepath.Join(dir, slot), bytes.Repeat([]byte{slot[0]}, 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := env{values: map[string]string{}}
	for _, pair := range []string{"ORDER=A B", "A_OK=1", "A_TRY=2", "B_OK=0", "B_TRY=3"} {
		name, value, _ := strings.Cut(pair, "=")
		e.set(name, value)
	}
	raw, err := e.bytes()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "grubenv"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return Machine{Env: filepath.Join(dir, "grubenv"), Device: func(slot string) string { return filepath.Join(dir, slot) },
		Running: "A", Arch: "amd64", Version: 202601010000, Key: public}, private
}

func (m Machine) notes(t *testing.T) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(m.Env)
	if err != nil {
		t.Fatal(err)
	}
	e, err := parseEnv(raw)
	if err != nil {
		t.Fatal(err)
	}
	return e.values
}

func (m Machine) holds(t *testing.T, slot string) string {
	t.Helper()
	raw, err := os.ReadFile(m.Device(slot))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func update(t *testing.T, system string, arch string, version uint64, key ed25519.PrivateKey) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "system")
	if err := os.WriteFile(file, []byte(system), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Make(&out, file, arch, version, key); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAnUpdateGoesIntoTheOtherSlotAndIsTriedNext(t *testing.T) {
	m, key := disk(t)
	system := strings.Repeat("new system ", 5000)
	if _, err := m.Install(t.Context(), bytes.NewReader(update(t, system, "amd64", 202601010001, key))); err != nil {
		t.Fatal(err)
	}
	if got := m.holds(t, "B"); !strings.HasPrefix(got, system) || len(got) != 1<<20 {
		t.Error("slot B does not hold the new system")
	}
	if m.holds(t, "A") != strings.Repeat("A", 1<<20) {
		t.Error("the running slot was touched")
	}
	want := map[string]string{"ORDER": "B A", "B_OK": "1", "B_TRY": "0", "A_OK": "1"}
	for name, value := range want {
		if got := m.notes(t)[name]; got != value {
			t.Errorf("%s is %q for the boot loader, not %q", name, got, value)
		}
	}
	if trial, err := m.Trial(); err != nil || trial {
		t.Errorf("slot A is on trial: %t, %v", trial, err)
	}
	m.Running = "B"
	if trial, err := m.Trial(); err != nil || !trial {
		t.Errorf("slot B is on trial: %t, %v", trial, err)
	}
	if err := m.Confirm(); err != nil {
		t.Fatal(err)
	}
	if notes := m.notes(t); notes["B_OK"] != "1" || notes["B_TRY"] != "0" {
		t.Errorf("after the confirmation: %v", notes)
	}
	if trial, err := m.Trial(); err != nil || trial {
		t.Errorf("slot B is still on trial: %t, %v", trial, err)
	}
}

// Whatever is wrong with an update, the running slot stays the one that is started.
func TestUpdatesThatAreRefused(t *testing.T) {
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const system = "a system of some length"
	for name, c := range map[string]struct {
		make func(key ed25519.PrivateKey) []byte
		says string
	}{
		"signed by somebody else": {func(ed25519.PrivateKey) []byte { return update(t, system, "amd64", 202701010000, stranger) }, "not signed"},
		"the same again":          {func(key ed25519.PrivateKey) []byte { return update(t, system, "amd64", 202601010000, key) }, "not newer"},
		"older":                   {func(key ed25519.PrivateKey) []byte { return update(t, system, "amd64", 202501010000, key) }, "not newer"},
		"for another machine":     {func(key ed25519.PrivateKey) []byte { return update(t, system, "arm64", 202701010000, key) }, "another kind"},
		"too large": {func(key ed25519.PrivateKey) []byte {
			return update(t, strings.Repeat("x", 2<<20), "amd64", 202701010000, key)
		}, "larger"},
		"no update at all": {func(ed25519.PrivateKey) []byte { return []byte("%PDF-1.7") }, "not an update"},
		"nothing":          {func(ed25519.PrivateKey) []byte { return nil }, "not an update"},
		"one byte of it is changed": {func(key ed25519.PrivateKey) []byte {
			b := update(t, system, "amd64", 202701010000, key)
			b[bytes.Index(b, []byte(system))+3] ^= 1
			return b
		}, "damaged"},
		"a changed version": {func(key ed25519.PrivateKey) []byte {
			b := update(t, system, "amd64", 202501010000, key)
			return bytes.Replace(b, []byte("202501010000"), []byte("202701010000"), 1)
		}, "not signed"},
		"only half of it": {func(key ed25519.PrivateKey) []byte {
			b := update(t, strings.Repeat(system, 1000), "amd64", 202701010000, key)
			return b[:len(b)/2]
		}, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			m, key := disk(t)
			_, err := m.Install(t.Context(), bytes.NewReader(c.make(key)))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("it is refused with %v", err)
			}
			if notes := m.notes(t); notes["ORDER"] != "A B" || notes["A_OK"] != "1" || notes["B_OK"] != "0" {
				t.Errorf("the boot loader would start something else: %v", notes)
			}
			if m.holds(t, "A") != strings.Repeat("A", 1<<20) {
				t.Error("the running slot was touched")
			}
		})
	}
}

func TestASystemWithoutAKeyTakesNoUpdates(t *testing.T) {
	m, key := disk(t)
	m.Key = nil
	if _, err := m.Install(t.Context(), bytes.NewReader(update(t, "system", "amd64", 202701010000, key))); err == nil {
		t.Error("it takes one")
	}
}

// A power cut while the other slot is written: the notes say at every moment
// that it is not to be started.
func TestASlotThatIsBeingWrittenIsNotStarted(t *testing.T) {
	m, key := disk(t)
	if err := change(m.Env, func(e *env) { e.set("B_OK", "1"); e.set("ORDER", "A B") }); err != nil {
		t.Fatal(err)
	}
	whole := update(t, strings.Repeat("new system ", 10000), "amd64", 202701010000, key)
	ctx, cancel := context.WithCancel(t.Context())
	cut := &cutting{Reader: bytes.NewReader(whole), after: len(whole) / 2, cut: cancel}
	if _, err := m.Install(ctx, cut); !errors.Is(err, context.Canceled) {
		t.Fatalf("a cut update ends with %v", err)
	}
	if notes := m.notes(t); notes["B_OK"] != "0" {
		t.Errorf("half a system may be started: %v", notes)
	}
}

type cutting struct {
	io.Reader
	after int
	cut   func()
}

func (c *cutting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p[:min(len(p), 512)])
	if c.after -= n; c.after < 0 {
		c.cut()
	}
	return n, err
}

func TestDamagedNotesAreNotWrittenOver(t *testing.T) {
	m, _ := disk(t)
	for _, damage := range []string{"", "# GRUB", strings.Repeat("x", envSize), envHeader + strings.Repeat("#", envSize)} {
		if err := os.WriteFile(m.Env, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := m.Confirm(); err == nil {
			t.Errorf("notes of %d bytes are taken", len(damage))
		}
		if raw, _ := os.ReadFile(m.Env); string(raw) != damage {
			t.Error("damaged notes were written over")
		}
	}
}
