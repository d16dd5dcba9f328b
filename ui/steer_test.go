package ui

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/switches"
	"hotline/ivr/mode"
	"hotline/volunteers/roster"
)

func (s *site) bulletin(t *testing.T, client *http.Client, fields map[string]string, sound []byte) answer {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if sound != nil {
		part, err := form.CreateFormFile("sound", "a.wav")
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
	request, err := http.NewRequest(http.MethodPost, s.url+"/floor/bulletins", &body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	return s.send(t, client, request)
}

func TestBulletinsArePublishedOnThePage(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, supervisor)
	var wav bytes.Buffer
	if err := audio.WriteWAV(&wav, audio.Tone(440, 3*time.Second, -20)); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		fields map[string]string
		sound  []byte
		says   string
	}{
		"nothing":        {map[string]string{"language": "es", "hours": "6"}, nil, "Write a text"},
		"no hours":       {map[string]string{"language": "es", "text": "Agua", "hours": "x"}, nil, "from 1 to 168"},
		"another tongue": {map[string]string{"language": "xx", "text": "Agua", "hours": "6"}, nil, "not offered"},
		"not a sound":    {map[string]string{"language": "es", "hours": "6"}, []byte("MZ no sound at all, really not"), "cannot be used as a bulletin"},
	} {
		if got := s.bulletin(t, client, tc.fields, tc.sound); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, tc.says) {
			t.Errorf("%s: %d, says it: %v", name, got.status, strings.Contains(got.body, tc.says))
		}
	}
	if n := len(s.board.List()); n != 0 {
		t.Fatalf("%d bulletins were published", n)
	}
	if got := s.bulletin(t, client, map[string]string{"language": "es", "text": "Agua en la plaza <b>hoy</b>", "hours": "6"}, nil); got.status != http.StatusSeeOther {
		t.Fatalf("a text: %d %s", got.status, got.body)
	}
	if got := s.bulletin(t, client, map[string]string{"language": "es", "hours": "2"}, wav.Bytes()); got.status != http.StatusSeeOther {
		t.Fatalf("a recording: %d %s", got.status, got.body)
	}
	list := s.board.List()
	if len(list) != 2 || !list[0].Spoken || list[1].Spoken || list[1].Length != 3000 || list[0].By != s.ids[supervisor] || list[0].Via != "web" {
		t.Fatalf("the board has %+v", list)
	}
	page := s.get(t, client, "/floor/bulletins")
	if !strings.Contains(page.body, "Agua en la plaza &lt;b&gt;hoy") {
		t.Error("the page does not show the text as it is")
	}
	if sound := s.get(t, client, "/floor/bulletins/"+list[1].ID+".wav"); !strings.HasPrefix(sound.body, "RIFF") {
		t.Errorf("listening: %d", sound.status)
	}
	for _, do := range []string{"up", "renew", "withdraw"} {
		if got := s.post(t, client, "/floor/bulletins/"+list[1].ID, url.Values{"do": {do}}); got.header.Get("Location") != "/floor/bulletins?done="+do {
			t.Errorf("%s: %d %s", do, got.status, got.body)
		}
	}
	if now := s.board.List(); len(now) != 1 || now[0].ID != list[0].ID {
		t.Errorf("after withdrawing: %+v", now)
	}
	if got := s.post(t, client, "/floor/undo", nil); got.header.Get("Location") != "/floor/lines?done=undo.bulletin" || len(s.board.List()) != 2 {
		t.Errorf("undo: %d", got.status)
	}
}

func TestEveryModeIsSetAndUndoneOnThePage(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, supervisor)
	if got := s.review(t, client, map[string]string{"path": "redirect", "hours": "2", "sound": "none", "partner": "12"}, nil); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "number of the partner") {
		t.Errorf("a partner without a number: %d", got.status)
	}
	for _, m := range mode.Modes() {
		if m == mode.Normal || m == mode.Announcement { // that one needs an announcement
			continue
		}
		got := s.review(t, client, map[string]string{"path": m, "hours": "2", "sound": "none", "partner": "+1 202 555 0147"}, nil)
		if got.status != http.StatusOK || strings.Contains(got.body, "mode.confirm.") {
			t.Fatalf("%s: %d %s", m, got.status, got.body)
		}
		if got := s.post(t, client, "/floor/mode/set", nil); got.status != http.StatusSeeOther || s.mode.Current(time.Now()).Mode != m {
			t.Fatalf("%s is not set: %d", m, got.status)
		}
		if page := s.get(t, client, "/floor/mode"); strings.Contains(page.body, "js.mode.is.") || strings.Contains(page.body, "mode.path.") || !strings.Contains(page.body, "Back to normal") {
			t.Errorf("%s: the page does not name it", m)
		}
	}
	if got := s.post(t, client, "/floor/undo", nil); got.header.Get("Location") != "/floor/lines?done=undo.mode" || s.mode.Current(time.Now()).Mode != mode.Closed {
		t.Errorf("undo: %d, now %s", got.status, s.mode.Current(time.Now()).Mode)
	}
	if got := s.post(t, client, "/floor/undo", nil); got.header.Get("Location") != "/floor/lines?done=nothing" {
		t.Errorf("undo twice: %d", got.status)
	}
}

func TestLinesAreClosedOnThePage(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, supervisor)
	if got := s.post(t, client, "/floor/lines", url.Values{"queue": {"help"}, "to": {"closed"}}); got.header.Get("Location") != "/floor/lines?done=closed" || !s.closures.Closed("help") {
		t.Fatalf("closing: %d", got.status)
	}
	if page := s.get(t, client, "/floor/lines"); !strings.Contains(page.body, "Closed line") || !strings.Contains(page.body, "no line on which it may call out") {
		t.Error("the page does not show it")
	}
	if got := s.post(t, client, "/floor/lines", url.Values{"queue": {"party"}, "to": {"closed"}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Nothing was changed") {
		t.Errorf("a line that does not exist: %d", got.status)
	}
	if got := s.post(t, client, "/floor/callout", url.Values{"do": {"start"}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("calling in without a line: %d", got.status)
	}
	if got := s.post(t, client, "/floor/lines", url.Values{"queue": {"help"}, "to": {"open"}}); got.header.Get("Location") != "/floor/lines?done=opened" || s.closures.Closed("help") {
		t.Errorf("opening: %d", got.status)
	}
}

func TestTheFloorWarns(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	if err := s.store.Update(t.Context(), func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: roster.EventLocked, Agent: s.ids[supervisor], Via: "phone"})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if page := s.get(t, s.as(t, supervisor), "/floor"); !strings.Contains(page.body, "The phone PIN of Amal supervisor was locked") {
		t.Error("the floor does not tell that a PIN was locked")
	}
}

func TestPartsAreSwitchedOff(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	if got := s.post(t, client, "/admin/parts", url.Values{"part": {"bulletins"}, "to": {"off"}}); got.status != http.StatusSeeOther || !s.parts.Off(switches.Bulletins) {
		t.Fatalf("switching off: %d", got.status)
	}
	if page := s.get(t, client, "/admin/access"); !strings.Contains(page.body, "Off since") || !strings.Contains(page.body, "Amal admin") {
		t.Error("the page does not tell who switched it off")
	}
	if got := s.post(t, client, "/admin/parts", url.Values{"part": {"bulletins"}, "to": {"on"}}); got.status != http.StatusSeeOther || s.parts.Off(switches.Bulletins) {
		t.Errorf("switching on: %d", got.status)
	}
	if got := s.post(t, client, "/admin/parts", url.Values{"part": {"coffee"}, "to": {"off"}}); got.status != http.StatusBadRequest {
		t.Errorf("nonsense: %d", got.status)
	}
}

func TestASheetOfCodesIsShownOnce(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	id := s.ids[supervisor]
	if got := s.post(t, client, "/admin/accounts/"+id+"/paper", nil); got.status != http.StatusUnprocessableEntity {
		t.Errorf("without a PIN: %d", got.status)
	}
	account, err := s.accounts.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	account.Phone = "+12025550123"
	if err := s.accounts.Change(t.Context(), account, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.accounts.SetPIN(t.Context(), id, "482916", ""); err != nil {
		t.Fatal(err)
	}
	if page := s.get(t, client, "/admin/accounts/"+id); !strings.Contains(page.body, "Make a new sheet") {
		t.Error("the account page does not offer a sheet")
	}
	got := s.post(t, client, "/admin/accounts/"+id+"/paper", nil)
	codes := regexp.MustCompile(`data-code>(\d\d \d{3} \d{3})<`).FindAllStringSubmatch(got.body, -1)
	if got.status != http.StatusOK || len(codes) != 10 {
		t.Fatalf("%d, %d codes", got.status, len(codes))
	}
	if err := s.accounts.UseCode(t.Context(), id, strings.ReplaceAll(codes[4][1], " ", ""), "phone"); err != nil {
		t.Errorf("a printed code: %v", err)
	}
}
