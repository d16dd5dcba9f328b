package backup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/appliance/proof"
	"hotline/appliance/store"
)

// childFolder names a folder to a child of this test.
const childFolder = "HOTLINE_TEST_BACKUP"

// backUpForEver writes records and makes backups, and says which are safe.
func backUpForEver(dir string) error {
	ctx := context.Background()
	data := filepath.Join(dir, "data")
	s, err := store.Open(data, silent)
	if err != nil {
		return err
	}
	k, err := Open(Config{Store: s, Data: data, Log: silent})
	if err != nil {
		return err
	}
	if k.settings.Recovery == "" {
		key, err := k.NewRecoveryKey(ctx, "test")
		if err := errors.Join(err, os.WriteFile(filepath.Join(dir, "key"), []byte(key), 0o600)); err != nil {
			return err
		}
	}
	n, err := s.LastEvent()
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		if i%5 == 4 {
			k.chain.next = time.Time{}
		}
		n++
		if err := write(ctx, s, fmt.Sprintf("n%06d", n), strings.Repeat("text ", 200), ""); err != nil {
			return err
		}
		if err := k.Now(ctx); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// A box is killed while it makes backups, again and again. Whatever it had
// called safe is restored.
func TestABackupSurvivesKilling(t *testing.T) {
	dir := t.TempDir()
	var safe uint64
	rounds := proof.Rounds(6, 60)
	for i := range rounds {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^$")
		child.Env = append(os.Environ(), childFolder+"="+dir)
		out, err := child.StdoutPipe()
		must(t, err)
		must(t, child.Start())
		lines := bufio.NewScanner(out)
		// The first is a whole backup; then it is killed somewhere in the next ones.
		for n := 0; n < 1+i%4 && lines.Scan(); n++ {
			if _, err := fmt.Sscan(lines.Text(), &safe); err != nil {
				t.Fatalf("the child says %q", lines.Text())
			}
		}
		kill := time.NewTimer(time.Duration(i*7) * time.Millisecond)
		<-kill.C
		must(t, child.Process.Kill())
		for lines.Scan() { // what it said before it died
			_, _ = fmt.Sscan(lines.Text(), &safe)
		}
		_ = child.Wait() // it was killed
		key, err := os.ReadFile(filepath.Join(dir, "key"))
		must(t, err)
		id, err := ParseKey(string(key))
		must(t, err)
		to := filepath.Join(t.TempDir(), "again")
		r, err := Restore(t.Context(), filepath.Join(dir, "data", "backups"), to, time.Time{}, id)
		must(t, err)
		if safe == 0 || r.LastEvent < safe {
			t.Errorf("kill %d: restored up to event %d, but %d were safe", i, r.LastEvent, safe)
		}
	}
	proof.Note(t, proof.Result{Promise: "restore", Figure: fmt.Sprintf("%d kills during a backup: whatever was called safe was restored", rounds),
		Control: "a torn, cut, changed or missing part is refused (TestATornBackupNeverCounts)"})
}
