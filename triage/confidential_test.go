package triage

import (
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/events"
	"hotline/appliance/store/storetest"
)

// message leaves one in a box and hangs up.
func message(t *testing.T, c *Contacts, number, box string) Contact {
	t.Helper()
	k := opened(t, c, number)
	must(t, c.KeepMessage(t.Context(), k.ID, Message{Box: box}, audio.Tone(440, time.Second, -12).MuLaw()))
	end(t, c, k.ID, OutcomeSelfService, OpenVoicemail)
	k, err := c.Get(k.ID)
	must(t, err)
	return k
}

// spokeWith is a call that somebody of a queue has answered.
func spokeWith(t *testing.T, c *Contacts, number, queue string) {
	t.Helper()
	k := opened(t, c, number)
	_, err := c.Change(t.Context(), k.ID, func(k *Contact, now time.Time) []events.Event {
		k.Queue, k.ConnectedAt, k.Disposition = queue, now, "information"
		return nil
	})
	must(t, err)
	end(t, c, k.ID, OutcomeAnswered, "")
}

// A talk about something else answers no complaint, no word about the family
// and nothing that was told in private, although the number is the same.
func TestATalkClosesNoMessageAndNothingPrivate(t *testing.T) {
	c := NewContacts(storetest.Open(t))
	want := map[string]string{}
	for _, box := range []string{BoxComplaint, QueuePrivate, "safe"} {
		want[message(t, c, "+12024561111", box).ID] = OpenVoicemail
	}
	private := opened(t, c, "+12024561111")
	_, err := c.Change(t.Context(), private.ID, func(k *Contact, _ time.Time) []events.Event { k.Queue = QueuePrivate; return nil })
	must(t, err)
	end(t, c, private.ID, OutcomeAbandonedQueue, OpenAbandoned)
	want[private.ID] = OpenAbandoned
	left(t, c, "+12024561111") // and this is what the talk does answer

	spokeWith(t, c, "+12024561111", QueueHelp)
	got := openItems(t, c)
	for id, open := range want {
		if got[id] != open {
			t.Errorf("after a talk at the line for help the contact is open as %q, want %q", got[id], open)
		}
	}
	if len(got) != len(want) {
		t.Errorf("open is %v, want %v", got, want)
	}
	spokeWith(t, c, "+12024561111", QueuePrivate)
	if got := openItems(t, c); got[private.ID] != "" || len(got) != 3 {
		t.Errorf("after the private talk open is %v, want the messages", got)
	}
}

// A call-back about one thing closes no complaint of the same number.
func TestACallBackKeepsTheComplaint(t *testing.T) {
	c := NewContacts(storetest.Open(t))
	complaint := message(t, c, "+12024561111", BoxComplaint)
	other := left(t, c, "+12024561111")
	if other.Item != complaint.Item {
		t.Fatal("the attempts of one number are two items")
	}
	call, err := c.BeginCall(t.Context(), other.Item, Contact{Agent: "ana", Queue: QueueHelp})
	must(t, err)
	end(t, c, call.ID, OutcomeAnswered, OpenWrapUp)
	_, err = c.Change(t.Context(), call.ID, func(k *Contact, _ time.Time) []events.Event {
		k.Disposition, k.Open = "information", ""
		return nil
	})
	must(t, err)
	if got := openItems(t, c); len(got) != 1 || got[complaint.ID] != OpenVoicemail {
		t.Errorf("open is %v, want the complaint alone", got)
	}
}

func TestWhoMayWorkOnWhatWasToldInPrivate(t *testing.T) {
	shipped := ShippedRouting()
	c := NewContacts(storetest.Open(t))
	for _, one := range []struct {
		box               string
		ordinary, trained bool
	}{{"help", true, true}, {QueuePrivate, false, true}, {BoxComplaint, false, false}} {
		i, _, err := c.Item(message(t, c, "", one.box).Item)
		must(t, err)
		if got := i.MayWork(shipped.Trained("all"), false); got != one.ordinary {
			t.Errorf("an ordinary volunteer may work on box %s: %v", one.box, got)
		}
		if got := i.MayWork(shipped.Trained("private"), false); got != one.trained {
			t.Errorf("a trained volunteer may work on box %s: %v", one.box, got)
		}
		if !i.MayWork(false, true) {
			t.Errorf("nobody who leads may work on box %s", one.box)
		}
	}
}

// Who waited in danger and is gone heads the worklist, and no later talk
// closes that by itself.
func TestWhoLeavesTheQueueOfDangerIsInDanger(t *testing.T) {
	c := NewContacts(storetest.Open(t))
	k := opened(t, c, "+12024561111")
	_, err := c.Change(t.Context(), k.ID, func(k *Contact, _ time.Time) []events.Event { k.Queue = QueueLife; return nil })
	must(t, err)
	left(t, c, "+12024561112")
	end(t, c, k.ID, OutcomeAbandonedQueue, OpenAbandoned)
	if all := list(t, c, Pick{}); len(all) != 2 || all[0].Kind != OpenDanger || all[0].Number != "+12024561111" {
		t.Errorf("the worklist is %+v, want the danger first", all)
	}
}

// A number that was keyed in a form we cannot dial is still what people have.
func TestAStrangeKeyedNumberIsOnTheWorklist(t *testing.T) {
	c := NewContacts(storetest.Open(t))
	k := opened(t, c, "")
	_, err := c.Change(t.Context(), k.ID, func(k *Contact, now time.Time) []events.Event {
		k.CallBack, k.Promise = "5550147", &Promise{Queue: QueueHelp, At: now, Since: now}
		return nil
	})
	must(t, err)
	end(t, c, k.ID, OutcomeCallBack, OpenCallBack)
	if all := list(t, c, Pick{}); len(all) != 1 || all[0].Number != "5550147" || all[0].Queued() {
		t.Errorf("the worklist is %+v, want the number for people", all)
	}
}
