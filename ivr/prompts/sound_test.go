//go:build !race

// Listening to every prompt is arithmetic of one goroutine: the race detector
// finds nothing in it and makes it take minutes.

package prompts_test

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/ivr/prompts"
)

func TestEverySoundIsTheOneThatWasMade(t *testing.T) {
	l := library(t)
	size := 0
	for name, entry := range manifest(t) {
		file := prompts.AssetPath(name)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		size += len(b)
		if prompts.Sum(b) != entry.Asset {
			t.Errorf("%s was changed by hand: run make prompts", file)
		}
		language, id, _ := strings.Cut(name, "/")
		if clip, err := l.Clip(language, id); err != nil || clip.Duration() < 60*time.Millisecond {
			t.Errorf("%s: %s of sound (%v)", name, clip.Duration(), err)
		}
	}
	if size > 30<<20 {
		t.Errorf("the prompts take %d MB of the repository, which is more than 30", size>>20)
	}
}

func TestPromptsAreLoudEnoughAndBeginAtOnce(t *testing.T) {
	l := library(t)
	words, minutes := map[string]float64{}, map[string]float64{}
	for language, c := range catalogues(t) {
		for id, text := range c.Prompts {
			clip, err := l.Clip(language, id)
			if err != nil {
				t.Error(err)
				continue
			}
			pcm := clip.PCM()
			peak, speech := level(pcm)
			if peak > -2 || math.Abs(speech+20) > 1.5 {
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
		// Arabic and Indonesian words are longer: the tempo is the same.
		slowest, fastest := 140.0, 165.0
		if language == "ar" || language == "id" {
			slowest, fastest = 90, 125
		}
		if wpm := words[language] / minutes[language]; wpm < slowest || wpm > fastest {
			t.Errorf("%s is spoken at %.0f words a minute", language, wpm)
		}
	}
}
