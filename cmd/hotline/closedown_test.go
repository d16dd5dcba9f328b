package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/backup"
	"hotline/appliance/config"
	"hotline/appliance/place"
	"hotline/appliance/store"
	"hotline/appliance/trunk/phone"
	"hotline/appliance/wipe"
	"hotline/ivr/mode"
	"hotline/provisioning"
	"hotline/triage"
	"hotline/triage/closedown"
	"hotline/volunteers"
	"hotline/volunteers/roster"
)

// An operation from its records to the wipe and the next call: a caller, a case,
// a volunteer, backups beside the records and on a disk; the pages lead to the
// wipe; afterwards no byte of the folder or the disk has a name or number, the
// hotline answers with what was set before, and the certificate says so. A wipe
// that a kill cuts short is ended by the next start before anything else.
func TestAnOperationIsClosedDownAndTheHotlineGoesOn(t *testing.T) {
	t.Parallel()
	dir, disk := t.TempDir(), t.TempDir()
	cfg := config.Default()
	cfg.Operation, cfg.Languages = "Flood", []string{"en", "es"}
	cfg.SIP.Listen, cfg.Web.Listen, cfg.Web.Sound = "127.0.0.1:0", "127.0.0.1:0", "0"
	made, err := provisioning.Setup(t.Context(), provisioning.Options{Dir: dir, Config: cfg, Log: slog.New(slog.DiscardHandler), People: []provisioning.Person{
		{Login: "admin", Name: "Chen", Role: roster.RoleAdmin}, {Login: "coordinator", Name: "Dana", Role: roster.RoleCoordinator, Profile: "all"}, {Login: "agent", Name: "Zoe", Role: roster.RoleAgent, Profile: "all"}}})
	if err != nil {
		t.Fatal(err)
	}
	if cfg, err = config.Load(made.ConfigPath); err != nil {
		t.Fatal(err)
	}
	passwords := map[string]string{}
	for _, one := range made.Credentials {
		passwords[one.Login] = one.Password
	}
	gone := []string{"Amina Okonkwo", "Lindqvist", "2024561111", "2024561112", "2024561113", "the blue house"}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	h, err := assemble(cfg, manner{coolOff: time.Millisecond}, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	type end struct {
		anew bool
		err  error
	}
	ended := make(chan end, 1)
	go func() {
		anew, err := runToItsEnd(ctx, cfg, h, log)
		ended <- end{anew, err}
	}()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	// What an operation leaves.
	c, err := phone.Dial(ctx, phone.Config{From: "+12024561111", To: "100", Server: h.trunk.Addr()})
	must(err)
	c.Hangup()
	comes(t, "the end of the call", func() bool {
		list, err := h.contacts.OpenItems()
		return err == nil && len(list) == 1 && h.trunk.Stats().Calls == 0
	})
	_, err = triage.NewCases(h.records, h.lists).Enter(ctx, triage.Paper{Channel: "walk_in", Caller: "+12024561112", Fields: map[string]any{"name": "Amina Okonkwo", "notes": "the blue house"}}, "Flood", "x")
	must(err)
	_, err = volunteers.NewRegistry(h.records, h.lists).Save(ctx, volunteers.Registrant{Phone: "+12024561113", GivenName: "Erik", FamilyName: "Lindqvist", Source: "phone"}, nil)
	must(err)
	must(h.backups.Now(ctx))
	must(h.backups.Use(ctx, place.Place{Folder: disk}, "x"))
	must(h.backups.Now(ctx))
	recovery, err := h.backups.NewRecoveryKey(ctx, "x")
	must(err)
	must(h.backups.Now(ctx))
	announcement := audio.Tone(700, 3*time.Second, -10)
	_, err = h.mode.Set(ctx, mode.Change{Mode: mode.Announcement, Announcement: announcement, For: mode.MaxFor, By: "x", Name: "Chen", Via: "web"})
	must(err)
	mark, _, err := h.records.VerifyLog()
	must(err)

	// The pages lead to the end.
	base := "https://" + h.web.Addr().String()
	signIn := func(base, login string) *http.Client {
		t.Helper()
		client := visitor(t)
		if _, body := fetch(t, client, base+"/login", url.Values{"login": {login}, "password": {passwords[login]}}); strings.Contains(body, `action="/login"`) {
			t.Fatalf("%s cannot sign in", login)
		}
		return client
	}
	lead, second := signIn(base, "admin"), signIn(base, "coordinator")
	do := func(client *http.Client, path string, form url.Values) {
		t.Helper()
		if status, body := fetch(t, client, base+path, form); status != http.StatusOK || strings.Contains(body, `role="alert"`) {
			t.Fatalf("%s %v: %d %s", path, form, status, body)
		}
	}
	do(lead, "/admin/close", url.Values{"do": {"begin"}, "known": {"yes"}, "password": {passwords["admin"]}})
	do(lead, "/admin/close", url.Values{"do": {"export"}, "level": {"L3"}, "to": {"inside"}, "export_password": {"abcde-fghij-klmno-pqrst"}})
	closing, err := h.closing.Now()
	must(err)
	do(second, "/records/export/"+closing.Export, url.Values{"do": {"approve"}})
	comes(t, "the export", func() bool {
		job, err := h.closing.Job(closing)
		return err == nil && job.SHA256 != ""
	})
	job, err := h.closing.Job(closing)
	must(err)
	do(lead, "/admin/close", url.Values{"do": {"handover"}, "organisation": {"Red Cross"}, "person": {"Farid"}, "basis": {"public_task"}, "date": {time.Now().Format(time.DateOnly)}, "hash": {job.SHA256[:8]}})
	do(lead, "/admin/close", url.Values{"do": {"ask"}, "keep": {"leads"}, "phrase": {"Flood"}, "password": {passwords["admin"]}})
	do(second, "/admin/close", url.Values{"do": {"confirm"}, "password": {passwords["coordinator"]}})
	select {
	case e := <-ended:
		if !e.anew || e.err != nil {
			t.Fatalf("it ended with %v, %v", e.anew, e.err)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("the wipe never comes")
	}

	data := cfg.DataDir()
	nothing := func(folder string) {
		t.Helper()
		must(filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			raw, err := os.ReadFile(path)
			for _, text := range gone {
				if bytes.Contains(raw, []byte(text)) {
					t.Errorf("%s has %q yet", path, text)
				}
			}
			return err
		}))
	}
	nothing(data)
	nothing(disk)
	if _, err := backup.ParseKey(recovery); err != nil {
		t.Error(err)
	}
	if files, _ := filepath.Glob(filepath.Join(disk, "*", "*")); len(files) != 1 { // the empty folder for sound
		t.Errorf("at the place of the backups are %v", files)
	}
	records, err := store.Open(data, log)
	must(err)
	for _, text := range gone {
		if places, err := records.Mentions(ctx, text); len(places) > 0 || err != nil {
			t.Errorf("the new records have %q in %v: %v", text, places, err)
		}
	}
	list, err := wipe.Certificates(data)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d certificates: %v", len(list), err)
	}
	cert := list[0]
	if !cert.Clean() || cert.Check.Texts < 4 || len(cert.Check.Strange) > 0 || cert.Export == nil || cert.Export.SHA256 != job.SHA256 || cert.Export.Approved != "Dana" || cert.Receiver.Person != "Farid" || cert.Accounts != 2 || cert.Asked.Name != "Chen" || cert.Confirmed.Name != "Dana" || cert.Open != 1 {
		t.Errorf("the certificate says %+v", cert)
	}
	if len(cert.Backups) != 2 { // the disk, and beside the records
		t.Errorf("backups were removed at %+v", cert.Backups)
	}
	oldEnd, err := store.ParseMark(cert.LogMark)
	if end, n, verifyErr := records.VerifyLog(oldEnd); err != nil || verifyErr != nil || n != 1 || end.Seq != oldEnd.Seq+1 || oldEnd.Seq <= mark.Seq {
		t.Errorf("the new log has %d entries up to %d, the old one ended with %d: %v %v", n, end.Seq, oldEnd.Seq, err, verifyErr)
	}

	// The next wipe is begun, and killed before it has done anything: whoever
	// starts the hotline gets one that is wiped.
	must(wipe.Begin(ctx, data, records, wipe.Plan{Certificate: wipe.Certificate{ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Operation: "Flood"}, Texts: gone, Carry: func(to, from *store.Tx) error {
		_, err := roster.Carry(to, from, roster.KeepLeads)
		return errors.Join(err, to.Carry(from, keptTables()...))
	}}))
	must(records.Close())
	if status, out, errs := hotlineCommand(ctx, "serve", "--config", made.ConfigPath, "--smoke"); status != 0 || !strings.Contains(out, "wipe of this hotline was begun") {
		t.Errorf("a check before the start: %d %s%s", status, out, errs)
	}
	out, over := &console{}, make(chan error, 1)
	go func() { over <- (&serveCommand{Config: made.ConfigPath}).Run(ctx, streams{out: out, err: out}) }()
	defer func() {
		stop()
		if err := <-over; err != nil {
			t.Errorf("the hotline ended with: %v", err)
		}
	}()
	at := netip.MustParseAddrPort(out.find(t, `sip at ([0-9.:]+)`))
	if wipe.Begun(data) {
		t.Error("the hotline takes calls before the wipe has ended")
	}
	b := &box{t: t}
	c, err = phone.Dial(ctx, phone.Config{From: "+12024561199", To: "100", Server: at})
	must(err)
	b.waitTone("whoever calls afterwards", c, 700) // the announcement of before
	c.Hangup()

	base = out.find(t, `Pages:\s+(https://\S+)/`)
	_, page := fetch(t, signIn(base, "coordinator"), base+"/admin/close/"+cert.ID, nil)
	for _, said := range []string{"None was found", "Red Cross", job.SHA256, cert.LogMark} {
		if !strings.Contains(page, said) {
			t.Errorf("the page of the certificate does not say %q: %s", said, page)
		}
	}
	if _, body := fetch(t, visitor(t), base+"/login", url.Values{"login": {"agent"}, "password": {passwords["agent"]}}); !strings.Contains(body, `action="/login"`) {
		t.Error("a phone volunteer whose account was not to stay signs in")
	}
	file, err := wipe.File(data, cert.ID)
	must(err)
	paper := filepath.Join(t.TempDir(), "certificate.json")
	must(os.WriteFile(paper, file, 0o600))
	if status, said, errs := hotlineCommand(ctx, "certificate", paper); status != 0 || !strings.Contains(said, "none was found") || !strings.Contains(said, made.Fingerprint) {
		t.Errorf("hotline certificate: %d %s%s", status, said, errs)
	}
	must(os.WriteFile(paper, bytes.Replace(file, []byte("Farid"), []byte("Faris"), 1), 0o600))
	if status, _, _ := hotlineCommand(ctx, "certificate", paper); status == 0 {
		t.Error("a certificate that was changed is believed")
	}
}

// comes waits until something is so.
func comes(t *testing.T, what string, is func() bool) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("it never comes: %s", what)
		}
	}
}

// Tables that go over to the next operation exist, and those that a certificate
// counts.
func TestTheTablesOfClosingDownExist(t *testing.T) {
	var source []byte
	if err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		source = append(source, text...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Concat(keptTables(), closedown.Kinds()) {
		if !regexp.MustCompile(`(?i)NewTable\[[^(]*\]\("`+name+`"\)`).Match(source) && !slices.Contains([]string{"contacts", "cases", "registrants", "cards"}, name) {
			t.Errorf("there is no table %s", name)
		}
	}
}
