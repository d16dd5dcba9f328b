package main

import (
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/config"
	"hotline/appliance/store"
	"hotline/appliance/trunk/phone"
	"hotline/ivr"
	"hotline/ivr/mode"
	"hotline/triage/supervise"
	"hotline/volunteers/roster"
)

// supervisorLine rings the supervisors' number and gives the right PIN. Keys may
// be pressed ahead: the dialogue takes them one after another.
func (b *box) supervisorLine() *phone.Call {
	b.t.Helper()
	rosa := b.people["supervisor"]
	line := b.dial(string(rosa.Phone), "199")
	b.press(line, time.Second, rosa.PIN+"#")
	return line
}

// until waits for something that happens behind the phone's back.
func (b *box) until(what string, happened func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); !happened(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("it does not happen that %s", what)
		}
	}
}

func (b *box) mode() string { return b.h.mode.Current(time.Now()).Mode }

// wordsHeard is what a phone heard without the silence, to be compared.
func wordsHeard(c *phone.Call) []int16 {
	return slices.DeleteFunc(c.Heard(), func(x int16) bool { return x > -16 && x < 16 })
}

// otherWords counts the samples that only one of two phones heard. Packets that
// one of them lost on a busy machine do not make other words of the rest.
func otherWords(a, b []int16) (n int) {
	const same, most = 80, audio.SampleRate // samples that show where both go on, at most so far away
	at := func(x []int16, i int) []int16 { return x[min(i, len(x)):min(i+same, len(x))] }
	for len(a) > 0 && len(b) > 0 {
		if a[0] == b[0] {
			a, b = a[1:], b[1:]
			continue
		}
		skip := 1
		for ; skip < most && !slices.Equal(at(a, skip), at(b, 0)) && !slices.Equal(at(a, 0), at(b, skip)); skip++ {
		}
		switch {
		case skip == most:
			a, b, n = a[min(same, len(a)):], b[min(same, len(b)):], n+2*same
		case slices.Equal(at(a, skip), at(b, 0)):
			a, n = a[min(skip, len(a)):], n+skip
		default:
			b, n = b[min(skip, len(b)):], n+skip
		}
	}
	return n + len(a) + len(b)
}

// packetsLost counts the numbers that are missing among packets of one stream.
func packetsLost(packets []phone.Packet) int {
	if len(packets) == 0 {
		return 0
	}
	came, first, last, n := map[int]bool{}, int(packets[0].Seq), int(packets[0].Seq), int(packets[0].Seq)
	for _, p := range packets {
		n += int(int16(p.Seq - uint16(n)))
		came[n], first, last = true, min(first, n), max(last, n)
	}
	return last - first + 1 - len(came)
}

// TestTheSupervisorLineTellsStrangersNothing: a wrong PIN from a supervisor's
// number and one from an unknown number hear the same words and end the same
// way. So does the right PIN once it is locked.
func TestTheSupervisorLineTellsStrangersNothing(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	rosa := b.people["supervisor"]
	try := func(from, pin string) (said []int16, took time.Duration, lost int) {
		c := b.dial(from, "199")
		for range 3 {
			b.answer(c, pin+"#") // after the words, so that nothing cuts them short
		}
		b.ended(c)
		if !c.FarHungUp() {
			t.Errorf("%q: not the hotline ended the call", from)
		}
		// By what was sent: while the machine stands still nothing is.
		packets := c.HeardPackets()
		return wordsHeard(c), time.Duration(len(packets)) * audio.FrameDuration, packetsLost(packets)
	}
	wrong, wrongTook, wrongLost := try(string(rosa.Phone), "999111")
	if len(wrong) < 2*audio.SampleRate {
		t.Fatalf("only %d samples of words were heard", len(wrong))
	}
	for name, c := range map[string]struct{ from, pin string }{
		"an unknown number":     {"+12024569999", "999111"},
		"the right PIN, locked": {string(rosa.Phone), rosa.PIN},
	} {
		said, took, lost := try(c.from, c.pin)
		if other := otherWords(said, wrong); other > 2*audio.FrameSamples*(lost+wrongLost) {
			t.Errorf("%s hears other words: %d samples instead of %d, and %d of them differ", name, len(said), len(wrong), other)
		}
		if off := (took - wrongTook).Abs(); off > 5*time.Second {
			t.Errorf("%s takes %s instead of %s", name, took, wrongTook)
		}
	}
	if b.mode() != mode.Normal {
		t.Error("somebody got in")
	}

	// The floor is alerted, and a code from the paper opens what is locked.
	if page := b.page("supervisor", "floor"); !strings.Contains(page, "was locked at") {
		t.Error("the floor page does not tell that the PIN line was locked")
	}
	code := b.codes("supervisor")[0]
	line := b.dial(string(rosa.Phone), "199")
	b.press(line, time.Second, code+rosa.PIN+"#")
	b.press(line, 3*time.Second, "13") // the mode, busy
	b.press(line, 2*time.Second, "1")  // for two hours
	// Confirmed: what was pressed before that was asked does not count.
	b.until("a locked supervisor with a code sets the mode", func() bool {
		if b.mode() != mode.Busy {
			b.answer(line, "1")
		}
		return b.mode() == mode.Busy
	})
	line.Hangup()
}

// page is a page as somebody sees it.
func (b *box) page(login, path string) string {
	b.t.Helper()
	res, err := b.web(login).Get(b.base + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(body)
}

// deaf is a web port that no packet reaches.
type deaf struct {
	net.Listener
	once   sync.Once
	closed chan struct{}
}

func (d *deaf) Accept() (net.Conn, error) {
	<-d.closed
	return nil, net.ErrClosed
}

func (d *deaf) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

// TestWithTheWebBlockedTheNextCallerHearsIt: no web port can be reached. A
// supervisor records a bulletin by phone and sets Surge; the next caller hears a
// short greeting and the bulletin before the menu. Then the change is undone.
func TestWithTheWebBlockedTheNextCallerHearsIt(t *testing.T) {
	t.Parallel()
	const bulletinHz = 1400.0
	b := startBoxAfter(t, func(*config.Config) {}, func(h *hotline) {
		if err := h.web.Close(); err != nil {
			t.Fatal(err)
		}
		h.web = &deaf{Listener: h.web, closed: make(chan struct{})}
	})
	line := b.supervisorLine()
	b.press(line, 3*time.Second, "41") // a bulletin in English
	b.speakAfterBeep(line, bulletinHz, 4*time.Second)
	line.SayLoop(nil)
	b.waitTone("the supervisor, hearing the bulletin back,", line, bulletinHz)
	b.waitNotTone(line, bulletinHz)
	b.press(line, 500*time.Millisecond, "1") // keep it
	b.press(line, 3*time.Second, "2")        // true for six hours
	if len(b.h.board.List()) != 0 {
		t.Error("it is published before it was confirmed")
	}
	b.answer(line, "1")
	b.until("the bulletin is published", func() bool { return len(b.h.board.Playing("en", time.Now())) == 1 })
	b.press(line, 4*time.Second, "14") // the mode, surge
	b.press(line, 2*time.Second, "1")  // for two hours
	b.answer(line, "1")                // confirmed
	b.until("the mode is Surge", func() bool { return b.mode() == mode.Surge })

	caller := b.dial("+12024561151", "100")
	b.press(caller, 1500*time.Millisecond, "1") // English
	b.waitTone("the next caller", caller, bulletinHz)
	caller.Hangup()
	if one := b.h.board.List()[0]; one.Via != "phone" || one.Name != b.people["supervisor"].Name || time.Until(one.ValidUntil) > 6*time.Hour {
		t.Errorf("the bulletin is %+v", one)
	}

	b.answer(line, "7") // undo
	b.answer(line, "1")
	b.until("the mode is as before", func() bool { return b.mode() == mode.Normal })
	line.Hangup()
}

// TestALineIsClosedByPhone: the help line takes no new callers; they hear why
// and are open items, and whoever waits already is still in line.
func TestALineIsClosedByPhone(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	before := b.helpCall("+12024561161", cHz)
	b.untilWaiting(1)
	code := b.codes("supervisor")[0]
	line := b.supervisorLine()
	b.press(line, 3*time.Second, "51") // a line, the help line
	b.answer(line, "1")                // confirmed
	b.answer(line, "1")                // with a code
	if b.h.closures.Closed("help") {
		t.Error("it is closed without a second proof")
	}
	b.press(line, 2*time.Second, code)
	b.until("the line is closed", func() bool { return b.h.closures.Closed("help") })
	line.Hangup()

	caller := b.helpCall("+12024561162", cHz)
	b.answer(caller, "5") // nobody is in danger
	b.answer(caller, "1") // to be called back
	b.ended(caller)
	row := only(t, b.exportUntil("contacts", "outcome", "callback_request"), "caller_number", "+12024561162")
	if row["open_item"] != "callback" || row["queue"] != "help" {
		t.Errorf("who was turned away is recorded as %v", row)
	}
	b.untilWaiting(1)
	before.Hangup()
	if page := b.page("supervisor", "floor"); !strings.Contains(page, "closed") {
		t.Error("the floor page does not tell that the line is closed")
	}
}

// rosaAt gives a supervisor a telephone that the test's network reaches.
func (b *box) rosaAt(number call.Number, pin string) {
	b.t.Helper()
	a, err := b.h.accounts.Add(b.t.Context(), roster.Account{Login: "rosa2", Name: "Rosa Two", Role: roster.RoleSupervisor, Phone: number}, "meadow-lantern-43", "")
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.h.accounts.SetPIN(b.t.Context(), a.ID, pin, ""); err != nil {
		b.t.Fatal(err)
	}
}

// TestAGraveChangeIsConfirmedOnTheNumberOnFile: whoever has number and PIN asks
// for it to be closed; the hotline calls the number on file, and one key there
// closes it. Then callers are sent to a partner and really connected.
func TestAGraveChangeIsConfirmedOnTheNumberOnFile(t *testing.T) {
	t.Parallel()
	network, answered := outside(t, bHz)
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.Lines = []config.Line{{Name: "gateway", Servers: []string{network.Addr().String()}}}
		c.SIP.Outgoing.Prefixes = []string{"+1202555"}
	})
	b.rosaAt("+12025550191", "482916")
	line := b.dial("+12025550191", "199")
	b.press(line, time.Second, "482916#")
	b.press(line, 3*time.Second, "17")           // the mode, to a partner
	b.press(line, 3*time.Second, "12025550192#") // this one
	b.press(line, 3*time.Second, "1")            // for two hours
	b.answer(line, "1")                          // confirmed
	b.answer(line, "2")                          // called back
	b.ended(line)
	if b.mode() != mode.Normal {
		t.Fatal("it was changed without the second proof")
	}
	var back *phone.Call
	select {
	case back = <-answered:
	case <-time.After(60 * time.Second):
		t.Fatal("the number on file is not called")
	}
	back.SayLoop(nil)
	b.answer(back, "1")
	b.until("callers go to the partner", func() bool { return b.mode() == mode.Redirect })
	b.ended(back)

	caller := b.dial("+12024561171", "100")
	caller.SayLoop(audio.Tone(cHz, time.Second, -12))
	b.press(caller, 1500*time.Millisecond, "1")
	var partner *phone.Call
	select {
	case partner = <-answered:
	case <-time.After(60 * time.Second):
		t.Fatal("the partner is not called")
	}
	b.hears("the caller, with the partner,", callerEar{caller}, allHz, bHz)
	b.hears("the partner, with the caller,", callerEar{partner}, allHz, cHz)
	partner.Hangup()
	b.ended(caller)
}

// TestPeopleAreCalledInByPhone: who is marked as reachable and off shift is
// called and answers by key; the supervisor's screen shows it.
func TestPeopleAreCalledInByPhone(t *testing.T) {
	t.Parallel()
	network, answered := outside(t, bHz)
	dead, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}) // nobody reads it
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.Lines = []config.Line{{Name: "dead", Servers: []string{dead.LocalAddr().String()}}, {Name: "gateway", Servers: []string{network.Addr().String()}}}
		c.SIP.Outgoing.Prefixes = []string{"+1202555"}
	})
	if _, err := b.h.accounts.Add(t.Context(), roster.Account{Login: "ben", Name: "Ben Reachable", Role: roster.RoleAgent, Phone: "+12025550193", Reachable: true},
		"meadow-lantern-43", ""); err != nil {
		t.Fatal(err)
	}
	b.redRings(answered)
	// In the same way a supervisor hears that callers wait for too long, and says
	// that somebody sees to it (P8). When that is, triage/supervise tests.
	told := make(chan ivr.Outcome, 1)
	go func() {
		heard, _ := b.h.ringer()(t.Context(), supervise.Ringing{To: "+12025550194", Role: "supervisor", Flow: supervise.FlowAlert, Language: "es", RingFor: 20 * time.Second,
			Attributes: map[string]string{"alert.queue": "life", "alert.kind": "danger", "room.waiting": "2", "room.longest": "4"}})
		told <- heard
	}()
	select {
	case lead := <-answered:
		lead.SayLoop(nil)
		b.press(lead, 2*time.Second, "1")
		b.ended(lead)
	case <-time.After(60 * time.Second):
		t.Fatal("the supervisor is not called")
	}
	if heard := <-told; heard.Attributes["alert.answer"] != "yes" {
		t.Errorf("who pressed 1 is taken for %v", heard.Attributes)
	}
	line := b.supervisorLine()
	b.press(line, 3*time.Second, "6")
	b.answer(line, "1")
	var ben *phone.Call
	select {
	case ben = <-answered:
	case <-time.After(60 * time.Second):
		t.Fatal("nobody is called")
	}
	ben.SayLoop(nil)
	b.press(ben, 3*time.Second, "1")
	b.ended(ben)
	b.until("the answer is known", func() bool { return b.h.commands.CallOutState().Count("yes") == 1 })
	line.Hangup()
	if page := b.page("supervisor", "floor/lines"); !strings.Contains(page, "Ben Reachable") {
		t.Error("the page of the supervisor does not name who comes")
	}
}

// redRings lets a line be dead until supervisors are called about it: not at a
// number that may not be called, and by the other line; who presses 1 is named.
func (b *box) redRings(answered <-chan *phone.Call) {
	b.t.Helper()
	lead := func(login, name string, number call.Number) {
		if _, err := b.h.accounts.Add(b.t.Context(), roster.Account{Login: login, Name: name, Role: roster.RoleSupervisor, Phone: number, Reachable: true, Languages: []string{"en"}}, "meadow-lantern-43", ""); err != nil {
			b.t.Fatal(err)
		}
	}
	lead("far", "Far Away", "+442079460018")
	b.until("the dead line is known to be dead", func() bool { return of(b.h.red(), "line.down") != nil })
	now := time.Now()
	b.h.commands.SeeRed(b.t.Context(), now)
	b.h.commands.SeeRed(b.t.Context(), now.Add(3*time.Minute))
	if last := b.h.commands.RedRound(); len(last.People) != 1 || last.People[0].Answer != supervise.Missed || !slices.Contains(last.Found, "line.down") {
		b.t.Fatalf("with nobody who may be called the round is %+v", last)
	}
	lead("lead", "Lee Lead", "+12025550195")
	rung := make(chan struct{})
	go func() {
		defer close(rung)
		b.h.commands.SeeRed(b.t.Context(), now.Add(30*time.Minute))
	}()
	select {
	case lee := <-answered:
		lee.SayLoop(nil)
		if _, err := listen(b.t.Context(), lee, 0, nextHeard, nextLimit); err != nil { // what is wrong, and what to do
			b.t.Error(err)
		}
		b.press(lee, time.Second, "1")
		b.ended(lee)
	case <-time.After(60 * time.Second):
		b.t.Fatal("no supervisor is called about a dead line")
	}
	<-rung
	if page := b.page("supervisor", "health"); !strings.Contains(page, "Lee Lead sees to it") || !strings.Contains(page, "Line dead has not worked") {
		b.t.Error("the health page does not say what is wrong and who sees to it")
	}
	before := len(b.h.commands.RedRound().People)
	b.h.commands.SeeRed(b.t.Context(), now.Add(24*time.Hour)) // rings nobody: the network has no such call
	if after := b.h.commands.RedRound(); len(after.People) != before {
		b.t.Errorf("somebody sees to it, and these are called: %+v", after.People)
	}
	var log []string
	if err := b.h.records.View(func(tx *store.Tx) error {
		for e := range tx.EventLog(0) {
			if e.Kind == supervise.EventRedHeard {
				log = append(log, e.Data["answer"])
			}
		}
		return nil
	}); err != nil || !slices.Contains(log, supervise.Coming) || !slices.Contains(log, supervise.Missed) {
		b.t.Errorf("the log has the answers %q (%v)", log, err)
	}
}
