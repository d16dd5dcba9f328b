package desk

import (
	"strings"
	"testing"
	"time"
)

// A fault in a call that begins here ends that call alone: the program, and
// with it every caller, goes on.
func TestAFaultOfOneCallIsCaught(t *testing.T) {
	r := openRoom(t)
	freed := make(chan struct{})
	r.begin("a call out", func() { panic("on purpose") }, func() { close(freed) })
	select {
	case <-freed:
	case <-time.After(patience):
		t.Fatal("nobody cleaned up after the fault")
	}
	err := r.attempt("dialling", func() error { panic("on purpose") })
	if err == nil || !strings.Contains(err.Error(), "dialling failed") {
		t.Errorf("who waits for the result hears %v", err)
	}
	if n := r.Panics(); n != 2 {
		t.Errorf("%d faults are counted, want 2", n)
	}
	// Callers are served as before.
	r.dial("+12024561111")
	r.until("the next caller waits for a person", func() bool { return r.waiting() != "" })
}
