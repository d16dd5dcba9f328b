package foreign

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"golang.org/x/sys/unix"

	"hotline/appliance/audio"
)

// TestMain lets this test program be its own child, as the hotline is. A child
// whose program has a pipe beside it, of the same name and memorySuffix, tells
// there how much memory it had at most (it can write into no file). What the system tells of a process that
// has ended is no use: it counts the memory of the parent in, whose copy the
// child was until it became a program of its own.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == argument {
		note, err := os.OpenFile(os.Args[0]+memorySuffix, os.O_WRONLY, 0)
		if err != nil {
			Intercept()
		}
		status, err := os.Open("/proc/self/status")
		if err != nil {
			panic(err)
		}
		code := child(os.Args[2], os.Stdin, os.Stdout, os.Stderr)
		for lines := bufio.NewScanner(status); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "VmHWM:") {
				fmt.Fprintln(note, lines.Text())
			}
		}
		os.Exit(code)
	}
	os.Exit(m.Run())
}

const memorySuffix = ".memory"

func wav(tag, channels, rate, bits int, sound []byte) []byte {
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(tag))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*channels*bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels*bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(bits))
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(sound)))
	return append(b, sound...)
}

// tone is 16 bits of one channel: silence, the tone, silence.
func tone(rate int, d time.Duration) []byte {
	n := int(d.Seconds() * float64(rate))
	b := make([]byte, rate) // half a second
	for i := range n {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(9000*math.Sin(2*math.Pi*700*float64(i)/float64(rate)))))
	}
	return append(b, make([]byte, rate)...)
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestUploadsBecomePrompts(t *testing.T) {
	files := map[string][]byte{
		"telephone WAV": wav(1, 1, 8000, 16, tone(8000, 1500*time.Millisecond)),
		"studio WAV":    wav(1, 1, 96000, 16, tone(96000, 1500*time.Millisecond)),
	}
	for _, name := range []string{"stereo44.mp3", "mono16.mp3", "vbr48tags.mp3", "mono11.mp3", "mono22.mp3"} {
		files[name] = testdata(t, name)
	}
	for name, file := range files {
		clip, err := New().Import(t.Context(), bytes.NewReader(file), time.Minute)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := clip.Duration(); d < 1450*time.Millisecond || d > 1650*time.Millisecond {
			t.Errorf("%s lasts %s", name, d)
		}
		var sum float64
		pcm := clip.PCM()
		for _, x := range pcm {
			sum += float64(x) * float64(x)
		}
		level := 10 * math.Log10(sum/float64(len(pcm))/(math.MaxInt16*math.MaxInt16))
		if share := audio.ToneLevel(pcm, 700); share < 0.95 || math.Abs(level+20) > 1.5 {
			t.Errorf("%s: %.2f of it is the tone, at %.1f dBFS", name, share, level)
		}
	}
}

// Silent frames of 8 kbit/s: they take least for the same time.
var (
	frameOf8000  = "\xff\xe3\x18\xc0" + strings.Repeat("\x00", 68)
	frameOf24000 = "\xff\xf3\x14\xc0" + strings.Repeat("\x00", 20)
)

// hostile are files that somebody may upload to do harm, or by mistake, each
// with what the person reads.
func hostile(t testing.TB) map[string]struct {
	file io.Reader
	code string
} {
	mp3 := testdata(t, "stereo44.mp3")
	type one = struct {
		file io.Reader
		code string
	}
	damaged := bytes.Clone(mp3)
	for i := 600; i < len(damaged); i += 97 {
		damaged[i] ^= 0x5a
	}
	return map[string]one{
		"nothing":                       {strings.NewReader(""), audio.RefusedQuiet},
		"a program":                     {strings.NewReader("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 4096)), audio.RefusedKind},
		"an Ogg file":                   {strings.NewReader("OggS\x00\x02" + strings.Repeat("\x00", 4096)), audio.RefusedKind},
		"an M4A file":                   {strings.NewReader("\x00\x00\x00\x20ftypM4A " + strings.Repeat("\x00", 4096)), audio.RefusedKind},
		"4 GB of WAV are announced":     {bytes.NewReader(append([]byte("RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x00\x00\x00\x70"), make([]byte, 1000)...)), audio.RefusedLong},
		"a block of 4 GB":               {strings.NewReader("RIFF\xff\xff\xff\xffWAVEjunk\xf0\xff\xff\xff"), audio.RefusedLayout},
		"WAV cut off":                   {bytes.NewReader(wav(1, 1, 8000, 16, tone(8000, time.Second))[:9000]), audio.RefusedDamaged},
		"WAV without end":               {io.MultiReader(strings.NewReader("RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\xff\xff\xff\xff"), endless("\x00\x10\x00\xf0")), audio.RefusedLong},
		"WAV without end, fine rate":    {io.MultiReader(strings.NewReader("RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x00\xee\x02\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\xff\xff\xff\xff"), endless("\x00\x10\x00\xf0")), audio.RefusedLong},
		"silence":                       {bytes.NewReader(wav(1, 1, 8000, 16, make([]byte, 16000))), audio.RefusedQuiet},
		"MP3 without end":               {io.MultiReader(bytes.NewReader(mp3), endless(string(mp3[417:417+2*209]))), audio.RefusedLong},
		"MP3 sync without end":          {endless("\xff\xfb\x90\x00"), ""},
		"zeros behind an MP3 header":    {io.MultiReader(strings.NewReader("\xff\xfb\x90\x00"), io.LimitReader(endless("\x00"), 40<<20)), ""},
		"MP3 damaged":                   {bytes.NewReader(damaged), ""},
		"MP3 of two bytes":              {strings.NewReader("\xff\xfb"), audio.RefusedLayout},
		"MP3 of 8 kHz":                  {strings.NewReader(strings.Repeat(frameOf8000, 100)), audio.RefusedLayout},
		"MP3 of a low rate without end": {io.MultiReader(strings.NewReader(strings.Repeat(frameOf24000, 40_000)), endless(frameOf24000)), audio.RefusedLong},
		"MP3 of a low rate, too long":   {strings.NewReader(strings.Repeat(frameOf24000, 100_000)), audio.RefusedLong},
		"MP3 of another layer":          {strings.NewReader("\xff\xf5" + strings.Repeat("\x40", 4096)), audio.RefusedLayout},
		"titles of 256 MB":              {strings.NewReader("ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + strings.Repeat("x", 100)), audio.RefusedDamaged},
		"titles that are no number":     {strings.NewReader("ID3\x04\x00\x00\xff\xff\xff\xff" + strings.Repeat("x", 100)), audio.RefusedDamaged},
		"titles inside titles":          {strings.NewReader(strings.Repeat("ID3\x04\x00\x00\x00\x00\x00\x00", 1<<20)), audio.RefusedLayout},
		"more than 50 MB behind ID3":    {io.MultiReader(strings.NewReader("ID3\x04\x00\x00\x00\x00\x00\x00"), endless("x")), audio.RefusedLong},
		"thirty-two channels of NaN":    {bytes.NewReader(wav(3, 32, 192000, 64, bytes.Repeat([]byte{0xff}, 1<<20))), audio.RefusedQuiet},
	}
}

// endless repeats a text for ever.
type endless string

func (e endless) Read(b []byte) (int, error) {
	n := 0
	for n+len(e) <= len(b) {
		n += copy(b[n:], e)
	}
	if n == 0 {
		n = copy(b, e)
	}
	return n, nil
}

func TestHostileFilesAreRefusedSoonAndInLittleMemory(t *testing.T) {
	program := filepath.Join(t.TempDir(), "child")
	itself, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(itself, program); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(program+memorySuffix, 0o600); err != nil {
		t.Fatal(err)
	}
	told, err := os.OpenFile(program+memorySuffix, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = told.Close() }()
	importer := New()
	importer.program = func() (string, error) { return program, nil }
	for name, tt := range hostile(t) {
		began := time.Now()
		clip, err := importer.Import(t.Context(), tt.file, allowed)
		took := time.Since(began)
		var refusal *audio.Refusal
		switch {
		case err == nil && tt.code != "":
			t.Errorf("%s became a prompt of %s", name, clip.Duration())
		case err != nil && !errors.As(err, &refusal):
			t.Errorf("%s: an error that says nothing about the file: %v", name, err)
		case err != nil && (tt.code != "" && refusal.Code != tt.code || len(refusal.Why) < 20):
			t.Errorf("%s: %s %q, want %s", name, refusal.Code, refusal.Why, tt.code)
		}
		if took > soon {
			t.Errorf("%s took %s", name, took)
		}
		t.Logf("%s: %v in %s", name, err, took.Round(time.Millisecond))
	}
	if _, err := fmt.Fprintln(told, "all"); err != nil {
		t.Fatal(err)
	}
	var peak, children int
	for lines := bufio.NewScanner(told); lines.Scan() && lines.Text() != "all"; {
		var kib int
		if _, err := fmt.Sscanf(lines.Text(), "VmHWM: %d kB", &kib); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		peak, children = max(peak, kib), children+1
	}
	if children < 10 || peak > little {
		t.Errorf("%d children told their memory, at most %d MB; want 10 or more, and %d MB at most", children, peak>>10, little>>10)
	}
	t.Logf("most memory of %d children: %d MB", children, peak>>10)
}

// A child that does not end, or that the system kills, leaves a sentence too.
func TestAChildThatFailsIsToldOfTheFile(t *testing.T) {
	importer := New()
	importer.program = func() (string, error) { return "/bin/false", nil }
	var refusal *audio.Refusal
	if _, err := importer.Import(t.Context(), strings.NewReader("RIFF"), time.Minute); !errors.As(err, &refusal) || refusal.Code != audio.RefusedDamaged {
		t.Errorf("a child that dies: %v", err)
	}
	importer.program = func() (string, error) { return "/nowhere/hotline", nil }
	if _, err := importer.Import(t.Context(), strings.NewReader("RIFF"), time.Minute); err == nil || errors.As(err, &refusal) && refusal == nil {
		t.Errorf("no program: %v", err)
	} else if errors.Is(err, audio.ErrNotWAV) {
		t.Errorf("the file is blamed for a program that is missing: %v", err)
	}
	broken := errors.New("the cable was pulled")
	if _, err := New().Import(t.Context(), iotest.ErrReader(broken), time.Minute); !errors.Is(err, broken) || errors.Is(err, audio.ErrNotWAV) {
		t.Errorf("a broken upload: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(broken)
	if _, err := New().Import(ctx, strings.NewReader("RIFF"), time.Minute); !errors.Is(err, broken) {
		t.Errorf("nobody waits any more: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"stereo44.mp3", "mono16.mp3", "vbr48tags.mp3", "mono11.mp3", "mono22.mp3"} {
		b := testdata(f, name)
		f.Add(b)
		f.Add(b[:2000])
	}
	f.Add(wav(1, 1, 8000, 16, tone(8000, 100*time.Millisecond)))
	f.Add(wav(3, 2, 44100, 32, make([]byte, 800)))
	f.Fuzz(func(t *testing.T, file []byte) {
		clip, err := decode(bytes.NewReader(file), time.Second)
		if err == nil && (clip.Duration() == 0 || clip.Duration() > time.Second+100*time.Millisecond) {
			t.Errorf("accepted a clip of %s", clip.Duration())
		}
		if err != nil && !errors.Is(err, audio.ErrNotWAV) {
			t.Errorf("an error without a sentence: %v", err)
		}
	})
}

// FuzzImport goes the whole way, through a child: whatever the file is, an
// answer comes back, and soon.
func FuzzImport(f *testing.F) {
	for _, name := range []string{"stereo44.mp3", "mono16.mp3", "vbr48tags.mp3"} {
		f.Add(testdata(f, name))
	}
	f.Add(wav(1, 1, 8000, 16, tone(8000, 100*time.Millisecond)))
	importer := New()
	f.Fuzz(func(t *testing.T, file []byte) {
		clip, err := importer.Import(t.Context(), bytes.NewReader(file), time.Second)
		if err == nil && clip.Duration() == 0 || err != nil && !errors.Is(err, audio.ErrNotWAV) {
			t.Errorf("%s, %v", clip.Duration(), err)
		}
	})
}
