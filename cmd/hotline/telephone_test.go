package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"hotline/appliance/lines"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
	"hotline/triage/desk"
)

// A line and a number that are added while a call runs carry calls at once, in
// both directions, and the call that runs knows nothing of it.
func TestALineAndANumberAreAddedWhileTheHotlineRuns(t *testing.T) {
	t.Parallel()
	net, answered := outside(t, cHz)
	b := startBox(t)
	rosa := b.seatedAs("Rosa", sHz, true, "supervisor")
	if err := rosa.seat.Do(t.Context(), desk.Command{Type: "call.out", Number: "+1 202 555 0191", Queue: "help"}); err == nil || !strings.Contains(err.Error(), "no line") {
		t.Errorf("without a line, calling out is answered with %v", err)
	}
	rosa.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561131", cHz)
	rosa.answer()
	b.hears("Rosa", rosa.sound, allHz, cHz)
	ring := func(number string) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err := phone.Dial(ctx, phone.Config{From: "+12024561132", To: number, Server: b.h.trunk.Addr()})
		if err == nil {
			c.Hangup()
		}
		return err
	}
	var refused *phone.RefusedError
	if err := ring("300"); !errors.As(err, &refused) || refused.Status != 404 {
		t.Errorf("a number that is not ours: %v", err)
	}

	ctx := t.Context()
	if err := errors.Join(
		b.h.lines.Add(ctx, lines.Line{Name: "gateway", Kind: lines.GSM, Servers: []string{net.Addr().String()}}, "", "ana"),
		b.h.lines.SetNumber(ctx, lines.Number{Number: "300", Leads: lines.Flow, Name: "info"}, "ana")); err != nil {
		t.Fatal(err)
	}
	if err := ring("300"); err != nil {
		t.Errorf("a number that was added: %v", err)
	}
	// With a line, nothing may be called before somebody has said so.
	if b.h.desk.CallsOut() {
		t.Error("a hotline on which nothing is allowed offers to call out")
	}
	var dial *trunk.DialError
	if _, err := b.h.trunk.Dial(ctx, trunk.Outgoing{To: "+12025550193", Role: roleTest}); err == nil || errors.As(err, &dial) && dial.Status != 403 || !strings.Contains(err.Error(), "may not call any number") {
		t.Errorf("a hotline on which nothing is allowed calls: %v", err)
	}
	if err := b.h.lines.SetDials(ctx, []string{"+1202555"}, "ana"); err != nil {
		t.Fatal(err)
	}
	b.hears("Rosa, with a caller from before,", rosa.sound, allHz, cHz)
	b.hears("the caller", callerEar{caller}, allHz, sHz)
	rosa.do(desk.Command{Type: "consult", To: desk.Target{Kind: "number", ID: "+12025550192"}})
	person := <-answered
	b.hears("Rosa, asking over the new line,", rosa.sound, allHz, cHz)

	if err := b.h.lines.SetDials(ctx, nil, "ana"); err != nil {
		t.Fatal(err)
	}
	if b.h.desk.CallsOut() {
		t.Error("what may not be called any more is called")
	}
	if err := b.h.lines.SetDials(ctx, []string{"+1202555", "+34"}, "ana"); err != nil {
		t.Fatal(err)
	}

	// Who may call out, and how often: at once.
	byDialogue := func() error {
		_, err := b.h.trunk.Dial(ctx, trunk.Outgoing{To: "+12025550193", Role: desk.RoleOfFlows})
		return err
	}
	if err := byDialogue(); err == nil || !strings.Contains(err.Error(), "not allowed for this role") {
		t.Errorf("a dialogue that may not call out: %v", err)
	}
	if err := b.h.lines.SetOut(ctx, lines.CallsOut{Roles: []string{desk.RoleOfFlows}, PerHour: 1}, "ana"); err != nil {
		t.Fatal(err)
	}
	if err := byDialogue(); err == nil || !strings.Contains(err.Error(), "has made its 1 calls out of this hour") {
		t.Errorf("a dialogue that may call out, in an hour that is used up: %v", err)
	}
	if err := b.h.lines.SetOut(ctx, lines.CallsOut{Roles: []string{desk.RoleOfFlows}, PerHour: 60}, "ana"); err != nil {
		t.Fatal(err)
	}

	// It goes while a call is on it; that call stays, and no other comes.
	if err := errors.Join(b.h.lines.Remove(ctx, "gateway", "ana"), b.h.lines.RemoveNumber(ctx, "300", "ana")); err != nil {
		t.Fatal(err)
	}
	b.hears("the person outside, on a line that is removed,", callerEar{person}, allHz, sHz)
	if err := ring("300"); !errors.As(err, &refused) || refused.Status != 404 {
		t.Errorf("a number that was removed: %v", err)
	}
	if b.h.desk.CallsOut() {
		t.Error("the desk offers calls out without a line")
	}
	person.Hangup()
	caller.Hangup()

	// A test call over a new one, on the real trunk: heard, and over by itself.
	if err := b.h.lines.Add(ctx, lines.Line{Name: "second", Kind: lines.PBX, Servers: []string{net.Addr().String()}}, "", "ana"); err != nil {
		t.Fatal(err)
	}
	if err := b.h.trials.Start("second", "+12025550193", "en", "ana"); err != nil {
		t.Fatal(err)
	}
	person = <-answered
	if err := person.WaitWords(ctx); err != nil {
		t.Errorf("whoever answers a test call hears nothing: %v", err)
	}
	if err := person.Press(ctx, "1"); err != nil {
		t.Fatal(err)
	}
	b.ended(person)
	select {
	case <-b.h.trials.Over():
	case <-time.After(patience):
		t.Fatal("the test call is not over")
	}
	if last, _ := b.h.trials.Last(); last.Outcome != lines.Good || len(last.Steps) != len(lines.Steps()) {
		t.Errorf("the test call: %+v", last)
	}
	states := b.h.trunk.Lines()
	if len(states) != 1 || states[0].Name != "second" {
		t.Errorf("the lines: %+v", states)
	}
}
