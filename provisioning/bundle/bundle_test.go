package bundle_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/operation"
	"hotline/provisioning/bundle"
	"hotline/triage"
	"hotline/volunteers/roster"
)

func TestABundleTravelsFromHotlineToHotline(t *testing.T) {
	t.Parallel()
	here, there := newHotline(t), newHotline(t)
	b := read(t, town(t))
	plan, err := here.apply(b)
	if err != nil {
		t.Fatal(err)
	}
	byLogin := map[string]string{}
	for _, c := range plan.Credentials {
		byLogin[c.Login] = c.Password
		if hasPhone := c.Phone != ""; (c.PIN != "") != hasPhone {
			t.Errorf("%s with the number %q got the PIN %q", c.Login, string(c.Phone), c.PIN)
		}
	}
	if len(byLogin) != 4 || here.cfg.SIP.MaxCalls != 60 || here.cfg.Name != "Línea: de ayuda # 1" {
		t.Errorf("made: accounts %v, %d calls, name %q", slices.Collect(maps.Keys(byLogin)), here.cfg.SIP.MaxCalls, here.cfg.Name)
	}
	accounts, err := roster.Open(here.records, here.cfg.DataDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if who, err := accounts.Authenticate(t.Context(), "ana", byLogin["ana"]); err != nil || who.Skills["doctor"] != 2 {
		t.Errorf("Ana signs in with what was shown: %v, skills %v", err, who.Skills)
	}
	routing, err := triage.ReadRouting(here.records)
	if err != nil {
		t.Fatal(err)
	}
	if q := routing.Queue("medical"); !routing.Has("medical") || q.Called("en") != "Medical" || q.Called("fr") != "Médico" || len(routing.Profile("night").Lines) != 3 {
		t.Errorf("the line of one's own is %+v", q)
	}
	at := time.Date(2026, 12, 21, 13, 0, 0, 0, time.UTC) // a Monday
	if q := routing.Queue("help"); q.Open(at) || !q.Open(at.Add(2*time.Hour)) || q.Open(at.AddDate(0, 0, 1).Add(2*time.Hour)) {
		t.Errorf("the hours of the line are %+v", q.Hours)
	}
	if routing.Profile("volunteers").Lines != nil || len(routing.Profile("night").Lines) != 3 {
		t.Errorf("the profiles are %+v", routing.Profiles)
	}

	// Applying it once more changes nothing and writes nothing.
	before := here.print()
	if plan, err := here.apply(b); err != nil || len(plan.Changes) > 0 || here.print() != before {
		t.Errorf("the second time: %v, changes %v, written: %v", err, plan.Changes, here.print() != before)
	}

	// What is written is what was read, and makes the same hotline elsewhere.
	first := here.export()
	for file, wants := range map[string][]string{
		"organisation.yaml": {`Cruz "del" Valle`, "America/Mexico_City"}, "operation.yaml": {"Inundación 2026", "FL-2026-000123-MEX", "scenario: flood"}, "numbers.yaml": {"5550100", "max_calls: 60"},
		"trunks.yaml": {"203.0.113.0/24", "sip.example.org"}, "lines.yaml": {"gateway", "5550200", "+1202", "rounds_per_hour: 200"}, "queues.yaml": {"Médico", "most_waiting: 40", "14:00-20:00", "Navidad"},
		"profiles.yaml": {"Night: shift", "1m30s"}, "users.yaml": {"María O'Hara", "doctor: 2"}, "members.yaml": {"jefe"}, "teams.yaml": {"Partner abroad"}, "skills.yaml": {"45s"}, "services.yaml": {"Control room"},
		"rules.yaml": {"To train those who answer", "20:30-07:00"}, "scripts.yaml": {"¿Está a salvo?"}, "lists.yaml": {"Agua limpia", "How many animals?"}, "prompts.yaml": {"es/hello"},
		"languages/sw.yaml": {"Hujambo"}, "flows/extra.yaml": {"One more"}} {
		for _, want := range wants {
			if !strings.Contains(first.Text(file), want) {
				t.Errorf("%s of the export does not say %q:\n%s", file, want, first.Text(file))
			}
		}
	}
	if again := here.export(); !bytes.Equal(bytesOf(t, first), bytesOf(t, again)) {
		t.Error("two exports of one hotline are not the same")
	}
	if here.print() != before {
		t.Error("an export has changed the hotline")
	}
	raw := bytesOf(t, first)
	carried, err := bundle.Read(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if plan, err := bundle.Diff(t.Context(), here.to(), carried, bundle.Secrets{}); err != nil || len(plan.Changes) > 0 {
		t.Errorf("a hotline differs from its own export: %v %v", err, plan.Changes)
	}
	if plan, err := bundle.Diff(t.Context(), there.to(), carried, bundle.Secrets{}); err != nil || len(plan.Changes) < 20 || plan.Credentials[0].Password != "" {
		t.Errorf("what it would change in a new hotline: %v, %d changes", err, len(plan.Changes))
	}
	if _, err := there.apply(carried); err != nil {
		t.Fatal(err)
	}
	second := there.export()
	for _, name := range first.Files() {
		if a, b := first.Text(name), second.Text(name); a != b {
			t.Errorf("%s is another one after the journey:\n%s\n--- and was\n%s", name, b, a)
		}
	}
	if !first.Equal(second) || !bytes.Equal(raw, bytesOf(t, second)) {
		t.Errorf("the files are %v, and were %v", second.Files(), first.Files())
	}
	for _, name := range first.Files() {
		for _, secret := range []string{byLogin["ana"], "argon2id"} {
			if strings.Contains(first.Text(name), secret) {
				t.Errorf("%s holds a secret", name)
			}
		}
	}

	// As a folder it is the same.
	dir := filepath.Join(t.TempDir(), "folder")
	if err := first.WriteFolder(dir); err != nil {
		t.Fatal(err)
	}
	if folder, err := bundle.Open(dir); err != nil || !folder.Equal(first) {
		t.Errorf("as a folder: %v", err)
	}
	if first.WriteFolder(dir) == nil {
		t.Error("a folder that is not empty was written over")
	}
}

func TestABundleIsAppliedWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	h := newHotline(t)
	before := h.print()
	for name, spoil := range map[string]struct {
		file, text, want string
		fails            error
	}{
		"the last file names nobody":     {file: "members.yaml", text: "nurses:\n  people: [ana, nobody]\n", want: `members.yaml:2:3: nobody signs in as "nobody"`},
		"a flow leads nowhere":           {file: "flows/extra.yaml", text: strings.Replace(extraFlow, "start: hang", "start: gone", 1), want: "flows/extra.yaml:2:"},
		"a number leads to no flow":      {file: "numbers.yaml", text: "entries:\n  - {numbers: [\"101\"], flow: nowhere}\n", want: `numbers.yaml:1:1: sip: entries: there is no dialogue "nowhere"`},
		"the configuration is not kept":  {fails: errors.New("the disk is full"), want: "the disk is full"},
		"somebody brings a bad greeting": {file: "audio/es/hello.wav", text: "RIFF no sound", want: "prompts.yaml:1:12: "},
	} {
		files := town(t)
		files["users.yaml"], files["members.yaml"] = "ana: {name: Ana, profile: night}\n", "nurses: {people: [ana]}\n"
		if spoil.file != "" {
			files[spoil.file] = spoil.text
		}
		h.fails = spoil.fails
		plan, err := h.apply(read(t, files))
		if err == nil || !strings.Contains(err.Error(), spoil.want) || len(plan.Credentials) > 0 {
			t.Errorf("%s: %v; %d accounts", name, err, len(plan.Credentials))
		}
		if h.print() != before {
			t.Fatalf("%s: something was kept of it", name)
		}
	}
	h.fails = nil
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := bundle.Apply(ctx, h.to(), read(t, town(t)), bundle.Secrets{}); !errors.Is(err, context.Canceled) || h.print() != before {
		t.Errorf("in a time that is over: %v", err)
	}
}

func TestEveryMistakeIsToldWithItsPlace(t *testing.T) {
	t.Parallel()
	h := newHotline(t)
	before := h.print()
	_, err := h.apply(read(t, map[string]string{
		"bundle.yaml":       "format: 2\nname: x\n",
		"organisation.yaml": "hotline: A\nlanguages:\n  - xx\n",
		"operation.yaml":    "name: B\nglide: FLOOD\n",
		"numbers.yaml":      "max_calls: 0\nqueue_shares: {help: 50}\n",
		"trunks.yaml":       "lines:\n  - name: carrier\n    servers: [a]\n    password: hush\n",
		"queues.yaml":       "\nhelp:\n  hours: 8-20\nhelp2: {}\nlife: {most_waiting: 3}\n",
		"profiles.yaml":     "odd:\n  lines:\n    - {queue: life, priority: 2}\n    - {queue: help, priority: 1}\nbad: [1]\n",
		"rules.yaml":        "quiet_hours: none\nrecording: {queues: {help: always}}\nkeep_days: {moons: 3}\n",
		"users.yaml":        "x: {name: X}\nanna:\n  name: Anna\n  role: boss\nbert:\n  name: Bert\n  pin: \"1234\"\ncarl: {name: Carl, profile: none}\ndora: {name: Dora, phone: 12}\nemil: {name: Emil, teams: [a]}\nfaye: {name: Faye, role: supervisor, teams: [moons]}\n",
		"scripts.yaml":      "moon/es: {lines: [a]}\n",
		"skills.yaml":       "medical: {level: high}\n",
		"services.yaml":     "emergency: [{name: Police, number: \"911\"}]\n",
		"teams.yaml":        "a: {name: A}\na: {name: B}\n",
		"prompts.yaml":      "es/hello: {recording: es/none.wav}\nxx/hello: {text: a}\n",
		"lists.yaml":        "needs:\n  items:\n    - {code: Goats, words: {en: Goats}}\nmoons: {}\ncase:\n  items: [{code: own_x, kind: one, words: {en: X}}]\n",
		"lines.yaml":        "lines:\n  - {name: carrier, kind: gsm}\nnumbers:\n  - {number: \"5550200\", leads: help}\n  - {number: \"100\", leads: help}\ndials: [\"0052\"]\noutgoing: {roles: [moon]}\n",
		"languages/xx.yaml": "language: sw\nvoices: {}\n",
		"flows/a.yaml":      "flow: a\nsteps: [\n",
	}))
	var problems bundle.Problems
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	if !errors.Is(err, operation.WrongGlide) {
		t.Error("who asks for what was refused cannot tell")
	}
	for _, want := range []string{
		`bundle.yaml:1:1: this program reads bundles that say format: 1`,
		`bundle.yaml:2:1: there is no setting "name"`,
		`organisation.yaml:2:1: nothing can be said in "xx"`,
		`operation.yaml:2:1: this is no GLIDE number`,
		`numbers.yaml:1:1: sip: max_calls: 0 is not between 1 and 10000`,
		`trunks.yaml:4:5: password is a secret`,
		`queues.yaml:2:1: "8-20" are no hours`,
		`queues.yaml:4:1: there is no "help2"; there are life, help`,
		`queues.yaml:5:1: The line for people in danger is always open`,
		`profiles.yaml:1:1: Every profile takes calls of people in danger, before all others`,
		`profiles.yaml:5:6: `,
		`rules.yaml:3:1: there is no kind of records "moons"`,
		`users.yaml:1:1: the sign-in name needs 2 to 32 letters`,
		`users.yaml:4:3: "boss" is no role`,
		`users.yaml:7:3: pin is a secret`,
		`users.yaml:8:20: there is no profile "none"`,
		`users.yaml:9:20: the telephone number is not a full one`,
		`users.yaml:10:20: only a supervisor leads teams`,
		`users.yaml:11:38: there is no team "moons"`,
		`scripts.yaml:1:1: there is no queue "moon"`,
		`skills.yaml:1:18: "high" does not fit here, a whole number is expected`,
		`services.yaml:1:1: An emergency service needs a name and its full number`,
		`teams.yaml:2:1: `,
		`prompts.yaml:1:12: the bundle has no file audio/es/none.wav`,
		`prompts.yaml:2:1: nothing can be said in "xx"`,
		`lists.yaml:1:1: Goats: a code has small letters`,
		`lists.yaml:4:1: there is no list "moons"`,
		`lines.yaml:2:6: carrier: say where the other side is`,
		`lines.yaml:5:6: 100: the file hotline.yaml says already where 100 leads`,
		`lines.yaml:6:1: 0052 is not the beginning of a full number`,
		`lines.yaml:7:1: there is nobody called "moon" who could call out`,
		`languages/xx.yaml:2:1: `,
		`flows/a.yaml:2:`,
	} {
		if !slices.ContainsFunc(problems, func(p bundle.Problem) bool { return strings.HasPrefix(p.Error(), want) }) {
			t.Errorf("not told: %s", want)
		}
	}
	if t.Failed() {
		t.Log("told:\n" + problems.Error())
	}
	if h.print() != before {
		t.Error("something was changed by a bundle full of mistakes")
	}
}

// What ships to begin with can be applied to any new hotline, and says nothing
// that could not be.
func TestTemplatesFitANewHotline(t *testing.T) {
	t.Parallel()
	calls := 0
	h := newHotline(t)
	for _, name := range bundle.Templates() {
		b, err := bundle.Template(name)
		if err != nil {
			t.Fatal(err)
		}
		about, err := b.About()
		languages, wrong := b.Languages()
		if err != nil || wrong != nil || about == "" || len(languages) == 0 || b.HasUsers() {
			t.Errorf("%s: %q, languages %v, people: %v; %v, %v", name, about, languages, b.HasUsers(), err, wrong)
		}
		// One after the other: the larger one is put over the smaller, as by somebody who grows.
		if plan, err := h.apply(b); err != nil || len(plan.Changes) == 0 {
			t.Errorf("%s: %v, %d changes", name, err, len(plan.Changes))
		}
		if plan, err := bundle.Diff(t.Context(), h.to(), b, bundle.Secrets{}); err != nil || len(plan.Changes) != 0 {
			t.Errorf("%s once more: %v, %v", name, err, plan.Changes)
		}
		if h.cfg.SIP.MaxCalls <= calls {
			t.Errorf("%s takes %d calls at a time, the smaller one %d", name, h.cfg.SIP.MaxCalls, calls)
		}
		calls = h.cfg.SIP.MaxCalls
		routing, err := triage.ReadRouting(h.records)
		if err != nil {
			t.Fatal(err)
		}
		night := time.Date(2026, 12, 21, 3, 0, 0, 0, time.UTC)
		for _, queue := range []string{triage.QueueLife, triage.QueueHelp} {
			if q := routing.Queue(queue); !q.Open(night) || q.Most >= calls {
				t.Errorf("%s: the line %s is open at night: %v; %d of %d calls may wait in it", name, queue, q.Open(night), q.Most, calls)
			}
		}
	}
	if _, err := bundle.Template("village"); err == nil || !strings.Contains(err.Error(), "town, city, national") {
		t.Errorf("a template that does not ship: %v", err)
	}
}
