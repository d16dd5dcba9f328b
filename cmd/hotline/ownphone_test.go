package main

import (
	"testing"
	"time"

	"hotline/appliance/config"
	"hotline/triage"
	"hotline/triage/desk"
)

// An agent is rung on the own telephone outside. Whoever answers must press 1;
// a mailbox, which does not, never gets a caller.
func TestAnAgentAtTheOwnTelephone(t *testing.T) {
	t.Parallel()
	net, answered := outside(t, aHz)
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.Lines = []config.Line{{Name: "gateway", Servers: []string{net.Addr().String()}}}
		c.SIP.Outgoing.Prefixes = []string{"+1202555"}
		c.Ring = 20 // as long as the mailbox is listened to
	})
	amina := &worker{b: b, id: "id-of-Amina"}
	amina.seat = b.h.desk.Seat(desk.Person{ID: amina.id, Name: "Amina", Login: "amina", Profile: "all", Role: "agent", Phone: "+12025550193"})
	amina.do(desk.Command{Type: "sound", Mode: "number"})
	amina.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561151", cHz)

	mailbox := <-answered
	select {
	case <-mailbox.Done():
	case <-time.After(patience):
		t.Fatal("a mailbox is not hung up")
	}
	// It hears the words of the offer, which have a little of every tone.
	if levels := (callerEar{mailbox}).Levels(cHz); levels[0] > 0.3 {
		t.Error("a mailbox has heard the caller")
	}
	amina.is(triage.Missed)
	b.hears("the caller, who still waits,", callerEar{caller}, allHz)

	amina.do(desk.Command{Type: "ready"})
	line := <-answered
	amina.is(triage.Offered)
	b.press(line, 2*time.Second, "1")
	amina.is(triage.OnCall)
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	b.hears("Amina, at the own telephone,", callerEar{line}, allHz, cHz)
	line.Hangup()
	b.ended(caller)
	amina.is(triage.WrapUp)
	oneStream(t, caller)
}

// Nothing is rung outside the list of numbers that may be called.
func TestAnOwnTelephoneThatMayNotBeRung(t *testing.T) {
	t.Parallel()
	net, _ := outside(t, aHz)
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.Lines = []config.Line{{Name: "gateway", Servers: []string{net.Addr().String()}}}
		c.SIP.Outgoing.Prefixes = []string{"+1202555"}
	})
	amina := &worker{b: b, id: "id-of-Amina"}
	amina.seat = b.h.desk.Seat(desk.Person{ID: amina.id, Name: "Amina", Login: "amina", Profile: "all", Role: "agent", Phone: "+442079460018"})
	amina.do(desk.Command{Type: "sound", Mode: "number"})
	amina.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561152", cHz)
	amina.is(triage.Lost)
	b.untilWaiting(1)
	pause(t.Context(), caller, 2*time.Second)
	if s := amina.seat.Snapshot(); s.Agent.State != triage.Lost {
		t.Errorf("who cannot be rung is %s again by itself", s.Agent.State)
	}
}
