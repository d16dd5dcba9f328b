package triage

import (
	"bytes"
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
	"hotline/appliance/switches"
)

func tapes(t *testing.T, s *store.Store) *Recordings {
	t.Helper()
	r, err := OpenRecordings(s, nil, slog.New(slog.DiscardHandler))
	must(t, err)
	return r
}

// taped is a recording of seconds, with a tone on the left.
func taped(t *testing.T, r *Recordings, contact string, seconds int) string {
	t.Helper()
	take, err := r.Begin(t.Context(), contact, "rule")
	must(t, err)
	_, err = take.Write(stereoTone(seconds))
	must(t, err)
	must(t, take.End(t.Context(), false))
	return take.id
}

func stereoTone(seconds int) []byte {
	var b []byte
	for _, one := range audio.Tone(440, time.Duration(seconds)*time.Second, -10).MuLaw() {
		b = append(b, one, 0xff)
	}
	return b
}

// kinds are the events about recordings, in order.
func kinds(t *testing.T, s *store.Store) []string {
	t.Helper()
	var out []string
	must(t, s.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(1) {
			if strings.HasPrefix(ev.Kind, "recording.") {
				out = append(out, strings.TrimPrefix(ev.Kind, "recording."))
			}
		}
		return nil
	}))
	return out
}

func told(t *testing.T, s *store.Store, want string) {
	t.Helper()
	if got := strings.Join(kinds(t, s), " "); got != want {
		t.Errorf("the log tells %q, want %q", got, want)
	}
}

func TestARecordingIsKeptWithItsContact(t *testing.T) {
	s := storetest.Open(t)
	c, r := NewContacts(s), tapes(t, s)
	k := opened(t, c, "+12024561111")
	first, second := taped(t, r, k.ID, 3), taped(t, r, k.ID, 2)
	end(t, c, k.ID, OutcomeAnswered, "")
	k, err := c.Get(k.ID)
	if must(t, err); len(k.Recordings) != 2 || k.Recorded != 5 {
		t.Fatalf("the contact has %d recordings of %d s", len(k.Recordings), k.Recorded)
	}
	if row := read(t, ContactTable(c, liststest.Open(t, s))); row["recorded"] != "1" || row["recorded_s"] != "5" {
		t.Errorf("export: recorded %q, %q s", row["recorded"], row["recorded_s"])
	}
	must(t, r.Note(t.Context(), first, "rosa", "recording.played", ""))
	sound, rec, err := r.Open(first)
	must(t, err)
	wav, err := io.ReadAll(sound)
	must(t, errors.Join(err, sound.Close()))
	if rec.Seconds != 3 || rec.Contact != k.ID || rec.Cut || len(wav) != 44+3*4*audio.SampleRate {
		t.Errorf("heard %d bytes of %+v", len(wav), rec)
	}
	if clip, err := audio.ReadWAV(bytes.NewReader(wav), time.Minute); err != nil || audio.ToneLevel(clip.PCM(), 440) < 0.98 {
		t.Errorf("it does not sound like what was said (%v)", err)
	}
	must(t, r.Delete(t.Context(), first, "rosa", "the caller asked for it"))
	if k, err = c.Get(k.ID); err != nil || len(k.Recordings) != 1 || k.Recorded != 2 {
		t.Errorf("after a deletion %d recordings of %d s (%v)", len(k.Recordings), k.Recorded, err)
	}
	if _, _, err := r.Open(first); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a deleted recording: %v", err)
	}
	if n, err := r.Expire(t.Context(), time.Now().AddDate(0, 0, 29)); n != 0 || err != nil {
		t.Errorf("after 29 days %d were deleted (%v)", n, err)
	}
	if n, err := r.Expire(t.Context(), time.Now().AddDate(0, 0, 31)); n != 1 || err != nil {
		t.Errorf("after 31 days %d were deleted (%v)", n, err)
	}
	if _, err := r.Get(second); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after 31 days: %v", err)
	}
	told(t, s, "started stopped started stopped played deleted expired")
}

func TestTheLockDestroysWhatWasRecorded(t *testing.T) {
	s := storetest.Open(t)
	c, r := NewContacts(s), tapes(t, s)
	k := opened(t, c, "+12024561111")
	done := taped(t, r, k.ID, 1)
	running, err := r.Begin(t.Context(), k.ID, "ana")
	must(t, err)
	_, err = running.Write(stereoTone(1))
	must(t, err)
	_, err = NewCases(s, liststest.Open(t, s)).Save(t.Context(), k.ID, "ana", map[string]any{"talk_freely": "specialist"})
	must(t, err)
	for _, id := range []string{done, running.id} {
		if _, err := s.OpenBlob(id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a recording can still be opened: %v", err)
		}
	}
	_, err = running.Write(stereoTone(1))
	must(t, err)
	must(t, running.End(t.Context(), false)) // it must not come back
	if k, err = c.Get(k.ID); err != nil || len(k.Recordings) != 0 || k.Recorded != 0 {
		t.Errorf("the protected contact keeps %v, %d s (%v)", k.Recordings, k.Recorded, err)
	}
	if _, err := r.Begin(t.Context(), k.ID, "ana"); !errors.Is(err, ErrProtected) {
		t.Errorf("a protected call is recorded: %v", err)
	}
	told(t, s, "started stopped started destroyed destroyed")
	must(t, r.Each(func(rec Recording) bool { t.Errorf("there is still %+v", rec); return true }))
}

func TestWhatWasRecordedWhenTheBoxStopped(t *testing.T) {
	dir := t.TempDir()
	open := func() *store.Store {
		s, err := store.Open(dir, slog.New(slog.DiscardHandler))
		must(t, err)
		return s
	}
	s := open()
	c, r := NewContacts(s), tapes(t, s)
	long, short := opened(t, c, "+12024561111"), opened(t, c, "+12024561112")
	for contact, bytes := range map[string][]byte{long.ID: stereoTone(10), short.ID: stereoTone(1)[:100]} {
		take, err := r.Begin(t.Context(), contact, "rule")
		must(t, err)
		_, err = take.Write(bytes)
		must(t, err)
	}
	must(t, s.Close()) // as far as the disk can tell, a kill
	s = open()
	defer s.Close()
	c, r = NewContacts(s), tapes(t, s)
	must(t, r.Recover(t.Context()))
	long, err := c.Get(long.ID)
	must(t, err)
	rec, err := r.Get(long.Recordings[0])
	if must(t, err); !rec.Cut || rec.Running || rec.Seconds < 7 || rec.Seconds > 10 || long.Recorded != rec.Seconds {
		t.Errorf("of 10 s there is %+v, the contact says %d s", rec, long.Recorded)
	}
	sound, _, err := r.Open(rec.ID)
	must(t, err)
	wav, err := io.ReadAll(sound)
	must(t, errors.Join(err, sound.Close()))
	if len(wav) < 44+7*4*audio.SampleRate {
		t.Errorf("%d bytes can be heard", len(wav))
	}
	if short, err = c.Get(short.ID); err != nil || len(short.Recordings) != 0 {
		t.Errorf("what is too short to be played is kept as %v (%v)", short.Recordings, err)
	}
}

func TestTheRulesForRecording(t *testing.T) {
	s := storetest.Open(t)
	r := tapes(t, s)
	if p := r.Policy("help"); p != RecordNever {
		t.Errorf("from the start: %s", p)
	}
	rules := RecordingRules{KeepDays: 30, Queues: map[string]RecordingPolicy{"help": RecordAlways, "volunteers": RecordByAgent}}
	var wrong FieldError
	if err := r.SetRules(t.Context(), rules, "ana"); !errors.As(err, &wrong) || wrong.Field != "purpose" || r.Policy("help") != RecordNever {
		t.Errorf("recording without a purpose: %v, %s", err, r.Policy("help"))
	}
	rules.Purpose = "Training of new phone volunteers"
	must(t, r.SetRules(t.Context(), rules, "ana"))
	if a, b, c := r.Policy("help"), r.Policy("volunteers"), r.Policy("another"); a != RecordAlways || b != RecordByAgent || c != RecordNever {
		t.Errorf("policies %s, %s, %s", a, b, c)
	}
	if p := tapes(t, s).Policy("help"); p != RecordAlways {
		t.Errorf("after a start: %s", p)
	}
	panel, err := switches.Open(s)
	must(t, err)
	switched, err := OpenRecordings(s, panel, slog.New(slog.DiscardHandler))
	must(t, err)
	must(t, panel.Turn(t.Context(), switches.Recording, false, "ana", "Ana", "web"))
	if a, b := switched.Policy("help"), switched.Policy("volunteers"); a != RecordNever || b != RecordNever {
		t.Errorf("switched off for all: %s, %s", a, b)
	}
	for _, broken := range []RecordingRules{
		{KeepDays: 0}, {KeepDays: 1000},
		{KeepDays: 30, Purpose: rules.Purpose, Queues: map[string]RecordingPolicy{"help": "sometimes"}},
	} {
		if err := r.SetRules(t.Context(), broken, "ana"); !errors.As(err, &wrong) {
			t.Errorf("%+v: %v", broken, err)
		}
	}
	told(t, s, "rules_changed")
	must(t, s.View(func(tx *store.Tx) error {
		var last events.Event
		for ev := range tx.EventLog(1) {
			if ev.Kind == "recording.rules_changed" {
				last = ev
			}
		}
		if last.By != "ana" || last.Data["queue:help"] != "always" {
			t.Errorf("the log says %+v", last)
		}
		return nil
	}))
}

func TestTheStricterPolicy(t *testing.T) {
	all := RecordingPolicies()
	for i, a := range all {
		for j, b := range all {
			if got := a.Stricter(b); got != all[min(i, j)] {
				t.Errorf("%s or %s: %s", a, b, got)
			}
		}
	}
	if got := RecordAlways.Stricter("unknown"); got != RecordNever {
		t.Errorf("of an unknown one: %s", got)
	}
}
