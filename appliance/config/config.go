// Package config is the small file of things that need a restart: addresses,
// ports, folders. What operators change in a crisis is in the store, behind
// the screens. An empty file is a complete configuration.
package config

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a box may come without the time zones of the world

	"github.com/goccy/go-yaml"
)

// FileName is the name of the configuration file in a folder made by setup.
const FileName = "hotline.yaml"

// Config is the whole file. The doc tags are its documentation.
type Config struct {
	Data      string   `yaml:"data" doc:"Folder of all records, keys and certificates. Relative to this file."`
	Name      string   `yaml:"name" doc:"Name of the hotline, shown on every page."`
	Operation string   `yaml:"operation" doc:"Name of the present disaster response. Every record belongs to it."`
	Region    string   `yaml:"region" doc:"Country of phone numbers that come without a country code: two letters (ISO 3166)."`
	Zone      string   `yaml:"zone" doc:"Time zone of the place, like America/Mexico_City: hours, reports and times on the pages go by it. Empty: that of this machine."`
	Languages []string `yaml:"languages" doc:"Languages callers may choose, the first one for those who do not. Shipped: es, en, ar, fr, pt, id."`

	SIP    SIP   `yaml:"sip" doc:"The telephone side."`
	Sound  Sound `yaml:"sound" doc:"Voice over UDP."`
	Web    Web   `yaml:"web" doc:"Pages for phone volunteers, supervisors and coordinators."`
	LogAll bool  `yaml:"log_all" doc:"Write more to the log, for finding a fault. Never phone numbers or keys."`
	Ring   int   `yaml:"ring_seconds" doc:"How long a call rings at one phone volunteer before it goes to the next: 10 to 60."`
	// FlowHosts is off by default: a dialogue that asks others is slower than one that does not.
	FlowHosts []string `yaml:"flow_hosts" doc:"Other machines that phone dialogues may ask while a caller waits, by name, like [\"board.example.org\"]. Machines of a private network by their IP address only. Empty: none."`

	dir, path string // of the file
}

// SIP is the telephone side.
type SIP struct {
	Listen     string   `yaml:"listen" doc:"UDP address for calls, like 0.0.0.0:5060."`
	TCP        string   `yaml:"tcp" doc:"TCP address for calls; empty: none."`
	TLS        string   `yaml:"tls" doc:"TLS address for calls (usually port 5061); empty: none. Encrypted sound (SRTP) is answered wherever it is offered."`
	Advertise  string   `yaml:"advertise" doc:"IP address told to the other side, if it is not the one it reaches us by (behind NAT)."`
	Help       []string `yaml:"help_numbers" doc:"Numbers that reach the hotline, exactly as the trunk sends them."`
	Supervisor []string `yaml:"supervisor_numbers" doc:"Numbers that reach the supervisor line (caller number and PIN)."`
	Agents     []string `yaml:"agent_numbers" doc:"Numbers that phone volunteers ring to work by telephone (caller number and PIN)."`
	Entries    []Entry  `yaml:"entries" doc:"Further numbers: numbers (a list, as the trunk sends them), language, and either flow (the dialogue they begin with, main when empty) or queue (help or volunteers: the caller waits there at once, because a telephone menu elsewhere has spoken with them; it may say language, priority and a word for the phone volunteer in the headers X-Hotline-Language, X-Hotline-Priority and X-Hotline-Context, if trust_identity), or flash: true (for people without credit: such a call is never answered and costs nothing; it rings for a moment, ends as busy, and the caller is called back)."`
	Forwarded  bool     `yaml:"forwarded_decides" doc:"The trunk sends all calls to one number and tells the one that was dialled (Diversion, History-Info): that one decides where a call leads. Wants trust_identity."`
	Peers      []string `yaml:"peers" doc:"Addresses or networks calls may come from, like 203.0.113.7 or 10.0.0.0/8. Empty: from anywhere. Others hear nothing at all."`
	Phones     []string `yaml:"phones" doc:"Networks in which desk phones and softphones of phone volunteers may register with their own password, like 192.168.1.0/24. Empty: nowhere, and nobody can guess passwords. Whatever else comes from there must be in peers."`
	Trusted    bool     `yaml:"trust_identity" doc:"The trunk vouches for the caller's number in P-Asserted-Identity."`
	Lines      []Line   `yaml:"lines" doc:"Lines for calls out, in the order they are tried: name, kind (static for a PBX or gateway beside us, ip for a provider that knows our address, register for one that asks for it), servers (a list of addresses), transport (udp, tcp or tls), encrypted_sound (true: the sound of calls out is encrypted, SRTP; wants tls), certificate (file with the server's certificate or its authority, where nobody known vouches for it), user, auth_user (where the account has a second name), password, domain (where it is not the server), plus (what stands for + before a number, like 00), from (caller ID), queue_from (another caller ID by queue, like {volunteers: \"+12025550100\"}), max_calls."`
	Outgoing   Outgoing `yaml:"outgoing" doc:"What may be dialled from here. Nothing, until this says so."`
	MaxCalls   int      `yaml:"max_calls" doc:"Calls at a time; further ones are asked to try again."`

	Shares map[string]int `yaml:"queue_shares" doc:"How many of max_calls, in per cent, the callers of a queue may take, waiting and talking; further ones are told so and can ask to be called. A queue that is not named may take all."`
}

// Entry is where numbers lead.
type Entry struct {
	Numbers  []string `yaml:"numbers"`
	Language string   `yaml:"language,omitempty"`
	Flow     string   `yaml:"flow,omitempty"`
	Queue    string   `yaml:"queue,omitempty"`
	Flash    bool     `yaml:"flash,omitempty"`
}

// Line is one line for calls out.
type Line struct {
	Name    string   `yaml:"name"`
	Kind    string   `yaml:"kind,omitempty"` // static (default), ip, register
	Servers []string `yaml:"servers"`

	Transport   string `yaml:"transport,omitempty"` // udp (default), tcp, tls
	Encrypt     bool   `yaml:"encrypted_sound,omitempty"`
	Certificate string `yaml:"certificate,omitempty"`

	User     string `yaml:"user,omitempty"`
	AuthUser string `yaml:"auth_user,omitempty"`
	Password string `yaml:"password,omitempty"`
	Domain   string `yaml:"domain,omitempty"`
	Plus     string `yaml:"plus,omitempty"`
	From     string `yaml:"from,omitempty"`
	MaxCalls int    `yaml:"max_calls,omitempty"`

	QueueFrom map[string]string `yaml:"queue_from,omitempty"` // caller ID of calls that belong to a queue
}

// Outgoing says what may be dialled.
type Outgoing struct {
	Prefixes []string `yaml:"prefixes" doc:"Beginnings of full numbers that may be called, like [\"+1202\", \"+52\"]. Empty: no calls out."`
	Roles    []string `yaml:"roles" doc:"Who may call out: agent, supervisor, coordinator; own_phone lets the hotline ring phone volunteers on their own telephones; flow lets a phone dialogue send callers to a number."`
	PerHour  int      `yaml:"per_hour" doc:"Calls out in any hour, all together."`
	Rounds   int      `yaml:"rounds_per_hour" doc:"Calls in any hour, besides per_hour, of rounds in which the hotline asks people how they are. 0: no rounds."`
}

// Sound is voice over UDP.
type Sound struct {
	FirstPort int `yaml:"first_port" doc:"First UDP port for callers' voices (even)."`
	LastPort  int `yaml:"last_port" doc:"Last UDP port for callers' voices (even). Two per call are set aside."`
}

// Web is the pages and their sound.
type Web struct {
	Listen  string   `yaml:"listen" doc:"TCP address of the pages (HTTPS), like 0.0.0.0:8443."`
	Names   []string `yaml:"names" doc:"Names and IP addresses under which browsers reach this machine. Empty: all its addresses, localhost and its host name."`
	Sound   string   `yaml:"sound" doc:"UDP port for the voices of all browsers."`
	Metrics string   `yaml:"metrics" doc:"Address on this machine where a program that watches it may read figures (Prometheus, /metrics), like 127.0.0.1:9464; empty: none."`
}

// Default is the configuration of an empty file.
func Default() Config {
	return Config{
		Data: "data", Name: "Hotline", Operation: "Response", Region: "US", Languages: []string{"es", "en"},
		SIP: SIP{Listen: "0.0.0.0:5060", Help: []string{"100"}, Supervisor: []string{"199"}, Agents: []string{"198"}, MaxCalls: 1000, Shares: map[string]int{"volunteers": 25},
			Outgoing: Outgoing{Roles: []string{"supervisor", "coordinator", "own_phone"}, PerHour: 60}},
		Sound: Sound{FirstPort: 16384, LastPort: 32766},
		Web:   Web{Listen: "0.0.0.0:8443", Sound: "8444"},
		Ring:  20,
	}
}

// Load reads a file. Its errors are sentences with file, line and column.
func Load(path string) (Config, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return Config{}, fmt.Errorf("there is no configuration file %s: run hotline setup to make one", path)
	}
	if err != nil {
		return Config{}, fmt.Errorf("reading the configuration: %w", err)
	}
	c, err := Parse(path, raw)
	if err != nil {
		return Config{}, err
	}
	c.dir, c.path = filepath.Dir(path), path
	return c, nil
}

// Parse reads the text of a file called name.
func Parse(name string, text []byte) (Config, error) {
	c := Default()
	if !isEmpty(text) {
		if err := yaml.UnmarshalWithOptions(text, &c, yaml.Strict()); err != nil {
			return Config{}, explain(name, err)
		}
	}
	if err := c.validate(); err != nil {
		return Config{}, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

func isEmpty(text []byte) bool {
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && line != "---" {
			return false
		}
	}
	return true
}

// explain puts a fault of the file in a sentence with its place.
func explain(name string, err error) error {
	line, column, what := Fault(err)
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) {
		what += ". The settings are listed by: hotline config"
	}
	if line == 0 {
		return fmt.Errorf("%s: %w", name, err)
	}
	return fmt.Errorf("%s:%d:%d: %s", name, line, column, what)
}

// Fault says where in a YAML text a fault is, from line 1 and column 1, and what
// is wrong there. Line 0 is a fault without a place.
func Fault(err error) (line, column int, what string) {
	var unknown *yaml.UnknownFieldError
	var wrong *yaml.TypeError
	var fault yaml.Error
	switch {
	case errors.As(err, &unknown):
		at := unknown.GetToken().Position
		return at.Line, at.Column, fmt.Sprintf("there is no setting %q", unknown.GetToken().Value)
	case errors.As(err, &wrong):
		at := wrong.GetToken().Position
		return at.Line, at.Column, fmt.Sprintf("%q does not fit here, a %s is expected", wrong.GetToken().Value, plainType(wrong.DstType))
	case errors.As(err, &fault) && fault.GetToken() != nil:
		at := fault.GetToken().Position
		return at.Line, at.Column, fault.GetMessage()
	}
	return 0, 0, err.Error()
}

func plainType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int:
		return "whole number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "list in square brackets"
	case reflect.Struct:
		return "group of settings"
	}
	return "text"
}

// Check says what is wrong with the settings, one sentence a line.
func (c Config) Check() error { return c.validate() }

func (c *Config) validate() error {
	var wrong []error
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if c.Data == "" {
		say("data: name a folder for the records")
	}
	if len(c.Region) != 2 || c.Region != strings.ToUpper(c.Region) {
		say("region: %q is not a country in two capital letters, like US or MX", c.Region)
	}
	if _, err := time.LoadLocation(c.Zone); err != nil {
		say("zone: %q is not a time zone, like America/Mexico_City or Asia/Jakarta", c.Zone)
	}
	if len(c.Languages) == 0 {
		say("languages: name at least one language for callers, like [es, en]")
	}
	for key, at := range map[string]string{"sip: listen": c.SIP.Listen, "web: listen": c.Web.Listen, "sip: tcp": c.SIP.TCP, "sip: tls": c.SIP.TLS} {
		if at == "" && (key == "sip: tcp" || key == "sip: tls") {
			continue
		}
		if _, err := netip.ParseAddrPort(at); err != nil {
			say("%s: %q is not an address with a port, like 0.0.0.0:5060", key, at)
		}
	}
	if _, err := netip.ParseAddr(c.SIP.Advertise); c.SIP.Advertise != "" && err != nil {
		say("sip: advertise: %q is not an IP address", c.SIP.Advertise)
	}
	if _, err := netip.ParseAddrPort("127.0.0.1:" + c.Web.Sound); err != nil {
		say("web: sound: %q is not a UDP port", c.Web.Sound)
	}
	if at, err := netip.ParseAddrPort(c.Web.Metrics); c.Web.Metrics != "" && (err != nil || !at.Addr().IsLoopback()) {
		say("web: metrics: %q is not an address of this machine alone, like 127.0.0.1:9464", c.Web.Metrics)
	}
	if len(c.SIP.Help) == 0 && len(c.SIP.Entries) == 0 {
		say("sip: help_numbers: name at least one number, or nobody can call")
	}
	given := slices.Concat(c.SIP.Help, c.SIP.Supervisor, c.SIP.Agents)
	for i, e := range c.SIP.Entries {
		if len(e.Numbers) == 0 {
			say("sip: entries: entry %d has no numbers", i+1)
		}
		if e.Flow != "" && e.Queue != "" {
			say("sip: entries: entry %d has a flow and a queue; callers can begin with one of them", i+1)
		}
		if e.Flash && (e.Flow != "" || e.Queue != "") {
			say("sip: entries: entry %d: a call to a flash number is never answered, so it has no flow and no queue", i+1)
		}
		if e.Language != "" && !slices.Contains(c.Languages, e.Language) {
			say("sip: entries: entry %d: language %q is not among languages", i+1, e.Language)
		}
		for _, number := range e.Numbers {
			if slices.Contains(given, number) {
				say("sip: %s is given twice and cannot lead to two places", number)
			}
		}
		given = append(given, e.Numbers...)
	}
	if c.SIP.Forwarded && !c.SIP.Trusted {
		say("sip: forwarded_decides wants trust_identity: otherwise any caller could choose where the call leads")
	}
	for _, number := range given {
		if number == "" || strings.ContainsAny(number, " \t\r\n<>@;") {
			say("sip: %q is not a number as a trunk sends it", number)
		}
	}
	for _, number := range c.SIP.Supervisor {
		if slices.Contains(c.SIP.Help, number) {
			say("sip: %s cannot be a help number and a supervisor number at once", number)
		}
	}
	for _, number := range c.SIP.Agents {
		if slices.Contains(c.SIP.Help, number) || slices.Contains(c.SIP.Supervisor, number) {
			say("sip: agent_numbers: %s has another use already; each number leads to one place", number)
		}
	}
	for _, read := range []func() ([]netip.Prefix, error){c.Peers, c.PhoneNets} {
		if _, err := read(); err != nil {
			wrong = append(wrong, err)
		}
	}
	for i, line := range c.SIP.Lines {
		if line.Name == "" || len(line.Servers) == 0 {
			say("sip: lines: line %d needs a name and at least one server", i+1)
		}
		if !slices.Contains([]string{"", "static", "ip", "register"}, line.Kind) {
			say("sip: lines: %s: kind %q is not static, ip or register", line.Name, line.Kind)
		}
		if !slices.Contains([]string{"", "udp", "tcp", "tls"}, line.Transport) {
			say("sip: lines: %s: transport %q is not udp, tcp or tls", line.Name, line.Transport)
		}
		if line.Encrypt && line.Transport != "tls" {
			say("sip: lines: %s: encrypted_sound wants transport: tls, or everybody on the way could read the key", line.Name)
		}
		if line.Certificate != "" && line.Transport != "tls" {
			say("sip: lines: %s: a certificate is of use with transport: tls alone", line.Name)
		}
	}
	for _, line := range c.SIP.Lines {
		for queue, number := range line.QueueFrom {
			if !strings.HasPrefix(number, "+") || strings.Trim(number[1:], "0123456789") != "" {
				say("sip: lines: %s: queue_from: %s: %q is not a full number, like +12025550100", line.Name, queue, number)
			}
		}
	}
	for _, prefix := range c.SIP.Outgoing.Prefixes {
		if !strings.HasPrefix(prefix, "+") || strings.Trim(prefix[1:], "0123456789") != "" {
			say("sip: outgoing: prefixes: %q is not the beginning of a full number, like +1202", prefix)
		}
	}
	if c.SIP.Outgoing.Rounds < 0 || c.SIP.Outgoing.Rounds > 100_000 {
		say("sip: outgoing: rounds_per_hour: %d is not between 0 and 100000", c.SIP.Outgoing.Rounds)
	}
	if c.SIP.MaxCalls < 1 || c.SIP.MaxCalls > 10_000 {
		say("sip: max_calls: %d is not between 1 and 10000", c.SIP.MaxCalls)
	}
	for queue, percent := range c.SIP.Shares {
		if percent < 1 || percent > 100 {
			say("sip: queue_shares: %s: %d is not between 1 and 100 per cent", queue, percent)
		}
	}
	if c.Sound.FirstPort < 1024 || c.Sound.LastPort > 65534 || c.Sound.FirstPort >= c.Sound.LastPort || c.Sound.FirstPort%2 != 0 || c.Sound.LastPort%2 != 0 {
		say("sound: ports %d to %d are not an even range between 1024 and 65534", c.Sound.FirstPort, c.Sound.LastPort)
	}
	if c.Ring < 10 || c.Ring > 60 {
		say("ring_seconds: %d is not between 10 and 60", c.Ring)
	}
	return errors.Join(wrong...)
}

// Place is the time zone of the hotline.
func (c Config) Place() *time.Location {
	if at, err := time.LoadLocation(c.Zone); err == nil && c.Zone != "" {
		return at
	}
	return time.Local
}

// Peers are the networks calls may come from.
func (c Config) Peers() ([]netip.Prefix, error) { return networks("peers", c.SIP.Peers) }

// PhoneNets are the networks desk phones may register from.
func (c Config) PhoneNets() ([]netip.Prefix, error) { return networks("phones", c.SIP.Phones) }

func networks(key string, list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range list {
		if addr, err := netip.ParseAddr(text); err == nil {
			out = append(out, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("sip: %s: %q is neither an IP address nor a network like 10.0.0.0/8", key, text)
		}
		out = append(out, prefix)
	}
	return out, nil
}

// Path is the file this configuration was read from, "" when it was none.
func (c Config) Path() string { return c.path }

// DataDir is the data folder as a path that can be opened.
func (c Config) DataDir() string { return c.beside(c.Data) }

// CertificateFile is the certificate of a line as a path that can be opened,
// empty when it has none.
func (c Config) CertificateFile(l Line) string {
	if l.Certificate == "" {
		return ""
	}
	return c.beside(l.Certificate)
}

func (c Config) beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.dir, path)
}

// Describe prints the configuration as a commented file that Load reads back.
func (c Config) Describe() string {
	var b strings.Builder
	describe(&b, reflect.ValueOf(c), "")
	return b.String()
}

func describe(b *strings.Builder, v reflect.Value, indent string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		key, doc := f.Tag.Get("yaml"), f.Tag.Get("doc")
		fmt.Fprintf(b, "%s# %s\n", indent, doc)
		if f.Type.Kind() == reflect.Struct {
			fmt.Fprintf(b, "%s%s:\n", indent, key)
			describe(b, v.Field(i), indent+"  ")
			continue
		}
		value, err := yaml.MarshalWithOptions(v.Field(i).Interface(), yaml.Flow(true))
		if err != nil {
			value = fmt.Appendf(nil, "%q", fmt.Sprint(v.Field(i).Interface()))
		}
		if f.Type.Kind() == reflect.String {
			value = fmt.Appendf(nil, "%q", v.Field(i).String())
		}
		fmt.Fprintf(b, "%s%s: %s\n", indent, key, strings.TrimSpace(string(value)))
	}
}
