package main

import (
	"strings"
	"testing"
	"time"

	"hotline/appliance/config"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/volunteers/roster"
)

// Six people on one call, one of them at a desk phone and one outside: each
// hears exactly the five others. A seventh is refused in words.
func TestSixPeopleOnOneCall(t *testing.T) {
	t.Parallel()
	const dHz, eHz = 700.0, 2690.0
	six := append([]float64{dHz, eHz}, allHz...)
	net, answered := outside(t, eHz)
	b := startBoxWith(t, func(c *config.Config) {
		withDesks(c)
		c.SIP.Peers = append(c.SIP.Peers, net.Addr().Addr().String())
		c.SIP.Lines = []config.Line{{Name: "gateway", Servers: []string{net.Addr().String()}}}
		c.SIP.Outgoing.Prefixes, c.SIP.Outgoing.Roles = []string{"+1202555"}, []string{"agent"}
	})
	set := b.telephone(aHz)
	amina := b.hired("amina", "Amina", roster.RoleAgent, set)
	amina.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561171", cHz)
	line := set.call()
	b.hears("the caller", callerEar{caller}, six, aHz)

	sounds := map[string]ear{"the caller": callerEar{caller}, "Amina": callerEar{line}}
	tones := map[string]float64{"the caller": cHz, "Amina": aHz}
	for _, who := range []struct {
		name string
		hz   float64
	}{{"Ben", bHz}, {"Cora", sHz}, {"Dan", dHz}} {
		w := b.seated(who.name, who.hz, false)
		w.do(desk.Command{Type: "ready"})
		amina.do(desk.Command{Type: "consult", To: desk.Target{Kind: "agent", ID: w.id}})
		w.answer()
		b.hears("Amina, asking "+who.name+",", callerEar{line}, six, who.hz)
		amina.do(desk.Command{Type: "consult.join"})
		sounds[who.name], tones[who.name] = w.sound, who.hz
	}
	amina.do(desk.Command{Type: "consult", To: desk.Target{Kind: "number", ID: "+12025550196"}})
	person := <-answered
	b.hears("Amina, asking outside,", callerEar{line}, six, eHz)
	amina.do(desk.Command{Type: "consult.join"})
	sounds["the person outside"], tones["the person outside"] = callerEar{person}, eHz

	for name, sound := range sounds {
		var others []float64
		for other, hz := range tones {
			if other != name {
				others = append(others, hz)
			}
		}
		b.hears(name, sound, six, others...)
	}
	eve := b.seated("Eve", 3210, false)
	eve.do(desk.Command{Type: "ready"})
	err := amina.seat.Do(t.Context(), desk.Command{Type: "consult", To: desk.Target{Kind: "agent", ID: eve.id}})
	if err == nil || !strings.Contains(err.Error(), "Six people") {
		t.Errorf("a seventh person is answered with %v", err)
	}
	person.Hangup()
	b.hears("the caller, with five,", callerEar{caller}, six, aHz, bHz, sHz, dHz)
	line.Hangup() // who leads the call ends it
	b.ended(caller)
	amina.is(triage.WrapUp)
	oneStream(t, caller)
}

// A supervisor listens to an agent at a desk phone, whispers, joins and takes
// over: by tones, nobody hears more.
func TestASupervisorOnTheCallOfADeskPhone(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, withDesks)
	set, sets := b.telephone(aHz), b.telephone(sHz)
	amina := b.hired("amina", "Amina", roster.RoleAgent, set)
	rosa := b.hired("rosa", "Rosa", roster.RoleSupervisor, sets)
	amina.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561172", cHz)
	line := set.call()
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	contact := amina.seat.Snapshot().Call.Contact

	rosa.do(desk.Command{Type: "monitor", Contact: contact, Mode: "listen"}) // her telephone rings first
	ears := sets.call()
	b.hears("Rosa, listening,", callerEar{ears}, allHz, cHz, aHz)
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	b.hears("Amina", callerEar{line}, allHz, cHz)
	rosa.do(desk.Command{Type: "monitor", Contact: contact, Mode: "whisper"})
	b.hears("Amina, whispered to,", callerEar{line}, allHz, cHz, sHz)
	b.hears("the caller, who does not hear the whisper,", callerEar{caller}, allHz, aHz)
	rosa.do(desk.Command{Type: "monitor", Contact: contact, Mode: "barge"})
	b.hears("the caller, with both,", callerEar{caller}, allHz, aHz, sHz)
	b.hears("Rosa, with both,", callerEar{ears}, allHz, cHz, aHz)
	rosa.do(desk.Command{Type: "monitor.take", Contact: contact})
	amina.is(triage.WrapUp)
	b.ended(line)
	b.hears("the caller, with Rosa,", callerEar{caller}, allHz, sHz)
	b.hears("Rosa, with the caller,", callerEar{ears}, allHz, cHz)
	caller.Hangup()
	b.ended(ears)
	rosa.is(triage.WrapUp)
	oneStream(t, caller)
}

// Two colleagues speak without a caller, one in a browser and one at a desk
// phone, and are free afterwards.
func TestTwoColleaguesSpeak(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, withDesks)
	set := b.telephone(aHz)
	amina := b.hired("amina", "Amina", roster.RoleAgent, set)
	amina.do(desk.Command{Type: "ready"})
	ben := b.seated("Ben", bHz, false)
	ben.do(desk.Command{Type: "ready"})
	if list := ben.seat.Directory(); !list.Calls {
		t.Error("the page does not offer to call a colleague")
	}
	set.manner(486, false)
	ben.do(desk.Command{Type: "call.agent", Agent: amina.id})
	if c := b.complaint(ben); !strings.Contains(c.Text, "Amina did not answer") || strings.Contains(c.Text, "caller") {
		t.Errorf("a colleague who refuses is told as %q", c.Text)
	}
	ben.is(triage.Ready)
	set.manner(0, false)
	amina.do(desk.Command{Type: "ready"})
	ben.do(desk.Command{Type: "call.agent", Agent: amina.id})
	line := set.call()
	b.hears("Ben", ben.sound, allHz, aHz)
	b.hears("Amina", callerEar{line}, allHz, bHz)
	if v := ben.seat.Snapshot().Call; !v.Internal || len(v.Parties) != 1 || v.Parties[0].Name != "Amina" {
		t.Errorf("Ben's page shows %+v", v)
	}
	if err := ben.seat.Do(t.Context(), desk.Command{Type: "case.save", Fields: map[string]any{"place": "here"}}); err == nil {
		t.Error("a case can be written where there is no caller")
	}
	if view, err := b.h.desk.FloorView(time.Now()); err != nil || len(view.Waiting) != 0 {
		t.Errorf("the floor shows %+v waiting (%v)", view.Waiting, err)
	}
	line.Hangup()
	ben.is(triage.Ready)
	amina.is(triage.Ready)
	row := only(t, b.exportUntil("contacts", "outcome", "colleague_call"), "outcome", "colleague_call")
	if row["direction"] != "internal" || row["agent"] != "Ben" || row["open_item"] != "" {
		t.Errorf("the call is recorded as %v", row)
	}
}

// A caller who came to the wrong place is sent to a number of the hotline, as
// if they had rung it, and keeps age and language.
func TestACallerIsSentToAnotherNumber(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, func(c *config.Config) { c.SIP.Help = []string{"100", "101"} })
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561173", cHz)
	amal.answer()
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	contact := amal.seat.Snapshot().Call.Contact
	if list := amal.seat.Directory(); len(list.Entries) != 2 {
		t.Errorf("the page offers the numbers %v", list.Entries)
	}
	for _, wrong := range []string{"199", "999", ""} {
		err := amal.seat.Do(t.Context(), desk.Command{Type: "transfer", To: desk.Target{Kind: "entry", ID: wrong}})
		if err == nil || !strings.Contains(err.Error(), "no such number") {
			t.Errorf("sending a caller to %q gives %v", wrong, err)
		}
	}
	amal.do(desk.Command{Type: "transfer", To: desk.Target{Kind: "entry", ID: "101"}})
	amal.is(triage.WrapUp)
	amal.do(desk.Command{Type: "wrap", Contact: contact, Disposition: "info_given"})
	amal.is(triage.Ready)
	b.press(caller, 2*time.Second, "1") // the dialogue of that number, from its start
	b.press(caller, 2*time.Second, "1")
	s := amal.is(triage.Offered)
	if s.Call.Contact != contact || s.Call.Language != "en" {
		t.Errorf("the caller comes back as %+v", s.Call)
	}
	amal.answer()
	b.hears("the caller, after the detour,", callerEar{caller}, allHz, aHz)
	caller.Hangup()
	amal.is(triage.WrapUp)
	oneStream(t, caller)
}
