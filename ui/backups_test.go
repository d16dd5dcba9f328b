package ui

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hotline/appliance/backup"
	"hotline/appliance/place"
	"hotline/appliance/wipe"
	"hotline/provisioning/disk"
	"hotline/provisioning/door/doortest"
)

// disksBehindADoor lets go of one disk, and is writing to every other.
func disksBehindADoor(t *testing.T, free string) Plugged {
	t.Helper()
	door := disk.At(filepath.Join(t.TempDir(), "door"))
	doortest.Answer(t, door.Path, func(ctx context.Context, in io.Reader, out io.Writer) error {
		return disk.Answer(ctx, in, out, func(_ context.Context, folder string) error {
			if folder != free {
				return disk.ErrBusy
			}
			return nil
		})
	})
	return door
}

// An administrator chooses a disk for the backups, makes a recovery key, sees
// it once, and everything fits every screen.
func TestAnAdministratorLooksAfterTheBackups(t *testing.T) {
	usb := t.TempDir()
	made := newScript(t)
	made.disks = []place.Disk{{Path: usb, Name: "COPIES", Size: 64e9, Free: 63e9, Held: true}, {Path: "/media/locked", Name: "FIXED", Size: 900e6, ReadOnly: true}, {Name: "WINDOWS", Size: 2e12, Trouble: place.NTFS}}
	made.plugged = disksBehindADoor(t, usb)
	s := startSite(t, made, nil)
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
		{"kind": {"server"}, "server": {"127.0.0.1:1"}, "user": {"box"}}, {"kind": {"disk:"}}, {"kind": {"disk:usb"}}, {"kind": {"disk:" + filepath.Join(file, "x")}},
	} {
		if got := s.post(t, client, "/admin/backup", wrong); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "There is a problem") {
			t.Errorf("%v: %d", wrong, got.status)
		}
	}
	for _, where := range []string{"/admin/backup", "/records/export/orders", "/admin/key"} {
		kind := map[bool]string{true: "stick:", false: "disk:"}[where == "/admin/key"]
		got := s.get(t, client, where)
		for _, said := range []string{`value="` + kind + usb + `"`, "COPIES", "64 GB, 63 GB free", "FIXED", "900 MB", "Nothing can be written to it", "WINDOWS", "2000 GB", "formatted for Windows"} {
			if !strings.Contains(got.body, said) {
				t.Errorf("%s does not say %q", where, said)
			}
		}
		if strings.Contains(got.body, kind+"/media/locked") || strings.Contains(got.body, `value="`+kind+`"`) {
			t.Errorf("%s offers a disk to which nothing can be written", where)
		}
	}
	if got := s.post(t, client, "/admin/backup", url.Values{"kind": {"disk:" + usb}}); got.status != http.StatusSeeOther {
		t.Fatalf("choosing a disk: %d %s", got.status, got.body)
	}
	if on, err := os.ReadDir(usb); err != nil || len(on) != 1 {
		t.Errorf("on the disk is %v (%v)", on, err)
	}
	if got := s.get(t, client, "/admin/backup"); !strings.Contains(got.body, `value="disk:`+usb+`" checked`) {
		t.Error("the page does not say where backups go")
	}
	if got := s.post(t, client, "/admin/backup/disk", url.Values{"disk": {"/media/locked"}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "must stay plugged in: something is being written") {
		t.Errorf("a disk that is written to: %d %s", got.status, got.body)
	}
	if got := s.post(t, client, "/admin/backup/disk", url.Values{"disk": {usb}}); got.status != http.StatusSeeOther || got.header.Get("Location") != "/admin/backup?done=removed" {
		t.Errorf("a disk that nothing uses: %d %v", got.status, got.header)
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
