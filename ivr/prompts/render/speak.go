package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr/prompts"
)

// Levels of a finished prompt, in dB below full scale. Speech at -20 dBFS is
// what telephone networks expect; peaks stay out of the codec's last segment.
const (
	speechLevel = -20.0
	peakLevel   = -3.0
	quietLevel  = -42.0
)

// speakFor is how long the speech program may take for one sentence.
const speakFor = 20 * time.Second

// speak makes a clip of text: trimmed, levelled, at 8 kHz.
func speak(v prompts.Voice, text string) (*audio.Clip, error) {
	pcm, rate, err := synthesise(v, text)
	if err != nil {
		return nil, err
	}
	highPass(pcm, rate, 130)
	pcm = shorten(trim(pcm, rate), rate)
	// Limiting and bringing the rate down change level and peaks a little, so
	// both are set, measured at 8 kHz, and corrected.
	speech, peak := speechLevel, peakLevel
	for round := 0; ; round++ {
		level := slices.Clone(pcm)
		scale(level, math.Pow(10, (speech-speechRMS(pcm, rate))/20))
		limit(level, rate, math.Pow(10, peak/20)*math.MaxInt16)
		clip, err := toClip(level, rate)
		if err != nil {
			return nil, err
		}
		done := floats(clip.PCM())
		off, over := speechLevel-speechRMS(done, audio.SampleRate), loudest(done)-peakLevel
		if math.Abs(off) < 0.3 && over <= 0 {
			return clip, nil
		}
		if round == 20 {
			return nil, fmt.Errorf("the level could not be set: speech %.1f dB off, peak %.1f dB over", off, over)
		}
		speech += off
		if over > 0 {
			peak -= over + 0.05
		}
	}
}

// loudest is the highest sample in dB below full scale.
func loudest(pcm []float64) float64 {
	var peak float64
	for _, x := range pcm {
		peak = max(peak, math.Abs(x))
	}
	return 20 * math.Log10(max(peak, 1)/math.MaxInt16)
}

// synthesise runs espeak-ng.
func synthesise(v prompts.Voice, text string) (pcm []float64, rate int, err error) {
	dir, err := os.MkdirTemp("", "prompt")
	if err != nil {
		return nil, 0, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), speakFor)
	defer cancel()
	file := filepath.Join(dir, "prompt.wav")
	// -a 60: the program's own level, low enough that it does not clip.
	cmd := exec.CommandContext(ctx, "espeak-ng", "-v", v.Name, "-s", strconv.Itoa(v.Speed), "-p", strconv.Itoa(v.Pitch),
		"-g", strconv.Itoa(v.Gap), "-a", "60", "-w", file, "--", text)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, 0, fmt.Errorf("running espeak-ng: %w: %s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, 0, err
	}
	if len(b) < 44 || string(b[36:40]) != "data" {
		return nil, 0, errors.New("espeak-ng wrote something that is no plain WAV file")
	}
	rate = int(binary.LittleEndian.Uint32(b[24:]))
	for b = b[44:]; len(b) >= 2; b = b[2:] {
		pcm = append(pcm, float64(int16(binary.LittleEndian.Uint16(b))))
	}
	return pcm, rate, nil
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
	fade := frame
	for i := range min(fade, len(pcm)) {
		share := float64(i) / float64(fade)
		pcm[i] *= share
		pcm[len(pcm)-1-i] *= share
	}
	return pcm
}

// longestPause is the most silence inside a prompt. The program rests longer
// after every sentence, which makes a menu drag.
const longestPause = 220 * time.Millisecond

func shorten(pcm []float64, rate int) []float64 {
	frame := rate / 200
	keep := int(longestPause.Seconds() * float64(rate) / 2)
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
	return 10 * math.Log10(max(sum/float64(len(pcm)), 1e-9)/(math.MaxInt16*math.MaxInt16))
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

func toClip(pcm []float64, rate int) (*audio.Clip, error) {
	var b bytes.Buffer
	b.WriteString("RIFF\xff\xff\xff\xffWAVEfmt ")
	head := binary.LittleEndian.AppendUint32(nil, 16)
	head = binary.LittleEndian.AppendUint16(head, 1)
	head = binary.LittleEndian.AppendUint16(head, 1)
	head = binary.LittleEndian.AppendUint32(head, uint32(rate))
	head = binary.LittleEndian.AppendUint32(head, uint32(2*rate))
	head = binary.LittleEndian.AppendUint16(head, 2)
	head = binary.LittleEndian.AppendUint16(head, 16)
	b.Write(head)
	b.WriteString("data\xff\xff\xff\xff")
	for _, x := range pcm {
		s := int16(max(math.MinInt16, min(math.MaxInt16, math.Round(x))))
		b.Write(binary.LittleEndian.AppendUint16(nil, uint16(s)))
	}
	return audio.ReadWAV(&b, time.Minute)
}

func floats(pcm []int16) []float64 {
	out := make([]float64, len(pcm))
	for i, s := range pcm {
		out[i] = float64(s)
	}
	return out
}
