package prompts_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/audio/foreign"
	"hotline/appliance/store/storetest"
	"hotline/ivr/prompts"
)

// TestMain lets this test program decode uploads in children, as the hotline
// does.
func TestMain(m *testing.M) {
	foreign.Intercept()
	os.Exit(m.Run())
}

// swahili is a small language file with rules of its own.
const swahili = `language: sw
name: Kiswahili
voice: {name: sw, speed: 160, pitch: 45, gap: 1}
spoken:
  numbers:
    cardinal: {0: "number.#", 11: "number.10 number.and >", 20: "number.#", 21: "number.20 number.and >", 30: "number.ten =tens", 100: "number.hundred"}
    tens: {0: "number.3"}
  counted:
    minutes: {other: "unit.minutes {n}"}
  phrases: {about: "{n:minutes}", between: "{n} {m:minutes}", more: "{n:minutes}", hours: "{n}", time: "{hour} {minute}", date: "{day} {month}"}
prompts:
  hello: "Hujambo. Hii ni laini ya msaada."
  goodbye: "Asante kwa kupiga simu. Kwaheri."
  unit.minutes: "dakika"
  number.0: "sifuri"
  number.1: "moja"
  number.2: "mbili"
  number.3: "tatu"
  number.4: "nne"
  number.5: "tano"
  number.6: "sita"
  number.7: "saba"
  number.8: "nane"
  number.9: "tisa"
  number.10: "kumi"
  number.20: "ishirini"
  number.and: "na"
  number.ten: "makumi"
  number.hundred: "mia"
`

func packed(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		f, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(f, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func wavOf(t testing.TB, clip *audio.Clip) string {
	t.Helper()
	var b bytes.Buffer
	if err := audio.WriteWAV(&b, clip); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestALanguageArrivesAsAFile(t *testing.T) {
	records := storetest.Open(t)
	s := studio(t, records)
	pack := packed(t, map[string]string{"language.yaml": swahili, "audio/": "", "audio/hello.wav": wavOf(t, tone(500)), "README.md": "by Rosa"})
	done, err := s.Import(t.Context(), bytes.NewReader(pack), int64(len(pack)), foreign.New().Import, rosa)
	if err != nil {
		t.Fatal(err)
	}
	if done.Language != "sw" || done.Name != "Kiswahili" || done.Recorded != 1 || done.Spoken != 17 || len(done.Missing) < 50 {
		t.Errorf("import %+v", done)
	}
	s = studio(t, records) // also after a restart
	l := s.Library()
	if !hears(t, l, "sw", "hello", 500) || get(t, s, "sw", "hello").State != prompts.Recorded || get(t, s, "sw", "goodbye").State != prompts.Synthetic {
		t.Error("the language does not sound as its file does")
	}
	// Its numbers follow its own rules: "ishirini na tano".
	clip, err := l.Number("sw", 25)
	if err != nil || !bytes.Equal(clip.MuLaw(), heard(t, l, "sw", 30*time.Millisecond, "number.20", "number.and", "number.5")) {
		t.Errorf("25 is not spoken by the rules of the pack (%v)", err)
	}
	if !l.Has("sw", "supervisor.pin") || l.Has("sw", "main.menu") {
		t.Error("internal prompts are spoken in English, others are missing")
	}
	// What was imported can be carried on to another hotline.
	var again bytes.Buffer
	if err := s.WritePack(&again, "sw"); err != nil {
		t.Fatal(err)
	}
	other := studio(t, storetest.Open(t))
	if done, err = other.Import(t.Context(), bytes.NewReader(again.Bytes()), int64(again.Len()), foreign.New().Import, rosa); err != nil || done.Recorded != 1 {
		t.Fatalf("the second hotline: %+v, %v", done, err)
	}
	if !hears(t, other.Library(), "sw", "hello", 500) {
		t.Error("the recording did not travel")
	}
}

// A pack for a language that is there brings recordings; the texts stay.
func TestAPackBringsRecordings(t *testing.T) {
	s := studio(t, storetest.Open(t))
	var template bytes.Buffer
	if err := s.WritePack(&template, "es"); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(template.Bytes()), int64(template.Len()))
	if err != nil || len(z.File) != 1 {
		t.Fatalf("a pack without recordings has %d files (%v)", len(z.File), err)
	}
	f, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	pack := packed(t, map[string]string{"language.yaml": string(text), "audio/hello.wav": wavOf(t, tone(500)), "audio/number.7.wav": wavOf(t, tone(900))})
	done, err := s.Import(t.Context(), bytes.NewReader(pack), int64(len(pack)), foreign.New().Import, rosa)
	if err != nil || done.Recorded != 2 || done.Spoken != 0 || len(done.Missing) != 0 {
		t.Fatalf("import %+v, %v", done, err)
	}
	seven, err := s.Library().Number("es", 7)
	if err != nil || audio.ToneLevel(seven.PCM(), 900) < 0.9 || !hears(t, s.Library(), "es", "hello", 500) {
		t.Errorf("the recordings are not heard (%v)", err)
	}
}

// bomb is a ZIP file of a few kilobytes that unpacks to a quarter of a gigabyte.
func bomb(t testing.TB, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 1 << 8 {
		if _, err := f.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if name != "language.yaml" {
		f, err = z.Create("language.yaml")
		if err == nil {
			_, err = io.WriteString(f, swahili)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBadPacksChangeNothing(t *testing.T) {
	records := storetest.Open(t)
	s := studio(t, records)
	good := wavOf(t, tone(500))
	many := map[string]string{"language.yaml": swahili}
	for i := range 2600 {
		many["audio/a"+strings.Repeat("b", i%40)+"."+string(rune('a'+i%26))+strings.Repeat("c", i/40)+".wav"] = ""
	}
	with := func(old, new string) []byte {
		return packed(t, map[string]string{"language.yaml": strings.Replace(swahili, old, new, 1)})
	}
	damaged := packed(t, map[string]string{"language.yaml": swahili, "audio/hello.wav": good})
	at := bytes.Index(damaged, []byte("hello.wav")) + 40
	damaged[at] ^= 0xff
	link := func() []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		h := &zip.FileHeader{Name: "language.yaml"}
		h.SetMode(os.ModeSymlink | 0o777)
		f, err := z.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(f, "/etc/passwd")
		}
		if err != nil || z.Close() != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}()
	for name, tt := range map[string]struct {
		pack []byte
		says string
	}{
		"no ZIP":                    {[]byte("MZ this is a program"), "no ZIP"},
		"nothing":                   {nil, "no ZIP"},
		"cut off":                   {damaged[:len(damaged)-30], "no ZIP"},
		"empty":                     {packed(t, nil), "no file language.yaml"},
		"a bomb of text":            {bomb(t, "language.yaml"), "more than"},
		"a bomb of sound":           {bomb(t, "audio/hello.wav"), "audio/hello.wav"},
		"a path that leads out":     {packed(t, map[string]string{"language.yaml": swahili, "../../etc/cron.d/x": "x"}), "leads elsewhere"},
		"an absolute path":          {packed(t, map[string]string{"language.yaml": swahili, "/etc/passwd": "x"}), "leads elsewhere"},
		"a Windows path":            {packed(t, map[string]string{"language.yaml": swahili, "audio\\..\\x.wav": "x"}), "leads elsewhere"},
		"a symbolic link":           {link, "leads elsewhere"},
		"a program inside":          {packed(t, map[string]string{"language.yaml": swahili, "setup.exe": "MZ"}), "does not belong"},
		"too many files":            {packed(t, many), "files in it"},
		"a recording of nothing":    {packed(t, map[string]string{"language.yaml": swahili, "audio/nothing.wav": good}), "no such prompt"},
		"no sound in a file":        {packed(t, map[string]string{"language.yaml": swahili, "audio/hello.wav": "MZ no sound"}), "audio/hello.wav"},
		"a damaged recording":       {damaged, "audio/hello.wav"},
		"a key that nobody knows":   {with("prompts:", "promts:"), "language.yaml"},
		"a language that is none":   {with("language: sw", "language: ../x"), "no language"},
		"a voice that is a path":    {with("voice: {name: sw", "voice: {name: ../../tmp/x"), "no voice"},
		"a voice that is an option": {with("voice: {name: sw", "voice: {name: --path"), "no voice"},
		"a hasty voice":             {with("speed: 160", "speed: 9000"), "too fast"},
		"a bad name":                {with("hello:", "HELLO/..:"), "cannot be the name"},
		"a circle of rules":         {with(`tens: {0: "number.3"}`, `tens: {0: "=cardinal"}`), "circle"},
		"rules that multiply":       {with(`tens: {0: "number.3"}`, `tens: {0: "number.3 =a =a =a =a =a"}`+"\n    a: {0: \"=b =b =b =b =b\"}\n    b: {0: \"=c =c =c =c =c\"}\n    c: {0: \"=d =d =d =d =d\"}\n    d: {0: \"number.3\"}"), "circle"},
		"a word that is missing":    {with("  number.and: \"na\"\n", ""), "number.and"},
		"a bad spelling rule":       {with("spoken:", "respell: {'(': x}\nspoken:"), "respell"},
		"two hours of sound":        {packed(t, map[string]string{"language.yaml": swahili, "audio/hello.wav": wavOf(t, audio.Tone(500, 3*time.Minute, -20))}), "longer"},
	} {
		began := time.Now()
		_, err := s.Import(t.Context(), bytes.NewReader(tt.pack), int64(len(tt.pack)), foreign.New().Import, rosa)
		if !errors.Is(err, prompts.ErrPack) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want a refusal with %q", name, err, tt.says)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
	if s.Library().Has("sw", "goodbye") || studio(t, records).Library().Has("sw", "goodbye") {
		t.Error("something of a bad pack stayed")
	}
}

// A pack from anywhere either comes in whole or is refused with a sentence.
func FuzzPack(f *testing.F) {
	f.Add(packed(f, map[string]string{"language.yaml": swahili}))
	f.Add(packed(f, map[string]string{"language.yaml": swahili, "audio/hello.wav": wavOf(f, tone(500))}))
	f.Add(binary.LittleEndian.AppendUint32([]byte("PK\x05\x06"), 0))
	quick := func(_ context.Context, r io.Reader, longest time.Duration) (*audio.Clip, error) {
		return audio.ReadWAV(r, longest)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		s := studio(t, storetest.Open(t))
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // nothing is spoken or stored: the checks alone are looked at
		if _, err := s.Import(ctx, bytes.NewReader(file), int64(len(file)), quick, rosa); err == nil {
			t.Error("a pack was stored although nobody waits for it")
		}
	})
}

// Whatever a language file says, trying its rules ends.
func FuzzCatalogue(f *testing.F) {
	f.Add([]byte(swahili))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := prompts.ParseCatalogue(text)
		if err != nil || len(text) > 4096 {
			return
		}
		for _, n := range []int{0, 1, 21, 100, 999} {
			if ids, err := c.Number(prompts.Cardinal, n); err == nil && len(ids) > 4096*64 {
				t.Errorf("%d is %d words", n, len(ids))
			}
		}
		for _, phrase := range prompts.PhraseNames() {
			_, _ = c.Phrase(phrase, map[string]int{"n": 1, "m": 2}) // an error is right too
		}
	})
}
