package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"rsc.io/qr"

	"hotline/appliance/audio"
	"hotline/appliance/audio/foreign"
	"hotline/appliance/boxkey"
	"hotline/appliance/calendar"
	"hotline/appliance/call"
	"hotline/appliance/config"
	"hotline/appliance/health"
	"hotline/appliance/mdns"
	"hotline/ivr/prompts"
	"hotline/ivr/prompts/voice"
	"hotline/provisioning"
	"hotline/provisioning/bundle"
	"hotline/provisioning/radio"
	"hotline/ui"
	"hotline/ui/page"
	"hotline/volunteers/roster"
)

// startCommand is all that a new machine needs: pages that ask seven questions,
// then the hotline.
type startCommand struct {
	Dir    string   `help:"Folder for the configuration and the records." default:"." type:"path"`
	Listen string   `help:"TCP address of the pages, in a new folder." default:"0.0.0.0:8443"`
	SIP    string   `help:"UDP address for calls, in a new folder." default:"0.0.0.0:5060" name:"sip"`
	Sound  string   `help:"UDP port for the sound of browsers, in a new folder." default:"8444"`
	Stick  string   `help:"Folder of a memory stick: where it holds a hotline.yaml, the questions of a new folder begin with what that says." type:"path" placeholder:"DIR"`
	Screen []string `help:"Terminal of this machine on which stands where the pages are and, before there is a hotline, by which code they are opened; in its log it then does not. May be given more than once." placeholder:"/dev/tty1"`

	Clock string `help:"File in which the time is kept once a minute, on a machine that looks after its own clock: one that is behind it at the start is set forward to it." type:"path" placeholder:"FILE"`

	Template string `help:"In a new folder: begin as an organisation of a size, town, city or national (hotline bundle template lists them)." placeholder:"NAME"`
}

func (c *startCommand) Run(ctx context.Context, s streams) (err error) {
	log := newLog(s.err, false)
	post := newSignpost(c.Screen, log)
	until, stop := context.WithCancel(context.WithoutCancel(ctx)) // of the screens: they say the truth while calls end
	var beside sync.WaitGroup
	beside.Go(func() { post.Run(until) })
	defer beside.Wait()
	defer stop()
	defer func() { post.ended(err) }()
	own, err := openAir(radio.Socket, log)
	if err != nil {
		return err
	}
	beside.Go(func() { own.Run(until) })
	if c.Clock != "" && health.MaySetClock() {
		known := calendar.LastKnown{Path: c.Clock, Log: log}
		known.Resume(time.Now(), health.MoveClock)
		beside.Go(func() { known.Run(until) })
	}
	path := filepath.Join(c.Dir, config.FileName)
	if err := provisioning.ClearUnfinished(c.Dir); err != nil { // the questions are asked again
		return err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		finished, err := c.firstRun(ctx, s, post, own)
		if err != nil || !finished {
			return err
		}
		// Later starts leave there why the last one failed.
		post.show(notice{English: "THE HOTLINE IS STARTING", Spanish: "La línea está arrancando"})
	}
	return (&serveCommand{Config: path, post: post, air: own}).Run(ctx, s)
}

// firstRun asks the questions on pages, in the place where the hotline's will
// be, and with the certificate that it will have.
func (c *startCommand) firstRun(ctx context.Context, s streams, post *signpost, own *air) (finished bool, err error) {
	log := newLog(s.err, false)
	at, err := netip.ParseAddrPort(c.Listen)
	if err != nil {
		return false, fmt.Errorf("--listen needs an address with a port, like 0.0.0.0:8443: %w", err)
	}
	cfg, given, err := c.proposed()
	if err != nil {
		return false, err
	}
	certs, err := provisioning.OpenCertificates(provisioning.CertificateDir(filepath.Join(c.Dir, cfg.Data)), provisioning.Names(cfg), time.Now())
	if err != nil {
		return false, err
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return false, provisioning.Listening(err, "The pages", c.Listen, "--listen")
	}
	cfg.Web.Listen = netip.AddrPortFrom(at.Addr(), uint16(listener.Addr().(*net.TCPAddr).Port)).String()
	shipped, err := prompts.Shipped()
	if err != nil {
		return false, errors.Join(err, listener.Close())
	}
	data := filepath.Join(c.Dir, cfg.Data)
	first, err := ui.NewFirstRun(ui.FirstRunConfig{
		Answers: page.FirstRunAnswers{Hotline: cfg.Name, Operation: cfg.Operation, Region: cfg.Region, Zone: cmp.Or(cfg.Zone, zoneOfMachine()), Languages: cfg.Languages, Line: given.Line, Numbers: given.Numbers, Peer: given.Peer,
			AdminName: "Administrator", AdminLogin: "admin", Key: boxkey.InFolder, GreetingLanguage: cfg.Languages[0]},
		Callers:  prompts.ShippedLanguages(),
		Check:    func(a page.FirstRunAnswers) error { _, _, err := madeOf(a, cfg); return err },
		Folder:   func() page.FirstRunFolder { return folderOf(data) },
		SetClock: clockSetter(),
		Greeting: func(language string) (string, *audio.Clip, error) {
			clip, err := shipped.Clip(language, greeting)
			return shipped.Text(language, greeting), clip, err
		},
		Speak:  speaker(),
		Sounds: foreign.New(),
		Finish: func(ctx context.Context, a ui.FirstRunChoice) (page.FirstRunMade, error) {
			return c.make(ctx, a, cfg, s, log)
		},
		Backup: &backupReader{dir: c.Dir, here: cfg, log: log},
		Log:    log,
	})
	if err != nil {
		return false, errors.Join(err, listener.Close())
	}
	beacon := mdns.For(at.Addr(), certs.Cover, log)
	pages := netip.AddrPortFrom(at.Addr(), uint16(listener.Addr().(*net.TCPAddr).Port))
	own.lead(pages, beacon.Name, certs.Cover)
	c.invite(s, post, notice{Path: "/setup", At: pages, Code: first.Code(), Print: certs.Fingerprint(), Name: beacon.Name, Network: own.network}, log)
	told, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { tellSystem(told, log, func() error { return nil }) })
	beside.Go(func() { _ = beacon.Run(told) }) // never ends by itself
	finished, err = first.Run(ctx, listener, certs.TLS())
	stop()
	beside.Wait()
	return finished, errors.Join(err, forgetStaging(c.Dir))
}

// proposed is what the questions begin with: what ships, or what somebody has
// written onto a stick beforehand. Where this program listens is its own matter.
func (c *startCommand) proposed() (cfg config.Config, line page.FirstRunAnswers, err error) {
	cfg, line.Line = config.Default(), "none"
	given, err := fromStick(c.Stick)
	if err != nil {
		return cfg, line, err
	}
	if given != nil {
		cfg = *given
		if len(cfg.SIP.Peers) > 0 {
			line = page.FirstRunAnswers{Line: "trunk", Numbers: strings.Join(cfg.SIP.Help, ", "), Peer: strings.Join(cfg.SIP.Peers, ", ")}
		}
	}
	if c.Template != "" {
		size, err := bundle.Template(c.Template)
		if err != nil {
			return cfg, line, err
		}
		if given == nil {
			if cfg.Languages, err = size.Languages(); err != nil {
				return cfg, line, err
			}
		}
	}
	cfg.Web.Listen, cfg.Web.Sound, cfg.SIP.Listen = c.Listen, c.Sound, c.SIP
	return cfg, line, nil
}

// byComma are the parts of an answer with commas.
func byComma(answer string) (all []string) {
	for _, one := range strings.Split(answer, ",") {
		if one = strings.TrimSpace(one); one != "" {
			all = append(all, one)
		}
	}
	return all
}

// invite says where the first pages are and which code opens them: on the
// machine's own screens, or to whoever started the program.
func (c *startCommand) invite(s streams, post *signpost, n notice, log *slog.Logger) {
	if post != nil {
		n.English, n.Spanish = "THIS HOTLINE IS NOT SET UP YET", "Esta línea aún no está configurada"
		post.show(n)
		return
	}
	address := n.address(reachable(n.At.Addr()).String())
	fmt.Fprintf(s.out, "There is no hotline in this folder yet. Open this address on a computer or telephone\nof the same network. Its browser warns once: the certificate is this box's own.\n\n  %s\n\n", address)
	if err := printQR(s.out, address); err != nil {
		log.Warn("the address cannot be shown as a picture", "error", err)
	}
	fmt.Fprintf(s.out, "\n  Code: %s\n\n", n.Code)
}

// make sets the hotline up as it was answered. The answers are a bundle, which is
// applied to the new records as any other is.
func (c *startCommand) make(ctx context.Context, a ui.FirstRunChoice, cfg config.Config, s streams, log *slog.Logger) (page.FirstRunMade, error) {
	var made page.FirstRunMade
	answers, err := bundleOf(a, cfg)
	if err != nil {
		return made, err
	}
	begin := beginWith{config: filepath.Join(c.Dir, config.FileName), s: s, by: "setup", name: "of the answers"}
	if c.Template != "" {
		size, err := bundle.Template(c.Template)
		if err != nil {
			return made, err
		}
		begin.bundles = append(begin.bundles, size)
	}
	begin.bundles = append(begin.bundles, answers)
	at := a.KeyAt
	if a.Key == boxkey.Passphrase {
		at = a.Passphrase
	}
	result, err := provisioning.Setup(ctx, provisioning.Options{Dir: c.Dir, Config: cfg, Log: log, Key: a.Key, KeyAt: at, Fill: begin.fill})
	if err != nil {
		return made, err
	}
	made.Print, made.Recovery = result.Fingerprint, result.RecoveryKey
	for _, one := range begin.plan.Credentials {
		made.Written = append(made.Written, page.Written{Role: string(one.Role), Login: one.Login, Password: one.Password, Phone: string(one.Phone), PIN: one.PIN})
	}
	return made, nil
}

// greeting is the prompt that callers hear first in their language.
const greeting = "hello"

// bundleOf makes a bundle of the answers.
func bundleOf(a ui.FirstRunChoice, cfg config.Config) (*bundle.Bundle, error) {
	chosen, people, err := madeOf(a.FirstRunAnswers, cfg)
	if err != nil {
		return nil, err
	}
	parts := bundle.Parts{About: chosen.Name,
		Organisation: &bundle.Organisation{Hotline: chosen.Name, Region: chosen.Region, Zone: chosen.Zone, Languages: chosen.Languages},
		Begin:        &bundle.Begin{Operation: chosen.Operation, Help: chosen.SIP.Help, Peers: chosen.SIP.Peers}}
	for _, p := range people {
		parts.Users = append(parts.Users, bundle.NamedUser{Login: p.Login, User: bundle.User{Name: p.Name, Role: string(p.Role), Phone: string(p.Phone), Profile: p.Profile}})
	}
	if a.Greeting == nil {
		return bundle.Make(parts)
	}
	own := bundle.Prompt{}
	if a.FirstRunAnswers.Greeting == "text" {
		own.Text = a.GreetingText
	} else {
		own.Recording = a.GreetingLanguage + "/" + greeting + ".wav"
		var wav bytes.Buffer
		if err := audio.WriteWAV(&wav, a.Greeting); err != nil {
			return nil, err
		}
		parts.Sounds = map[string][]byte{own.Recording: wav.Bytes()}
	}
	parts.Prompts = map[string]bundle.Prompt{a.GreetingLanguage + "/" + greeting: own}
	return bundle.Make(parts)
}

// speaker says texts with the synthetic voices; nil where there are none.
func speaker() func(context.Context, string, string) (*audio.Clip, error) {
	if !voice.Installed() {
		return nil
	}
	return func(ctx context.Context, language, text string) (*audio.Clip, error) {
		catalogues, err := prompts.Catalogues()
		if err != nil {
			return nil, err
		}
		c := catalogues[language]
		spelled, err := c.Spelling(text)
		if err != nil {
			return nil, err
		}
		return voice.Speak(ctx, c.Voice, spelled)
	}
}

// clockSetter sets the clock of the machine; nil where this program may not.
func clockSetter() func(time.Time) (kept bool, err error) {
	if !health.MaySetClock() {
		return nil
	}
	return health.SetClock
}

// zoneOfMachine is the time zone of the machine by its name, as far as it says.
func zoneOfMachine() string {
	if name := time.Local.String(); name != "Local" {
		return name
	}
	if at, err := os.Readlink("/etc/localtime"); err == nil {
		if _, name, ok := strings.Cut(at, "zoneinfo/"); ok {
			if _, err := time.LoadLocation(name); err == nil {
				return name
			}
		}
	}
	return "UTC"
}

// Room that a hotline should begin with, and what a minute of a recorded call
// takes (G.711, both sides).
const (
	wantedGB      = 5
	bytesRecorded = 60 * 2 * 8000
)

// folderOf says whether records can be written to the data folder, and how much.
func folderOf(data string) page.FirstRunFolder {
	state := page.FirstRunFolder{Path: data}
	if err := provisioning.Folder(data); err != nil {
		state.Trouble = err.Error()
		return state
	}
	free, size := health.DiskRoom(data)
	state.FreeGB, state.Hours = int(free>>30), int(free/bytesRecorded/60)
	state.Low = size > 0 && state.FreeGB < wantedGB
	return state
}

// reachable is an address by which others reach a listener.
func reachable(at netip.Addr) netip.Addr {
	if at.IsUnspecified() {
		return outwardAddr()
	}
	return at
}

var loginForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,31}$`)

// madeOf makes configuration and accounts of the answers. What is not answered
// yet is still as proposed.
func madeOf(a page.FirstRunAnswers, cfg config.Config) (config.Config, []provisioning.Person, error) {
	if a.Hotline == "" || a.Operation == "" {
		return cfg, nil, errors.New("give the hotline and the disaster response a name each")
	}
	if len(a.Languages) == 0 {
		return cfg, nil, errors.New("choose at least one language for callers")
	}
	if len(a.Region) != 2 || strings.Trim(a.Region, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return cfg, nil, errors.New("the country is two letters, such as US or MX")
	}
	if _, err := time.LoadLocation(a.Zone); err != nil || a.Zone == "Local" {
		return cfg, nil, errors.New("the time zone is not known: choose one of the list, such as America/Mexico_City")
	}
	if a.AdminName == "" {
		return cfg, nil, errors.New("say your name")
	}
	if !loginForm.MatchString(a.AdminLogin) || a.AdminLogin == "supervisor" {
		return cfg, nil, errors.New("the name for signing in needs 2 to 32 small letters or digits, and is not supervisor")
	}
	cfg.Name, cfg.Operation, cfg.Region, cfg.Zone, cfg.Languages = a.Hotline, a.Operation, a.Region, a.Zone, a.Languages
	if a.Line == "trunk" {
		cfg.SIP.Help = byComma(a.Numbers)
		if len(cfg.SIP.Help) == 0 {
			return cfg, nil, errors.New("give the number of the hotline, as the line sends it")
		}
		cfg.SIP.Peers = byComma(a.Peer)
		if _, err := cfg.Peers(); err != nil || len(cfg.SIP.Peers) == 0 {
			return cfg, nil, errors.New("give the address of the telephone company or system: an IP address or a network such as 203.0.113.0/24")
		}
	} else {
		cfg.SIP.Peers = []string{"127.0.0.1"} // nobody calls a hotline by telephone that has no line yet
	}
	if _, err := config.Parse("the answers", []byte(cfg.Describe())); err != nil {
		return cfg, nil, err
	}
	leader := provisioning.Person{Login: "supervisor", Name: a.AdminName, Role: roster.RoleSupervisor, Profile: "all"}
	if a.LeaderPhone != "" {
		if leader.Phone = call.ParseNumber(a.LeaderPhone, a.Region); !leader.Phone.E164() {
			return cfg, nil, errors.New("the supervisor's phone number cannot be read: give it with the country code, like +12025550147")
		}
	}
	return cfg, []provisioning.Person{{Login: a.AdminLogin, Name: a.AdminName, Role: roster.RoleAdmin}, leader}, nil
}

// printQR draws a text for cameras on a terminal.
func printQR(w io.Writer, text string) error {
	lines, err := qrLines(text, qr.M)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}
