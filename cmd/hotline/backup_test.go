package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hotline/appliance/config"
	"hotline/provisioning"
)

// A hotline is set up, copied to a disk and lost. With the key of its sheet it
// comes back in another folder, starts there and knows everybody.
func TestALostHotlineStartsElsewhere(t *testing.T) {
	t.Parallel()
	dir, usb, again := filepath.Join(t.TempDir(), "box"), t.TempDir(), filepath.Join(t.TempDir(), "laptop")
	_, out, errs := hotlineCommand(t.Context(), "setup", "--dir", dir, "--name", "Línea de ayuda")
	key := regexp.MustCompile(`AGE-SECRET-KEY-1[A-Z0-9]+`).FindString(out)
	if key == "" {
		t.Fatalf("setup prints no recovery key:\n%s%s", out, errs)
	}
	file := filepath.Join(t.TempDir(), "key.txt")
	if err := os.WriteFile(file, []byte("Recovery key of the hotline\n"+key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, config.FileName)
	onFreePorts(t, conf)
	if status, out, errs := hotlineCommand(t.Context(), "backup", "--config", conf, "--to", usb); status != 0 || !strings.Contains(out, "proved by reading it back") {
		t.Fatalf("backup: status %d\n%s%s", status, out, errs)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if status, out, errs := hotlineCommand(t.Context(), "verify", "--from", usb, "--key", file); status != 0 || !strings.Contains(out, "The backup is good.") {
		t.Errorf("verify: status %d\n%s%s", status, out, errs)
	}
	if status, _, errs := hotlineCommand(t.Context(), "verify", "--from", usb); status != 1 || !strings.Contains(errs, "not a recovery key") {
		t.Errorf("verify without a key: status %d, %s", status, errs)
	}
	if status, out, errs := hotlineCommand(t.Context(), "restore", "--from", usb, "--to", again, "--key", file); status != 0 || !strings.Contains(out, "Missing:  what happened after that time.") {
		t.Fatalf("restore: status %d\n%s%s", status, out, errs)
	}
	// The plug is pulled while it is laid out: what is there then is a hotline as a
	// whole, or none that starts, and the same command begins again.
	for n := range 4 {
		to := filepath.Join(t.TempDir(), "cut")
		cmd := exec.CommandContext(t.Context(), os.Args[0], "restore", "--from", usb, "--to", to, "--key", file)
		cmd.Env = append(os.Environ(), programCommand+"=1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for over := false; !over; {
			left, _ := os.ReadDir(filepath.Join(to, "data"))
			switch {
			case n == 0 && provisioning.Unfinished(to), n > 0 && len(left) >= 3*n:
				_ = cmd.Process.Kill()
				<-ended
				over = true
			default:
				select {
				case <-ended: // it was quicker
					over = true
				case <-time.After(time.Millisecond):
				}
			}
		}
		conf := filepath.Join(to, config.FileName)
		if provisioning.Unfinished(to) {
			if status, out, errs := hotlineCommand(t.Context(), "serve", "--config", conf, "--smoke"); status != 1 || !strings.Contains(errs, "was cut off") {
				t.Errorf("half a hotline starts: status %d\n%s%s", status, out, errs)
			}
		}
		if _, err := os.Stat(conf); err != nil || provisioning.Unfinished(to) {
			if status, out, errs := hotlineCommand(t.Context(), "restore", "--from", usb, "--to", to, "--key", file); status != 0 {
				t.Errorf("beginning again: status %d\n%s%s", status, out, errs)
			}
		}
		if status, out, errs := hotlineCommand(t.Context(), "serve", "--config", conf, "--smoke"); status != 0 {
			t.Errorf("after the cut: status %d\n%s%s", status, out, errs)
		}
	}
	conf = filepath.Join(again, config.FileName)
	cfg, err := config.Load(conf)
	if err != nil || cfg.Name != "Línea de ayuda" {
		t.Fatalf("the configuration is %q, %v", cfg.Name, err)
	}
	h, err := assemble(cfg, manner{}, newLog(t.Output(), false))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if people, err := h.accounts.List(); err != nil || len(people) != 4 {
		t.Errorf("%d people are known there (%v)", len(people), err)
	}
	if status, _, errs := hotlineCommand(t.Context(), "backup", "--config", conf); status != 1 || !strings.Contains(errs, "by itself") {
		t.Errorf("backup beside a running hotline: status %d, %s", status, errs)
	}
	if status, _, errs := hotlineCommand(t.Context(), "restore", "--from", usb, "--to", again, "--key", file); status != 1 || !strings.Contains(errs, "not empty") {
		t.Errorf("restore over something: status %d, %s", status, errs)
	}
}
