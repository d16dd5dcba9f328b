package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hotline/appliance/config"
)

// hotlineCommand runs the program's command line in this process.
func hotlineCommand(ctx context.Context, args ...string) (status int, out, errs string) {
	var o, e bytes.Buffer
	status = run(ctx, args, streams{in: strings.NewReader(""), out: &o, err: &e})
	return status, o.String(), e.String()
}

func TestSetupThenServe(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "box")
	status, out, errs := hotlineCommand(t.Context(), "setup", "--dir", dir, "--name", "Línea de ayuda", "--number", "+12024561000", "--supervisor-phone", "(202) 456-1111")
	if status != 0 {
		t.Fatalf("setup: status %d\n%s%s", status, out, errs)
	}
	for _, want := range []string{"password", "+12024561111 with PIN", "hotline serve", filepath.Join(dir, config.FileName)} {
		if !strings.Contains(out, want) {
			t.Errorf("setup does not print %q:\n%s", want, out)
		}
	}
	path := filepath.Join(dir, config.FileName)
	onFreePorts(t, path)
	if status, out, errs := hotlineCommand(t.Context(), "serve", "--config", path, "--smoke"); status != 0 || !strings.Contains(out, "in place") {
		t.Errorf("serve --smoke: status %d\n%s%s", status, out, errs)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if status, out, errs := hotlineCommand(ctx, "serve", "--config", path); status != 0 || !strings.Contains(out, "Línea de ayuda is ready") {
		t.Errorf("serve that is asked to end at once: status %d\n%s%s", status, out, errs)
	}
	_, out, _ = hotlineCommand(t.Context(), "audit", "verify", "--config", path)
	if !strings.Contains(out, "The log is whole") {
		t.Errorf("audit verify: %s", out)
	}
	_, mark, _ := strings.Cut(strings.TrimSpace(out), "elsewhere: ")
	if status, out, errs := hotlineCommand(t.Context(), "audit", "verify", "--config", path, mark); status != 0 || !strings.Contains(out, mark) {
		t.Errorf("audit verify with its mark: status %d, %s%s", status, out, errs)
	}
	if status, _, errs := hotlineCommand(t.Context(), "audit", "verify", "--config", path, "9"+mark); status != 1 || !strings.Contains(errs, "older copy was put back") {
		t.Errorf("audit verify with a mark of a later log: status %d, %s", status, errs)
	}
	if status, _, errs := hotlineCommand(t.Context(), "setup", "--dir", dir); status != 1 || !strings.Contains(errs, "already") {
		t.Errorf("a second setup: status %d, %s", status, errs)
	}
}

func TestWhatStopsAStartIsASentence(t *testing.T) {
	t.Parallel()
	busy, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const rest = "web:\n  listen: 127.0.0.1:0\n  sound: \"0\"\n"
	for name, tc := range map[string]struct{ yaml, want string }{
		"unknown key":      {"nmae: x\n", `hotline.yaml:1:1: there is no setting "nmae"`},
		"busy port":        {fmt.Sprintf("sip:\n  listen: %s\n%s", busy.LocalAddr(), rest), "in use by another program"},
		"unwritable":       {"data: " + filepath.Join(file, "data") + "\nsip:\n  listen: 127.0.0.1:0\n" + rest, "cannot be written to"},
		"not this machine": {"sip:\n  listen: 203.0.113.9:5060\n" + rest, "no address"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), config.FileName)
			if err := os.WriteFile(path, []byte(tc.yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			status, out, errs := hotlineCommand(t.Context(), "serve", "--config", path)
			if status != 1 || !strings.Contains(errs, tc.want) {
				t.Errorf("status %d, %q, want %q", status, out+errs, tc.want)
			}
			if strings.Contains(errs, "goroutine") || strings.Count(errs, "\n") > 3 {
				t.Errorf("that is no sentence: %s", errs)
			}
		})
	}
	if status, _, errs := hotlineCommand(t.Context(), "serve", "--config", file+".none"); status != 1 || !strings.Contains(errs, "hotline setup") {
		t.Errorf("without a configuration: status %d, %s", status, errs)
	}
}

func TestConfigPrintsAFileThatServeReads(t *testing.T) {
	t.Parallel()
	status, out, _ := hotlineCommand(t.Context(), "config")
	if _, err := config.Parse("printed", []byte(out)); status != 0 || err != nil {
		t.Errorf("status %d, %v", status, err)
	}
	if status, out, _ := hotlineCommand(t.Context(), "--help"); status != 0 || !strings.Contains(out, "demo") {
		t.Errorf("help: status %d, %s", status, out)
	}
}

// onFreePorts lets a hotline that was set up listen where nobody else does.
func onFreePorts(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	free := strings.NewReplacer(`"0.0.0.0:5060"`, `"127.0.0.1:0"`, `"0.0.0.0:8443"`, `"127.0.0.1:0"`, `"8444"`, `"0"`).Replace(string(text))
	if free == string(text) {
		t.Fatalf("%s has other ports than those of a set-up", path)
	}
	if err := os.WriteFile(path, []byte(free), 0o600); err != nil {
		t.Fatal(err)
	}
}
