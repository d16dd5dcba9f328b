package bundle_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/config"
	"hotline/appliance/export"
	"hotline/appliance/operation"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/appliance/webhooks"
	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/provisioning/bundle"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/triage/supervise"
	"hotline/volunteers/roster"
)

// hotline is a new one that does not run.
type hotline struct {
	tb      testing.TB
	dir     string
	records *store.Store
	cfg     config.Config
	fails   error // of keeping the configuration
}

func newHotline(tb testing.TB) *hotline {
	tb.Helper()
	h := &hotline{tb: tb, dir: tb.TempDir()}
	path := filepath.Join(h.dir, config.FileName)
	if err := os.WriteFile(path, []byte(config.Default().Describe()), 0o600); err != nil {
		tb.Fatal(err)
	}
	var err error
	if h.cfg, err = config.Load(path); err != nil {
		tb.Fatal(err)
	}
	h.records = storetest.OpenAt(tb, h.cfg.DataDir())
	return h
}

func (h *hotline) to() bundle.Hotline {
	return bundle.Hotline{Store: h.records, Config: h.cfg, Topics: []string{"calls", "people"}, By: "test", Via: "cli", Log: slog.New(slog.DiscardHandler),
		Flows: func(cfg config.Config) (flow.Surroundings, error) {
			actions := ivr.Results()
			maps.Copy(actions, supervise.Results())
			maps.Copy(actions, desk.Results())
			return flow.Surroundings{Languages: cfg.Languages, Actions: actions, HasQueue: triage.ShippedRouting().Has}, nil
		},
		Leads: func(cfg config.Config, flows *flow.FlowSet) error {
			for _, e := range cfg.SIP.Entries {
				if e.Flow != "" && !slices.Contains(flows.Names(), e.Flow) {
					return fmt.Errorf("sip: entries: there is no dialogue %q", e.Flow)
				}
			}
			return nil
		},
		Keep: func(cfg config.Config) (func() error, error) {
			before := h.cfg
			h.cfg = cfg
			return func() error { h.cfg = before; return nil }, h.fails
		}}
}

func (h *hotline) apply(b *bundle.Bundle) (bundle.Plan, error) {
	return bundle.Apply(h.tb.Context(), h.to(), b, bundle.Secrets{})
}

func (h *hotline) export() *bundle.Bundle {
	h.tb.Helper()
	b, err := bundle.Export(h.tb.Context(), h.to())
	if err != nil {
		h.tb.Fatal(err)
	}
	return b
}

// print is everything that the hotline has stored, the log included, and its
// configuration.
func (h *hotline) print() string {
	h.tb.Helper()
	sum := sha256.New()
	if err := h.records.View(func(tx *store.Tx) error {
		return tx.EachValue(func(table, key string, value []byte) { fmt.Fprintf(sum, "%s\x00%s\x00%s\x00", table, key, value) })
	}); err != nil {
		h.tb.Fatal(err)
	}
	return fmt.Sprintf("%x %s", sum.Sum(nil), h.cfg.Describe())
}

// zipped makes a bundle of files, as somebody else's program would.
func zipped(tb testing.TB, files map[string]string) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name}) // not pressed, which takes its time
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func read(tb testing.TB, files map[string]string) *bundle.Bundle {
	tb.Helper()
	raw := zipped(tb, files)
	b, err := bundle.Read(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func bytesOf(tb testing.TB, b *bundle.Bundle) []byte {
	tb.Helper()
	var out bytes.Buffer
	if err := b.Write(&out); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// tone is a recording of a second.
func tone(tb testing.TB, hz float64) string {
	tb.Helper()
	var wav bytes.Buffer
	if err := audio.WriteWAV(&wav, audio.Tone(hz, time.Second, -10)); err != nil {
		tb.Fatal(err)
	}
	return wav.String()
}

// town is a bundle in which every part has something, written as people write.
func town(tb testing.TB) map[string]string {
	return map[string]string{
		"README.md":   "notes of somebody",
		"bundle.yaml": "format: 1\nabout: \"no: a town\"\n",
		"organisation.yaml": `
hotline: "Línea: de ayuda # 1"
organisation: 'Cruz "del" Valle'
region: MX
zone: America/Mexico_City
languages: [es, en]
`,
		"operation.yaml": "name: Inundación 2026\nglide: fl-2026-000123-mex\ncountry: MX\nscenario: flood\nstage: during\n",
		"numbers.yaml":   "help_numbers: [\"5550100\", '100']\nentries:\n  - numbers: [\"101\"]\n    language: en\n  - {numbers: [\"102\"], queue: volunteers}\nqueue_shares: {volunteers: 20, family: 40}\nmax_calls: 60\n",
		"trunks.yaml":    "peers: [203.0.113.0/24]\ntrust_identity: true\nlines:\n  - name: carrier\n    kind: register\n    servers: [sip.example.org]\n    user: \"5550100\"\noutgoing:\n  prefixes: [\"+52\"]\n  per_hour: 30\n",
		"teams.yaml":     "nurses: {name: Nurses}\nabroad: {name: Partner abroad, number: \"+1 202 555 0188\", calls: 4}\n",
		"skills.yaml":    "doctor: {level: 2, relax: [{after: 45s, level: 1}, {after: 2m, level: 0}]}\n",
		"profiles.yaml":  "night:\n  name: \"Night: shift\"\n  lines: [{queue: life, priority: 1}, {queue: help, priority: 2, after: 1m30s}, {queue: medical, priority: 3}]\nvolunteers: {remove: true}\n",
		"queues.yaml": `
medical: {name: Médico, names: {en: Medical}, most_waiting: 20}
help:
  hours:
    monday: 08:00-12:00, 14:00-20:00
    saturday: "09:00-24:00"
    dates: [{from: 2026-12-25, hours: closed, name: Navidad}, {from: 2026-12-31, to: 2027-01-01, hours: "10:00-12:00"}]
  most_waiting: 40
  teams: [{team: nurses, after: 1m, priority: 2}]
family: {hours: "22:00-06:00", waits_too_long: {after: 5m, to: promise}, mark_waiting: 9, mark_longest: 10m}
`,
		"services.yaml": "emergency: [{name: Control room, number: \"+525555550911\"}]\n",
		"rules.yaml":    "recording: {purpose: To train those who answer, keep_days: 14, queues: {help: agent}}\nkeep_days: {cases: 180}\nquiet_hours: 20:30-07:00\nparts: {browsers: true}\nsharing: {cases: {basis: public_task, scope: inside}}\n",
		"scripts.yaml":  "help/es: {lines: [\"¿Está a salvo?\", 'Yes: no']}\nall/en:\n  lines:\n    - \"Are you safe now?\"\n",
		"users.yaml": `
maria: {name: "María O'Hara", role: admin}
jefe: {name: Jefe, role: supervisor, phone: "55 5555 0147", profile: all, teams: [nurses], reachable: true}
ana: {name: Ana, role: agent, profile: night, languages: [es, ar], skills: {doctor: 2}}
old: {name: Old, disabled: true}
`,
		"lists.yaml": `
needs:
  order: [goats, water]
  items:
    - {code: goats, words: {en: Goats, es: Cabras}, first: true}
    - {code: water, words: {es: Agua limpia}}
skills:
  items: [{code: welder, words: {en: Welder}}, {code: archer, words: {en: Archer}}]
own_animals:
  items: [{code: few, words: {en: A few}}, {code: many, words: {en: Many}}]
case:
  items: [{code: own_animals, kind: one, words: {en: "How many animals?"}, must: true, personal: true}]
`,
		"lines.yaml":         "lines:\n  - {name: gateway, kind: gsm, servers: [192.0.2.7], max_calls: 8}\n  - {name: box, kind: address, servers: [192.0.2.9], accepts: [192.0.2.16/28]}\nnumbers:\n  - {number: \"5550300\", leads: flow, name: extra, language: en}\n  - {number: \"5550200\", leads: queue, name: volunteers}\ndials: [\"+52\", \"+1202\"]\noutgoing: {roles: [flow, agent], rounds_per_hour: 200}\n",
		"members.yaml":       "nurses: {people: [ana, jefe]}\n",
		"languages/sw.yaml":  swahili,
		"prompts.yaml":       "sw/hello: {recording: es/hello.wav}\nes/hello: {recording: es/hello.wav}\nen/hello: {recording: es/hello.wav}\n",
		"audio/es/hello.wav": tone(tb, 440),
		"flows/extra.yaml":   extraFlow,
	}
}

const swahili = "language: sw\nname: Kiswahili\nspoken: {numbers: {cardinal: {0: \"number.1\"}}, phrases: {about: \"number.1\", between: \"number.1\", more: \"number.1\", hours: \"number.1\", time: \"number.1\", date: \"number.1\"}}\n" +
	"prompts: {hello: \"Hujambo.\", number.1: \"moja\"}\n"

const extraFlow = `about: One more
start: hang
fallback: {queue: help, priority: 5, treatment: waiting}
steps:
  hang:
    hangup: done
    say: hello
`

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

func TestHostileBundlesAreRefusedInWords(t *testing.T) {
	t.Parallel()
	good := "format: 1\n"
	many := map[string]string{"bundle.yaml": good}
	for i := range 3001 {
		many[fmt.Sprintf("flows/f%d.yaml", i)] = ""
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a way out":       {map[string]string{"bundle.yaml": good, "../../etc/cron.d/x": "x"}, "leads out of the bundle"},
		"an absolute one": {map[string]string{"bundle.yaml": good, "/etc/passwd": "x"}, "leads out of the bundle"},
		"of Windows":      {map[string]string{"bundle.yaml": good, `audio\..\x.wav`: "x"}, "leads out of the bundle"},
		"a program":       {map[string]string{"bundle.yaml": good, "run.sh": "x"}, "does not belong into a bundle"},
		"no bundle":       {map[string]string{"queues.yaml": ""}, "this is no bundle of a hotline"},
		"a large one":     {map[string]string{"bundle.yaml": good, "users.yaml": strings.Repeat("a", 1<<20+1)}, "users.yaml: this file is larger than 1 MB"},
		"many files":      {many, "more than 3000 files"},
	} {
		raw := zipped(t, c.files)
		if _, err := bundle.Read(bytes.NewReader(raw), int64(len(raw))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A thousand times as large as it says, and as it is in the ZIP file.
	var bomb bytes.Buffer
	z := zip.NewWriter(&bomb)
	w, err := z.Create("users.yaml")
	if err == nil {
		_, err = w.Write(make([]byte, 4<<20))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	lying := bytes.ReplaceAll(bomb.Bytes(), []byte{0, 0, 0x40, 0}, []byte{1, 0, 0, 0}) // its size, where it is said
	for _, raw := range [][]byte{bomb.Bytes(), lying} {
		if _, err := bundle.Read(bytes.NewReader(raw), int64(len(raw))); err == nil || !strings.Contains(err.Error(), "users.yaml: this file") {
			t.Errorf("a bomb: %v", err)
		}
	}
	raw := zipped(t, map[string]string{"bundle.yaml": good})
	for n := range raw {
		if b, err := bundle.Read(bytes.NewReader(raw[:n]), int64(n)); err == nil {
			t.Fatalf("%d bytes of a ZIP file are a bundle: %v", n, b.Files())
		}
	}
	if _, err := bundle.Open(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "there is no bundle") {
		t.Errorf("a bundle that is not there: %v", err)
	}
}

// FuzzBundle changes one file of a bundle: nothing that somebody can write ends the
// program, and what is refused says where.
func FuzzBundle(f *testing.F) {
	for name, text := range town(f) {
		if strings.HasSuffix(name, ".yaml") && !strings.HasPrefix(name, "flows/") {
			f.Add(name, text)
		}
	}
	for _, evil := range []string{"a: &a [*a, *a]\n", "? [x]\n: 1\n", "help: !!binary x\n", "- 1\n", "\x00", "help:\n\thours: 1\n", "<<: {a: 1}\n", "help: {hours: {dates: [1]}}\n", "---\na: 1\n---\nb: 2\n", "2: {name: 3}\n"} {
		f.Add("queues.yaml", evil)
	}
	h := newHotline(f)
	f.Fuzz(func(t *testing.T, name, text string) {
		raw := zipped(t, map[string]string{"bundle.yaml": "format: 1\n", name: text})
		b, err := bundle.Read(bytes.NewReader(raw), int64(len(raw)))
		if err == nil {
			_, err = bundle.Diff(context.Background(), h.to(), b, bundle.Secrets{})
		}
		var problems bundle.Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatalf("%q in %s is refused without a place: %v", text, name, err)
		}
		for _, p := range problems {
			if p.File == "" || p.Text == "" {
				t.Errorf("a problem without a file or words: %+v", p)
			}
		}
	})
}
