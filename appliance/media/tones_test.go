package media

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
)

// pressing is the sound of one key: levels in dBFS per tone.
type pressing struct {
	row, column float64 // dBFS
	off         float64 // error of both frequencies, 0.01 = 1 %
	length      time.Duration
}

func (p pressing) pcm(key byte) []float64 {
	at := strings.IndexByte(keyGrid, key)
	samples := make([]float64, int(p.length*audio.SampleRate/time.Second))
	for i := range samples {
		t := 2 * math.Pi * float64(i) / audio.SampleRate * (1 + p.off)
		samples[i] = 32767 * (math.Pow(10, p.row/20)*math.Sin(t*keyRows[at/4]) + math.Pow(10, p.column/20)*math.Sin(t*keyColumns[at%4]+0.7))
	}
	return samples
}

// typed is all 16 keys with pauses, and noise over everything.
func typed(p pressing, pause time.Duration, noise float64, random *rand.Rand) []int16 {
	var all []float64
	rest := make([]float64, int(pause*audio.SampleRate/time.Second))
	all = append(all, make([]float64, 800+random.IntN(160))...)
	for _, key := range []byte(keyGrid) {
		all = append(append(all, p.pcm(key)...), rest...)
	}
	all = append(all, make([]float64, 800)...)
	pcm := make([]int16, len(all))
	for i, s := range all {
		pcm[i] = int16(max(-32768, min(32767, s+noise*random.NormFloat64())))
	}
	return pcm
}

// detect runs sound through a detector in packets, of which it may lose some.
func detect(pcm []int16, law audio.Law, lost func(i int) bool) string {
	var d toneDetector
	var keys []byte
	ts := uint32(0xffffff00)
	for i := 0; i*frameTicks < len(pcm); i++ {
		part := pcm[i*frameTicks : min((i+1)*frameTicks, len(pcm))]
		if lost == nil || !lost(i) {
			if key, found := d.packet(ts, audio.Encode(part, law), law); found {
				keys = append(keys, key)
			}
		}
		ts += uint32(len(part))
	}
	return string(keys)
}

func TestTonesOfEveryKey(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	check := func(name string, p pressing, pause time.Duration, noise float64) {
		t.Helper()
		for _, law := range []audio.Law{audio.MuLaw, audio.ALaw} {
			for range 5 { // at different moments of a window
				if got := detect(typed(p, pause, noise, random), law, nil); got != keyGrid {
					t.Errorf("%s (%v): heard %q", name, law, got)
					break
				}
			}
		}
	}
	for _, level := range []float64{-7, -10, -16, -22, -28, -34, -36} {
		check(fmt.Sprintf("%v dBFS per tone", level), pressing{level, level, 0, 80 * time.Millisecond}, 80*time.Millisecond, 0)
	}
	for _, twist := range []float64{-6, -3, 3, 6} {
		check(fmt.Sprintf("twist of %v dB", twist), pressing{-16 + twist/2, -16 - twist/2, 0, 80 * time.Millisecond}, 80*time.Millisecond, 0)
	}
	for _, off := range []float64{-0.015, -0.01, 0.01, 0.015} {
		check(fmt.Sprintf("%v of the frequency off", off), pressing{-16, -16, off, 80 * time.Millisecond}, 80*time.Millisecond, 0)
	}
	for _, length := range []time.Duration{40, 50, 65, 100, 200, 1000} {
		check(fmt.Sprintf("held for %d ms", length), pressing{-16, -16, 0, length * time.Millisecond}, 40*time.Millisecond, 0)
	}
	// Two tones of -16 dBFS have -16 dBFS of power: noise 15 dB below.
	check("noise 15 dB below", pressing{-16, -16, 0, 80 * time.Millisecond}, 80*time.Millisecond, 32767*math.Pow(10, -31.0/20))
	check("noise, twist and a bad generator", pressing{-13, -19, 0.01, 100 * time.Millisecond}, 100*time.Millisecond, 32767*math.Pow(10, -36.0/20))
}

func TestTonesThatAreNoKeys(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for name, p := range map[string]pressing{
		"shorter than 24 ms":     {-16, -16, 0, 23 * time.Millisecond},
		"4 % off":                {-16, -16, 0.04, 100 * time.Millisecond},
		"softer than a whisper":  {-50, -50, 0, 100 * time.Millisecond},
		"one tone far above":     {-10, -30, 0, 100 * time.Millisecond},
		"the other far above":    {-30, -10, 0, 100 * time.Millisecond},
		"a single tone, the row": {-10, -200, 0, 100 * time.Millisecond},
	} {
		if got := detect(typed(p, 80*time.Millisecond, 3, random), audio.MuLaw, nil); got != "" {
			t.Errorf("%s: heard %q", name, got)
		}
	}
	noise := make([]int16, 60*audio.SampleRate)
	for i := range noise {
		noise[i] = int16(4000 * random.NormFloat64())
	}
	if got := detect(noise, audio.MuLaw, nil); got != "" {
		t.Errorf("a minute of noise: heard %q", got)
	}
}

func TestBreaksAndLossMakeNoSecondKey(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	held := typed(pressing{-16, -16, 0, 200 * time.Millisecond}, 100*time.Millisecond, 0, random)
	for first := range 15 { // one packet in 15 is lost, wherever it falls
		if got := detect(held, audio.MuLaw, func(i int) bool { return i%15 == first }); got != keyGrid {
			t.Errorf("packets %d, %d … lost: heard %q", first, first+15, got)
		}
	}
	// A contact that bounces for 10 ms in the middle of the key.
	one := pressing{-16, -16, 0, 60 * time.Millisecond}.pcm('5')
	bounce := append(append(append([]float64{}, one...), make([]float64, 80)...), one...)
	pcm := make([]int16, 400, 4000)
	for _, s := range bounce {
		pcm = append(pcm, int16(s))
	}
	if got := detect(append(pcm, make([]int16, 800)...), audio.MuLaw, nil); got != "5" {
		t.Errorf("a break of 10 ms: heard %q", got)
	}
}

// TestVoicesAreNoKeys plays every English and Spanish prompt to the detector, at
// the level it has, louder and softer: whatever a caller says, or a caller's
// phone plays back, must not press a key.
func TestVoicesAreNoKeys(t *testing.T) {
	assets := "../../ivr/prompts/assets"
	files, err := filepath.Glob(filepath.Join(assets, "e[ns]", "*.opus"))
	if err != nil || len(files) < 100 {
		t.Fatalf("%d prompts in %s, %v", len(files), assets, err)
	}
	var heard time.Duration
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		clip, err := audio.ReadOpus(file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		pcm := clip.PCM()
		heard += clip.Duration()
		for _, gain := range []float64{0.25, 1, 2.5} {
			for i, s := range clip.PCM() {
				pcm[i] = int16(max(-32768, min(32767, gain*float64(s))))
			}
			if got := detect(pcm, audio.MuLaw, nil); got != "" {
				t.Errorf("%s at %v: heard %q", name, gain, got)
			}
		}
	}
	t.Logf("%v of speech at three levels", heard.Round(time.Second))
}

func TestTonesOnALeg(t *testing.T) {
	p := startPacer(t)
	caller := newPhone(t)
	e, to := newUDPLeg(t, p, UDPConfig{Remote: caller.addr, InBand: true})
	press := func(key byte) {
		t.Helper()
		clip := make([]int16, 0, 3200)
		for _, s := range (pressing{-16, -16, 0, 100 * time.Millisecond}).pcm(key) {
			clip = append(clip, int16(s))
		}
		clip = append(clip, make([]int16, 800)...)
		for _, f := range frames(audio.FromPCM(clip), audio.MuLaw, 20*time.Millisecond) {
			caller.send(to, caller.packet(f))
		}
	}
	caller.say(to)
	for _, want := range []byte("19#") {
		press(want)
		if k := key(t, e); k != want {
			t.Errorf("key %q, want %q", k, want)
		}
	}
	if e.Stats().Sampled {
		t.Error("the kernel drops the tones")
	}
	caller.press(to, 4) // it can do better after all
	if k := key(t, e); k != '4' {
		t.Errorf("key %q", k)
	}
	press('7')
	noKey(t, e)
}
