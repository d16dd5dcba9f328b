//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// server is what is measured: a process that takes calls.
type server struct {
	at     netip.AddrPort
	number string // to dial
	pid    int
	stop   func()
}

func (s *server) close() {
	if s.stop != nil {
		s.stop()
	}
}

// product starts the finished program in an empty folder. It may have as many
// calls as the configuration allows by itself, unless calls says otherwise.
func product(o options, calls int) (*server, error) {
	dir, err := os.MkdirTemp("", "hotline-bench-")
	if err != nil {
		return nil, err
	}
	s, err := productIn(o, calls, dir)
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	end := s.stop
	s.stop = func() {
		end()
		os.RemoveAll(dir)
	}
	return s, nil
}

func productIn(o options, calls int, dir string) (*server, error) {
	port := int(o.server.Port())
	config := fmt.Sprintf("data: data\noperation: Bench\nsip:\n  listen: %v\nweb:\n  listen: %v\n  sound: %q\n",
		o.server, netip.AddrPortFrom(o.server.Addr(), uint16(port+1)), fmt.Sprint(port+2))
	if calls > 0 {
		config = fmt.Sprintf("data: data\noperation: Bench\nsip:\n  listen: %v\n  max_calls: %d\nweb:\n  listen: %v\n  sound: %q\n",
			o.server, calls, netip.AddrPortFrom(o.server.Addr(), uint16(port+1)), fmt.Sprint(port+2))
	}
	file := filepath.Join(dir, "hotline.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own by then
	return launch(o.server, "100", exec.Command(o.hotline, "serve", "--config", file), log)
}

// voicePlane starts this program again as the smallest possible server.
func voicePlane(o options, number string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return launch(o.server, number, exec.Command(self, "-answer", "-sip", o.server.String(), "-profile", o.profile), os.Stderr)
}

func launch(at netip.AddrPort, number string, c *exec.Cmd, log *os.File) (*server, error) {
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%w: run make build first", err)
		}
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	return &server{at: at, number: number, pid: c.Process.Pid, stop: func() {
		c.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			c.Process.Kill()
			<-ended
		}
	}}, nil
}
