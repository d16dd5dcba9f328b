package ui

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"hotline/triage"
)

func exportForm() url.Values {
	return url.Values{"set": {"contacts"}, "format": {"csv"}, "level": {"L1"}, "to": {"helpers"}, "reason": {"for the health ministry"}}
}

// made waits until the page of an export says so; what happens to exports is in
// the log.
func (s *site) made(t *testing.T, client *http.Client, path, words string) answer {
	t.Helper()
	happens := s.store.Events().Subscribe(100)
	defer happens.Close()
	for limit := time.After(time.Minute); ; {
		got := s.get(t, client, path)
		if strings.Contains(got.body, words) {
			return got
		}
		select {
		case <-happens.C:
		case <-limit:
			t.Fatalf("%s never says %q: %s", path, words, got.body)
		}
	}
}

func TestARecordLeavesTheBoxWithAReason(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	s.called(t, triage.Contact{Caller: "+12024561111", Channel: "phone", Direction: "in"})
	client := s.as(t, coordinator)
	for _, wrong := range []struct{ field, value, says string }{
		{"reason", " ", "Say what the file is for"},
		{"set", "../secrets", "Choose what is to be exported"},
		{"format", "exe", "Choose for which programs"},
		{"level", "L0", "they need L1 or more"},
		{"level", "L2", "Say which organisation"},
		{"level", "L3", "16 letters or digits"},
		{"since", "yesterday", "Give the day"},
	} {
		form := exportForm()
		form.Set(wrong.field, wrong.value)
		if got := s.post(t, client, "/records/export", form); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, wrong.says) {
			t.Errorf("%s %q: %d, no %q", wrong.field, wrong.value, got.status, wrong.says)
		}
	}
	if len(s.noted(t, "export.asked")) != 0 {
		t.Fatal("a refused export was noted")
	}
	asked := s.post(t, client, "/records/export", exportForm())
	path := asked.header.Get("Location")
	if asked.status != http.StatusSeeOther || path == "" {
		t.Fatalf("asked: %d %s", asked.status, asked.body)
	}
	s.made(t, client, path, "Download the file")
	if got := s.get(t, s.as(t, admin), path); got.status != http.StatusNotFound {
		t.Errorf("somebody else sees it: %d", got.status)
	}
	if got := s.get(t, s.as(t, admin), path+"/file"); got.status != http.StatusNotFound {
		t.Errorf("somebody else carries it away: %d", got.status)
	}
	got := s.get(t, client, path+"/file")
	if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment; filename=contacts-L1-") {
		t.Fatalf("download: %d %v", got.status, got.header)
	}
	pack, err := zip.NewReader(strings.NewReader(got.body), int64(len(got.body)))
	if err != nil {
		t.Fatal(err)
	}
	file, err := pack.Open("contacts.csv")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(file)
	if err != nil || bytes.Count(text, []byte("\n")) != 2 || bytes.Contains(text, []byte("1202456")) {
		t.Errorf("holds %q %v", text, err)
	}
	noted := s.noted(t, "export.made")
	if len(noted) != 1 || noted[0].By != s.ids[coordinator] || noted[0].Via != "web" || noted[0].Data["reason"] != "for the health ministry" || noted[0].Data["rows"] != "1" {
		t.Errorf("noted %+v", noted)
	}
	if log := s.get(t, s.as(t, admin), "/admin/log"); !strings.Contains(log.body, "Export downloaded") || !strings.Contains(log.body, "for the health ministry") || !strings.Contains(log.body, "Amal coordinator") {
		t.Error("the log page does not show it")
	}
	if s.post(t, client, path, url.Values{"do": {"cancel"}}); s.get(t, client, path+"/file").status != http.StatusNotFound {
		t.Error("a deleted file is carried away")
	}
}

func TestEverythingLeavesOnlyWithASecondPerson(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client, second := s.as(t, coordinator), s.as(t, admin)
	form := exportForm()
	form.Set("level", "L3")
	form.Set("password", "correct-horse-battery")
	path := s.post(t, client, "/records/export", form).header.Get("Location")
	if got := s.get(t, client, path); !strings.Contains(got.body, "only when two people want it") || strings.Contains(got.body, `value="approve"`) || strings.Contains(got.body, "battery") {
		t.Errorf("who asked sees %s", got.body)
	}
	if got := s.post(t, client, path, url.Values{"do": {"approve"}}); got.status != http.StatusConflict || !strings.Contains(got.body, "Whoever asks cannot approve") {
		t.Errorf("approved alone: %d", got.status)
	}
	if got := s.get(t, second, "/records/export"); !strings.Contains(got.body, "Amal coordinator waits for your decision") {
		t.Error("the second person does not see that somebody waits")
	}
	if got := s.get(t, second, path); !strings.Contains(got.body, `value="approve"`) {
		t.Errorf("the second person sees %s", got.body)
	}
	if got := s.post(t, second, path, url.Values{"do": {"approve"}}); got.status != http.StatusSeeOther {
		t.Fatalf("approving: %d", got.status)
	}
	if done := s.made(t, client, path, "Download the file"); !strings.Contains(done.body, "It opens with the password") || !strings.Contains(done.body, "Amal admin") {
		t.Errorf("done: %s", done.body)
	}
	if got := s.get(t, client, path+"/file"); strings.Contains(got.body, "contact_id") || !strings.HasPrefix(got.body, "PK") {
		t.Error("the file is not locked")
	}
}
