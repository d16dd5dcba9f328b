package ui

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hotline/appliance/backup"
	"hotline/appliance/wipe"
)

// An administrator chooses a disk for the backups, makes a recovery key, sees
// it once, and everything fits every screen.
func TestAnAdministratorLooksAfterTheBackups(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	if got := s.get(t, client, "/admin/backup"); !strings.Contains(got.body, "There is no backup yet") || !strings.Contains(got.body, "Nobody has a recovery key yet") {
		t.Errorf("at the beginning the page says %s", got.body)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []url.Values{
		{"kind": {"folder"}}, {"kind": {"folder"}, "folder": {"usb"}}, {"kind": {"folder"}, "folder": {file}}, {"kind": {"server"}}, {"kind": {"moon"}},
		{"kind": {"server"}, "server": {"127.0.0.1:1"}, "user": {"box"}},
	} {
		if got := s.post(t, client, "/admin/backup", wrong); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "There is a problem") {
			t.Errorf("%v: %d", wrong, got.status)
		}
	}
	usb := t.TempDir()
	if got := s.post(t, client, "/admin/backup", url.Values{"kind": {"folder"}, "folder": {usb}}); got.status != http.StatusSeeOther {
		t.Fatalf("choosing a disk: %d %s", got.status, got.body)
	}
	if made, err := os.ReadDir(usb); err != nil || len(made) != 1 {
		t.Errorf("on the disk is %v (%v)", made, err)
	}
	if got := s.get(t, client, "/admin/backup"); !strings.Contains(got.body, usb) {
		t.Error("the page does not say where backups go")
	}
	sheet := s.post(t, client, "/admin/backup/key", nil)
	_, after, _ := strings.Cut(sheet.body, "data-key")
	after, _, _ = strings.Cut(after, "</p>")
	after = strings.NewReplacer("<b>", "", "</b>", "", ">", "").Replace(after)
	if _, err := backup.ParseKey(after); err != nil {
		t.Errorf("the sheet shows no key (%v): %s", err, after)
	}
	secret := strings.Join(strings.Fields(after), "")
	if got := s.get(t, client, "/admin/backup"); strings.Contains(strings.Join(strings.Fields(got.body), ""), secret) || !strings.Contains(got.body, "The recovery key was made") {
		t.Error("the key is shown again, or nobody is told that there is one")
	}
	for _, kind := range []string{backup.EventPlace, backup.EventRecoveryKey} {
		if noted := s.noted(t, kind); len(noted) != 1 || noted[0].By != s.ids[admin] || strings.Contains(noted[0].Data["key"], "AGE") {
			t.Errorf("%s is noted as %+v", kind, noted)
		}
	}

	b := openBrowser(t, s)
	b.signIn(admin)
	b.do(navigate(s.url + "/admin/backup"))
	b.fits("backup")
	b.press(`form[action="/admin/backup/key"] button`)
	b.until(`document.querySelector("svg.qr") !== null`)
	b.fits("backup-key")
	b.do(navigate(s.url + "/admin/key"))
	b.fits("boxkey")

	id := s.wipedBefore(t)
	b.do(navigate(s.url + "/admin/close"))
	b.fits("close")
	b.do(navigate(s.url + "/admin/close/" + id))
	b.fits("certificate")
	who := wipe.Person{Account: s.ids[admin], Name: "Amal admin", Role: "admin"}
	if err := errors.Join(s.server.cfg.Closing.Begin(t.Context(), who, true), s.server.cfg.Closing.Skip(t.Context(), who, "nobody goes on")); err != nil {
		t.Fatal(err)
	}
	b.do(navigate(s.url + "/admin/close"))
	b.fits("close-ask")
}
