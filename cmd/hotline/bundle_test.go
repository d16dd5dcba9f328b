package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hotline/appliance/config"
	"hotline/appliance/store"
)

// A hotline is carried to another machine and changed there, all at the command
// line.
func TestAHotlineAsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	here, there := filepath.Join(dir, "here"), filepath.Join(dir, "there")
	at := func(box string) string { return filepath.Join(box, config.FileName) }
	must := func(want string, args ...string) string {
		t.Helper()
		status, out, errs := hotlineCommand(t.Context(), args...)
		if status != 0 || !strings.Contains(out, want) {
			t.Fatalf("hotline %s: status %d, without %q\n%s%s", strings.Join(args, " "), status, want, out, errs)
		}
		return out
	}
	refused := func(want string, args ...string) {
		t.Helper()
		if status, out, errs := hotlineCommand(t.Context(), args...); status != 1 || !strings.Contains(errs, want) {
			t.Errorf("hotline %s: status %d, without %q\n%s%s", strings.Join(args, " "), status, want, out, errs)
		}
	}
	must("set up", "setup", "--dir", here, "--name", "Línea de ayuda", "--supervisor-phone", "+12025550147")
	must("set up", "setup", "--dir", there, "--template", "city")
	if cfg, err := config.Load(at(there)); err != nil || cfg.SIP.MaxCalls != 150 {
		t.Errorf("a city takes %d calls at a time, %v", cfg.SIP.MaxCalls, err)
	}
	must("national", "bundle", "template")
	refused("there is no template", "setup", "--dir", filepath.Join(dir, "none"), "--template", "village")
	must("is in", "bundle", "template", "town", filepath.Join(dir, "town.zip"))
	must("can be applied", "bundle", "check", filepath.Join(dir, "town.zip"))
	folder := filepath.Join(dir, "bundle")
	must("11 files", "bundle", "export", folder, "--config", at(here))
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("users.yaml", "ana:\n  name: Ana\n  phone: \"+12025550148\"\n  role: chief\n")
	write("queues.yaml", "help:\n  hours: 8 to 20\n")
	for _, do := range [][]string{{"check", folder}, {"diff", folder, "--config", at(there)}, {"apply", folder, "--config", at(there)}} {
		refused("there are 2 mistakes in the bundle", append([]string{"bundle"}, do...)...)
		refused("users.yaml:4:3: \"chief\" is no role", append([]string{"bundle"}, do...)...)
	}
	write("users.yaml", "ana:\n  name: Ana\n  phone: \"+12025550148\"\n  role: supervisor\n")
	write("queues.yaml", "help:\n  hours: 08:00-20:00\n")
	must("can be applied", "bundle", "check", folder)
	must("queues: help: hours becomes \"08:00-20:00\" (is always)", "bundle", "diff", folder, "--config", at(there))
	out := must("organisation: hotline becomes Línea de ayuda (is Hotline)", "bundle", "apply", folder, "--config", at(there))
	if !strings.Contains(out, "calls from +12025550148 with PIN") || strings.Count(out, "password ") != 1 {
		t.Errorf("what a new supervisor signs in with:\n%s", out)
	}
	// The example of the handbook is one.
	for _, language := range []string{"en", "es"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "ui", "handbook", language, "it.md"))
		if err != nil {
			t.Fatal(err)
		}
		example := filepath.Join(dir, language)
		if err := os.Mkdir(example, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(string(text), "```yaml\n# ")[1:] {
			name, rest, _ := strings.Cut(block, "\n")
			rest, _, _ = strings.Cut(rest, "```")
			if err := os.WriteFile(filepath.Join(example, name), []byte(rest), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		must("can be applied: 3 files", "bundle", "check", example)
	}
	must("Nothing to change", "bundle", "apply", folder, "--config", at(there))
	if cfg, err := config.Load(at(there)); err != nil || cfg.Name != "Línea de ayuda" {
		t.Errorf("the configuration: %q, %v", cfg.Name, err)
	}
	if before, err := config.Load(at(there) + ".before"); err != nil || before.Name != "Hotline" {
		t.Errorf("the configuration from before: %q, %v", before.Name, err)
	}
	file := filepath.Join(dir, "there.zip")
	must("", "bundle", "export", file, "--config", at(there))
	refused("there is a file", "bundle", "export", file, "--config", at(there))
	must("ana is new", "bundle", "diff", file, "--config", at(here))
	// A new hotline begins as it: with its people, and nobody else but an administrator.
	third := filepath.Join(dir, "third")
	out = must("set up", "setup", "--dir", third, "--bundle", file)
	if n := strings.Count(out, "password "); n != 5 {
		t.Errorf("%d people, not the five of the bundle:\n%s", n, out)
	}
	must("Nothing to change", "bundle", "diff", file, "--config", at(third))
	cfg, err := config.Load(at(third))
	if err != nil {
		t.Fatal(err)
	}
	running, err := store.Open(cfg.DataDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	refused("the hotline is running", "bundle", "diff", file, "--config", at(third))
	if err := running.Close(); err != nil {
		t.Fatal(err)
	}
	must("Everything is in place", "serve", "--config", at(there), "--smoke")
	must("The log is whole", "audit", "verify", "--config", at(there))
}
