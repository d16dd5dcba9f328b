package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestAnEmptyFileIsComplete(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n"} {
		c, err := Parse("hotline.yaml", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if !reflect.DeepEqual(c, Default()) {
			t.Errorf("%q reads as %+v", text, c)
		}
	}
}

func TestASettingLeavesItsNeighboursAlone(t *testing.T) {
	c, err := Parse("x", []byte("sip:\n  max_calls: 7\n"))
	want := Default()
	want.SIP.MaxCalls = 7
	if err != nil || !reflect.DeepEqual(c, want) {
		t.Errorf("read %+v (%v), want %+v", c, err, want)
	}
	if c, err := Parse("x", []byte("name: A\nsip:\n")); err != nil || len(c.SIP.Help) == 0 {
		t.Errorf("a group without settings wiped its defaults: %+v (%v)", c.SIP, err)
	}
}

func TestWhatIsDescribedIsReadBack(t *testing.T) {
	want := Default()
	want.Name, want.SIP.Peers, want.SIP.Help, want.LogAll = `Línea "uno": ayuda`, []string{"10.0.0.0/8", "203.0.113.7"}, []string{"+12024561111", "100"}, true
	want.Web.Names, want.SIP.Phones = []string{"hotline.local"}, []string{"192.168.1.0/24"}
	want.SIP.Lines = []Line{{Name: "gateway", Kind: "register", Servers: []string{"192.0.2.7", "192.0.2.8:5070"}, User: "hot", Password: "p: #1", From: "+12024561000", MaxCalls: 4, QueueFrom: map[string]string{"volunteers": "+12024561001"}},
		{Name: "carrier", Servers: []string{"sip.example.org"}, Transport: "tls", Encrypt: true, Certificate: "carrier.pem", AuthUser: "h2", Domain: "example.org", Plus: "00"}}
	want.SIP.Entries = []Entry{{Numbers: []string{"+12024561002", "300"}, Language: "en"}, {Numbers: []string{"301"}, Queue: "help"}, {Numbers: []string{"302"}, Flash: true}}
	want.SIP.Outgoing.Prefixes = []string{"+1202", "+52"}
	want.FlowHosts = []string{"board.example.org"}
	got, err := Parse("x", []byte(want.Describe()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, want.Describe())
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read back %+v, want %+v from\n%s", got, want, want.Describe())
	}
}

func TestFaultsAreSentencesWithTheirPlace(t *testing.T) {
	for text, want := range map[string]string{
		"name: x\nnmae: y\n":                                                `hotline.yaml:2:1: there is no setting "nmae"`,
		"sip:\n  listen: 0.0.0.0:5060\n  max_cals: 5\n":                     `hotline.yaml:3:3: there is no setting "max_cals"`,
		"sip:\n  max_calls: many\n":                                         `hotline.yaml:2:14: "many" does not fit here, a whole number`,
		"name: [\n":                                                         "hotline.yaml:1:",
		"region: usa\n":                                                     "two capital letters",
		"sip:\n  listen: somewhere\n":                                       "not an address with a port",
		"sip:\n  help_numbers: []\n":                                        "nobody can call",
		"sip:\n  supervisor_numbers: [\"100\"]\n":                           "cannot be a help number and a supervisor number",
		"sip:\n  peers: [everywhere]\n":                                     "neither an IP address nor a network",
		"sound:\n  first_port: 20001\n":                                     "not an even range",
		"sip:\n  lines: [{name: a}]\n":                                      "at least one server",
		"sip:\n  lines: [{name: a, servers: [b], kind: c}]\n":               "not static, ip or register",
		"sip:\n  lines: [{name: a, servers: [b], transport: sctp}]\n":       "not udp, tcp or tls",
		"sip:\n  lines: [{name: a, servers: [b], encrypted_sound: true}]\n": "wants transport: tls",
		"sip:\n  lines: [{name: a, servers: [b], certificate: x}]\n":        "with transport: tls alone",
		"sip:\n  entries: [{flow: main}]\n":                                 "has no numbers",
		"sip:\n  entries: [{numbers: [\"7\"], flow: main, queue: help}]\n":  "a flow and a queue",
		"sip:\n  entries: [{numbers: [\"7\"], flow: main, flash: true}]\n":  "never answered",
		"sip:\n  entries: [{numbers: [\"7\"], language: xx}]\n":             "not among languages",
		"sip:\n  entries: [{numbers: [\"100\"]}]\n":                         "given twice",
		"sip:\n  forwarded_decides: true\n":                                 "wants trust_identity",
		"sip:\n  queue_shares: {help: 0}\n":                                 "not between 1 and 100",
		"web:\n  metrics: 0.0.0.0:9464\n":                                   "of this machine alone",
		"sip:\n  tls: here\n":                                               "not an address with a port",
		"sip:\n  lines: [{nam: a}]\n":                                       `there is no setting "nam"`,
		"sip:\n  outgoing:\n    prefixes: [\"00\"]\n":                       "not the beginning of a full number",
		"ring_seconds: 3\n":                                                 "between 10 and 60",
		"sip:\n  help_numbers: [\"1@2\"]\n":                                 "not a number as a trunk sends it",
	} {
		_, err := Parse("hotline.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gave %v, want %q", text, err, want)
		}
	}
}

func TestTheDataFolderIsBesideTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	if err := os.WriteFile(path, []byte("data: records\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(path), "records"); c.DataDir() != want {
		t.Errorf("data folder %s, want %s", c.DataDir(), want)
	}
	if _, err := Load(path + "x"); err == nil || !strings.Contains(err.Error(), "hotline setup") {
		t.Errorf("a missing file gave %v", err)
	}
}

func TestEverySettingIsExplained(t *testing.T) {
	var walk func(reflect.Type)
	keys := 0
	walk = func(typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			if !f.IsExported() {
				continue
			}
			if f.Tag.Get("yaml") == "" || len(f.Tag.Get("doc")) < 10 {
				t.Errorf("%s has no key or no explanation", f.Name)
			}
			if f.Type.Kind() == reflect.Struct {
				walk(f.Type)
				continue
			}
			keys++
		}
	}
	walk(reflect.TypeFor[Config]())
	if keys > 34 {
		t.Errorf("%d settings: nobody can choose so many", keys)
	}
}

// FuzzParse: whatever stands in the file, it is read or refused with a sentence
// that begins with its name.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"", "name: Flood\n", "sip: {listen: 1}", "a: &a [*a]", "sip:\n  lines:\n  - {name: x, server: y}\n", "%YAML 9\n---\n? [", "\t", "languages: [es, [en]]", "<<: {a: b}", "- \n -", "name: !!binary x", "\ufeffname: x\r\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := Parse("hotline.yaml", []byte(text)); err != nil && !strings.HasPrefix(err.Error(), "hotline.yaml:") {
			t.Errorf("%q: %v", text, err)
		}
	})
}
