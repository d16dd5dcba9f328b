package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"hotline/appliance/config"
)

// This file is the hotline as a process of its own, which tests can kill.

// program is the hotline as a process of its own, to be killed.
type program struct {
	cmd  *exec.Cmd
	addr netip.AddrPort
}

const (
	programData    = "HOTLINE_TEST_DATA"    // folder of the program that TestMain becomes
	programCommand = "HOTLINE_TEST_COMMAND" // TestMain becomes the real command
)

// runProgram is the other side of startProgram: the test binary is the hotline.
func runProgram(data string) error {
	cfg := config.Default()
	cfg.Data, cfg.Operation = data, "Flood"
	cfg.SIP.Listen, cfg.Web.Listen, cfg.Web.Sound = "127.0.0.1:0", "127.0.0.1:0", "0"
	if line := os.Getenv("HOTLINE_TEST_LINE"); line != "" {
		cfg.SIP.Lines = []config.Line{{Name: "gateway", Servers: []string{line}}}
		cfg.SIP.Outgoing.Prefixes, cfg.SIP.Outgoing.Rounds = []string{"+1202555"}, 100
	}
	h, err := assemble(cfg, manner{}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if os.Getenv("HOTLINE_TEST_BUSY") != "" {
		if err := h.busyHours(context.Background()); err != nil {
			return err
		}
	}
	fmt.Println(h.trunk.Addr())
	ctx := context.Background()
	if os.Getenv("HOTLINE_TEST_ENDS") != "" { // in order, when its input does
		until, stop := context.WithCancel(ctx)
		go func() {
			defer stop()
			_, _ = io.Copy(io.Discard, os.Stdin)
		}()
		ctx = until
	}
	return h.Run(ctx)
}

func startProgram(t *testing.T, data string, env ...string) *program {
	t.Helper()
	return startProgramBy(t, (*exec.Cmd).Start, data, env...)
}

// startProgramBy is startProgram in a way of the test's own.
func startProgramBy(t *testing.T, start func(*exec.Cmd) error, data string, env ...string) *program {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), append(env, programData+"="+data)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := start(cmd); err != nil {
		t.Fatal(err)
	}
	p := &program{cmd: cmd}
	t.Cleanup(p.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the program does not start: %v", err)
	}
	p.addr = netip.MustParseAddrPort(strings.TrimSpace(line))
	return p
}

// kill is kill -9.
func (p *program) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait() // says that it was killed
	}
}
