package main

import (
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/config"
	"hotline/provisioning"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/volunteers/roster"
)

// byTelephone makes an account with a number and a PIN, and no page.
func (b *box) byTelephone(login, name string, number string) provisioning.Credential {
	b.t.Helper()
	people, err := provisioning.Enrol(b.t.Context(), b.h.accounts, []provisioning.Person{{Login: login, Name: name, Role: roster.RoleAgent, Profile: "all", Phone: call.Number("+1" + number)}})
	if err != nil {
		b.t.Fatal(err)
	}
	return people[0]
}

// agentState waits until the one agent with a name is in a state.
func (b *box) agentState(name string, want triage.AgentState) {
	b.t.Helper()
	var got triage.AgentState
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(50 * time.Millisecond) {
		view, err := b.h.desk.FloorView(time.Now())
		if err != nil {
			b.t.Fatal(err)
		}
		got = triage.Offline
		for _, a := range view.Agents {
			if a.Name == name {
				got = a.State
			}
		}
		if got == want {
			return
		}
	}
	b.t.Fatalf("%s is %s, want %s", name, got, want)
}

// No laptop works: a volunteer rings the agents' number, gives the PIN, stays
// on the line and is given two callers, one after the other.
func TestAnAgentWaitsOnTheLine(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	amina := b.byTelephone("amina", "Amina", "2025550143")
	line := b.dial("+12025550143", "198")
	line.SayLoop(audio.Tone(aHz, time.Second, -12))
	b.press(line, time.Second, amina.PIN+"#")
	b.press(line, 4*time.Second, "1")
	b.agentState("Amina", triage.Ready)

	first := b.helpCall("+12024561161", cHz)
	b.waitTone("Amina, before a caller comes,", line, beepHz)
	b.hears("Amina", callerEar{line}, allHz, cHz)
	b.hears("the caller", callerEar{first}, allHz, aHz)
	b.press(line, 0, "*1") // hold
	b.hears("the caller, on hold,", callerEar{first}, allHz)
	b.press(line, 0, "*1")
	b.hears("the caller, back,", callerEar{first}, allHz, aHz)
	b.press(line, 0, "*0") // the end of this call, not of the work
	b.ended(first)
	b.agentState("Amina", triage.WrapUp)

	second := b.helpCall("+12024561162", sHz)
	b.press(line, 0, "1") // no notes: the next one
	b.hears("Amina, with the next caller,", callerEar{line}, allHz, sHz)
	b.hears("the next caller", callerEar{second}, allHz, aHz)
	line.Hangup()
	b.ended(second)
	b.agentState("Amina", triage.Offline)

	rows := b.exportUntil("contacts", "outcome", "agent_line")
	if row := only(t, rows, "outcome", "agent_line"); row["agent"] != "Amina" || row["open_item"] != "" {
		t.Errorf("the call of the volunteer is recorded as %v", row)
	}
	if row := only(t, b.exportUntil("contacts", "caller_number", "+12024561162"), "caller_number", "+12024561162"); row["open_item"] != "notes_unfinished" || row["agent"] != "Amina" {
		t.Errorf("the second call is recorded as %v", row)
	}
	oneStream(t, line)
}

// An agent whose page and laptop die in a call rings the agents' number and has
// the caller back.
func TestAnAgentTakesTheCallerBackByTelephone(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	amina := b.byTelephone("amina", "Amina", "2025550144")
	list, err := b.h.accounts.List()
	if err != nil {
		t.Fatal(err)
	}
	var w *worker
	for _, a := range list {
		if a.Login == "amina" {
			w = b.seatedAt(a.ID, "Amina", aHz, false, "agent")
		}
	}
	w.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561163", cHz)
	w.answer()
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	w.sound.Close()
	b.hears("the caller, whose agent is lost,", callerEar{caller}, allHz)
	line := b.dial("+12025550144", "198")
	line.SayLoop(audio.Tone(bHz, time.Second, -12))
	b.press(line, time.Second, amina.PIN+"#")
	b.press(line, 4*time.Second, "1")
	b.hears("the caller, with the same agent by telephone,", callerEar{caller}, allHz, bHz)
	b.hears("the agent", callerEar{line}, allHz, cHz)
	caller.Hangup()
	w.is(triage.WrapUp)
	oneStream(t, caller)
}

// Ready by ring-back: the volunteer puts the telephone down and is rung on it
// when somebody calls.
func TestAnAgentIsRungBack(t *testing.T) {
	t.Parallel()
	net, answered := outside(t, aHz)
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.Lines = []config.Line{{Name: "gateway", Servers: []string{net.Addr().String()}}}
		c.SIP.Outgoing.Prefixes = []string{"+1202555"}
	})
	amina := b.byTelephone("amina", "Amina", "2025550195")
	line := b.dial("+12025550195", "198")
	b.press(line, time.Second, amina.PIN+"#")
	b.press(line, 4*time.Second, "2")
	b.ended(line)
	b.agentState("Amina", triage.Ready)
	caller := b.helpCall("+12024561164", cHz)
	rung := <-answered
	b.press(rung, 2*time.Second, "1")
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	b.hears("Amina", callerEar{rung}, allHz, cHz)
	caller.Hangup()
	b.ended(rung)
	b.agentState("Amina", triage.WrapUp)
}
