package main

import (
	"math"

	"hotline/appliance/audio"
)

// score numbers the composition; a change of it makes the sounds anew.
const score = 1

// The hold music: a slow walk through four gentle chords, played on something
// between a harp and a celesta. Every note lies between 260 and 1400 Hz, where
// a telephone is clear, and each fades away by itself. Notes that sound past
// the end go on at the beginning, so the loop has no seam.
const (
	beat     = 0.78 // seconds
	bars     = 8
	perBar   = 4
	loopTime = beat * bars * perBar // just under 25 s
	musicRMS = -25.0                // softer than speech
)

// note is a MIDI number at a beat, with a loudness from 0 to 1.
type note struct {
	at    float64
	pitch int
	loud  float64
}

// The chords, from low to high: C, A minor, F and G with suspended colours,
// then the same with another turn home.
func chords() [bars][4]int {
	return [bars][4]int{
		{60, 64, 67, 74}, // C add9
		{60, 64, 69, 76}, // Am/C
		{60, 65, 69, 72}, // F/C
		{62, 67, 71, 74}, // G/D
		{60, 64, 67, 76}, // C
		{64, 67, 71, 74}, // Em7
		{60, 65, 69, 76}, // F maj7
		{62, 65, 67, 71}, // G7/D
	}
}

// The melody has one long note or two in a bar.
func melody() []note {
	return []note{
		{0, 79, 0.8}, {3, 76, 0.6},
		{4, 81, 0.8}, {6.5, 79, 0.6},
		{8, 77, 0.8}, {10, 76, 0.6}, {11, 74, 0.6},
		{12, 74, 0.8},
		{16, 76, 0.8}, {19, 79, 0.6},
		{20, 83, 0.7}, {22.5, 81, 0.6},
		{24, 81, 0.8}, {26, 79, 0.6}, {27, 77, 0.5},
		{28, 74, 0.8}, {30, 71, 0.6},
	}
}

func music() *audio.Clip {
	out := make([]float64, int(loopTime*audio.SampleRate))
	notes := melody()
	for bar, chord := range chords() {
		// Each chord is broken upwards and answered from the top.
		for i, step := range []int{0, 1, 2, 3, 2, 1, 2, 1} {
			notes = append(notes, note{float64(bar*perBar) + float64(i)*0.5, chord[step], 0.36 - 0.02*float64(i%4)})
		}
	}
	for _, n := range notes {
		pluck(out, n)
	}
	var sum float64
	for _, x := range out {
		sum += x * x
	}
	gain := math.Pow(10, musicRMS/20) * math.MaxInt16 / math.Sqrt(sum/float64(len(out)))
	pcm := make([]int16, len(out))
	for i, x := range out {
		pcm[i] = int16(math.Round(gain * x))
	}
	return audio.FromPCM(pcm)
}

// pluck adds one note: a soft attack, a few harmonics that fade faster the
// higher they are, and a slow fade of the whole.
func pluck(out []float64, n note) {
	hz := 440 * math.Pow(2, float64(n.pitch-69)/12)
	start := int(n.at * beat * audio.SampleRate)
	length := int(3.2 * audio.SampleRate)
	for i := range length {
		t := float64(i) / audio.SampleRate
		attack := 1 - math.Exp(-t/0.012)
		var x float64
		for h, share := range []float64{1, 0.28, 0.10} {
			overtone := float64(h + 1)
			if hz*overtone > 3300 {
				break
			}
			x += share * math.Exp(-t*(1.1+1.5*float64(h))) * math.Sin(2*math.Pi*hz*overtone*t)
		}
		release := min(1, float64(length-i)/(0.3*audio.SampleRate))
		out[(start+i)%len(out)] += 3000 * n.loud * attack * release * x
	}
}

// beep says "speak now".
func beep() *audio.Clip {
	const hz, seconds = 880.0, 0.24
	pcm := make([]int16, int(seconds*audio.SampleRate))
	for i := range pcm {
		t := float64(i) / audio.SampleRate
		edge := min(1, t/0.012, (seconds-t)/0.03)
		pcm[i] = int16(0.2 * math.MaxInt16 * edge * math.Sin(2*math.Pi*hz*t))
	}
	return audio.FromPCM(pcm)
}
