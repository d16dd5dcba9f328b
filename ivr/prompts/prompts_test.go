package prompts_test

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"math"
	"os"
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
			switch entry, ok := m[language+"/"+id]; {
			case !ok:
				t.Errorf("%s/%s was never spoken: run go run ./ivr/prompts/render", language, id)
			case entry.Source != prompts.SourceKey(c.Voice, text):
				t.Errorf("%s/%s says something else than its text: run go run ./ivr/prompts/render", language, id)
			}
		}
	}
}

func TestEverySoundIsTheOneThatWasMade(t *testing.T) {
	l := library(t)
	for name, entry := range manifest(t) {
		b, err := os.ReadFile(filepath.Join("assets", name+".wav"))
		if err != nil {
			t.Error(err)
			continue
		}
		if prompts.Sum(b) != entry.Asset {
			t.Errorf("assets/%s.wav was changed by hand: run go run ./ivr/prompts/render", name)
		}
		file, err := audio.ReadWAV(bytes.NewReader(b), time.Minute)
		if err != nil {
			t.Errorf("assets/%s.wav: %v", name, err)
			continue
		}
		language, id, _ := strings.Cut(name, "/")
		if clip, err := l.Clip(language, id); err != nil || !slices.Equal(clip.PCM(), file.PCM()) {
			t.Errorf("%s does not sound as its file does (%v)", name, err)
		}
	}
}

func TestLanguagesSayTheSame(t *testing.T) {
	c := catalogues(t)
	ids := func(language string) []string {
		return slices.DeleteFunc(slices.Sorted(maps.Keys(c[language].Prompts)), func(id string) bool { return strings.HasPrefix(id, "number.") })
	}
	if es, en := ids("es"), ids("en"); !slices.Equal(es, en) {
		t.Errorf("Spanish has %d sentences, English %d", len(es), len(en))
	}
	if l := library(t).Languages(); !slices.Equal(l, []string{"en", "es"}) {
		t.Errorf("languages %v", l)
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

func TestPromptsAreLoudEnoughAndBeginAtOnce(t *testing.T) {
	l := library(t)
	words, minutes := map[string]float64{}, map[string]float64{}
	var total int
	for language, c := range catalogues(t) {
		for id, text := range c.Prompts {
			clip, err := l.Clip(language, id)
			if err != nil {
				t.Error(err)
				continue
			}
			pcm := clip.PCM()
			total += len(pcm)
			peak, speech := level(pcm)
			if peak > -3 || math.Abs(speech+20) > 1.5 {
				t.Errorf("%s/%s: peak %.1f dBFS, speech %.1f dBFS", language, id, peak, speech)
			}
			if s := silenceBefore(pcm); s > 60*time.Millisecond {
				t.Errorf("%s/%s begins with %s of silence", language, id, s)
			}
			slices.Reverse(pcm)
			if s := silenceBefore(pcm); s > 150*time.Millisecond {
				t.Errorf("%s/%s ends with %s of silence", language, id, s)
			}
			if clip.Duration() > 25*time.Second {
				t.Errorf("%s/%s takes %s: nobody listens that long", language, id, clip.Duration())
			}
			if n := len(strings.Fields(text)); n >= 8 {
				words[language] += float64(n)
				minutes[language] += clip.Duration().Minutes()
			}
		}
		if wpm := words[language] / minutes[language]; wpm < 140 || wpm > 165 {
			t.Errorf("%s is spoken at %.0f words a minute", language, wpm)
		}
	}
	if total > 7<<20 {
		t.Errorf("the prompts take %d bytes", total)
	}
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

func TestNumbers(t *testing.T) {
	l := library(t)
	clip := func(id string) []byte {
		c, err := l.Clip("es", id)
		if err != nil {
			t.Fatal(err)
		}
		return c.MuLaw()
	}
	for language := range catalogues(t) {
		for n := range 131 {
			c, err := l.Number(language, n)
			if err != nil || c.Duration() < 200*time.Millisecond || c.Duration() > 3*time.Second {
				t.Errorf("%s %d: %s, %v", language, n, c.Duration(), err)
			}
		}
	}
	spoken, err := l.Number("es", 37)
	if err != nil || !bytes.HasPrefix(spoken.MuLaw(), clip("number.30.and")) || !bytes.HasSuffix(spoken.MuLaw(), clip("number.7")) {
		t.Errorf("37 is not \"treinta y\" + \"siete\" (%v)", err)
	}
	if spoken, err = l.Number("es", 7); err != nil || !bytes.Equal(spoken.MuLaw(), clip("number.7")) {
		t.Errorf("7 is not \"siete\" (%v)", err)
	}
	if spoken, err = l.Number("es", 4000); err != nil || !bytes.HasPrefix(spoken.MuLaw(), clip("number.more")) {
		t.Errorf("4000 is not \"más de cien\" (%v)", err)
	}
	for _, bad := range []struct {
		language string
		n        int
	}{{"es", -1}, {"xx", 5}, {"xx", 55}, {"xx", 555}} {
		if _, err := l.Number(bad.language, bad.n); !errors.Is(err, prompts.ErrMissing) {
			t.Errorf("%s %d: %v", bad.language, bad.n, err)
		}
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
	if l.Has("fr", "hello") || !l.Has("fr", prompts.Beep) || !l.Has("es", "hello") || l.Text("es", "beep") != "" {
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
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".wav") {
			return err
		}
		name, _ := filepath.Rel("assets", strings.TrimSuffix(path, ".wav"))
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
