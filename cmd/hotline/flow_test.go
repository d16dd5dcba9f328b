package main

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hotline/appliance/config"
	"hotline/ivr/versions"
)

// flowBox is the configuration file of a hotline that was started once.
func flowBox(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), config.FileName)
	text := "sip:\n  listen: 127.0.0.1:0\nweb:\n  listen: 127.0.0.1:0\n  sound: \"0\"\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if status, out, errs := hotlineCommand(ctx, "serve", "--config", path); status != 0 {
		t.Fatalf("serve: status %d\n%s%s", status, out, errs)
	}
	return path
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const shortFlow = "start: a\nfallback: {queue: help}\nsteps:\n  a: {menu: {\"1\": b}, say: main.menu, default: b}\n  b: {queue: help, say: queue.connecting}\n"

func TestFlowsOnTheCommandLine(t *testing.T) {
	t.Parallel()
	cfg := flowBox(t)
	flow := func(want int, contains string, args ...string) string {
		t.Helper()
		status, out, errs := hotlineCommand(t.Context(), append([]string{"flow"}, args...)...)
		if status != want || !strings.Contains(out+errs, contains) {
			t.Errorf("flow %v: status %d, want %d and %q:\n%s%s", args, status, want, contains, out, errs)
		}
		return out + errs
	}
	short := file(t, "short.yaml", shortFlow)
	flow(0, "can be published", "check", short, "--config", cfg)
	bad := flow(1, "bad:4:23: ", "check", file(t, "bad.yaml", strings.Replace(shortFlow, "say: main.menu, ", "sya: x, ", 1)), "--config", cfg)
	if strings.Contains(bad, "goroutine") {
		t.Error(bad)
	}
	flow(0, "can be published", "check", "--config", cfg) // no drafts: the shipped flows
	flow(0, "0  the flows that ship", "history", "--config", cfg)
	flow(1, "nothing was published yet", "rollback", "--config", cfg)

	bundle := filepath.Join(t.TempDir(), "flows.zip")
	flow(0, "Version 0 is in", "export", bundle, "--config", cfg)
	flow(0, "can be published", "check", bundle, "--config", cfg)
	flow(0, "Nothing is different", "import", bundle, "--config", cfg)
	flow(0, "Drafts now: short", "import", short, "--config", cfg)
	flow(1, "say in a few words", "import", file(t, "other.yaml", shortFlow), "--publish", "--config", cfg)
	flow(0, "Version 1 is published", "import", file(t, "third.yaml", shortFlow), "--publish", "--note", "three flows", "--config", cfg)
	flow(0, "three flows (other, short, third)", "history", "--config", cfg)
	flow(0, "Version 0 is in use again, as version 2", "rollback", "--config", cfg)
	flow(0, "Version 1 is in use again, as version 3", "rollback", "1", "--config", cfg)

	played := flow(0, `waits for a person in the line "help"`, "try", "short", "--language", "en", "--answers", file(t, "answers", "7\n1\n"), "--config", cfg)
	for _, want := range []string{"To ask for help, press 1", "We are connecting you to a person"} {
		if !strings.Contains(played, want) {
			t.Errorf("the caller does not hear %q:\n%s", want, played)
		}
	}
	flow(1, `there is no flow "circus"`, "try", "circus", "--config", cfg)
}

// TestTheCommandLineSaysWhatToDoWhileTheHotlineRuns has the records open as a
// running hotline does.
func TestTheCommandLineSaysWhatToDoWhileTheHotlineRuns(t *testing.T) {
	t.Parallel()
	path := flowBox(t)
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	h, err := assemble(cfg, manner{}, newLog(os.Stderr, false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	status, out, errs := hotlineCommand(t.Context(), "flow", "history", "--config", path)
	if status != 1 || !strings.Contains(errs, "the hotline is running") || !strings.Contains(errs, "its page Administration, Flows") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
	// What needs no records goes on.
	if status, out, errs := hotlineCommand(t.Context(), "flow", "check", file(t, "short.yaml", shortFlow), "--config", path); status != 0 {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}

	with, err := surroundings(cfg)
	if err != nil {
		t.Fatal(err)
	}
	offers := h.engine.Surroundings().Actions
	if want := slices.Sorted(maps.Keys(with.Actions)); !slices.Equal(want, slices.Sorted(maps.Keys(offers))) {
		t.Errorf("the command line knows the actions %v, the hotline %v", want, slices.Sorted(maps.Keys(offers)))
	}

	// What is published here is what the next call gets.
	by := versions.Actor{ID: "acc-1", Via: "web"}
	if err := h.flows.SaveDraft(t.Context(), "short", shortFlow, "", by); err != nil {
		t.Fatal(err)
	}
	if _, err := h.flows.Publish(t.Context(), "a short one", by); err != nil {
		t.Fatal(err)
	}
	if names := h.engine.Flows().Names(); !slices.Contains(names, "short") {
		t.Errorf("the next call can choose from %v", names)
	}
}
