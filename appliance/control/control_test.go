package control_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/appliance/control"
)

func TestCommandsReachTheHotlineThatRuns(t *testing.T) {
	t.Parallel()
	folder, err := os.MkdirTemp("", "door") // the name of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	if _, err := control.Ask(t.Context(), folder, "echo", "maria", control.Message{}); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("without a hotline: %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, control.Socket), nil, 0o600); err != nil { // of a program that was killed
		t.Fatal(err)
	}
	begun, left := make(chan struct{}), make(chan error, 1)
	door, err := control.Open(folder, map[string]control.Do{
		"echo": func(_ context.Context, by string, asked control.Message) (control.Message, error) {
			return control.Say(by+" "+string(asked.Words), asked.File)
		},
		"refuse": func(context.Context, string, control.Message) (control.Message, error) {
			return control.Message{}, errors.New("not today")
		},
		"panic": func(context.Context, string, control.Message) (control.Message, error) { panic("a fault") },
		"wait": func(ctx context.Context, _ string, _ control.Message) (control.Message, error) {
			close(begun)
			<-ctx.Done()
			left <- context.Cause(ctx)
			return control.Message{}, ctx.Err()
		},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- door.Run(ctx) }()

	if about, err := os.Stat(filepath.Join(folder, control.Socket)); err != nil || about.Mode().Perm() != 0o600 {
		t.Errorf("the socket is for others as well: %v, %v", about.Mode(), err)
	}
	file := bytes.Repeat([]byte("0123456789"), 200_000)
	question, err := control.Say("hello", file)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := control.Ask(t.Context(), folder, "echo", "maria", question); err != nil || string(got.Words) != `"maria \"hello\""` || !bytes.Equal(got.File, file) {
		t.Errorf("an answer: %s, a file of %d bytes, %v", got.Words, len(got.File), err)
	}
	for what, want := range map[string]string{"refuse": "not today", "panic": "a fault", "dance": `no command "dance"`} {
		if _, err := control.Ask(t.Context(), folder, what, "maria", control.Message{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Whoever is none of ours costs nobody anything.
	stranger, err := net.Dial("unix", filepath.Join(folder, control.Socket))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Error(err)
	}
	if err := stranger.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if n, err := stranger.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a stranger got %d bytes, %v", n, err)
	}
	stranger.Close()
	// What was begun for somebody who has gone is given up.
	asking, leave := context.WithCancel(t.Context())
	told := make(chan error, 1)
	go func() {
		_, err := control.Ask(asking, folder, "wait", "maria", control.Message{})
		told <- err
	}()
	wait(t, begun, "the command begins")
	leave()
	if err := <-told; !errors.Is(err, context.Canceled) {
		t.Errorf("who went away: %v", err)
	}
	select {
	case err := <-left:
		if err == nil || !strings.Contains(err.Error(), "has gone") {
			t.Errorf("the command ended by: %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("a command goes on for somebody who has gone")
	}
	stop()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the door does not close")
	}
	if _, err := control.Ask(t.Context(), folder, "echo", "maria", control.Message{}); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("after the hotline: %v", err)
	}
}

func wait(t *testing.T, on <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-on:
	case <-time.After(time.Minute):
		t.Fatal("not within a minute: " + what)
	}
}
