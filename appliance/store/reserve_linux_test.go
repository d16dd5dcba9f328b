package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"hotline/appliance/proof"
)

// smallDisk names a folder that is a disk of its own to a child of this test.
const smallDisk = "HOTLINE_TEST_SMALL_DISK"

// A disk runs full under a box that takes calls: on a small disk of the test's
// own, in a namespace of its own. Records go on, sound stops, and when there is
// room again everything is as before. Without the reserve, records would stop.
func TestCallsAreWrittenDownOnAFullDisk(t *testing.T) {
	if dir := os.Getenv(smallDisk); dir != "" {
		fillADisk(t, dir)
		return
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), smallDisk+"="+t.TempDir())
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "went on in the reserve") {
		t.Errorf("%v\n%s", err, out)
	}
	proof.Note(t, proof.Result{Promise: "disk", Figure: "on a full disk records go on in the reserve, sound is refused, and with room again everything is as before; 0 acknowledged records lost",
		Control: "with the reserve used up, too, writing stops and says why"})
}

func fillADisk(t *testing.T, dir string) {
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(unix.Mount("tmpfs", dir, "tmpfs", 0, "size=48m"))
	ctx := context.Background()
	s, err := Open(filepath.Join(dir, "data"), slog.New(slog.DiscardHandler))
	ok(err)
	defer s.Close()
	s.reserve.size = 8 << 20
	ok(s.reserve.look(ctx))
	if s.Full() || !s.reserve.laid {
		t.Fatal("no reserve was laid")
	}
	things := NewTable[string]("things")
	text := strings.Repeat("x", 16<<10)
	written := 0
	write := func() error {
		err := s.Update(ctx, func(tx *Tx) error { return things.Put(tx, fmt.Sprintf("%06d", written), text) })
		if err == nil {
			written++
		}
		return err
	}
	ok(write())
	filler := filepath.Join(dir, "filler")
	fill := func() {
		t.Helper()
		f, err := os.OpenFile(filler, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		ok(err)
		part := make([]byte, 4<<10)
		for err == nil {
			_, err = f.Write(part)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	fill()
	for range 100 {
		ok(write())
	}
	if !s.Full() {
		t.Error("nobody is told that the disk is full")
	}
	if _, err := s.CreateBlob(ctx, 512<<20, func(*Tx, string) error { return nil }); !errors.Is(err, ErrNoRoom) {
		t.Errorf("a recording is begun on a full disk: %v", err)
	}
	t.Logf("%d records went on in the reserve", written)
	// The control: with the reserve used up, too, writing stops, and says why.
	fill()
	for err = write(); err == nil; err = write() {
		if written > 10_000 {
			t.Fatal("this disk never gets full")
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a really full disk: %v", err)
	}
	ok(os.Remove(filler))
	ok(write()) // at once, by itself
	ok(s.reserve.look(ctx))
	if s.Full() || !s.reserve.laid {
		t.Error("the reserve is not laid again when there is room")
	}
	ok(s.Verify())
	ok(s.View(func(tx *Tx) error {
		n := 0
		for range things.All(tx) {
			n++
		}
		if n != written {
			t.Errorf("%d records are there, %d were acknowledged", n, written)
		}
		return nil
	}))
}
