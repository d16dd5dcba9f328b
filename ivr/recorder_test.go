package ivr_test

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr"
	"hotline/ivr/prompts"
)

// reader is a supervisor who records prompts by telephone: reads each aloud as
// long as the voice took, and presses a key at once when a menu is known.
type reader struct {
	library *prompts.Library
	keys    map[*audio.Clip]byte // what is pressed when that is heard
	pause   time.Duration        // before a key is pressed
	last    *audio.Clip
	read    time.Duration // how long the sentence is
	quiet   bool
	records int
	heard   []*audio.Clip
	stopAt  int // recordings after which the caller hangs up; 0: never
	hangup  context.CancelFunc
}

func (r *reader) Play(ctx context.Context, clip *audio.Clip, bargeIn bool) (bool, error) {
	r.last = clip
	r.heard = append(r.heard, clip)
	length := clip.Duration()
	if r.keys[clip] != 0 && bargeIn {
		length = min(length, r.pause)
	} else if length > 300*time.Millisecond {
		r.read = length
	}
	return r.keys[clip] != 0 && bargeIn, r.sleep(ctx, length)
}

func (r *reader) sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *reader) Music(*audio.Clip) {}
func (r *reader) FlushKeys()        {}

func (r *reader) Key(ctx context.Context) (byte, error) {
	if key := r.keys[r.last]; key != 0 {
		r.last = nil
		return key, nil
	}
	<-ctx.Done()
	return 0, context.Cause(ctx)
}

func (r *reader) Record(ctx context.Context, longest time.Duration, _ string) (*audio.Clip, byte, error) {
	if r.records++; r.records == r.stopAt {
		r.hangup()
		return nil, 0, context.Canceled
	}
	spoken := min(r.read+400*time.Millisecond, longest)
	if err := r.sleep(ctx, spoken); err != nil {
		return nil, 0, err
	}
	if r.quiet {
		return audio.Silence(spoken), '#', nil
	}
	return audio.Tone(440, spoken, -24), '#', nil
}

// walk is one call of a supervisor who records.
func (s *scene) walk(t *testing.T, keys map[string]byte, r *reader) ivr.Outcome {
	t.Helper()
	ctx, hangup := context.WithCancel(t.Context())
	defer hangup()
	r.library, r.pause, r.hangup, r.keys = s.library, 700*time.Millisecond, hangup, map[*audio.Clip]byte{}
	for id, key := range keys {
		clip, err := s.library.Clip("es", id)
		if err != nil {
			t.Fatal(err)
		}
		r.keys[clip] = key
	}
	out, err := s.engine.Run(ctx, r, ivr.Start{Flow: ivr.FlowRecord, Language: "es", Attributes: map[string]string{ivr.AttributeAccountID: "acc-7", ivr.AttributeAccountName: "Rosa"}})
	if err != nil || out.Fallback {
		t.Fatalf("the call ended with %+v (%v)", out, err)
	}
	return out
}

func (s *scene) count(language string) map[prompts.State]int {
	states := map[prompts.State]int{}
	for _, p := range s.studio.Prompts(language) {
		if !p.Internal {
			states[p.State]++
		}
	}
	return states
}

// TestALanguageIsRecordedByTelephone records every sentence of a language in
// two calls: one that breaks off, and one that goes on there.
func TestALanguageIsRecordedByTelephone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, shippedFlows(t))
		all := s.count("es")[prompts.Synthetic]
		keys := map[string]byte{"supervisor.rec.language": '2', "supervisor.rec.intro": '1', "supervisor.rec.decide": '1'}
		began := time.Now()
		s.walk(t, keys, &reader{stopAt: 31})
		if n := s.count("es")[prompts.Recorded]; n != 30 {
			t.Fatalf("%d sentences were kept before the call broke off", n)
		}
		second := &reader{}
		out := s.walk(t, keys, second)
		took := time.Since(began)
		if out.Reason != "recorded" || s.count("es")[prompts.Recorded] != all || second.records != all-30 {
			t.Fatalf("%v: %v of %d sentences, %d in the second call", out.Reason, s.count("es"), all, second.records)
		}
		// The words for numbers are most of them, and short. Half of the time
		// they are heard, half of it spoken.
		t.Logf("%d sentences of a language take %s", all, took.Round(time.Second))
		if each := took / time.Duration(all); each > 10*time.Second {
			t.Errorf("recording a sentence takes %s", each)
		}
		clip, err := s.studio.Library().Clip("es", "hello")
		if err != nil || audio.ToneLevel(clip.PCM(), 440) < 0.9 {
			t.Errorf("the next caller does not hear the recording (%v)", err)
		}
		for _, p := range s.studio.Prompts("es") {
			if len(p.Takes) > 0 && (p.Takes[0].By != "acc-7" || p.Takes[0].Via != "phone") {
				t.Errorf("who recorded %s: %+v", p.ID, p.Takes[0])
			}
		}
	})
}

// What every caller hears until a person answers comes first, and is recorded
// in a quarter of an hour, also in the language whose sentences are longest.
func TestWhatEveryCallerHearsIsRecordedInAQuarterOfAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, shippedFlows(t))
		first := map[string]bool{}
		for _, p := range s.studio.Prompts("ar") {
			if !p.Internal && prompts.Part(p.ID) == prompts.PartFirst {
				first[p.ID] = true
			}
		}
		for _, id := range []string{"hello", "privacy.notice", "language.choose", "main.menu", "queue.connecting", "waiting.intro", "help.danger", "callback.promised"} {
			if !first[id] {
				t.Errorf("%s does not come first", id)
			}
		}
		began := time.Now()
		s.walk(t, map[string]byte{"supervisor.rec.language": '3', "supervisor.rec.intro": '1', "supervisor.rec.decide": '1'}, &reader{stopAt: len(first) + 1})
		took := time.Since(began)
		t.Logf("%d sentences take %s", len(first), took.Round(time.Second))
		if took > 15*time.Minute {
			t.Errorf("what every caller hears takes %s", took)
		}
		for _, p := range s.studio.Prompts("ar") {
			if first[p.ID] != (p.State == prompts.Recorded) {
				t.Errorf("%s is %s", p.ID, p.State)
			}
		}
	})
}

// A key leads to the part of a language for which there is time, and what is
// left is said when it begins and when the caller stops.
func TestTheSupervisorChoosesAPartOfTheLanguage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, shippedFlows(t))
		keys := map[string]byte{"supervisor.rec.language": '2', "supervisor.rec.which": '4', "supervisor.rec.decide": '9'}
		out := s.walk(t, keys, &reader{})
		walk, err := s.studio.NextToRecord("es", "acc-7")
		if err != nil || out.Reason != "recorded" || walk.Part != prompts.PartVolunteers {
			t.Fatalf("%v, then part %d (%v)", out.Reason, walk.Part, err)
		}
		left, err := s.library.Number("es", walk.LeftInPart)
		if err != nil {
			t.Fatal(err)
		}
		// The next call goes on there without a key, and skips back to the first.
		delete(keys, "supervisor.rec.which")
		r := &reader{}
		s.walk(t, keys, r)
		heard := slices.ContainsFunc(r.heard, func(c *audio.Clip) bool { return bytes.Equal(c.MuLaw(), left.MuLaw()) })
		if again, err := s.studio.NextToRecord("es", "acc-7"); err != nil || again.Part != prompts.PartVolunteers || !heard {
			t.Errorf("the next call went on with part %d; how many are left was said: %t (%v)", again.Part, heard, err)
		}
		keys["supervisor.rec.decide"], keys["supervisor.rec.which"] = '6', '1'
		s.walk(t, keys, &reader{stopAt: 2})
		if back, err := s.studio.NextToRecord("es", "acc-7"); err != nil || back.Part != prompts.PartFirst || back.Next.ID != "language.choose" {
			t.Errorf("back at the first part comes %s of part %d (%v)", back.Next.ID, back.Part, err)
		}
	})
}

func TestWhatIsNotKeptIsNotHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			keys  map[string]byte
			quiet bool
		}{
			"skipping the first, then stopping": {map[string]byte{"supervisor.rec.language": '2', "supervisor.rec.decide": '9'}, false},
			"nothing is pressed":                {map[string]byte{"supervisor.rec.language": '2'}, false},
			"a language that does not exist":    {map[string]byte{"supervisor.rec.language": '7'}, false},
			"back":                              {map[string]byte{"supervisor.rec.language": '*'}, false},
		} {
			s := newScene(t, shippedFlows(t))
			out := s.walk(t, c.keys, &reader{quiet: c.quiet})
			if out.Reason != "recorded" || s.count("es")[prompts.Recorded] != 0 {
				t.Errorf("%s: %v, %v", name, out.Reason, s.count("es"))
			}
		}
	})
}

// Skipped sentences come again, when the others are done.
func TestSkippedSentencesComeAgain(t *testing.T) {
	s := newScene(t, shippedFlows(t))
	first, err := s.studio.NextToRecord("fr", "acc-7")
	if err != nil || first.Left < 100 || first.Part != prompts.PartFirst {
		t.Fatalf("first %+v, %v", first, err)
	}
	if err := s.studio.Passed(t.Context(), "fr", first.Next.ID, "acc-7"); err != nil {
		t.Fatal(err)
	}
	second, err := s.studio.NextToRecord("fr", "acc-7")
	if err != nil || second.Left != first.Left || second.Next.ID == first.Next.ID {
		t.Errorf("after skipping %s comes %s, %d left (%v)", first.Next.ID, second.Next.ID, second.Left, err)
	}
	if other, err := s.studio.NextToRecord("fr", "acc-8"); err != nil || other.Next.ID != first.Next.ID {
		t.Errorf("another person begins with %s (%v)", other.Next.ID, err)
	}
	if err := s.studio.GoToPart(t.Context(), "fr", prompts.PartVolunteers, "acc-7"); err != nil {
		t.Fatal(err)
	}
	for {
		walk, err := s.studio.NextToRecord("fr", "acc-7")
		if err != nil || walk.Left != first.Left {
			t.Fatalf("%+v, %v", walk, err)
		}
		if walk.Part != prompts.PartVolunteers {
			if walk.Next.ID != first.Next.ID {
				t.Errorf("at the end it goes on with %s", walk.Next.ID)
			}
			break
		}
		if err := s.studio.Passed(t.Context(), "fr", walk.Next.ID, "acc-7"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.studio.NextToRecord("xx", "acc-7"); err == nil {
		t.Error("a language that does not exist can be recorded")
	}
}
