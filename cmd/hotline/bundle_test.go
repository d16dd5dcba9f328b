package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/config"
	"hotline/appliance/lists"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/ui"
	"hotline/ui/page"
	"hotline/volunteers/roster"
)

// A hotline is carried to another machine and changed there, all at the command
// line.
func TestAHotlineAsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	here, there := filepath.Join(dir, "here"), filepath.Join(dir, "there")
	at := func(box string) string { return filepath.Join(box, config.FileName) }
	must := func(want string, args ...string) string {
		t.Helper()
		status, out, errs := hotlineCommand(t.Context(), args...)
		if status != 0 || !strings.Contains(out, want) {
			t.Fatalf("hotline %s: status %d, without %q\n%s%s", strings.Join(args, " "), status, want, out, errs)
		}
		return out
	}
	refused := func(want string, args ...string) {
		t.Helper()
		if status, out, errs := hotlineCommand(t.Context(), args...); status != 1 || !strings.Contains(errs, want) {
			t.Errorf("hotline %s: status %d, without %q\n%s%s", strings.Join(args, " "), status, want, out, errs)
		}
	}
	must("set up", "setup", "--dir", here, "--name", "Línea de ayuda", "--supervisor-phone", "+12025550147")
	must("set up", "setup", "--dir", there, "--template", "city")
	if cfg, err := config.Load(at(there)); err != nil || cfg.SIP.MaxCalls != 150 {
		t.Errorf("a city takes %d calls at a time, %v", cfg.SIP.MaxCalls, err)
	}
	must("national", "bundle", "template")
	refused("there is no template", "setup", "--dir", filepath.Join(dir, "none"), "--template", "village")
	must("is in", "bundle", "template", "town", filepath.Join(dir, "town.zip"))
	must("can be applied", "bundle", "check", filepath.Join(dir, "town.zip"))
	folder := filepath.Join(dir, "bundle")
	if said := must("11 files", "bundle", "export", folder, "--config", at(here)); !strings.Contains(said, "where backups go, and their keys: each box has its own") || !strings.Contains(said, "name a file for them with --secrets") {
		t.Errorf("what is not in the bundle is not said:\n%s", said)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("users.yaml", "ana:\n  name: Ana\n  phone: \"+12025550148\"\n  role: chief\n")
	write("queues.yaml", "help:\n  hours: 8 to 20\n")
	for _, do := range [][]string{{"check", folder}, {"diff", folder, "--config", at(there)}, {"apply", folder, "--config", at(there)}} {
		refused("there are 2 mistakes in the bundle", append([]string{"bundle"}, do...)...)
		refused("users.yaml:4:3: \"chief\" is no role", append([]string{"bundle"}, do...)...)
	}
	write("users.yaml", "ana:\n  name: Ana\n  phone: \"+12025550148\"\n  role: supervisor\n")
	write("queues.yaml", "help:\n  hours: 08:00-20:00\n")
	must("can be applied", "bundle", "check", folder)
	must("queues: help: hours becomes \"08:00-20:00\" (is always)", "bundle", "diff", folder, "--config", at(there))
	out := must("organisation: hotline becomes Línea de ayuda (is Hotline)", "bundle", "apply", folder, "--config", at(there))
	if !strings.Contains(out, "calls from +12025550148 with PIN") || strings.Count(out, "password ") != 1 {
		t.Errorf("what a new supervisor signs in with:\n%s", out)
	}
	// The example of the handbook is one.
	for _, language := range []string{"en", "es"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "ui", "handbook", language, "it.md"))
		if err != nil {
			t.Fatal(err)
		}
		example := filepath.Join(dir, language)
		if err := os.Mkdir(example, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(string(text), "```yaml\n# ")[1:] {
			name, rest, _ := strings.Cut(block, "\n")
			rest, _, _ = strings.Cut(rest, "```")
			if err := os.WriteFile(filepath.Join(example, name), []byte(rest), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		must("can be applied: 3 files", "bundle", "check", example)
	}
	must("Nothing to change", "bundle", "apply", folder, "--config", at(there))
	if cfg, err := config.Load(at(there)); err != nil || cfg.Name != "Línea de ayuda" {
		t.Errorf("the configuration: %q, %v", cfg.Name, err)
	}
	if before, err := config.Load(at(there) + ".before"); err != nil || before.Name != "Hotline" {
		t.Errorf("the configuration from before: %q, %v", before.Name, err)
	}
	file := filepath.Join(dir, "there.zip")
	must("", "bundle", "export", file, "--config", at(there))
	refused("there is a file", "bundle", "export", file, "--config", at(there))
	must("ana is new", "bundle", "diff", file, "--config", at(here))
	// A new hotline begins as it: with its people, and nobody else but an administrator.
	third := filepath.Join(dir, "third")
	out = must("set up", "setup", "--dir", third, "--bundle", file)
	if n := strings.Count(out, "password "); n != 5 {
		t.Errorf("%d people, not the five of the bundle:\n%s", n, out)
	}
	must("Nothing to change", "bundle", "diff", file, "--config", at(third))
	cfg, err := config.Load(at(third))
	if err != nil {
		t.Fatal(err)
	}
	running, err := store.Open(cfg.DataDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	refused("the hotline is running and cannot be reached", "bundle", "diff", file, "--config", at(third))
	if err := running.Close(); err != nil {
		t.Fatal(err)
	}
	onFreePorts(t, at(there))
	must("Everything is in place", "serve", "--config", at(there), "--smoke")
	must("The log is whole", "audit", "verify", "--config", at(there))
}

// A hotline is changed by files while it runs: what is in the records counts at
// once, the call that runs goes on, and what needs a start is said.
func TestABundleChangesAHotlineThatRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := filepath.Join(dir, config.FileName)
	b := startBoxWith(t, func(cfg *config.Config) {
		if err := os.WriteFile(at, []byte(cfg.Describe()), 0o600); err != nil {
			t.Fatal(err)
		}
		loaded, err := config.Load(at)
		if err != nil {
			t.Fatal(err)
		}
		*cfg = loaded
	})
	account := func(login string) roster.Account {
		t.Helper()
		all, err := b.h.accounts.List()
		i := slices.IndexFunc(all, func(a roster.Account) bool { return a.Login == login })
		if err != nil || i < 0 {
			t.Fatalf("there is no %s: %v", login, err)
		}
		return all[i]
	}
	amal := b.seatedAt(account("volunteer").ID, "Amal", aHz, false, "agent")
	amal.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561171", cHz)
	amal.answer()
	b.hears("the caller", callerEar{caller}, allHz, aHz)

	folder := filepath.Join(dir, "bundle")
	files := map[string]string{
		"bundle.yaml":       "format: 1\n",
		"organisation.yaml": "hotline: Another name\n",
		"rules.yaml":        "recording: {purpose: To train those who answer, keep_days: 9, queues: {help: agent}}\nparts: {browsers: true}\n",
		"profiles.yaml":     "night: {name: Night, lines: [{queue: life, priority: 1}, {queue: family, priority: 2}]}\n",
		"queues.yaml":       "medical: {name: Medical}\nfamily: {hours: \"22:00-06:00\"}\n",
		"lists.yaml":        "needs: {items: [{code: goats, words: {en: Goats}}]}\n",
		"scripts.yaml":      "help/en: {lines: [Are you safe now?]}\n",
		"operation.yaml":    "scenario: flood\n",
		"users.yaml":        "volunteer: {profile: night}\nana: {name: Ana, role: supervisor, phone: \"+12025550148\"}\nsupervisor: {disabled: true}\n",
		"lines.yaml":        "lines: [{name: gateway, kind: gsm, servers: [\"127.0.0.1:9\"]}]\nnumbers: [{number: \"5550300\", leads: flow, name: extra, language: en}, {number: \"5550301\", leads: queue, name: medical}]\n",
		"prompts.yaml":      "en/hello: {recording: hello.wav}\n",
		"flows/extra.yaml":  "about: One more\nstart: hang\nfallback: {queue: medical, priority: 5, treatment: waiting}\nsteps:\n  hang:\n    hangup: done\n    say: hello\n",
		"audio/hello.wav":   toneFile(t, bHz),
	}
	write := func() {
		t.Helper()
		for name, text := range files {
			path := filepath.Join(folder, filepath.FromSlash(name))
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	command := func(what string, more ...string) (status int, said string) {
		t.Helper()
		status, out, errs := hotlineCommand(t.Context(), append([]string{"bundle", what, folder, "--config", at}, more...)...)
		return status, out + errs
	}
	good := files["queues.yaml"]
	files["queues.yaml"] = "medical: {name: Medical}\nfamily: {hours: 8 to 20}\n"
	write()
	before := b.h.routes.Routing()
	for _, what := range []string{"diff", "apply"} {
		if status, said := command(what); status != 1 || !strings.Contains(said, "queues.yaml:2:") || b.h.routes.Routing().Has("medical") || len(b.h.routes.Routing().Queues) != len(before.Queues) {
			t.Errorf("%s of a wrong bundle: status %d\n%s", what, status, said)
		}
	}
	files["queues.yaml"] = good
	write()
	if status, said := command("diff"); status != 0 || !strings.Contains(said, "organisation: hotline becomes Another name (is Hotline) [from the next start on]") || !strings.Contains(said, "users: ana is new") || b.h.routes.Routing().Has("medical") {
		t.Fatalf("diff: status %d\n%s", status, said)
	}
	session, _, err := b.h.accounts.SignIn(t.Context(), "supervisor", b.people["supervisor"].Password, "test")
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	status, said := command("apply")
	if status != 0 || !strings.Contains(said, "it counts now") || strings.Count(said, "password ") != 1 || !strings.Contains(said, "calls from +12025550148 with PIN") {
		t.Fatalf("apply: status %d\n%s", status, said)
	}
	t.Logf("applied within %v", time.Since(begun).Round(time.Millisecond))

	// It counts at once.
	if !b.h.routes.Routing().Has("medical") || !b.h.dispatch.Has("medical") || b.h.routes.Routing().Queue("family").From != 22*60 {
		t.Error("the lines are not those of the bundle")
	}
	if rules := b.h.tapes.Rules(); rules.KeepDays != 9 || rules.Queues["help"] != triage.RecordByAgent {
		t.Errorf("the rules for recording: %+v", rules)
	}
	if !b.h.lists.Now().List(lists.Needs).Has("goats") || b.h.disaster.Current().Pack.ID != "flood" || len(b.h.scripts.For("help", "en").Lines) != 1 {
		t.Error("lists, scenario or scripts are not those of the bundle")
	}
	if got := b.h.dispatch.Agent(amal.id).Profile; got != "night" {
		t.Errorf("somebody who is signed in has the profile %q", got)
	}
	select {
	case <-b.h.accounts.Ended(session):
	default:
		t.Error("somebody who was kept out is signed in still")
	}
	// And for the next caller, by a number that is new, a dialogue and a recording.
	second := b.dial("+12024561172", "5550300")
	b.waitTone("the next caller", second, bHz)
	b.ended(second)
	// The call that ran goes on.
	heard := len(caller.Heard())
	for limit := time.Now().Add(time.Minute); len(caller.Heard()) < heard+audio.SampleRate; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the call that ran went silent")
		}
	}
	b.hears("the caller of before", callerEar{caller}, allHz, aHz)
	amal.is(triage.OnCall)

	// The file of the configuration says what counts from the next start on.
	if cfg, err := config.Load(at); err != nil || cfg.Name != "Another name" {
		t.Errorf("the configuration says %q, %v", cfg.Name, err)
	}
	if status, said := command("diff"); status != 0 || !strings.Contains(said, "Nothing to change") {
		t.Errorf("once more: status %d\n%s", status, said)
	}
	// Without a browser at hand, lines are seen and switched by a command.
	if status, out, errs := hotlineCommand(t.Context(), "lines", "--config", at); status != 0 || !strings.Contains(out, "gateway ") || !strings.Contains(out, "Number 5550300") || !strings.Contains(out, "leads to flow extra") {
		t.Errorf("the lines: status %d\n%s%s", status, out, errs)
	}
	if status, out, errs := hotlineCommand(t.Context(), "lines", "off", "gateway", "--config", at); status != 0 || !strings.Contains(out, "off\n") {
		t.Errorf("a line is switched off: status %d\n%s%s", status, out, errs)
	}
	if l, _ := b.h.lines.List().Line("gateway"); !l.Off {
		t.Error("the line is not off")
	}
	if status, _, errs := hotlineCommand(t.Context(), "lines", "off", "carrier", "--config", at); status != 1 || !strings.Contains(errs, "no line \"carrier\"") {
		t.Errorf("a line that there is not: status %d, %s", status, errs)
	}
	// The same on the page: what is looked at is what is done.
	files = map[string]string{"queues.yaml": "help: {most_waiting: 7}\n"}
	write()
	brought, _, err := bundleConfig{Bundle: folder}.read()
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	if err := brought.Write(&zipped); err != nil {
		t.Fatal(err)
	}
	id := b.h.bundles.Take(zipped.Bytes(), nil, "maria")
	if _, err := b.h.bundles.Look(t.Context(), id, "jose"); !errors.Is(err, ui.ErrNoBundle) {
		t.Errorf("somebody else sees the bundle: %v", err)
	}
	plan, err := b.h.bundles.Look(t.Context(), id, "maria")
	if err != nil || len(plan.Changes) == 0 {
		t.Fatalf("the look: %+v, %v", plan, err)
	}
	err = b.h.routes.Change(t.Context(), "queue", "maria", "Maria", "web", func(r *triage.Routing) error {
		i := slices.IndexFunc(r.Queues, func(q triage.Queue) bool { return q.ID == triage.QueueHelp })
		r.Queues[i].Most = 3
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.h.bundles.Apply(t.Context(), id, plan.Print, "maria"); !errors.Is(err, ui.ErrBundleOther) || b.h.routes.Routing().Queue(triage.QueueHelp).Most != 3 {
		t.Errorf("the hotline was changed after the look: %v", err)
	}
	if plan, err = b.h.bundles.Look(t.Context(), id, "maria"); err != nil || !slices.ContainsFunc(plan.Changes, func(c page.BundleChange) bool { return c.Setting == "most_waiting" && c.Was == "3" && c.Is == "7" }) {
		t.Fatalf("the second look: %+v, %v", plan, err)
	}
	if _, err := b.h.bundles.Apply(t.Context(), id, plan.Print, "maria"); err != nil || b.h.routes.Routing().Queue(triage.QueueHelp).Most != 7 {
		t.Errorf("applied: %v", err)
	}
	// It leaves as files, passwords of lines apart.
	file, secrets := filepath.Join(dir, "out.zip"), filepath.Join(dir, "secrets.yaml")
	if status, out, errs := hotlineCommand(t.Context(), "bundle", "export", file, "--config", at, "--secrets", secrets); status != 0 {
		t.Errorf("export: status %d\n%s%s", status, out, errs)
	}
	folder = file
	if status, said := command("diff", "--secrets", secrets); status != 0 || !strings.Contains(said, "Nothing to change") {
		t.Errorf("its own export: status %d\n%s", status, said)
	}
}

// toneFile is a WAV file with a tone.
func toneFile(t *testing.T, hz float64) string {
	t.Helper()
	var wav bytes.Buffer
	if err := audio.WriteWAV(&wav, audio.Tone(hz, 3*time.Second, -10)); err != nil {
		t.Fatal(err)
	}
	return wav.String()
}
