package prompts_test

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/ivr/prompts"
)

var rosa = prompts.Who{ID: "acc-7", Name: "Rosa", Via: "web"}

func studio(t *testing.T, records *store.Store) *prompts.Studio {
	t.Helper()
	s, err := prompts.OpenStudio(records, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tone(hz float64) *audio.Clip { return audio.Tone(hz, 700*time.Millisecond, -20) }

// hears is the frequency of what callers hear, as a tone.
func hears(t *testing.T, l *prompts.Library, language, id string, hz float64) bool {
	t.Helper()
	clip, err := l.Clip(language, id)
	if err != nil {
		t.Fatal(err)
	}
	return audio.ToneLevel(clip.PCM(), hz) > 0.9
}

func get(t *testing.T, s *prompts.Studio, language, id string) prompts.Prompt {
	t.Helper()
	p, err := s.Get(language, id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestARecordingWinsAndTheOneBeforeItComesBack(t *testing.T) {
	records := storetest.Open(t)
	s := studio(t, records)
	before := s.Library()
	if p := get(t, s, "es", "hello"); p.State != prompts.Synthetic || len(p.Takes) != 0 {
		t.Fatalf("at first: %+v", p)
	}
	for _, hz := range []float64{500, 900} {
		if err := s.Record(t.Context(), "es", "hello", tone(hz), rosa); err != nil {
			t.Fatal(err)
		}
	}
	if !hears(t, s.Library(), "es", "hello", 900) {
		t.Error("new calls do not hear the recording")
	}
	if hears(t, before, "es", "hello", 900) || hears(t, before, "es", "hello", 500) {
		t.Error("a call that had begun hears another voice in the middle")
	}
	p := get(t, s, "es", "hello")
	if p.State != prompts.Recorded || len(p.Takes) != 2 || p.Takes[0].Name != "Rosa" || p.Takes[0].ID != p.Use || p.Takes[0].Text != p.Text {
		t.Fatalf("after recording: %+v", p)
	}
	if err := s.Use(t.Context(), "es", "hello", p.Takes[1].ID, rosa); err != nil {
		t.Fatal(err)
	}
	if !hears(t, s.Library(), "es", "hello", 500) {
		t.Error("the earlier recording is not back")
	}
	// It is all there after a restart.
	s = studio(t, records)
	if !hears(t, s.Library(), "es", "hello", 500) || len(get(t, s, "es", "hello").Takes) != 2 {
		t.Error("the recordings are gone after a restart")
	}
	if err := s.Use(t.Context(), "es", "hello", "", rosa); err != nil {
		t.Fatal(err)
	}
	shipped, err := before.Clip("es", "hello")
	if err != nil {
		t.Fatal(err)
	}
	if clip, err := s.Library().Clip("es", "hello"); err != nil || !slices.Equal(clip.MuLaw(), shipped.MuLaw()) {
		t.Errorf("the synthetic voice is not back (%v)", err)
	}
	if clip, err := s.Take("es", "hello", p.Takes[0].ID); err != nil || audio.ToneLevel(clip.PCM(), 900) < 0.9 {
		t.Errorf("an earlier recording cannot be listened to (%v)", err)
	}
}

func TestOnlyTheLastRecordingsAreKept(t *testing.T) {
	s := studio(t, storetest.Open(t))
	for range 9 {
		if err := s.Record(t.Context(), "es", "hello", tone(500), rosa); err != nil {
			t.Fatal(err)
		}
	}
	p := get(t, s, "es", "hello")
	if len(p.Takes) != 6 {
		t.Fatalf("%d recordings are kept", len(p.Takes))
	}
	// The one that callers hear stays, however old it is.
	oldest := p.Takes[5].ID
	if err := s.Use(t.Context(), "es", "hello", oldest, rosa); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		if err := s.Record(t.Context(), "es", "hello", tone(900), rosa); err != nil {
			t.Fatal(err)
		}
		if err := s.Use(t.Context(), "es", "hello", oldest, rosa); err != nil {
			t.Fatal(err)
		}
	}
	if !hears(t, s.Library(), "es", "hello", 500) {
		t.Error("the recording in use was thrown away")
	}
}

// A changed text is spoken when it is saved, by the real voice.
func TestANewTextIsSpoken(t *testing.T) {
	s := studio(t, storetest.Open(t))
	shipped, err := s.Clip("en", "goodbye")
	if err != nil {
		t.Fatal(err)
	}
	const text = "Thank you for calling the  flood line.\nGoodbye, and take care of yourself."
	if err := s.SetText(t.Context(), "en", "goodbye", text, rosa); err != nil {
		t.Fatal(err)
	}
	clip, err := s.Clip("en", "goodbye")
	if err != nil {
		t.Fatal(err)
	}
	if clip.Duration() <= shipped.Duration() {
		t.Errorf("the new text takes %s, the old one took %s", clip.Duration(), shipped.Duration())
	}
	if _, speech := level(clip.PCM()); speech < -22 || speech > -18 {
		t.Errorf("it is spoken at %.1f dBFS", speech)
	}
	if p := get(t, s, "en", "goodbye"); p.Text != "Thank you for calling the flood line. Goodbye, and take care of yourself." || p.State != prompts.Synthetic {
		t.Errorf("the prompt is %+v", p)
	}
	// A recording of the new text wins; when the text changes again it is old.
	if err := s.Record(t.Context(), "en", "goodbye", tone(500), rosa); err != nil {
		t.Fatal(err)
	}
	if p := get(t, s, "en", "goodbye"); p.State != prompts.Recorded || p.Outdated {
		t.Errorf("recorded: %+v", p)
	}
	if err := s.SetText(t.Context(), "en", "goodbye", "Goodbye.", rosa); err != nil {
		t.Fatal(err)
	}
	if p := get(t, s, "en", "goodbye"); !p.Outdated || !hears(t, s.Library(), "en", "goodbye", 500) {
		t.Errorf("after another change: %+v", p)
	}
	// Back to what it came with.
	if err := errors.Join(s.SetText(t.Context(), "en", "goodbye", "", rosa), s.Use(t.Context(), "en", "goodbye", "", rosa)); err != nil {
		t.Fatal(err)
	}
	if again, err := s.Clip("en", "goodbye"); err != nil || again != shipped {
		t.Errorf("the shipped sentence is not back (%v)", err)
	}
}

// Own flows need sentences of their own.
func TestAPromptOfOnesOwn(t *testing.T) {
	s := studio(t, storetest.Open(t))
	if err := s.SetText(t.Context(), "es", "shelter.north", "El albergue está en la escuela Santa Clara.", rosa); err != nil {
		t.Fatal(err)
	}
	if !s.Library().Has("es", "shelter.north") || s.Library().Has("en", "shelter.north") {
		t.Error("it is there in the wrong languages")
	}
	for id, text := range map[string]string{"../../etc": "x", "One.Two": "x", "one.": "x", "": "x", "a.b": "", "x.long": strings.Repeat("á", 1501)} {
		if err := s.SetText(t.Context(), "es", id, text, rosa); err == nil {
			t.Errorf("prompt %q with %d characters was accepted", id, len(text))
		}
	}
	if err := s.Record(t.Context(), "es", "no.such", tone(500), rosa); !errors.Is(err, prompts.ErrNone) {
		t.Errorf("recording a prompt that does not exist: %v", err)
	}
	if err := s.Record(t.Context(), "xx", "hello", tone(500), rosa); !errors.Is(err, prompts.ErrNone) {
		t.Errorf("recording in a language that does not exist: %v", err)
	}
	if err := s.Record(t.Context(), "es", "hello", audio.Tone(500, 3*time.Minute, -20), rosa); !errors.Is(err, prompts.ErrSoundLong) {
		t.Errorf("three minutes: %v", err)
	}
	if err := s.Record(t.Context(), "es", "hello", nil, rosa); !errors.Is(err, audio.ErrNotWAV) {
		t.Errorf("nothing: %v", err)
	}
	if err := s.Use(t.Context(), "es", "hello", "01JUNK", rosa); !errors.Is(err, prompts.ErrNone) {
		t.Errorf("a recording that does not exist: %v", err)
	}
}

func TestChangesOfPromptsAreAudited(t *testing.T) {
	records := storetest.Open(t)
	s := studio(t, records)
	if err := errors.Join(s.Record(t.Context(), "es", "hello", tone(500), rosa), s.SetText(t.Context(), "es", "goodbye", "Adiós.", rosa), s.Use(t.Context(), "es", "hello", "", rosa)); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	err := records.View(func(tx *store.Tx) error {
		kinds = nil
		for ev := range tx.EventLog(1) {
			kinds = append(kinds, ev.Kind)
			if ev.By != "acc-7" || ev.Via != "web" || ev.Data["language"] != "es" || ev.Data["prompt"] == "" || strings.Contains(events.Event{Data: ev.Data}.Data["text"], "Adiós") {
				t.Errorf("event %+v", ev)
			}
		}
		return nil
	})
	if err != nil || !slices.Equal(kinds, []string{prompts.EventRecorded, prompts.EventText, prompts.EventChosen}) {
		t.Errorf("events %v (%v)", kinds, err)
	}
}

func TestTheMatrixShowsWhatIsMissing(t *testing.T) {
	s := studio(t, storetest.Open(t))
	if err := s.Record(t.Context(), "ar", "hello", tone(500), rosa); err != nil {
		t.Fatal(err)
	}
	states := map[prompts.State]int{}
	for _, p := range s.Prompts("ar") {
		states[p.State]++
		if p.State == prompts.Missing && !p.Internal {
			t.Errorf("%s is missing in Arabic", p.ID)
		}
	}
	if states[prompts.Recorded] != 1 || states[prompts.Synthetic] < 100 || states[prompts.Missing] == 0 {
		t.Errorf("states %v", states)
	}
}
