package ui

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
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
		{"level", "L0", "the least it needs stands beside it"},
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
	if got := s.post(t, client, "/records/export", form); got.status != http.StatusUnprocessableEntity { // names of people who have not agreed to that
		t.Errorf("everything about callers goes to helpers outside: %d", got.status)
	}
	form.Set("to", "inside")
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

// A regular export is ordered on its page, brought to its folder at once, seen
// there, taken over by somebody else and deleted.
func TestARegularExportIsOrdered(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	s.called(t, triage.Contact{Caller: "+12024561111", Channel: "phone", Direction: "in"})
	client, usb := s.as(t, coordinator), t.TempDir()
	const page = "/records/export/orders"
	form := exportForm()
	for name, value := range map[string]string{"every": "1", "at": "06:30", "keep": "3", "kind": "folder", "folder": usb, "lock": "password", "password": "correct-horse-battery", "changed": "yes"} {
		form.Set(name, value)
	}
	for _, wrong := range []struct{ field, value, says string }{
		{"level", "L3", "a second person each time"},
		{"at", "later", "a time such as 06:30"},
		{"every", "hourly", "a time such as 06:30"},
		{"keep", "none", "from 1 to 366"},
		{"folder", " ", "Say where the files go"},
		{"folder", "usb", "This place cannot be used"},
		{"lock", "key", "begins with age1"},
		{"password", "short", "16 letters or digits"},
	} {
		bad := url.Values{}
		for name, values := range form {
			bad[name] = values
		}
		bad.Set(wrong.field, wrong.value)
		if got := s.post(t, client, page, bad); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, wrong.says) {
			t.Errorf("%s %q: %d, no %q", wrong.field, wrong.value, got.status, wrong.says)
		}
	}
	if got := s.post(t, client, page, form); got.status != http.StatusSeeOther {
		t.Fatalf("ordered: %d %s", got.status, got.body)
	}
	got := s.made(t, client, page, "1 row")
	for _, words := range []string{"Arrives", "Every Monday 06:30", usb, "contacts-L1.zip", "Amal coordinator", "for the health ministry", "The files are locked"} {
		if !strings.Contains(got.body, words) {
			t.Errorf("the page has no %q", words)
		}
	}
	if strings.Contains(got.body, "correct-horse") {
		t.Error("the password is on the page")
	}
	files, err := filepath.Glob(filepath.Join(usb, "hotline-exports", "*.zip"))
	if err != nil || len(files) != 1 {
		t.Errorf("in the folder are %q (%v)", files, err)
	}
	_, id, _ := strings.Cut(got.body, `action="`+page+"/")
	id, _, _ = strings.Cut(id, `"`)
	other := s.as(t, admin)
	for _, step := range []struct{ do, says string }{{"stop", "Stopped"}, {"resume", "Amal admin"}, {"delete", "There is none yet"}} {
		if got := s.post(t, other, page+"/"+id, url.Values{"do": {step.do}}); got.status != http.StatusSeeOther {
			t.Fatalf("%s: %d", step.do, got.status)
		}
		if got := s.get(t, client, page); !strings.Contains(got.body, step.says) {
			t.Errorf("after %s the page has no %q", step.do, step.says)
		}
	}
	if noted := s.noted(t, "export.carried"); len(noted) != 1 || noted[0].By != s.ids[coordinator] {
		t.Errorf("noted %+v", noted)
	}
}
