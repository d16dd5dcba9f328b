package audio

import (
	"math"
	"slices"
	"time"
)

// Levels of finished speech, in dB below full scale. Speech at -20 dBFS is
// what telephone networks expect; peaks stay out of the codec's last segment.
const (
	speechLevel = -20.0
	peakLevel   = -3.0
	quietLevel  = -42.0
)

// Finish makes a prompt of somebody's speech, given as samples of 16 bits at
// any rate: without the rumble that a telephone cannot carry, without silence
// before and after, as loud as every other prompt, at 8 kHz. No pause inside
// it lasts longer than longestPause; 0 leaves them all. The samples are
// changed.
func Finish(pcm []float64, rate int, longestPause time.Duration) (*Clip, error) {
	highPass(pcm, rate, 130)
	pcm = trim(pcm, rate)
	if longestPause > 0 {
		pcm = shorten(pcm, rate, longestPause)
	}
	if len(pcm) == 0 || speechRMS(pcm, rate) < quietLevel-12 {
		return nil, refuse(RefusedQuiet, "nobody is to be heard in it; speak closer to the microphone and record it again")
	}
	// Limiting and bringing the rate down change level and peaks a little, so
	// both are set, measured at 8 kHz, and corrected.
	speech, peak := speechLevel, peakLevel
	for round := 0; ; round++ {
		level := slices.Clone(pcm)
		scale(level, math.Pow(10, (speech-speechRMS(pcm, rate))/20))
		limit(level, rate, math.Pow(10, peak/20)*math.MaxInt16)
		clip := toClip(level, rate)
		done := floats(clip.PCM())
		off, over := speechLevel-speechRMS(done, SampleRate), loudest(done)-peakLevel
		if math.Abs(off) < 0.3 && over <= 0 {
			return clip, nil
		}
		if round == 20 {
			// Clicks and shouts cannot be both even and within the peak: the
			// peak counts.
			if over <= 0.5 {
				return clip, nil
			}
			return nil, refuse(RefusedQuiet, "its loudness cannot be made even: there is one loud noise and little else; record it again in a quiet place")
		}
		speech = min(speech+off, speechLevel+20)
		if over > 0 {
			peak -= over + 0.05
		}
	}
}

// Finished is a clip that somebody spoke, finished as a prompt.
func (c *Clip) Finished() (*Clip, error) { return Finish(floats(c.PCM()), SampleRate, 0) }

// loudest is the highest sample in dB below full scale.
func loudest(pcm []float64) float64 {
	var peak float64
	for _, x := range pcm {
		peak = max(peak, math.Abs(x))
	}
	return 20 * math.Log10(max(peak, 1)/math.MaxInt16)
}

// highPass takes away what a telephone cannot carry but what costs level.
func highPass(pcm []float64, rate int, hz float64) {
	a := 1 / (1 + 2*math.Pi*hz/float64(rate))
	for range 2 {
		var in, out float64
		for i, x := range pcm {
			out = a * (out + x - in)
			in, pcm[i] = x, out
		}
	}
}

// trim leaves 15 ms before the first sound and 60 ms after the last.
func trim(pcm []float64, rate int) []float64 {
	frame := rate / 200
	first, last := -1, 0
	for i := 0; i+frame <= len(pcm); i += frame {
		if rms(pcm[i:i+frame]) > quietLevel-6 {
			if first < 0 {
				first = i
			}
			last = i + frame
		}
	}
	if first < 0 {
		return pcm
	}
	pcm = pcm[max(0, first-3*frame):min(len(pcm), last+12*frame)]
	for i := range min(frame, len(pcm)) {
		share := float64(i) / float64(frame)
		pcm[i] *= share
		pcm[len(pcm)-1-i] *= share
	}
	return pcm
}

// shorten cuts what is silent for longer than longest.
func shorten(pcm []float64, rate int, longest time.Duration) []float64 {
	frame := rate / 200
	keep := int(longest.Seconds() * float64(rate) / 2)
	out := pcm[:0:0]
	quiet := 0 // samples of the silence that ends at i
	flush := func(end int) {
		if quiet > 2*keep {
			out = append(out, pcm[end-quiet:end-quiet+keep]...)
			out = append(out, pcm[end-keep:end]...)
		} else {
			out = append(out, pcm[end-quiet:end]...)
		}
		quiet = 0
	}
	i := 0
	for ; i+frame <= len(pcm); i += frame {
		if rms(pcm[i:i+frame]) > quietLevel-6 {
			flush(i)
			out = append(out, pcm[i:i+frame]...)
		} else {
			quiet += frame
		}
	}
	flush(i)
	return append(out, pcm[i:]...)
}

func rms(pcm []float64) float64 {
	var sum float64
	for _, x := range pcm {
		sum += x * x
	}
	return 10 * math.Log10(max(sum/float64(max(len(pcm), 1)), 1e-9)/(math.MaxInt16*math.MaxInt16))
}

// speechRMS is the level of the frames in which somebody speaks.
func speechRMS(pcm []float64, rate int) float64 {
	frame := rate / 50
	var sum float64
	n := 0
	for i := 0; i+frame <= len(pcm); i += frame {
		if rms(pcm[i:i+frame]) > quietLevel {
			for _, x := range pcm[i : i+frame] {
				sum += x * x
			}
			n += frame
		}
	}
	return 10 * math.Log10(max(sum, 1e-9)/float64(max(n, 1))/(math.MaxInt16*math.MaxInt16))
}

func scale(pcm []float64, gain float64) {
	for i := range pcm {
		pcm[i] *= gain
	}
}

// limit turns the volume down around peaks, slowly enough not to be heard.
func limit(pcm []float64, rate int, ceiling float64) {
	reach := rate / 200 // 5 ms
	gains := make([]float64, len(pcm))
	for i := range gains {
		gains[i] = 1
	}
	for i, x := range pcm {
		if over := math.Abs(x) / ceiling; over > 1 {
			for j := max(0, i-reach); j <= min(len(pcm)-1, i+reach); j++ {
				gains[j] = min(gains[j], 1/over)
			}
		}
	}
	// A running mean over the reach keeps every gain at or below what the peak
	// in its middle needs.
	var sum float64
	half := reach / 2
	smooth := make([]float64, len(gains))
	for i := -half; i < len(gains); i++ {
		if in := i + half; in < len(gains) {
			sum += gains[in]
		}
		if out := i - half - 1; out >= 0 {
			sum -= gains[out]
		}
		if i >= 0 {
			n := min(i+half, len(gains)-1) - max(i-half, 0) + 1
			smooth[i] = sum / float64(n)
		}
	}
	for i := range pcm {
		pcm[i] *= smooth[i]
	}
}

func toClip(pcm []float64, rate int) *Clip {
	if rate == SampleRate {
		out := make([]int16, len(pcm))
		for i, x := range pcm {
			out[i] = clamp(x)
		}
		return FromPCM(out)
	}
	r := newResampler(rate)
	for _, x := range pcm {
		r.push(float32(clamp(x)))
	}
	return FromPCM(r.flush(len(pcm)))
}

func clamp(x float64) int16 {
	return int16(max(math.MinInt16, min(math.MaxInt16, math.Round(x))))
}

func floats(pcm []int16) []float64 {
	out := make([]float64, len(pcm))
	for i, s := range pcm {
		out[i] = float64(s)
	}
	return out
}
