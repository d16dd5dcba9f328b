package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/softphone/softphonetest"
	"hotline/appliance/trunk/phone"
	"hotline/triage"
	"hotline/triage/desk"
)

// worker is somebody at the desk without a browser window: the seat that a
// page would drive, and a page's sound.
type worker struct {
	b     *box
	id    string
	hz    float64
	seat  *desk.Seat
	sound *softphonetest.Browser
}

// seated signs somebody in and lets them speak a tone; their page's heartbeat
// runs to the end of the test.
func (b *box) seated(name string, hz float64, supervises bool) *worker {
	b.t.Helper()
	return b.seatedAs(name, hz, supervises, "agent")
}

func (b *box) seatedAs(name string, hz float64, supervises bool, role string) *worker {
	b.t.Helper()
	return b.seatedAt("id-of-"+name, name, hz, supervises, role)
}

// seatedAt is seatedAs for an account that exists.
func (b *box) seatedAt(id, name string, hz float64, supervises bool, role string) *worker {
	b.t.Helper()
	w := &worker{b: b, id: id, hz: hz}
	w.seat = b.h.desk.Seat(desk.Person{ID: w.id, Name: name, Login: name, Profile: "all", Role: role, Supervises: supervises})
	w.seat.PageOpened()
	w.sound = softphonetest.Open(b.t)
	offer := w.sound.Offer(b.t)
	answer, err := w.seat.ConnectAudio(b.t.Context(), offer)
	for limit := time.Now().Add(patience); err != nil && time.Now().Before(limit); time.Sleep(50 * time.Millisecond) {
		answer, err = w.seat.ConnectAudio(b.t.Context(), offer) // the box has only just been started: a page tries again too
	}
	if err != nil {
		b.t.Fatal(err)
	}
	w.sound.Accept(b.t, answer)
	w.sound.Speak(hz)
	ctx, stop := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			w.seat.Beat(time.Now(), true)
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	b.t.Cleanup(func() { stop(); <-done })
	return w
}

func (w *worker) do(c desk.Command) {
	w.b.t.Helper()
	ctx, stop := context.WithTimeout(w.b.t.Context(), patience)
	defer stop()
	if err := w.seat.Do(ctx, c); err != nil {
		w.b.t.Fatalf("%s, %s: %v", w.id, c.Type, err)
	}
}

// is waits until the agent is in a state.
func (w *worker) is(state triage.AgentState) desk.Snapshot {
	w.b.t.Helper()
	limit := time.After(patience)
	for {
		changed := w.seat.Changed()
		s := w.seat.Snapshot()
		if s.Agent.State == state {
			return s
		}
		select {
		case <-changed:
		case <-time.After(100 * time.Millisecond):
		case <-limit:
			w.b.t.Fatalf("%s is %s, want %s", w.id, s.Agent.State, state)
		}
	}
}

// answer accepts the call that rings.
func (w *worker) answer() {
	w.b.t.Helper()
	s := w.is(triage.Offered)
	w.do(desk.Command{Type: "accept", Contact: s.Call.Contact})
	w.talks()
}

// talks waits until the agent is in a call with somebody: what they hear may be of
// the one before.
func (w *worker) talks() {
	w.b.t.Helper()
	w.is(triage.OnCall)
	for limit := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		s := w.seat.Snapshot()
		if s.Call != nil && len(s.Call.Parties) > 0 {
			return
		}
		if time.Now().After(limit) {
			v, _ := w.b.h.desk.FloorView(time.Now())
			w.b.t.Fatalf("%s accepted a call that does not begin: %+v %+v", w.id, s, v)
		}
	}
}

// ear is somebody whose hearing can be measured.
type ear interface {
	Levels(hz ...float64) []float64
}

// callerEar listens at the caller's phone.
type callerEar struct{ *phone.Call }

func (c callerEar) Levels(hz ...float64) []float64 {
	heard := c.Heard()
	out := make([]float64, len(hz))
	const half = audio.SampleRate / 2
	if len(heard) < half {
		return out
	}
	for i, f := range hz {
		out[i] = audio.ToneLevel(heard[len(heard)-half:], f)
	}
	return out
}

// hears waits until who hears exactly these tones of all that are spoken in
// the test: each with a fair share of the sound, the others not at all.
func (b *box) hears(name string, who ear, all []float64, tones ...float64) {
	b.t.Helper()
	var levels []float64
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		levels = who.Levels(all...)
		right := true
		for i, f := range all {
			wanted := false
			for _, tone := range tones {
				wanted = wanted || tone == f
			}
			if wanted && levels[i] < 0.5/float64(len(tones)) || !wanted && levels[i] > 0.02 {
				right = false
			}
		}
		if right {
			return
		}
	}
	b.t.Fatalf("%s should hear %v, and of %v hears the shares %.2f", name, tones, all, levels)
}

// helpCall is a caller who speaks a tone and waits for help.
func (b *box) helpCall(number string, hz float64) *phone.Call {
	b.t.Helper()
	caller := b.dial(number, "100")
	caller.SayLoop(audio.Tone(hz, time.Second, -12))
	b.toHelp(caller)
	return caller
}

// toHelp leads a caller to the help line as far as keys do: English, help,
// supplies, and a key without a use, which where nobody is signed in chooses
// to wait. What is keyed ahead is not asked.
func (b *box) toHelp(caller *phone.Call) {
	b.t.Helper()
	b.press(caller, time.Second, "1")
	b.press(caller, 2*time.Second, "139")
}

// The tones of the tests of call control; none is a multiple of another.
const (
	cHz = 440.0
	aHz = 1000.0
	bHz = 1530.0
	sHz = 2170.0
)

var allHz = []float64{cHz, aHz, bHz, sHz}

func Test2b26TransferToAColleague(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561121", cHz)
	amal.answer()
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	contact := amal.seat.Snapshot().Call.Contact
	amal.do(desk.Command{Type: "case.save", Contact: contact, Fields: map[string]any{"place": "Santa Clara"}})

	err := amal.seat.Do(t.Context(), desk.Command{Type: "transfer", To: desk.Target{Kind: "agent", ID: "id-of-Ben"}})
	if err == nil || !strings.Contains(err.Error(), "Choose") {
		t.Errorf("sending the caller to somebody who is not there gives %v", err)
	}
	ben := b.seated("Ben", bHz, false)
	ben.do(desk.Command{Type: "ready"})
	amal.do(desk.Command{Type: "transfer", To: desk.Target{Kind: "agent", ID: ben.id}})
	amal.is(triage.WrapUp)
	ben.answer()
	b.hears("the caller", callerEar{caller}, allHz, bHz)
	b.hears("Ben", ben.sound, allHz, cHz)
	b.hears("Amal", amal.sound, allHz)
	if file := ben.seat.Snapshot().Case; file == nil || file.Fields.Place != "Santa Clara" {
		t.Errorf("the case did not come along: %+v", file)
	}
	amal.do(desk.Command{Type: "wrap", Contact: contact, Disposition: "info_given"})
	amal.is(triage.Ready)
	ben.do(desk.Command{Type: "end"})
	b.ended(caller)
	ben.is(triage.WrapUp)
	ben.do(desk.Command{Type: "wrap", Contact: contact, Disposition: "callback_set"})
	row := only(t, b.exportUntil("contacts", "disposition", "callback_set"), "caller_number", "+12024561121")
	if row["agent"] != "Ben" || row["open_item"] != "callback" || row["queue"] != "help" {
		t.Errorf("after the transfer the contact is %v", row)
	}
	oneStream(t, caller)
	ben.do(desk.Command{Type: "break", Reason: "short"})
	b.comesBackWithTheCode(amal, contact)
}

func TestATransferThatNobodyTakesGoesToTheLine(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561122", cHz)
	amal.answer()
	ben := b.seated("Ben", bHz, false)
	ben.do(desk.Command{Type: "ready"})
	amal.do(desk.Command{Type: "transfer", To: desk.Target{Kind: "agent", ID: ben.id}})
	s := ben.is(triage.Offered)
	ben.do(desk.Command{Type: "decline", Contact: s.Call.Contact})
	amal.do(desk.Command{Type: "wrap", Contact: s.Call.Contact, Disposition: "info_given"})
	amal.answer() // the line rings whoever is free, the one before included
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	caller.Hangup()
	amal.is(triage.WrapUp)
}

func TestAskingAColleagueFirst(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561123", cHz)
	amal.answer()
	b.hears("Amal", amal.sound, allHz, cHz)
	ben := b.seated("Ben", bHz, false)
	ben.do(desk.Command{Type: "ready"})

	amal.do(desk.Command{Type: "consult", To: desk.Target{Kind: "agent", ID: ben.id}})
	ben.answer()
	b.hears("Amal, asking Ben,", amal.sound, allHz, bHz)
	b.hears("Ben, being asked,", ben.sound, allHz, aHz)
	b.hears("the caller, on music,", callerEar{caller}, allHz)

	amal.do(desk.Command{Type: "consult.cancel"})
	ben.is(triage.Ready)
	b.hears("Amal, back with the caller,", amal.sound, allHz, cHz)
	b.hears("the caller", callerEar{caller}, allHz, aHz)

	// Once more, and now all three together.
	amal.do(desk.Command{Type: "consult", To: desk.Target{Kind: "agent", ID: ben.id}})
	ben.answer()
	b.hears("Amal, asking Ben,", amal.sound, allHz, bHz)
	amal.do(desk.Command{Type: "consult.join"})
	b.hears("the caller, with both,", callerEar{caller}, allHz, aHz, bHz)
	b.hears("Amal, with both,", amal.sound, allHz, cHz, bHz)
	b.hears("Ben, with both,", ben.sound, allHz, cHz, aHz)
	if parties := amal.seat.Snapshot().Call.Parties; len(parties) != 2 || parties[1].Name != "Ben" {
		t.Errorf("Amal's page shows %+v", parties)
	}
	amal.do(desk.Command{Type: "drop", Party: ben.id})
	ben.is(triage.Ready)
	b.hears("the caller, with Amal again,", callerEar{caller}, allHz, aHz)

	// And once more, to give the caller to Ben.
	amal.do(desk.Command{Type: "consult", To: desk.Target{Kind: "agent", ID: ben.id}})
	ben.answer()
	b.hears("Ben, being asked,", ben.sound, allHz, aHz)
	amal.do(desk.Command{Type: "consult.transfer"})
	amal.is(triage.WrapUp)
	b.hears("the caller, with Ben,", callerEar{caller}, allHz, bHz)
	b.hears("Ben, with the caller,", ben.sound, allHz, cHz)
	b.hears("Amal, finishing notes,", amal.sound, allHz)
	caller.Hangup()
	ben.is(triage.WrapUp)
	oneStream(t, caller)
}

func TestASupervisorOnSomebodysCall(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561124", cHz)
	amal.answer()
	contact := amal.seat.Snapshot().Call.Contact
	rosa := b.seated("Rosa", sHz, true)

	rosa.do(desk.Command{Type: "monitor", Contact: contact, Mode: "listen"})
	b.hears("Rosa, listening,", rosa.sound, allHz, cHz, aHz)
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	b.hears("Amal", amal.sound, allHz, cHz)
	if listened := amal.seat.Snapshot().Call.Listened; fmt.Sprint(listened) != "[Rosa]" {
		t.Errorf("Amal's page says %v listen", listened)
	}

	rosa.do(desk.Command{Type: "monitor", Contact: contact, Mode: "whisper"})
	b.hears("Amal, whispered to,", amal.sound, allHz, cHz, sHz)
	b.hears("the caller, who does not hear the whisper,", callerEar{caller}, allHz, aHz)

	rosa.do(desk.Command{Type: "monitor", Contact: contact, Mode: "barge"})
	b.hears("the caller, with both,", callerEar{caller}, allHz, aHz, sHz)
	b.hears("Rosa, with both,", rosa.sound, allHz, cHz, aHz)

	rosa.do(desk.Command{Type: "monitor.end"})
	b.hears("the caller, with Amal alone,", callerEar{caller}, allHz, aHz)
	b.hears("Rosa, gone,", rosa.sound, allHz)

	rosa.do(desk.Command{Type: "monitor.take", Contact: contact})
	amal.is(triage.WrapUp)
	b.hears("the caller, with Rosa,", callerEar{caller}, allHz, sHz)
	b.hears("Rosa, with the caller,", rosa.sound, allHz, cHz)
	rosa.do(desk.Command{Type: "end"})
	b.ended(caller)
	rosa.is(triage.WrapUp)

	if err := amal.seat.Do(t.Context(), desk.Command{Type: "monitor", Contact: contact, Mode: "listen"}); err == nil || !strings.Contains(err.Error(), "supervisor") {
		t.Errorf("a volunteer who wants to listen in is told %v", err)
	}
	oneStream(t, caller)
}

func TestACallerSentToALineKeepsTheirAge(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561125", cHz)
	b.untilWaiting(1)
	view, err := b.h.desk.FloorView(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	since := view.Waiting[0].Since.Round(0) // as the clock on the wall says
	amal.answer()
	amal.do(desk.Command{Type: "transfer", To: desk.Target{Kind: "queue", ID: "volunteers"}})
	b.untilWaiting(1)
	if view, err = b.h.desk.FloorView(time.Now()); err != nil || view.Waiting[0].Queue != "volunteers" || !view.Waiting[0].Since.Round(0).Equal(since) {
		t.Errorf("the caller waits as %+v (%v), want in volunteers since %v", view.Waiting, err, since)
	}
	amal.do(desk.Command{Type: "wrap", Contact: view.Waiting[0].Contact, Disposition: "info_given"})
	amal.answer()
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	caller.Hangup()
}
