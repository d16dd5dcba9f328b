package triage

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/events"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

// A stop in the middle of a message: what was said so far is kept and heard, and
// no sound is left that nobody knows of.
func TestAMessageThatAStopCutShortIsKept(t *testing.T) {
	dir := t.TempDir()
	open := func() *store.Store {
		s, err := store.Open(dir, slog.New(slog.DiscardHandler))
		must(t, err)
		return s
	}
	s := open()
	c := NewContacts(s)
	long, short := opened(t, c, "+12024561111"), opened(t, c, "+12024561112")
	sound := audio.Tone(440, 20*time.Second, -12).MuLaw()
	for contact, said := range map[string][]byte{long.ID: sound, short.ID: sound[:100]} {
		w, err := c.beginMessage(t.Context(), contact, Message{Box: QueueHelp})
		must(t, err)
		_, err = w.Write(said)
		must(t, err)
	}
	must(t, s.Close()) // as far as the disk can tell, a kill
	s = open()
	defer s.Close()
	c = NewContacts(s)
	n, err := c.Recover(t.Context())
	if must(t, err); n != 2 {
		t.Errorf("%d calls were recovered", n)
	}
	long, err = c.Get(long.ID)
	must(t, err)
	if len(long.Messages) != 1 || long.Messages[0].Seconds < 12 || long.Open != OpenInterrupted {
		t.Fatalf("of 20 s there is %+v, open as %q", long.Messages, long.Open)
	}
	heard, _, err := c.HearMessage(t.Context(), long.ID, 0, "ana")
	must(t, err)
	got, err := io.ReadAll(heard)
	if must(t, errors.Join(err, heard.Close())); len(got) < 12*audio.SampleRate {
		t.Errorf("%d bytes can be heard", len(got))
	}
	if short, err = c.Get(short.ID); err != nil || len(short.Messages) != 0 {
		t.Errorf("what is too short to be heard is kept as %v (%v)", short.Messages, err)
	}
	left, err := s.UnfinishedBlobs()
	if must(t, err); len(left) != 0 {
		t.Errorf("sound that nobody knows of is left: %v", left)
	}
}

// What people write as reasons is in the records and not in the log of events,
// which has no free text.
func TestReasonsOfPeopleAreNotInTheLog(t *testing.T) {
	s := storetest.Open(t)
	c, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	const number, words = "+12024561111", "her sister Maria says so"
	locked := opened(t, c, number)
	save(t, cases, locked.ID, map[string]any{"talk_freely": "specialist"})
	item := left(t, c, number).Item
	must(t, c.SetSafe(t.Context(), item, true, "rosa", words))
	must(t, c.CloseItem(t.Context(), item, "rosa", words))
	kinds := map[string]bool{}
	must(t, s.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(1) {
			kinds[ev.Kind] = true
			if strings.Contains(written(ev), "Maria") {
				t.Errorf("the log has %+v", ev)
			}
		}
		about, err := numberNotes.read(tx, tx.Digest(number))
		if must(t, err); about.Why != words || about.By != "rosa" {
			t.Errorf("what is known of the number is %+v", about)
		}
		return nil
	}))
	if !kinds["number.safe"] || !kinds["item.closed"] {
		t.Errorf("the log has only %v", kinds)
	}
	if i, _, err := c.Item(item); err != nil || i.ClosedFor != words {
		t.Errorf("the item was closed for %q (%v)", i.ClosedFor, err)
	}
}

func written(ev events.Event) string {
	var all strings.Builder
	for key, value := range ev.Data {
		all.WriteString(key + "=" + value + " ")
	}
	return all.String()
}
