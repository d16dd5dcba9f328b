package main

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"hotline/appliance/store"
	"hotline/volunteers/roster"
)

// The key at the command line: set up under a passphrase, moved to a stick and
// into the folder, and opened with the recovery key when the stick is lost.
func TestTheKeyAtTheCommandLine(t *testing.T) {
	t.Parallel()
	dir, stick := filepath.Join(t.TempDir(), "box"), t.TempDir()
	at := "--config=" + filepath.Join(dir, "hotline.yaml")
	const phrase = "river lantern copper seven meadow"
	type step struct {
		typed string
		args  []string
		ok    bool
		says  string
	}
	do := func(s step) string {
		t.Helper()
		var out bytes.Buffer
		status := run(t.Context(), s.args, streams{in: strings.NewReader(s.typed), out: &out, err: &out})
		if (status == 0) != s.ok || !strings.Contains(out.String(), s.says) {
			t.Fatalf("hotline %s: %d\n%s", strings.Join(s.args, " "), status, out.String())
		}
		return out.String()
	}
	do(step{"short\nshort\n", []string{"setup", "--dir", dir, "--key=passphrase"}, false, "at least 16 characters"})
	do(step{phrase + "\nanother one\n", []string{"setup", "--dir", dir, "--key=passphrase"}, false, "not the same"})
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a setup that failed leaves something behind: %v", err)
	}
	made := do(step{phrase + "\n" + phrase + "\n", []string{"setup", "--dir", dir, "--key=passphrase"}, true, "Recovery key"})
	recovery := regexp.MustCompile(`AGE-SECRET-KEY-1\w+`).FindString(made)
	do(step{"", []string{"key", "show", at}, true, "under a passphrase"})
	do(step{"wrong wrong wrong wrong\n", []string{"audit", "verify", at}, false, "does not open"})
	do(step{phrase + "\n", []string{"audit", "verify", at}, true, "The log is whole"})
	do(step{phrase + "\n", []string{"key", "keep", "stick", filepath.Join(dir, "data"), at}, false, "outside the data folder"})
	do(step{phrase + "\n", []string{"key", "keep", "stick", stick, at}, true, "Done"})
	do(step{"", []string{"audit", "verify", at}, true, "The log is whole"})
	if err := os.RemoveAll(stick); err != nil {
		t.Fatal(err)
	}
	do(step{"", []string{"key", "show", at}, true, "not there now"})
	do(step{"", []string{"serve", "--smoke", at}, false, "is locked"})
	do(step{"AGE-SECRET-KEY-1\n", []string{"key", "keep", "file", at}, false, "not a recovery key"})
	do(step{recovery + "\n", []string{"key", "keep", "file", at}, true, "Done"})
	do(step{"", []string{"key", "show", at}, true, "in the folder"})
	do(step{"", []string{"password", "nobody", at}, false, "there are: admin"})
	// The only administrator who has forgotten the password gets in again.
	fresh := regexp.MustCompile(`\w{4}-\w{4}-\w{4}-\w{4}`).FindString(do(step{"", []string{"password", "Admin", at}, true, "signs in as admin"}))
	letIn(t, filepath.Join(dir, "data"), "admin", fresh)
	next := regexp.MustCompile(`AGE-SECRET-KEY-1\w+`).FindString(do(step{"", []string{"key", "recovery", at}, true, "on paper"}))
	for _, name := range []string{"box.key", "box.copy"} { // and the folder's key is lost
		if err := os.Remove(filepath.Join(dir, "data", name)); err != nil {
			t.Fatal(err)
		}
	}
	do(step{recovery + "\n", []string{"audit", "verify", at}, false, "does not open"})
	do(step{next + "\n", []string{"audit", "verify", at}, true, "The log is whole"})
}

// letIn signs in with a password that a command has set.
func letIn(t *testing.T, data, login, password string) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	records, err := store.Open(data, log)
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := roster.Open(records, data, log)
	if err == nil {
		_, err = accounts.Authenticate(t.Context(), login, password)
	}
	if err := errors.Join(err, records.Close()); err != nil {
		t.Errorf("%s is not let in with %q: %v", login, password, err)
	}
}
