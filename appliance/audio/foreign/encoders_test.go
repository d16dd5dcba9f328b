package foreign

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os/exec"
	"slices"
	"testing"
	"time"

	"hotline/appliance/audio"
)

// melody are the tones of the sound below, 200 ms each: they reach every band
// that a telephone carries, and their sharp attacks make an encoder use short
// blocks.
var melody = []float64{400, 900, 2100, 500, 1300, 3000, 700, 1700, 2600, 440}

// played is the melody as a WAV file of 16 bits.
func played(rate, channels int) []byte {
	each := rate / 5
	pcm := make([]byte, rate/2*channels*2)
	for _, hz := range melody {
		for i := range each {
			loud := 12000 * math.Exp(-4*float64(i)/float64(each))
			for channel := range channels {
				x := loud * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)) / float64(1+channel)
				pcm = binary.LittleEndian.AppendUint16(pcm, uint16(int16(x)))
			}
		}
	}
	pcm = append(pcm, make([]byte, rate/2*channels*2)...)
	return wav(1, channels, rate, 16, pcm)
}

// MP3 files of an encoder that the world uses, at every rate of the format
// but one, sound as what was encoded.
func TestMP3OfEveryRate(t *testing.T) {
	kinds := map[string][]string{
		"constant":           {"-b", "48"},
		"changing":           {"-V", "4"},
		"with checksums":     {"-b", "64", "-p"},
		"as dense as it can": {"-b", "320"}, // LAME takes what the rate allows at most
		"with titles":        {"-b", "56", "--add-id3v2", "--tt", "Saludo", "--ta", "Hotline"},
	}
	for _, rate := range []int{11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000} {
		for channels := 1; channels <= 2; channels++ {
			sound := played(rate, channels)
			for kind, options := range kinds {
				if channels == 1 && kind != "constant" && kind != "changing" {
					continue // nothing new, and time
				}
				name := fmt.Sprintf("%d Hz, %d channels, %s", rate, channels, kind)
				lame := exec.CommandContext(t.Context(), "lame", slices.Concat([]string{"--quiet", "--resample", fmt.Sprint(float64(rate) / 1000)}, options, []string{"-", "-"})...)
				lame.Stdin = bytes.NewReader(sound)
				file, err := lame.Output()
				if err != nil {
					t.Fatalf("%s: encoding: %v", name, err)
				}
				// The steps that an upload takes in the child; the child itself
				// is for other tests.
				clip, err := decode(bytes.NewReader(file), time.Minute)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				if d := clip.Duration(); d < 1900*time.Millisecond || d > 2150*time.Millisecond {
					t.Errorf("%s lasts %s", name, d)
					continue
				}
				pcm := clip.PCM()
				for i, hz := range melody {
					at := i*audio.SampleRate/5 + audio.SampleRate/20
					if share := audio.ToneLevel(pcm[at:at+audio.SampleRate/10], hz); share < 0.9 {
						t.Errorf("%s: %.2f of tone %d is its %.0f Hz", name, share, i, hz)
					}
				}
			}
		}
	}
}

// A recording that was cut anywhere, or lost pieces of it, keeps its other
// sound and its length.
func TestMP3OfALowRateThatLostPieces(t *testing.T) {
	file := testdata(t, "mono22.mp3")
	for name, cut := range map[string][]byte{
		"its beginning":         file[len(file)/4+13:],
		"its end":               file[:len(file)*3/4-7],
		"a piece in the middle": slices.Concat(file[:len(file)/2-50], file[len(file)/2+200:]),
		"a header":              slices.Concat(file[:1000], bytes.Replace(file[1000:], []byte("\xff\xf3"), []byte("\x00\x00"), 1)),
	} {
		clip, err := decode(bytes.NewReader(append([]byte("ID3\x04\x00\x00\x00\x00\x00\x00"), cut...)), time.Minute)
		if err != nil {
			t.Errorf("without %s: %v", name, err)
			continue
		}
		if share := audio.ToneLevel(clip.PCM(), 700); share < 0.9 || clip.Duration() < time.Second {
			t.Errorf("without %s: %.2f of %s is the tone", name, share, clip.Duration())
		}
	}
}
