package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/backup"
	"hotline/appliance/call"
	"hotline/appliance/config"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/triage/privacy"
	"hotline/volunteers"
)

// grep looks through a folder as a stranger would, and through every sealed
// value as the hotline can.
func grep(t *testing.T, data string, secrets ...string) (found []string) {
	t.Helper()
	s, err := store.Open(data, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	found, err = s.Mentions(t.Context(), secrets...)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		raw, err := io.ReadAll(io.LimitReader(f, 64<<20)) // the reserve of the disk is empty
		for _, secret := range secrets {
			if bytes.Contains(raw, []byte(secret)) {
				found = append(found, path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Somebody is erased and somebody else turns out to need protection; then the
// disk dies, and all there is is a copy from before that. What is known of the
// two erasures is done again, by the command and by a start; without the list
// the command says what it does not know.
func TestWhoWasErasedStaysErasedWhenAnOlderBackupIsPutBack(t *testing.T) {
	t.Parallel()
	dir, old, newer := filepath.Join(t.TempDir(), "box"), t.TempDir(), t.TempDir()
	_, out, errs := hotlineCommand(t.Context(), "setup", "--dir", dir)
	key := filepath.Join(t.TempDir(), "key.txt")
	if err := os.WriteFile(key, []byte(regexp.MustCompile(`AGE-SECRET-KEY-1[A-Z0-9]+`).FindString(out)), 0o600); err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	cfg, err := config.Load(filepath.Join(dir, config.FileName))
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := store.Open(cfg.DataDir(), slog.New(slog.DiscardHandler))
	must(err)
	contacts, cases := triage.NewContacts(s), triage.NewCases(s, liststest.Open(t, s))
	filed, err := cards.Open(s)
	must(err)
	calls := func(number call.Number, fields map[string]any) (triage.Contact, triage.Case) {
		k, err := contacts.Open(t.Context(), triage.Contact{Caller: number, Channel: "phone", Direction: "in", Dialled: "100"})
		must(err)
		cs, err := cases.Save(t.Context(), k.ID, "ana", fields)
		must(err)
		return k, cs
	}
	k, _ := calls("+12024561111", map[string]any{"name": "Maria Grusinskaya", "notes": "behind the church"})
	must(contacts.KeepMessage(t.Context(), k.ID, triage.Message{Box: "help"}, audio.Tone(440, audio.FrameDuration*20, -12).MuLaw()))
	registry := volunteers.NewRegistry(s, liststest.Open(t, s))
	r, err := registry.Save(t.Context(), volunteers.Registrant{Phone: "+12024561111", GivenName: "Maria", Source: "phone"}, nil)
	must(err)
	_, err = volunteers.NewShifts(s, nil, "US").CheckIn(t.Context(), r.ID, "", "phone") // and is at work when the copy is made
	must(err)
	safe, cs := calls("+12024562222", map[string]any{"name": "Otto Kringelein"})
	_, err = filed.Add(t.Context(), cards.Referrals, cs.ID, map[string]any{"to_org": "Cruz Roja", "consent": "yes", "result_note": "Kringelein was afraid of the door"}, "ana")
	must(err)
	keeper, err := backup.Open(backup.Config{Store: s, Data: cfg.DataDir(), Files: carriedFiles(cfg), Log: slog.New(slog.DiscardHandler)})
	must(err)
	must(keeper.Once(t.Context(), old))

	for _, id := range []string{k.ID, safe.ID} {
		_, err = contacts.End(t.Context(), id, func(k *triage.Contact, _ time.Time) { k.Outcome = triage.OutcomeAnswered })
		must(err)
	}
	_, _, err = volunteers.NewShifts(s, nil, "US").CheckOut(t.Context(), r.ID, "", "phone")
	must(err)
	office := privacy.New(s, cfg.Operation, slog.New(slog.DiscardHandler))
	person, err := office.Of("+12024561111", "")
	must(err)
	must(office.Erase(t.Context(), person, "chen", "asked"))
	must(office.Scrub(t.Context()))
	_, err = cases.Save(t.Context(), safe.ID, "ana", map[string]any{"talk_freely": "specialist"})
	must(err)
	must(keeper.Once(t.Context(), newer))
	must(s.Close())
	secrets := []string{"2024561111", "Maria", "Grusinskaya", "church", "2024562222", "Kringelein", "afraid"}
	if found := grep(t, cfg.DataDir(), secrets...); len(found) > 0 {
		t.Fatalf("the box itself still holds %v", found)
	}

	restore := func(more ...string) (data, out string) {
		to := filepath.Join(t.TempDir(), "again")
		status, out, errs := hotlineCommand(t.Context(), append([]string{"restore", "--from", old, "--to", to, "--key", key}, more...)...)
		if status != 0 {
			t.Fatalf("restore: %d\n%s%s", status, out, errs)
		}
		return filepath.Join(to, config.Default().Data), out
	}
	const unsaid = "Erasures after "
	alone, out := restore()
	if !strings.Contains(out, unsaid) || strings.Contains(out, "Erased again") || len(grep(t, alone, secrets...)) < 5 {
		t.Errorf("from the old copy alone, which knows nothing:\n%s", out)
	}
	for _, from := range []string{newer, cfg.DataDir()} {
		data, out := restore("--erasures", from)
		if !strings.Contains(out, "Erased again: 2") || !strings.Contains(out, unsaid) {
			t.Errorf("with the list of %s:\n%s", from, out)
		}
		if found := grep(t, data, secrets...); len(found) > 0 {
			t.Errorf("with the list of %s they are still in %v", from, found)
		}
	}
	// A box that has started from an old copy by itself has its own list.
	list, err := os.ReadFile(filepath.Join(cfg.DataDir(), "erased.list"))
	must(err)
	must(os.WriteFile(filepath.Join(alone, "erased.list"), list, 0o600))
	s, err = store.Open(alone, slog.New(slog.DiscardHandler))
	must(err)
	for i, want := range []int{2, 0} {
		n, err := repeatErasures(t.Context(), s, alone, cfg.Operation, slog.New(slog.DiscardHandler))
		if err != nil || n != want {
			t.Errorf("start %d repeats %d, want %d, %v", i+1, n, want, err)
		}
	}
	must(privacy.New(s, cfg.Operation, slog.New(slog.DiscardHandler)).Scrub(t.Context()))
	must(errors.Join(s.Verify(), s.Close()))
	if found := grep(t, alone, secrets...); len(found) > 0 {
		t.Errorf("after a start they are still in %v", found)
	}
}
