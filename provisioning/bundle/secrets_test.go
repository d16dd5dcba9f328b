package bundle_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hotline/appliance/export"
	"hotline/appliance/store"
	"hotline/appliance/webhooks"
	"hotline/provisioning/bundle"
)

// This file tests that secrets travel in a file of their own, and never in a
// bundle.

func TestSecretsStayApart(t *testing.T) {
	t.Parallel()
	h := newHotline(t)
	files := map[string]string{"bundle.yaml": "format: 1\n", "trunks.yaml": "lines:\n  - {name: carrier, servers: [sip.example.org], user: us}\n"}
	plan, err := h.apply(read(t, files))
	if err != nil || len(plan.Notes) != 1 || !strings.Contains(plan.Notes[0].String(), "has a user and no password") {
		t.Fatalf("a line without its password: %v, %v", err, plan.Notes)
	}
	at := filepath.Join(t.TempDir(), "secrets.yaml")
	if err := os.WriteFile(at, []byte("trunks:\n  carrier: hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	secrets, err := bundle.ReadSecrets(at)
	if err != nil {
		t.Fatal(err)
	}
	plan, err = bundle.Apply(t.Context(), h.to(), read(t, files), secrets)
	if err != nil || h.cfg.SIP.Lines[0].Password != "hush" || len(plan.Notes) != 0 || strings.Contains(fmt.Sprint(plan), "hush") {
		t.Fatalf("with its password: %v, %v", err, plan)
	}
	if plan, err := bundle.Diff(t.Context(), h.to(), read(t, files), secrets); err != nil || len(plan.Changes) != 0 {
		t.Errorf("once more: %v, %v", err, plan.Changes)
	}
	if strings.Contains(string(bytesOf(t, h.export())), "hush") || strings.Contains(h.export().Text("trunks.yaml"), "hush") {
		t.Error("the password is in the bundle")
	}
	other := filepath.Join(t.TempDir(), "other.yaml")
	if all, err := bundle.SecretsOf(h.to()); err != nil || all.Write(other) != nil {
		t.Fatal(err)
	}
	if back, err := bundle.ReadSecrets(other); err != nil || back.Trunks["carrier"] != "hush" {
		t.Errorf("written and read back: %v %v", back, err)
	}
	if about, err := os.Stat(other); err != nil || about.Mode().Perm() != 0o600 {
		t.Errorf("the file of secrets: %v, %v", about.Mode(), err)
	}
	carryConnections(t)
	// The lines that are changed on the pages: one without its password comes switched off.
	files["lines.yaml"] = "lines:\n  - {name: provider, kind: account, servers: [sip.example.net], user: us}\n"
	if plan, err = bundle.Apply(t.Context(), h.to(), read(t, files), bundle.Secrets{}); err != nil || len(plan.Notes) != 1 || !strings.Contains(plan.Notes[0].String(), "provider is switched off") {
		t.Fatalf("a stored line without its password: %v, %v", err, plan.Notes)
	}
	for _, password := range []string{"first", "second"} {
		secrets.Trunks["provider"] = password
		if plan, err = bundle.Apply(t.Context(), h.to(), read(t, files), secrets); err != nil || len(plan.Changes) != 1 || len(plan.Notes) != 0 || strings.Contains(fmt.Sprint(plan), password) {
			t.Errorf("its %s password: %v, %v", password, err, plan)
		}
		if all, err := bundle.SecretsOf(h.to()); err != nil || all.Trunks["provider"] != password || all.Trunks["carrier"] != "hush" {
			t.Errorf("the passwords are %v, %v", all.Trunks, err)
		}
	}
	if plan, err := bundle.Apply(t.Context(), h.to(), read(t, files), secrets); err != nil || len(plan.Changes) != 0 {
		t.Errorf("the same password once more: %v, %v", err, plan.Changes)
	}
	if strings.Contains(h.export().Text("lines.yaml"), "second") {
		t.Error("the password of a stored line is in the bundle")
	}
	// A file of them in the bundle is refused, and one for a line that is not there.
	files["secrets.yaml"] = "trunks: {carrier: hush}\n"
	raw := zipped(t, files)
	if _, err := bundle.Read(bytes.NewReader(raw), int64(len(raw))); err == nil || !strings.Contains(err.Error(), "secrets do not travel in a bundle") {
		t.Errorf("secrets in a bundle: %v", err)
	}
	delete(files, "secrets.yaml")
	secrets.Trunks["none"] = "x"
	if _, err := bundle.Diff(t.Context(), h.to(), read(t, files), secrets); err == nil || !strings.Contains(err.Error(), `there is no line "none"`) {
		t.Errorf("a password of no line: %v", err)
	}
}

// carryConnections takes another system and a regular export from one hotline to
// another: in the file of secrets, and in nothing else.
func carryConnections(t *testing.T) {
	t.Helper()
	here, there := newHotline(t), newHotline(t)
	at := filepath.Join(t.TempDir(), "secrets.yaml")
	given := func(text string) bundle.Secrets {
		t.Helper()
		secrets, err := bundle.ParseSecrets(at, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return secrets
	}
	bare := read(t, map[string]string{"bundle.yaml": "format: 1\n"})
	hook := "webhooks:\n  - {name: Map, url: \"https://hooks.example.org/t0ken\", topics: [calls], secret: " + webhooks.NewSecret() + "}\n"
	order := "exports:\n  - {sets: [cases], formats: [xlsx], level: L1, reason: Camps, to: helpers, password: correct horse, folder: /media/usb, every: daily, at: \"06:30\", keep: 7}\n"
	for wrong, text := range map[string]string{
		`webhook "Map": its secret begins with whsec_`:        strings.Replace(hook, "whsec_", "", 1),
		`webhook "Map": without encryption (http://)`:         strings.Replace(hook, "https:", "http:", 1),
		`webhook "Map": say what the system shall hear about`: strings.Replace(hook, "[calls]", "[moons]", 1),
		`export 1: there is no level "L7"`:                    strings.Replace(order, "L1", "L7", 1),
	} {
		if _, err := bundle.Apply(t.Context(), here.to(), bare, given(text)); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	plan, err := bundle.Apply(t.Context(), here.to(), bare, given(hook+order))
	if err != nil || len(plan.Changes) != 2 || len(plan.Notes) != 1 || strings.Contains(fmt.Sprint(plan), "t0ken") || strings.Contains(fmt.Sprint(plan), "horse") {
		t.Fatalf("connections come: %v, %v", err, plan)
	}
	if plan, err := bundle.Apply(t.Context(), here.to(), bare, given(strings.Replace(hook, "[calls]", "[calls, people]", 1))); err != nil || len(plan.Changes) != 1 || plan.Changes[0].Setting != "topics" {
		t.Errorf("what a system hears about is changed: %v, %v", err, plan.Changes)
	}
	if text := string(bytesOf(t, here.export())); strings.Contains(text, "hooks.example.org") || strings.Contains(text, "usb") {
		t.Error("connections are in the bundle")
	}
	secrets, err := bundle.SecretsOf(here.to())
	if err == nil {
		err = secrets.Write(at)
	}
	if err == nil {
		secrets, err = bundle.ReadSecrets(at)
	}
	if err != nil || len(secrets.Webhooks) != 1 || len(secrets.Exports) != 1 || secrets.Exports[0].Password != "correct horse" {
		t.Fatalf("carried: %v, %+v", err, secrets)
	}
	if plan, err := bundle.Apply(t.Context(), there.to(), bare, secrets); err != nil || len(plan.Changes) != 2 {
		t.Errorf("there: %v, %v", err, plan.Changes)
	}
	if plan, err := bundle.Apply(t.Context(), there.to(), bare, secrets); err != nil || len(plan.Changes) != 0 || plan.Same != 2 {
		t.Errorf("there once more: %v, %v", err, plan.Changes)
	}
	if again, err := bundle.SecretsOf(there.to()); err != nil || fmt.Sprint(again.Webhooks, again.Exports) != fmt.Sprint(secrets.Webhooks, secrets.Exports) {
		t.Errorf("there: %v, %+v", err, again)
	}
	if err := there.records.View(func(tx *store.Tx) error {
		if rests := export.OrdersOf(tx); len(rests) != 1 || rests[0].Stopped != export.StoppedByCarrying {
			t.Errorf("the export does not wait for somebody: %+v", rests)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
