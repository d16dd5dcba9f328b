package main

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hotline/appliance/audio"
	"hotline/appliance/config"
	"hotline/appliance/trunk/phone"
	"hotline/provisioning"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/volunteers/roster"
)

// desksAt lets desk phones register from an address that callers do not have.
const desksAt = "127.0.0.2"

func withDesks(c *config.Config) {
	c.SIP.Peers, c.SIP.Phones = []string{"127.0.0.1"}, []string{desksAt}
}

// telephone is an agent's desk phone: it rings and, as long as nothing else is
// said, is picked up and speaks a tone.
type telephone struct {
	*phone.Station
	b      *box
	hz     float64
	picked chan *phone.Call

	mu     sync.Mutex
	refuse int  // SIP status to answer with
	silent bool // rings and is not picked up
}

func (b *box) telephone(hz float64) *telephone {
	b.t.Helper()
	p := &telephone{b: b, hz: hz, picked: make(chan *phone.Call, 8)}
	var err error
	if p.Station, err = phone.Listen(context.Background(), netip.MustParseAddr(desksAt), phone.Config{}, p.rung); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(p.Close)
	return p
}

func (p *telephone) rung(ctx context.Context, r *phone.Request) {
	p.mu.Lock()
	refuse, silent := p.refuse, p.silent
	p.mu.Unlock()
	var err error
	switch {
	case r.Method != "INVITE":
		err = r.Reply(nil, 200, false)
	case refuse != 0:
		err = r.Reply(nil, refuse, false)
	default:
		if err = r.Reply(nil, 180, false); err != nil {
			break
		}
		if silent {
			select {
			case <-r.Cancelled:
			case <-ctx.Done():
			}
			return
		}
		var c *phone.Call
		if c, err = r.Answer(); err == nil {
			c.SayLoop(audio.Tone(p.hz, time.Second, -12))
			p.picked <- c
		}
	}
	if err != nil {
		p.b.t.Errorf("a desk phone: %v", err)
	}
}

func (p *telephone) manner(refuse int, silent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse, p.silent = refuse, silent
}

// call is the next call that was picked up.
func (p *telephone) call() *phone.Call {
	p.b.t.Helper()
	select {
	case c := <-p.picked:
		return c
	case <-time.After(patience):
		p.b.t.Fatal("the desk phone does not ring")
		return nil
	}
}

// hired makes an account with a desk phone, and its seat without a page.
func (b *box) hired(login, name string, role roster.Role, p *telephone) *worker {
	b.t.Helper()
	if _, err := provisioning.Enrol(b.t.Context(), b.h.accounts, []provisioning.Person{{Login: login, Name: name, Role: role, Profile: "all"}}); err != nil {
		b.t.Fatal(err)
	}
	list, err := b.h.accounts.List()
	if err != nil {
		b.t.Fatal(err)
	}
	w := &worker{b: b}
	for _, a := range list {
		if a.Login == login {
			w.id = a.ID
		}
	}
	extension, password, err := b.h.accounts.NewDeskPhone(b.t.Context(), w.id, "")
	if err != nil {
		b.t.Fatal(err)
	}
	b.registers(p, extension, password)
	w.seat = b.h.desk.Seat(desk.Person{ID: w.id, Name: name, Login: login, Profile: "all", Role: string(role),
		Supervises: role.May(roster.Floor), Extension: extension})
	w.do(desk.Command{Type: "sound", Mode: "phone"})
	return w
}

func (b *box) registers(p *telephone, extension, password string) {
	b.t.Helper()
	limit := time.Now().Add(patience)
	for {
		err := p.Register(b.t.Context(), b.h.trunk.Addr(), extension, password)
		if err == nil {
			return
		}
		if time.Now().After(limit) {
			b.t.Fatalf("the desk phone cannot register: %v", err)
		}
	}
}

// A phone volunteer works at a desk phone, without a page: picks up, talks,
// holds, hangs up, and the next caller rings after the time for notes.
func TestAnAgentAtADeskPhone(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, withDesks)
	set := b.telephone(aHz)
	amina := b.hired("amina", "Amina", roster.RoleAgent, set)
	amina.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561141", cHz)
	line := set.call()
	amina.is(triage.OnCall)
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	b.hears("Amina, at the telephone,", callerEar{line}, allHz, cHz)

	// Hold at the telephone itself is hold for the caller.
	if err := line.Hold(t.Context(), phone.SendOnly); err != nil {
		t.Fatal(err)
	}
	b.hears("the caller, on hold,", callerEar{caller}, allHz)
	if !amina.seat.Snapshot().Call.Held {
		t.Error("the page does not show the hold")
	}
	if err := line.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.hears("the caller, after the hold,", callerEar{caller}, allHz, aHz)

	contact := amina.seat.Snapshot().Call.Contact
	line.Hangup()
	b.ended(caller)
	amina.is(triage.WrapUp)
	row := only(t, b.exportUntil("contacts", "outcome", "answered"), "caller_number", "+12024561141")
	if row["contact_id"] != "" && row["contact_id"] != contact || row["agent"] != "Amina" || row["ended_by"] != "agent" || row["open_item"] != "notes_unfinished" {
		t.Errorf("the call is recorded as %v", row)
	}
	oneStream(t, caller)
}

// Refusing sends the caller to the next agent, who may be at a browser; not
// answering takes the agent out of Ready, as at a page.
func TestADeskPhoneThatRefuses(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, func(c *config.Config) { withDesks(c); c.Ring = 10 })
	set := b.telephone(aHz)
	amina := b.hired("amina", "Amina", roster.RoleAgent, set)
	set.manner(486, false)
	amina.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561142", cHz)
	if s := amina.is(triage.OnBreak); s.Agent.Reason != "not_now" {
		t.Errorf("who refuses is on break for %q", s.Agent.Reason)
	}
	ben := b.seated("Ben", bHz, false)
	ben.do(desk.Command{Type: "ready"})
	ben.answer()
	b.hears("the caller", callerEar{caller}, allHz, bHz)
	b.hears("Ben", ben.sound, allHz, cHz)

	set.manner(0, true)
	amina.do(desk.Command{Type: "ready"})
	second := b.helpCall("+12024561143", cHz)
	amina.is(triage.Missed) // after it has rung
	second.Hangup()
	caller.Hangup()
	ben.is(triage.WrapUp)
}

// A telephone that dies in a call: the caller hears a word and music, the same
// telephone is rung again and has the caller back.
func TestADeskPhoneThatDiesIsRungAgain(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, withDesks)
	set := b.telephone(aHz)
	amina := b.hired("amina", "Amina", roster.RoleAgent, set)
	amina.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561144", cHz)
	line := set.call()
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	line.Die()
	b.hears("the caller, whose agent's telephone is dead,", callerEar{caller}, allHz)
	again := set.call()
	b.hears("the caller, again,", callerEar{caller}, allHz, aHz)
	b.hears("Amina, again,", callerEar{again}, allHz, cHz)
	caller.Hangup()
	b.ended(again)
	amina.is(triage.WrapUp)
	oneStream(t, caller)
}

// A telephone that stays dead: the caller goes to the next agent first.
func TestADeskPhoneThatStaysDead(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, withDesks)
	set := b.telephone(aHz)
	amina := b.hired("amina", "Amina", roster.RoleAgent, set)
	amina.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561145", cHz)
	set.call()
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	set.Close()
	ben := b.seated("Ben", bHz, false)
	ben.do(desk.Command{Type: "ready"})
	for limit := time.Now().Add(90 * time.Second); ben.seat.Snapshot().Agent.State != triage.Offered; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the caller never goes to the next agent")
		}
	}
	amina.is(triage.Lost)
	ben.answer()
	b.hears("the caller, with Ben,", callerEar{caller}, allHz, bHz)
	caller.Hangup()
	ben.is(triage.WrapUp)
	oneStream(t, caller)
}

// With a page open, the same call is on it: what rings, the case, hold and the
// end, while the sound is on the desk phone.
func TestADeskPhoneBesideAPage(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, withDesks)
	set := b.telephone(aHz)
	list, err := b.h.accounts.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if a.Login == "volunteer" {
			extension, password, err := b.h.accounts.NewDeskPhone(t.Context(), a.ID, "")
			if err != nil {
				t.Fatal(err)
			}
			b.registers(set, extension, password)
		}
	}
	page := openBrowser(t, b.h.certs, bHz)
	page.signIn(b.base, "volunteer", b.people["volunteer"].Password)
	page.do("opening the desk", chromedp.Navigate(b.base+"desk?plain-audio=1"))
	page.press(`[data-card="off"] label[data-sound="phone"] input`)
	page.press(`[data-card="off"] [data-do="ready"]`)
	page.until("the volunteer is Ready", visible(`[data-card="ready"]`))
	if words := page.text(`[data-card="ready"]`); !strings.Contains(words, "ring at your telephone") || strings.Contains(words, "microphone") {
		t.Errorf("the page says %q", words)
	}
	set.manner(0, true)
	caller := b.helpCall("+12024561146", cHz)
	page.until("the call rings", visible(`[data-card="offer"]`))
	page.until("only the telephone answers", "!"+visible(`[data-do="accept"]`))
	page.picture("offer")
	set.manner(0, false)
	page.press(`[data-card="offer"] [data-do="decline"]`)
	page.until("a refused call pauses", visible(`[data-card="break"]`))
	page.press(`[data-card="break"] [data-do="ready"]`)
	line := set.call()
	page.until("the call is on the page", visible(`[data-card="oncall"]`))
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	b.hears("Amal, at the telephone,", callerEar{line}, allHz, cHz)
	page.picture("oncall")
	page.press(`[data-card="oncall"] [data-do="hold"]`)
	b.hears("the caller, on hold,", callerEar{caller}, allHz)
	page.press(`[data-card="oncall"] [data-do="hold"]`)
	b.hears("the caller, back,", callerEar{caller}, allHz, aHz)
	page.press(`[data-card="oncall"] [data-do="end"]`)
	b.ended(caller)
	b.ended(line)
	page.until("the notes are to be finished", visible(`[data-card="wrap"]`))
}
