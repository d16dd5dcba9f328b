package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hotline/triage"
)

// TestRecordsLeaveTheBox carries everything away as people do it: one asks, a
// second one approves, the file comes down and opens with 7-Zip and the
// password, and other programs find in every cell what the records have.
func TestRecordsLeaveTheBox(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	k, err := b.h.contacts.Open(t.Context(), triage.Contact{Caller: "+12024561111", Channel: "phone", Direction: "in", Dialled: "100"})
	if err != nil {
		t.Fatal(err)
	}
	b.fillRecords()
	var sets, tables []string // a set that is added later is read, too
	for _, set := range b.h.exports.Sets() {
		if sets = append(sets, set.Name); set.Table != nil {
			tables = append(tables, set.Name)
		}
	}
	const password = "correct-horse-battery"
	ours, second := b.web("coordinator"), b.web("admin")
	post := func(who *http.Client, path string, form url.Values) *http.Response {
		t.Helper()
		res, err := who.PostForm(b.base+path, form)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK { // after the redirect
			t.Fatalf("%s: %s, %v", path, res.Status, err)
		}
		return res
	}
	asked := post(ours, "records/export", url.Values{"set": sets,
		"format": {"xlsx", "csv", "jsonl"}, "level": {"L3"}, "to": {"inside"}, "reason": {"handover to the ministry"}, "password": {password}})
	page := strings.TrimPrefix(asked.Request.URL.Path, "/")
	post(second, page, url.Values{"do": {"approve"}})
	get := func(path string) []byte {
		t.Helper()
		res, err := ours.Get(b.base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", path, res.Status, err)
		}
		return body
	}
	b.until("the file is made", func() bool { return strings.Contains(string(get(page)), page+"/file") })
	file := get(page + "/file")
	dir := t.TempDir()
	pack := filepath.Join(dir, "records.zip")
	if err := os.WriteFile(pack, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("7zz", "x", "-y", "-p"+password, "-o"+dir, pack).CombinedOutput(); err != nil {
		t.Fatalf("7-Zip: %v\n%s", err, out)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "contacts.csv")); err != nil || !strings.Contains(string(text), k.ID) || !strings.Contains(string(text), ",'+12024561111,") {
		t.Errorf("the call and its number are not in the text, %v", err)
	}
	b.othersRead(dir, tables)
	for _, name := range []string{"volunteer.csv", "programme_hours.csv", "missing_persons.pfif.xml", "cases.xlsx", "volunteers.jsonl", "shift_hours.csv", "daily_situation.csv", "daily_calls.xlsx", "directory_hsds.zip", "case_form.xlsx", "data_dictionary.csv", "datapackage.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	b.programs(second, k)
}

// programs reads a record as a program does, and is told of another one as
// another system is.
func (b *box) programs(boss *http.Client, k triage.Contact) {
	b.t.Helper()
	told := make(chan string, 100)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil {
			told <- string(body)
		}
	}))
	defer other.Close()
	shown := func(path string, form url.Values, begin string) string {
		b.t.Helper()
		res, err := boss.PostForm(b.base+path, form)
		if err != nil {
			b.t.Fatal(err)
		}
		defer res.Body.Close()
		page, err := io.ReadAll(res.Body)
		_, rest, found := strings.Cut(string(page), begin)
		if err != nil || !found {
			b.t.Fatalf("%s: %s, %v", path, res.Status, err)
		}
		secret, _, _ := strings.Cut(rest, "<")
		return secret
	}
	token := shown("admin/tokens", url.Values{"name": {"map"}, "days": {"1"}, "scope": {"records:read"}, "to": {"inside"}}, "data-token>")
	shown("admin/webhooks", url.Values{"name": {"map"}, "url": {other.URL}, "topic": {"calls"}, "network": {"127.0.0.1"}}, "data-secret>")
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.base+"api/v1/contacts/"+k.ID, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	res, err := boss.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), k.ID) || strings.Contains(string(body), string(k.Caller)) {
		b.t.Errorf("a program reads %s %s, %v", res.Status, body, err)
	}
	next, err := b.h.contacts.Open(b.t.Context(), triage.Contact{Caller: "+12024561112", Channel: "phone", Direction: "in", Dialled: "100"})
	if err != nil {
		b.t.Fatal(err)
	}
	b.until("another system is told", func() bool {
		select {
		case message := <-told:
			return strings.Contains(message, "contact.started") && strings.Contains(message, next.ID)
		default:
			return false
		}
	})
}
