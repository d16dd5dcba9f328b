package main

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// TestAHangingHotlineIsNotCalledAlive: systemd is told of the start, and of life
// only as often as the program has shown it. It cannot be parallel: the address
// of systemd is in the environment.
func TestAHangingHotlineIsNotCalledAlive(t *testing.T) {
	address := filepath.Join(t.TempDir(), "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	t.Setenv("NOTIFY_SOCKET", address)
	t.Setenv("WATCHDOG_USEC", "30000")
	heard := func() string {
		t.Helper()
		if err := systemd.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		message := make([]byte, 100)
		n, err := systemd.Read(message)
		if err != nil {
			t.Fatalf("systemd hears nothing: %v", err)
		}
		return string(message[:n])
	}

	hangs, release := make(chan struct{}), make(chan struct{})
	asked := 0
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	left := make(chan struct{})
	go func() {
		defer close(ended)
		tellSystem(ctx, slog.New(slog.DiscardHandler), func() error {
			if asked++; asked == 4 {
				close(hangs)
				<-release
				close(left)
			}
			return nil
		})
	}()
	for i, want := range []string{"READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"} {
		if got := heard(); got != want {
			t.Fatalf("message %d to systemd is %q, not %q", i, got, want)
		}
	}
	<-hangs
	stop()
	<-ended
	close(release)
	<-left
	last, err := net.Dial("unixgram", address)
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	if _, err := last.Write([]byte("nothing came between")); err != nil {
		t.Fatal(err)
	}
	if got := heard(); got != "nothing came between" {
		t.Errorf("a program that hangs sends %q", got)
	}
}
