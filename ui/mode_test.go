package ui

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
)

func modeForm(t *testing.T, fields map[string]string, sound []byte) (io.Reader, string) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if sound != nil {
		part, err := form.CreateFormFile("announcement", "../../etc/passwd.wav")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write(sound); err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	return &body, form.FormDataContentType()
}

func (s *site) review(t *testing.T, client *http.Client, fields map[string]string, sound []byte) answer {
	t.Helper()
	body, kind := modeForm(t, fields, sound)
	request, err := http.NewRequest(http.MethodPost, s.url+"/floor/mode", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
	return s.send(t, client, request)
}

func TestEmergencyModeIsReviewedBeforeItCounts(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, supervisor)
	var wav bytes.Buffer
	if err := audio.WriteWAV(&wav, audio.Tone(440, 2*time.Second, -20)); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		fields map[string]string
		sound  []byte
		says   string
	}{
		"no path":                {map[string]string{"path": "evil", "hours": "2"}, nil, "Choose what callers get"},
		"no hours":               {map[string]string{"path": "emergency", "hours": "two"}, nil, "from 1 to 168"},
		"too many hours":         {map[string]string{"path": "emergency", "hours": "1000"}, nil, "from 1 to 168"},
		"no file":                {map[string]string{"path": "emergency", "hours": "2", "sound": "upload"}, nil, "Choose a sound file"},
		"nothing to announce":    {map[string]string{"path": "announcement", "hours": "2", "sound": "none"}, nil, "callers would hear nothing"},
		"not a sound":            {map[string]string{"path": "emergency", "hours": "2", "sound": "upload"}, []byte("MZ this is no sound at all, really"), "cannot be used as an announcement"},
		"header without content": {map[string]string{"path": "emergency", "hours": "2", "sound": "upload"}, wav.Bytes()[:44], "cannot be used as an announcement"},
	} {
		got := s.review(t, client, tc.fields, tc.sound)
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, tc.says) || !strings.Contains(got.body, "Nothing was changed") {
			t.Errorf("%s: %d, says %v", name, got.status, strings.Contains(got.body, tc.says))
		}
	}
	if got := s.post(t, client, "/floor/mode/set", nil); got.status != http.StatusConflict || s.mode.Current(time.Now()).Active {
		t.Fatalf("confirmed without a review: %d", got.status)
	}
	got := s.review(t, client, map[string]string{"path": "announcement", "hours": "6", "sound": "upload"}, wav.Bytes())
	if got.status != http.StatusOK || !strings.Contains(got.body, "This will happen at once") || !strings.Contains(got.body, "The call ends after the announcement") {
		t.Fatalf("review: %d %s", got.status, got.body)
	}
	if s.mode.Current(time.Now()).Active {
		t.Fatal("the mode is on before it was confirmed")
	}
	if sound := s.get(t, client, "/floor/mode/pending.wav"); sound.status != http.StatusOK || !strings.HasPrefix(sound.body, "RIFF") {
		t.Errorf("listening before confirming: %d", sound.status)
	}
	if other := s.get(t, s.as(t, coordinator), "/floor/mode/pending.wav"); other.status != http.StatusNotFound {
		t.Errorf("another session hears it: %d", other.status)
	}
	if got := s.post(t, client, "/floor/mode/set", nil); got.header.Get("Location") != "/floor/mode?done=set" {
		t.Fatalf("confirming: %d", got.status)
	}
	now := s.mode.Current(time.Now())
	if !now.Active || now.Mode != "announcement" || now.By != s.ids[supervisor] || now.Via != "web" || time.Until(now.Expires).Round(time.Hour) != 6*time.Hour || now.Announcement.Duration() != 2*time.Second {
		t.Errorf("the mode is %+v", now)
	}
	if page := s.get(t, client, "/floor"); !strings.Contains(page.body, "Emergency mode is on") {
		t.Error("the floor does not show the mode")
	}
	mp3, err := os.ReadFile("../appliance/audio/foreign/testdata/mono22.mp3")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.review(t, client, map[string]string{"path": "emergency", "hours": "6", "sound": "upload"}, mp3); got.status != http.StatusOK {
		t.Errorf("an MP3 file: %d", got.status)
	}
	got = s.get(t, client, "/floor/mode/pending.wav")
	if clip, err := audio.ReadWAV(strings.NewReader(got.body), time.Minute); err != nil || audio.ToneLevel(clip.PCM(), 700) < 0.95 {
		t.Errorf("the MP3 file does not sound as it did (%v)", err)
	}
	if got := s.post(t, client, "/floor/mode/clear", nil); got.header.Get("Location") != "/floor/mode?done=clear" || s.mode.Current(time.Now()).Active {
		t.Errorf("switching off: %d", got.status)
	}
}

func TestAnUploadThatIsTooLargeIsRefused(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	got := s.review(t, s.as(t, supervisor), map[string]string{"path": "emergency", "hours": "1", "sound": "upload"}, make([]byte, maxUpload+2*maxForm))
	if got.status != http.StatusRequestEntityTooLarge || !strings.Contains(got.body, "too large") {
		t.Errorf("status %d", got.status)
	}
}
