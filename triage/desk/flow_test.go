package desk

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"slices"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
	"hotline/triage"
)

const (
	promised = `
  ask:
    callback: help
    priority: 3
    ask: callback.readback
    say: callback.number
    confirm: callback.readback
    next: bye
    silence: person
    error: person
  bye: {hangup: callback, say: callback.promised}
  person: {queue: help}
`
	flowHead = "start: a\nfallback: {queue: help}\n"
)

// only is the one contact there is.
func (r *room) only() (k triage.Contact) {
	r.t.Helper()
	n := 0
	if err := r.cfg.Contacts.Each(func(one triage.Contact) bool { k = one; n++; return true }); err != nil {
		r.t.Fatal(err)
	}
	if n != 1 {
		r.t.Fatalf("%d contacts", n)
	}
	return k
}

func (r *room) events(contact string) (kinds []string) {
	r.t.Helper()
	err := r.records.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(0) {
			if ev.Contact == contact {
				kinds = append(kinds, ev.Kind)
			}
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return kinds
}

func count(kinds []string, kind string) (n int) {
	for _, k := range kinds {
		if k == kind {
			n++
		}
	}
	return n
}

func (r *room) press(c *phone.Call, keys string) {
	r.t.Helper()
	if err := c.Press(r.t.Context(), keys); err != nil {
		r.t.Fatal(err)
	}
}

// TestACallBackIsPromisedWithThePlaceInTheQueue is the call-back of a caller
// who did not wait (C11).
func TestACallBackIsPromisedWithThePlaceInTheQueue(t *testing.T) {
	r := openRoomWith(t, map[string]string{"straight": flowHead + "steps:\n  a: {goto: ask}" + promised}, nil)
	c := r.dial("+12024561111")
	r.press(c, "1")
	r.until("the promise is stored", func() bool { return r.only().Promise != nil })
	c.Hangup() // in the middle of the goodbye: it counts all the same
	k := r.record(r.only().ID)
	p := k.Promise
	if k.Outcome != triage.OutcomeCallBack || k.Open != triage.OpenCallBack || p.Queue != "help" || p.Priority != 3 || k.Queue != "help" || k.Priority != 3 {
		t.Errorf("recorded as %+v, promise %+v", k, p)
	}
	if p.Since.Before(k.ReceivedAt.Add(-time.Second)) || p.Since.After(p.At) || k.CallBack != "" {
		t.Errorf("the place is as old as %s; the caller came at %s; call back %q", p.Since, k.ReceivedAt, k.CallBack)
	}
	if n := count(r.events(k.ID), "callback.promised"); n != 1 {
		t.Errorf("it was promised %d times", n)
	}
}

// TestACallBackFromTheQueueKeepsThePlace gives up waiting for a promise (C11):
// the place is as old as the wait.
func TestACallBackFromTheQueueKeepsThePlace(t *testing.T) {
	r := openRoomWith(t, map[string]string{
		"straight": flowHead + "attributes: {village: text}\nsteps:\n  a: {set: {village: x}, next: q}\n  q: {queue: help, priority: 2, treatment: wait}\n",
		"wait":     flowHead + "steps:\n  a: {wait: 60s, keys: {\"1\": ask}, next: a}" + promised,
	}, nil)
	c := r.dial("+12024561111")
	r.until("somebody waits", func() bool { return r.waiting() != "" })
	r.press(c, "1")
	r.press(c, "1")
	r.until("the promise is stored", func() bool { return r.only().Promise != nil })
	k := r.record(r.only().ID)
	if k.Outcome != triage.OutcomeCallBack || k.Open != triage.OpenCallBack || k.QueuedAt.Sub(k.Promise.Since) > 10*time.Second || k.Promise.Since.Sub(k.QueuedAt) > time.Second { // what is noted waits for the disk
		t.Errorf("recorded as %+v, promise %+v", k, k.Promise)
	}
	if k.Attributes["village"] != "x" {
		t.Errorf("what was found out before the wait is lost: %v", k.Attributes)
	}
	if r.waiting() != "" {
		t.Error("somebody still waits in the queue")
	}
	if n := count(r.events(k.ID), "queue.abandoned"); n != 0 {
		t.Error("the caller counts as one who gave up")
	}
}

// TestATreatmentMaySendTheCallerToAnotherQueue changes the queue while waiting.
func TestATreatmentMaySendTheCallerToAnotherQueue(t *testing.T) {
	r := openRoomWith(t, map[string]string{
		"straight": flowHead + "steps:\n  a: {queue: help, treatment: wait}\n",
		"wait":     flowHead + "steps:\n  a: {wait: 60s, keys: {\"2\": other}, next: a}\n  other: {queue: volunteers, priority: 4}\n",
	}, nil)
	c := r.dial("+12024561111")
	r.until("somebody waits", func() bool { return r.waiting() != "" })
	r.press(c, "2")
	r.until("the caller waits in the other queue", func() bool { return r.only().Queue == "volunteers" && r.waiting() != "" })
	ana := r.sit("ana")
	r.answer(ana)
	c.Hangup()
	if k := r.record(r.only().ID); k.Outcome != triage.OutcomeAnswered {
		t.Errorf("recorded as %s", k.Outcome)
	}
}

// TestAKeyedNumberGoesWithTheCaller lets somebody who calls from another
// telephone key the own number, and then waits for a person (F48).
func TestAKeyedNumberGoesWithTheCaller(t *testing.T) {
	r := openRoomWith(t, map[string]string{"straight": flowHead + "steps:\n  a: {collect: callback.number, min: 6, max: 15, terminator: \"#\", next: q}\n  q: {queue: help}\n"}, nil)
	ana := r.sit("ana")
	c := r.dial("+12024561111")
	r.press(c, "2025550147#")
	id := r.answer(ana)
	c.Hangup()
	if k := r.record(id); k.CallBack != "+12025550147" || k.Caller != "+12024561111" {
		t.Errorf("to be called back on %q, called from %q", k.CallBack, k.Caller)
	}
}

const voicemailFlow = flowHead + `steps:
  a: {voicemail: help, say: beep, min: 1s, next: bye, silence: person, error: person}
  bye: {hangup: kept, say: beep}
  person: {queue: help}
`

// TestAMessageIsKeptSealedAndGoesWithTheLock leaves a message of 440 Hz.
func TestAMessageIsKeptSealedAndGoesWithTheLock(t *testing.T) {
	r := openRoomWith(t, map[string]string{"straight": voicemailFlow}, nil)
	c := r.dial("+12024561111")
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	if err := c.WaitTone(ctx, 880); err != nil { // the beep
		t.Fatal(err)
	}
	if err := c.Say(ctx, audio.Tone(440, 2500*time.Millisecond, -12)); err != nil {
		t.Fatal(err)
	}
	c.Hangup() // without a key: what was said counts
	id := r.only().ID
	k := r.record(id)
	if k.Open != triage.OpenVoicemail || len(k.Messages) != 1 || k.Messages[0].Seconds < 1 || k.Messages[0].Box != "help" {
		t.Fatalf("recorded as %s, open %q, messages %+v", k.Outcome, k.Open, k.Messages)
	}
	sound, _, err := r.cfg.Contacts.HearMessage(t.Context(), id, 0, "ana")
	if err != nil {
		t.Fatal(err)
	}
	heard, err := io.ReadAll(sound)
	if err := errors.Join(err, sound.Close()); err != nil {
		t.Fatal(err)
	}
	if hz := audio.NewClip(heard); hz.Duration() < time.Second {
		t.Errorf("the message is %s long", hz.Duration())
	}
	if kinds := r.events(id); count(kinds, "voicemail.kept") != 1 || count(kinds, "voicemail.heard") != 1 {
		t.Errorf("events %v", kinds)
	}
	_, err = r.cfg.Contacts.Change(t.Context(), id, func(k *triage.Contact, _ time.Time) []events.Event { k.Protected = true; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.cfg.Contacts.HearMessage(t.Context(), id, 0, "ana"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a protected contact still has its message: %v", err)
	}
	if _, err := r.records.OpenBlob(k.Messages[0].Blob); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the sound of a protected contact is still there: %v", err)
	}
	if err := r.cfg.Contacts.KeepMessage(t.Context(), id, triage.Message{Box: "help"}, heard); !errors.Is(err, triage.ErrProtected) {
		t.Errorf("a protected contact took another message: %v", err)
	}
}

// TestStaffingDecides leads a caller by who is signed in.
func TestStaffingDecides(t *testing.T) {
	text := flowHead + `steps:
  a: {staffing: help, available: person, busy: busy, nobody: nobody, error: person}
  busy: {hangup: busy, say: beep}
  nobody: {hangup: nobody, say: beep}
  person: {queue: help}
`
	r := openRoomWith(t, map[string]string{"straight": text}, nil)
	k := r.record(r.rings("+12024561111"))
	if k.EndReason == "" || k.Outcome != triage.OutcomeSelfService {
		t.Errorf("nobody signed in: %+v", k)
	}
	ana := r.sit("ana")
	r.dial("+12024561112")
	r.answer(ana)
	k = r.record(r.rings("+12024561113")) // ana is busy now
	if k.Outcome != triage.OutcomeSelfService {
		t.Errorf("everybody is busy: %+v", k)
	}
}

// rings dials and returns the new contact.
func (r *room) rings(from string) (id string) {
	r.t.Helper()
	r.dial(from)
	r.until("the call is recorded", func() bool {
		err := r.cfg.Contacts.Each(func(k triage.Contact) bool {
			if string(k.Caller) == from {
				id = k.ID
			}
			return id == ""
		})
		return err == nil && id != ""
	})
	return id
}

// TestAFlowActsWhenAnAgentAnswersAndAfterwards runs both hooks (F31).
func TestAFlowActsWhenAnAgentAnswersAndAfterwards(t *testing.T) {
	text := "on_agent_connected: up\non_disconnect: over\nattributes: {answered: yes_no, over: yes_no, both: yes_no, file: text, " +
		"people: {type: number, label: Number of people}, pin: {sensitive: true, label: PIN}, draft: {keep: false, label: Draft}}\n" + flowHead + `steps:
  a: {set: {people: "3", zone: north, draft: x}, next: q}
  q: {queue: help}
  up: {set: {answered: "yes", file: "<b>2024-17</b>", pin: "4711", draft: y}, next: done}
  over: {if: {attribute: answered, is: "yes"}, then: both, else: done}
  both: {set: {both: "yes", over: "yes"}, next: done}
  done: {end: done}
`
	r := openRoomWith(t, map[string]string{"straight": text}, nil)
	ana := r.sit("ana")
	c := r.dial("+12024561111")
	id := r.answer(ana)
	// Whoever answered sees what has a label, and what was found out just now;
	// what is sensitive or not to be kept never.
	want := []FactView{{"answered", "yes"}, {"file", "<b>2024-17</b>"}, {"Number of people", "3"}}
	r.until("the agent sees what the flow found out", func() bool {
		now := ana.Snapshot().Call
		return now != nil && slices.Equal(now.Facts, want)
	})
	c.Hangup()
	r.record(id)
	// How the call ended is on disk before the flow does what it wants done then.
	r.until("what the flow found out is kept", func() bool {
		k := r.record(id)
		return k.Attributes["answered"] == "yes" && k.Attributes["both"] == "yes"
	})
}

// TestAFlowConnectsWithANumberOutside rings a partner for the caller: allowed,
// not there, and not allowed.
func TestAFlowConnectsWithANumberOutside(t *testing.T) {
	answered := make(chan *phone.Call, 1)
	station, err := phone.Listen(t.Context(), netip.MustParseAddr("127.0.0.1"), phone.Config{}, func(_ context.Context, q *phone.Request) {
		switch {
		case q.Method == "INVITE" && q.Recipient.User == "+12025550190":
			if c, err := q.Answer(); err == nil {
				c.SayLoop(audio.Tone(1000, time.Second, -12))
				answered <- c
			}
		case q.Method == "INVITE":
			_ = q.Reply(nil, 486, false)
		default:
			_ = q.Reply(nil, 200, false)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(station.Close)
	flowTo := func(number string) map[string]string {
		return map[string]string{"straight": flowHead + "steps:\n  a: {transfer: \"" + number + "\", ring: 10s, next: bye, failed: person}\n  bye: {hangup: done, say: beep}\n  person: {queue: help}\n"}
	}
	for name, number := range map[string]string{"talks": "+12025550190", "busy": "+12025550191", "not allowed": "+34900000000"} {
		t.Run(name, func(t *testing.T) {
			var r *room
			r = openRoomWith(t, flowTo(number), func(ctx context.Context, d Dialling) (*trunk.Call, error) {
				return r.trunk.Dial(ctx, trunk.Outgoing{To: d.To, Role: d.Role, RingFor: d.RingFor})
			}, trunk.Line{Name: "outside", Kind: trunk.Static, Servers: []string{station.Addr().String()}})
			c := r.dial("+12024561111")
			if name != "talks" {
				r.until("the caller waits for a person", func() bool { return r.waiting() != "" })
				return
			}
			partner := <-answered
			ctx, stop := context.WithTimeout(t.Context(), patience)
			defer stop()
			if err := c.WaitTone(ctx, 1000); err != nil {
				t.Fatalf("the caller does not hear the partner: %v", err)
			}
			partner.Hangup()
			if err := c.WaitTone(ctx, 880); err != nil {
				t.Errorf("the flow does not go on after the talk: %v", err)
			}
			k := r.record(r.only().ID)
			if k.Outcome != triage.OutcomeSelfService || k.Open != "" || count(r.events(k.ID), "contact.transferred") != 1 {
				t.Errorf("recorded as %s, open %q, events %v", k.Outcome, k.Open, r.events(k.ID))
			}
		})
	}
}
