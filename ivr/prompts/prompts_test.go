package prompts_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr/prompts"
)

func library(t testing.TB) *prompts.Library {
	t.Helper()
	l, err := prompts.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func catalogues(t *testing.T) map[string]prompts.Catalogue {
	t.Helper()
	c, err := prompts.Catalogues()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func manifest(t *testing.T) prompts.Manifest {
	t.Helper()
	m, err := prompts.ShippedManifest()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEverySentenceIsSpokenAsItIsWritten(t *testing.T) {
	m := manifest(t)
	for language, c := range catalogues(t) {
		for id, text := range c.Prompts {
			text, err := c.Spelling(text)
			if err != nil {
				t.Fatal(err)
			}
			switch entry, ok := m[language+"/"+id]; {
			case !ok:
				t.Errorf("%s/%s was never spoken: run make prompts", language, id)
			case entry.Source != prompts.SourceKey(c.Voice, text):
				t.Errorf("%s/%s says something else than its text: run make prompts", language, id)
			}
		}
	}
}

// Spanish and English say everything; every other language what a caller can
// hear. Words that only the numbers of a language need are its own.
func TestLanguagesSayTheSame(t *testing.T) {
	c := catalogues(t)
	if l := library(t).Languages(); !slices.Equal(l, slices.Sorted(slices.Values(prompts.ShippedLanguages()))) {
		t.Errorf("languages %v", l)
	}
	for language := range c {
		for id := range c["en"].Prompts {
			if c[language].Prompts[id] == "" && !ofNumbers(id) && (language == "es" || !prompts.Internal(id)) {
				t.Errorf("%s.yaml lacks %s: %q", language, id, c["en"].Prompts[id])
			}
		}
		for id := range c[language].Prompts {
			if c["en"].Prompts[id] == "" && !ofNumbers(id) {
				t.Errorf("%s.yaml has %s, and en.yaml has not", language, id)
			}
		}
	}
}

func ofNumbers(id string) bool {
	for _, prefix := range []string{"number.", "unit.", "spoken.", "clock.", "date."} {
		if strings.HasPrefix(id, prefix) {
			return true
		}
	}
	return false
}

func TestInternalPromptsAreSpokenInEnglishWhereALanguageLacksThem(t *testing.T) {
	l := library(t)
	english, err := l.Clip("en", "supervisor.pin")
	if err != nil {
		t.Fatal(err)
	}
	if clip, err := l.Clip("ar", "supervisor.pin"); err != nil || clip != english {
		t.Errorf("a supervisor in Arabic hears nothing of a prompt that is for supervisors (%v)", err)
	}
	if l.Has("xx", "supervisor.pin") || !l.Has("ar", "supervisor.pin") {
		t.Error("the library has what it has not, or the reverse")
	}
}

// frame is 5 ms.
const frame = audio.SampleRate / 200

func dBFS(pcm []int16) float64 {
	var sum float64
	for _, x := range pcm {
		sum += float64(x) * float64(x)
	}
	return 10 * math.Log10(max(sum/float64(len(pcm)), 1)/(math.MaxInt16*math.MaxInt16))
}

// level is the loudest sample, and the level of the 20 ms in which there is
// sound, both in dB below full scale.
func level(pcm []int16) (peak, speech float64) {
	var loudest, sum, n float64
	for i := 0; i+4*frame <= len(pcm); i += 4 * frame {
		if dBFS(pcm[i:i+4*frame]) > -42 {
			for _, x := range pcm[i : i+4*frame] {
				sum += float64(x) * float64(x)
				n++
			}
		}
	}
	for _, x := range pcm {
		loudest = max(loudest, math.Abs(float64(x)))
	}
	return 20 * math.Log10(loudest/math.MaxInt16), 10 * math.Log10(max(sum, 1)/max(n, 1)/(math.MaxInt16*math.MaxInt16))
}

// silenceBefore is how long nothing at all is to be heard. A soft "th" is some
// 30 dB below a vowel and counts as sound.
func silenceBefore(pcm []int16) time.Duration {
	n := 0
	for ; n+frame <= len(pcm) && dBFS(pcm[n:n+frame]) < -56; n += frame {
	}
	return time.Duration(n) * time.Second / audio.SampleRate
}

func TestHoldMusicIsSoftAndHasNoSeam(t *testing.T) {
	clip, err := library(t).Clip("es", prompts.HoldMusic)
	if err != nil {
		t.Fatal(err)
	}
	pcm := clip.PCM()
	if d := clip.Duration(); d < 20*time.Second || d > 30*time.Second {
		t.Errorf("it lasts %s", d)
	}
	if peak, _ := level(pcm); peak > -8 || dBFS(pcm) > -24 || dBFS(pcm) < -30 {
		t.Errorf("peak %.1f dBFS, level %.1f dBFS", peak, dBFS(pcm))
	}
	// From the last sample to the first is a step like any other.
	var largest float64
	for i := 1; i < len(pcm); i++ {
		largest = max(largest, math.Abs(float64(pcm[i])-float64(pcm[i-1])))
	}
	if seam := math.Abs(float64(pcm[0]) - float64(pcm[len(pcm)-1])); seam > largest/2 {
		t.Errorf("the seam is a step of %.0f; the largest elsewhere is %.0f", seam, largest)
	}
	before, after := dBFS(pcm[len(pcm)-800:]), dBFS(pcm[:800])
	if before < -45 || math.Abs(before-after) > 12 {
		t.Errorf("the loop goes from %.0f to %.0f dBFS: a hole or a jump", before, after)
	}
	// Never silent for long: callers would think they were cut off.
	for i := 0; i+8000 <= len(pcm); i += 4000 {
		if dBFS(pcm[i:i+8000]) < -40 {
			t.Errorf("it is nearly silent at second %d", i/8000)
		}
	}
}

func TestBeepIsATone(t *testing.T) {
	clip, err := library(t).Clip(prompts.Neutral, prompts.Beep)
	if err != nil {
		t.Fatal(err)
	}
	if share := audio.ToneLevel(clip.PCM(), 880); share < 0.9 {
		t.Errorf("only %.2f of it is at 880 Hz", share)
	}
}

func TestDigitsAreReadInPairs(t *testing.T) {
	l := library(t)
	spoken, err := l.Digits("en", "+48-29")
	if err != nil {
		t.Fatal(err)
	}
	var want []*audio.Clip
	for i, id := range []string{"number.4", "number.8", "number.2", "number.9"} {
		c, err := l.Clip("en", id)
		if err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			want = append(want, audio.Silence(380*time.Millisecond))
		} else if i > 0 {
			want = append(want, audio.Silence(120*time.Millisecond))
		}
		want = append(want, c)
	}
	if !bytes.Equal(spoken.MuLaw(), audio.Concat(want...).MuLaw()) {
		t.Errorf("4829 takes %s", spoken.Duration())
	}
	if nothing, err := l.Digits("en", ""); err != nil || nothing.Duration() != 0 {
		t.Errorf("no digits: %v, %v", nothing.Duration(), err)
	}
}

func TestMissingPromptsAreTold(t *testing.T) {
	l := library(t)
	if _, err := l.Clip("es", "nothing"); !errors.Is(err, prompts.ErrMissing) {
		t.Errorf("error %v", err)
	}
	if l.Has("de", "hello") || !l.Has("de", prompts.Beep) || !l.Has("es", "hello") || l.Text("es", "beep") != "" {
		t.Error("the library has what it has not, or the reverse")
	}
}

func TestCataloguesAreStrict(t *testing.T) {
	for text, want := range map[string]string{
		"language: es\nvoices: {}\n":                       "[2:1]",
		"language: es\nprompts:\n  a: \"x\"\n  a: \"y\"\n": "[4:3]",
	} {
		if _, err := prompts.ParseCatalogue([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one at %s", err, want)
		}
	}
}

func TestNoStraySounds(t *testing.T) {
	m := manifest(t)
	err := filepath.WalkDir("assets", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) == ".txt" {
			return err
		}
		name, _ := filepath.Rel("assets", strings.TrimSuffix(path, filepath.Ext(path)))
		if _, ok := m[filepath.ToSlash(name)]; !ok {
			t.Errorf("%s is not in the manifest", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkShipped(b *testing.B) {
	for b.Loop() {
		library(b)
	}
}
