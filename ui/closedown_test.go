package ui

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/appliance/sharing"
	"hotline/appliance/store"
	"hotline/appliance/wipe"
	"hotline/ivr/mode"
	"hotline/triage"
	"hotline/triage/closedown"
)

// closer closes the operation of the test down, as far as before the wipe.
func (s *script) closer(t *testing.T) *closedown.Keeper {
	t.Helper()
	s.closeDir = t.TempDir()
	return closedown.New(closedown.Config{Store: s.store, Data: s.closeDir, Exports: s.office, Worklist: s.contacts, Running: func() int { return int(s.calls.Load()) },
		Closed:  func() bool { return s.mode.Current(time.Now()).Mode == mode.Closed },
		CoolOff: closedown.CoolOff, Operation: "Flood response", Due: func() {}, Log: slog.New(slog.DiscardHandler)})
}

// wipedBefore lets the box of the test have had an operation before, of which a
// note was forgotten.
func (s *script) wipedBefore(t *testing.T) (id string) {
	t.Helper()
	id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	log := slog.New(slog.DiscardHandler)
	old, err := store.Open(s.closeDir, log)
	if err != nil {
		t.Fatal(err)
	}
	person := wipe.Person{Name: "Chen", Role: "admin", At: time.Now()}
	plan := wipe.Plan{Texts: []string{"Amina Okonkwo"}, Carry: func(_, _ *store.Tx) error { return nil }, Certificate: wipe.Certificate{ID: id, Operation: "Drought", Program: "test", Asked: person, Confirmed: person, Keep: "leads",
		Records: []wipe.Count{{Kind: "contacts", Count: 12}}, Export: &wipe.Export{Level: "L3", To: sharing.Inside, SHA256: strings.Repeat("ab", 32)}, Receiver: &wipe.Receiver{Organisation: "Red Cross", Person: "Dana", Basis: "public_task", Date: "2026-11-26"},
		Left: []wipe.Left{{What: wipe.LeftBackups, Where: "/media/stick"}}}}
	if err := wipe.Begin(t.Context(), s.closeDir, old, plan); err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.closeDir, "list.txt"), []byte("call Amina Okonkwo"), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1)}
	raw, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wipe.Finish(t.Context(), wipe.Config{Data: s.closeDir, Log: log, Sign: func(text []byte) ([]byte, []byte, error) {
		sum := sha256.Sum256(text)
		signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		return signature, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), err
	}}); err != nil {
		t.Fatal(err)
	}
	return id
}

// From the first look to the last minute: an administrator leads, a coordinator
// approves the export and confirms the wipe, and a phone volunteer stops it.
func TestTheOperationIsClosedDownByTwoAndStoppedByAnybody(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	lead, second, volunteer := s.as(t, admin), s.as(t, coordinator), s.as(t, agent)
	const page = "/admin/close"
	k := s.called(t, triage.Contact{Caller: "+12024561111", Channel: "phone", Direction: "in"})
	s.wrote(t, k.ID, map[string]any{"name": "Maria", "top_need": "water"})
	s.ended(t, k.ID, triage.OpenAbandoned)
	do := func(client *http.Client, want int, says string, form url.Values) {
		t.Helper()
		got := s.post(t, client, page, form)
		if got.status != want || says != "" && !strings.Contains(got.body, says) {
			t.Fatalf("%v: %d, want %d and %q: %s", form, got.status, want, says, got.body)
		}
	}
	step := func(want closedown.Step) string {
		t.Helper()
		got := s.get(t, lead, page)
		if !strings.Contains(got.body, `data-step="`+string(want)+`"`) {
			t.Fatalf("the page is not at %s: %s", want, got.body)
		}
		return got.body
	}
	const unprocessable, fine = http.StatusUnprocessableEntity, http.StatusSeeOther

	if body := step(closedown.StepCheck); !strings.Contains(body, "Open items in the worklist: 1") || !strings.Contains(body, "The line is open") {
		t.Errorf("what is open: %s", body)
	}
	do(lead, unprocessable, "Look at what is not finished", url.Values{"do": {"begin"}, "password": {secret}})
	do(lead, http.StatusUnauthorized, "not your password", url.Values{"do": {"begin"}, "known": {"yes"}, "password": {"something else entirely"}})
	do(second, http.StatusForbidden, "", url.Values{"do": {"begin"}, "known": {"yes"}, "password": {secret}})
	do(lead, fine, "", url.Values{"do": {"begin"}, "known": {"yes"}, "password": {secret}})
	do(lead, unprocessable, "gone on meanwhile", url.Values{"do": {"begin"}, "known": {"yes"}, "password": {secret}})
	if got := s.get(t, second, page); !strings.Contains(got.body, "An administrator leads") {
		t.Errorf("a coordinator reads %s", got.body)
	}

	step(closedown.StepExport)
	all := url.Values{"do": {"export"}, "level": {"L3"}, "to": {"inside"}, "export_password": {"abcde-fghij-klmno-pqrst"}}
	do(lead, unprocessable, "", url.Values{"do": {"export"}, "level": {"L3"}, "export_password": all["export_password"]})
	do(lead, fine, "", all)
	step(closedown.StepHandOver)
	c, err := s.server.cfg.Closing.Now()
	if err != nil {
		t.Fatal(err)
	}
	hand := url.Values{"do": {"handover"}, "organisation": {"Red Cross"}, "person": {"Dana"}, "basis": {"public_task"}, "date": {time.Now().Format(time.DateOnly)}, "hash": {"00000000"}}
	do(lead, unprocessable, "not made yet", hand)
	if got := s.post(t, second, "/records/export/"+c.Export, url.Values{"do": {"approve"}}); got.status != fine {
		t.Fatalf("the second person approves: %d", got.status)
	}
	s.made(t, lead, page, `name="hash"`)
	job, err := s.server.cfg.Closing.Job(c)
	if err != nil || len(job.Request.Sets) != len(s.office.Sets()) {
		t.Fatalf("exported are %v: %v", job.Request.Sets, err)
	}
	do(lead, unprocessable, "did not arrive whole", hand)
	hand.Set("hash", strings.ToUpper(job.SHA256[:4])+" "+job.SHA256[4:8])
	hand.Set("basis", "curiosity")
	do(lead, unprocessable, "legal ground", hand)
	hand.Set("basis", "public_task")
	do(lead, fine, "", hand)

	s.wrote(t, k.ID, map[string]any{"place": "the school"})
	if body := step(closedown.StepAsk); !strings.Contains(body, "Handed over to Red Cross, Dana") || strings.Contains(body, "since the export: 0") {
		t.Errorf("before the wipe is asked for: %s", body)
	}
	ask := url.Values{"do": {"ask"}, "keep": {"leads"}, "phrase": {"flood Response"}, "password": {secret}}
	do(lead, unprocessable, "The line is open", ask)
	if _, err := s.mode.Set(t.Context(), mode.Change{Mode: mode.Closed, By: s.ids[admin], Name: "Amal", Via: "web"}); err != nil {
		t.Fatal(err)
	}
	s.calls.Store(1)
	do(lead, unprocessable, "Somebody is on the line", ask)
	s.calls.Store(0)
	do(lead, unprocessable, "not the name of the operation", url.Values{"do": {"ask"}, "keep": {"leads"}, "phrase": {"Flood"}, "password": {secret}})
	if got := s.get(t, volunteer, "/worklist"); strings.Contains(got.body, `href="/closing"`) {
		t.Error("everybody is warned of a wipe that nobody has asked for")
	}
	do(lead, fine, "", ask)
	step(closedown.StepConfirm)
	for _, at := range []string{"/worklist", "/desk"} {
		if got := s.get(t, volunteer, at); !strings.Contains(got.body, `href="/closing"`) {
			t.Errorf("on %s a phone volunteer is not told", at)
		}
	}
	do(lead, unprocessable, "Another person has to confirm", url.Values{"do": {"confirm"}, "password": {secret}})
	do(second, http.StatusUnauthorized, "not your password", url.Values{"do": {"confirm"}, "password": {"wrong"}})
	do(second, fine, "", url.Values{"do": {"confirm"}, "password": {secret}})
	if body := step(closedown.StepWait); !strings.Contains(body, "All records are wiped at") {
		t.Errorf("after the second person: %s", body)
	}

	if got := s.get(t, volunteer, "/closing"); !strings.Contains(got.body, "All records are wiped at") || !strings.Contains(got.body, `action="/closing"`) {
		t.Errorf("a phone volunteer reads %s", got.body)
	}
	if got := s.post(t, volunteer, "/closing", url.Values{}); got.status != fine {
		t.Errorf("stopping: %d", got.status)
	}
	if got := s.get(t, volunteer, "/closing?done=stopped"); !strings.Contains(got.body, "All records stay") || strings.Contains(got.body, `action="/closing"`) {
		t.Errorf("afterwards: %s", got.body)
	}
	if body := step(closedown.StepCheck); !strings.Contains(body, "It was stopped by Amal agent") {
		t.Errorf("after it was stopped: %s", body)
	}
	log := s.get(t, lead, "/admin/log").body
	for _, said := range []string{"Closing down began", "Closing down: records handed over", "Wipe of all records confirmed", "Closing down stopped"} {
		if !strings.Contains(log, said) {
			t.Errorf("the log does not say %q", said)
		}
	}
}

// The certificate of an operation before says what was found, in every language,
// and nobody changes it unseen.
func TestTheCertificateSaysWhatWasFound(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	id := s.wipedBefore(t)
	client := s.as(t, coordinator)
	if got := s.get(t, client, "/admin/close"); !strings.Contains(got.body, `href="/admin/close/`+id+`"`) {
		t.Fatalf("no way to the certificate: %s", got.body)
	}
	got := s.get(t, client, "/admin/close/"+id)
	for _, said := range []string{"Not everything is gone", "list.txt", "/media/stick", "Red Cross", "Calls: 12", strings.Repeat("ab", 32)} {
		if !strings.Contains(got.body, said) {
			t.Errorf("the certificate does not say %q: %s", said, got.body)
		}
	}
	if strings.Contains(got.body, `data-part="clean"`) || strings.Contains(got.body, "Okonkwo") {
		t.Error("the certificate says that nothing was found, or what")
	}
	if file := s.get(t, client, "/admin/close/"+id+"/file"); file.status != http.StatusOK || !strings.Contains(file.header.Get("Content-Disposition"), id) {
		t.Errorf("the file: %d", file.status)
	} else if _, _, err := wipe.Open([]byte(file.body)); err != nil {
		t.Errorf("the file: %v", err)
	}
	for _, path := range []string{"/admin/close/01ARZ3NDEKTSV4RRFFQ69G5FAW", "/admin/close/..%2Fclosedown", "/admin/close/x/file"} {
		if got := s.get(t, client, path); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	path := filepath.Join(s.closeDir, "certificates", id+".json")
	file, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Replace(string(file), "list.txt", "none.txt", 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := s.get(t, client, "/admin/close/"+id); !strings.Contains(got.body, "changed after it was signed") || strings.Contains(got.body, "Red Cross") {
		t.Errorf("a certificate that was changed: %s", got.body)
	}
}
