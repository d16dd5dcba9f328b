package desk

import (
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/store"
	"hotline/appliance/trunk/phone"
	"hotline/triage"
)

// The box is stopped while one caller waits and another one talks: neither
// gave up and neither was served to the end.
func TestCallsCutOffByAStopAreInterrupted(t *testing.T) {
	r := openRoom(t)
	r.cfg.Prompts = tones{r.cfg.Prompts}
	before := r.dial("+12024561112")
	r.until("somebody waits", func() bool { return r.waiting() != "" })
	lost := r.waiting()
	before.Hangup()
	r.record(lost)

	ana := r.sit("ana")
	talker := r.dial("+12024561112")
	talking := r.answer(ana)
	waiter := r.dial("+12024561113")
	r.until("somebody waits", func() bool { return r.waiting() != "" })
	waiting := r.waiting()
	heard := make(chan error, 2)
	for _, c := range []*phone.Call{talker, waiter} {
		go func() { heard <- c.WaitTone(t.Context(), 1500) }()
	}
	r.stop()
	for range 2 {
		if err := <-heard; err != nil {
			t.Errorf("a caller does not hear why the call ends: %v", err)
		}
	}
	for who, id := range map[string]string{"talked": talking, "waited": waiting} {
		k := r.record(id)
		if k.Outcome != triage.OutcomeInterrupted || k.Open != triage.OpenInterrupted || k.EndedBy != call.BySystem {
			t.Errorf("who %s when the box stopped is recorded as %s, open %q, ended by %s", who, k.Outcome, k.Open, k.EndedBy)
		}
	}
	if k := r.record(lost); k.Open != triage.OpenAbandoned {
		t.Errorf("an earlier attempt of a caller who was cut off is open as %q: nobody has served it", k.Open)
	}
}

// tones are prompts whose last words are a tone.
type tones struct{ Prompts }

func (p tones) Clip(language, id string) (*audio.Clip, error) {
	if id == promptFarewell && language == "en" {
		return audio.Tone(1500, time.Second, -12), nil
	}
	return p.Prompts.Clip(language, id)
}

// A call that could not be written when it came (the disk was full) is written
// as soon as it can be, and the agent gets free.
func TestACallThatCouldNotBeRecordedIsRecordedLater(t *testing.T) {
	r := openRoom(t)
	ana := r.sit("ana")
	caller := r.dial("+12024561111")
	r.until("it rings", func() bool { return r.cfg.Dispatcher.Agent("ana").State == triage.Offered })
	id := r.cfg.Dispatcher.Agent("ana").Contact
	r.forget(id)
	r.answer(ana)
	r.do(ana, Command{Type: "emergency", On: true})
	caller.Hangup()
	r.state(ana, triage.WrapUp)
	r.until("the contact is on record", func() bool { _, err := r.cfg.Contacts.Get(id); return err == nil })
	k := r.record(id)
	if k.Outcome != triage.OutcomeAnswered || k.Open != triage.OpenWrapUp || k.Caller != "+12024561111" || k.QueuedAt.IsZero() || k.ReceivedAt.IsZero() || k.Agent != "ana" {
		t.Errorf("the contact is recorded as %+v", k)
	}
	r.do(ana, Command{Type: "wrap", Contact: id, Disposition: "info_given"})
	r.state(ana, triage.Ready)
}

// Nothing can be written at all while the notes are finished: the agent is told
// and is free for the next caller; the contact stays an open item.
func TestAnAgentIsFreeWhenNotesCannotBeWritten(t *testing.T) {
	r := openRoom(t)
	ana := r.sit("ana")
	caller := r.dial("+12024561111")
	id := r.answer(ana)
	caller.Hangup()
	r.state(ana, triage.WrapUp)
	r.record(id)
	r.forget(id)
	if err := ana.Do(t.Context(), Command{Type: "wrap", Contact: id, Disposition: "info_given"}); err == nil {
		t.Error("the agent is not told that the notes could not be written")
	}
	r.state(ana, triage.Ready)
	if v := ana.Snapshot(); v.Call != nil {
		t.Errorf("the page still shows %+v", v.Call)
	}
	if r.Unsaved() == 0 {
		t.Error("the floor is not told")
	}
}

// The ending of a call that cannot be written is written later, as it was.
func TestAnEndingThatCouldNotBeWrittenIsWrittenLater(t *testing.T) {
	r := openRoom(t)
	caller := r.dial("+12024561111")
	r.until("somebody waits", func() bool { return r.waiting() != "" })
	id := r.waiting()
	r.spoil(id)
	caller.Hangup()
	r.until("it is noticed", func() bool { return r.Unsaved() > 0 })
	r.until("the call is over", func() bool { return r.trunk.Stats().Calls == 0 })
	r.writeLate()
	if _, err := r.cfg.Contacts.Get(id); err == nil {
		t.Fatal("written although it cannot be")
	}
	r.forget(id)
	r.writeLate()
	if k := r.record(id); k.Outcome != triage.OutcomeAbandonedQueue || k.Open != triage.OpenAbandoned || k.EndedBy != call.ByCaller {
		t.Errorf("recorded as %+v", k)
	}
}

// faulty prompts have a fault of ours where a caller is told to wait for an
// agent without sound.
type faulty struct{ Prompts }

func (f faulty) Clip(language, id string) (*audio.Clip, error) {
	if id == "desk.one_moment" {
		panic("a fault of ours")
	}
	return f.Prompts.Clip(language, id)
}

// A fault of ours in a talk ends that call; its agent is free to go on.
func TestAFaultInATalkFreesTheAgent(t *testing.T) {
	r := openRoom(t)
	r.faults = 1
	r.cfg.Prompts = faulty{r.cfg.Prompts}
	ana := r.sit("ana")
	caller := r.dial("+12024561111")
	r.until("a call rings", func() bool { return r.cfg.Dispatcher.Agent("ana").State == triage.Offered })
	id := r.cfg.Dispatcher.Agent("ana").Contact
	r.do(ana, Command{Type: "accept", Contact: id})
	<-caller.Done()
	r.state(ana, triage.Lost)
	if k := r.record(id); k.Open == "" {
		t.Errorf("the caller is not an open item: %+v", k)
	}
	if err := r.cfg.Dispatcher.Set("ana", triage.Ready, ""); err != nil {
		t.Error(err)
	}
	if v := ana.Snapshot(); v.Call != nil {
		t.Errorf("the page still shows %+v", v.Call)
	}
}

// waiting is the contact that waits without ringing, "" if none does.
func (r *room) waiting() string {
	_, waiting := r.cfg.Dispatcher.View()
	for _, w := range waiting {
		if w.Offered == "" {
			return w.Contact
		}
	}
	return ""
}

// spoil makes a contact unreadable, and so unwritable.
func (r *room) spoil(contact string) {
	r.t.Helper()
	junk := store.NewTable[string]("contacts")
	if err := r.records.Update(r.t.Context(), func(tx *store.Tx) error { return junk.Put(tx, contact, "junk") }); err != nil {
		r.t.Fatal(err)
	}
}

// forget takes a contact off the disk, as if it had never got there.
func (r *room) forget(contact string) {
	r.t.Helper()
	contacts, running := store.NewTable[triage.Contact]("contacts"), store.NewIndex("contacts_running")
	err := r.records.Update(r.t.Context(), func(tx *store.Tx) error {
		if err := contacts.Delete(tx, contact); err != nil {
			return err
		}
		return running.Remove(tx, "running", contact)
	})
	if err != nil {
		r.t.Fatal(err)
	}
}
