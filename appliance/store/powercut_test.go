//go:build torture

package store

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"hotline/appliance/proof"
)

// A power cut is made of a file system in a file (loop device) that is told to
// drop everything it has not written to its disk. It needs root and loop
// devices, so it runs in make torture only.

// goingDown is EXT4_IOC_SHUTDOWN with NOLOGFLUSH: what is not on disk is gone.
const (
	goingDown  = 0x8004587d
	noLogFlush = 2
)

func TestPowerCutsLoseNoAcknowledgedRecord(t *testing.T) {
	rounds := proof.Rounds(3, 100)
	kept := 0
	for i := range rounds {
		acknowledged, lost := powerCut(t, i, false)
		if lost != 0 || acknowledged == 0 {
			t.Fatalf("power cut %d: %d of %d acknowledged records are lost", i, lost, acknowledged)
		}
		kept += acknowledged
	}
	acknowledged, lost := powerCut(t, rounds, true)
	if lost == 0 {
		t.Fatalf("without syncing, none of %d records is lost: this test cannot fail", acknowledged)
	}
	proof.Note(t, proof.Result{Promise: "kept",
		Figure:  fmt.Sprintf("0 of %d acknowledged records lost in %d power cuts (ext4, everything unsynced dropped)", kept, rounds),
		Control: fmt.Sprintf("without syncing, %d of %d are lost in one cut", lost, acknowledged)})
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(context.WithoutCancel(t.Context()), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func powerCut(t *testing.T, round int, noSync bool) (acknowledged, lost int) {
	t.Helper()
	dir := t.TempDir()
	img, at := filepath.Join(dir, "disk.img"), filepath.Join(dir, "disk")
	run(t, "truncate", "-s", "96M", img)
	run(t, "mkfs.ext4", "-q", img)
	if err := os.Mkdir(at, 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, "mount", "-o", "loop", img, at)
	mounted := true
	defer func() {
		if mounted {
			run(t, "umount", at)
		}
	}()
	log := slog.New(slog.DiscardHandler)
	s, err := Open(filepath.Join(at, "data"), log)
	if err != nil {
		t.Fatal(err)
	}
	unix.Sync() // what was there before the calls
	s.db.NoSync = noSync
	things := NewTable[string]("killed")
	var mu sync.Mutex
	done := map[string]bool{}
	enough := make(chan struct{})
	var once sync.Once
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 1_000_000 {
				key := fmt.Sprintf("%d-%06d", w, i)
				if s.Update(context.Background(), func(tx *Tx) error { return things.Put(tx, key, strings.Repeat("x", 300)) }) != nil {
					return
				}
				mu.Lock()
				done[key] = true
				if len(done) > 40+round%50 {
					once.Do(func() { close(enough) })
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	f, err := os.Open(at)
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock() // what is acknowledged from now on cannot be counted
	counted := len(done)
	before := map[string]bool{}
	for key := range done {
		before[key] = true
	}
	err = unix.IoctlSetPointerInt(int(f.Fd()), goingDown, noLogFlush)
	mu.Unlock()
	_ = f.Close()
	if err != nil {
		t.Fatalf("cutting the power: %v", err)
	}
	all.Wait()
	_ = s.Close()
	run(t, "umount", at)
	mounted = false
	run(t, "mount", "-o", "loop", img, at)
	mounted = true
	s, err = Open(filepath.Join(at, "data"), log)
	if err != nil {
		if noSync {
			return counted, counted
		}
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Verify(); err != nil {
		if noSync {
			return counted, counted
		}
		t.Fatal(err)
	}
	return counted, len(missing(t, s, before))
}
