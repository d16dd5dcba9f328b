package desk

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"hotline/appliance/events"
	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/triage"
)

// A caller who waits in the queue of danger is an alarm at once, and no share
// of the channels turns such a caller away.
func TestWhoWaitsInDangerIsAnAlarmOnTheFloor(t *testing.T) {
	r := openRoomWith(t, map[string]string{"straight": flowHead + "steps:\n  a: {queue: life, priority: 1}\n"}, nil)
	r.cfg.Shares = map[string]int{triage.QueueLife: 1}
	first, second := r.rings("+12024561111"), r.rings("+12024561112")
	var view FloorView
	r.until("both are alarms", func() bool {
		var err error
		if view, err = r.FloorView(time.Now()); err != nil {
			t.Fatal(err)
		}
		return len(view.Alarms) == 2
	})
	got := map[string]bool{}
	for _, a := range view.Alarms {
		if a.Kind != "danger" || a.Queue != triage.QueueLife || !a.Waiting || a.Since.IsZero() {
			t.Errorf("the alarm is %+v", a)
		}
		got[a.Contact] = true
	}
	if !got[first] || !got[second] {
		t.Errorf("the alarms are %+v, want %s and %s", view.Alarms, first, second)
	}
}

// Who waits for a trained person is promised a call by one, whatever the
// dialogue says.
func TestAPromiseInPrivateIsForTrainedPeople(t *testing.T) {
	r := openRoomWith(t, map[string]string{
		"straight": flowHead + "steps:\n  a: {queue: private, treatment: wait}\n",
		"wait":     flowHead + "steps:\n  a: {wait: 60s, keys: {\"1\": ask}, next: a}" + promised,
	}, nil)
	c := r.dial("+12024561111")
	r.until("somebody waits", func() bool { return r.waiting() != "" })
	r.press(c, "1")
	r.press(c, "1")
	r.until("the promise is stored", func() bool { return r.only().Promise != nil })
	c.Hangup()
	if k := r.record(r.only().ID); k.Promise.Queue != triage.QueuePrivate {
		t.Errorf("the call is promised in line %q", k.Promise.Queue)
	}
	if earlier := r.earlier("+12024561111", ""); len(earlier) != 0 {
		t.Errorf("the next agent sees %+v of the private call", earlier)
	}
}

// Who found a line's share taken is called for that line, not for the one that
// the closed dialogue names.
func TestWhoIsTurnedAwayIsCalledForThatLine(t *testing.T) {
	r := openRoomWith(t, map[string]string{
		"straight": flowHead + "steps:\n  a: {queue: volunteers}\n",
		"closed":   flowHead + "steps:\n  a: {goto: ask}" + promised,
	}, nil)
	r.cfg.Shares = map[string]int{triage.QueueVolunteers: 1}
	r.rings("+12024561111")
	r.until("the first waits", func() bool { return r.waiting() != "" })
	id := r.rings("+12024561112")
	var k triage.Contact
	r.until("the promise is stored", func() bool { // silence agrees to the number shown
		k, _ = r.cfg.Contacts.Get(id)
		return k.Promise != nil
	})
	if k.Promise.Queue != triage.QueueVolunteers || k.Queue != triage.QueueVolunteers {
		t.Errorf("the call is promised in line %q, the contact in %q", k.Promise.Queue, k.Queue)
	}
}

// What a flow tells another service at the end of a call does not leave when
// the caller is protected, and the caller does not wait for it on a silent line.
func TestNothingOfAProtectedCallerLeavesAtItsEnd(t *testing.T) {
	text := "on_disconnect: tell\n" + flowHead + `steps:
  a: {queue: help}
  tell: {http: "https://other.example/end", send: [caller.number], next: done, error: done}
  done: {end: done}
`
	told, goOn := make(chan string, 2), make(chan struct{})
	r := openRoom(t)
	engine := engineThatTells(t, r, text, func(send map[string]string) { told <- send["caller.number"]; <-goOn })
	r.cfg.Engine = engine
	ana := r.sit("ana")

	c := r.dial("+12024561111")
	id := r.answer(ana)
	r.do(ana, Command{Type: "end", Contact: id})
	select {
	case <-told:
	case <-time.After(patience):
		t.Fatal("the flow did not tell the end of an ordinary call")
	}
	select {
	case <-c.Done(): // while the other service has not answered
	case <-time.After(patience / 4):
		t.Error("the caller waits on a silent line until the other service has answered")
	}
	close(goOn)
	r.record(id)
	r.do(ana, Command{Type: "wrap", Contact: id, Disposition: "info_given"})

	c = r.dial("+12024561112")
	id = r.answer(ana)
	if _, err := r.cfg.Contacts.Change(t.Context(), id, func(k *triage.Contact, _ time.Time) []events.Event { k.Protected = true; return nil }); err != nil {
		t.Fatal(err)
	}
	c.Hangup()
	r.record(id)
	select {
	case number := <-told:
		t.Errorf("another service was told %q of a protected caller", number)
	default:
	}
}

func engineThatTells(t *testing.T, r *room, text string, told func(map[string]string)) *ivr.Engine {
	t.Helper()
	flows, err := flow.ParseSet(map[string]string{"straight": text})
	if err != nil {
		t.Fatal(err)
	}
	host := FlowHost(r.cfg.Dispatcher)
	host.Fetch = func(_ context.Context, _ string, send map[string]string) (json.RawMessage, error) {
		told(send)
		return json.RawMessage("{}"), nil
	}
	engine, err := ivr.New(ivr.Config{Flows: flows, Prompts: r.cfg.Prompts.(ivr.Prompts), Languages: []string{"en"}, Log: slog.New(slog.DiscardHandler), Host: host})
	if err != nil {
		t.Fatal(err)
	}
	return engine
}
