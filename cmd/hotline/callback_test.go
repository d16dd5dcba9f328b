package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/config"
	"hotline/appliance/proof"
	"hotline/appliance/trunk/phone"
	"hotline/ivr/mode"
	"hotline/triage"
	"hotline/triage/desk"
)

// callingOut lets the hotline call the numbers of outside.
func callingOut(net *phone.Station) func(*config.Config) {
	return func(c *config.Config) {
		c.SIP.Lines = []config.Line{{Name: "gateway", Servers: []string{net.Addr().String()}}}
		c.SIP.Outgoing.Prefixes = []string{"+1202555"}
	}
}

// busyHours makes the hotline offer a call-back before the queue.
func (h *hotline) busyHours(ctx context.Context) error {
	_, err := h.mode.Set(ctx, mode.Change{Mode: mode.Busy, By: "rosa", Name: "Rosa", Via: "web"})
	return err
}

// asksForACallBack is a caller who takes the offer, hears the promise to its end
// and is hung up.
func (b *box) asksForACallBack(server netip.AddrPort, number string) {
	b.t.Helper()
	c, err := phone.Dial(b.t.Context(), phone.Config{From: number, To: "100", Server: server})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(c.Hangup)
	b.press(c, 1500*time.Millisecond, "1") // English
	b.press(c, 3*time.Second, "1")         // help
	b.press(c, 2*time.Second, "4")         // call me back
	b.ended(c)
}

// untilItem waits until the worklist has a person of this number as wanted.
func (b *box) untilItem(number string, what string, is func(triage.Item) bool) triage.Item {
	b.t.Helper()
	var page triage.Page
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var err error
		if page, err = b.h.contacts.Worklist(triage.Pick{Limit: 100}); err != nil {
			b.t.Fatal(err)
		}
		for _, i := range page.Items {
			if string(i.Number) == number && is(i) {
				return i
			}
		}
	}
	b.t.Fatalf("%s: the worklist is %+v", what, page)
	return triage.Item{}
}

func (b *box) untilNothingIsOpen() {
	b.t.Helper()
	n := -1
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var err error
		if n, err = b.h.contacts.CountOpen(); err != nil {
			b.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
	b.t.Fatalf("%d items are still open", n)
}

// nobodyElse fails when the telephone network is rung once more than expected.
func nobodyElse(t *testing.T, answered <-chan *phone.Call) {
	t.Helper()
	select {
	case c := <-answered:
		t.Errorf("%v was called once too often", c)
	default:
	}
}

// TestACallerIsCalledBack: the caller takes the offer, a volunteer gets the call
// like any other, the phone rings at the far end, they talk, and the item is
// closed (R15).
func TestACallerIsCalledBack(t *testing.T) {
	t.Parallel()
	net, answered := outside(t, cHz)
	b := startBoxWith(t, callingOut(net))
	if err := b.h.busyHours(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.asksForACallBack(b.h.trunk.Addr(), "+12025550191")
	i := b.untilItem("+12025550191", "the promise", func(i triage.Item) bool { return i.Queued() })
	if i.Kind != triage.OpenCallBack || i.Back.Queue != "help" || i.Language != "en" {
		t.Errorf("the promise is kept as %+v", i)
	}

	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	offer := amal.is(triage.Offered)
	if offer.Call.CallBack != triage.OpenCallBack || offer.Call.Number != "+12025550191" || offer.Call.Language != "en" {
		t.Errorf("the volunteer is shown %+v", offer.Call)
	}
	nobodyElse(t, answered) // nothing is dialled before the volunteer is there

	// Declined: the place is kept, and the volunteer gets it again when Ready.
	amal.do(desk.Command{Type: "decline", Contact: offer.Call.Contact})
	amal.is(triage.OnBreak)
	nobodyElse(t, answered)
	amal.do(desk.Command{Type: "ready"})
	amal.do(desk.Command{Type: "accept", Contact: amal.is(triage.Offered).Call.Contact})
	person := <-answered
	b.hears("Amal", amal.sound, allHz, cHz)
	b.hears("the person called back", callerEar{person}, allHz, aHz)
	contact := amal.is(triage.OnCall).Call.Contact
	amal.do(desk.Command{Type: "end"})
	b.ended(person)
	amal.is(triage.WrapUp)
	amal.do(desk.Command{Type: "wrap", Contact: contact, Disposition: "info_given"})
	amal.is(triage.Ready)
	b.untilNothingIsOpen()
	nobodyElse(t, answered)
	rows := b.exportUntil("contacts", "outcome", "answered")
	asked, called := only(t, rows, "direction", "in"), only(t, rows, "direction", "out")
	if asked["outcome"] != "callback_request" || asked["open_item"] != "" || called["outcome"] != "answered" || called["agent"] != "Amal" || called["language"] != "en" {
		t.Errorf("recorded as %v and %v", asked, called)
	}
	b.booksBalance()
}

// TestACallBackThatReachesNobody: busy, and a machine that answers.
func TestACallBackThatReachesNobody(t *testing.T) {
	t.Parallel()
	net, answered := outside(t, cHz)
	b := startBoxWith(t, callingOut(net))
	if err := b.h.busyHours(t.Context()); err != nil {
		t.Fatal(err)
	}
	amal := b.seated("Amal", aHz, false)
	b.asksForACallBack(b.h.trunk.Addr(), "+12025550180")
	b.untilItem("+12025550180", "the promise", func(i triage.Item) bool { return i.Queued() })
	amal.do(desk.Command{Type: "ready"})
	amal.do(desk.Command{Type: "accept", Contact: amal.is(triage.Offered).Call.Contact})
	if c := b.complaint(amal); !strings.Contains(c.Text, "busy") {
		t.Errorf("a busy number is told as %q", c.Text)
	}
	amal.is(triage.Ready) // and not rung again for it at once
	i := b.untilItem("+12025550180", "the try", func(i triage.Item) bool { return i.Back.Tries == 1 && i.Back.Dialling == "" })
	if i.Back.Failed != triage.FailedBusy || time.Until(i.Back.NotBefore) < 4*time.Minute {
		t.Errorf("after a busy try the item is %+v", i)
	}

	amal.do(desk.Command{Type: "break"}) // with somebody free the caller would be connected
	b.asksForACallBack(b.h.trunk.Addr(), "+12025550192")
	amal.do(desk.Command{Type: "ready"})
	amal.do(desk.Command{Type: "accept", Contact: amal.is(triage.Offered).Call.Contact})
	machine := <-answered
	b.hears("Amal", amal.sound, allHz, cHz)
	amal.do(desk.Command{Type: "unreached"})
	b.ended(machine)
	amal.is(triage.Ready) // there are no notes to write
	i = b.untilItem("+12025550192", "the try", func(i triage.Item) bool { return i.Back.Tries == 1 && i.Back.Dialling == "" })
	if i.Back.Failed != triage.FailedMachine || !i.Queued() {
		t.Errorf("after a machine answered the item is %+v", i)
	}
	b.booksBalance()
}

// Test2b17WhoRingsBeforeWeDoIsNotCalled is bug 17 as callers meet it, and the place
// is kept.
func Test2b17WhoRingsBeforeWeDoIsNotCalled(t *testing.T) {
	t.Parallel()
	net, answered := outside(t, cHz)
	b := startBoxWith(t, callingOut(net))
	if err := b.h.busyHours(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.asksForACallBack(b.h.trunk.Addr(), "+12025550193")
	i := b.untilItem("+12025550193", "the promise", func(i triage.Item) bool { return i.Queued() })
	if err := b.h.mode.Clear(t.Context(), "rosa", "Rosa", "web"); err != nil {
		t.Fatal(err)
	}
	first := b.helpCall("+12024561141", aHz)
	pause(t.Context(), first, time.Second)
	again := b.helpCall("+12025550193", cHz)
	b.untilWaiting(2) // and no call-back any more
	view, err := b.h.desk.FloorView(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range view.Waiting {
		if w.Number == "+12025550193" && (w.Position != 1 || w.Away || !w.Since.Equal(i.Back.Since)) {
			t.Errorf("who was to be called back waits as %+v, want the place of %v", w, i.Back.Since)
		}
	}
	rosa := b.seated("Rosa", sHz, false)
	rosa.do(desk.Command{Type: "ready"})
	rosa.answer()
	b.hears("Rosa", rosa.sound, allHz, cHz)
	again.Hangup()
	rosa.is(triage.WrapUp)
	rosa.do(desk.Command{Type: "wrap", Contact: rosa.seat.Snapshot().Call.Contact, Disposition: "info_given"})
	first.Hangup()
	b.untilItem("+12024561141", "who gave up", func(i triage.Item) bool { return i.Kind == triage.OpenAbandoned })
	if all, err := b.h.contacts.QueuedCallBacks(); err != nil || len(all) != 0 {
		t.Errorf("to be called back: %+v (%v)", all, err)
	}
	nobodyElse(t, answered)
	b.booksBalance()
}

// TestAVolunteerCallsFromTheWorklist: take it, call it, done.
func TestAVolunteerCallsFromTheWorklist(t *testing.T) {
	t.Parallel()
	net, answered := outside(t, cHz)
	b := startBoxWith(t, callingOut(net))
	caller := b.helpCall("+12025550194", cHz)
	b.untilWaiting(1)
	caller.Hangup()
	i := b.untilItem("+12025550194", "who gave up", func(i triage.Item) bool { return i.Kind == triage.OpenAbandoned })
	if i.Queued() {
		t.Error("nobody promised a call to who hung up")
	}
	amal := b.seated("Amal", aHz, false)
	if err := amal.seat.Do(t.Context(), desk.Command{Type: "call.item", Item: i.ID}); err == nil || !strings.Contains(err.Error(), "Take it first") {
		t.Errorf("calling what was not taken: %v", err)
	}
	if _, err := b.h.contacts.TakeItem(t.Context(), i.ID, amal.id, "Amal"); err != nil {
		t.Fatal(err)
	}
	amal.do(desk.Command{Type: "call.item", Item: i.ID})
	person := <-answered
	b.hears("the person called", callerEar{person}, allHz, aHz)
	contact := amal.seat.Snapshot().Call.Contact
	amal.do(desk.Command{Type: "end"})
	b.ended(person)
	amal.is(triage.WrapUp)
	amal.do(desk.Command{Type: "wrap", Contact: contact, Disposition: "info_given"})
	b.untilNothingIsOpen()
	b.booksBalance()
}

// booksBalance fails unless every attempt is answered, closed, open or on the
// line, and the log says the same as the records.
func (b *box) booksBalance() {
	b.t.Helper()
	for limit := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) { // a call may end between the two readings
		total, want := books(b.t, b.h)
		if total == want && total.Holds() {
			return
		}
		if time.Now().After(limit) {
			b.t.Fatalf("the books say %+v, the records %+v", total, want)
		}
	}
}

// balance is booksBalance where nothing happens any more.
func balance(t *testing.T, h *hotline) triage.Balance {
	t.Helper()
	total, want := books(t, h)
	if total != want || !total.Holds() {
		t.Errorf("the books say %+v, the records %+v", total, want)
	}
	return total
}

// books are what the log says, and what the records say.
func books(t *testing.T, h *hotline) (total, want triage.Balance) {
	t.Helper()
	total, _, err := triage.NewBooks(h.records).Balance(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	err = h.contacts.Each(func(k triage.Contact) bool {
		n := max(k.Turned, 1)
		switch {
		case k.Direction != "in":
			return true
		case k.EndedAt.IsZero():
			want.OnLine += n
		case k.Open != "":
			want.Open += n
		case k.Outcome == triage.OutcomeAnswered:
			want.Answered += n
		default:
			want.Closed += n
		}
		want.Attempts += n
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return total, want
}

// Test2b13APromiseSurvivesKill9 is bug 13: the hotline is killed between the promise
// and the call. After the restart the person is called, once.
func Test2b13APromiseSurvivesKill9(t *testing.T) {
	t.Parallel()
	net, answered := outside(t, cHz)
	data := t.TempDir()
	p := startProgram(t, data, "HOTLINE_TEST_BUSY=yes", "HOTLINE_TEST_LINE="+net.Addr().String())
	(&box{t: t}).asksForACallBack(p.addr, "+12025550195")
	p.kill()
	b := startBoxWith(t, func(c *config.Config) { callingOut(net)(c); c.Data = data })
	b.untilItem("+12025550195", "the promise, after the restart", func(i triage.Item) bool { return i.Queued() })
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	amal.do(desk.Command{Type: "accept", Contact: amal.is(triage.Offered).Call.Contact})
	person := <-answered
	b.hears("the person called back", callerEar{person}, allHz, aHz)
	contact := amal.seat.Snapshot().Call.Contact
	amal.do(desk.Command{Type: "end"})
	b.ended(person)
	amal.is(triage.WrapUp)
	amal.do(desk.Command{Type: "wrap", Contact: contact, Disposition: "info_given"})
	b.untilNothingIsOpen()
	nobodyElse(t, answered)
	b.booksBalance()
}

// TestTheBooksBalanceAfterKill9 kills the hotline at random moments while people
// call, give up, wait and are promised calls. After each restart every call that
// was answered is somewhere, and attempts = answered + closed + open.
func TestTheBooksBalanceAfterKill9(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 9))
	var number atomic.Int64
	var rang []call.Number // and were answered
	var ready []time.Duration
	rounds := proof.Rounds(4, 200)
	for round := range rounds {
		began := time.Now()
		p := startProgram(t, data, "HOTLINE_TEST_BUSY=yes")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan []call.Number, 4)
		var first sync.Once
		answered := make(chan struct{})
		for range 4 {
			go func() {
				var mine []call.Number
				for i := 0; ctx.Err() == nil; i++ {
					from := fmt.Sprintf("+120245%05d", number.Add(1))
					c, err := phone.Dial(ctx, phone.Config{From: from, To: "100", Server: p.addr})
					if err != nil {
						continue
					}
					first.Do(func() {
						ready = append(ready, time.Since(began))
						close(answered)
					})
					mine = append(mine, call.Number(from))
					for _, key := range []string{"1", "1", "1"}[:i%4%3+1] {
						if !pause(ctx, c, 300*time.Millisecond) || c.Press(ctx, key) != nil {
							break
						}
					}
					pause(ctx, c, 200*time.Millisecond)
					c.Hangup()
				}
				done <- mine
			}()
		}
		select {
		case <-answered:
		case <-time.After(time.Minute):
			t.Fatalf("round %d: no call is answered a minute after the start", round)
		}
		wait := time.NewTimer(time.Duration(500+r.IntN(3000)) * time.Millisecond)
		<-wait.C
		p.kill()
		stop()
		for range 4 {
			rang = append(rang, <-done...)
		}
		cfg := config.Default()
		cfg.Data, cfg.SIP.Listen, cfg.Web.Listen, cfg.Web.Sound = data, "127.0.0.1:0", "127.0.0.1:0", "0"
		h, err := assemble(cfg, manner{}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if _, err := h.contacts.Recover(t.Context()); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		total := balance(t, h)
		if total.Attempts < len(rang) || total.OnLine != 0 {
			t.Errorf("round %d: %d calls were answered, the books know %+v", round, len(rang), total)
		}
		if lost := notOnRecord(t, h, rang); len(lost) > 0 {
			t.Errorf("round %d: answered and not on record: %v", round, lost)
		}
		// The control: somebody who did not call is missed.
		if lost := notOnRecord(t, h, append(slices.Clone(rang), "+12025550999")); !slices.Equal(lost, []call.Number{"+12025550999"}) {
			t.Errorf("round %d: a call that is not on record is not missed: %v", round, lost)
		}
		if n, err := h.contacts.CountOpen(); err != nil || n == 0 {
			t.Errorf("round %d: %d open items (%v)", round, n, err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(rang) < rounds || len(ready) != rounds {
		t.Errorf("%d calls were made, and %d starts answered one", len(rang), len(ready))
	}
	slices.Sort(ready)
	proof.Note(t, proof.Result{Promise: "kept", Figure: fmt.Sprintf("the running hotline killed %d times under calls: all %d calls that were answered are on record, the books balance; from the start of the process to the first call answered %v in the middle, %v at most",
		rounds, len(rang), ready[len(ready)/2].Round(time.Millisecond), ready[len(ready)-1].Round(time.Millisecond)), Control: "a call that was not made is missed"})
}

// notOnRecord are those numbers from which no contact is known.
func notOnRecord(t *testing.T, h *hotline, numbers []call.Number) (lost []call.Number) {
	t.Helper()
	known := map[call.Number]bool{}
	if err := h.contacts.Each(func(k triage.Contact) bool { known[k.Caller] = true; return true }); err != nil {
		t.Fatal(err)
	}
	for _, n := range numbers {
		if !known[n] {
			lost = append(lost, n)
		}
	}
	return lost
}
