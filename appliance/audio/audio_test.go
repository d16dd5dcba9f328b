package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestTranslationKeepsTheSound(t *testing.T) {
	tone := Tone(440, time.Second, -10)
	for _, law := range []Law{MuLaw, ALaw} {
		pcm := Decode(tone.Encoded(law), law)
		if level := ToneLevel(pcm, 440); level < 0.99 {
			t.Errorf("%v: 440 Hz has only %.3f of the energy", law, level)
		}
		back := Encode(pcm, law)
		if !bytes.Equal(back, tone.Encoded(law)) {
			t.Errorf("%v: decoding and encoding again changed the sound", law)
		}
	}
	there := bytes.Clone(tone.Encoded(ALaw))
	Translate(there, ALaw, MuLaw)
	if level := ToneLevel(Decode(there, MuLaw), 440); level < 0.99 {
		t.Errorf("A-law to µ-law: 440 Hz has only %.3f of the energy", level)
	}
	if c := Silence(time.Second); c.Encoded(ALaw)[0] != ALaw.Silence() {
		t.Errorf("silence became %#x in A-law", c.Encoded(ALaw)[0])
	}
}

func TestClipArithmetic(t *testing.T) {
	c := Concat(Tone(400, 100*time.Millisecond, -10), nil, Silence(50*time.Millisecond))
	if c.Duration() != 150*time.Millisecond {
		t.Errorf("joined clips sound %v, want 150ms", c.Duration())
	}
	var none *Clip
	if none.Duration() != 0 || len(none.PCM()) != 0 || none.Encoded(ALaw) != nil {
		t.Error("a nil clip is not empty")
	}
	bytesOf := []byte{1, 2, 3}
	c = NewClip(bytesOf)
	bytesOf[0] = 9
	if c.MuLaw()[0] != 1 {
		t.Error("a clip changed after it was made")
	}
}

func TestToneLevelTellsTonesApart(t *testing.T) {
	pcm := Tone(1000, time.Second, -10).PCM()
	for hz, want := range map[float64]float64{1000: 1, 440: 0, 1100: 0, 2000: 0} {
		if got := ToneLevel(pcm, hz); math.Abs(got-want) > 0.02 {
			t.Errorf("level at %v Hz of a 1000 Hz tone = %.3f, want %v", hz, got, want)
		}
	}
	if got := ToneLevel(Silence(time.Second).PCM(), 440); got != 0 {
		t.Errorf("level of silence = %v", got)
	}
}

// wav builds a file the way other programs do.
func wav(tag, channels, rate, bits int, sound []byte) []byte {
	var b bytes.Buffer
	b.WriteString("RIFF\x00\x00\x00\x00WAVE")
	b.WriteString("LIST\x05\x00\x00\x00hello\x00") // odd length, padded
	b.WriteString("fmt \x10\x00\x00\x00")
	for _, v := range []any{uint16(tag), uint16(channels), uint32(rate), uint32(rate * channels * bits / 8), uint16(channels * bits / 8), uint16(bits)} {
		binary.Write(&b, binary.LittleEndian, v)
	}
	b.WriteString("data")
	binary.Write(&b, binary.LittleEndian, uint32(len(sound)))
	b.Write(sound)
	return b.Bytes()
}

func sine(hz float64, rate, channels int, d time.Duration) []byte {
	var b bytes.Buffer
	for i := range int(d * time.Duration(rate) / time.Second) {
		s := int16(10000 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
		for range channels {
			binary.Write(&b, binary.LittleEndian, s)
		}
	}
	return b.Bytes()
}

func TestReadWAVAtEveryUsualRate(t *testing.T) {
	for _, rate := range []int{8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000, 6000, 44099} {
		for _, channels := range []int{1, 2} {
			file := wav(1, channels, rate, 16, sine(1000, rate, channels, time.Second))
			// One byte at a time, as a slow upload brings it.
			c, err := ReadWAV(iotest.OneByteReader(bytes.NewReader(file)), time.Minute)
			if err != nil {
				t.Errorf("%d Hz, %d channels: %v", rate, channels, err)
				continue
			}
			if off := c.Duration() - time.Second; off.Abs() > time.Millisecond {
				t.Errorf("%d Hz: one second became %v", rate, c.Duration())
			}
			pcm := c.PCM()
			if level := ToneLevel(pcm, 1000); level < 0.98 {
				t.Errorf("%d Hz, %d channels: 1000 Hz has only %.3f of the energy", rate, channels, level)
			}
			var peak int16
			for _, s := range pcm {
				peak = max(peak, s)
			}
			if peak < 9000 || peak > 11000 {
				t.Errorf("%d Hz: peak 10000 became %d", rate, peak)
			}
		}
	}
}

func TestResamplingRemovesWhatAPhoneCannotCarry(t *testing.T) {
	// 7 kHz would fold back to 1 kHz.
	c, err := ReadWAV(bytes.NewReader(wav(1, 1, 48000, 16, sine(7000, 48000, 1, time.Second))), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.PCM()[400:7600] {
		if s > 100 || s < -100 {
			t.Fatalf("7 kHz left an alias of %d (of 10000)", s)
		}
	}
}

func TestWAVRoundTrip(t *testing.T) {
	for _, d := range []time.Duration{time.Second, 125 * time.Microsecond} {
		c := Tone(700, d+125*time.Microsecond, -6)
		var file bytes.Buffer
		if err := WriteWAV(&file, c); err != nil {
			t.Fatal(err)
		}
		if size := binary.LittleEndian.Uint32(file.Bytes()[4:]); int(size)+8 != file.Len() {
			t.Errorf("the header says %d bytes, the file has %d", size+8, file.Len())
		}
		back, err := ReadWAV(&file, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(back.MuLaw(), c.MuLaw()) {
			t.Error("the sound changed on its way through a file")
		}
	}
	alaw := wav(6, 1, 8000, 8, Tone(700, time.Second, -6).Encoded(ALaw))
	c, err := ReadWAV(bytes.NewReader(alaw), time.Minute)
	if err != nil || ToneLevel(c.PCM(), 700) < 0.98 {
		t.Errorf("A-law file: %v", err)
	}
}

// Whatever a program writes as WAV is the same sound in the end.
func TestReadWAVInEveryLayout(t *testing.T) {
	plain := sine(500, 16000, 1, time.Second)
	samples := func(put func(b []byte, s float64) []byte, channels int) []byte {
		var out []byte
		for i := 0; i < len(plain); i += 2 {
			s := float64(int16(binary.LittleEndian.Uint16(plain[i:]))) / 32768
			for range channels {
				out = put(out, s)
			}
		}
		return out
	}
	for name, tt := range map[string]struct {
		tag, channels, bits int
		put                 func(b []byte, s float64) []byte
	}{
		"8 bits": {1, 1, 8, func(b []byte, s float64) []byte { return append(b, byte(128+math.Round(s*127))) }},
		"24 bits": {1, 1, 24, func(b []byte, s float64) []byte {
			v := uint32(int32(s * 8388607))
			return append(b, byte(v), byte(v>>8), byte(v>>16))
		}},
		"32 bits": {1, 2, 32, func(b []byte, s float64) []byte {
			return binary.LittleEndian.AppendUint32(b, uint32(int32(s*2147483647)))
		}},
		"float": {3, 1, 32, func(b []byte, s float64) []byte {
			return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(s)))
		}},
		"double":       {3, 2, 64, func(b []byte, s float64) []byte { return binary.LittleEndian.AppendUint64(b, math.Float64bits(s)) }},
		"six channels": {1, 6, 16, func(b []byte, s float64) []byte { return binary.LittleEndian.AppendUint16(b, uint16(int16(s*32767))) }},
	} {
		clip, err := ReadWAV(bytes.NewReader(wav(tt.tag, tt.channels, 16000, tt.bits, samples(tt.put, tt.channels))), time.Minute)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if share := ToneLevel(clip.PCM(), 500); share < 0.98 || clip.Duration() != time.Second {
			t.Errorf("%s: %.3f of it is the tone, %s", name, share, clip.Duration())
		}
	}
	// WAVE_FORMAT_EXTENSIBLE, as programs write it for more than two channels.
	extensible := bytes.Replace(wav(0xfffe, 1, 16000, 16, plain), []byte("fmt \x10\x00\x00\x00"), []byte("fmt \x28\x00\x00\x00"), 1)
	at := bytes.Index(extensible, []byte("data"))
	extensible = slices.Insert(extensible, at, []byte("\x16\x00\x10\x00\x04\x00\x00\x00\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71")...)
	if clip, err := ReadWAV(bytes.NewReader(extensible), time.Minute); err != nil || ToneLevel(clip.PCM(), 500) < 0.98 {
		t.Errorf("extensible: %v", err)
	}
	broken := samples(func(b []byte, _ float64) []byte {
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(math.NaN())))
	}, 1)
	if clip, err := ReadWAV(bytes.NewReader(wav(3, 1, 16000, 32, broken)), time.Minute); err != nil || speechRMS(floats(clip.PCM()), SampleRate) > -60 {
		t.Errorf("what is no number became sound (%v)", err)
	}
}

func TestFinishedSpeechIsEvenAndBare(t *testing.T) {
	const rate = 44100
	quiet := make([]float64, rate) // a second of nearly nothing, half a second of tone, the same again
	speech := slices.Clone(quiet)
	for i := range rate / 2 {
		speech = append(speech, 900*math.Sin(2*math.Pi*500*float64(i)/rate))
	}
	speech = append(speech, quiet...)
	clip, err := Finish(speech, rate, 0)
	if err != nil {
		t.Fatal(err)
	}
	if d := clip.Duration(); d < 500*time.Millisecond || d > 650*time.Millisecond {
		t.Errorf("half a second of speech lasts %s", d)
	}
	if level := speechRMS(floats(clip.PCM()), SampleRate); math.Abs(level+20) > 1 {
		t.Errorf("it is at %.1f dBFS", level)
	}
	var refusal *Refusal
	if _, err := Finish(quiet, rate, 0); !errors.As(err, &refusal) || refusal.Code != RefusedQuiet {
		t.Errorf("silence: %v", err)
	}
	if _, err := Finish(nil, rate, 0); !errors.Is(err, ErrNotWAV) {
		t.Errorf("nothing: %v", err)
	}
	click := make([]float64, rate)
	click[rate/2] = 30000
	if clip, err := Finish(click, rate, 0); err == nil && loudest(floats(clip.PCM())) > -2 {
		t.Errorf("a click is at %.1f dBFS", loudest(floats(clip.PCM())))
	}
}

func TestReadWAVOfAPipe(t *testing.T) {
	// ffmpeg writing to a pipe cannot know the length.
	file := wav(1, 1, 8000, 16, sine(500, 8000, 1, time.Second))
	copy(file[len(file)-16000-4:], "\xff\xff\xff\xff")
	c, err := ReadWAV(bytes.NewReader(file), time.Minute)
	if err != nil || c.Duration() != time.Second {
		t.Errorf("got %v, %v", c.Duration(), err)
	}
}

func TestReadWAVRefusesWithASentence(t *testing.T) {
	second := sine(500, 8000, 1, time.Second)
	good := wav(1, 1, 8000, 16, second)
	for _, tt := range []struct {
		name string
		file []byte
		says string
	}{
		{"empty", nil, "too short"},
		{"mp3", []byte("ID3\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "save the recording as WAV"},
		{"no sound", good[:40], "ends"},
		{"zero sound", wav(1, 1, 8000, 16, nil), "no sound"},
		{"12 bits", wav(1, 1, 8000, 12, second), "16-bit PCM"},
		{"half floats", wav(3, 1, 8000, 16, second), "16-bit PCM"},
		{"MP3 inside", wav(0x55, 1, 8000, 16, second), "16-bit PCM"},
		{"no channels", wav(1, 0, 8000, 16, second), "mono"},
		{"channels without end", wav(1, 60000, 8000, 16, second), "mono"},
		{"cut off", good[:len(good)-2000], "in the middle"},
		{"a gigabyte is announced", bytes.Replace(good, binary.LittleEndian.AppendUint32([]byte("data"), 16000), []byte("data\x00\x00\x00\x40"), 1), "longer than 1s"},
		{"rate 0", wav(1, 1, 0, 16, second), "rate of 0"},
		{"rate 4 GHz", wav(1, 1, math.MaxUint32, 16, second), "rate of"},
		{"too long", wav(1, 1, 8000, 16, append(second, 0, 0)), "longer than 1s"},
		{"giant block", []byte("RIFF\x00\x00\x00\x00WAVEjunk\xff\xff\xff\x7f"), "not sound"},
		{"endless blocks", []byte("RIFF\x00\x00\x00\x00WAVE" + strings.Repeat("junk\x00\x00\x00\x00", 1000)), "too many blocks"},
		{"sound first", []byte("RIFF\x00\x00\x00\x00WAVEdata\x02\x00\x00\x00ab"), "before its description"},
		{"giant description", []byte("RIFF\x00\x00\x00\x00WAVEfmt \xff\xff\xff\xff"), "impossible length"},
	} {
		_, err := ReadWAV(bytes.NewReader(tt.file), time.Second)
		if !errors.Is(err, ErrNotWAV) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, want a refusal with %q", tt.name, err, tt.says)
		}
	}
	broken := errors.New("disk on fire")
	if _, err := ReadWAV(iotest.ErrReader(broken), time.Second); !errors.Is(err, broken) || errors.Is(err, ErrNotWAV) {
		t.Errorf("a read error was blamed on the file: %v", err)
	}
}

func FuzzReadWAV(f *testing.F) {
	f.Add(wav(1, 2, 44100, 16, make([]byte, 400)))
	f.Add(wav(7, 1, 8000, 8, make([]byte, 400)))
	f.Add(wav(0xfffe, 1, 4001, 16, make([]byte, 400)))
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEfmt \xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, file []byte) {
		c, err := ReadWAV(bytes.NewReader(file), time.Second)
		if err == nil && (c.Duration() == 0 || c.Duration() > time.Second+time.Millisecond) {
			t.Errorf("accepted a clip of %v", c.Duration())
		}
		if err != nil && !errors.Is(err, ErrNotWAV) {
			t.Errorf("an error without a sentence: %v", err)
		}
	})
}
