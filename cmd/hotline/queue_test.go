package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hotline/appliance/config"
	"hotline/triage"
	"hotline/triage/desk"
)

// TestWhoLeavesTheQueueIsNotForgotten: nobody is signed in; the caller waits
// with music, gives up, and stays an open item that the coordinator sees.
func TestWhoLeavesTheQueueIsNotForgotten(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	caller := b.dial("+12024561115", "100")
	b.toHelp(caller)
	b.untilWaiting(1)
	for range 4 { // again and again
		pause(t.Context(), caller, time.Second)
		if b.loudest(caller, 10*time.Second) < 500 {
			t.Error("the waiting caller hears nothing")
		}
	}
	view, err := b.h.desk.FloorView(time.Now())
	if err != nil || len(view.Waiting) != 1 || view.Waiting[0].Why.Reason != triage.WhyNobody {
		t.Errorf("the floor shows %+v (%v), want one caller who waits because nobody is signed in", view.Waiting, err)
	}
	caller.Hangup()
	b.untilWaiting(0)
	contact := only(t, b.exportUntil("contacts", "outcome", "abandoned_queue"), "caller_number", "+12024561115")
	if contact["open_item"] != "abandoned" || contact["ended_by"] != "caller" || contact["queue"] != "help" {
		t.Errorf("the caller who gave up is recorded as %v", contact)
	}
}

// TestAMissedCallGoesOnWaiting: the volunteer does not answer; the caller is
// not lost, the volunteer is paused, and gets the same caller after pressing
// Ready again.
func TestAMissedCallGoesOnWaiting(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, func(c *config.Config) { c.Ring = 10 })
	page := openBrowser(t, b.h.certs, agentHz)
	page.signIn(b.base, "volunteer", b.people["volunteer"].Password)
	page.do("opening the desk", chromedp.Navigate(b.base+"desk?plain-audio=1"))
	page.press(`[data-do="ready"]`)
	page.until("the volunteer is Ready", visible(`[data-card="ready"]`))

	// The robot caller of the demo, by its button.
	page.press(`[data-do="robot"]`)
	page.until("the robot's call rings", visible(`[data-card="offer"]`))
	page.until("the missed call pauses the volunteer", visible(`[data-card="break"]`))
	page.picture("missed")
	if words := page.text(`[data-card="break"]`); !strings.Contains(words, "went to someone else") {
		t.Errorf("the missed call is told as %q", words)
	}
	b.untilWaiting(1)
	page.press(`[data-card="break"] [data-do="ready"]`)
	page.until("the same caller rings again", visible(`[data-card="offer"]`))
	page.press(`[data-do="accept"]`)
	page.until("the robot is answered", visible(`[data-card="oncall"]`))
	page.press(`[data-card="oncall"] [data-do="end"]`)
	page.until("the notes are to be finished", visible(`[data-card="wrap"]`))
	contact := only(t, b.exportUntil("contacts", "outcome", "answered"), "caller_number", "+12025550123")
	if contact["open_item"] != "notes_unfinished" {
		t.Errorf("before the notes are finished the contact is %v", contact)
	}
}

// TestSIPpAsksForHelp: a SIP implementation that is not ours calls, presses
// keys by RFC 4733, waits in the queue and is hung up when the box stops.
func TestSIPpAsksForHelp(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	b.seated("Amal", aHz, false).do(desk.Command{Type: "ready"}) // without anybody the menu asks further questions
	sipp := exec.CommandContext(t.Context(), "sipp", b.h.trunk.Addr().String(), "-sf", "testdata/help-call.xml", "-s", "100", "-m", "1",
		"-i", "127.0.0.1", "-nostdin", "-rtp_echo", "-timeout", "60s")
	var out bytes.Buffer
	sipp.Stdout, sipp.Stderr = &out, &out
	if err := sipp.Start(); err != nil {
		t.Fatalf("sipp is missing: run make test, which installs it: %v", err)
	}
	b.untilWaiting(1)
	view, err := b.h.desk.FloorView(time.Now())
	if err != nil || view.Waiting[0].Language != "en" || view.Waiting[0].Queue != "help" || view.Waiting[0].Number != "+12024561111" {
		t.Errorf("the caller waits as %+v (%v)", view.Waiting, err)
	}
	b.stop()
	if err := sipp.Wait(); err != nil {
		t.Errorf("sipp: %v\n%s", err, out.String())
	}
}

// untilWaiting waits until n callers are in the queues.
func (b *box) untilWaiting(n int) {
	b.t.Helper()
	waiting := -1
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		view, err := b.h.desk.FloorView(time.Now())
		if err != nil {
			b.t.Fatal(err)
		}
		if waiting = len(view.Waiting); waiting == n {
			return
		}
	}
	b.t.Fatalf("%d callers wait, want %d", waiting, n)
}

// exportUntil exports until a row has the value: endings are stored behind the
// phone's back.
func (b *box) exportUntil(set, column, value string) []map[string]string {
	b.t.Helper()
	var rows []map[string]string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		rows = b.export(set)
		for _, row := range rows {
			if row[column] == value {
				return rows
			}
		}
	}
	b.t.Fatalf("no row of %s has %s %q: %v", set, column, value, rows)
	return nil
}
