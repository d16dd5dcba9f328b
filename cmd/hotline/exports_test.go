package main

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hotline/appliance/table"
	"hotline/triage"
)

// TestRecordsLeaveTheBox carries everything away as people do it: one asks, a
// second one approves, the file comes down and opens with 7-Zip and the
// password.
func TestRecordsLeaveTheBox(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	k, err := b.h.contacts.Open(t.Context(), triage.Contact{Caller: "+12024561111", Channel: "phone", Direction: "in", Dialled: "100"})
	if err != nil {
		t.Fatal(err)
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
	asked := post(ours, "records/export", url.Values{"set": {"contacts", "cases", "volunteers", "shift_hours", "daily_calls", "daily_situation", "sahana_volunteers", "sahana_hours", "missing_persons_pfif"},
		"format": {"xlsx", "csv", "jsonl"}, "level": {"L3"}, "reason": {"handover to the ministry"}, "password": {password}})
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
	for _, name := range []string{"contacts.xlsx", "contacts.csv"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		sheet, err := table.ReadSheet(data)
		if err != nil || len(sheet.Rows) != 1 || sheet.Rows[0].Cells[0] != k.ID || !strings.Contains(strings.Join(sheet.Rows[0].Cells, " "), "+12024561111") {
			t.Errorf("%s holds %v %v", name, sheet, err)
		}
	}
	for _, name := range []string{"volunteer.csv", "programme_hours.csv", "missing_persons.pfif.xml", "cases.xlsx", "volunteers.jsonl", "shift_hours.csv", "daily_situation.csv", "daily_calls.xlsx", "data_dictionary.csv", "datapackage.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
