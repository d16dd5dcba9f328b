// Package doortest opens doors in tests, in the two ways in which systemd does it
// for the programs of the image.
package doortest

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
)

// Serve has one program answer at the socket path until the test ends: all that
// runs in it at once. An error of any of them is one of the test.
func Serve(tb testing.TB, path string, program ...func(context.Context, *net.UnixListener) error) {
	tb.Helper()
	l := listen(tb, path)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, len(program))
	for _, run := range program {
		go func() { ended <- run(ctx, l) }()
	}
	tb.Cleanup(func() {
		stop()
		for range program {
			if err := <-ended; err != nil {
				tb.Error(err)
			}
		}
		_ = l.Close()
	})
}

// Answer starts a program for each one who comes to the socket path, until the
// test ends. An error of any of them is one of the test.
func Answer(tb testing.TB, path string, program func(ctx context.Context, in io.Reader, out io.Writer) error) {
	tb.Helper()
	l := listen(tb, path)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			conn, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				err = errors.Join(program(context.Background(), conn, conn), conn.Close())
			}
			if err != nil {
				tb.Error(err)
				return
			}
		}
	}()
	tb.Cleanup(func() {
		_ = l.Close()
		<-over
	})
}

func listen(tb testing.TB, path string) *net.UnixListener {
	tb.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		tb.Fatal(err)
	}
	return l
}
