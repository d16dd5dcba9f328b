package store

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"hotline/appliance/proof"
)

// killFolder names a data folder to a child of this test.
const killFolder = "HOTLINE_TEST_KILL"

var killed = NewTable[string]("killed")

// A process that writes is killed in the middle of it, again and again. Every
// record that it had acknowledged is there, and the file is whole.
func TestKillingLosesNoAcknowledgedRecord(t *testing.T) {
	if dir := os.Getenv(killFolder); dir != "" {
		writeForEver(t, dir)
		return
	}
	rounds := proof.Rounds(5, 200)
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	var slowest time.Duration
	for i := range rounds {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
		child.Env = append(os.Environ(), killFolder+"="+dir, fmt.Sprintf("HOTLINE_TEST_ROUND=%d", i))
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			acknowledged[lines.Text()] = true
			if n == 20+i%37 {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = child.Wait() // it was killed
		began := time.Now()
		s, err := Open(dir, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		err = s.Verify()
		slowest = max(slowest, time.Since(began))
		if err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		if lost := missing(t, s, acknowledged); len(lost) > 0 {
			t.Fatalf("kill %d: %d of %d acknowledged records are lost: %q", i, len(lost), len(acknowledged), lost[0])
		}
		if i == rounds-1 { // the control: one that is taken away is missed
			if err := s.Update(t.Context(), func(tx *Tx) error {
				for key := range acknowledged {
					return killed.Delete(tx, key)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if len(missing(t, s, acknowledged)) != 1 {
				t.Error("this test does not notice a lost record")
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	proof.Note(t, proof.Result{Promise: "kept",
		Figure:  fmt.Sprintf("0 of %d acknowledged records lost in %d kills; opened and proved in at most %v", len(acknowledged), rounds, slowest.Round(time.Millisecond)),
		Control: "a record that is taken away is missed"})
}

func missing(t *testing.T, s *Store, acknowledged map[string]bool) (lost []string) {
	t.Helper()
	if err := s.View(func(tx *Tx) error {
		there := map[string]bool{}
		for key := range killed.All(tx) {
			there[key] = true
		}
		for key := range acknowledged {
			if !there[key] {
				lost = append(lost, key)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return lost
}

// writeForEver writes from several goroutines and says what is acknowledged.
func writeForEver(t *testing.T, dir string) {
	s, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 100_000 {
				key := fmt.Sprintf("%s-%d-%06d", os.Getenv("HOTLINE_TEST_ROUND"), w, i)
				if err := s.Update(context.Background(), func(tx *Tx) error { return killed.Put(tx, key, "the river has risen") }); err != nil {
					return
				}
				mu.Lock()
				fmt.Println(key)
				mu.Unlock()
			}
		})
	}
	all.Wait()
}
