package main

import (
	"strings"
	"time"

	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/desk"
)

// comesBackWithTheCode: somebody calls from another telephone with the code of
// a case and waits for a person, who has the case in front of them once they
// answer; then adds to it by voice, which hangs at the case on the worklist.
// No digit of the code is in the records.
func (b *box) comesBackWithTheCode(agent *worker, of string) {
	b.t.Helper()
	k, err := b.h.contacts.Get(of)
	if err != nil {
		b.t.Fatal(err)
	}
	cs, err := triage.NewCases(b.h.records, liststest.Open(b.t, b.h.records)).Get(k.Case)
	if err != nil {
		b.t.Fatal(err)
	}
	agent.is(triage.Ready)
	again := b.dial("+12024561191", "100")
	b.press(again, time.Second, "1")
	b.press(again, 2*time.Second, "6"+cs.Code+"#3")
	if s := agent.is(triage.Offered); !s.Call.ByCode || s.Case != nil {
		b.t.Errorf("who is rung sees %+v of the case, and by code: %v", s.Case, s.Call.ByCode)
	}
	agent.answer()
	s := agent.seat.Snapshot()
	if s.Case == nil || s.Case.Code != cs.Code || s.Case.Fields.Place != cs.Fields.Place || !s.Call.ByCode {
		b.t.Errorf("who answers sees the case %+v, by code: %v", s.Case, s.Call.ByCode)
	}
	agent.do(desk.Command{Type: "end"})
	b.ended(again)
	agent.is(triage.WrapUp)
	agent.do(desk.Command{Type: "wrap", Contact: s.Call.Contact, Disposition: "info_given"})

	adds := b.dial("+12024561192", "100")
	b.press(adds, time.Second, "1")
	b.press(adds, 2*time.Second, "6"+cs.Code+"#1")
	b.speakAfterBeep(adds, callerHz, 2*time.Second)
	adds.SayLoop(nil)
	b.ended(adds)
	item := b.untilItem("+12024561192", "the message about the case", func(i triage.Item) bool { return i.Kind == triage.OpenVoicemail })
	if item.Case != cs.ID {
		b.t.Errorf("the message hangs at the case %q, not %q", item.Case, cs.ID)
	}
	if cs, err = triage.NewCases(b.h.records, liststest.Open(b.t, b.h.records)).Get(cs.ID); err != nil || len(cs.Contacts) != 3 {
		b.t.Errorf("the case has the calls %v (%v)", cs.Contacts, err)
	}
	for _, id := range cs.Contacts {
		k, err := b.h.contacts.Get(id)
		if err != nil || strings.Contains(k.Keys+strings.Join(k.Path, " "), cs.Code) {
			b.t.Errorf("the call has keys %q and the path %q (%v)", k.Keys, k.Path, err)
		}
	}
	if err := b.h.records.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(1) {
			for name, value := range ev.Data {
				if strings.Contains(value, cs.Code) {
					b.t.Errorf("the event %s names the code in %s", ev.Kind, name)
				}
			}
		}
		return nil
	}); err != nil {
		b.t.Fatal(err)
	}
}
