package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/config"
	"hotline/appliance/events"
	"hotline/provisioning/door/doortest"
	"hotline/provisioning/slot"
	"hotline/ui"
	"hotline/volunteers/roster"
)

// machine is an appliance as the hotline sees it: the socket of the program that
// restarts it. The restarts that are asked for come with their times.
func machine(t *testing.T) (socket string, restarts chan time.Time) {
	t.Helper()
	dir := t.TempDir()
	notes := "# GRUB Environment Block\nORDER=A B\nA_OK=1\nA_TRY=0\nB_OK=0\nB_TRY=0\n"
	env := filepath.Join(dir, "grubenv")
	if err := os.WriteFile(env, []byte(notes+strings.Repeat("#", 1024-len(notes))), 0o600); err != nil {
		t.Fatal(err)
	}
	m := slot.Machine{Env: env, Device: func(name string) string { return filepath.Join(dir, name) }, Running: "A", Arch: "amd64", Version: 202601010000}
	restarts, socket = make(chan time.Time, 8), filepath.Join(dir, "door")
	doortest.Serve(t, socket, func(ctx context.Context, l *net.UnixListener) error {
		return slot.Serve(ctx, l, m, func() error { restarts <- time.Now(); return nil }, time.Hour)
	})
	return socket, restarts
}

// An administrator plans a restart while somebody is on the line: nothing happens,
// and calls are taken. The caller hangs up, and another one rings before the line
// was quiet for long enough: that one is taken, too. Only when nobody has been there
// for the whole time the machine is asked to restart, once.
func TestAPlannedRestartTurnsNobodyAway(t *testing.T) {
	t.Parallel()
	const quiet = 15 * time.Second
	socket, restarts := machine(t)
	b := startBoxIn(t, manner{slots: socket, quiet: quiet}, func(*config.Config) {}, func(*hotline) {})
	none := func(when string) {
		t.Helper()
		if len(restarts) > 0 {
			t.Fatalf("the machine is asked to restart %s", when)
		}
	}
	free := func() {
		t.Helper()
		for limit := time.Now().Add(20 * time.Second); b.h.trunk.Stats().Calls > 0; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatal("the line does not get free")
			}
		}
	}
	caller := b.dial("+12024561201", "100")
	b.toHelp(caller)
	b.untilWaiting(1)
	b.post(b.web("admin"), "admin/system/restart/quiet", nil)
	if page := b.page("admin", "admin/system"); !strings.Contains(page, "data-planned") || !strings.Contains(page, "On the line now: 1.") {
		t.Error("the page of the machine does not say that a restart is planned, and who is on the line")
	}
	if !pause(t.Context(), caller, quiet+3*time.Second) {
		t.Fatal("the caller is cut off")
	}
	none("while a caller waits")

	caller.Hangup()
	free()
	next := b.dial("+12024561202", "100")
	b.toHelp(next)
	b.untilWaiting(1)
	if !pause(t.Context(), next, quiet) {
		t.Fatal("the caller after that is cut off")
	}
	none("while the next caller waits")
	left := time.Now()
	next.Hangup()

	select {
	case at := <-restarts:
		if at.Sub(left) < quiet {
			t.Errorf("the machine is asked to restart %v after the last caller has left, want not before %v", at.Sub(left), quiet)
		}
	case <-time.After(quiet + 30*time.Second):
		t.Fatal("nobody is on the line, and the machine is not asked to restart")
	}
	for limit := time.Now().Add(10 * time.Second); !b.h.restarts.Planned().At.IsZero(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the restart is planned still after it was asked for")
		}
	}
	none("a second time")

	people, err := b.h.accounts.List()
	if err != nil {
		t.Fatal(err)
	}
	admin := people[slices.IndexFunc(people, func(a roster.Account) bool { return a.Login == "admin" })].ID
	found, err := ui.FromStore(b.h.records).Latest(10, func(ev events.Event) bool { return strings.HasPrefix(ev.Kind, "update.") })
	if err != nil {
		t.Fatal(err)
	}
	var noted []string
	for _, ev := range slices.Backward(found) {
		noted = append(noted, fmt.Sprint(ev.Kind, " ", ev.By == admin, " ", ev.Via, " ", ev.Operation))
	}
	if want := []string{"update.planned true web Flood", "update.carried_out true rule Flood"}; !slices.Equal(noted, want) {
		t.Errorf("the log holds %q, want %q", noted, want)
	}
}
