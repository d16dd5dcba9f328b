package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/switches"
	"hotline/triage"
)

// taped is a recording of a call of two seconds.
func (s *script) taped(t *testing.T, number string) (contact, id string) {
	t.Helper()
	return s.tapedOf(t, number, "", "Amal")
}

// tapedOf is one of somebody's calls.
func (s *script) tapedOf(t *testing.T, number, agent, name string) (contact, id string) {
	t.Helper()
	k := s.called(t, triage.Contact{Caller: call.Number(number), Queue: "help", Agent: agent, AgentName: name, Outcome: triage.OutcomeAnswered})
	take, err := s.tapes.Begin(t.Context(), k.ID, "rule")
	if err != nil {
		t.Fatal(err)
	}
	var stereo []byte
	for _, b := range audio.Tone(440, 2*time.Second, -10).MuLaw() {
		stereo = append(stereo, b, 0xff)
	}
	if _, err := take.Write(stereo); err != nil {
		t.Fatal(err)
	}
	if err := take.End(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	k, err = s.contacts.Get(k.ID)
	if err != nil || len(k.Recordings) != 1 {
		t.Fatalf("the contact has the recordings %v (%v)", k.Recordings, err)
	}
	return k.ID, k.Recordings[0]
}

func (s *site) piece(t *testing.T, client *http.Client, path, pieces string) answer {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Range", pieces)
	return s.send(t, client, request)
}

func TestARecordingIsHeardAndThatIsNoted(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	contact, id := s.taped(t, "+12025550147")
	_, other := s.taped(t, "+12025550148")
	client := s.as(t, supervisor)
	path := "/recordings/" + id + "/sound.wav"
	page := s.get(t, client, "/recordings?contact="+contact)
	if !strings.Contains(page.body, path) || strings.Contains(page.body, other) {
		t.Errorf("the recordings of one contact: %s", page.body)
	}
	if strings.Contains(page.body, "/download") || strings.Contains(page.body, "/delete") {
		t.Error("a supervisor is offered to take recordings away")
	}
	drawn := s.get(t, client, "/recordings/"+id)
	if drawn.status != http.StatusOK || strings.Count(drawn.body, "L718 ") != 2 || strings.Contains(drawn.body, "/records/contacts/") {
		t.Errorf("the recording drawn for a supervisor: %d", drawn.status)
	}
	if noted := s.noted(t, "recording.played"); len(noted) != 0 {
		t.Errorf("looking at a picture is noted as listening: %+v", noted)
	}
	const size = 44 + 2*4*audio.SampleRate
	whole := s.get(t, client, path)
	if whole.status != http.StatusOK || len(whole.body) != size || whole.header.Get("Content-Type") != "audio/wav" || whole.header.Get("Accept-Ranges") != "bytes" {
		t.Fatalf("the sound: %d, %d bytes, %v", whole.status, len(whole.body), whole.header)
	}
	piece := s.piece(t, client, path, "bytes=10001-20000")
	if piece.status != http.StatusPartialContent || piece.body != whole.body[10001:20001] {
		t.Errorf("a piece: %d, %d bytes, %s", piece.status, len(piece.body), piece.header.Get("Content-Range"))
	}
	// All pieces of one hearing are one entry; who begins in the middle is
	// noted as well, and every person for themselves.
	s.piece(t, s.as(t, coordinator), path, "bytes=60000-")
	noted := s.noted(t, "recording.played")
	if len(noted) != 2 || noted[0].By != s.ids[coordinator] || noted[1].By != s.ids[supervisor] || noted[1].Contact != contact || noted[1].Data["recording"] != id {
		t.Errorf("noted %+v", noted)
	}
	if log := s.get(t, s.as(t, admin), "/admin/log"); !strings.Contains(log.body, "Recording listened to") {
		t.Error("the log page does not show it")
	}
	if got := s.get(t, client, "/recordings/01JD0000000000000000000000/sound.wav"); got.status != http.StatusNotFound {
		t.Errorf("a recording that does not exist: %d", got.status)
	}
	if list := s.get(t, s.as(t, coordinator), "/records"); !strings.Contains(list.body, `/recordings?contact=`+contact) {
		t.Error("the list of contacts does not lead to the recording")
	}
}

func TestARecordingLeavesOrGoesOnlyForAReason(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	_, id := s.taped(t, "+12025550147")
	client := s.as(t, coordinator)
	for _, what := range []string{"download", "delete"} {
		if got := s.post(t, client, "/recordings/"+id+"/"+what, url.Values{"reason": {" a "}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Nothing was downloaded or deleted") {
			t.Errorf("%s without a reason: %d", what, got.status)
		}
	}
	if len(s.noted(t, "recording.downloaded"))+len(s.noted(t, "recording.deleted")) != 0 {
		t.Error("what was refused is noted")
	}
	got := s.post(t, client, "/recordings/"+id+"/download", url.Values{"reason": {"complaint 17"}})
	if got.status != http.StatusOK || !strings.HasPrefix(got.body, "RIFF") || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment; filename=recording-") {
		t.Errorf("download: %d %v", got.status, got.header)
	}
	if noted := s.noted(t, "recording.downloaded"); len(noted) != 1 || noted[0].By != s.ids[coordinator] || noted[0].Data["reason"] != "complaint 17" {
		t.Errorf("noted %+v", noted)
	}
	if got := s.post(t, client, "/recordings/"+id+"/delete", url.Values{"reason": {"the caller asked for it"}}); got.status != http.StatusSeeOther {
		t.Errorf("delete: %d %s", got.status, got.body)
	}
	if noted := s.noted(t, "recording.deleted"); len(noted) != 1 || noted[0].Data["reason"] != "the caller asked for it" {
		t.Errorf("noted %+v", noted)
	}
	if got := s.get(t, client, "/recordings/"+id+"/sound.wav"); got.status != http.StatusNotFound {
		t.Errorf("a deleted recording: %d", got.status)
	}
	if page := s.get(t, client, "/recordings?done=deleted"); strings.Contains(page.body, id) || !strings.Contains(page.body, "The recording was deleted") {
		t.Error("the list still has it, or says nothing")
	}
}

func TestTheRulesForRecordingAreSetOnAPage(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	form := url.Values{"do": {"rules"}, "policy:help": {"always"}, "policy:volunteers": {"never"}, "purpose": {""}, "keep_days": {"14"}}
	got := s.post(t, client, "/admin/recording", form)
	if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Without a purpose") || !strings.Contains(got.body, "Nothing was changed") {
		t.Errorf("without a purpose: %d %s", got.status, got.body)
	}
	form.Set("purpose", "Training of phone volunteers")
	form.Set("keep_days", "soon")
	if got := s.post(t, client, "/admin/recording", form); got.status != http.StatusUnprocessableEntity || s.tapes.Policy("help") != triage.RecordNever {
		t.Errorf("without days: %d", got.status)
	}
	form.Set("keep_days", "14")
	if got := s.post(t, client, "/admin/recording", form); got.status != http.StatusSeeOther || s.tapes.Policy("help") != triage.RecordAlways || s.tapes.Rules().KeepDays != 14 {
		t.Errorf("saving: %d, %+v", got.status, s.tapes.Rules())
	}
	if got := s.post(t, client, "/admin/recording", url.Values{"do": {"off"}}); got.status != http.StatusSeeOther || s.tapes.Policy("help") != triage.RecordNever || !s.parts.Off(switches.Recording) {
		t.Errorf("switching off: %d", got.status)
	}
	if page := s.get(t, client, "/admin/recording"); !strings.Contains(page.body, "switched off for all calls") || !strings.Contains(page.body, "Training of phone volunteers") {
		t.Error("the page does not say so")
	}
	if got := s.post(t, client, "/admin/recording", url.Values{"do": {"on"}}); got.status != http.StatusSeeOther || s.tapes.Policy("help") != triage.RecordAlways {
		t.Errorf("switching on: %d", got.status)
	}
	if noted := s.noted(t, "recording.rules_changed"); len(noted) != 1 || noted[0].By != s.ids[admin] {
		t.Errorf("noted %+v", noted)
	}
}

func TestRecordingsInTheBrowser(t *testing.T) {
	far := newScript(t)
	contact, id := far.taped(t, "+12025550147")
	s := startSite(t, far, nil)
	b := openBrowser(t, s)
	b.signIn(coordinator)
	b.do(navigate(s.url + "/recordings/" + id))
	b.until(`!document.getElementById("seek").disabled`)
	b.fits("recording")
	// From the keyboard: to the last second, and heard from there.
	b.do(evaluate(`document.getElementById("seek").focus()`))
	b.do(chromedp.SendKeys(chromedp.CSS("#seek"), kb.ArrowRight))
	b.until(`document.getElementById("seek").getAttribute("aria-valuetext") === "00:01 of 00:02" && document.querySelector("audio").currentTime === 1`)
	if x := b.js(`document.querySelector('[data-part="now"]').getAttribute("x1")`); x != "360" {
		t.Errorf("the place in the picture is %s", x)
	}
	b.do(navigate(s.url + "/recordings"))
	b.press(`main summary`)
	b.fits("recordings")
	b.do(evaluate(`(() => { const a = document.querySelector("audio"); a.muted = true; a.play(); })()`))
	b.until(`document.querySelector("audio").duration === 2 && document.querySelector("audio").currentTime > 0.2`)
	b.do(evaluate(`(() => { const a = document.querySelector("audio"); a.currentTime = 1.5; a.play(); })()`)) // fetched from the middle; it may be over already
	b.until(`document.querySelector("audio").ended`)
	if noted := s.noted(t, "recording.played"); len(noted) != 1 || noted[0].Contact != contact {
		t.Errorf("noted %+v", noted)
	}
	b.do(setValue("reason-"+id, "the caller asked for it"))
	b.press(`button[formaction$="/delete"]`)
	b.until(`location.search === "?done=deleted" && document.body.innerText.includes("No recordings.")`)
	b.fits("recordings-none")
	b.signOut()
	b.signIn(admin)
	b.do(navigate(s.url + "/admin/recording"))
	b.fits("recording-rules")
	b.press(`button[value="off"]`)
	b.until(`document.body.innerText.includes("Record again as the rules say")`)
	b.fits("recording-off")
}
