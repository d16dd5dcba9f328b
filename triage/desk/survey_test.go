package desk

import (
	"context"
	"slices"
	"testing"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/table"
	"hotline/triage"
)

// TestCallersAreAskedAfterATalk: one question when the agent has ended the call
// (F49), on the line of the caller and not of the agent; who hangs up, is
// protected or in danger is asked nothing, and the answer is in the export.
func TestCallersAreAskedAfterATalk(t *testing.T) {
	r := openRoomWith(t, map[string]string{
		"straight": "after_talk: ask\non_agent_connected: up\non_disconnect: over\nattributes: {up: yes_no, over: yes_no}\n" + flowHead + `steps:
  a: {queue: help}
  up: {set: {up: "yes"}, next: done}
  over: {set: {over: "yes"}, next: done}
  done: {end: done}
`,
		"ask": "attributes: {helped: yes_no}\n" + flowHead + `steps:
  a: {menu: {"1": {next: bye, set: {helped: "yes"}, as: "yes"}}, say: beep, default: bye, timeout: 30s, path: helped}
  bye: {hangup: done, say: goodbye}
`}, nil)
	ana := r.sit("ana")
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()

	c := r.dial("+12024561111")
	id := r.answer(ana)
	r.do(ana, Command{Type: "end", Contact: id})
	if err := c.WaitTone(ctx, 880); err != nil {
		t.Fatalf("the caller is not asked: %v", err)
	}
	// The agent is free meanwhile.
	r.do(ana, Command{Type: "wrap", Contact: id, Disposition: "info_given"})
	r.state(ana, triage.Ready)
	if err := c.Press(ctx, "1"); err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	k := r.record(id)
	r.until("the end of the call is noted", func() bool { k = r.record(id); return k.Attributes["over"] == "yes" })
	if k.Attributes["helped"] != "yes" || k.Attributes["up"] != "yes" || k.EndedBy != "agent" || k.Outcome != triage.OutcomeAnswered || k.Open != "" || k.Path[len(k.Path)-1] != "helped:yes" {
		t.Errorf("recorded: %+v", k)
	}
	rows := 0
	contacts := triage.ContactTable(r.cfg.Contacts, r.cfg.Lists)
	at := slices.IndexFunc(contacts.Columns, func(c table.Column) bool { return c.Name == "answers" })
	for row := range contacts.Rows {
		list, ok := row[at].([]string)
		if rows++; !ok || !slices.Equal(list, []string{"helped=yes", "over=yes", "up=yes"}) {
			t.Errorf("exported: %v", row[at])
		}
	}
	if rows != 1 {
		t.Errorf("%d contacts are exported", rows)
	}

	// Who hangs up at the question has talked, and the agent has ended it.
	c = r.dial("+12024561112")
	id = r.answer(ana)
	r.do(ana, Command{Type: "end", Contact: id})
	if err := c.WaitTone(ctx, 880); err != nil {
		t.Fatal(err)
	}
	c.Hangup()
	if k = r.record(id); k.Attributes["helped"] != "" || k.EndedBy != "agent" || k.Outcome != triage.OutcomeAnswered || k.Open != triage.OpenWrapUp {
		t.Errorf("hung up at the question: %+v", k)
	}
	r.do(ana, Command{Type: "wrap", Contact: id, Disposition: "info_given"})
	r.state(ana, triage.Ready)

	for name, change := range map[string]func(id string){
		"protected": func(id string) {
			if _, err := r.cfg.Contacts.Change(t.Context(), id, func(k *triage.Contact, _ time.Time) []events.Event { k.Protected = true; return nil }); err != nil {
				t.Fatal(err)
			}
		},
		"in danger": func(id string) { r.do(ana, Command{Type: "emergency", Contact: id, On: true}) },
	} {
		c = r.dial("+12024561113")
		id = r.answer(ana)
		change(id)
		r.do(ana, Command{Type: "end", Contact: id})
		<-c.Done()
		if k = r.record(id); len(k.Path) > 0 || k.Attributes["helped"] != "" {
			t.Errorf("%s, and asked: %+v", name, k)
		}
		r.do(ana, Command{Type: "wrap", Contact: id, Disposition: "info_given"})
		r.state(ana, triage.Ready)
	}
}
