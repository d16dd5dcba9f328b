package ui

import (
	"archive/zip"
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hotline/appliance/audio"
	"hotline/ivr/prompts"
)

// upload posts one file in a form.
func (s *site) upload(t *testing.T, client *http.Client, path, field, name string, content []byte) answer {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile(field, name)
	if err == nil {
		_, err = part.Write(content)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, s.url+path, &body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	return s.send(t, client, request)
}

func wavFile(t *testing.T, clip *audio.Clip) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := audio.WriteWAV(&b, clip); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// hears is whether callers in that language hear a tone instead of a sentence.
func (s *site) hears(t *testing.T, language, id string, hz float64) bool {
	t.Helper()
	clip, err := s.studio.Library().Clip(language, id)
	if err != nil {
		t.Fatal(err)
	}
	return audio.ToneLevel(clip.PCM(), hz) > 0.9
}

func TestAnUploadIsWhatCallersHear(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, supervisor)
	if got := s.get(t, client, "/prompts"); got.status != http.StatusOK || !strings.Contains(got.body, "What callers hear") || !strings.Contains(got.body, `href="/prompts/ar/hello"`) {
		t.Fatalf("the list: %d", got.status)
	}
	got := s.upload(t, client, "/prompts/es/hello/recording", "sound", "../../hello.exe", wavFile(t, audio.Tone(500, 900*time.Millisecond, -30)))
	if got.status != http.StatusSeeOther || got.header.Get("Location") != "/prompts/es/hello?done=recorded" {
		t.Fatalf("uploading: %d %s", got.status, got.body)
	}
	if !s.hears(t, "es", "hello", 500) {
		t.Error("callers do not hear it")
	}
	page := s.get(t, client, "/prompts/es/hello?done=recorded")
	if !strings.Contains(page.body, "New calls hear your recording") || !strings.Contains(page.body, "Amal supervisor") || !strings.Contains(page.body, "Callers hear this") {
		t.Errorf("the page does not say so: %s", page.body)
	}
	sound := s.get(t, client, "/prompts/es/hello/sound.wav")
	clip, err := audio.ReadWAV(strings.NewReader(sound.body), time.Minute)
	if err != nil || audio.ToneLevel(clip.PCM(), 500) < 0.9 {
		t.Errorf("listening: %d, %v", sound.status, err)
	}
	// Going back to the voice it came with.
	if got := s.post(t, client, "/prompts/es/hello", url.Values{"do": {"use"}, "take": {""}}); got.status != http.StatusSeeOther || s.hears(t, "es", "hello", 500) {
		t.Errorf("going back: %d", got.status)
	}
	take := get(t, s, "es", "hello").Takes[0].ID
	if got := s.post(t, client, "/prompts/es/hello", url.Values{"do": {"use"}, "take": {take}}); got.status != http.StatusSeeOther || !s.hears(t, "es", "hello", 500) {
		t.Errorf("going forward again: %d", got.status)
	}
}

func get(t *testing.T, s *site, language, id string) prompts.Prompt {
	t.Helper()
	p, err := s.studio.Get(language, id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestBadUploadsAreRefusedInWords(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, coordinator)
	good := wavFile(t, audio.Tone(500, time.Second, -20))
	for name, tt := range map[string]struct {
		file []byte
		says string
	}{
		"nothing":      {nil, "Choose a sound file|Nobody is to be heard"},
		"a program":    {[]byte("MZ\x90 not a sound at all"), "not a WAV or MP3 file"},
		"cut off":      {good[:3000], "damaged or ends too early"},
		"silence":      {wavFile(t, audio.Silence(time.Second)), "Nobody is to be heard"},
		"too long":     {wavFile(t, audio.Tone(500, 3*time.Minute, -20)), "too long"},
		"broken MP3":   {[]byte("ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + strings.Repeat("x", 200)), "damaged"},
		"a MIDI score": {[]byte("MThd\x00\x00\x00\x06\x00\x01\x00\x02\x00\x60MTrk"), "not a WAV or MP3 file"},
	} {
		got := s.upload(t, client, "/prompts/es/hello/recording", "sound", "a.wav", tt.file)
		says := false
		for _, want := range strings.Split(tt.says, "|") {
			says = says || strings.Contains(got.body, want)
		}
		if got.status != http.StatusUnprocessableEntity || !says || !strings.Contains(got.body, "There is a problem") {
			t.Errorf("%s: %d, says it %t", name, got.status, says)
		}
		preview := s.upload(t, client, "/prompts/preview", "sound", "a.wav", tt.file)
		if preview.status != http.StatusUnprocessableEntity || strings.Contains(preview.body, "<") {
			t.Errorf("%s before saving: %d %q", name, preview.status, preview.body)
		}
	}
	if got := s.upload(t, client, "/prompts/es/hello/recording", "sound", "a.wav", make([]byte, maxUpload+2*maxForm)); got.status == http.StatusSeeOther {
		t.Errorf("more than 50 MB: %d", got.status)
	}
	if got := s.upload(t, client, "/prompts/es/hello/recording", "other", "a.wav", good); got.status != http.StatusUnprocessableEntity {
		t.Errorf("another field: %d", got.status)
	}
	for _, path := range []string{"/prompts/es/no.such", "/prompts/xx/hello", "/prompts/es/hello/sound.wav?take=01JUNK", "/prompts/xx/pack.zip", "/prompts/es/..%2f..%2fetc%2fpasswd"} {
		if got := s.get(t, client, path); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if p := get(t, s, "es", "hello"); p.State != prompts.Synthetic || len(p.Takes) != 0 {
		t.Errorf("something was kept: %+v", p)
	}
}

func TestChangingTheWordsOnThePage(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, supervisor)
	got := s.post(t, client, "/prompts/es/goodbye", url.Values{"do": {"text"}, "text": {"Gracias. Hasta <b>luego</b>."}})
	if got.status != http.StatusSeeOther || get(t, s, "es", "goodbye").Text != "Gracias. Hasta <b>luego</b>." {
		t.Fatalf("changing: %d %s", got.status, got.body)
	}
	if page := s.get(t, client, "/prompts/es/goodbye"); strings.Contains(page.body, "<b>luego") || !strings.Contains(page.body, "&lt;b&gt;luego") {
		t.Error("the text is taken for a part of the page")
	}
	if got := s.post(t, client, "/prompts/es/goodbye", url.Values{"do": {"text"}, "text": {strings.Repeat("a ", 2000)}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "nobody listens that long") {
		t.Errorf("a long text: %d", got.status)
	}
	if got := s.post(t, client, "/prompts", url.Values{"name": {"Shelter.North"}, "language": {"es"}, "text": {"El albergue está en la escuela."}}); got.header.Get("Location") != "/prompts/es/shelter.north?done=text" {
		t.Errorf("adding: %d %s", got.status, got.body)
	}
	if !s.studio.Library().Has("es", "shelter.north") {
		t.Error("the new sentence cannot be said")
	}
	// Speaking texts is a part that can be switched off (L7).
	boss := s.as(t, admin)
	if got := s.post(t, boss, "/admin/parts", url.Values{"part": {"synthesis"}, "to": {"off"}}); got.status != http.StatusSeeOther {
		t.Fatalf("switching the voice off: %d", got.status)
	}
	for _, to := range []string{"/prompts/es/goodbye", "/prompts"} {
		got := s.post(t, client, to, url.Values{"do": {"text"}, "name": {"shelter.south"}, "language": {"es"}, "text": {"Otro texto."}})
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "speaking texts is switched off") {
			t.Errorf("a text while the voice is off, to %s: %d", to, got.status)
		}
	}
	if get(t, s, "es", "goodbye").Text != "Gracias. Hasta <b>luego</b>." || s.studio.Library().Has("es", "shelter.south") {
		t.Error("a text was changed while the voice was off")
	}
	if got := s.post(t, boss, "/admin/parts", url.Values{"part": {"synthesis"}, "to": {"on"}}); got.status != http.StatusSeeOther {
		t.Fatalf("switching the voice on: %d", got.status)
	}
	if got := s.post(t, client, "/prompts", url.Values{"name": {"../x"}, "language": {"es"}, "text": {"x"}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "small letters, digits and points") {
		t.Errorf("a bad name: %d", got.status)
	}
}

func TestLanguagePacksOnThePage(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, coordinator)
	out := s.get(t, client, "/prompts/es/pack.zip")
	if out.status != http.StatusOK {
		t.Fatalf("taking along: %d", out.status)
	}
	old, err := zip.NewReader(strings.NewReader(out.body), int64(len(out.body)))
	if err != nil {
		t.Fatal(err)
	}
	var pack bytes.Buffer
	z := zip.NewWriter(&pack)
	for _, f := range old.File {
		if err := z.Copy(f); err != nil {
			t.Fatal(err)
		}
	}
	w, err := z.Create("audio/hello.wav")
	if err == nil {
		_, err = w.Write(wavFile(t, audio.Tone(500, time.Second, -20)))
	}
	if err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	got := s.upload(t, client, "/prompts/pack", "pack", "es.zip", pack.Bytes())
	if got.status != http.StatusOK || !strings.Contains(got.body, "español is there: 1 recorded") || !s.hears(t, "es", "hello", 500) {
		t.Errorf("adding: %d %s", got.status, got.body)
	}
	for name, file := range map[string][]byte{"a program": []byte("MZ this is a program"), "nothing": nil, "cut off": pack.Bytes()[:pack.Len()/2]} {
		got := s.upload(t, client, "/prompts/pack", "pack", "x.zip", file)
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "There is a problem") {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	if got := s.upload(t, s.as(t, supervisor), "/prompts/pack", "pack", "es.zip", pack.Bytes()); got.status != http.StatusForbidden {
		t.Errorf("a supervisor adds a language: %d", got.status)
	}
}

func TestPromptsInTheBrowser(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	b := openBrowser(t, s)
	b.signIn(coordinator)
	b.do(chromedp.Navigate(s.url + "/prompts"))
	b.until(`document.readyState === "complete" && document.querySelectorAll(".matrix tbody tr").length > 50`)
	b.fits("prompts")
	b.do(chromedp.Navigate(s.url + "/prompts/ar/hello"))
	b.until(`document.querySelector("[data-record]")?.offsetParent`)
	b.fits("prompt")

	// The made-up microphone beeps; what it says becomes the prompt.
	b.do(chromedp.Navigate(s.url + "/prompts/es/goodbye"))
	b.until(`document.querySelector("[data-record]")?.offsetParent`)
	b.press("[data-record]")
	b.until(`parseFloat(document.querySelector("[data-clock]").textContent) > 2.2`)
	b.until(`(window.__loudest = Math.max(window.__loudest ?? 0, document.querySelector("meter").value)) > 0.02`)
	b.press("[data-stop]")
	b.until(`document.querySelector("[data-taken]").offsetParent`)
	heard, err := strconv.ParseFloat(b.js(`parseFloat(document.querySelector("[data-clock]").textContent)`), 64)
	if err != nil {
		t.Fatal(err)
	}
	if tracks := b.js(`window.__tracks.filter((t) => t.readyState === "live").length`); tracks != "0" {
		t.Errorf("%s microphones are still open", tracks)
	}
	b.accessible("a recording to listen to")
	b.press("[data-listen]")
	b.until(`document.querySelector("[data-heard]").duration > 0`)
	b.press("[data-save]")
	b.until(`location.search === "?done=recorded" && document.readyState === "complete"`)
	p := get(t, s, "es", "goodbye")
	if p.State != prompts.Recorded || p.Takes[0].Length < 200 || float64(p.Takes[0].Length) > heard*1000+100 {
		t.Errorf("the recording is %+v", p)
	}
	// Two recordings: there is one to go back to.
	if err := s.studio.Record(t.Context(), "es", "goodbye", audio.Tone(500, time.Second, -20), prompts.Who{Name: "Rosa"}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate(s.url + "/prompts/es/goodbye?done=recorded"))
	b.until(`document.readyState === "complete" && document.querySelectorAll("audio[src*='take']").length === 2`)
	b.accessible("a prompt with two recordings")
	if b.js(`document.querySelector("[role=status]").textContent.includes("New calls hear your recording")`) != "true" {
		t.Error("the page does not say that it was saved")
	}
}
