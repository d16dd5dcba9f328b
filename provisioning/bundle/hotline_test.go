package bundle_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/config"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/provisioning/bundle"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/triage/supervise"
)

// This file is the hotlines and the bundles that the tests work with: a new hotline
// that does not run, and the bundle of a town that changes every part of it.

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
