package main

import (
	"bufio"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hotline/appliance/config"
	"hotline/appliance/store"
	"hotline/appliance/switches"
	"hotline/triage"
	"hotline/triage/desk"
)

// This file tests recordings that end in the middle: switched off, on a full disk,
// and by a kill.

// The switch for all ends what runs; a caller who is against it is obeyed; a
// disk without room costs the recording and nothing else.
func TestARecordingIsSwitchedOff(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	b.recordLine(triage.RecordAlways)
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561134", cHz)
	amal.answer()
	amal.untilRecording("on")
	contact := amal.seat.Snapshot().Call.Contact
	pause(t.Context(), caller, time.Second)
	amal.do(desk.Command{Type: "record", On: false})
	amal.untilRecording("off")
	b.tapesOf(contact, 1)
	amal.do(desk.Command{Type: "record", On: true})
	amal.untilRecording("on")
	pause(t.Context(), caller, time.Second)
	if err := b.h.switches.Turn(t.Context(), switches.Recording, false, "id-of-the-admin", "Ada", "web"); err != nil {
		t.Fatal(err)
	}
	amal.untilRecording("off")
	b.tapesOf(contact, 2)
	if err := amal.seat.Do(t.Context(), desk.Command{Type: "record", On: true}); err == nil {
		t.Error("a recording begins although all are switched off")
	}
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	caller.Hangup()
	amal.is(triage.WrapUp)
}

// The disk fills up while a call is recorded: that costs the recording, and
// neither caller nor agent anything else.
func TestAFullDiskEndsARecordingAndNotTheCall(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	b.wanted = []string{"a recording broke off", "a recording could not be finished"}
	b.recordLine(triage.RecordAlways)
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561137", cHz)
	amal.answer()
	amal.untilRecording("on")
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	contact := amal.seat.Snapshot().Call.Contact
	fillUp(t, filepath.Join(b.data, "blobs"))
	if c := b.complaint(amal); c.For != "record" || !strings.Contains(c.Text, "The call goes on") {
		t.Errorf("the agent is told %+v", c)
	}
	amal.untilRecording("off")
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	b.hears("Amal", amal.sound, allHz, cHz)
	amal.do(desk.Command{Type: "end"})
	b.ended(caller)
	amal.is(triage.WrapUp)
	amal.do(desk.Command{Type: "wrap", Contact: contact, Disposition: "info_given"})
	only(t, b.exportUntil("contacts", "disposition", "info_given"), "caller_number", "+12024561137")
	oneStream(t, caller)
}

// fillUp lets every further write to an open file of the folder fail as on a
// full disk.
func fillUp(t *testing.T, folder string) {
	t.Helper()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, entry := range open {
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if err != nil || !strings.HasPrefix(target, folder+"/") {
			continue // closed meanwhile, or something else
		}
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Dup3(int(full.Fd()), fd, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 1 {
		t.Fatalf("%d files are being written in %s, want one", n, folder)
	}
}

// The process is killed while a call is recorded: what was said until then can
// be played, and the contact is there.
func TestAKillDuringARecording(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelperRecordsUntilItIsKilled$", "-test.timeout=2m")
	child.Env = append(os.Environ(), "RECORDING_DATA="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var contact string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if id, ok := strings.CutPrefix(lines.Text(), "recording "); ok {
			contact = id
			break
		}
		t.Log(lines.Text())
	}
	if contact == "" {
		t.Fatal("the hotline that is to be killed records nothing")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // "killed"

	log := slog.New(slog.DiscardHandler)
	s, err := store.Open(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	contacts := triage.NewContacts(s)
	if _, err := contacts.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	tapes, err := triage.OpenRecordings(s, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := tapes.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	k, err := contacts.Get(contact)
	if err != nil || k.Outcome != triage.OutcomeInterrupted || k.Open != triage.OpenInterrupted || len(k.Recordings) != 1 || k.Recorded < 4 {
		t.Fatalf("the contact after the kill is %+v (%v)", k, err)
	}
	left, right := sides(t, tapes, k.Recordings[0])
	onlyTone(t, "left", left, cHz, 2*time.Second)
	onlyTone(t, "right", right, aHz, 2*time.Second)
}

// TestHelperRecordsUntilItIsKilled is the process that
// TestAKillDuringARecording kills.
func TestHelperRecordsUntilItIsKilled(t *testing.T) {
	dir := os.Getenv("RECORDING_DATA")
	if dir == "" {
		return
	}
	b := startBoxWith(t, func(c *config.Config) { c.Data = dir })
	b.recordLine(triage.RecordAlways)
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561135", cHz)
	amal.answer()
	amal.untilRecording("on")
	pause(t.Context(), caller, 8*time.Second) // chunks of two seconds
	if _, err := os.Stdout.WriteString("recording " + amal.seat.Snapshot().Call.Contact + "\n"); err != nil {
		t.Fatal(err)
	}
	<-t.Context().Done()
}
