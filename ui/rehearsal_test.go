package ui

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/health"
	"hotline/appliance/rehearsal"
)

// rehearsed keeps reports in the store of the test; nobody calls anybody.
type rehearsed struct {
	*rehearsal.Keeper
	asked atomic.Pointer[string]
}

func (r *rehearsed) Start(by string) error { r.asked.Store(&by); return nil }
func (r *rehearsed) Running() bool         { return r.asked.Load() != nil }

// rehearsals has one whole rehearsal with a fault, and a light one after it.
func (s *script) rehearsals(t *testing.T) *rehearsed {
	t.Helper()
	k, err := rehearsal.Open(s.store)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	whole := rehearsal.Report{At: at, Took: 95 * time.Second, Full: true, By: "Rosa", Lines: []health.Check{
		{State: health.Bad, Words: "try.queue.missed", Values: []string{"choice", "help", "keys", "2 1"}, Detail: "no call comes to the phone volunteer"},
		{State: health.Good, Words: "try.greeting.heard", Values: []string{"language", "es"}}}}
	if _, err := k.Add(t.Context(), whole, []rehearsal.Sample{{Language: "es", MuLaw: audio.Tone(440, time.Second, -12).MuLaw()}}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Add(t.Context(), rehearsal.Report{At: at.Add(time.Hour), Took: 20 * time.Second}, nil); err != nil {
		t.Fatal(err)
	}
	return &rehearsed{Keeper: k}
}

// What a rehearsal found is one page in words, with what callers hear; those who
// answer for the hotline may begin another one.
func TestTheRehearsalPage(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	kept := s.server.cfg.Rehearsals.(*rehearsed)
	body := s.get(t, s.as(t, supervisor), "/rehearsal").body
	for _, text := range []string{"Failed", "Callers suffer from what is marked below", "asked for by Rosa, 95 seconds", "Who presses 2 1 is not connected with anybody in the line Help",
		"Look whether the line is closed", "no call comes to the phone volunteer", "callers hear the greeting at once", "A call in Spanish", "Short rehearsal"} {
		if !strings.Contains(body, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
	if strings.Contains(body, "Rehearse now") {
		t.Error("a supervisor may begin one")
	}
	list, err := kept.List()
	if err != nil {
		t.Fatal(err)
	}
	sound := s.get(t, s.as(t, supervisor), "/rehearsal/"+list[1].ID+"/es.wav")
	clip, err := audio.ReadWAV(bytes.NewReader([]byte(sound.body)), time.Minute)
	if err != nil || audio.ToneLevel(clip.PCM(), 440) < 0.9 {
		t.Errorf("what callers hear cannot be played: %d, %v", sound.status, err)
	}
	if got := s.get(t, s.as(t, supervisor), "/rehearsal/"+list[1].ID+"/fr.wav"); got.status != http.StatusNotFound {
		t.Errorf("a sound that is not there: %d", got.status)
	}
	if one := s.get(t, s.as(t, admin), "/rehearsal/"+list[0].ID).body; !strings.Contains(one, "Passed") || !strings.Contains(one, "Rehearse now") {
		t.Error("the light one cannot be read, or an administrator may not begin one")
	}
	s.post(t, s.as(t, coordinator), "/rehearsal", url.Values{})
	if by := kept.asked.Load(); by == nil || *by == "" {
		t.Error("pressing the button begins nothing")
	}
	if again := s.get(t, s.as(t, coordinator), "/rehearsal").body; !strings.Contains(again, "A rehearsal is running") {
		t.Error("the page does not say that one runs")
	}
	// What a whole one found is not put right by a light one that passed.
	if d := kept.Health(time.Now()); d.Failed != 1 || !d.Last.Equal(time.Date(2026, 11, 20, 8, 1, 35, 0, time.UTC)) || len(kept.Failing()) != 1 {
		t.Errorf("the health of the box is told from %+v", d)
	}
	at := time.Now()
	for _, step := range []struct {
		full   bool
		words  string
		failed int
	}{{true, "", 0}, {false, "try.greeting.silent", 1}, {false, "", 0}, {false, "disk.full", 0}} { // the disk is for the health page to say
		at = at.Add(time.Hour)
		r := rehearsal.Report{At: at, Full: step.full}
		if step.words != "" {
			r.Lines = []health.Check{{State: health.Bad, Words: step.words}}
		}
		if _, err := kept.Add(t.Context(), r, nil); err != nil {
			t.Fatal(err)
		}
		again, err := rehearsal.Open(s.store)
		if err != nil {
			t.Fatal(err)
		}
		for when, k := range map[string]*rehearsal.Keeper{"now": kept.Keeper, "after a start": again} {
			if d := k.Health(at); d.Failed != step.failed || !d.Last.Equal(at) || len(k.Failing()) != step.failed {
				t.Errorf("%s, after %+v the health of the box is told from %+v", when, step, d)
			}
		}
	}
}
